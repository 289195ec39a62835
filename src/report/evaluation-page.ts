import type { BreakdownRow, Outcome, Share } from "../records/evaluation.ts";
import type { AttemptRecord, EvaluationSummary } from "../records/events.ts";
import { isProse, said } from "./attempts.ts";
import { outcomeWords } from "./evaluation-text.ts";
import { formatCount, formatDuration, formatInterval, formatPercent, formatValue } from "./format.ts";
import { html, type Markup } from "./html.ts";
import { htmlPage } from "./html-page.ts";

/** What the page of one evaluation is made of. */
export interface EvaluationPageInput {
  /** What was measured: a model's name or directory. */
  title: string;
  version: string;
  /** What is worth knowing of how it was measured, in order: `split`, `seed`, … */
  facts: Readonly<Record<string, string | number>>;
  summary: EvaluationSummary;
  /** Every attempt; those at one problem stand together, the one that counts first, as `evaluationRecords` gives them. */
  records: readonly AttemptRecord[];
}

const outcomeColors: Record<Outcome, string> = {
  correct: "var(--right)",
  wrong: "var(--wrong)",
  format: "var(--rl)",
  truncated: "var(--supervised)",
  ungradable: "var(--second)",
};

/** Nothing is left out of a response. */
const whole = { characters: Number.POSITIVE_INFINITY, steps: Number.POSITIVE_INFINITY };

/** What this page has beside the style of all reports. */
const ownStyle = `
.measures td:first-child::before{display:none}
.outcomes{display:flex;height:22px;border-radius:4px;overflow:hidden;gap:2px}
.outcomes i{background:var(--o)}
.keys{display:flex;flex-wrap:wrap;gap:6px 22px;padding:0;margin:12px 0 0;list-style:none;font-size:14px}
.keys i{display:inline-block;width:9px;height:9px;border-radius:2px;margin-right:8px;background:var(--o)}
.kinds{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,420px),1fr));gap:24px 56px;margin-top:12px}
.kinds td:first-child::before{display:none}.kinds .bar{display:block;height:8px;min-width:120px;border-radius:2px;background:var(--grid)}
.kinds .bar i{display:block;height:100%;border-radius:2px;background:var(--eval)}
.responses{display:flex;flex-direction:column;gap:14px;margin-top:18px}
.responses .attempt{content-visibility:auto;contain-intrinsic-size:auto 320px;border-left-color:var(--o)}
.responses .verdict{color:var(--o)}.responses .said,.responses .steps{max-height:none}
.responses details{margin:0 0 14px}.responses details .said{margin:6px 0}.responses details h5{font-size:13px;font-weight:600;margin:14px 0 0;color:var(--soft)}
${outcomeWords.map(([outcome]) => `.show-${outcome} .attempt:not(.o-${outcome}){display:none}`).join("")}
@media print{.responses .attempt{content-visibility:visible}}
`;

const outcomeOf = ({ outcome, parts }: AttemptRecord): Outcome =>
  outcome ?? (parts.correct === 1 ? "correct" : "wrong");

function measures(summary: EvaluationSummary): Markup {
  const { accuracy, ci95, formatAccuracy, flexibleAccuracy, meanLength, truncatedShare, sampled } = summary;
  const percent = ({ value, ci95 }: Share) => html`${formatPercent(value)}<small>${formatInterval(ci95)}</small>`;
  const rows: [string, Markup | string][] = [["right, in the format", percent({ value: accuracy, ci95 })]];
  if (flexibleAccuracy !== undefined) rows.push(["right in any form (flexible)", formatPercent(flexibleAccuracy)]);
  rows.push(["well formed", formatPercent(formatAccuracy)]);
  for (const share of sampled?.passAt ?? []) rows.push([`pass@${share.k}`, percent(share)]);
  if (sampled) rows.push([`maj@${sampled.attempts}`, percent(sampled.majority)]);
  if (meanLength !== undefined) rows.push(["tokens of a completion", formatValue(meanLength)]);
  if (truncatedShare !== undefined) rows.push(["cut off at the length limit", formatPercent(truncatedShare)]);
  return html`<table class="measures"><tbody>${rows.map(([name, value]) => html`<tr><td>${name}</td><td>${value}</td></tr>`)}</tbody></table>`;
}

function outcomeBar(records: readonly AttemptRecord[]): Markup {
  const shown = outcomeWords.flatMap(([outcome, words]) => {
    const count = records.filter((record) => outcomeOf(record) === outcome).length;
    return count > 0 ? [{ outcome, words, count }] : [];
  });
  const spoken = shown.map(({ words, count }) => `${words} ${count}`).join(", ");
  return html`<figure><div class="outcomes" role="img" aria-label="Outcomes: ${spoken}">${shown.map(
    ({ outcome, count }) => html`<i style="--o:${outcomeColors[outcome]};flex:${count}"></i>`,
  )}</div><ul class="keys">${shown.map(
    ({ outcome, words, count }) =>
      html`<li><i style="--o:${outcomeColors[outcome]}"></i>${formatCount(count)} ${words}</li>`,
  )}</ul><figcaption>What became of the attempt at each problem. A format failure gives its answer, if any, where the format does not mark it; a truncated one was cut at the length limit; an ungradable one has no verdict, and counts as not right.</figcaption></figure>`;
}

