import { Rng } from "../../../src/base/rng.ts";
import { referenceKernels } from "../../../src/engine/devices/reference/kernel-table.ts";
import type { Operands } from "../../../src/engine/devices/reference/operand.ts";
import type { KernelName } from "../../../src/engine/kernels.ts";

/** Arrays by name: inputs that are differentiated, outputs, or gradients of either. */
export type Arrays<Name extends string = string> = Record<Name, Float64Array>;

/** A forward computation and its backward, both in f64. */
export interface GradientPair<Input extends string = string, Output extends string = string> {
  name: string;
  inputs: Arrays<Input>;
  forward(inputs: Arrays<Input>): Arrays<Output>;
  /** Gradients of the inputs, from those of the outputs. */
  backward(inputs: Arrays<Input>, outputGradients: Arrays<Output>): Arrays<Input>;
}

/** A pair, its names inferred so that inputs, outputs and gradients must agree. */
export function definePair<Input extends string, Output extends string>(
  pair: GradientPair<Input, Output>,
): GradientPair {
  return pair as unknown as GradientPair;
}

const called = new Set<KernelName>();

/** Runs a kernel of the reference and notes that a pair used it. */
export function run<N extends KernelName>(kernel: N, operands: Operands<N>): void {
  called.add(kernel);
  (referenceKernels[kernel] as (operands: Operands<N>) => void)(operands);
}

/** The kernels that pairs have run so far. */
export const kernelsRun = (): ReadonlySet<KernelName> => called;

export function normals(rng: Rng, length: number, deviation = 1): Float64Array {
  return Float64Array.from({ length }, () => deviation * rng.normal());
}

/** For outputs that must be overwritten. */
export const unwritten = (length: number): Float64Array => new Float64Array(length).fill(Number.NaN);

/** What gradients that accumulate already hold before the backward; `added` takes it off again. */
const BEFORE = 0.75;
export const started = (length: number): Float64Array => new Float64Array(length).fill(BEFORE);
export const added = (gradient: Float64Array): Float64Array => gradient.map((value) => value - BEFORE);

export interface GradientError {
  input: string;
  index: number;
  numeric: number;
  analytic: number;
  /** |numeric − analytic| / (|analytic| + rms of this input's gradient). */
  relative: number;
}

/** Third derivatives and rounding cost about as much each at this step: h² ≈ 1e-10 and ε/h ≈ 1e-11. */
const STEP = 1e-5;

/**
 * The largest error of a pair's backward over all elements of all inputs, measured by central differences of
 * L = Σ r · output with random r: (L(x + h) − L(x − h)) / 2h.
 */
export function largestGradientError({ name, inputs, forward, backward }: GradientPair): GradientError {
  const rng = new Rng(7, name.length);
  const projection: Arrays = {};
  for (const [output, values] of Object.entries(forward(inputs))) projection[output] = normals(rng, values.length);
  const loss = (): number => {
    let total = 0;
    for (const [output, values] of Object.entries(forward(inputs))) {
      for (let i = 0; i < values.length; i++) total += projection[output][i] * values[i];
    }
    return total;
  };
  const gradients = backward(inputs, projection);
  let worst: GradientError = { input: "", index: -1, numeric: 0, analytic: 0, relative: 0 };
  for (const [input, values] of Object.entries(inputs)) {
    const gradient = gradients[input];
    const rms = Math.sqrt(gradient.reduce((sum, g) => sum + g * g, 0) / gradient.length);
    for (let index = 0; index < values.length; index++) {
      const center = values[index];
      values[index] = center + STEP;
      const above = loss();
      values[index] = center - STEP;
      const below = loss();
      values[index] = center;
      const numeric = (above - below) / (2 * STEP);
      const analytic = gradient[index];
      const error = Math.abs(numeric - analytic);
      // An input without any gradient must show none in the differences either.
      const relative = error / (Math.abs(analytic) + rms + 1e-4);
      if (!(relative <= worst.relative)) worst = { input, index, numeric, analytic, relative };
    }
  }
  return worst;
}
