import { DeviceError } from "../../src/base/errors.ts";
import { describeDevices, openDevice } from "../../src/engine/registry.ts";

/** An instruction set that can be run here, or why it cannot. */
export interface Level {
  isa: string;
  /** Null when it runs. */
  skipped: string | null;
}

/**
 * Every instruction set of the native device, strongest first. One that the processor does not list but executes when
 * asked for by name is run too.
 */
export function nativeLevels(): Level[] {
  const { native } = describeDevices();
  if (native.state !== "ready") {
    return [{ isa: "native", skipped: `the addon is ${native.state}: ${native.reason}; ${native.mend}` }];
  }
  return native.levels.map(({ name, available, reason }) => {
    if (available) return { isa: name, skipped: null };
    try {
      openDevice({ name: "native", isa: name, threads: 1 }).close();
      return { isa: name, skipped: null };
    } catch (error) {
      if (error instanceof DeviceError) return { isa: name, skipped: reason };
      throw error;
    }
  });
}
