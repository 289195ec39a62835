import type { DeviceBuffer } from "../engine/device.ts";
import { linear } from "../engine/ops/linear.ts";
import { mostLogitsAtOnce } from "../engine/ops/token-logps.ts";
import { Tape } from "../engine/tape.ts";
import { logitTemperature, type Policy } from "../model/policy.ts";
import { recordingTemperature, type SamplingOptions } from "./sampling.ts";

/** What the rows of one draw need besides their hidden states. */
export interface DrawnRows {
  /** How many tokens are drawn from each row, the most first; left out: one from each. */
  counts?: readonly number[];
  /**
   * One number in [0, 1) per draw; its token is the first whose cumulative probability exceeds it. Draws go by turns: the
   * first of every row, the second of every row that has one, and so on.
   */
  uniforms: Float32Array;
  /** Whether a row's completion is too short to end. */
  tooShort(row: number): boolean;
  /** All tokens before the one that is drawn for a row, in parts; read where there is a repetition penalty. */
  context(row: number): readonly (readonly number[])[];
}

/** Where draws are recorded, f32 [draws] each: log-probabilities and entropies (nats) of the recorded distribution. */
export interface DrawRecords {
  logps: DeviceBuffer;
  entropies: DeviceBuffer;
}

/**
 * Draws tokens from rows and records, on the device, the log-probability and entropy they were drawn with. A row's logits are
 * computed once, however many tokens are drawn from it.
 */
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
   * @returns token ids, one per draw, in the order of the uniforms
   */
  draw(hidden: DeviceBuffer, rows: DrawnRows, records: DrawRecords): Promise<ArrayLike<number>> {
    const { device, pieceScope, config } = this.policy;
    const { width, vocabularySize } = config;
    const draws = rows.uniforms.length;
    const count = rows.counts?.length ?? draws;
    // rowsOf[t]: how many rows have a turn t; they are the first ones.
    const rowsOf = [count];
    while (rows.counts && rowsOf.length < rows.counts[0]) {
      const turn = rowsOf.length;
      rowsOf.push(rows.counts.filter((times) => times > turn).length);
    }
    const uniforms = pieceScope.upload("f32", rows.uniforms);
    const drawn = pieceScope.temporary("i32", draws);
    const chunkRows = Math.max(1, Math.min(count, Math.floor(mostLogitsAtOnce / vocabularySize)));
    for (let first = 0; first < count; first += chunkRows) {
      const length = Math.min(chunkRows, count - first);
      const mark = pieceScope.mark();
      const logits = this.logits(device.view(hidden, first * width, length * width), length);
      const edited = this.edited(logits, rows, { first, count: length });
      let before = 0;
      for (const inTurn of rowsOf) {
        const turned = Math.min(length, inTurn - first);
        if (turned <= 0) break;
        const part = (buffer: DeviceBuffer) => device.view(buffer, before + first, turned);
        this.drawTurn(
          { logits, edited, rows: turned },
          {
            uniforms: part(uniforms),
            drawn: part(drawn),
            logps: part(records.logps),
            entropies: part(records.entropies),
          },
        );
        before += inTurn;
      }
      pieceScope.release(mark);
    }
    return device.read(drawn) as Promise<ArrayLike<number>>;
  }

  private logits(hidden: DeviceBuffer, rows: number): DeviceBuffer {
    const { pieceScope, config, decoder, weights } = this.policy;
    const tape = new Tape(pieceScope, { recording: false });
    const x = { buffer: hidden, rows, width: config.width, gradient: null };
    return linear(tape, x, decoder.outputHead(weights)).buffer;
  }

  /** One token from each of the first `rows` rows of logits. */
  private drawTurn(
    { logits, edited, rows }: { logits: DeviceBuffer; edited: DeviceBuffer; rows: number },
    { uniforms, drawn, logps, entropies }: DrawRecords & { uniforms: DeviceBuffer; drawn: DeviceBuffer },
  ): void {
    const { device, config } = this.policy;
    const { temperature, topK, topP, minP } = this.options;
    const { vocabularySize: vocabulary } = config;
    const count = rows * vocabulary;
    device.enqueue("sample", {
      rows,
      vocabulary,
      logits: device.view(edited, 0, count),
      uniforms,
      tokens: drawn,
      inverseTemperature: temperature === 0 ? 0 : 1 / logitTemperature(config, temperature),
      topK,
      topP,
      minP,
    });
    device.enqueue("tokenLogps", {
      rows,
      vocabulary,
      logits: device.view(logits, 0, count),
      targets: drawn,
      logps,
      entropies,
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
