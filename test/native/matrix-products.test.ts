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
const run = (program: string, ...words: string[]) => spawnSync(program, words, { encoding: "utf8" }).stdout;
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

  it("the check of an opening device passes", () => {
    for (const level of usable) expect(run(program, level, "bf16", "check")).toBe("\n");
  });

  const engine = objects.find((path) => path.endsWith("tiles_amx.o"));
  describe.skipIf(!engine || !usable.includes("avx512"))(
    "amx bf16, emulated (needs AVX-512 and a compiler that knows AMX)",
    () => {
      /** The tests with an AMX engine compiled as it ships, but for its tile instructions and the flags left out. */
      const emulated = (name: string, added: string[], leftOut: string[] = []): string => {
        const words = readFileSync(`${engine}.command`, "utf8").split("\n");
        const shipped = words.slice(words.indexOf("-std=c++17"));
        const kept = shipped.filter((word) => !leftOut.includes(word)).slice(0, -1);
        const source = join(root, "native/gemm/tiles_amx.cc");
        compile([...kept, ...added, "-DRECKON_EMULATE_AMX", "-c", source, "-o", `${name}.o`]);
        compile(["main.o", `${name}.o`, ...objects.filter((path) => path !== engine), "-o", name]);
        return join(folder, name);
      };

      it("with AVX-512 alone", () => {
        expect(run(emulated("plain", [], ["-mavx512bf16"]), "amx", "bf16")).toBe("amx bf16: 0 failures\n");
      });

      it.skipIf(!usable.includes("avx512bf16"))("with the flags it ships with (needs AVX512_BF16)", () => {
        const program = emulated("shipped", []);
        expect(run(program, "amx", "bf16")).toBe("amx bf16: 0 failures\n");
        expect(run(program, "amx", "bf16", "check")).toBe("\n");
      });

      it("the check of an opening device sees one sum in a tile that is wrong", () => {
        const program = emulated("faulty", ["-DRECKON_EMULATE_FAULT"], ["-mavx512bf16"]);
        expect(run(program, "amx", "bf16", "check")).toBe("linearBackwardWeight\n");
      });
    },
  );
});