function kindsSection(breakdown: readonly BreakdownRow[]): Markup | null {
  if (breakdown.length === 0) return null;
  const tables = [...new Set(breakdown.map(({ by }) => by))].map(
    (by) =>
      html`<div class="scroll"><table><thead><tr><th>${by}</th><th>accuracy, 95 % interval</th><th></th><th>n</th></tr></thead><tbody>${breakdown
        .filter((row) => row.by === by)
        .map(
          ({ kind, value, ci95, n }) =>
            html`<tr><td>${kind}</td><td>${formatPercent(value)}<small>${formatInterval(ci95)}</small></td><td><span class="bar"><i style="width:${(value * 100).toFixed(1)}%"></i></span></td><td>${formatCount(n)}</td></tr>`,
        )}</tbody></table></div>`,
  );
  return html`<section id="kinds"><h2>Kinds of problems</h2><div class="kinds">${tables}</div></section>`;
}

function verdictLine({ answer, gold, rule, stop, parts }: AttemptRecord): Markup {
  const right = parts.correct === 1;
  return html`<p class="answer${answer === null && " none"}">${answer === null ? html`no answer` : html`answer <code>${answer}</code>`}${rule && html` <small>by rule ${rule}</small>`}${!right && html`, expected <code>${gold}</code>`}${stop === "length" && html` <em>(cut off at the length limit)</em>`}</p>`;
}

const wordsOf = (outcome: Outcome) => outcomeWords.find(([one]) => one === outcome)?.[1] ?? outcome;

function response(record: AttemptRecord, samples: readonly AttemptRecord[]): Markup {
  const outcome = outcomeOf(record);
  const right = outcome === "correct";
  const prose = isProse(record.question);
  const parts = Object.entries(record.parts).map(([name, value]) => [
    name,
    value === null ? "not scored" : formatValue(value),
  ]);
  const facts = [["problem", record.problem], ["tokens", formatCount(record.tokens)], ...parts];
  const solved = samples.filter((one) => one.parts.correct === 1).length;
  const further =
    samples.length > 0 &&
    html`<details><summary>${formatCount(samples.length)} further ${samples.length === 1 ? "attempt" : "attempts"}, ${formatCount(solved)} right</summary>${samples.map(
      (one) =>
        html`<h5>${one.sample}: ${wordsOf(outcomeOf(one))}, ${formatCount(one.tokens)} tokens</h5>${said(one.completion, prose, whole)}${verdictLine(one)}`,
    )}</details>`;
  return html`<article class="attempt ${right ? "right" : "wrong"} o-${outcome}" style="--o:${outcomeColors[outcome]}">
<header><span class="verdict">${right ? "✓" : outcome === "ungradable" ? "?" : "✗"} ${wordsOf(outcome)}</span>${prose ? html`<p class="question">${record.question}</p>` : html`<code class="question">${record.question}</code>`}</header>
${said(record.completion, prose, whole)}
${verdictLine(record)}${further}
<dl>${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
</article>`;
}

/** The problems in order, each with its counted attempt and its further ones. */
function byProblem(records: readonly AttemptRecord[]): { record: AttemptRecord; samples: AttemptRecord[] }[] {
  const problems: { record: AttemptRecord; samples: AttemptRecord[] }[] = [];
  for (const record of records) {
    if (record.sample === undefined) problems.push({ record, samples: [] });
    else problems.at(-1)?.samples.push(record);
  }
  return problems;
}

/**
 * One evaluation as one self-contained HTML page: figures, outcomes, kinds of problems, and every response with the answer
 * that was found, the rule that found it and its reward parts. No network; the same input gives the same text.
 */
export function renderEvaluation({ title, version, facts, summary, records }: EvaluationPageInput): string {
  const problems = byProblem(records);
  const counted = problems.map(({ record }) => record);
  const { accuracy, ci95, n, seconds, breakdown = [] } = summary;
  const shownOutcomes = outcomeWords.filter(([outcome]) => counted.some((record) => outcomeOf(record) === outcome));
  const allFacts = { ...facts, problems: formatCount(n), time: formatDuration(seconds) };
  const body = html`<main>
<header><p class="kicker">Evaluation</p><h1>${title}</h1><p class="finding">${formatCount(Math.round(accuracy * n))} of ${formatCount(n)} problems answered right: ${formatPercent(accuracy)}, 95 % interval ${formatInterval(ci95)} (Wilson).</p><dl class="facts">${Object.entries(allFacts).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl></header>
<section id="results"><h2>Results</h2><div class="results"><div class="scroll">${measures(summary)}</div>${outcomeBar(counted)}</div></section>
${kindsSection(breakdown)}
<section id="responses"><h2>Every response</h2><p class="filter" hidden><button type="button" data-show="all" aria-pressed="true">all ${formatCount(n)}</button>${shownOutcomes.map(([outcome, words]) => html`<button type="button" data-show="${outcome}" aria-pressed="false">${words}</button>`)}</p>
<div class="responses">${problems.map(({ record, samples }) => response(record, samples))}</div></section>
<footer>Written by reckon ${version}. One file, no network: keep it, send it, print it.</footer>
</main>`;
  return htmlPage({ title: `${title} · evaluation`, body, ownStyle });
}
