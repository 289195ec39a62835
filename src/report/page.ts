import { stringify } from "yaml";
import type { AttemptRecord, RunEvent } from "../records/events.ts";
import { attemptSection } from "./attempts.ts";
import { stageCurves } from "./curves.ts";
import { expertCharts } from "./expert-chart.ts";
import { formatChance, formatCount, formatDuration, formatInterval, formatPercent } from "./format.ts";
import { html, type Markup } from "./html.ts";
import { htmlPage } from "./html-page.ts";
import { finding, stageChart } from "./stage-chart.ts";
import { stageDetails } from "./stage-details.ts";
import { type RunSummary, type StageResult, type StageSummary, stageResults, summarizeRun } from "./summary.ts";

/** Everything a report is made of. */
export interface ReportInput {
  name: string;
  /** Of reckon, when the events do not say. */
  version: string;
  /** The resolved recipe; any object. */
  recipe: object;
  events: readonly RunEvent[];
  /** The report shows some right and some wrong ones of each stage. */
  attempts: readonly AttemptRecord[];
  /** Draws those that are shown; without it they are the latest, the longer ones first. */
  seed?: number;
  /** How accuracy was measured, for the caption: `greedy decoding on held-out test problems`. */
  decoding?: string;
}

/** Curve data of all charts together stays below this many points, which keeps the file under a megabyte. */
const pointBudget = 26_000;
const longestRecipe = 60_000;
const mostWarnings = 40;
const mostNotes = 40;
const mostNoteLines = 40;

/** Device fields under the words a reader knows; others keep their names. */
const factTitles: Record<string, string> = { name: "device", isa: "instructions" };

const kindTitles: Record<StageSummary["kind"], string> = {
  pretrain: "Supervised training",
  sft: "Supervised training",
  rl: "Reinforcement learning",
  ppo: "Reinforcement learning with a critic",
  eval: "Evaluation",
};

function header(input: ReportInput, summary: RunSummary, results: readonly StageResult[]): Markup {
  const { device } = summary;
  const facts: [string, string | number | null][] = [
    [
      summary.finished ? "total time" : "time so far",
      summary.startedAt === null ? null : formatDuration(summary.seconds),
    ],
    ["seed", summary.seed],
    ...Object.entries(device),
    ["resumed", summary.resumes > 0 ? `${summary.resumes} ×` : null],
    [
      "started",
      summary.startedAt === null
        ? null
        : `${new Date(summary.startedAt).toISOString().slice(0, 16).replace("T", " ")} UTC`,
    ],
    ["reckon", summary.version ?? input.version],
  ];
  const sentence = finding(results);
  return html`<header><p class="kicker">Training report${!summary.finished && summary.startedAt !== null && ", run not finished"}</p><h1>${input.name}</h1>${
    sentence && html`<p class="finding">${sentence}</p>`
  }<dl class="facts">${facts.map(([name, value]) => value !== null && html`<div><dt>${factTitles[name] ?? name}</dt><dd>${value}</dd></div>`)}</dl></header>`;
}

function resultSection(results: readonly StageResult[], decoding: string | undefined): Markup | null {
  if (results.length === 0) return null;
  const compared = results.some(({ paired }) => paired);
  const rows = results.map(
    ({ name, kind, accuracy, ci95, formatAccuracy, n, seconds, paired }) =>
      html`<tr class="k-${kind}"><td>${name}</td><td>${formatPercent(accuracy)}<small>${formatInterval(ci95)}</small></td>${compared && html`<td>${paired && html`+${formatCount(paired.mended)} −${formatCount(paired.broken)}<small>p ${formatChance(paired.p)}</small>`}</td>`}<td>${formatPercent(formatAccuracy)}</td><td>${formatCount(n)}</td><td>${formatDuration(seconds)}</td></tr>`,
  );
  return html`<section id="results"><h2>Results</h2><div class="results${compared && " compared"}"><div><div class="scroll"><table><thead><tr><th>stage</th><th>accuracy, 95 % interval</th>${compared && html`<th>mended, broken</th>`}<th>format</th><th>n</th><th>time</th></tr></thead><tbody>${rows}</tbody></table></div>
<p class="note">Accuracy${decoding && html` with ${decoding}`}; intervals are Wilson's, in per cent. Format is the share of completions that give an answer in the expected form, right or wrong. ${compared && "Mended and broken are the problems that the stage before had wrong and right; p is McNemar's exact test of the two. "}Time is the whole stage's.</p></div>${stageChart(results)}</div>${stageDetails(results)}</section>`;
}

