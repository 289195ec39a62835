import { describe, expect, it, vi } from "vitest";
import { DeviceError } from "../../../base/errors.ts";
import { chooseLevel, choosePrecision } from "./levels.ts";

const levels = [
  { level: 5, name: "amx", available: false, reason: "the processor does not list AMX" },
  { level: 4, name: "avx512bf16", available: false, reason: "the processor does not list AVX512_BF16" },
  { level: 2, name: "avx2", available: true, reason: "" },
  { level: 0, name: "portable", available: true, reason: "" },
];

describe("chooseLevel", () => {
  it("takes the strongest available one", () => {
    const probe = vi.fn();
    expect(chooseLevel(levels, undefined, probe)).toEqual({ level: levels[2], forced: false });
    expect(probe).not.toHaveBeenCalled();
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
  it("is bf16 by itself only where there are instructions for it", () => {
    expect(["amx", "avx512bf16", "avx512", "neon"].map((level) => choosePrecision("auto", level))).toEqual([
      "bf16",
      "bf16",
      "f32",
      "f32",
    ]);
  });

  it("is what is asked for everywhere", () => {
    expect(choosePrecision("f32", "amx")).toBe("f32");
    expect(choosePrecision("bf16", "avx2")).toBe("bf16");
  });
});
