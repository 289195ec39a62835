import type { DeviceBuffer } from "../engine/device.ts";
import type { Parameter } from "../engine/tape.ts";
import type { Policy } from "../model/policy.ts";
import { recordingTemperature, type SamplingOptions } from "./sampling.ts";

/**
 * Draws one token for each row and keeps, on the device, the log-probability and entropy it was drawn with. Records
 * follow each other piece by piece.
 */
export class Sampler {
  /** f32, by record. */
  readonly logps: DeviceBuffer;
  /** f32, by record, nats. */
  readonly entropies: DeviceBuffer;
  /** Records so far. */
  recorded = 0;
  private readonly policy: Policy;
  private readonly options: Required<SamplingOptions>;
  private readonly weight: Parameter;

  /** @param capacity most records there will be */
  constructor(policy: Policy, options: Required<SamplingOptions>, capacity: number) {
    this.policy = policy;
    this.options = options;
    this.weight = policy.decoder.outputWeight(policy.weights);
    this.logps = policy.stepScope.temporary("f32", capacity);
    this.entropies = policy.stepScope.temporary("f32", capacity);
  }

  /**
   * @param hidden f32 [count, D]
   * @param uniforms one number in [0, 1) per row; the row's token is the first whose cumulative probability exceeds it
   * @returns token ids, one per row; row r's record is number `recorded` (before the call) + r
   */
  async draw(hidden: DeviceBuffer, uniforms: Float32Array): Promise<ArrayLike<number>> {
    const { device, pieceScope } = this.policy;
    const { temperature, topK, topP } = this.options;
    const [vocabulary, inner] = this.weight.shape;
    const rows = uniforms.length;
    const logits = pieceScope.temporary("f32", rows * vocabulary);
    const drawn = pieceScope.temporary("i32", rows);
    device.enqueue("linear", {
      x: hidden,
      w: this.weight.buffer,
      bias: null,
      residual: null,
      y: logits,
      rows,
      inner,
      outer: vocabulary,
    });
    device.enqueue("sample", {
      logits,
      uniforms: pieceScope.upload("f32", uniforms),
      tokens: drawn,
      rows,
      vocabulary,
      inverseTemperature: temperature === 0 ? 0 : 1 / temperature,
      topK,
      topP,
      minP: 0,
    });
    device.enqueue("tokenLogps", {
      logits,
      targets: drawn,
      logps: device.view(this.logps, this.recorded, rows),
      entropies: device.view(this.entropies, this.recorded, rows),
      rows,
      vocabulary,
      inverseTemperature: 1 / recordingTemperature(this.options),
    });
    this.recorded += rows;
    return device.read(drawn);
  }
}
