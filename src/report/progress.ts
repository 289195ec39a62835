import { formatClock, formatCount, formatValue } from "./format.ts";
import { plainStyle, type TerminalStyle } from "./terminal-style.ts";
import { displayWidth, truncate } from "./text-width.ts";

/** Where a stage stands. */
export interface ProgressState {
  stage: string;
  step: number;
  /** 0 when unknown: no bar is drawn then. */
  totalSteps: number;
  /** The latest metrics under their logged names. */
  values: Readonly<Record<string, number>>;
  /** Seconds to the end of the stage; null when not known yet. */
  secondsLeft: number | null;
}

/** Metrics worth a place in the line, the most wanted first. Two digits: three would change too fast to be read. */
const shownMetrics = [
  { name: "reward", label: "reward" },
  { name: "loss", label: "loss" },
  { name: "kl", label: "KL" },
] as const;
const digits = 2;

const gap = "  ";
const widestBar = 28;
const narrowestBar = 4;

function bar(share: number, width: number, style: TerminalStyle): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * width);
  return style.green("━".repeat(full)) + style.dim("─".repeat(width - full));
}

/**
 * One progress line, at most `width` columns: stage, bar, step of steps, loss or reward, KL, tokens/s, time left. Where
 * room is short it gives up, in this order: bar width, the word tokens, KL, tokens/s, the bar, the loss beside a reward, the time left,
 * the metrics; what then is still too long is cut.
 *
 * @param width terminal columns, at least 1
 */
export function formatProgress(state: ProgressState, width: number, style: TerminalStyle = plainStyle): string {
  const { stage, step, totalSteps, values, secondsLeft } = state;
  const head = truncate(stage, Math.max(8, Math.floor(width / 3)));
  const count = totalSteps > 0 ? `${formatCount(step)}/${formatCount(totalSteps)}` : `step ${formatCount(step)}`;
  const fields = new Map<string, string>();
  for (const { name, label } of shownMetrics) {
    if (values[name] !== undefined)
      fields.set(name, `${label} ${formatValue(Number(values[name].toPrecision(digits)))}`);
  }
  const speed = values["perf/tokens_per_second"];
  if (speed !== undefined) fields.set("speed", `${formatValue(speed)} tokens/s`);
  if (secondsLeft !== null) fields.set("left", `${formatClock(secondsLeft)} left`);

  let withBar = totalSteps > 0;
  const plainLength = () => displayWidth([head, count, ...fields.values()].join(gap));
  const fits = () => plainLength() + (withBar ? narrowestBar + gap.length : 0) <= width;
  const concessions = [
    () => speed !== undefined && fields.set("speed", `${formatValue(speed)} tok/s`),
    () => fields.delete("kl"),
    () => fields.delete("speed"),
    () => (withBar = false),
    () => fields.has("reward") && fields.delete("loss"),
    () => fields.delete("left"),
    () => fields.delete("loss"),
    () => fields.delete("reward"),
  ];
  for (const concede of concessions) {
    if (fits()) break;
    concede();
  }
  if (!fits()) return truncate([head, count].join(gap), width);
  const barWidth = Math.min(widestBar, width - plainLength() - gap.length);
  const drawn = withBar ? [bar(step / totalSteps, barWidth, style)] : [];
  return [style.bold(head), ...drawn, count, ...fields.values()].join(gap);
}
