/** Errors a user can act on. The message says the operation, what was expected, what came and what to do. */
export class ReckonError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}
/** Operands whose sizes do not fit each other. */
export class ShapeError extends ReckonError {}
/** A device that is missing, not built, out of memory, or misused. */
export class DeviceError extends ReckonError {}
/** A recipe, flag or option that is unknown or out of range. Lists every problem. */
export class ConfigError extends ReckonError {}
/** Problems, prompts or files whose content cannot be used. */
export class DataError extends ReckonError {}
/** A checkpoint that is missing, truncated, foreign or cannot be written. */
export class CheckpointError extends ReckonError {}
/** Training that cannot go on: a loss or gradient that is not finite. */
export class TrainingError extends ReckonError {}
/** A reward that throws, does not answer in time, or gives parts that are no numbers. */
export class RewardError extends ReckonError {}
