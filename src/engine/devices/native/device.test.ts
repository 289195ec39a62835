import { afterEach, describe, expect, it } from "vitest";
import { DeviceError, ShapeError } from "../../../base/errors.ts";
import type { DeviceBuffer } from "../../device.ts";
import { openReferenceDevice } from "../reference/device.ts";
import type { NativeDevice } from "./device.ts";
import { openNativeDevice } from "./index.ts";

const opened: NativeDevice[] = [];

function open(threads = 1): NativeDevice {
  const device = openNativeDevice({ threads, precision: "f32" });
  opened.push(device);
  return device;
}

afterEach(() => {
  for (const device of opened.splice(0)) device.close();
});

function filled(device: NativeDevice, values: number[]): DeviceBuffer {
  const buffer = device.allocate("f32", values.length);
  device.write(buffer, values);
  return buffer;
}

describe("memory", () => {
  it("is zero-filled, small or large", async () => {
    const device = open();
    for (const length of [0, 1, 1000, 300_000, 3_000_000]) {
      const buffer = device.allocate("f32", length);
      const contents = await device.read(buffer);
      expect(contents.length).toBe(length);
      expect(contents.every((value) => value === 0)).toBe(true);
      device.write(buffer, new Float32Array(length).fill(7));
      device.free(buffer);
    }
  });

  it("counts bytes now and at most", () => {
    const device = open();
    const a = device.allocate("f32", 100);
    const b = device.allocate("i32", 50);
    device.free(a);
    expect(device.memory()).toEqual({ bytes: 200, peakBytes: 600 });
    device.free(b);
    expect(device.memory()).toEqual({ bytes: 0, peakBytes: 600 });
  });

  it("keeps f32 and i32 contents, and views are windows on it", async () => {
    const device = open();
    const whole = filled(device, [1, 2, 3, 4, 5, 6]);
    const inner = device.view(device.view(whole, 1, 4), 1, 2);
    expect(await device.read(inner)).toEqual(Float32Array.of(3, 4));
    device.write(inner, [0.5, -0.5]);
    expect(await device.read(whole)).toEqual(Float32Array.of(1, 2, 0.5, -0.5, 5, 6));
    const integers = device.allocate("i32", 2);
    device.write(integers, [-7, 2 ** 31 - 1]);
    expect(await device.read(integers)).toEqual(Int32Array.of(-7, 2 ** 31 - 1));
  });

  it("says how much could not be had and what to lower", () => {
    const device = open();
    expect(() => device.allocate("f32", 2 ** 44)).toThrow(DeviceError);
    expect(() => device.allocate("f32", 2 ** 44)).toThrow(/no memory for 67108864 MiB more .* lower the token budget/);
    expect(device.memory().bytes).toBe(0);
  });
});

it("survives a kernel that runs out of scratch memory", async () => {
  const device = open(3);
  const [q, k, v, out] = Array.from({ length: 4 }, () => device.allocate("f32", 16));
  const segments = device.allocate("i32", 6);
  device.write(segments, [0, 1, 0, 0, -1, 1]);
  const lse = device.allocate("f32", 1);
  const sizes = { count: 1, heads: 1, kvHeads: 1, headDim: 16, scale: 1, maxKeys: 2 ** 45 };
  device.enqueue("attention", { q, k, v, segments, slopes: null, out, lse, ...sizes });
  await expect(device.read(lse)).rejects.toThrow(/attention: no memory for \d+ MiB more .* lower the token budget/);
  device.enqueue("attention", { q, k, v, segments, slopes: null, out, lse, ...sizes, maxKeys: 1 });
  expect(await device.read(lse)).toEqual(Float32Array.of(0));
});

