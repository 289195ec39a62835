import { describe, expect, it } from "vitest";
import { TrainingError } from "../base/errors.ts";
import { openReferenceDevice } from "../engine/devices/reference/device.ts";
import { Parameters } from "../engine/parameters.ts";
import { AdamW } from "./adamw.ts";

const options = { beta1: 0.9, beta2: 0.99, eps: 1e-12, weightDecay: 0.5, maxGradNorm: 5 };

function setUp() {
  const device = openReferenceDevice();
  const start = (values: number[]) => (array: Float32Array) => array.set(values);
  const parameters = new Parameters(
    device,
    [
      { name: "matrix", shape: [1, 2], initialize: start([1, -1]), decays: true },
      { name: "gain", shape: [1], initialize: start([2]), decays: false },
    ],
    { trained: true },
  );
  const optimizer = new AdamW(parameters, options);
  const setGradients = (matrix: number[], gain: number[]) => {
    device.write(parameters.get("matrix").gradient!, matrix);
    device.write(parameters.get("gain").gradient!, gain);
  };
  return { device, parameters, optimizer, setGradients };
}

describe("AdamW", () => {
  it("moves by the learning rate along the sign at its first step, and decays matrices alone", async () => {
    const { device, parameters, optimizer, setGradients } = setUp();
    setGradients([6, 0], [-8]);
    expect(await optimizer.step(0.1)).toBe(10);
    // m̂/√v̂ = ±1 whatever the clipped size; decay takes lr · ½ · w off the matrix.
    const matrix = await device.read(parameters.get("matrix").buffer);
    expect(matrix[0]).toBeCloseTo(1 - 0.1 * (1 + 0.5 * 1), 12);
    expect((await device.read(parameters.get("gain").buffer))[0]).toBeCloseTo(2 + 0.1, 12);
    expect([...(await device.read(parameters.gradients!))].every((g) => g === 0)).toBe(true);
  });

  it("scales gradients down to the norm it allows", async () => {
    const { device, optimizer, setGradients } = setUp();
    setGradients([6, 0], [-8]);
    await optimizer.step(0.1);
    // First moment: (1 − β1) · g · 5/10.
    expect((await device.read(optimizer.first))[0]).toBeCloseTo(0.1 * 6 * 0.5, 12);
  });

  it("applies nothing when the gradient is not finite", async () => {
    const { device, parameters, optimizer, setGradients } = setUp();
    setGradients([Number.NaN, 0], [1]);
    await expect(optimizer.step(0.1)).rejects.toThrow(TrainingError);
    expect([...(await device.read(parameters.get("matrix").buffer))]).toEqual([1, -1]);
    expect(optimizer.steps).toBe(0);
  });
});
