import type { DeviceBuffer } from "../engine/device.ts";
import { linear } from "../engine/ops/linear.ts";
import { mostLogitsAtOnce } from "../engine/ops/token-logps.ts";
import { Tape } from "../engine/tape.ts";
import { logitTemperature, type Policy } from "../model/policy.ts";
import { recordingTemperature, type SamplingOptions } from "./sampling.ts";

/** What the rows of one draw need besides their hidden states. */
export interface DrawnRows {
  /** One number in [0, 1) per row; the row's token is the first whose cumulative probability exceeds it. */
  uniforms: Float32Array;
  /** Whether a row's completion is too short to end. */
  tooShort(row: number): boolean;
  /** All tokens before the one that is drawn for a row, in parts; read where there is a repetition penalty. */
  context(row: number): readonly (readonly number[])[];
}

/** Where a draw records, f32 [rows] each: log-probabilities and entropies (nats) of the recorded distribution. */
export interface DrawRecords {
  logps: DeviceBuffer;
  entropies: DeviceBuffer;
}

/** Draws one token for each row and records, on the device, the log-probability and entropy it was drawn with. */
export class Sampler {
  private readonly policy: Policy;
  private readonly options: Required<SamplingOptions>;
  private readonly barredIds: readonly number[];

  /** @param barredIds what may not be drawn for rows that are too short to end */
  constructor(policy: Policy, options: Required<SamplingOptions>, barredIds: readonly number[]) {
    this.policy = policy;
    this.options = options;
    this.barredIds = barredIds.filter((id) => id < policy.config.vocabularySize);
  }

  /**
   * @param hidden f32 [rows, D], in the piece scope
   * @returns token ids, one per row
   */
  draw(hidden: DeviceBuffer, rows: DrawnRows, records: DrawRecords): Promise<ArrayLike<number>> {
    const { device, pieceScope, config } = this.policy;
    const { width, vocabularySize } = config;
    const count = rows.uniforms.length;
    const uniforms = pieceScope.upload("f32", rows.uniforms);
    const drawn = pieceScope.temporary("i32", count);
    const chunkRows = Math.max(1, Math.min(count, Math.floor(mostLogitsAtOnce / vocabularySize)));
    for (let first = 0; first < count; first += chunkRows) {
      const length = Math.min(chunkRows, count - first);
      const mark = pieceScope.mark();
      const part = (buffer: DeviceBuffer, size = 1) => device.view(buffer, first * size, length * size);
      this.drawChunk(part(hidden, width), rows, {
        first,
        count: length,
        uniforms: part(uniforms),
        drawn: part(drawn),
        logps: part(records.logps),
        entropies: part(records.entropies),
      });
      pieceScope.release(mark);
    }
    return device.read(drawn) as Promise<ArrayLike<number>>;
  }

  private drawChunk(
    hidden: DeviceBuffer,
    rows: DrawnRows,
    chunk: DrawRecords & { first: number; count: number; uniforms: DeviceBuffer; drawn: DeviceBuffer },
  ): void {
    const { device, pieceScope, config, decoder, weights } = this.policy;
    const { temperature, topK, topP, minP } = this.options;
    const tape = new Tape(pieceScope, { recording: false });
    const x = { buffer: hidden, rows: chunk.count, width: config.width, gradient: null };
    const { buffer: logits } = linear(tape, x, decoder.outputHead(weights));
    const sizes = { rows: chunk.count, vocabulary: config.vocabularySize };
    device.enqueue("sample", {
      ...sizes,
      logits: this.edited(logits, rows, chunk),
      uniforms: chunk.uniforms,
      tokens: chunk.drawn,
      inverseTemperature: temperature === 0 ? 0 : 1 / logitTemperature(config, temperature),
      topK,
      topP,
      minP,
    });
    device.enqueue("tokenLogps", {
      ...sizes,
      logits,
      targets: chunk.drawn,
      logps: chunk.logps,
      entropies: chunk.entropies,
      inverseTemperature: 1 / logitTemperature(config, recordingTemperature(this.options)),
    });
  }

  /** The logits that tokens are drawn from: those of the model, or where the options change any, a changed copy. */
  private edited(
    logits: DeviceBuffer,
    rows: DrawnRows,
    { first, count }: { first: number; count: number },
  ): DeviceBuffer {
    const { device, pieceScope, config } = this.policy;
    const { repetitionPenalty, minNewTokens } = this.options;
    const { vocabularySize: vocabulary } = config;
    const barred: number[] = [];
    // A completion of one token is never too short for the smaller minimums.
    for (let row = 0; row < count && minNewTokens > 1; row++)
      if (rows.tooShort(first + row)) for (const id of this.barredIds) barred.push(row * vocabulary + id);
    if (repetitionPenalty === 1 && barred.length === 0) return logits;

    const edited = pieceScope.stacked(count * vocabulary);
    device.enqueue("copy", { x: logits, out: edited, count: count * vocabulary });
    if (repetitionPenalty !== 1) {
      const offsets = new Int32Array(count + 1);
      const contexts = Array.from({ length: count }, (_, row) => rows.context(first + row));
      contexts.forEach((parts, row) => {
        offsets[row + 1] = parts.reduce((sum, { length }) => sum + length, offsets[row]);
      });
      const tokens = new Int32Array(offsets[count]);
      contexts.forEach((parts, row) => {
        let at = offsets[row];
        for (const part of parts) {
          tokens.set(part, at);
          at += part.length;
        }
      });
      device.enqueue("repetitionPenalty", {
        logits: edited,
        tokens: pieceScope.upload("i32", tokens),
        offsets: pieceScope.upload("i32", offsets),
        rows: count,
        vocabulary,
        penalty: repetitionPenalty,
      });
    }
    if (barred.length > 0)
      device.enqueue("placeRows", {
        x: pieceScope.upload("f32", new Float32Array(barred.length).fill(Number.NEGATIVE_INFINITY)),
        index: pieceScope.upload("i32", barred),
        out: edited,
        rows: barred.length,
        width: 1,
      });
    return edited;
  }
}
