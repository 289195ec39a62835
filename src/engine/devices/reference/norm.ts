import type { Operands } from "./operand.ts";

/** y = (x − mean) / sqrt(var + eps) · gain (+ bias). @see arXiv:1607.06450 */
export function layerNorm({ x, gain, bias, y, mean, rstd, rows, width, eps }: Operands<"layerNorm">): void {
  for (let t = 0; t < rows; t++) {
    const at = t * width;
    let total = 0;
    for (let i = 0; i < width; i++) total += x[at + i];
    const center = total / width;
    let squares = 0;
    for (let i = 0; i < width; i++) squares += (x[at + i] - center) ** 2;
    const scale = 1 / Math.sqrt(squares / width + eps);
    for (let i = 0; i < width; i++) y[at + i] = (x[at + i] - center) * scale * gain[i] + (bias ? bias[i] : 0);
    mean[t] = center;
    rstd[t] = scale;
  }
}

/**
 * With x̂ = (x − mean) · rstd and g = dY · gain: dX += rstd · (g − mean(g) − x̂ · mean(g · x̂)), dGain += Σ_t dY · x̂,
 * dBias += Σ_t dY.
 */
export function layerNormBackward(operands: Operands<"layerNormBackward">): void {
  const { dY, x, gain, mean, rstd, dX, dGain, dBias, rows, width } = operands;
  for (let t = 0; t < rows; t++) {
    const at = t * width;
    let gradientMean = 0;
    let projection = 0;
    for (let i = 0; i < width; i++) {
      const g = dY[at + i] * gain[i];
      gradientMean += g / width;
      projection += (g * (x[at + i] - mean[t]) * rstd[t]) / width;
    }
    for (let i = 0; i < width; i++) {
      const normalized = (x[at + i] - mean[t]) * rstd[t];
      const d = dY[at + i];
      dX[at + i] += rstd[t] * (d * gain[i] - gradientMean - normalized * projection);
      if (dGain) dGain[i] += d * normalized;
      if (dBias) dBias[i] += d;
    }
  }
}

/** y = x / sqrt(mean(x²) + eps) · gain. @see arXiv:1910.07467 eq. 4; eps is the usual addition */
export function rmsNorm({ x, gain, y, rstd, rows, width, eps }: Operands<"rmsNorm">): void {
  for (let t = 0; t < rows; t++) {
    const at = t * width;
    let squares = 0;
    for (let i = 0; i < width; i++) squares += x[at + i] ** 2;
    const scale = 1 / Math.sqrt(squares / width + eps);
    for (let i = 0; i < width; i++) y[at + i] = x[at + i] * scale * gain[i];
    rstd[t] = scale;
  }
}

/** With x̂ = x · rstd and g = dY · gain: dX += rstd · (g − x̂ · mean(g · x̂)), dGain += Σ_t dY · x̂. */
export function rmsNormBackward(operands: Operands<"rmsNormBackward">): void {
  const { dY, x, gain, rstd, dX, dGain, rows, width } = operands;
  for (let t = 0; t < rows; t++) {
    const at = t * width;
    let projection = 0;
    for (let i = 0; i < width; i++) projection += (dY[at + i] * gain[i] * x[at + i] * rstd[t]) / width;
    for (let i = 0; i < width; i++) {
      const normalized = x[at + i] * rstd[t];
      const d = dY[at + i];
      dX[at + i] += rstd[t] * (d * gain[i] - normalized * projection);
      if (dGain) dGain[i] += d * normalized;
    }
  }
}
