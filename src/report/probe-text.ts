import type { ProbeSummary } from "../records/evaluation.ts";
import { formatCount, formatPercent, formatValue } from "./format.ts";
import { plainStyle, type TerminalStyle } from "./terminal-style.ts";

const widestBar = 40;
/** Bars of a histogram; more kinds than these are put together. */
const mostBars = 17;
/** Eighths of a column. */
const blocks = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** A bar of a share of the widest one; what is not nothing is seen. */
function bar(share: number): string {
  const eighths = share === 0 ? 0 : Math.max(1, Math.round(share * widestBar * 8));
  return "█".repeat(Math.floor(eighths / 8)) + blocks[eighths % 8];
}

/** How many problems were solved in how many of the attempts, as bars for a terminal. */
export function solveHistogram(
  { solvedBy, attempts }: Pick<ProbeSummary, "solvedBy" | "attempts">,
  style: TerminalStyle = plainStyle,
): string {
  const inner = attempts - 1;
  // None and all have bars of their own: they are the groups that teach nothing.
  const width = Math.ceil(inner / (mostBars - 2));
  const bars = [{ low: 0, high: 0 }];
  for (let low = 1; low <= inner; low += width) bars.push({ low, high: Math.min(inner, low + width - 1) });
  bars.push({ low: attempts, high: attempts });
  const counts = bars.map(({ low, high }) => solvedBy.slice(low, high + 1).reduce((sum, count) => sum + count, 0));
  const most = Math.max(1, ...counts);
  const names = bars.map(({ low, high }) => `${low === high ? low : `${low}–${high}`} of ${attempts}`);
  const widest = Math.max(...names.map((name) => name.length));
  const rows = bars.map((_, i) => {
    const flat = i === 0 || i === bars.length - 1;
    const drawn = (flat ? style.red : style.green)(bar(counts[i] / most));
    return `${names[i].padStart(widest)}  ${drawn}${counts[i] > 0 ? " " : ""}${formatCount(counts[i])}`;
  });
  return [style.dim("solved in, problems"), ...rows].join("\n");
}

/** What reinforcement would meet, in one word for programs and a sentence for people. */
export function probeVerdict(probe: ProbeSummary): { verdict: ProbeVerdict; sentence: string } {
  const { truncatedShare, correctShare, formatShare, flexibleShare = 0, spread, solvedBy, problems } = probe;
  const live = spread[spread.length - 1].share;
  const say = (verdict: ProbeVerdict, sentence: string) => ({ verdict, sentence });
  if (truncatedShare > 0.5)
    return say("cut off", "Most attempts are cut off before they answer: reinforcement would learn from noise.");
  if (correctShare === 0 && flexibleShare > 0)
    return say(
      "format",
      "Answers are right at times, but never in the expected form: supervise the form first, or reward it beside correctness.",
    );
  if (correctShare === 0)
    return say(
      "too hard",
      "No attempt is right: there is nothing to reinforce. Supervise first, or pose easier problems.",
    );
  if (solvedBy[solvedBy.length - 1] > 0.8 * problems)
    return say("too easy", "Nearly every problem is always solved: there is little left to learn. Pose harder ones.");
  if (formatShare < 0.5)
    return say(
      "format",
      "Most attempts are not in the expected form: supervise it first, or reward it beside correctness.",
    );
  if (live < 0.2)
    return say(
      "little spread",
      "Few problems are solved at times and missed at times: most of what is sampled would teach nothing.",
    );
  return say("ready", "Reinforcement has something to learn from.");
}

/** See `probeVerdict`. */
export type ProbeVerdict = "ready" | "cut off" | "format" | "too hard" | "too easy" | "little spread";

/**
 * A probe in plain words: the verdict, the histogram, what the attempts were like, and what to set.
 *
 * @param setting limit: longest completion that was allowed; temperature of sampling
 */
export function probeText(
  probe: ProbeSummary,
  { limit, temperature }: { limit: number; temperature: number },
  style: TerminalStyle = plainStyle,
): string {
  const { problems, attempts, solvedBy, spread, suggestedGroup, suggestedLength } = probe;
  const last = spread[spread.length - 1];
  const percent = (share: number) => formatPercent(share, 0);
  const [never, always] = [solvedBy[0] / problems, solvedBy[attempts] / problems];
  const lines: [string, string][] = [
    [
      "solved",
      `${percent(probe.correctShare)} of attempts; ${percent(never)} of problems never, ${percent(always)} always`,
    ],
    ["no spread", `${percent(1 - last.share)} of groups of ${attempts}: all right or all wrong, they teach nothing`],
    ["well formed", `${percent(probe.formatShare)} of attempts${flexibleRemark(probe)}`],
    ["cut off", `${percent(probe.truncatedShare)} of attempts, at ${formatCount(limit)} tokens`],
    ["length", lengthText(probe)],
  ];
  if (probe.ungradableShare > 0)
    lines.push(["ungradable", `${percent(probe.ungradableShare)} of attempts have no verdict; see reckon grade`]);
  const bySize = spread.map(({ group, share }) => `${percent(share)} of ${group}`).join(", ");
  const advice: [string, string][] = [
    ["group", `${suggestedGroup} ${style.dim(`(groups with spread at temperature ${temperature}: ${bySize})`)}`],
    ["maxNewTokens", `${suggestedLength}${lengthReason(probe, limit, style)}`],
  ];
  const table = (rows: typeof lines) => rows.map(([name, text]) => `${style.dim(name.padEnd(13))}${text}`).join("\n");
  return [
    style.bold(probeVerdict(probe).sentence),
    solveHistogram(probe, style),
    table(lines),
    `${style.bold("suggested")}\n${table(advice)}`,
  ].join("\n\n");
}

function flexibleRemark({ flexibleShare = 0, correctShare }: ProbeSummary): string {
  const more = flexibleShare - correctShare;
  return more >= 0.005 ? `; ${formatPercent(more, 0)} have the right number where the form does not mark it` : "";
}

function lengthText({ meanLength, endedLength }: ProbeSummary): string {
  if (endedLength === null) return `${formatValue(meanLength)} tokens on average; none ended`;
  const { median, p95 } = endedLength;
  return `${formatValue(meanLength)} tokens on average; of those that ended half took up to ${formatValue(median)}, 95 % up to ${formatValue(p95)}`;
}

function lengthReason({ suggestedLength }: ProbeSummary, limit: number, style: TerminalStyle): string {
  if (suggestedLength === limit) return ` ${style.dim("(as now)")}`;
  if (suggestedLength < limit) return ` ${style.dim(`(enough for nearly all that end; now ${limit})`)}`;
  return ` ${style.dim("(at least: as long as they are cut, nobody knows how long they would be)")}`;
}
