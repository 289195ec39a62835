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
  /** By token: [layers × active]. */
  private readonly byToken: Uint16Array[] = [];

  /** Adds the next token, which row `row` of a pass predicted. */
  add(pass: PassExperts, row: number, active: number): void {
    const ids = new Uint16Array(pass.length * active);
    for (let layer = 0; layer < pass.length; layer++)
      for (let j = 0; j < active; j++) ids[layer * active + j] = pass[layer][row * active + j];
    this.byToken.push(ids);
  }

  /** @returns [layers × tokens × active], in one byte each where the ids fit */
  pack(active: number, experts: number): Uint8Array | Uint16Array {
    const tokens = this.byToken.length;
    const perToken = this.byToken[0]?.length ?? 0;
    const packed = experts <= 256 ? new Uint8Array(tokens * perToken) : new Uint16Array(tokens * perToken);
    for (let t = 0; t < tokens; t++)
      for (let i = 0; i < perToken; i++) {
        const layer = Math.floor(i / active);
        packed[(layer * tokens + t) * active + (i % active)] = this.byToken[t][i];
      }
    return packed;
  }
}
