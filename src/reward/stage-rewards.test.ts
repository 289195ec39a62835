import { expect, it } from "vitest";
import type { PromptedAttempt, RewardParts } from "../records/attempt.ts";
import { ownReward } from "./guard-reward.ts";
import { type NamedReward, openRewards, withRewards } from "./stage-rewards.ts";

const attempt = { tokens: [1], logps: new Float32Array(1), stop: "eos" as const, text: "x" };
const trial: PromptedAttempt[] = [{ attempt, prompt: { problem: { id: "p", question: "", answer: "" }, tokens: [] } }];

let asked = 0;
const grade = async (scored: readonly PromptedAttempt[]): Promise<RewardParts[]> => {
  asked++;
  return scored.map(() => ({ correct: 1, format: null }));
};
const weighing = (weights: Record<string, number>): NamedReward => ({ name: "weights", weights, score: null });
const own = ownReward("./own.ts", () => ({ brevity: 0.25, tone: 2 }), { weight: 0.5 });

it("joins the parts of all rewards, and weighs what nobody weighed by the reward's own weight", async () => {
  const opened = await openRewards(
    grade,
    [weighing({ correct: 1, format: 0 }), weighing({ correct: 0.5 }), own],
    trial,
  );
  expect(opened.weights).toEqual({ correct: 1.5, brevity: 0.5, tone: 0.5 });
  expect(await opened.grade(trial)).toEqual([{ correct: 1, format: null, brevity: 0.25, tone: 2 }]);
  const named = ownReward("./own.ts", () => ({ brevity: 0.25, tone: 2 }), { weight: { tone: 3 } });
  expect((await openRewards(grade, [named], trial)).weights).toEqual({ tone: 3 });
});

it("lets rewards see what the task graded, once", async () => {
  const after: NamedReward = {
    name: "after",
    weights: {},
    otherWeight: 1,
    score: (_, graded) => graded.map(({ correct }) => ({ twice: 2 * (correct ?? 0) })),
  };
  asked = 0;
  expect(await withRewards(grade, [after, own])(trial)).toEqual([
    { correct: 1, format: null, twice: 2, brevity: 0.25, tone: 2 },
  ]);
  expect(asked).toBe(1);
  // Nothing to add: the task's own grading, as it is.
  expect(withRewards(grade, [weighing({ correct: 1 })])).toBe(grade);
});

it("refuses two parts of one name, weights of none, and weights that come to nothing", async () => {
  const opening = (...rewards: NamedReward[]) => openRewards(grade, rewards, trial);
  const again = ownReward("./again.ts", () => ({ tone: 1 }));
  await expect(opening(own, again)).rejects.toThrow(
    "rewards: part tone comes from ./own.ts and from ./again.ts; leave one of them out",
  );
  await expect(opening(ownReward("./own.ts", () => ({ correct: 1 })))).rejects.toThrow(
    /part correct comes from the task/,
  );
  const misspelt = ownReward("./own.ts", () => ({ brevity: 1 }), { weight: { brevty: 1 } });
  await expect(opening(misspelt)).rejects.toThrow(
    /\.\/own\.ts: there is no part brevty to weigh; did you mean brevity\?/,
  );
  await expect(opening(weighing({ setup: 1 }))).rejects.toThrow(/no part setup to weigh; parts: correct, format/);
  await expect(opening(weighing({ correct: 1 }), weighing({ correct: -1 }))).rejects.toThrow(/every weight is 0/);
  await expect(opening()).rejects.toThrow(/every weight is 0/);
});
