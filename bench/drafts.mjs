// Times the rollouts of a recipe's reinforcement with drafts, without them, and as an earlier build samples them, in turn and on
// the same policy, while it is trained; checks that the attempts are the same. Build first (npm run build).
//
//   node bench/drafts.mjs MODEL DATA [--recipe recipes/smollm2-svamp.yaml] [--problems 64] [--epochs 4] [--threads 2]
//     [--before DIR] [--lock FILE] [--set path=value ...]
//
// MODEL and DATA take the place of the recipe's model.from and task.data. The supervised stage before the reinforcement is run
// as it stands. --before: the dist/ directory of an earlier build, whose sampler is timed too. --lock: taken exclusively (flock)
// for each step's rollouts, and shared for the rest, where others time things on the same machine.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    recipe: { type: "string", default: "recipes/smollm2-svamp.yaml" },
    problems: { type: "string", default: "64" },
    epochs: { type: "string", default: "4" },
    threads: { type: "string", default: "2" },
    before: { type: "string" },
    lock: { type: "string" },
    set: { type: "string", multiple: true, default: [] },
  },
});
const [model, data] = positionals;
if (!data) {
  console.error("give the model's file and the data's directory");
  process.exit(2);
}
const ours = (path) => import(new URL(`../dist/${path}`, import.meta.url));
const { parseRecipe } = await ours("pipeline/parse-recipe.js");
const { openTask } = await ours("pipeline/open-task.js");
const { planStages } = await ours("pipeline/stage-plan.js");
const { openStageRewards } = await ours("pipeline/stage-rewards.js");
const { grpoOptions, supervisedOptions } = await ours("pipeline/training-options.js");
const { openDevice } = await ours("engine/registry.js");
const { createTextStream } = await ours("prompt/tokenizer-text-stream.js");
const { DraftStore } = await ours("rollout/draft-store.js");
const { sampleAttempts } = await ours("rollout/rollout.js");
const { openCurriculum } = await ours("train/curriculum.js");
const { gatherGroups } = await ours("train/gather-groups.js");
const { completeGrpoOptions } = await ours("train/grpo-options.js");
const { updateOnGroups } = await ours("train/grpo-update.js");
const { trainSupervised } = await ours("train/supervised.js");
const { AdamW } = await ours("update/adamw.js");
const { learningRateAt } = await ours("update/schedule.js");
const before = values.before ? (await import(`${values.before}/rollout/rollout.js`)).sampleAttempts : null;

