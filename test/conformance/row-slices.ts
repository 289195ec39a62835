import type { KernelName } from "../../src/engine/kernels.ts";
import { type CaseBuffer, type ConformanceCase, floats, integers, output } from "./case.ts";
import type { CaseResult } from "./run-case.ts";

/**
 * For each kernel whose outputs belong to rows: the operands that have one entry per row, so that a call on some of the
 * rows takes that part of them and the rest whole. Of the outputs only these are compared.
 */
export const rowOperands: Partial<Record<KernelName, readonly string[]>> = {
  scale: ["x", "out"],
  dropout: ["x", "out"],
  embed: ["tokens", "out"],
  embedBlocks: ["tokens", "out"],
  gatherRows: ["index", "out"],
  linear: ["x", "residual", "y"],
  linearBackwardInput: ["dY", "dX"],
  groupedLinear: ["x", "y"],
  groupedLinearBackwardInput: ["dY", "dX"],
  linearBlocks: ["x", "residual", "y"],
  linearBlocksBackwardInput: ["dY", "dX"],
  groupedLinearBlocks: ["x", "y"],
  groupedLinearBlocksBackwardInput: ["dY", "dX"],
  layerNorm: ["x", "y", "mean", "rstd"],
  layerNormBackward: ["dY", "x", "mean", "rstd", "dX"],
  rmsNorm: ["x", "y", "rstd"],
  rmsNormBackward: ["dY", "x", "rstd", "dX"],
  rotary: ["x", "positions", "y"],
  gelu: ["x", "y"],
  geluBackward: ["dY", "x", "dX"],
  swiglu: ["gate", "up", "y"],
  swigluBackward: ["dY", "gate", "up", "dGate", "dUp"],
  tanh: ["x", "y"],
  tanhBackward: ["dY", "y", "dX"],
  moeRoute: ["logits", "expertIds", "weights"],
  moeRouteBackward: ["dWeights", "logits", "weights", "expertIds", "dLogits"],
  moeGatherBackward: ["inverse", "dX"],
  moeCombine: ["weights", "inverse", "residual", "y"],
  tokenLogps: ["logits", "targets", "logps", "entropies"],
  tokenLogpsBackward: ["logits", "targets", "entropies", "dLogps", "dEntropies"],
  repetitionPenalty: ["logits"],
  sample: ["logits", "uniforms", "tokens"],
};

/** Rows of a case; elements, for kernels that know no rows. */
export function rowCount({ arguments: given }: ConformanceCase): number {
  return (given.rows ?? given.count) as number;
}

/** The same call on rows begin … end−1 alone. */
export function sliceRows(conformanceCase: ConformanceCase, begin: number, end: number): ConformanceCase {
  const { kernel, name, arguments: given } = conformanceCase;
  const rows = rowCount(conformanceCase);
  const slices = new Map<CaseBuffer, CaseBuffer>();
  const args: ConformanceCase["arguments"] = { ...given };
  args["rows" in given ? "rows" : "count"] = end - begin;
  for (const operand of rowOperands[kernel] ?? []) {
    const whole = given[operand];
    if (whole === null || typeof whole !== "object") continue;
    const slice = slices.get(whole) ?? {
      dtype: whole.dtype,
      data: whole.data.slice(...elementRange(whole.data.length, rows, begin, end)),
    };
    slices.set(whole, slice);
    args[operand] = slice;
  }
  if (typeof given.offsets === "object" && given.offsets && kernel.startsWith("grouped")) {
    args.offsets = integers(given.offsets.data.map((offset) => Math.min(Math.max(offset, begin), end) - begin));
  }
  if (kernel === "dropout") args.firstRow = (given.firstRow as number) + begin;
  if (kernel === "repetitionPenalty") args.offsets = integers((given.offsets as CaseBuffer).data.slice(begin, end + 1));
  return { ...conformanceCase, name: `${name}, rows ${begin} to ${end - 1}`, arguments: args };
}

/** What of a whole call's result the call on rows begin … end−1 must repeat, bit for bit. */
export function sliceResult(
  conformanceCase: ConformanceCase,
  whole: CaseResult,
  begin: number,
  end: number,
): CaseResult {
  const rows = rowCount(conformanceCase);
  const slice: CaseResult = {};
  for (const operand of rowOperands[conformanceCase.kernel] ?? []) {
    if (!whole[operand]) continue;
    slice[operand] = whole[operand].slice(...elementRange(whole[operand].length, rows, begin, end));
  }
  return slice;
}

const elementRange = (length: number, rows: number, begin: number, end: number): [number, number] => [
  (length / rows) * begin,
  (length / rows) * end,
];

/** A few ranges of rows: single ones at both ends and within, and some that cross the edges of tiles. */
export function someRanges(rows: number): [begin: number, end: number][] {
  const ranges: [number, number][] = [
    [0, 1],
    [rows >> 1, (rows >> 1) + 1],
    [rows - 1, rows],
    [1, rows],
    [Math.floor(rows / 3), Math.ceil((2 * rows) / 3)],
  ];
  return ranges.filter(([begin, end]) => begin < end && end - begin < rows);
}

/**
 * The first, a middle and the last query of each segment of an `attention` case, asked one at a time with the keys in a
 * cache, as generation asks them.
 * @returns the case, and the row of the whole call that each of its rows must repeat
 */
export function decodeQueries(conformanceCase: ConformanceCase): { decoding: ConformanceCase; sources: number[] } {
  const given = conformanceCase.arguments as Record<string, CaseBuffer> & Record<string, number>;
  const columns = 6;
  const segments = Array.from({ length: given.count }, (_, s) => [
    ...given.segments.data.subarray(s * columns, (s + 1) * columns),
  ]);
  const cached = segments.map(([, queryCount, keyStart, keysBefore, parent, stride]) => [
    ...[0, 0, keyStart, keysBefore + queryCount, parent, stride],
  ]);
  const sources: number[] = [];
  const steps = segments.flatMap(([queryStart, queryCount, keyStart, keysBefore, parent, stride]) =>
    [...new Set([0, queryCount >> 1, queryCount - 1])]
      .filter((i) => i >= 0 && i < queryCount)
      .map((i) => {
        sources.push(queryStart + i * stride);
        return [sources.length - 1, 1, keyStart, keysBefore + i, parent, stride];
      }),
  );
  const width = given.heads * given.headDim;
  const queries = sources.flatMap((row) => [...given.q.data.subarray(row * width, (row + 1) * width)]);
  const args = {
    ...given,
    q: floats(queries),
    segments: integers([...cached, ...steps].flat()),
    out: output(queries.length),
    lse: output(sources.length * given.heads),
    count: cached.length + steps.length,
  };
  return { decoding: { ...conformanceCase, name: `${conformanceCase.name}, decoded`, arguments: args }, sources };
}
