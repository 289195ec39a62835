import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "reckon-build-"));
const script = join(folder, "scripts/build-native.mjs");

/** The script over two empty sources, in a folder of its own: what it builds must not touch the addon in use. */
beforeAll(() => {
  for (const name of ["scripts", "native"]) mkdirSync(join(folder, name));
  copyFileSync(join(root, "scripts/build-native.mjs"), script);
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  for (const name of ["addon.cc", "table.cc"]) writeFileSync(join(folder, "native", name), "");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the build with a compiler, as npm runs the script of that name. */
function build(compiler: string, lifecycle: string) {
  const env = { ...process.env, CXX: compiler, npm_lifecycle_event: lifecycle, npm_command: "ci" };
  const { status, stderr } = spawnSync(process.execPath, [script], { env, encoding: "utf8" });
  return { status, stderr };
}

/** A compiler that answers -dumpmachine with `machine`, makes empty objects, and runs `compile` or `link` before. */
function pretend(name: string, { machine = "x86_64-linux-gnu", compile = "", link = "" }): string {
  const path = join(folder, name);
  writeFileSync(
    path,
    `#!/bin/sh
case "$*" in -dumpmachine) echo ${machine}; exit;; --version) echo ${name}; exit;; esac
case " $* " in *" -c "*) ${compile || ":"};; *) ${link || ":"};; esac
while [ $# -gt 0 ]; do case "$1" in -o) : > "$2";; -MF) echo "x: " > "$2";; esac; shift; done
`,
  );
  chmodSync(path, 0o755);
  return path;
}

const failures = [
  {
    name: "a compiler that does not run",
    compiler: () => "no-such-compiler",
    says: [
      "NOT built: the compiler no-such-compiler does not run",
      /Install one: +(apt-get install g\+\+|xcode-select --install)/,
      /then build: +npm rebuild reckon +\(in a checkout: npm run build\)/,
    ],
  },
  {
    name: "a processor nobody wrote kernels for",
    compiler: () => pretend("foreign", { machine: "riscv64-linux-gnu" }),
    says: [/NOT built: it is written for x86-64 and arm64, and .*foreign compiles for riscv64-linux-gnu/],
  },
  {
    name: "an error in a source",
    compiler: () => pretend("erring", { compile: "echo oh dear >&2; exit 1" }),
    says: [/oh dear/, /NOT built: .*erring reported the errors above/, /CXX=clang\+\+ npm rebuild reckon/],
  },
  {
    name: "an error in linking",
    compiler: () => pretend("unlinking", { link: "echo no symbol >&2; exit 1" }),
    says: [/no symbol/, /NOT built: .*unlinking did not link it/, /CXX=clang\+\+ npm rebuild reckon/],
  },
];

for (const { name, compiler, says } of failures) {
  describe(name, () => {
    it("is explained, and lets the install finish", () => {
      const { status, stderr } = build(compiler(), "install");
      for (const part of says) expect(stderr).toMatch(part);
      expect(stderr).toContain("Until then only the reference device works");
      expect(status).toBe(0);
    });

    it("fails a build that was asked for", () => {
      expect(build(compiler(), "build").status).toBe(1);
    });
  });
}

it("leaves out the kernels whose instructions the assembler does not know", () => {
  mkdirSync(join(folder, "native/gemm"));
  writeFileSync(join(folder, "native/gemm/tiles_amx.cc"), "");
  const unit = join(folder, "build/objects/avx512/tiles_amx.o");
  const oldAssembler = pretend("old", { compile: 'case "$*" in *"-x c++ -"*) exit 1;; esac' });
  expect(build(oldAssembler, "build").status).toBe(0);
  expect(existsSync(unit)).toBe(false);
  expect(build(pretend("new", {}), "build").status).toBe(0);
  expect(existsSync(unit)).toBe(true);
});