function stageSection(stage: StageSummary, index: number, limit: number): Markup | null {
  const curves = stageCurves(stage, { limit });
  const experts = expertCharts(stage.experts, { limit });
  if (!curves && !experts) return null;
  let steps = 0;
  for (const points of stage.metrics.values()) steps = Math.max(steps, points[points.length - 1].step);
  const planned = stage.totalSteps > steps ? ` of ${formatCount(stage.totalSteps)}` : "";
  const spent = stage.seconds === null ? "" : `, ${formatDuration(stage.seconds)}`;
  return html`<section class="k-${stage.kind}" id="stage-${index + 1}"><h2>${kindTitles[stage.kind]}</h2><p class="note">Stage <strong>${stage.name}</strong>, ${formatCount(steps)}${planned} steps${spent}. Faint lines are single steps, bold lines a moving mean.</p>${curves}${experts}</section>`;
}

function warningSection(warnings: RunSummary["warnings"]): Markup | null {
  if (warnings.length === 0) return null;
  const rest = warnings.length - mostWarnings;
  return html`<section id="warnings"><h2>Warnings</h2><ul class="warnings">${warnings
    .slice(0, mostWarnings)
    .map(
      ({ stage, step, message, count }) =>
        html`<li>${message} <small>(${stage}${step > 0 && `, step ${formatCount(step)}`}${count > 1 && `, ${formatCount(count)} times`})</small></li>`,
    )}</ul>${rest > 0 && html`<p class="note">and ${formatCount(rest)} more</p>`}</section>`;
}

/** A note's first line says it; what follows are its details. */
function noteSection(notes: readonly string[]): Markup | null {
  if (notes.length === 0) return null;
  const items = notes.slice(0, mostNotes).map((note) => {
    const [first, ...rest] = note.split("\n");
    const details = rest.slice(0, mostNoteLines).join("\n");
    const left = rest.length - mostNoteLines;
    return html`<li>${first}${rest.length > 0 && html`<pre>${details}${left > 0 && `\n… and ${formatCount(left)} more lines`}</pre>`}</li>`;
  });
  const left = notes.length - mostNotes;
  return html`<section id="notes"><h2>Notes</h2><ul class="notes">${items}</ul>${left > 0 && html`<p class="note">and ${formatCount(left)} more</p>`}</section>`;
}

function recipeSection(recipe: object): Markup | null {
  if (Object.keys(recipe).length === 0) return null;
  const text = stringify(recipe, { aliasDuplicateObjects: false });
  const shown = text.length > longestRecipe ? `${text.slice(0, longestRecipe)}\n… cut here` : text;
  return html`<section id="recipe"><h2>Recipe</h2><details><summary>every setting this run used, defaults included</summary><pre><code>${shown}</code></pre></details></section>`;
}

/**
 * A run as one self-contained HTML page: results, curves, expert use, sample attempts, recipe. No network, works without
 * script. The same input gives the same text. Whatever the run does not have is left out.
 */
export function renderReport(input: ReportInput): string {
  const summary = summarizeRun(input.events);
  const results = stageResults(summary);
  const curveCount = summary.stages.reduce(
    (sum, { metrics, experts }) => sum + metrics.size + Math.min(1, experts.length) * 8,
    0,
  );
  const limit = Math.max(40, Math.min(400, Math.floor(pointBudget / Math.max(1, curveCount))));
  const body = html`<main>
${header(input, summary, results)}
${resultSection(results, input.decoding)}
${summary.stages.map((stage, i) => stageSection(stage, i, limit))}
${attemptSection(input.attempts, input.seed)}
${warningSection(summary.warnings)}
${noteSection(summary.notes)}
${recipeSection(input.recipe)}
<footer>Written by reckon ${summary.version ?? input.version}. One file, no network: keep it, send it, print it.</footer>
</main>`;
  return htmlPage({ title: input.name, body });
}
