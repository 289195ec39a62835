import { hashIntegers } from "../base/rng.ts";
import { allocateTogether } from "../engine/allocate-together.ts";
import type { Device, DeviceBuffer } from "../engine/device.ts";
import { gelu, swiglu } from "../engine/ops/activation.ts";
import { type AttentionShape, attention, type SegmentTable } from "../engine/ops/attention.ts";
import { dropout } from "../engine/ops/dropout.ts";
import { groupedLinear, linear } from "../engine/ops/linear.ts";
import { addGroupedProduct, addProduct } from "../engine/ops/low-rank.ts";
import { combineRows, dispatchRows, type Routing, routeExperts } from "../engine/ops/mixture.ts";
import { layerNorm, rmsNorm } from "../engine/ops/norm.ts";
import { addScaled } from "../engine/ops/residual.ts";
import { type RotaryTable, rotary } from "../engine/ops/rotary.ts";
import { embed } from "../engine/ops/rows.ts";
import { scale } from "../engine/ops/scale.ts";
import type { Parameter, Tape, Tensor } from "../engine/tape.ts";
import { type DecoderConfig, hasExperts } from "./config.ts";
import { makeRotaryTable } from "./rotary-table.ts";
import type { LoraPair, Weights } from "./weights.ts";

/** The rows of one forward pass; i32 [T] each. */
export interface DecoderRows {
  tokens: DeviceBuffer;
  positions: DeviceBuffer;
  segments: SegmentTable;
}

/** What a forward pass may be told besides its rows. */
export interface PassOptions {
  /** Weight of each layer's load-balancing loss in the gradient; default 0, which leaves it out. */
  balanceScale?: number;
  /**
   * Turns an adapter's dropout on: the number of the update, and of the first row among all rows of that update, so that
   * which elements are dropped is the same however an update is cut into passes. Null, the default: off.
   */
  dropout?: { update: number; firstRow: number } | null;
  /** Blocks to run; default all there are, and only then is there a final norm. 0: the embeddings. */
  layers?: number;
}

/** One forward pass under way. */
interface Pass extends Required<Omit<PassOptions, "layers">> {
  tape: Tape;
  weights: Weights;
  rows: DecoderRows;
}

/** ALiBi slope of head i of H: 2^(−8(i+1)/H). @see arXiv:2108.12409 */
export function alibiSlopes(heads: number): Float32Array {
  return Float32Array.from({ length: heads }, (_, i) => 2 ** ((-8 * (i + 1)) / heads));
}

