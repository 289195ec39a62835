import { allocateTogether } from "../engine/allocate-together.ts";
import type { Device } from "../engine/device.ts";
import type { RotaryTable } from "../engine/ops/rotary.ts";
import type { DecoderConfig } from "./config.ts";

/**
 * How far each pair (i, i + headDim/2) of a head turns per position, in radians, f64 [headDim/2]: θ^(−2i/headDim),
 * stretched as `rotaryScaling` says.
 *
 * @see arXiv:2104.09864; Llama 3's ramp is that of its published `apply_scaling`
 */
export function rotaryFrequencies(
  config: Pick<DecoderConfig, "headDim" | "rotaryTheta" | "rotaryScaling">,
): Float64Array {
  const { headDim, rotaryTheta, rotaryScaling: scaling } = config;
  const plain = Float64Array.from({ length: headDim / 2 }, (_, i) => rotaryTheta ** ((-2 * i) / headDim));
  switch (scaling?.kind) {
    case undefined:
      return plain;
    case "linear":
      return plain.map((frequency) => frequency / scaling.factor);
    case "longrope":
      return plain.map((frequency, i) => frequency / scaling.factors[i]);
    case "llama3": {
      const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalPositions } = scaling;
      return plain.map((frequency) => {
        const turns = (originalPositions * frequency) / (2 * Math.PI);
        const kept = Math.min(1, Math.max(0, (turns - low) / (high - low)));
        return frequency * (kept + (1 - kept) / factor);
      });
    }
  }
}

/**
 * cos and sin for all positions of a model, multiplied by longrope's attention factor.
 *
 * @throws DeviceError when there is not enough memory; none is held then
 */
export function makeRotaryTable(device: Device, config: DecoderConfig): RotaryTable {
  const { maxPositions, rotaryScaling } = config;
  const frequencies = rotaryFrequencies(config);
  const half = frequencies.length;
  const length = maxPositions * half;
  const factor = rotaryScaling?.kind === "longrope" ? rotaryScaling.attentionFactor : 1;
  return allocateTogether(device, (allocate) => {
    const cos = allocate("f32", length);
    const sin = allocate("f32", length);
    // In f64: positions times frequencies lose digits in f32 long before the table ends.
    const angles = Float64Array.from({ length }, (_, i) => Math.floor(i / half) * frequencies[i % half]);
    device.write(
      cos,
      angles.map((angle) => factor * Math.cos(angle)),
    );
    device.write(
      sin,
      angles.map((angle) => factor * Math.sin(angle)),
    );
    return { cos, sin };
  });
}
