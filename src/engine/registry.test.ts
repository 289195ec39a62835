import { afterEach, describe, expect, it, vi } from "vitest";
import { ConfigError, DeviceError } from "../base/errors.ts";
import { automaticThreads, describeDevices, openDevice } from "./registry.ts";

afterEach(() => vi.unstubAllEnvs());

describe("openDevice", () => {
  it("opens the reference device", () => {
    expect(openDevice({ name: "reference" }).info).toMatchObject({ name: "reference", threads: 1 });
  });

  it("opens the native device with what is asked for", () => {
    const device = openDevice({ name: "native", threads: 2, precision: "f32", isa: "portable" });
    expect(device.info).toEqual({ name: "native", isa: "portable", threads: 2, precision: "f32" });
    device.close();
  });

  it("takes the instruction set from RECKON_ISA, an option before it, and nothing from an empty one", () => {
    const isaOf = (isa?: string) => {
      const device = openDevice({ name: "native", threads: 1, isa });
      device.close();
      return device.info.isa;
    };
    const strongest = describeDevices().native.levels.find(({ available }) => available)?.name;
    vi.stubEnv("RECKON_ISA", "");
    expect(isaOf()).toBe(strongest);
    vi.stubEnv("RECKON_ISA", "portable");
    expect(isaOf()).toBe("portable");
    expect(isaOf(strongest)).toBe(strongest);
    vi.stubEnv("RECKON_ISA", "mmx");
    expect(() => isaOf()).toThrow(DeviceError);
  });

  it("uses every processor by default", () => {
    vi.stubEnv("RECKON_ISA", "");
    const device = openDevice({ name: "native" });
    expect(device.info.threads).toBe(automaticThreads());
    device.close();
  });

  it("lists every option that is out of range", () => {
    for (const threads of [0, -1, 1.5, 257, Number.NaN]) {
      expect(() => openDevice({ name: "native", threads })).toThrow(ConfigError);
    }
    expect(() => openDevice({ name: "gpu" as never, threads: 0, precision: "f16" as never })).toThrow(
      "open device: device must be native or reference, got gpu; threads must be auto or a whole number from 1 to 256, got 0; precision must be auto, f32 or bf16, got f16",
    );
  });
});

describe("describeDevices", () => {
  it("says what a run would get", () => {
    vi.stubEnv("RECKON_ISA", "");
    const { native, processor } = describeDevices();
    const device = openDevice({ name: "native" });
    device.close();
    expect(native.state).toBe("ready");
    expect(native.chosen).toEqual({
      isa: device.info.isa,
      precision: device.info.precision,
      threads: device.info.threads,
      forced: false,
    });
    expect(processor.cores).toBeGreaterThan(0);
    expect(native.levels.at(-1)).toEqual({ name: "portable", available: true, reason: "" });
  });

  it("says that a level was forced, and that one cannot be", () => {
    vi.stubEnv("RECKON_ISA", "portable");
    expect(describeDevices().native.chosen).toMatchObject({ isa: "portable", forced: true });
    vi.stubEnv("RECKON_ISA", "mmx");
    const { native } = describeDevices();
    expect(native.chosen).toBeUndefined();
    expect(native.problem).toContain("instruction set mmx cannot be used here");
  });

  it("gives the mend for an addon that is not there", () => {
    const { native } = describeDevices({ addonPath: "/nowhere/reckon.node" });
    expect(native).toMatchObject({ path: "/nowhere/reckon.node", state: "missing", levels: [] });
    expect(native.mend).toContain("npm run build");
  });
});
