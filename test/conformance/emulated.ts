import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parsedKernels } from "../../src/engine/kernels.ts";
import type { CaseBuffer, ConformanceCase } from "./case.ts";
import type { CaseResult } from "./run-case.ts";

// Building takes minutes on a busy machine; a test file that blocked that long would lose its connection to the runner.
const execute = promisify(execFile);

const root = fileURLToPath(new URL("../..", import.meta.url));

/** A processor that is not here: the compiler for it, and the program that stands in for it. */
export interface EmulatedProcessor {
  name: string;
  compiler: string;
  emulator: string;
  /** Debian packages that bring both. */
  packages: string;
}

export const arm64: EmulatedProcessor = {
  name: "arm64",
  compiler: "aarch64-linux-gnu-g++",
  emulator: "qemu-aarch64",
  packages: "g++-aarch64-linux-gnu qemu-user",
};

/** What of a processor's tools is missing here and how to get it; null when all is there. */
export function missingTools({ compiler, emulator, packages }: EmulatedProcessor): string | null {
  const missing = [compiler, emulator].filter((tool) => spawnSync(tool, ["--version"]).status !== 0);
  return missing.length > 0 ? `${missing.join(" and ")} not found: apt-get install ${packages}` : null;
}

/** Builds native/runner-main.cc for a processor; returns the executable. @throws Error with the compiler's output */
export async function buildRunner({ name, compiler }: EmulatedProcessor): Promise<string> {
  const runner = join(root, "build", `runner-${name}`);
  const script = join(root, "scripts", "build-native.mjs");
  await execute(process.execPath, [script, "--runner", runner, "--cxx", compiler]);
  return runner;
}

/** Runs cases on an emulated processor; one result per case. @throws Error with what the runner said when it stops */
export async function runEmulated(
  { emulator }: EmulatedProcessor,
  runner: string,
  { level, threads }: { level: string; threads: number },
  cases: readonly ConformanceCase[],
): Promise<CaseResult[]> {
  const folder = mkdtempSync(join(tmpdir(), "reckon-emulated-"));
  try {
    const [calls, results] = [join(folder, "calls"), join(folder, "results")];
    const layouts = cases.map(layOut);
    writeFileSync(calls, encode(layouts));
    await execute(emulator, [runner, level, `${threads}`, calls, results]);
    return decode(layouts, readFileSync(results));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A case as the runner takes it: its distinct buffers, and its argument words that name them by place. */
interface CallLayout {
  kernel: number;
  buffers: CaseBuffer[];
  words: { kind: 0 | 1 | 2; value: number }[];
  /** Place of the buffer of each parameter that has one. */
  places: Map<string, number>;
}

function layOut({ kernel, arguments: given }: ConformanceCase): CallLayout {
  const index = parsedKernels.findIndex(({ name }) => name === kernel);
  const { buffers: parameters, numbers } = parsedKernels[index];
  const layout: CallLayout = { kernel: index, buffers: [], words: [], places: new Map() };
  for (const { name, mode } of parameters) {
    const content = given[name] as CaseBuffer | null;
    if (content === null) {
      layout.words.push({ kind: 0, value: 0 });
    } else {
      if (!layout.buffers.includes(content)) layout.buffers.push(content);
      const place = layout.buffers.indexOf(content);
      layout.places.set(name, place);
      layout.words.push({ kind: 1, value: place });
    }
    if (mode === "w") layout.words.push({ kind: 2, value: 0 });
  }
  for (const name of numbers) layout.words.push({ kind: 0, value: given[name] as number });
  return layout;
}

const arrays = { f32: Float32Array, i32: Int32Array, u8: Uint8Array };

const integer = (value: number): Buffer => Buffer.from(Uint32Array.of(value).buffer);
const contents = ({ data }: CaseBuffer): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

function encode(layouts: readonly CallLayout[]): Buffer {
  const parts = [integer(layouts.length)];
  for (const { kernel, buffers, words } of layouts) {
    parts.push(integer(kernel), integer(buffers.length));
    for (const buffer of buffers) parts.push(integer(buffer.data.byteLength), contents(buffer));
    parts.push(integer(words.length));
    for (const { kind, value } of words) parts.push(integer(kind), Buffer.from(Float64Array.of(value).buffer));
  }
  return Buffer.concat(parts);
}

function decode(layouts: readonly CallLayout[], results: Buffer): CaseResult[] {
  let at = 0;
  return layouts.map(({ buffers, places }) => {
    const after = buffers.map(({ dtype, data }) => {
      const bytes = Uint8Array.prototype.slice.call(results, at, (at += data.byteLength)).buffer;
      return new arrays[dtype](bytes);
    });
    return Object.fromEntries([...places].map(([name, place]) => [name, after[place]]));
  });
}
