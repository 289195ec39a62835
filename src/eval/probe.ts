import { mean, quantile } from "../base/statistics.ts";
import type { ProbeSummary } from "../records/evaluation.ts";
import { passAtK } from "./pass-at-k.ts";
import type { Measured } from "./summarize.ts";

/** Share of groups with spread from which a group size is suggested. */
const enoughSpread = 0.5;

/**
 * What several attempts at each of some training problems say of reinforcement on them.
 *
 * The share of groups of G with both right and wrong attempts is estimated without bias for each G up to the attempts there
 * are, n: 1 − [C(c, G) + C(n − c, G)] / C(n, G), averaged over problems solved in c of n attempts. The smallest power of two
 * from 4 at which it is a half is suggested; twice n, where none is but the last doubling still brought a twentieth; else n.
 * The suggested length holds the 99th percentile of attempts that ended with a quarter to spare, in sixteens, and no more than
 * the limit; where more than a twentieth are cut, which hides how long they would be, it is twice the limit.
 *
 * @param answered one list per problem, all of one length from 2
 * @param limit longest completion that was allowed, in tokens
 */
export function summarizeProbe(answered: readonly (readonly Measured[])[], limit: number): ProbeSummary {
  const attempts = answered[0].length;
  const solved = answered.map((list) => list.filter(({ parts }) => parts.correct === 1).length);
  const all = answered.flat();
  const share = (holds: (one: Measured) => boolean) => mean(all.map((one) => (holds(one) ? 1 : 0)));
  const ended = all.filter(({ stop }) => stop !== "length").map(({ tokens }) => tokens);
  const truncatedShare = share(({ stop }) => stop === "length");
  const spread = groupSizes(attempts).map((group) => ({
    group,
    share: mean(solved.map((c) => passAtK(attempts, c, group) + passAtK(attempts, attempts - c, group) - 1)),
  }));
  const fits = ended.length === 0 ? limit : Math.min(limit, 16 * Math.ceil((1.25 * quantile(ended, 0.99)) / 16));
  return {
    problems: answered.length,
    attempts,
    solvedBy: Array.from({ length: attempts + 1 }, (_, c) => solved.filter((count) => count === c).length),
    correctShare: share(({ parts }) => parts.correct === 1),
    formatShare: share(({ parts }) => parts.format === 1),
    ...(all.some(({ parts }) => "flexible" in parts) && { flexibleShare: share(({ parts }) => parts.flexible === 1) }),
    ungradableShare: share(({ parts }) => parts.correct === null),
    truncatedShare,
    meanLength: mean(all.map(({ tokens }) => tokens)),
    endedLength: ended.length === 0 ? null : { median: quantile(ended, 0.5), p95: quantile(ended, 0.95) },
    spread,
    suggestedGroup: suggestGroup(spread, attempts),
    suggestedLength: truncatedShare > 0.05 ? 2 * limit : fits,
  };
}

/** Powers of two from 2 up to the attempts there are, and these. */
function groupSizes(attempts: number): number[] {
  const sizes: number[] = [];
  for (let size = 2; size < attempts; size *= 2) sizes.push(size);
  return [...sizes, attempts];
}

function suggestGroup(spread: ProbeSummary["spread"], attempts: number): number {
  const enough = spread.find(({ group, share }) => group >= 4 && share >= enoughSpread);
  if (enough) return enough.group;
  const [before, last] = spread.slice(-2);
  const stillGrows = last !== undefined && last.share - before.share >= 0.05;
  return Math.max(4, stillGrows ? 2 * attempts : attempts);
}
