import {
  afterReference,
  type CaseBuffer,
  type ConformanceCase,
  Draw,
  defineCase,
  floats,
  integerOutput,
} from "../case.ts";
import { exact } from "../tolerance.ts";

interface Cut {
  inverseTemperature: number;
  topK: number;
  topP: number;
  minP: number;
}

const cuts: [string, Cut][] = [
  ["whole distribution", { inverseTemperature: 1, topK: 0, topP: 1, minP: 0 }],
  ["hot", { inverseTemperature: 0.5, topK: 0, topP: 1, minP: 0 }],
  ["top 1", { inverseTemperature: 1, topK: 1, topP: 1, minP: 0 }],
  ["top 5", { inverseTemperature: 1.25, topK: 5, topP: 1, minP: 0 }],
  ["top 1000", { inverseTemperature: 1, topK: 1000, topP: 1, minP: 0 }],
  ["nucleus 0.6", { inverseTemperature: 1, topK: 0, topP: 0.6, minP: 0 }],
  ["top 7, nucleus 0.8", { inverseTemperature: 1, topK: 7, topP: 0.8, minP: 0 }],
  ["min 0.05", { inverseTemperature: 1, topK: 0, topP: 1, minP: 0.05 }],
  ["top 6, nucleus 0.9, min 0.3", { inverseTemperature: 0.8, topK: 6, topP: 0.9, minP: 0.3 }],
  ["greedy", { inverseTemperature: 0, topK: 0, topP: 1, minP: 0 }],
];

const shapes = [
  { rows: 1, vocabulary: 1 },
  { rows: 40, vocabulary: 57 },
  { rows: 9, vocabulary: 1030 },
];

/** How far a draw stays from every place where f32 and f64 could decide otherwise. */
const MARGIN = 1e-4;

export function sampleCases(): ConformanceCase[] {
  const drawn = shapes.flatMap(({ rows, vocabulary }) =>
    cuts.map(([cutName, cut]) => {
      const name = `${cutName}, ${rows} rows of ${vocabulary}`;
      const draw = new Draw("sample", name);
      const logits: number[] = [];
      const uniforms: number[] = [];
      while (uniforms.length < rows) {
        const row = draw.normals(vocabulary, { deviation: 2 });
        const uniform = Math.fround(draw.rng.uniform());
        if (!decidedByRounding(row, uniform, vocabulary, cut)) {
          logits.push(...row.data);
          uniforms.push(uniform);
        }
      }
      return sampleCase(name, floats(logits), floats(uniforms), vocabulary, cut);
    }),
  );
  return [...drawn, ...tieCases()];
}

/** Equal logits, where a cut falls among them: the lower ids stay, and uniforms pick from those in order. */
function tieCases(): ConformanceCase[] {
  const vocabulary = 20;
  const tied = [3, 4, 8, 15, 19];
  const row = Array.from({ length: vocabulary }, (_, v) => (tied.includes(v) ? 2 : -60));
  const uniforms = [0.1, 0.45, 0.75, 0.99];
  const logits = floats(uniforms.flatMap(() => row));
  const ties: [string, Cut][] = [
    ["ties at top 2", { inverseTemperature: 1, topK: 2, topP: 1, minP: 0 }],
    ["ties at nucleus 0.5", { inverseTemperature: 1, topK: 0, topP: 0.5, minP: 0 }],
    ["greedy ties", { inverseTemperature: 0, topK: 0, topP: 1, minP: 0 }],
    ["no cut through ties", { inverseTemperature: 1, topK: 0, topP: 1, minP: 0 }],
  ];
  return ties.map(([name, cut]) => sampleCase(name, logits, floats(uniforms), vocabulary, cut));
}

function sampleCase(
  name: string,
  logits: CaseBuffer,
  uniforms: CaseBuffer,
  vocabulary: number,
  cut: Cut,
): ConformanceCase {
  const rows = uniforms.data.length;
  const args = { logits, uniforms, tokens: integerOutput(rows), rows, vocabulary, ...cut };
  return defineCase("sample", name, args, { tolerance: exact });
}

const around = (bound: number): number[] => [bound - MARGIN, bound, bound + MARGIN];

function decidedByRounding(logits: CaseBuffer, uniform: number, vocabulary: number, cut: Cut): boolean {
  const token = (moved: number, topP: number, minP: number) =>
    afterReference("sample", {
      ...{ logits, uniforms: floats([moved]), tokens: integerOutput(1), rows: 1, vocabulary },
      ...{ ...cut, topP, minP },
    }).tokens.data[0];
  const tokens = new Set<number>();
  for (const shift of [-MARGIN, 0, MARGIN]) {
    const moved = Math.min(Math.max(uniform + shift, 0), 1 - MARGIN / 2);
    for (const topP of cut.topP < 1 ? around(cut.topP) : [1])
      for (const minP of cut.minP > 0 ? around(cut.minP) : [0]) tokens.add(token(moved, topP, minP));
  }
  return tokens.size > 1;
}
