import { register } from "node:module";

/**
 * TypeScript without its types, everything else where it was: what Node itself does from 22.18 on, by the same program, so
 * that a file means the same everywhere. Only types that can be erased are allowed: no `enum`, no `namespace`.
 *
 * @throws SyntaxError naming file, line and column
 */
export async function stripTypes(source: string, filename: string): Promise<string> {
  // 3.7 MB, for those alone who need it.
  const { transform } = await import("@swc/wasm-typescript");
  try {
    return (await transform(source, { mode: "strip-only", module: true, filename })).code;
  } catch (thrown) {
    const { message, startLine, startColumn } = thrown as {
      message?: string;
      startLine?: number;
      startColumn?: number;
    };
    const at = startLine === undefined ? "" : `:${startLine}:${(startColumn ?? 0) + 1}`;
    throw new SyntaxError(`${filename}${at}: ${message ?? String(thrown)}`);
  }
}

let registered = false;

/** Lets this thread import TypeScript where Node does not do so by itself. */
export function importTypeScript(): void {
  const { typescript } = process.features as { typescript?: unknown };
  if (typescript || registered) return;
  registered = true;
  register("./strip-types-hooks.js", import.meta.url);
}
