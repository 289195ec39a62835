import type { Device, DeviceBuffer } from "../../src/engine/device.ts";
import { type KernelArguments, type KernelName, parsedKernels } from "../../src/engine/kernels.ts";
import type { CaseBuffer, ConformanceCase } from "./case.ts";
import { roundToBf16, type Tolerance, worstDeviation } from "./tolerance.ts";

/** Contents after the call of every buffer it was given, by parameter name. */
export type CaseResult = Record<string, Float32Array | Float64Array | Int32Array | Uint8Array>;

/** Runs one case on one device, and leaves no memory behind. */
export async function runCase(device: Device, conformanceCase: ConformanceCase): Promise<CaseResult> {
  const buffers = new Map<CaseBuffer, DeviceBuffer>();
  const args: Record<string, DeviceBuffer | number | null> = {};
  for (const [name, value] of Object.entries(conformanceCase.arguments)) {
    args[name] = value === null || typeof value === "number" ? value : place(device, buffers, value);
  }
  device.enqueue(conformanceCase.kernel, args as unknown as KernelArguments<KernelName, DeviceBuffer>);
  const result: CaseResult = {};
  for (const [name, value] of Object.entries(args)) {
    if (value !== null && typeof value !== "number") result[name] = await device.read(value);
  }
  for (const buffer of buffers.values()) device.free(buffer);
  return result;
}

function place(device: Device, buffers: Map<CaseBuffer, DeviceBuffer>, content: CaseBuffer): DeviceBuffer {
  const known = buffers.get(content);
  if (known) return known;
  const buffer = device.allocate(content.dtype, content.data.length);
  device.write(buffer, content.data);
  buffers.set(content, buffer);
  return buffer;
}

/** The same case with every operand that a bf16 device would round already rounded, so that both devices see one input. */
export function withRoundedOperands(conformanceCase: ConformanceCase): ConformanceCase {
  const args = { ...conformanceCase.arguments };
  for (const name of conformanceCase.rounded) {
    const operand = args[name] as CaseBuffer;
    args[name] = { dtype: "f32", data: (operand.data as Float32Array).map(roundToBf16) };
  }
  return { ...conformanceCase, arguments: args };
}

/**
 * What is wrong with a result, in words, one line per buffer: outputs outside the tolerance, inputs that changed.
 * @param expected what `reference` computed for the same case
 */
export function differences(
  { kernel, name, arguments: given }: ConformanceCase,
  expected: CaseResult,
  came: CaseResult,
  tolerance: Tolerance,
): string[] {
  const found: string[] = [];
  const parameters = parsedKernels.find((parsed) => parsed.name === kernel)?.buffers ?? [];
  const written = new Set(
    parameters.filter(({ mode }) => mode.endsWith("out")).map((parameter) => given[parameter.name]),
  );
  for (const { name: parameter } of parameters) {
    const content = given[parameter];
    if (content === null || typeof content === "number") continue;
    const isOutput = written.has(content);
    const exactly = !isOutput || content.dtype === "i32";
    const wanted = isOutput ? expected[parameter] : content.data;
    const worst = worstDeviation(wanted, came[parameter], exactly ? { relative: 0, because: "" } : tolerance);
    if (!worst) continue;
    found.push(
      `${kernel} (${name}): ${parameter}[${worst.index}] is ${worst.came}, expected ${worst.expected} ± ${worst.allowed}` +
        ` (${isOutput ? tolerance.because : "an input, which the kernel must leave alone"})`,
    );
  }
  return found;
}
