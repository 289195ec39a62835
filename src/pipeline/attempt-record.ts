import type { EvaluatedAttempt, Evaluation } from "../eval/evaluate.ts";
import { outcomeOf } from "../eval/outcome.ts";
import type { DecoderConfig } from "../model/config.ts";
import type { AttemptRecord } from "../records/events.ts";
import { packExperts } from "../runs/expert-record.ts";

/**
 * An attempt as a run's files keep it.
 *
 * @param at the stage and how many of its steps were done
 * @param worth reward, and the advantage the loss weighed it by; null in evaluations
 */
function attemptRecord(
  at: { stage: string; step: number },
  { prompt, attempt, parts, answer }: EvaluatedAttempt,
  worth: { reward: number; advantage: number | null },
): AttemptRecord {
  return {
    ...at,
    problem: prompt.problem.id,
    question: prompt.problem.question,
    gold: prompt.problem.answer,
    completion: attempt.text,
    answer,
    stop: attempt.stop,
    tokens: attempt.tokens.length,
    parts,
    ...worth,
  };
}

/** Expert ids of a token that are kept in every attempt's line, at most: with more of them lines would be mostly ids. */
const expertsPerToken = 8;

/** Whether a model's expert ids are kept at a step: always where they are few, else where a checkpoint is due. */
export const keepsExperts = (
  { layers, activeExperts, denseLayers }: Pick<DecoderConfig, "layers" | "activeExperts" | "denseLayers">,
  checkpointDue: boolean,
): boolean => checkpointDue || (layers - denseLayers.length) * activeExperts <= expertsPerToken;

/**
 * `attemptRecord` of training.
 *
 * @param mixture of the model whose expert ids are kept with it; null: none are
 */
export function trainedRecord(
  at: { stage: string; step: number },
  one: EvaluatedAttempt,
  worth: { reward: number; advantage: number },
  mixture: Pick<DecoderConfig, "experts" | "activeExperts"> | null,
): AttemptRecord {
  const { tokens, expertIds } = one.attempt;
  return {
    ...attemptRecord(at, one, worth),
    ...(expertIds &&
      mixture && {
        experts: packExperts(expertIds, {
          tokens: tokens.length,
          active: mixture.activeExperts,
          experts: mixture.experts,
        }),
      }),
  };
}

/** `attemptRecord` of a measurement: its reward is correctness alone, 1 or 0, whatever training rewarded. */
export const measuredRecord = (at: { stage: string; step: number }, one: EvaluatedAttempt): AttemptRecord => ({
  ...attemptRecord(at, one, { reward: one.parts.correct ?? 0, advantage: null }),
  outcome: outcomeOf({ parts: one.parts, stop: one.attempt.stop }),
  ...(one.rule !== undefined && { rule: one.rule }),
});

/** Every attempt of an evaluation, problem by problem: the greedy one, then those drawn at random, numbered from 1. */
export function evaluationRecords(
  at: { stage: string; step: number },
  { attempts, samples }: Pick<Evaluation, "attempts" | "samples">,
): AttemptRecord[] {
  return attempts.flatMap((one, p) => [
    measuredRecord(at, one),
    ...(samples[p] ?? []).map((further, i) => ({ ...measuredRecord(at, further), sample: i + 1 })),
  ]);
}

/** Whether a record is of the one attempt that accuracy counts. */
export const isCounted = ({ sample }: AttemptRecord): boolean => sample === undefined;
