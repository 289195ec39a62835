import { describe, expect, it, vi } from "vitest";
import { DeviceError } from "../../../base/errors.ts";
import { chooseLevel, choosePrecision } from "./levels.ts";

const levels = [
  { level: 5, name: "amx", available: false, reason: "the processor does not list AMX", fastBf16: true },
  {
    level: 4,
    name: "avx512bf16",
    available: false,
    reason: "the processor does not list AVX512_BF16",
    fastBf16: false,
  },
  { level: 2, name: "avx2", available: true, reason: "", fastBf16: false },
  { level: 0, name: "portable", available: true, reason: "", fastBf16: false },
];

describe("chooseLevel", () => {
  it("takes the strongest available one", () => {
    const probe = vi.fn();
    expect(chooseLevel(levels, undefined, probe)).toEqual({ level: levels[2], forced: false });
    expect(probe).not.toHaveBeenCalled();
  });

  it("passes over the slow bf16 of Intel's AVX-512, takes AMD's and AMX", () => {
    const names = (fast: boolean, amx: boolean) => {
      const all = levels.map((one) => ({ ...one, available: amx || one.name !== "amx" }));
      all[1].fastBf16 = fast;
      all.splice(2, 0, { level: 3, name: "avx512", available: true, reason: "", fastBf16: false });
      return chooseLevel(all, undefined, vi.fn()).level.name;
    };
    expect([names(false, false), names(true, false), names(false, true)]).toEqual(["avx512", "avx512bf16", "amx"]);
    const listed = levels.map((one) => ({ ...one, available: true }));
    expect(chooseLevel(listed, "avx512bf16", () => false).level.name).toBe("avx512bf16");
  });

  it("takes a weaker one that is asked for without running its instructions", () => {
    expect(chooseLevel(levels, "portable", () => false)).toEqual({ level: levels[3], forced: true });
  });

  it("takes an unlisted one only when its instructions execute", () => {
    expect(chooseLevel(levels, "avx512bf16", (level) => level === 4)).toEqual({ level: levels[1], forced: true });
    expect(() => chooseLevel(levels, "amx", (level) => level === 4)).toThrow(DeviceError);
    expect(() => chooseLevel(levels, "amx", () => false)).toThrow(
      /instruction set amx cannot be used here: the processor does not list AMX; set RECKON_ISA to one of avx2, portable/,
    );
  });

  it("names the levels there are for an unknown one", () => {
    expect(() => chooseLevel(levels, "sse9", () => true)).toThrow(/it is none of amx, avx512bf16, avx2, portable/);
  });
});

describe("choosePrecision", () => {
  it("is bf16 by itself only where that is faster than f32", () => {
    expect(choosePrecision("auto", { fastBf16: true })).toBe("bf16");
    expect(choosePrecision("auto", { fastBf16: false })).toBe("f32");
  });

  it("is what is asked for everywhere", () => {
    expect(choosePrecision("f32", { fastBf16: true })).toBe("f32");
    expect(choosePrecision("bf16", { fastBf16: false })).toBe("bf16");
  });
});
