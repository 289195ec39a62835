import { Rng } from "../../../src/base/rng.ts";
import { encodeWeight, formatNumber } from "../../../src/engine/weight-formats.ts";
import { added, definePair, type GradientPair, normals, run, started, unwritten } from "./finite-differences.ts";

/** Pairs that work row by row: products, norms, activations, rotations and rows moved by index. */
export function blockPairs(): GradientPair[] {
  return [
    linearPair("linear", { rows: 4, inner: 5, outer: 3 }),
    linearPair("linear of one row", { rows: 1, inner: 3, outer: 6 }),
    linearBlocksPair("linearBlocks", { rows: 4, inner: 5, outer: 3 }),
    groupedLinearBlocksPair("groupedLinearBlocks", { rows: 6, inner: 5, outer: 3, experts: 3 }),
    layerNormPair("layerNorm", { rows: 3, width: 7 }),
    rmsNormPair("rmsNorm", { rows: 3, width: 7 }),
    geluPair(),
    swigluPair(),
    tanhPair(),
    rotaryPair("rotary", 1),
    rotaryPair("rotary back", -1),
    embedPair(),
    gatherPair(),
    scatterPair(),
  ];
}

function linearPair(name: string, shape: { rows: number; inner: number; outer: number }): GradientPair {
  const { rows, inner, outer } = shape;
  const rng = new Rng(1, rows);
  return definePair({
    name,
    inputs: {
      x: normals(rng, rows * inner),
      w: normals(rng, outer * inner),
      bias: normals(rng, outer),
      residual: normals(rng, rows * outer),
    },
    forward({ x, w, bias, residual }) {
      const y = unwritten(rows * outer);
      run("linear", { x, w, bias, residual, y, ...shape });
      return { y };
    },
    backward({ x, w }, { y: dY }) {
      const dX = unwritten(rows * inner);
      const [dW, dBias] = [started(outer * inner), started(outer)];
      run("linearBackwardInput", { dY, w, dX, ...shape, accumulate: 0 });
      const dXAgain = started(rows * inner);
      run("linearBackwardInput", { dY, w, dX: dXAgain, ...shape, accumulate: 1 });
      run("linearBackwardWeight", { dY, x, dW, ...shape });
      run("columnSum", { x: dY, out: dBias, rows, width: outer });
      // An error in either way of writing dX shows in their mean.
      const mean = dX.map((value, i) => (value + added(dXAgain)[i]) / 2);
      return { x: mean, w: added(dW), bias: added(dBias), residual: dY };
    },
  });
}

function linearBlocksPair(name: string, shape: { rows: number; inner: number; outer: number }): GradientPair {
  const { rows, inner, outer } = shape;
  const rng = new Rng(11);
  const blocks = encodeWeight("f16", Float32Array.from(normals(rng, outer * inner)), [outer, inner]);
  const format = formatNumber("f16");
  return definePair({
    name,
    inputs: { x: normals(rng, rows * inner) },
    forward({ x }) {
      const y = unwritten(rows * outer);
      run("linearBlocks", { x, blocks, bias: null, residual: null, y, ...shape, format });
      return { y };
    },
    backward(_, { y: dY }) {
      const dX = unwritten(rows * inner);
      run("linearBlocksBackwardInput", { dY, blocks, dX, ...shape, accumulate: 0, format });
      return { x: dX };
    },
  });
}

function groupedLinearBlocksPair(
  name: string,
  shape: { rows: number; inner: number; outer: number; experts: number },
): GradientPair {
  const { rows, inner, outer, experts } = shape;
  const rng = new Rng(12);
  const blocks = encodeWeight("bf16", Float32Array.from(normals(rng, experts * outer * inner)), [
    experts,
    outer,
    inner,
  ]);
  const format = formatNumber("bf16");
  const offsets = Int32Array.of(0, 4, 4, rows);
  return definePair({
    name,
    inputs: { x: normals(rng, rows * inner) },
    forward({ x }) {
      const y = unwritten(rows * outer);
      run("groupedLinearBlocks", { x, blocks, bias: null, offsets, y, ...shape, format });
      return { y };
    },
    backward(_, { y: dY }) {
      const dX = started(rows * inner);
      run("groupedLinearBlocksBackwardInput", { dY, blocks, offsets, dX, ...shape, accumulate: 1, format });
      return { x: added(dX) };
    },
  });
}

function layerNormPair(name: string, shape: { rows: number; width: number }): GradientPair {
  const { rows, width } = shape;
  const rng = new Rng(2);
  const mean = unwritten(rows);
  const rstd = unwritten(rows);
  return definePair({
    name,
    inputs: { x: normals(rng, rows * width, 2), gain: normals(rng, width), bias: normals(rng, width) },
    forward({ x, gain, bias }) {
      const y = unwritten(rows * width);
      run("layerNorm", { x, gain, bias, y, mean, rstd, ...shape, eps: 1e-2 });
      return { y };
    },
    backward({ x, gain }, { y: dY }) {
      const [dX, dGain, dBias] = [started(rows * width), started(width), started(width)];
      run("layerNormBackward", { dY, x, gain, mean, rstd, dX, dGain, dBias, ...shape });
      return { x: added(dX), gain: added(dGain), bias: added(dBias) };
    },
  });
}

