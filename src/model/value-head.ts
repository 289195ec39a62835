import { Rng } from "../base/rng.ts";
import type { Device, DeviceBuffer } from "../engine/device.ts";
import { tanh } from "../engine/ops/activation.ts";
import { linear } from "../engine/ops/linear.ts";
import { type ParameterDefinition, Parameters } from "../engine/parameters.ts";
import type { Tape, Tensor } from "../engine/tape.ts";

/** One value per row, and the place to put the loss's derivatives with respect to them. */
export interface RowValues {
  /** f32 [R]. */
  values: DeviceBuffer;
  /** Sets what `tape.backward()` starts from. */
  seed(dValues: ArrayLike<number>): void;
}

/**
 * A critic on a policy's trunk: value = w₂ · tanh(W₁ x + b₁) + b₂ of a hidden row x, W₁ [D, D], w₂ [1, D]. Its weights are
 * f32 and apart from the policy's, for an optimizer of their own; its gradient goes on into the trunk.
 *
 * W₁ and b₁ begin uniform in ±1/√D, w₂ and b₂ at 0: a fresh head values every state 0 and leaves the trunk alone.
 */
export class ValueHead {
  readonly parameters: Parameters;

  /**
   * @param width D, of the hidden rows
   * @param options seed names the weights; trained: whether gradients are kept; filled: as in `Parameters`
   * @throws DeviceError when there is not enough memory
   */
  constructor(
    device: Device,
    width: number,
    { seed, trained, filled = true }: { seed: number; trained: boolean; filled?: boolean },
  ) {
    this.parameters = new Parameters(device, headDefinitions(width, new Rng(seed, 5)), { trained, filled });
  }

  /** The value of each row. */
  values(tape: Tape, rows: Tensor): RowValues {
    const { parameters } = this;
    const dense = linear(tape, rows, { weight: parameters.get(denseWeight), bias: parameters.get(denseBias) });
    const y = linear(tape, tanh(tape, dense), { weight: parameters.get(outWeight), bias: parameters.get(outBias) });
    return {
      values: y.buffer,
      seed(dValues) {
        y.gradient = tape.scope.upload("f32", dValues);
      },
    };
  }

  /** Gives its memory back. */
  close(): void {
    this.parameters.close();
  }
}

/** Weights of a head on rows of D numbers. */
export const headWeights = (width: number): number => width * width + 2 * width + 1;

const denseWeight = "valueHead.dense.weight";
const denseBias = "valueHead.dense.bias";
const outWeight = "valueHead.out.weight";
const outBias = "valueHead.out.bias";

function headDefinitions(width: number, rng: Rng): ParameterDefinition[] {
  const bound = 1 / Math.sqrt(width);
  const uniform = (values: Float32Array) => {
    for (let i = 0; i < values.length; i++) values[i] = bound * (2 * rng.uniform() - 1);
  };
  const zero = (values: Float32Array) => void values.fill(0);
  return [
    { name: denseWeight, shape: [width, width], initialize: uniform, decays: true },
    { name: denseBias, shape: [width], initialize: uniform, decays: false },
    { name: outWeight, shape: [1, width], initialize: zero, decays: true },
    { name: outBias, shape: [1], initialize: zero, decays: false },
  ];
}
