import { lastBoxed } from "../prompt/answer-format-boxed.ts";
import { answerFormats } from "../prompt/answer-formats.ts";
import { compareAnswers } from "./answer-equivalence.ts";
import { isGradable, type Verdict } from "./answers/judge-answer.ts";
import { type AnswerSource, type Extraction, extractAnswer, isMark } from "./extract-answer.ts";
import type { Judge, Judgement } from "./grading-pool.ts";
import { extractGsm8k, type Gsm8kRule, isGsm8kGold, normalizeGsm8k } from "./gsm8k-rules.ts";

/**
 * What may say whether an attempt is right. `symbolic`: its answer means what the gold answer means, by every tier up to
 * computer algebra. `number`: it is the same number, or the same text. `gsm8k-strict` and `gsm8k-flexible`: as
 * lm-evaluation-harness's task gsm8k. `r1-zero`: the r1-zero format is kept, and the answer in it is right by `symbolic`.
 */
export const GRADING_RULES = ["symbolic", "number", "gsm8k-strict", "gsm8k-flexible", "r1-zero"] as const;

/** One of `GRADING_RULES`. */
export type GradingRule = (typeof GRADING_RULES)[number];

/** A graded response. */
export interface Grade {
  /** Whether it is right; null when the gold answer cannot be graded, or it took too long to tell. */
  verdict: boolean | null;
  /** The answer that was found in it. */
  extracted: string | null;
  /** What found the answer: see `extractAnswer`; `gsm8k-strict`, `gsm8k-flexible`; `given`; `none`. */
  rule: string;
  /** What decided; null where there was no answer to compare. */
  tier: Verdict["tier"] | null;
  /** Whether the answer stood where the rule or format wants it; null where neither wants it anywhere. */
  format: 0 | 1 | null;
  /** Why there is no verdict, where it is not for the gold answer's sake. */
  reason?: string;
}

/** By what a response is graded. */
export interface GradingOptions {
  rule: GradingRule;
  /** Where `symbolic` and `number` look for the answer. Default `any`. */
  source?: AnswerSource;
  /** Decides where `symbolic` and `r1-zero` leave it to what the answers mean. */
  judge: Judge;
}

/** Whether a rule can read a gold answer, so that some answer could be told to be right by it and others wrong. */
export function canGrade(gold: string, rule: GradingRule): boolean {
  if (isGsm8k(rule)) return isGsm8kGold(gold);
  return rule === "number" ? compareAnswers("", gold).equal !== null : isGradable(gold);
}

/** Grades a whole response. At once where `judge` answers at once, else by a promise. */
export function gradeResponse(
  response: string,
  gold: string,
  { rule, source = "any", judge }: GradingOptions,
): Grade | Promise<Grade> {
  const extraction = extractByRule(response, { rule, source });
  if (isGsm8k(rule)) {
    const format = rule === "gsm8k-strict" ? (extraction.answer === null ? 0 : 1) : null;
    return compareAsGsm8k(extraction, gold, format);
  }
  const where = placeOf(rule, source);
  const wellFormed = where === "any" ? isMark(extraction.rule) : answerFormats[where].matches(response);
  return compareMeaning(extraction, gold, wellFormed ? 1 : 0, { rule, judge });
}

/** The answer that a rule takes from a response, and what found it. */
export function extractByRule(
  response: string,
  { rule, source = "any" }: Pick<GradingOptions, "rule" | "source">,
): Extraction {
  if (!isGsm8k(rule)) return extractAnswer(response, placeOf(rule, source));
  const answer = extractGsm8k(response, rule);
  return { answer, rule: answer === null ? "none" : rule };
}

/** Grades an answer that was taken from its response before: `extracted` is the answer itself, or the last box in it. */
export function gradeAnswer(
  given: string | null,
  gold: string,
  { rule, judge }: Pick<GradingOptions, "rule" | "judge">,
): Grade | Promise<Grade> {
  const answer = (lastBoxed(given ?? "") ?? given ?? "").trim();
  const extraction = answer === "" ? { answer: null, rule: "none" } : { answer, rule: "given" };
  if (isGsm8k(rule)) return compareAsGsm8k(extraction, gold, null);
  return compareMeaning(extraction, gold, null, { rule, judge });
}

/** Both of lm-evaluation-harness's verdicts on a response; null where the gold answer is no number. */
export function gsm8kParts(response: string, gold: string): Record<Gsm8kRule, 0 | 1 | null> {
  const verdictOf = (rule: Gsm8kRule) =>
    score(compareAsGsm8k({ answer: extractGsm8k(response, rule), rule }, gold, null).verdict);
  return { "gsm8k-strict": verdictOf("gsm8k-strict"), "gsm8k-flexible": verdictOf("gsm8k-flexible") };
}

/** A verdict as a reward part. */
export function score(verdict: boolean | null): 0 | 1 | null {
  return verdict === null ? null : verdict ? 1 : 0;
}

const placeOf = (rule: GradingRule, source: AnswerSource) => (rule === "r1-zero" ? "r1-zero" : source);

const isGsm8k = (rule: GradingRule): rule is Gsm8kRule => rule === "gsm8k-strict" || rule === "gsm8k-flexible";

function compareAsGsm8k({ answer, rule }: Extraction, gold: string, format: Grade["format"]): Grade {
  const same = answer !== null && normalizeGsm8k(answer) === normalizeGsm8k(gold);
  const tier = answer === null ? null : "text";
  return { verdict: isGsm8kGold(gold) ? same : null, extracted: answer, rule, tier, format };
}

function compareMeaning(
  { answer, rule }: Extraction,
  gold: string,
  format: Grade["format"],
  by: Pick<GradingOptions, "rule" | "judge">,
): Grade | Promise<Grade> {
  // No answer is a wrong one, unless no answer at all could be told to be right.
  if (answer === null)
    return { verdict: canGrade(gold, by.rule) ? false : null, extracted: null, rule, tier: null, format };
  const gradeOf = ({ equal, tier, reason }: Judgement): Grade => ({
    verdict: equal,
    extracted: answer,
    rule,
    tier,
    format,
    ...(reason !== undefined && { reason }),
  });
  const judge = by.rule === "number" ? compareAnswers : by.judge;
  const judged = judge(answer, gold);
  return judged instanceof Promise ? judged.then(gradeOf) : gradeOf(judged);
}