/** Runs `body` while a lock is held, where one was named. */
async function locked(how, body) {
  if (!values.lock) return body();
  const holder = spawn("flock", [how, values.lock, "sh", "-c", "echo held; cat >/dev/null"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  await new Promise((held) => holder.stdout.once("data", held));
  try {
    return await body();
  } finally {
    const gone = new Promise((exited) => holder.once("exit", exited));
    holder.stdin.end();
    await gone;
  }
}

const problems = Number(values.problems);
const settings = [`model.from=${model}`, `task.data=${data}`, ...values.set];
const recipe = parseRecipe(readFileSync(values.recipe, "utf8"), values.recipe, settings);
const device = openDevice({ name: "native", threads: Number(values.threads) });
const opened = await openTask(recipe);
const { store } = opened;
const { stages, task } = planStages(recipe, opened.task, store.plan());
const policy = await store.open(device, null);
const setting = {
  recipe,
  task,
  model: { config: policy.config, lora: policy.adapter?.options ?? null },
  peakFlops: null,
};
const at = stages.findIndex(({ kind }) => kind === "rl");
const stage = stages[at];
const supervised = stages.slice(0, at).filter(({ kind }) => kind === "sft" || kind === "pretrain");
for (const one of supervised) {
  const optimizer = new AdamW(policy.parameters, one);
  const demonstrations = task.demonstrations(one.workedSolutions, recipe.seed);
  await locked("-s", () =>
    trainSupervised(
      { policy, optimizer, firstStep: 0 },
      demonstrations,
      supervisedOptions(one, setting),
      async () => "go on",
    ),
  );
  optimizer.close();
}
const noSimilarity = () => Promise.reject(new Error("a reward by similarity is not measured here"));
const rewards = await openStageRewards(recipe, stages, { task, settings: recipe.task, similarity: noSimilarity });
const { grading, weights } = rewards.get(stage.name);
const prompts = task.prompts("reinforcement", stage.problems, recipe.seed).slice(0, problems);
const options = completeGrpoOptions({ ...grpoOptions(stage, setting), rewardWeights: weights });
const perEpoch = Math.floor(prompts.length / options.promptsPerStep);
const steps = Number(values.epochs) * perEpoch;
const curriculum = openCurriculum(prompts, options);
const optimizer = new AdamW(policy.parameters, stage);
const draftStore = new DraftStore();

console.log(
  `${values.recipe}: ${cpus()[0].model}, ${values.threads} threads, ${device.info.isa} ${device.info.precision}`,
);
console.log(`${prompts.length} problems, ${options.promptsPerStep} a step, groups of ${options.group}`);
console.log(
  "epoch step | s before | s without | s with | rows | head rows | passes | tokens | accepted of drafted | load",
);

/** Seconds by epoch and side. */
const taken = Array.from({ length: Number(values.epochs) }, () => ({ before: 0, without: 0, with: 0 }));
for (let step = 0; step < steps; step++) {
  const chosen = curriculum.order.at(step, options.promptsPerStep);
  const told = {
    ...options.sampling,
    group: options.group,
    eosId: grading.eosId,
    textStream: () => createTextStream(grading),
    seed: options.seed,
    streams: chosen.map((_, i) => step * options.promptsPerStep + i),
  };
  const ids = chosen.map(({ tokens }) => tokens);
  const sides = {
    without: () => sampleAttempts(policy, ids, told),
    with: () => sampleAttempts(policy, ids, { ...told, drafts: draftStore }),
    ...(before && { before: () => before(policy, ids, told) }),
  };
  // Whichever is first finds caches as training left them; so each is first in turn.
  const names = Object.keys(sides);
  const order = names.map((_, i) => names[(i + step) % names.length]);
  const seconds = {};
  const found = {};
  await locked("-x", async () => {
    for (const name of order) {
      const began = performance.now();
      found[name] = await sides[name]();
      seconds[name] = (performance.now() - began) / 1000;
    }
  });
  const text = (name) => JSON.stringify(found[name].attempts);
  for (const name of names)
    if (text(name) !== text("without")) throw new Error(`step ${step}: attempts ${name} are others than without`);
  const epoch = Math.floor(step / perEpoch);
  for (const name of names) taken[epoch][name] += seconds[name];
  const { rowCount, headRows, passes, tokenCount, accepted, drafted } = found.with;
  const plain = found.without;
  console.log(
    [
      `${epoch + 1} ${step}`,
      seconds.before?.toFixed(2) ?? "-",
      seconds.without.toFixed(2),
      seconds.with.toFixed(2),
      `${found.before?.rowCount ?? "-"}/${plain.rowCount}/${rowCount}`,
      `${plain.headRows}/${headRows}`,
      `${plain.passes}/${passes}`,
      tokenCount,
      `${accepted}/${drafted}`,
      loadavg()[0].toFixed(1),
    ].join(" | "),
  );
  await locked("-s", async () => {
    // The same attempts once more, graded: what was timed stays apart from what is trained on.
    const gathered = await gatherGroups(policy, step, curriculum, grading, { ...options, draftStore: null });
    const { groups, rollout } = gathered;
    const learningRate = learningRateAt(step, options.schedule);
    await updateOnGroups({ policy, reference: null, optimizer }, { step, groups, rollout, learningRate }, options);
    policy.stepScope.end();
  });
}
const ratio = (a, b) => (b > 0 ? (a / b).toFixed(3) : "-");
for (const [epoch, sums] of taken.entries())
  console.log(
    `epoch ${epoch + 1}: with ${sums.with.toFixed(1)} s, without ${sums.without.toFixed(1)} s, before ${sums.before.toFixed(1)} s; ` +
      `with/without ${ratio(sums.with, sums.without)}, with/before ${ratio(sums.with, sums.before)}`,
  );
const later = taken.slice(1).reduce((all, one) => ({
  with: all.with + one.with,
  before: all.before + one.before,
  without: all.without + one.without,
}));
console.log(
  `epochs 2-${taken.length}: with/without ${ratio(later.with, later.without)}, with/before ${ratio(later.with, later.before)}`,
);
process.exit(0);
