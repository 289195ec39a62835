import { mean, median, sampleDeviation } from "../base/statistics.ts";
import type { ExpertUse } from "../records/events.ts";

/** One step of training as symptoms see it. */
export interface WatchedStep {
  /** Steps of the stage that are done, from 1. */
  step: number;
  /** Of this step, under TRL's names. */
  metrics: Readonly<Record<string, number>>;
  /** One entry per mixture layer. */
  experts: readonly ExpertUse[];
}

/** Looks at one step after the other for one way in which training goes wrong; what it is, in words, or null. */
export type Symptom = (at: WatchedStep) => string | null;

/** Steps that a mean or median is taken over: single steps are noise. */
const window = 10;
/** Right answers above which little is left to learn: then a sure policy and a flat curve are what is wanted. */
const nearlyAllRight = 0.8;

/** The latest values of a series, at most `size`. */
class Latest {
  readonly values: number[] = [];
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  /** Whether there are as many as there may be. */
  get full(): boolean {
    return this.values.length === this.#size;
  }

  /** A value that is missing or not finite is passed over. */
  add(value: number | undefined): void {
    if (value === undefined || !Number.isFinite(value)) return;
    this.values.push(value);
    if (this.values.length > this.#size) this.values.shift();
  }
}

/** What says whether answers are right; the reward where no part does. */
const correctness = (metrics: WatchedStep["metrics"]) => metrics["rewards/correct/mean"] ?? metrics.reward;

const cutOff =
  "most attempts are cut off at the length limit and so are wrong; raise task.maxNewTokens, or start from a model that has " +
  "learned to end its answers";

/** More than half of the attempts are cut at the length limit: in each of the first three steps, or in ten in a row later. */
export function mostAttemptsCut(): Symptom {
  const firstSteps = 3;
  let inRow = 0;
  return ({ step, metrics }) => {
    inRow = metrics["completions/clipped_ratio"] > 0.5 ? inRow + 1 : 0;
    return (step === firstSteps && inRow === firstSteps) || inRow === window ? cutOff : null;
  };
}

/** No group has both better and worse attempts, ten steps in a row. */
export function noSpread({ group, temperature }: { group: number; temperature: number }): Symptom {
  let inRow = 0;
  return ({ metrics }) => {
    inRow = metrics.frac_reward_zero_std === 1 ? inRow + 1 : 0;
    if (inRow !== window) return null;
    return (
      `in ${window} steps no group had both better and worse attempts, so nothing was learned; start from a better ` +
      `model, pose easier problems, or raise group (now ${group}) or temperature (now ${temperature})`
    );
  };
}

/**
 * The entropy's mean over ten steps falls to a tenth of its mean over the first five while much is still answered wrong: the
 * policy has become sure of wrong answers. Where the policy was sure from the start (below 0.01 nats) there is nothing to
 * tell; where most answers are right, being sure is what was wanted.
 */
export function entropyCollapse(): Symptom {
  const start = new Latest(5);
  const latest = new Latest(window);
  const right = new Latest(window);
  return ({ metrics }) => {
    if (!start.full) start.add(metrics.entropy);
    latest.add(metrics.entropy);
    right.add(correctness(metrics));
    if (!start.full || !latest.full) return null;
    const [before, now, share] = [mean(start.values), mean(latest.values), mean(right.values)];
    if (before < 0.01 || now > 0.1 * before || share > nearlyAllRight) return null;
    return (
      `entropy has collapsed, from ${short(before)} to ${short(now)} nats a token, while ${percent(share)} is right: the policy ` +
      "hardly tries anything else; lower learningRate, raise entropyBonus, beta or temperature"
    );
  };
}

/** The entropy's mean over ten steps is three times its mean over the first five, and half a nat above it. */
export function entropyExplosion(): Symptom {
  const start = new Latest(5);
  const latest = new Latest(window);
  return ({ metrics }) => {
    if (!start.full) start.add(metrics.entropy);
    latest.add(metrics.entropy);
    if (!start.full || !latest.full) return null;
    const [before, now] = [mean(start.values), mean(latest.values)];
    if (now < 3 * before || now < before + 0.5) return null;
    return (
      `entropy has exploded, from ${short(before)} to ${short(now)} nats a token: the policy is turning into noise; lower ` +
      "learningRate or entropyBonus, or raise beta"
    );
  };
}

/**
 * The median KL to the start over ten steps is above 2 nats a token and twice what it was ten steps before, or above 5 nats
 * at all. Medians: single steps of the k3 estimator are large by nature.
 */
export function klRunaway({ beta }: { beta: number }): Symptom {
  const latest = new Latest(2 * window);
  return ({ metrics }) => {
    latest.add(metrics.kl);
    if (!latest.full) return null;
    const [before, now] = [median(latest.values.slice(0, window)), median(latest.values.slice(window))];
    if (now < 2 || (now < 2 * before && now < 5)) return null;
    return (
      `KL to the start is running away: ${short(now)} nats a token, ${short(before)} ten steps before; lower learningRate, or ` +
      `raise beta (now ${beta})`
    );
  };
}

/**
 * Over sixty steps the reward rises clearly, by six standard errors between the first and the last twenty and a tenth of
 * its size, while the share of right answers does not, by more than two standard errors: what is learned is another part.
 */
export function rewardWithoutCorrectness(): Symptom {
  const third = 20;
  const series = new Map<string, Latest>();
  const latestOf = (name: string) => {
    const found = series.get(name) ?? new Latest(3 * third);
    series.set(name, found);
    return found;
  };
  const change = ({ values }: Latest) => {
    const [first, last] = [values.slice(0, third), values.slice(-third)];
    const error = Math.sqrt((sampleDeviation(first) ** 2 + sampleDeviation(last) ** 2) / third);
    return { before: mean(first), now: mean(last), rise: mean(last) - mean(first), error };
  };
  return ({ metrics }) => {
    for (const [name, value] of Object.entries(metrics))
      if (name === "reward" || /^rewards\/.+\/mean$/.test(name)) latestOf(name).add(value);
    const [reward, right] = [latestOf("reward"), latestOf("rewards/correct/mean")];
    if (!reward.full || !right.full) return null;
    const [gained, solved] = [change(reward), change(right)];
    const clear = gained.rise > 6 * gained.error && gained.rise > 0.1 * Math.max(Math.abs(gained.before), 0.1);
    if (!clear || solved.rise > Math.max(2 * solved.error, 0.01) || solved.now > nearlyAllRight) return null;
    const risen = [...series]
      .filter(([name, { full }]) => full && name !== "reward" && name !== "rewards/correct/mean")
      .map(([name, one]) => ({ name: name.split("/").slice(1, -1).join("/"), rise: change(one).rise }))
      .sort((a, b) => b.rise - a.rise)[0];
    return (
      `in ${3 * third} steps the reward rose from ${short(gained.before)} to ${short(gained.now)} while right answers stayed at ` +
      `${percent(solved.now)}: the model learns what else is rewarded${risen && risen.rise > 0 ? `, most of all ${risen.name}` : ""}; ` +
      "lower the other weights of rewards, and read some attempts"
    );
  };
}

/**
 * One expert of a layer is used by nearly every token, ten steps in a row: its share of tokens has gone nine tenths of the way
 * from even to all, or is above a half and four times the even one. Only layers whose tokens choose among more experts than
 * they use.
 *
 * @param options.activeExperts experts each token uses
 */
export function expertTakesMost({ activeExperts }: { activeExperts: number }): Symptom {
  const inRow = new Map<string, number>();
  return ({ experts }) => {
    for (const { layer, shares } of experts) {
      const even = activeExperts / shares.length;
      if (even >= 1) continue;
      for (const [expert, share] of shares.entries()) {
        const tokens = share * activeExperts;
        const extreme = tokens - even > 0.9 * (1 - even) || (tokens > 0.5 && tokens > 4 * even);
        const place = `${layer} ${expert}`;
        inRow.set(place, extreme ? (inRow.get(place) ?? 0) + 1 : 0);
        if (inRow.get(place) === window)
          return (
            `expert ${expert} of layer ${layer} takes ${percent(tokens)} of the tokens (even: ${percent(even)}): the router is ` +
            "collapsing; raise balanceCoefficient, or lower learningRate"
          );
      }
    }
    return null;
  };
}

/** An expert gets no token twenty steps in a row, of a hundred that an even share would have been in each. */
export function expertTakesNone(): Symptom {
  const steps = 20;
  const enough = 100;
  const inRow = new Map<string, number>();
  return ({ experts }) => {
    for (const { layer, counts } of experts) {
      const even = counts.reduce((sum, count) => sum + count, 0) / counts.length;
      for (const [expert, count] of counts.entries()) {
        const place = `${layer} ${expert}`;
        inRow.set(place, count === 0 && even >= enough ? (inRow.get(place) ?? 0) + 1 : 0);
        if (inRow.get(place) === steps)
          return `expert ${expert} of layer ${layer} got no token in ${steps} steps and learns nothing; raise balanceCoefficient`;
      }
    }
    return null;
  };
}

/** In three steps in a row, a twentieth of a reward part or more could not be graded. @param options.attempts of a step */
export function graderFailures({ attempts }: { attempts: number }): Symptom {
  const steps = 3;
  const inRow = new Map<string, number>();
  return ({ metrics }) => {
    for (const [name, ungraded] of Object.entries(metrics)) {
      const part = /^rewards\/(.+)\/ungraded$/.exec(name)?.[1];
      // Steps are missing where none were written: that is no grader's failure.
      if (part === undefined || part === "steps") continue;
      inRow.set(part, ungraded >= 0.05 * attempts ? (inRow.get(part) ?? 0) + 1 : 0);
      if (inRow.get(part) === steps)
        return (
          `${Math.round(ungraded)} of ${attempts} attempts have no ${part}: the grader could not read them or the gold answers, or ran out ` +
          "of time; look at ungradable answers with reckon grade, and check task.grading"
        );
    }
    return null;
  };
}

const short = (value: number) => String(Number(value.toPrecision(2)));
const percent = (share: number) => `${Math.round(100 * share)} %`;
