import { Rng } from "../base/rng.ts";
import { median } from "../base/statistics.ts";
import type { Device, DeviceBuffer } from "./device.ts";
import { openDevice } from "./registry.ts";

/** One product to time: y [m, n] = x [m, k] · wᵀ, operands of type `dtype`, sums in f32. */
export interface MatmulShape {
  dtype: "bf16" | "f32";
  m: number;
  k: number;
  n: number;
}

export interface MatmulBenchOptions {
  /** Times this shape instead of the default ones, in `dtype` or, without it, in bf16 and f32. All three or none. */
  m?: number;
  k?: number;
  n?: number;
  dtype?: "bf16" | "f32";
  threads?: number | "auto";
  /** Instruction set; the strongest, or RECKON_ISA, when left out. */
  isa?: string;
  /** Measuring time for each number, seconds. Default 1. */
  seconds?: number;
  /** Draws the operands. Default 0. */
  seed?: number;
}

export interface MatmulResult extends MatmulShape {
  /** 10⁹ operations a second (2·m·k·n for a product), median of the samples, with w packed once, as the engine runs. */
  gflops: number;
  /** The same with both operands packed in every call, as a library does that is handed plain matrices. */
  gflopsWithPacking: number;
  isa: string;
  threads: number;
}

/** A large product, as in training, and one of few rows, as in decoding. */
export const matmulShapes: readonly MatmulShape[] = [
  { dtype: "bf16", m: 2048, k: 1024, n: 4096 },
  { dtype: "f32", m: 2048, k: 1024, n: 4096 },
  { dtype: "bf16", m: 16, k: 576, n: 1536 },
  { dtype: "f32", m: 16, k: 576, n: 1536 },
];

/** A sample repeats the product for about this long, so that the clock and the start of a flush do not show. */
const SAMPLE_SECONDS = 0.01;

/**
 * Times the `linear` kernel of the native device.
 *
 * @throws ConfigError for a number of threads out of range; DeviceError when there is no native device, or no such
 *   instruction set, here
 */
export async function benchMatmul(options: MatmulBenchOptions = {}): Promise<MatmulResult[]> {
  const { m, k, n, dtype, threads = "auto", isa, seconds = 1, seed = 0 } = options;
  const dtypes: MatmulShape["dtype"][] = dtype ? [dtype] : ["bf16", "f32"];
  const shapes =
    m && k && n
      ? dtypes.map((type) => ({ dtype: type, m, k, n }))
      : matmulShapes.filter((shape) => dtypes.includes(shape.dtype));
  const results: MatmulResult[] = [];
  for (const shape of shapes) {
    const device = openDevice({ name: "native", threads, precision: shape.dtype, isa });
    try {
      results.push(await timeShape(device, shape, { seconds, seed }));
    } finally {
      device.close();
    }
  }
  return results;
}

async function timeShape(
  device: Device,
  shape: MatmulShape,
  { seconds, seed }: { seconds: number; seed: number },
): Promise<MatmulResult> {
  const { m, k, n } = shape;
  const rng = new Rng(seed, m, k, n);
  const random = (count: number): DeviceBuffer => {
    const buffer = device.allocate("f32", count);
    device.write(
      buffer,
      Float32Array.from({ length: count }, () => rng.uniform() - 0.5),
    );
    return buffer;
  };
  const x = random(m * k);
  const w = random(n * k);
  const y = device.allocate("f32", m * n);
  const first = device.view(w, 0, 1);
  const product = () => device.enqueue("linear", { x, w, bias: null, residual: null, y, rows: m, inner: k, outer: n });
  const productOfNewWeight = () => {
    device.enqueue("fill", { out: first, count: 1, value: 0 });
    product();
  };
  const work = 2e-9 * m * k * n;
  const settle = device.view(y, 0, 1);
  return {
    ...shape,
    gflops: work / (await medianSeconds(device, product, settle, seconds)),
    gflopsWithPacking: work / (await medianSeconds(device, productOfNewWeight, settle, seconds)),
    isa: device.info.isa,
    threads: device.info.threads,
  };
}

/** Median time of one `call`, seconds; reading `settle` waits for what was enqueued. */
async function medianSeconds(device: Device, call: () => void, settle: DeviceBuffer, seconds: number): Promise<number> {
  const sample = async (calls: number): Promise<number> => {
    for (let i = 0; i < calls; i++) call();
    const start = process.hrtime.bigint();
    await device.read(settle);
    return Number(process.hrtime.bigint() - start) / 1e9 / calls;
  };
  await sample(1);
  const calls = Math.max(1, Math.min(1000, Math.round(SAMPLE_SECONDS / (await sample(1)))));
  const times: number[] = [];
  const end = performance.now() + 1000 * seconds;
  do {
    times.push(await sample(calls));
  } while (performance.now() < end || times.length < 3);
  return median(times);
}
