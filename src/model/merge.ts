import { decodeWeight } from "../engine/weight-formats.ts";
import { readF32 } from "./checkpoint.ts";
import type { Policy } from "./policy.ts";
import type { LoraPair } from "./weights.ts";

/**
 * The values of one of a policy's arrays with its low-rank addition put in: w + scale · b · a, summed in f64.
 *
 * @param name `layers.3.query.weight`
 * @returns f32, row by row; its shape is `policy.weights.get(name).shape`
 * @throws ShapeError when there is no such array
 */
export async function mergedValues(policy: Policy, name: string): Promise<Float32Array> {
  const { device, weights } = policy;
  const { buffer, format, shape } = weights.get(name);
  const values =
    format === "f32"
      ? await readF32(device, buffer)
      : decodeWeight(format, (await device.read(buffer)) as unknown as Uint8Array, shape);
  const lora = name.endsWith(".weight") ? weights.lora(name.slice(0, -".weight".length)) : null;
  if (lora) addPair(values, lora, await readF32(device, lora.a.buffer), await readF32(device, lora.b.buffer));
  return values;
}

/** values [E·outer, inner] += scale · b [E·outer, R] · a, each row with the a [R, inner] of its expert. */
function addPair(values: Float32Array, pair: LoraPair, a: Float32Array, b: Float32Array): void {
  const [rank, inner] = pair.a.shape.slice(-2);
  const outer = pair.b.shape[pair.b.shape.length - 2];
  const sums = new Float64Array(inner);
  for (let row = 0; row * inner < values.length; row++) {
    const expert = Math.floor(row / outer);
    sums.fill(0);
    for (let r = 0; r < rank; r++) {
      const factor = pair.scale * b[row * rank + r];
      const at = (expert * rank + r) * inner;
      for (let i = 0; i < inner; i++) sums[i] += factor * a[at + i];
    }
    for (let i = 0; i < inner; i++) values[row * inner + i] += sums[i];
  }
}
