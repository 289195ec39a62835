import type { z } from "zod";
import type { AnswerFormat } from "../prompt/answer-format.ts";
import type { RewardParts } from "../records/attempt.ts";
import type { BatchReward, SyncReward } from "./reward.ts";
import type { SimilarityOptions } from "./similarity-options.ts";
import type { NamedReward } from "./stage-rewards.ts";

/** Whether an answer means the same as a gold one, null where it cannot be said; at once where it can, else by a promise. */
export type JudgeAnswer = (
  answer: string,
  gold: string,
) => { equal: boolean | null } | Promise<{ equal: boolean | null }>;

/**
 * How alike two texts are, from 0 to 1, pair by pair. It takes a model, so it is made above this room.
 */
export type Similarity = (
  pairs: readonly { candidate: string; reference: string }[],
  options: SimilarityOptions,
) => Promise<number[]>;

/** What rewards know of the task they are made for. */
export interface RewardContext {
  /** How answers of problems in words are marked; null for expressions. */
  format: AnswerFormat | null;
  /** Longest completion, in tokens. */
  maxNewTokens: number;
  judge: JudgeAnswer;
  /** Absent where there is no model to embed texts. */
  similarity?: Similarity;
}

/** A reward by its name in recipes. */
export interface RewardKind<S extends z.ZodType = z.ZodType> {
  /** What `options` may hold. */
  options: S;
  /** The tasks it is for. */
  tasks: "words" | "arithmetic" | "any";
  /** @throws ConfigError when the context lacks what it needs, or options do not fit the task */
  make(options: z.output<S>, context: RewardContext): Omit<NamedReward, "name">;
}

/** Keeps the type of a kind's options. */
export const rewardKind = <S extends z.ZodType>(kind: RewardKind<S>): RewardKind<S> => kind;

/** A reward of single attempts, as one of batches. */
export const ofEach =
  (reward: SyncReward): BatchReward =>
  (scored) =>
    scored.map(({ attempt, prompt }) => reward(attempt, prompt.problem));

/** As `ofEach`, for rewards whose verdicts may take time. */
export const ofEachInTime =
  (reward: (...asked: Parameters<SyncReward>) => RewardParts | Promise<RewardParts>): BatchReward =>
  (scored) =>
    Promise.all(scored.map(({ attempt, prompt }) => reward(attempt, prompt.problem)));
