import { execFile, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Ended, ending } from "../cli/reckon.ts";
import { nativeLevels } from "../conformance/levels.ts";

/**
 * Runs native/gemm/test/products-main.cc against the addon's own objects: sums held against f64, bits held over numbers of
 * rows and threads. The AMX engine runs on the processor's tiles where it has them, and everywhere on emulated ones.
 */
const root = fileURLToPath(new URL("../../", import.meta.url));
const cxx = process.env.CXX ?? "g++";
const list = join(root, "build/objects/reckon.node.list");
const levels = nativeLevels();
const usable = levels.filter(({ skipped }) => skipped === null).map(({ isa }) => isa);
const hasCompiler = spawnSync(cxx, ["--version"]).status === 0;
const ready = usable.length > 0 && existsSync(list) && hasCompiler;
const folder = mkdtempSync(join(tmpdir(), "reckon-products-"));

const flags = ["-std=c++17", "-O2", "-ffp-contract=off", "-pthread", `-I${join(root, "native")}`];
const execute = promisify(execFile);
const compile = (args: string[]) => execute(cxx, [...flags, ...args], { cwd: folder });
const run = (program: string, ...words: string[]): Promise<Ended> => ending(spawn(program, words));
const printed = (stdout: string): Ended => ({ code: 0, signal: null, stdout, stderr: "" });

describe.skipIf(!ready)("matrix products in C++ (needs the built addon, its objects and a compiler)", () => {
  const objects = ready
    ? readFileSync(list, "utf8")
        .split("\n")
        .filter((path) => !path.endsWith("addon.o"))
    : [];
  const program = join(folder, "products");

  beforeAll(async () => {
    await compile(["-c", join(root, "native/gemm/test/products-main.cc"), "-o", "main.o"]);
    await compile(["main.o", ...objects, "-o", program]);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  for (const level of usable) {
    for (const precision of ["f32", "bf16"]) {
      it(`${level} ${precision}`, async () => {
        expect(await run(program, level, precision)).toEqual(printed(`${level} ${precision}: 0 failures\n`));
      });
    }
  }

  it("the check of an opening device passes", async () => {
    for (const level of usable) expect(await run(program, level, "bf16", "check"), level).toEqual(printed("\n"));
  });

  it("an instruction set that cannot be used here is refused with the reason, not run", async () => {
    const refused = [
      ...levels.filter(({ skipped }) => skipped !== null),
      { isa: "sse9", skipped: "this architecture" },
    ];
    for (const { isa, skipped } of refused) {
      const ended = await run(program, isa, "bf16");
      expect(ended).toMatchObject({ code: 3, signal: null, stdout: "" });
      expect(ended.stderr).toContain(`instruction set ${isa} cannot be used here: ${skipped}`);
    }
  });

  const engine = objects.find((path) => path.endsWith("tiles_amx.o"));
  describe.skipIf(!engine || !usable.includes("avx512"))(
    "amx bf16, emulated (needs AVX-512 and a compiler that knows AMX)",
    () => {
      /** The tests with an AMX engine compiled as it ships, but for its tile instructions and the flags left out. */
      const emulated = async (name: string, added: string[], leftOut: string[] = []): Promise<string> => {
        const words = readFileSync(`${engine}.command`, "utf8").split("\n");
        const shipped = words.slice(words.indexOf("-std=c++17"));
        const kept = shipped.filter((word) => !leftOut.includes(word)).slice(0, -1);
        const source = join(root, "native/gemm/tiles_amx.cc");
        await compile([...kept, ...added, "-DRECKON_EMULATE_AMX", "-c", source, "-o", `${name}.o`]);
        await compile(["emulated-main.o", `${name}.o`, ...objects.filter((path) => path !== engine), "-o", name]);
        return join(folder, name);
      };

      beforeAll(async () => {
        const source = join(root, "native/gemm/test/products-main.cc");
        await compile(["-DRECKON_EMULATE_AMX", "-c", source, "-o", "emulated-main.o"]);
      });

      it("with AVX-512 alone", async () => {
        const program = await emulated("plain", [], ["-mavx512bf16"]);
        expect(await run(program, "amx", "bf16")).toEqual(printed("amx bf16: 0 failures\n"));
      });

      it.skipIf(!usable.includes("avx512bf16"))("with the flags it ships with (needs AVX512_BF16)", async () => {
        const program = await emulated("shipped", []);
        expect(await run(program, "amx", "bf16")).toEqual(printed("amx bf16: 0 failures\n"));
        expect(await run(program, "amx", "bf16", "check")).toEqual(printed("\n"));
      });

      it("the check of an opening device sees one sum in a tile that is wrong", async () => {
        const program = await emulated("faulty", ["-DRECKON_EMULATE_FAULT"], ["-mavx512bf16"]);
        expect(await run(program, "amx", "bf16", "check")).toEqual(printed("linearBackwardWeight\n"));
      });
    },
  );
});
