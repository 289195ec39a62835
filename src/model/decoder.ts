import type { Device, DeviceBuffer } from "../engine/device.ts";
import { gelu, swiglu } from "../engine/ops/activation.ts";
import { type AttentionShape, attention, type SegmentTable } from "../engine/ops/attention.ts";
import { groupedLinear, linear } from "../engine/ops/linear.ts";
import { combineRows, dispatchRows, type Routing, routeExperts } from "../engine/ops/mixture.ts";
import { layerNorm, rmsNorm } from "../engine/ops/norm.ts";
import { type RotaryTable, rotary } from "../engine/ops/rotary.ts";
import { embed } from "../engine/ops/rows.ts";
import type { Parameter, Tape, Tensor } from "../engine/tape.ts";
import { type DecoderConfig, hasExperts } from "./config.ts";
import type { Weights } from "./weights.ts";

/** The rows of one forward pass; i32 [T] each. */
export interface DecoderRows {
  tokens: DeviceBuffer;
  positions: DeviceBuffer;
  segments: SegmentTable;
}

/** ALiBi slope of head i of H: 2^(−8(i+1)/H). @see arXiv:2108.12409 */
export function alibiSlopes(heads: number): Float32Array {
  return Float32Array.from({ length: heads }, (_, i) => 2 ** ((-8 * (i + 1)) / heads));
}

/**
 * A decoder-only transformer over packed rows: embedding, pre-norm blocks of attention and feed-forward (or a mixture
 * of experts), optional final norm. The weights are passed to each call, so that policy and reference share one
 * decoder. Holds only constant tables on its device.
 */
export class Decoder {
  readonly config: DecoderConfig;
  private readonly device: Device;
  private readonly attentionShape: AttentionShape;
  private readonly rotaryTable: RotaryTable | null;

  constructor(device: Device, config: DecoderConfig) {
    this.config = config;
    this.device = device;
    const { heads, kvHeads, headDim } = config;
    let slopes: DeviceBuffer | null = null;
    if (config.positions === "alibi") {
      slopes = device.allocate("f32", heads);
      device.write(slopes, alibiSlopes(heads));
    }
    this.attentionShape = { heads, kvHeads, headDim, scale: 1 / Math.sqrt(headDim), slopes };
    this.rotaryTable = config.positions === "rotary" ? makeRotaryTable(device, config) : null;
  }

  /**
   * Hidden rows before the output head, and how each mixture layer routed them.
   *
   * @param options balanceScale: weight of each layer's load-balancing loss in the gradient; 0 leaves it out
   * @returns hidden f32 [T, D]
   */
  forward(
    tape: Tape,
    weights: Weights,
    rows: DecoderRows,
    { balanceScale = 0 }: { balanceScale?: number } = {},
  ): { hidden: Tensor; routings: Routing[] } {
    const { config } = this;
    const routings: Routing[] = [];
    let x = embed(tape, weights.get("embedding.weight"), { tokens: rows.tokens, scale: config.embeddingScale });
    for (let layer = 0; layer < config.layers; layer++) {
      const at = `layers.${layer}`;
      x = this.attentionBlock(tape, weights, at, x, rows);
      const normed = this.norm(tape, weights, `${at}.feedForwardNorm`, x);
      x = hasExperts(config, layer)
        ? tape.regrouped(() => this.mixture(tape, weights, at, normed, x, balanceScale, routings))
        : this.feedForward(tape, weights, at, normed, x);
    }
    if (config.finalNorm) x = this.norm(tape, weights, "finalNorm", x);
    return { hidden: x, routings };
  }

  /** The matrix that turns hidden rows into logits, f32 [V, D]. */
  outputWeight(weights: Weights): Parameter {
    return weights.get(this.config.tiedOutput ? "embedding.weight" : "output.weight");
  }

  close(): void {
    const { slopes } = this.attentionShape;
    for (const buffer of [slopes, this.rotaryTable?.cos, this.rotaryTable?.sin]) if (buffer) this.device.free(buffer);
  }

  private norm(tape: Tape, weights: Weights, name: string, x: Tensor): Tensor {
    const gain = weights.get(`${name}.weight`);
    const eps = this.config.normEps;
    return this.config.norm === "rms"
      ? rmsNorm(tape, x, { gain, eps })
      : layerNorm(tape, x, { gain, bias: weights.get(`${name}.bias`), eps });
  }

  private project(tape: Tape, weights: Weights, name: string, x: Tensor, residual: Tensor | null = null): Tensor {
    return linear(tape, x, { weight: weights.get(`${name}.weight`), bias: biasOf(weights, name), residual });
  }

  private attentionBlock(tape: Tape, weights: Weights, at: string, x: Tensor, rows: DecoderRows): Tensor {
    const table = this.rotaryTable;
    const { headDim } = this.config;
    const turn = (y: Tensor) => (table ? rotary(tape, y, { table, positions: rows.positions, headDim }) : y);
    const normed = this.norm(tape, weights, `${at}.attentionNorm`, x);
    const q = turn(this.project(tape, weights, `${at}.query`, normed));
    const keys = tape.kept(() => turn(this.project(tape, weights, `${at}.key`, normed)));
    const values = tape.kept(() => this.project(tape, weights, `${at}.value`, normed));
    const mixed = attention(tape, q, {
      keys: tape.whole(keys),
      values: tape.whole(values),
      segments: rows.segments,
      shape: this.attentionShape,
    });
    return this.project(tape, weights, `${at}.attentionOutput`, mixed, x);
  }

  private feedForward(tape: Tape, weights: Weights, at: string, normed: Tensor, residual: Tensor): Tensor {
    const up = this.project(tape, weights, `${at}.up`, normed);
    const inner =
      this.config.activation === "swiglu"
        ? swiglu(tape, this.project(tape, weights, `${at}.gate`, normed), up)
        : gelu(tape, up);
    return this.project(tape, weights, `${at}.down`, inner, residual);
  }

  private mixture(
    tape: Tape,
    weights: Weights,
    at: string,
    normed: Tensor,
    residual: Tensor,
    balanceScale: number,
    routings: Routing[],
  ): Tensor {
    const logits = linear(tape, normed, { weight: weights.get(`${at}.router.weight`) });
    const routing = routeExperts(tape, logits, { active: this.config.activeExperts, balanceScale });
    routings.push(routing);
    const sorted = dispatchRows(tape, normed, routing);
    const expert = (name: string, x: Tensor) =>
      groupedLinear(tape, x, {
        weight: weights.get(`${at}.${name}.weight`),
        bias: biasOf(weights, `${at}.${name}`),
        offsets: routing.offsets,
      });
    const up = expert("up", sorted);
    const inner = this.config.activation === "swiglu" ? swiglu(tape, expert("gate", sorted), up) : gelu(tape, up);
    return combineRows(tape, expert("down", inner), { routing, residual });
  }
}

function makeRotaryTable(device: Device, config: DecoderConfig): RotaryTable {
  const half = config.headDim / 2;
  const length = config.maxPositions * half;
  const cos = device.allocate("f32", length);
  const sin = device.allocate("f32", length);
  // In f64: positions times frequencies lose digits in f32 long before the table ends.
  const angles = Float64Array.from(
    { length },
    (_, i) => Math.floor(i / half) * config.rotaryTheta ** (-(i % half) / half),
  );
  device.write(cos, angles.map(Math.cos));
  device.write(sin, angles.map(Math.sin));
  return { cos, sin };
}

/** The bias of a projection that has one. */
const biasOf = (weights: Weights, name: string): Parameter | null =>
  weights.has(`${name}.bias`) ? weights.get(`${name}.bias`) : null;