describe("contents that a kernel cannot take", () => {
  it("are refused by the call, and the device goes on", async () => {
    const device = open(2);
    const logits = filled(device, [1, 2, 3, 4]);
    const targets = device.allocate("i32", 2);
    const [logps, entropies] = [device.allocate("f32", 2), device.allocate("f32", 2)];
    for (const target of [-1, 2]) {
      device.write(targets, [0, target]);
      const sizes = { rows: 2, vocabulary: 2, inverseTemperature: 1 };
      device.enqueue("tokenLogps", { logits, targets, logps, entropies, ...sizes });
      await expect(device.read(logps)).rejects.toThrow(/tokenLogps: a target must be an id of the vocabulary; check/);
      device.enqueue("tokenLogpsBackward", { logits, targets, entropies, dLogps: logps, dEntropies: logps, ...sizes });
      await expect(device.read(logits)).rejects.toThrow(/tokenLogpsBackward: a target must be an id/);
      const offsets = device.allocate("i32", 2);
      device.write(offsets, [0, 2]);
      const penalized = { logits, tokens: targets, offsets, rows: 1, vocabulary: 2, penalty: 2 };
      device.enqueue("repetitionPenalty", penalized);
      await expect(device.read(logits)).rejects.toThrow(/repetitionPenalty: a penalized token must be an id/);
    }
    device.write(logits, [0, 0, 3, 3]);
    device.write(targets, [0, 1]);
    device.enqueue("tokenLogps", { logits, targets, logps, entropies, rows: 2, vocabulary: 2, inverseTemperature: 1 });
    expect((await device.read(logps)).map(Math.fround)).toEqual(Float32Array.of(-Math.LN2, -Math.LN2));
  });

  it("of attention's table: parents that do not precede, long chains, rows outside the batch", async () => {
    const device = open(2);
    const [q, k, v, out, dOut, dQ, dK, dV] = Array.from({ length: 8 }, () => device.allocate("f32", 4));
    const lse = device.allocate("f32", 4);
    const segments = device.allocate("i32", 12);
    const sizes = { count: 2, heads: 1, kvHeads: 1, headDim: 1, scale: 1, maxKeys: 4 };
    const forward = async (rows: number[][]) => {
      device.write(segments, rows.flat());
      device.enqueue("attention", { q, k, v, segments, slopes: null, out, lse, ...sizes });
      await device.read(lse);
    };
    const backward = async (rows: number[][]) => {
      device.write(segments, rows.flat());
      const operands = { dOut, q, k, v, out, lse, segments, slopes: null, dQ, dK, dV };
      device.enqueue("attentionBackward", { ...operands, rows: 4, ...sizes });
      await device.read(dQ);
    };
    const good = [
      [0, 2, 0, 0, -1, 1],
      [2, 2, 2, 0, 0, 1],
    ];
    await forward(good);
    await backward(good);
    for (const run of [forward, backward]) {
      await expect(run([good[0], [2, 2, 2, 0, 1, 1]])).rejects.toThrow(/parent must precede it/);
      await expect(run([[0, 2, 0, 0, 1, 1], good[1]])).rejects.toThrow(/parent must precede it/);
      await expect(run([[0, 3, 0, 0, -1, 1], good[1]])).rejects.toThrow(/maxKeys must bound the keys of every chain/);
      await expect(run([[-1, 2, 0, 0, -1, 1], good[1]])).rejects.toThrow(/must not be negative/);
    }
    await expect(backward([good[0], [3, 2, 2, 0, 0, 1]])).rejects.toThrow(/must be rows of the batch/);
    await expect(backward([good[0], [2, 2, 3, 0, 0, 1]])).rejects.toThrow(/must be rows of the batch/);
    await backward(good);
  });

  it("of attention's table: rows beyond the end of q, k, v, out or lse", async () => {
    const device = open();
    const buffers = Object.fromEntries(["q", "k", "v", "out"].map((name) => [name, device.allocate("f32", 12)]));
    const lse = device.allocate("f32", 6);
    const segments = device.allocate("i32", 12);
    const call = (rows: number[][], changed: Record<string, DeviceBuffer> = {}) => {
      device.write(segments, rows.flat());
      const sizes = { count: 2, heads: 2, kvHeads: 1, headDim: 2, scale: 1, maxKeys: 9 };
      device.enqueue("attention", { ...buffers, lse, segments, slopes: null, ...sizes, ...changed } as never);
      return device.read(lse);
    };
    // Three queries of two heads two wide; six keys: three cached ones, and two of which the second lies two rows on.
    const good = [
      [0, 0, 0, 3, -1, 1],
      [0, 2, 3, 0, 0, 2],
    ];
    await call(good);
    for (const name of ["q", "k", "v", "out"]) {
      const short = { [name]: device.view(buffers[name], 0, 11) };
      expect(() => call(good, short)).toThrow(new RegExp(`attention: ${name} must hold 12 elements, got 11`));
    }
    expect(() => call(good, { lse: device.view(lse, 0, 5) })).toThrow(/attention: lse must hold 6 elements, got 5/);
    expect(() => call([good[0], [0, 2, 4, 0, 0, 2]])).toThrow(/attention: k must hold 14 elements, got 12/);
    expect(() => call([good[0], [1, 2, 3, 0, 0, 2]])).toThrow(/attention: q must hold 16 elements, got 12/);
    await call(good);
  });

  it("and free gives memory back although the call that used it fails", async () => {
    const device = open(2);
    const logits = filled(device, [1, 2]);
    const targets = device.allocate("i32", 1);
    device.write(targets, [7]);
    const [logps, entropies] = [device.allocate("f32", 1), device.allocate("f32", 1)];
    device.enqueue("tokenLogps", { logits, targets, logps, entropies, rows: 1, vocabulary: 2, inverseTemperature: 1 });
    const { bytes } = device.memory();
    expect(() => device.free(logits)).toThrow(/a target must be an id/);
    expect(device.memory().bytes).toBe(bytes - 8);
    expect(() => device.free(logits)).toThrow(/that was freed/);
  });
});