function makeSlopes(device: Device, heads: number): DeviceBuffer {
  return allocateTogether(device, (allocate) => {
    const slopes = allocate("f32", heads);
    device.write(slopes, alibiSlopes(heads));
    return slopes;
  });
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

  /** @throws DeviceError when there is not enough memory for its tables; none is held then */
  constructor(device: Device, config: DecoderConfig) {
    this.config = config;
    this.device = device;
    const { heads, kvHeads, headDim, attentionScale } = config;
    const slopes = config.positions === "alibi" ? makeSlopes(device, heads) : null;
    this.attentionShape = { heads, kvHeads, headDim, scale: attentionScale ?? 1 / Math.sqrt(headDim), slopes };
    this.rotaryTable = config.positions === "rotary" ? makeRotaryTable(device, config) : null;
  }

  /**
   * Hidden rows before the output head, and how each mixture layer routed them.
   *
   * @returns hidden f32 [T, D]
   */
  forward(
    tape: Tape,
    weights: Weights,
    rows: DecoderRows,
    { balanceScale = 0, dropout = null, layers = this.config.layers }: PassOptions = {},
  ): { hidden: Tensor; routings: Routing[] } {
    const { config } = this;
    const pass: Pass = { tape, weights, rows, balanceScale, dropout };
    const routings: Routing[] = [];
    let x = embed(tape, weights.get("embedding.weight"), { tokens: rows.tokens, scale: config.embeddingScale });
    for (let layer = 0; layer < layers; layer++) {
      const { output, routing } = tape.section(x, (input) => this.layer(pass, layer, input));
      x = output;
      if (routing) routings.push(routing);
    }
    if (config.finalNorm && layers === config.layers) x = this.norm(pass, "finalNorm", x);
    return { hidden: x, routings };
  }

  private layer(pass: Pass, layer: number, input: Tensor): { output: Tensor; routing: Routing | null } {
    const at = `layers.${layer}`;
    const x = this.attentionBlock(pass, at, input);
    const normed = this.norm(pass, `${at}.feedForwardNorm`, x);
    return hasExperts(this.config, layer)
      ? pass.tape.regrouped(() => this.mixture(pass, at, normed, x))
      : { output: this.feedForward(pass, at, normed, x), routing: null };
  }

  /** What turns hidden rows into logits, before `logitScale`: f32 [V, D] and, where the head has one, [V]. */
  outputHead(weights: Weights): { weight: Parameter; bias: Parameter | null } {
    return {
      weight: weights.get(this.config.tiedOutput ? "embedding.weight" : "output.weight"),
      bias: biasOf(weights, "output"),
    };
  }

  close(): void {
    const { slopes } = this.attentionShape;
    for (const buffer of [slopes, this.rotaryTable?.cos, this.rotaryTable?.sin]) if (buffer) this.device.free(buffer);
  }

  private norm({ tape, weights }: Pass, name: string, x: Tensor): Tensor {
    const gain = weights.get(`${name}.weight`);
    const options = { gain, eps: this.config.normEps, recomputable: true };
    return this.config.norm === "rms"
      ? rmsNorm(tape, x, options)
      : layerNorm(tape, x, { ...options, bias: weights.get(`${name}.bias`) });
  }

  private project(pass: Pass, name: string, x: Tensor, residual: Tensor | null = null): Tensor {
    const { tape, weights } = pass;
    const y = linear(tape, x, { weight: weights.get(`${name}.weight`), bias: biasOf(weights, name), residual });
    const lora = weights.lora(name);
    if (!lora) return y;
    const narrow = linear(tape, dropped(pass, lora, x), { weight: lora.a });
    return addProduct(tape, y, { x: scale(tape, narrow, lora.scale), weight: lora.b });
  }

  /** residual + residualScale · (the projection of x). */
  private addProjection(pass: Pass, name: string, x: Tensor, residual: Tensor): Tensor {
    const factor = this.config.residualScale;
    if (factor === 1) return this.project(pass, name, x, residual);
    // Without a bias the product is linear, and its input, scaled, need not be kept.
    if (!biasOf(pass.weights, name))
      return this.project(pass, name, scale(pass.tape, x, factor, { recomputable: true }), residual);
    return addScaled(pass.tape, this.project(pass, name, x), { residual, factor });
  }

  /** Queries or keys, normed where the model does, and turned to their positions. */
  private turned({ tape, weights, rows }: Pass, name: string, projected: Tensor): Tensor {
    const { qkNorm, headDim, normEps: eps } = this.config;
    const table = this.rotaryTable;
    let x = projected;
    if (qkNorm !== "none") {
      const heads = qkNorm === "head" ? x.width / headDim : 1;
      x = rmsNorm(tape, x, { gain: weights.get(`${name}Norm.weight`), eps, heads });
    }
    return table ? rotary(tape, x, { table, positions: rows.positions, headDim }) : x;
  }

  private attentionBlock(pass: Pass, at: string, x: Tensor): Tensor {
    const { tape, rows } = pass;
    const normed = this.norm(pass, `${at}.attentionNorm`, x);
    const q = this.turned(pass, `${at}.query`, this.project(pass, `${at}.query`, normed));
    const keys = tape.kept(() => this.turned(pass, `${at}.key`, this.project(pass, `${at}.key`, normed)));
    const values = tape.kept(() => this.project(pass, `${at}.value`, normed));
    const mixed = attention(tape, q, {
      keys: tape.whole(keys),
      values: tape.whole(values),
      segments: rows.segments,
      shape: this.attentionShape,
    });
    return this.addProjection(pass, `${at}.attentionOutput`, mixed, x);
  }

  private feedForward(pass: Pass, at: string, normed: Tensor, residual: Tensor): Tensor {
    const up = this.project(pass, `${at}.up`, normed);
    const inner =
      this.config.activation === "swiglu"
        ? swiglu(pass.tape, this.project(pass, `${at}.gate`, normed), up)
        : gelu(pass.tape, up);
    return this.addProjection(pass, `${at}.down`, inner, residual);
  }

  private mixture(pass: Pass, at: string, normed: Tensor, residual: Tensor): { output: Tensor; routing: Routing } {
    const { tape, balanceScale } = pass;
    const { activeExperts: active, routing: mode, routerJitter: jitter, residualScale } = this.config;
    const logits = this.project(pass, `${at}.router`, normed);
    const routing = routeExperts(tape, logits, { active, balanceScale, mode, jitter });
    const sorted = dispatchRows(tape, normed, routing);
    const expert = this.expertProjections(pass, at, routing);
    const up = expert("up", sorted);
    const inner = this.config.activation === "swiglu" ? swiglu(tape, expert("gate", sorted), up) : gelu(tape, up);
    // Scaled where it is narrowest: the sum over experts is linear in their weights.
    const scaled = residualScale === 1 ? routing.weights : scale(tape, routing.weights, residualScale);
    const weighed = { routing: { ...routing, weights: scaled }, residual };
    return { output: combineRows(tape, expert("down", inner), weighed), routing };
  }

  /** Each row times its expert's matrix. Additions that share their first half compute it once. */
  private expertProjections({ tape, weights }: Pass, at: string, { offsets }: Routing) {
    const narrows = new Map<Parameter, Tensor>();
    return (kind: "gate" | "up" | "down", x: Tensor): Tensor => {
      const name = `${at}.${kind}`;
      const y = groupedLinear(tape, x, {
        weight: weights.get(`${name}.weight`),
        bias: biasOf(weights, name),
        offsets,
      });
      const lora = weights.lora(name);
      if (!lora) return y;
      const narrow =
        narrows.get(lora.a) ?? scale(tape, groupedLinear(tape, x, { weight: lora.a, offsets }), lora.scale);
      narrows.set(lora.a, narrow);
      return addGroupedProduct(tape, y, { x: narrow, weight: lora.b, offsets });
    };
  }
}

/** What an addition reads of x in a training pass. */
function dropped({ tape, dropout: pass }: Pass, lora: LoraPair, x: Tensor): Tensor {
  if (!pass || lora.dropout === 0) return x;
  return dropout(tape, x, {
    rate: lora.dropout,
    seed: hashIntegers(lora.seed, pass.update),
    firstRow: pass.firstRow,
  });
}

/** The bias of a projection that has one. */
const biasOf = (weights: Weights, name: string): Parameter | null =>
  weights.has(`${name}.bias`) ? weights.get(`${name}.bias`) : null;
