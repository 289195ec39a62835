import { afterEach, describe, expect, it } from "vitest";
import { Rng } from "../../src/base/rng.ts";
import type { Device, DeviceBuffer } from "../../src/engine/device.ts";
import { openDevice } from "../../src/engine/registry.ts";
import { nativeLevels } from "./levels.ts";

/**
 * A device may keep a packed copy of a weight until something writes to its storage. Each test changes a weight in one of
 * the ways there are and multiplies by it before and after; expected values are exact in bf16 and f32.
 */
const [rows, inner, outer] = [20, 32, 48];
const opened: Device[] = [];
afterEach(() => {
  for (const device of opened.splice(0)) device.close();
});

for (const { isa, skipped } of nativeLevels()) {
  if (skipped) {
    it.skip(`${isa}: ${skipped}`, () => {});
    continue;
  }
  for (const precision of ["f32", "bf16"] as const) {
    describe(`${isa}, ${precision}: a product sees its weight as it is now`, () => {
      const open = (): Device => {
        const device = openDevice({ name: "native", isa, precision, threads: 2 });
        opened.push(device);
        return device;
      };

      it("after write, to the weight or to a view of part of it", async () => {
        const device = open();
        const w = filled(device, outer * inner, 1);
        const product = multiplier(device);
        expect(await product(w)).toEqual(wholeRows(inner));
        device.write(w, new Float32Array(outer * inner).fill(2));
        expect(await product(w)).toEqual(wholeRows(2 * inner));
        device.write(device.view(w, 0, inner), new Float32Array(inner).fill(5));
        expect((await product(w)).slice(0, 2)).toEqual(Float32Array.of(5 * inner, 2 * inner));
      });

      it("after kernels that write it, whole or in part", async () => {
        const device = open();
        const whole = filled(device, 2 * outer * inner, 1);
        const w = device.view(whole, outer * inner, outer * inner);
        const ones = filled(device, outer * inner, 1);
        const product = multiplier(device);
        expect(await product(w)).toEqual(wholeRows(inner));
        device.enqueue("addScaled", { x: ones, out: w, count: outer * inner, scale: 2 });
        expect(await product(w)).toEqual(wholeRows(3 * inner));
        device.enqueue("fill", { out: whole, count: 2 * outer * inner, value: 4 });
        expect(await product(w)).toEqual(wholeRows(4 * inner));
        // A step whose two moments are equal and whose rate is 2 moves every parameter by 2.
        const moments = [filled(device, outer * inner, 0), filled(device, outer * inner, 0)];
        device.enqueue("adamw", {
          ...{ param: w, grad: ones, m: moments[0], v: moments[1], decay: null, count: outer * inner, lr: 2 },
          ...{ beta1: 0.5, beta2: 0.5, eps: 0, weightDecay: 0, correction1: 0.5, correction2: 0.5, gradScale: 1 },
        });
        expect(await product(w)).toEqual(wholeRows(2 * inner));
      });

      it("as the gradient's operand too, and in groups", async () => {
        const device = open();
        const w = filled(device, outer * inner, 1);
        const dY = filled(device, rows * outer, 1);
        const dX = device.allocate("f32", rows * inner);
        const offsets = device.allocate("i32", 3);
        device.write(offsets, [0, 7, rows]);
        const x = filled(device, rows * inner, 1);
        const y = device.allocate("f32", (rows * outer) / 2);
        for (const value of [1, 3]) {
          device.enqueue("fill", { out: w, count: outer * inner, value });
          device.enqueue("linearBackwardInput", { dY, w, dX, rows, inner, outer, accumulate: 0 });
          expect(await device.read(dX)).toEqual(new Float32Array(rows * inner).fill(value * outer));
          device.enqueue("groupedLinear", { x, w, bias: null, offsets, y, rows, inner, outer: outer / 2, experts: 2 });
          expect(await device.read(y)).toEqual(new Float32Array((rows * outer) / 2).fill(value * inner));
        }
      });

      it("when its memory belonged to another weight, freed since", async () => {
        const device = open();
        const product = multiplier(device);
        const rng = new Rng(3);
        for (let i = 0; i < 20; i++) {
          const value = rng.integer(-8, 8);
          const w = filled(device, outer * inner, value);
          expect(await product(w)).toEqual(wholeRows(value * inner));
          device.free(w);
        }
      });
    });
  }
}

function filled(device: Device, length: number, value: number): DeviceBuffer {
  const buffer = device.allocate("f32", length);
  device.write(buffer, new Float32Array(length).fill(value));
  return buffer;
}

/** Multiplies rows of ones by a weight. */
function multiplier(device: Device): (w: DeviceBuffer) => Promise<ArrayLike<number> & Float32Array> {
  const x = filled(device, rows * inner, 1);
  const y = device.allocate("f32", rows * outer);
  return async (w) => {
    device.enqueue("linear", { x, w, bias: null, residual: null, y, rows, inner, outer });
    return (await device.read(y)) as Float32Array;
  };
}

function wholeRows(value: number): Float32Array {
  return new Float32Array(rows * outer).fill(value);
}
