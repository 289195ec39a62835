import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { DeviceError } from "../../../base/errors.ts";
import { kernelSignatures } from "../../kernels.ts";

/** An open pool of threads in the addon and the memory that belongs to it. */
export type NativeHandle = { readonly nativeHandle: unique symbol };

/** One instruction set as the addon finds it here. */
export interface NativeLevel {
  level: number;
  name: string;
  available: boolean;
  /** Why it is not available; empty when it is. */
  reason: string;
  /** Multiplies bf16 operands faster than f32 on this processor. */
  fastBf16: boolean;
}

/** What native/addon.cc exports. Addresses and sizes in bytes are numbers, exact below 2⁵³. */
export interface NativeAddon {
  levels(): NativeLevel[];
  probe(level: number): boolean;
  signatures(): string[];
  open(level: number, threads: number, precision: number): NativeHandle;
  /** The matrix product that comes out wrong on this processor; empty when all are right. */
  wrongProduct(handle: NativeHandle): string;
  close(handle: NativeHandle): void;
  allocate(handle: NativeHandle, bytes: number): number;
  free(handle: NativeHandle, address: number): void;
  write(handle: NativeHandle, address: number, data: Float32Array | Int32Array | Uint8Array): void;
  read(handle: NativeHandle, address: number, into: Float32Array | Int32Array | Uint8Array): void;
  run(handle: NativeHandle, stream: Float64Array, words: number): { message: string; bytes: number } | undefined;
  overhead(handle: NativeHandle): number;
  /** The first bytes of an open file; undefined when the system or this Node refuses. */
  mapFile(descriptor: number, bytes: number): ArrayBuffer | undefined;
  /** Detaches a buffer of `mapFile`. */
  unmapFile(buffer: ArrayBuffer): void;
  /** The memory behind bytes begin … end of a buffer of `mapFile` may go; it comes back when it is read. */
  releaseMapped(buffer: ArrayBuffer, begin: number, end: number): void;
  /** Bytes read a second, the fastest of some passes over memory that no cache holds; undefined when it cannot be measured. */
  readBandwidth(bytes: number, threads: number, passes: number): { oneThread: number; allThreads: number } | undefined;
}

/** Whether the addon can be used, and what to do when it cannot. */
export type AddonState =
  | { path: string; state: "ready"; addon: NativeAddon }
  | { path: string; state: "missing" | "unusable" | "stale"; reason: string; mend: string };

const defaultPath = fileURLToPath(new URL("../../../../build/reckon.node", import.meta.url));

const compiler =
  process.platform === "darwin"
    ? "xcode-select --install"
    : "apt-get install g++ on Debian and Ubuntu, gcc-c++ or clang elsewhere";

const mend = `build it: npm run build in a checkout, npm rebuild reckon where it is installed (needs a C++ compiler: ${compiler})`;

/** Loads the addon, or says why it cannot be loaded. Never throws. */
export function loadAddon(path: string = defaultPath): AddonState {
  if (!existsSync(path)) return { path, state: "missing", reason: "it has not been built", mend };
  let addon: NativeAddon;
  try {
    addon = createRequire(import.meta.url)(path) as NativeAddon;
  } catch (error) {
    const why = error instanceof Error ? error.message.split("\n")[0] : String(error);
    const reason = `Node ${process.versions.node} on ${process.platform}-${process.arch} cannot load it: ${why}`;
    return { path, state: "unusable", reason, mend };
  }
  const difference = differenceFromSources(addon);
  if (difference) return { path, state: "stale", reason: difference, mend };
  return { path, state: "ready", addon };
}

/** The addon. @throws DeviceError when it is missing, cannot be loaded, or was built from other sources */
export function requireAddon(path?: string): NativeAddon {
  const found = loadAddon(path);
  if (found.state === "ready") return found.addon;
  throw new DeviceError(
    `native device: expected the addon at ${found.path}, but ${found.reason}; ${found.mend}. Or take the slow device: --device reference`,
  );
}

const functions = [
  "levels",
  "probe",
  "open",
  "wrongProduct",
  "close",
  "allocate",
  "free",
  "write",
  "read",
  "run",
  "overhead",
  "mapFile",
  "unmapFile",
  "releaseMapped",
  "readBandwidth",
] as const;

/** How the addon differs from the one these sources make: in its kernels or its functions; null when it does not. */
function differenceFromSources(addon: NativeAddon): string | null {
  const theirs = typeof addon.signatures === "function" ? addon.signatures() : [];
  const ours = Object.entries(kernelSignatures).map(([name, signature]) => `${name}: ${signature}`);
  for (let i = 0; i < Math.max(ours.length, theirs.length); i++) {
    if (ours[i] !== theirs[i]) {
      return `it was built from other sources: kernel ${i} is "${theirs[i] ?? "absent"}" there, "${ours[i] ?? "absent"}" here`;
    }
  }
  const absent = functions.find((name) => typeof addon[name] !== "function");
  return absent ? `it was built from other sources: it has no ${absent}()` : null;
}
