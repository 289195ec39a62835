import type { Device } from "../engine/device.ts";
import type { Routing } from "../engine/ops/mixture.ts";

/** Expert ids of one pass: per mixture layer, [rows × active]. */
export type PassExperts = readonly ArrayLike<number>[];

/** Reads which experts each row of a pass went to. */
export async function readExperts(device: Device, routings: readonly Routing[]): Promise<PassExperts> {
  const layers: ArrayLike<number>[] = [];
  for (const { expertIds } of routings) layers.push(await device.read(expertIds));
  return layers;
}

/** The experts that took part in predicting each token of a completion, as it grows. */
export class ExpertTrace {
  /** [tokens × layers × active]. */
  private readonly ids: number[] = [];
  private layers = 0;

  /** Adds the next token, which row `row` of a pass predicted. */
  add(pass: PassExperts, row: number, active: number): void {
    this.layers = pass.length;
    for (const layer of pass) for (let j = 0; j < active; j++) this.ids.push(layer[row * active + j]);
  }

  /** @returns [layers × tokens × active], in one byte each where the ids fit */
  pack(active: number, experts: number): Uint8Array | Uint16Array {
    const { ids, layers } = this;
    const tokens = layers === 0 ? 0 : ids.length / (layers * active);
    const packed = experts <= 256 ? new Uint8Array(ids.length) : new Uint16Array(ids.length);
    let at = 0;
    for (let layer = 0; layer < layers; layer++)
      for (let t = 0; t < tokens; t++)
        for (let j = 0; j < active; j++) packed[at++] = ids[(t * layers + layer) * active + j];
    return packed;
  }
}