function rmsNormPair(name: string, shape: { rows: number; width: number }): GradientPair {
  const { rows, width } = shape;
  const rng = new Rng(3);
  const rstd = unwritten(rows);
  return definePair({
    name,
    inputs: { x: normals(rng, rows * width, 2), gain: normals(rng, width) },
    forward({ x, gain }) {
      const y = unwritten(rows * width);
      run("rmsNorm", { x, gain, y, rstd, ...shape, eps: 1e-2 });
      return { y };
    },
    backward({ x, gain }, { y: dY }) {
      const [dX, dGain] = [started(rows * width), started(width)];
      run("rmsNormBackward", { dY, x, gain, rstd, dX, dGain, ...shape });
      return { x: added(dX), gain: added(dGain) };
    },
  });
}

function geluPair(): GradientPair {
  // Both branches of the error function and the point where they meet.
  const x = Float64Array.of(-6, -3.6, -3.5, -1.2, -0.75, 0, 0.3, 2, 3.5, 3.6, 8);
  const count = x.length;
  return definePair({
    name: "gelu",
    inputs: { x },
    forward(inputs) {
      const y = unwritten(count);
      run("gelu", { x: inputs.x, y, count });
      return { y };
    },
    backward(inputs, { y: dY }) {
      const dX = unwritten(count);
      run("geluBackward", { dY, x: inputs.x, dX, count });
      return { x: dX };
    },
  });
}

function swigluPair(): GradientPair {
  const count = 20;
  const rng = new Rng(4);
  return definePair({
    name: "swiglu",
    inputs: { gate: normals(rng, count, 2), up: normals(rng, count) },
    forward({ gate, up }) {
      const y = unwritten(count);
      run("swiglu", { gate, up, y, count });
      return { y };
    },
    backward({ gate, up }, { y: dY }) {
      const [dGate, dUp] = [unwritten(count), unwritten(count)];
      run("swigluBackward", { dY, gate, up, dGate, dUp, count });
      return { gate: dGate, up: dUp };
    },
  });
}

function tanhPair(): GradientPair {
  const x = Float64Array.of(-9, -1.3, -0.7, -0.6, -1e-3, 0, 0.2, 0.65, 2, 20);
  const count = x.length;
  const kept = unwritten(count);
  return definePair({
    name: "tanh",
    inputs: { x },
    forward(inputs) {
      run("tanh", { x: inputs.x, y: kept, count });
      return { y: kept.slice() };
    },
    backward(_inputs, { y: dY }) {
      const dX = unwritten(count);
      run("tanhBackward", { dY, y: kept, dX, count });
      return { x: dX };
    },
  });
}

function rotaryPair(name: string, direction: 1 | -1): GradientPair {
  const shape = { rows: 3, heads: 2, headDim: 6 };
  const length = 36;
  const angles = Float64Array.from({ length: 15 }, (_, i) => Math.floor(i / 3) * 0.3 ** (i % 3));
  const shared = { cos: angles.map(Math.cos), sin: angles.map(Math.sin), positions: Int32Array.of(4, 0, 2), ...shape };
  return definePair({
    name,
    inputs: { x: normals(new Rng(5), length) },
    forward({ x }) {
      const y = unwritten(length);
      run("rotary", { x, y, ...shared, direction });
      return { y };
    },
    backward(_inputs, { y: dY }) {
      const dX = unwritten(length);
      run("rotary", { x: dY, y: dX, ...shared, direction: -direction });
      return { x: dX };
    },
  });
}

const index = Int32Array.of(2, 0, 2, 3, 2);
const moved = { rows: 5, width: 3 };
const TABLE_ROWS = 4;

function embedPair(): GradientPair {
  const shape = { ...moved, scale: 1.7 };
  return definePair({
    name: "embed",
    inputs: { table: normals(new Rng(6), TABLE_ROWS * moved.width) },
    forward({ table }) {
      const out = unwritten(15);
      run("embed", { table, tokens: index, out, ...shape });
      return { out };
    },
    backward(_inputs, { out: dOut }) {
      const dTable = started(TABLE_ROWS * moved.width);
      run("embedBackward", { dOut, tokens: index, dTable, ...shape });
      return { table: added(dTable) };
    },
  });
}

/** The gradient of gathering is scattering, and the other way round. */
function gatherPair(): GradientPair {
  return definePair({
    name: "gatherRows",
    inputs: { x: normals(new Rng(8), TABLE_ROWS * moved.width) },
    forward({ x }) {
      const out = unwritten(15);
      run("gatherRows", { x, index, out, ...moved });
      return { out };
    },
    backward(_inputs, { out: dOut }) {
      const dX = started(TABLE_ROWS * moved.width);
      run("scatterAddRows", { x: dOut, index, out: dX, ...moved });
      return { x: added(dX) };
    },
  });
}

function scatterPair(): GradientPair {
  return definePair({
    name: "scatterAddRows",
    inputs: { x: normals(new Rng(9), 15) },
    forward({ x }) {
      const out = started(TABLE_ROWS * moved.width);
      run("scatterAddRows", { x, index, out, ...moved });
      return { out };
    },
    backward(_inputs, { out: dOut }) {
      const dX = unwritten(15);
      run("gatherRows", { x: dOut, index, out: dX, ...moved });
      return { x: dX };
    },
  });
}
