import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const checkout = fileURLToPath(new URL("../../", import.meta.url));

/** How a command line ended. */
export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** What the last line of standard output holds under `--json`. */
export function lastLine(ended: Ended) {
  const lines = ended.stdout.trimEnd().split("\n");
  return JSON.parse(lines.at(-1) ?? "");
}

/**
 * reckon compiled from the sources as they are, in a directory of its own, so that what is tested is never a stale
 * build and nobody's dist is written to. Its working directory is empty.
 */
export class InstalledReckon {
  readonly root = mkdtempSync(join(tmpdir(), "reckon-cli-"));
  /** Working directory of every command. */
  readonly cwd = join(this.root, "work");
  readonly main = join(this.root, "dist", "cli", "main.js");

  /** @param options addon: false leaves the native addon out */
  constructor({ addon = true } = {}) {
    mkdirSync(this.cwd);
    const shared = ["package.json", "node_modules", "recipes", ...(addon ? ["build"] : [])];
    for (const name of shared) symlinkSync(join(checkout, name), join(this.root, name));
    const tsc = join(checkout, "node_modules", "typescript", "bin", "tsc");
    const args = [tsc, "-p", join(checkout, "tsconfig.build.json"), "--outDir", join(this.root, "dist")];
    // Types are checked elsewhere; what has wrong ones is compiled all the same.
    const { stdout } = spawnSync(process.execPath, args, { encoding: "utf8" });
    if (!existsSync(this.main)) throw new Error(`reckon did not compile:\n${stdout}`);
  }

  /** Writes a file into the working directory; returns its name. */
  write(name: string, content: string): string {
    writeFileSync(join(this.cwd, name), content);
    return name;
  }

  /** Starts a command line without waiting for it. */
  start(args: readonly string[], options: { env?: Record<string, string> } = {}): ChildProcess {
    const env = { ...process.env, RECKON_ISA: "", ...options.env };
    return spawn(process.execPath, [this.main, ...args], { cwd: this.cwd, env });
  }

  /** Runs a command line to its end. */
  run(args: readonly string[], options: { env?: Record<string, string> } = {}): Promise<Ended> {
    return ending(this.start(args, options));
  }

  /** Runs a shell script in which `$RECKON` is the command. */
  shell(script: string): Promise<Ended> {
    const env = { ...process.env, RECKON: `${process.execPath} ${this.main}` };
    return ending(spawn("bash", ["-c", script], { cwd: this.cwd, env }));
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Waits for a process and keeps what it says. */
export function ending(child: ChildProcess): Promise<Ended> {
  const said = { stdout: "", stderr: "" };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (said.stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (said.stderr += text));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, ...said }));
  });
}
