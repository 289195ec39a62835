import type { Device } from "../engine/device.ts";
import type { Routing } from "../engine/ops/mixture.ts";
import type { DecoderConfig } from "../model/config.ts";
import type { SampledAttempt } from "./sampled-attempt.ts";

/** The experts of the rows that a pass drew tokens from: ids [rows × mixture layers × active], one byte each where they fit. */
export interface DrawnExperts {
  ids: Uint8Array | Uint16Array;
  layers: number;
  active: number;
}

/**
 * Reads which experts some rows of a pass went to.
 *
 * @param rows of the pass, one for each token that was drawn
 */
export async function readExperts(
  device: Device,
  routings: readonly Routing[],
  rows: ArrayLike<number>,
  { activeExperts, experts }: Pick<DecoderConfig, "activeExperts" | "experts">,
): Promise<DrawnExperts> {
  const layers = routings.length;
  const count = rows.length * layers * activeExperts;
  const ids = experts <= 256 ? new Uint8Array(count) : new Uint16Array(count);
  for (let layer = 0; layer < layers; layer++) {
    const read = await device.read(routings[layer].expertIds);
    for (let i = 0; i < rows.length; i++) {
      const from = rows[i] * activeExperts;
      const to = (i * layers + layer) * activeExperts;
      for (let j = 0; j < activeExperts; j++) ids[to + j] = read[from + j];
    }
  }
  return { ids, layers, active: activeExperts };
}

/** What a pass recorded, an entry for each token that was drawn. */
export interface DrawnTokens {
  logps: ArrayLike<number>;
  entropies: ArrayLike<number>;
  /** Null where they are not kept. */
  experts: DrawnExperts | null;
}

/**
 * What was recorded of a completion, as it grows: where each token stands in what its pass recorded. Two words a token,
 * where a list of its own experts' numbers alone would take a word for each at work in every layer.
 */
export class TokenTrace {
  private readonly passes: DrawnTokens[] = [];
  private readonly entries: number[] = [];

  /** Adds the next token. */
  add(pass: DrawnTokens, entry: number): void {
    this.passes.push(pass);
    this.entries.push(entry);
  }

  /** What `SampledAttempt` holds of it, as numbers of the device's precision. */
  finish({ info }: Device): Pick<SampledAttempt, "logps" | "entropies" | "expertIds"> {
    const { passes, entries } = this;
    const { length } = entries;
    const Numbers = info.precision === "f64" ? Float64Array : Float32Array;
    const logps = new Numbers(length);
    const entropies = new Numbers(length);
    for (let t = 0; t < length; t++) {
      logps[t] = passes[t].logps[entries[t]];
      entropies[t] = passes[t].entropies[entries[t]];
    }
    const experts = passes.flatMap((pass) => pass.experts ?? []);
    return { logps, entropies, expertIds: gatherExperts(experts, entries) };
  }
}

/**
 * The experts of one completion.
 *
 * @param passes of its tokens
 * @param entries of its tokens in them
 * @returns [mixture layers × tokens × active]; null without passes
 */
export function gatherExperts(
  passes: readonly DrawnExperts[],
  entries: ArrayLike<number>,
): Uint8Array | Uint16Array | null {
  if (passes.length === 0) return null;
  const { layers, active, ids } = passes[0];
  const count = passes.length * layers * active;
  const gathered = ids instanceof Uint8Array ? new Uint8Array(count) : new Uint16Array(count);
  let at = 0;
  for (let layer = 0; layer < layers; layer++)
    for (let t = 0; t < passes.length; t++) {
      const from = (entries[t] * layers + layer) * active;
      for (let j = 0; j < active; j++) gathered[at++] = passes[t].ids[from + j];
    }
  return gathered;
}
