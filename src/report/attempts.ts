import { hashIntegers, hashText } from "../base/rng.ts";
import type { AttemptRecord } from "../records/events.ts";
import { formatCount, formatValue } from "./format.ts";
import { html, type Markup } from "./html.ts";
import { splitCompletion } from "./steps.ts";

/** Right ones, and wrong ones, per stage; and the latest stages only, so the section keeps its length. */
const perKind = 3;
const mostStages = 6;
const longestCompletion = 3000;
const mostSteps = 40;

/** The reward parts that say whether the answer is right, in order of preference. */
const correctnessParts = ["correct", "correctness", "accuracy"];

/** Whether an attempt's answer is right: by its correctness part where it has one, else by equality with the gold answer. */
export function isRight({ parts, answer, gold }: AttemptRecord): boolean {
  for (const name of correctnessParts) {
    const part = parts[name];
    if (typeof part === "number") return part >= 1;
  }
  return answer !== null && answer.trim() === gold.trim();
}

/**
 * The attempts worth showing of one stage: the latest right and wrong ones, each question once per outcome, the longer
 * ones first among those of the last logged step.
 *
 * @param count most of either outcome
 * @param seed draws them at random instead, from all steps alike
 */
export function pickAttempts(
  attempts: readonly AttemptRecord[],
  count: number,
  seed?: number,
): { right: AttemptRecord[]; wrong: AttemptRecord[] } {
  const inOrder =
    seed === undefined
      ? [...attempts].sort((a, b) => b.step - a.step || b.completion.length - a.completion.length)
      : shuffled(attempts, seed);
  const take = (right: boolean) => {
    const seen = new Set<string>();
    const chosen: AttemptRecord[] = [];
    for (const attempt of inOrder) {
      if (chosen.length >= count) break;
      if (isRight(attempt) !== right || seen.has(attempt.question)) continue;
      seen.add(attempt.question);
      chosen.push(attempt);
    }
    return chosen;
  };
  return { right: take(true), wrong: take(false) };
}

/** Every order is as likely as any other, up to equal hashes. */
function shuffled<T>(items: readonly T[], seed: number): T[] {
  const keyed = items.map((item, i) => ({ item, key: hashIntegers(hashText("sample attempts"), seed, i) }));
  return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item);
}

/** Words: two letters on either side of a space. Expressions and their steps have none. */
export const isProse = (text: string): boolean => /\p{L}{2}[^\n]* [^\n]*\p{L}{2}/u.test(text);

/**
 * A completion as its steps where it was written as steps, or as it stands.
 *
 * @param limits characters and steps that are shown
 */
export function said(
  completion: string,
  asText: boolean,
  limits = { characters: longestCompletion, steps: mostSteps },
): Markup {
  const kept = completion.slice(0, limits.characters);
  const steps = asText ? [] : splitCompletion(kept).steps;
  const shown = steps.slice(0, limits.steps);
  const cut = completion.length > limits.characters || shown.length < steps.length;
  return html`${asText && html`<div class="said">${kept.trim()}</div>`}${shown.length > 0 && html`<ol class="steps">${shown.map((text) => html`<li><code>${text}</code></li>`)}</ol>`}${cut && html`<p class="note">… the rest of ${formatCount(completion.length)} characters is left out</p>`}`;
}

const signed = (value: number) => (value > 0 ? `+${formatValue(value)}` : formatValue(value));

function card(attempt: AttemptRecord): Markup {
  const right = isRight(attempt);
  const { completion, question, gold, answer, stop, tokens, step, reward, advantage } = attempt;
  const prose = isProse(question);
  const parts = Object.entries(attempt.parts).map(([name, value]) => [
    name,
    value === null ? "not scored" : formatValue(value),
  ]);
  const facts = [
    ["reward", formatValue(reward)],
    ...(parts.length > 1 || parts.some(([, text]) => text !== formatValue(reward)) ? parts : []),
    ...(advantage === null ? [] : [["advantage", signed(advantage)]]),
    ["tokens", formatCount(tokens)],
    // What was measured was measured after the last step: it says nothing of the one attempt.
    ...(advantage === null ? [] : [["step", formatCount(step)]]),
  ];
  return html`<article class="attempt ${right ? "right" : "wrong"}">
<header><span class="verdict">${right ? "✓ right" : "✗ wrong"}</span>${prose ? html`<p class="question">${question}</p>` : html`<code class="question">${question}</code>`}</header>
${said(completion, prose)}
<p class="answer${answer === null && " none"}">${answer === null ? html`no answer` : html`answer <code>${answer}</code>`}${!right && html`, expected <code>${gold}</code>`}${stop === "length" && html` <em>(cut off at the length limit)</em>`}</p>
<dl>${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
</article>`;
}

/**
 * Sample attempts by stage, right and wrong, with steps, answer, rewards and advantage. The outcome is told by a word,
 * a sign and a border, not by colour alone.
 *
 * @returns null without attempts
 */
export function attemptSection(attempts: readonly AttemptRecord[], seed?: number): Markup | null {
  if (attempts.length === 0) return null;
  const stages = [...new Set(attempts.map(({ stage }) => stage))].slice(-mostStages);
  const blocks = stages.map((stage) => {
    const { right, wrong } = pickAttempts(
      attempts.filter((attempt) => attempt.stage === stage),
      perKind,
      seed,
    );
    return html`<h3>${stage}</h3><div class="attempts">${[...right, ...wrong].map(card)}</div>`;
  });
  return html`<section id="attempts"><h2>Sample attempts</h2>
<p class="note">What the model wrote, step by step. In the wrong ones, look for the first step that is not true: is it an arithmetic slip, a misread question, or a missing step? The advantage says how much better than its siblings at the same question an attempt was; training makes tokens of positive ones more likely.</p>
<p class="filter" hidden><button type="button" data-show="all" aria-pressed="true">all</button><button type="button" data-show="right" aria-pressed="false">✓ right</button><button type="button" data-show="wrong" aria-pressed="false">✗ wrong</button></p>
${blocks}</section>`;
}
