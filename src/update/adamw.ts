import { TrainingError } from "../base/errors.ts";
import type { DeviceBuffer } from "../engine/device.ts";
import type { Parameters } from "../engine/parameters.ts";

/** What `AdamW` may be told; all of it has a default. */
export interface AdamWOptions {
  /** Decay of the first moment, in [0, 1); default 0.9. */
  beta1?: number;
  /** Decay of the second moment, in [0, 1); default 0.99, as suits runs of a few hundred steps. */
  beta2?: number;
  /** Added to the root of the second moment; default 1e-8. */
  eps?: number;
  /** Decoupled decay of matrices, per step as a share of the learning rate; default 0. */
  weightDecay?: number;
  /** Gradients with a larger 2-norm are scaled down to it; 0: never; default 1. */
  maxGradNorm?: number;
}

/**
 * AdamW with gradient clipping by the norm over all parameters. Moments are f32, laid out like the parameters.
 *
 * @see arXiv:1711.05101 algorithm 2
 */
export class AdamW {
  readonly first: DeviceBuffer;
  readonly second: DeviceBuffer;
  /** Updates done. */
  steps = 0;
  private readonly parameters: Parameters;
  private readonly options: Required<AdamWOptions>;
  private readonly squares: DeviceBuffer;

  /** @param options fields beyond these are ignored, so that a stage of a recipe can be passed */
  constructor(parameters: Parameters, options: AdamWOptions = {}) {
    const { device, length } = parameters;
    this.parameters = parameters;
    const { beta1 = 0.9, beta2 = 0.99, eps = 1e-8, weightDecay = 0, maxGradNorm = 1 } = options;
    this.options = { beta1, beta2, eps, weightDecay, maxGradNorm };
    this.first = device.allocate("f32", length);
    this.second = device.allocate("f32", length);
    this.squares = device.allocate("f32", 1);
  }

  /**
   * Applies the accumulated gradients once and zeroes them.
   *
   * @returns the gradients' norm before clipping
   * @throws TrainingError when the norm is not finite; nothing is applied then
   */
  async step(learningRate: number): Promise<number> {
    const norm = await this.gradientNorm();
    this.apply(learningRate, norm);
    return norm;
  }

  /** The accumulated gradients' norm. @throws TrainingError when it is not finite */
  async gradientNorm(): Promise<number> {
    const { device, length: count } = this.parameters;
    device.enqueue("sumSquares", { x: this.gradients(), out: this.squares, count });
    const norm = Math.sqrt((await device.read(this.squares))[0]);
    if (!Number.isFinite(norm)) throw new TrainingError(`the gradient's norm is ${norm}`);
    return norm;
  }

  /** The second half of `step`, for those who step several optimizers or none: `norm` is that of `gradientNorm`. */
  apply(learningRate: number, norm: number): void {
    const { device, values, decay, length: count } = this.parameters;
    const gradients = this.gradients();
    const { beta1, beta2, eps, weightDecay, maxGradNorm } = this.options;
    const step = ++this.steps;
    device.enqueue("adamw", {
      param: values,
      grad: gradients,
      m: this.first,
      v: this.second,
      decay,
      count,
      lr: learningRate,
      beta1,
      beta2,
      eps,
      weightDecay,
      correction1: 1 - beta1 ** step,
      correction2: 1 - beta2 ** step,
      gradScale: maxGradNorm > 0 && norm > maxGradNorm ? maxGradNorm / norm : 1,
    });
    device.enqueue("fill", { out: gradients, count, value: 0 });
  }

  private gradients(): DeviceBuffer {
    const { gradients } = this.parameters;
    if (!gradients) throw new TrainingError("AdamW: these parameters keep no gradients");
    return gradients;
  }

  /** Gives the moments' memory back. */
  close(): void {
    for (const buffer of [this.first, this.second, this.squares]) this.parameters.device.free(buffer);
  }
}
