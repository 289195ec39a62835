import { hashText, Rng } from "../base/rng.ts";
import { type DeviceOptions, openDevice } from "./registry.ts";

/** What `testKernels` found. */
export interface SelfTest {
  /** Whether every number of the product is the reference device's. */
  agree: boolean;
  /** How many are, of how many. */
  equal: number;
  count: number;
  isa: string;
}

const rows = 17;
const inner = 67;
const outer = 37;

/**
 * A quick self-test: one small product x [17,67] · wᵀ [67,37] on a device and on the reference. Operands are whole numbers
 * from −8 to 8, exact in bf16, and so is every sum in f32: the results must be equal, not merely near.
 *
 * @param options seed: chooses the operands; device options as for `openDevice`, native unless named
 * @throws DeviceError when the device cannot be had here
 */
export async function testKernels(options: Partial<DeviceOptions> & { seed?: number } = {}): Promise<SelfTest> {
  const { seed = 0, name = "native", ...rest } = options;
  const rng = new Rng(hashText("self-test"), seed);
  const draw = (count: number) => Float32Array.from({ length: count }, () => rng.integer(-8, 8));
  const operands = { x: draw(rows * inner), w: draw(outer * inner) };
  const expected = await product({ name: "reference" }, operands);
  const found = await product({ name, ...rest }, operands);
  const equal = found.values.reduce((sum, value, i) => sum + (value === expected.values[i] ? 1 : 0), 0);
  return { agree: equal === expected.values.length, equal, count: expected.values.length, isa: found.isa };
}

async function product(options: DeviceOptions, operands: Record<"x" | "w", Float32Array>) {
  const device = openDevice(options);
  try {
    const [x, w] = [operands.x, operands.w].map((values) => {
      const buffer = device.allocate("f32", values.length);
      device.write(buffer, values);
      return buffer;
    });
    const y = device.allocate("f32", rows * outer);
    device.enqueue("linear", { x, w, bias: null, residual: null, y, rows, inner, outer });
    return { values: Array.from(await device.read(y)), isa: device.info.isa };
  } finally {
    device.close();
  }
}