describe("order", () => {
  it("runs calls in the order they are enqueued, around writes and frees", async () => {
    const device = open(2);
    const x = filled(device, [1, 2]);
    const y = device.allocate("f32", 2);
    device.enqueue("copy", { x, out: y, count: 2 });
    device.write(x, [10, 20]);
    device.enqueue("addScaled", { x, out: y, count: 2, scale: 1 });
    device.free(x);
    device.enqueue("addScaled", { x: y, out: y, count: 2, scale: 1 });
    expect(await device.read(y)).toEqual(Float32Array.of(22, 44));
  });

  it("runs a stream too long to wait for a read", async () => {
    const device = open(2);
    const one = filled(device, [1]);
    const sum = device.allocate("f32", 1);
    for (let i = 0; i < 20_000; i++) device.enqueue("addScaled", { x: one, out: sum, count: 1, scale: 1 });
    expect(await device.read(sum)).toEqual(Float32Array.of(20_000));
  });

  it("sees a weight change: by the host, by a kernel, and when its memory is another tensor's", async () => {
    const device = open(2);
    const x = filled(device, [1, 1]);
    const y = device.allocate("f32", 1);
    const product = async (w: DeviceBuffer) => {
      device.enqueue("linear", { x, w, bias: null, residual: null, y, rows: 1, inner: 2, outer: 1 });
      return (await device.read(y))[0];
    };
    const w = filled(device, [1, 2]);
    expect(await product(w)).toBe(3);
    device.write(device.view(w, 1, 1), [5]);
    expect(await product(w)).toBe(6);
    device.enqueue("addScaled", { x, out: w, count: 2, scale: 10 });
    expect(await product(w)).toBe(26);
    device.free(w);
    expect(await product(filled(device, [7, 8]))).toBe(15);
  });

  it("gives the same bits on one, two and five threads", async () => {
    const results = [];
    for (const threads of [1, 2, 5]) {
      const device = open(threads);
      const x = filled(
        device,
        Array.from({ length: 37 * 64 }, (_, i) => Math.sin(i)),
      );
      const w = filled(
        device,
        Array.from({ length: 96 * 64 }, (_, i) => Math.cos(i)),
      );
      const y = device.allocate("f32", 37 * 96);
      const squares = device.allocate("f32", 1);
      for (let round = 0; round < 50; round++) {
        device.enqueue("linear", { x, w, bias: null, residual: null, y, rows: 37, inner: 64, outer: 96 });
        device.enqueue("linearBackwardInput", { dY: y, w, dX: x, rows: 37, inner: 64, outer: 96, accumulate: 0 });
        device.enqueue("sumSquares", { x, out: squares, count: 37 * 64 });
        device.enqueue("addScaled", { x, out: x, count: 37 * 64, scale: 1 / 1024 - 1 });
      }
      results.push([...(await device.read(x)), ...(await device.read(squares))]);
    }
    expect(results[0].some((value) => value !== 0)).toBe(true);
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });
});

