import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nativeLevels } from "../conformance/levels.ts";

/**
 * Runs native/gemm/test/products-main.cc against the addon's own objects: sums held against f64, bits held over numbers of
 * rows and threads. The AMX engine runs on emulated tile instructions, as hardly any machine that tests has them.
 */
const root = fileURLToPath(new URL("../../", import.meta.url));
const cxx = process.env.CXX ?? "g++";
const list = join(root, "build/objects/reckon.node.list");
const usable = nativeLevels()
  .filter(({ skipped }) => skipped === null)
  .map(({ isa }) => isa);
const hasCompiler = spawnSync(cxx, ["--version"]).status === 0;
const ready = usable.length > 0 && existsSync(list) && hasCompiler;
const folder = mkdtempSync(join(tmpdir(), "reckon-products-"));

const flags = ["-std=c++17", "-O2", "-ffp-contract=off", "-pthread", `-I${join(root, "native")}`];
const compile = (args: string[]) => execFileSync(cxx, [...flags, ...args], { cwd: folder, stdio: "pipe" });

describe.skipIf(!ready)("matrix products in C++ (needs the built addon, its objects and a compiler)", () => {
  const objects = ready
    ? readFileSync(list, "utf8")
        .split("\n")
        .filter((path) => !path.endsWith("addon.o"))
    : [];
  const program = join(folder, "products");

  beforeAll(() => {
    compile(["-c", join(root, "native/gemm/test/products-main.cc"), "-o", "main.o"]);
    compile(["main.o", ...objects, "-o", program]);
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  for (const level of usable) {
    for (const precision of ["f32", "bf16"]) {
      it(`${level} ${precision}`, () => {
        const result = spawnSync(program, [level, precision], { encoding: "utf8" });
        expect(result.stdout).toBe(`${level} ${precision}: 0 failures\n`);
        expect(result.status).toBe(0);
      });
    }
  }

  const engine = objects.find((path) => path.endsWith("tiles_amx.o"));
  it.skipIf(!engine || !usable.includes("avx512"))(
    "amx bf16, emulated (needs AVX-512 and a compiler that knows AMX)",
    () => {
      const command = readFileSync(`${engine}.command`, "utf8").split("\n");
      const isDefined = (word: string) => word.startsWith("-D") || (word.startsWith("-m") && word !== "-mavx512bf16");
      const source = join(root, "native/gemm/tiles_amx.cc");
      compile([...command.filter(isDefined), "-DRECKON_EMULATE_AMX", "-c", source, "-o", "emulated.o"]);
      const others = objects.filter((path) => path !== engine);
      compile(["main.o", "emulated.o", ...others, "-o", "emulated"]);
      const result = spawnSync(join(folder, "emulated"), ["amx", "bf16"], { encoding: "utf8" });
      expect(result.stdout).toBe("amx bf16: 0 failures\n");
    },
  );
});
