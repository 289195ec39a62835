import { ShapeError } from "../base/errors.ts";
import type { Device } from "../engine/device.ts";
import { gelu } from "../engine/ops/activation.ts";
import { type AttentionShape, attention, type SegmentTable, segmentColumns } from "../engine/ops/attention.ts";
import { linear } from "../engine/ops/linear.ts";
import { layerNorm } from "../engine/ops/norm.ts";
import { addScaled } from "../engine/ops/residual.ts";
import { embed } from "../engine/ops/rows.ts";
import { Scope } from "../engine/scope.ts";
import type { Tape, Tensor } from "../engine/tape.ts";
import { type EncoderConfig, mostTokens, tokenPositions } from "./encoder-config.ts";
import { readHiddenRows } from "./hidden-rows.ts";
import { requireBelow } from "./packed-batch.ts";
import type { Weights } from "./weights.ts";

/**
 * A frozen encoder of texts, BERT and its relatives: embeddings of words, positions and types, normed; blocks of attention
 * in which every token sees all of its text, and feed-forward with the exact GELU, each added to its input and normed.
 * Texts are packed without padding, so what a text comes to does not depend on the others. Forward only.
 *
 * @see arXiv:1810.04805, arXiv:1907.11692 (RoBERTa), arXiv:1910.01108 (DistilBERT)
 */
export class Encoder {
  readonly config: EncoderConfig;
  private readonly weights: Weights & { close(): void };
  private readonly scope: Scope;
  private readonly attentionShape: AttentionShape;

  /** @param weights named as `encoderArrays` names them; closed with the encoder */
  constructor(device: Device, config: EncoderConfig, weights: Weights & { close(): void }) {
    const { width, heads } = config;
    this.config = config;
    this.weights = weights;
    this.scope = new Scope(device);
    this.attentionShape = {
      heads,
      kvHeads: heads,
      headDim: width / heads,
      scale: (width / heads) ** -0.5,
      slopes: null,
    };
  }

  /**
   * The hidden rows of texts after some blocks; 0 blocks are the embeddings.
   *
   * @param texts token ids of each, what frames a text included
   * @param options layers: blocks, default all there are
   * @returns of each text f32 [L, D]
   * @throws ShapeError when an id is not in the vocabulary or a text is longer than the table of positions
   */
  hiddenRows(
    texts: readonly (readonly number[])[],
    { layers = this.config.layers }: { layers?: number } = {},
  ): Promise<Float32Array[]> {
    return readHiddenRows(this.scope, texts, (tape, some) => this.forward(tape, some, layers));
  }

  /** Gives the memory back, its weights' too. */
  close(): void {
    this.scope.close();
    this.weights.close();
  }

  private forward(tape: Tape, texts: readonly (readonly number[])[], layers: number): Tensor {
    const { config, scope, weights } = this;
    const ids = texts.flat();
    const positions = texts.flatMap((text) => tokenPositions(text, config));
    requireBelow("token", ids, config.vocabularySize);
    const long = texts.find(({ length }) => length > mostTokens(config));
    if (long)
      throw new ShapeError(`encoder: a text may have ${mostTokens(config)} tokens, got ${long.length}; cut it shorter`);
    const table = (name: string, index: readonly number[]) =>
      embed(tape, weights.get(`${name}.weight`), { tokens: scope.upload("i32", index), scale: 1 });
    const added = (x: Tensor, residual: Tensor) => addScaled(tape, x, { residual, factor: 1 });

    const words = added(table("positions", positions), table("embedding", ids));
    const typed = config.types > 0 ? added(table("types", new Array(ids.length).fill(0)), words) : words;
    let x = this.norm(tape, "embeddingNorm", typed);
    const segments = uploadWholeTexts(scope, texts);
    for (let layer = 0; layer < layers; layer++)
      x = tape.section(x, (input) => ({ output: this.layer(tape, `layers.${layer}`, input, segments) })).output;
    return x;
  }

  private layer(tape: Tape, at: string, x: Tensor, segments: SegmentTable): Tensor {
    const q = this.project(tape, `${at}.query`, x);
    const keys = this.project(tape, `${at}.key`, x);
    const values = this.project(tape, `${at}.value`, x);
    const mixed = attention(tape, q, { keys, values, segments, shape: this.attentionShape });
    const attended = this.norm(tape, `${at}.attentionNorm`, this.project(tape, `${at}.attentionOutput`, mixed, x));
    const inner = gelu(tape, this.project(tape, `${at}.up`, attended));
    return this.norm(tape, `${at}.feedForwardNorm`, this.project(tape, `${at}.down`, inner, attended));
  }

  private project(tape: Tape, name: string, x: Tensor, residual: Tensor | null = null): Tensor {
    const { weights } = this;
    return linear(tape, x, { weight: weights.get(`${name}.weight`), bias: weights.get(`${name}.bias`), residual });
  }

  private norm(tape: Tape, name: string, x: Tensor): Tensor {
    const { weights, config } = this;
    const gain = weights.get(`${name}.weight`);
    return layerNorm(tape, x, { gain, bias: weights.get(`${name}.bias`), eps: config.normEps });
  }
}

/**
 * A table in which every token sees its whole text. Attention is causal within a segment; so each token is a segment of its
 * own, whose keys are those of the text, all but one of them before it. No position enters a score (there are no slopes).
 */
function uploadWholeTexts(scope: Scope, texts: readonly (readonly number[])[]): SegmentTable {
  const count = texts.reduce((rows, { length }) => rows + length, 0);
  const table = new Int32Array(count * segmentColumns);
  let row = 0;
  let maxKeys = 0;
  for (const { length } of texts) {
    const start = row;
    for (let i = 0; i < length; i++, row++) table.set([row, 1, start, length - 1, -1, 1], row * segmentColumns);
    maxKeys = Math.max(maxKeys, length);
  }
  return { buffer: scope.upload("i32", table), count, maxKeys };
}