describe("misuse", () => {
  it("is refused where it happens", async () => {
    const device = open();
    const x = device.allocate("f32", 4);
    const integers = device.allocate("i32", 4);
    const freed = device.allocate("f32", 4);
    const freedView = device.view(freed, 0, 2);
    device.free(freed);
    const foreign = openReferenceDevice().allocate("f32", 4);
    const copy = (from: DeviceBuffer, count = 4) => device.enqueue("copy", { x: from, out: x, count });

    expect(() => copy(foreign)).toThrow(/copy.x: expected a buffer of this native device, got one of another device/);
    expect(() => copy(freed)).toThrow(/copy.x: expected live memory, got a buffer of 4 elements that was freed/);
    expect(() => copy(freedView)).toThrow(DeviceError);
    expect(() => copy(integers)).toThrow(/copy: x must be f32, got i32/);
    expect(() => copy(x, 5)).toThrow(/copy: x must hold 5 elements, got 4; check it against count 5/);
    expect(() => copy(x, Number.NaN)).toThrow(/copy: count must be a number, got NaN/);
    expect(() => device.enqueue("copy", { x: null as never, out: x, count: 1 })).toThrow(/copy.x: .* got null/);
    expect(() => device.enqueue("nothing" as never, {} as never)).toThrow(/no kernel is named nothing/);
    expect(() => device.write(x, [1])).toThrow(/write: expected 4 numbers, got 1/);
    for (const [offset, length] of [
      [2, 3],
      [0.5, 1],
      [0, 1.5],
      [-1, 2],
      [0, Number.NaN],
    ]) {
      expect(() => device.view(x, offset, length)).toThrow(ShapeError);
    }
    expect(() => copy(x, 1.5)).toThrow(/copy: count must be a whole number from 0 on, got 1.5/);
    expect(() => copy(x, -1)).toThrow(/copy: count must be a whole number from 0 on, got -1/);
    const twoOfFour = {
      length: 4,
      *[Symbol.iterator]() {
        yield* [1, 2];
      },
    };
    expect(() => device.write(x, twoOfFour as never)).toThrow(/write: expected 4 numbers, got 2/);
    expect(() => device.free(device.view(x, 0, 2))).toThrow(/free: expected a whole allocation of 4 elements/);
    expect(() => device.free(freed)).toThrow(/free: expected live memory/);
    expect(() => device.allocate("f32", -1)).toThrow(/expected a whole number of elements, got -1/);
    await expect(device.read(freed)).rejects.toThrow(/read: expected live memory/);
    expect(await device.read(x)).toEqual(new Float32Array(4));
  });

  it("after close is refused, and a second close does nothing", async () => {
    const device = open();
    const x = device.allocate("f32", 4);
    device.close();
    device.close();
    expect(() => device.allocate("f32", 1)).toThrow(/this native device is closed; open another/);
    expect(() => device.enqueue("fill", { out: x, count: 4, value: 1 })).toThrow(/fill: this native device is closed/);
    await expect(device.read(x)).rejects.toThrow(/is closed/);
    expect(device.memory().bytes).toBe(0);
  });
});

it("two devices work side by side", async () => {
  const [a, b] = [open(2), open(2)];
  const [x, y] = [filled(a, [1, 2]), filled(b, [3, 4])];
  for (let i = 0; i < 10; i++) {
    a.enqueue("addScaled", { x, out: x, count: 2, scale: 1 });
    b.enqueue("addScaled", { x: y, out: y, count: 2, scale: 1 });
  }
  expect(await a.read(x)).toEqual(Float32Array.of(1024, 2048));
  expect(await b.read(y)).toEqual(Float32Array.of(3072, 4096));
});
