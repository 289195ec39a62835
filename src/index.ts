/**
 * reckon as a library: everything the command line does is a call here. Listed in the order data flows; README shows
 * each in use.
 */

// Rewards, advantages, losses: pure functions of plain arrays.
export { batchAdvantages } from "./advantage/batch-baseline.ts";
export { clampAdvantages } from "./advantage/clamp.ts";
export { type GaeOptions, gae, type TokenAdvantages, type ValuedAttempt } from "./advantage/gae.ts";
export { type AdvantageScale, groupAdvantages, hasSpread } from "./advantage/group.ts";
export { leaveOneOutAdvantages } from "./advantage/leave-one-out.ts";
// What went wrong, as classes.
export {
  CheckpointError,
  ConfigError,
  DataError,
  DeviceError,
  ReckonError,
  ShapeError,
  TrainingError,
} from "./base/errors.ts";
export { version } from "./base/version.ts";
// Problems, and the token ids they become.
export { type GenerateOptions, generateProblems, problemFromText } from "./data/arithmetic.ts";
export type { ArithmeticOptions } from "./data/arithmetic-options.ts";
// The processor.
export { measureReadBandwidth, type ReadBandwidth } from "./engine/bench-bandwidth.ts";
export {
  benchMatmul,
  type MatmulBenchOptions,
  type MatmulResult,
  type MatmulShape,
  matmulShapes,
} from "./engine/bench-matmul.ts";
export type { Device, DeviceBuffer, DeviceInfo } from "./engine/device.ts";
export { type DeviceOptions, type DeviceReport, describeDevices, openDevice } from "./engine/registry.ts";
export { type SelfTest, testKernels } from "./engine/self-test.ts";
// Sampling and measuring.
export { type EvaluatedAttempt, type EvaluateOptions, type Evaluation, evaluate } from "./eval/evaluate.ts";
export { majorityShare, type Vote } from "./eval/majority.ts";
export { passAtK } from "./eval/pass-at-k.ts";
export { type CispoOptions, cispoLoss } from "./loss/cispo.ts";
export { type GrpoOptions, grpoLoss } from "./loss/grpo.ts";
export { gspoLoss } from "./loss/gspo.ts";
export { type CriticBatch, type CriticLossResult, type PpoOptions, ppoLoss } from "./loss/ppo.ts";
export { type ReinforceOptions, reinforceLoss } from "./loss/reinforce.ts";
export { type RlooOptions, rlooLoss } from "./loss/rloo.ts";
export { supervisedLoss } from "./loss/supervised.ts";
export type { Loss, LossNormalizer, LossResult, TokenBatch } from "./loss/token-batch.ts";
// The model.
export type { Adapter, LoraOptions } from "./model/adapter.ts";
export { loadModel, type ModelManifest, readModelManifest, saveModel } from "./model/checkpoint.ts";
export {
  type DecoderConfig,
  type MathFormerOptions,
  type MathFormerSize,
  mathFormer,
  mathFormerSizes,
} from "./model/config.ts";
export { type ExportOptions, type ExportReport, exportModel } from "./model/export.ts";
export { FrozenWeights } from "./model/frozen-weights.ts";
export { attachLora } from "./model/lora.ts";
export { type PackedBatch, type PackedSequence, packSequences } from "./model/packed-batch.ts";
export { attachPeft, writePeft } from "./model/peft.ts";
export { closePolicy, createPolicy, freezePolicy, frozenPolicy, type Policy, scoreBatch } from "./model/policy.ts";
export { loadPretrained, type Pretrained, type PretrainedOptions } from "./model/pretrained.ts";
export { type ResolvedModel, resolveModel } from "./model/resolve-model.ts";
export { describeTrained, GradientWatch, type TrainedModule } from "./model/trained-modules.ts";
export { ValueHead } from "./model/value-head.ts";
export type { LoraPair, Weights } from "./model/weights.ts";
// Recipes, and the runs they leave behind.
export { type ArithmeticTask, arithmeticGrading, arithmeticTask } from "./pipeline/arithmetic-task.ts";
export { compareMeasurements, type Measurement, readMeasurements } from "./pipeline/measurements.ts";
export { type OpenModel, openModel } from "./pipeline/open-model.ts";
export { defineRecipe, parseRecipe, type RecipeInput } from "./pipeline/parse-recipe.ts";
export {
  type PpoStage,
  type Recipe,
  type RlStage,
  recipeSchema,
  type Stage,
  type SupervisedStage,
} from "./pipeline/recipe.ts";
export { type RunOptions, type RunResult, reportRun, runRecipe } from "./pipeline/run-recipe.ts";
export { type AnsweredQuestion, sampleModel } from "./pipeline/sample-model.ts";
export type { LibraryReward } from "./pipeline/stage-rewards.ts";
export { startTraining, type TrainingThread } from "./pipeline/training-thread.ts";
export { arithmeticDemonstration, arithmeticPrompt } from "./prompt/arithmetic-format.ts";
export { MathTokenizer } from "./prompt/math-tokenizer.ts";
export type { Tokenizer } from "./prompt/tokenizer.ts";
// The nouns.
export type { Attempt, PromptedAttempt, RewardParts, ScoredGroup, StopReason } from "./records/attempt.ts";
export type { EvaluationDetails, Outcome } from "./records/evaluation.ts";
export type { AttemptRecord, EvaluationSummary, ExpertUse, RunEvent, StageKind } from "./records/events.ts";
export type { Demonstration, Problem, Prompt } from "./records/problem.ts";
export { judgeAnswer, type Verdict } from "./reward/answers/judge-answer.ts";
export { arithmeticReward, extractAnswer } from "./reward/arithmetic.ts";
export { type BertScore, bertScore, type EmbeddedText } from "./reward/bert-score.ts";
export { type GradingPool, type GradingPoolOptions, openGradingPool } from "./reward/grading-pool.ts";
export { type Reward, type RewardOptions, weighReward } from "./reward/reward.ts";
export { type Grade, type GradingOptions, type GradingRule, gradeAnswer, gradeResponse } from "./reward/rules.ts";
export type { NamedReward } from "./reward/stage-rewards.ts";
export { type Grading, gradeAttempts, toAttempt } from "./rollout/attempts.ts";
export { DraftStore, type DraftStoreOptions } from "./rollout/draft-store.ts";
export type { RolloutProgress } from "./rollout/generation.ts";
export { type Rollout, type RolloutOptions, sampleAttempts } from "./rollout/rollout.ts";
export type { SampledAttempt } from "./rollout/sampled-attempt.ts";
export { greedy, type SamplingOptions } from "./rollout/sampling.ts";
export { type SequenceScore, scoreSequences } from "./rollout/score.ts";
export { Conversation, type StreamedToken, type StreamOptions, streamCompletion } from "./rollout/stream.ts";
export { listRuns, type RunManifest, type RunSnapshot, readRun } from "./runs/run-reader.ts";
// Training.
export { benchGrpo, type GrpoBenchResult, type GrpoWorkload } from "./train/bench-grpo.ts";
export { benchSft, type SftBenchResult, type SftWorkload } from "./train/bench-sft.ts";
export { measurePeakFlops } from "./train/flops.ts";
export { trainGrpo } from "./train/grpo.ts";
export type { GrpoTrainingOptions } from "./train/grpo-options.ts";
export type { GrpoRun } from "./train/grpo-run.ts";
export type { AfterStep, StepReport } from "./train/hooks.ts";
export { trainPpo } from "./train/ppo.ts";
export { closeCritic, createCritic } from "./train/ppo-critic.ts";
export type { PpoTrainingOptions } from "./train/ppo-options.ts";
export type { Critic, PpoRun } from "./train/ppo-run.ts";
export { type SupervisedOptions, trainSupervised } from "./train/supervised.ts";
export { AdamW, type AdamWOptions } from "./update/adamw.ts";
export { learningRateAt, type ScheduleOptions } from "./update/schedule.ts";
