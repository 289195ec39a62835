import { expect, it } from "vitest";
import { DeviceError, ShapeError } from "../../../base/errors.ts";
import { openReferenceDevice } from "./device.ts";

function deviceWith(values: number[]) {
  const device = openReferenceDevice();
  const buffer = device.allocate("f32", values.length);
  device.write(buffer, values);
  return { device, buffer };
}

it("keeps f32 buffers in f64", async () => {
  const { device, buffer } = deviceWith([0.1, 1 + 2 ** -50]);
  expect(await device.read(buffer)).toEqual(Float64Array.of(0.1, 1 + 2 ** -50));
});

it("allocates zeros, and reads copies", async () => {
  const device = openReferenceDevice();
  const buffer = device.allocate("i32", 3);
  const before = await device.read(buffer);
  expect(before).toEqual(Int32Array.of(0, 0, 0));
  before[0] = 9;
  expect(await device.read(buffer)).toEqual(Int32Array.of(0, 0, 0));
});

it("lets views of views write to the storage they share", async () => {
  const { device, buffer } = deviceWith([0, 1, 2, 3, 4, 5]);
  const inner = device.view(device.view(buffer, 1, 4), 2, 2);
  expect(inner).toMatchObject({ offset: 3, length: 2 });
  device.enqueue("fill", { out: inner, count: 2, value: 7 });
  expect(await device.read(buffer)).toEqual(Float64Array.of(0, 1, 2, 7, 7, 5));
  expect(() => device.view(inner, 1, 2)).toThrow(ShapeError);
});

it("counts bytes now and at the peak", () => {
  const device = openReferenceDevice();
  const floats = device.allocate("f32", 10);
  device.allocate("i32", 3);
  device.view(floats, 0, 5);
  expect(device.memory()).toEqual({ bytes: 92, peakBytes: 92 });
  device.free(floats);
  device.allocate("f32", 2);
  expect(device.memory()).toEqual({ bytes: 28, peakBytes: 92 });
});

it("refuses memory that was freed, through views too", async () => {
  const { device, buffer } = deviceWith([1, 2]);
  const view = device.view(buffer, 0, 1);
  expect(() => device.free(view)).toThrow(/free what allocate returned/);
  device.free(buffer);
  expect(() => device.free(buffer)).toThrow(DeviceError);
  expect(() => device.write(view, [1])).toThrow(/was freed/);
  expect(() => device.view(buffer, 0, 1)).toThrow(DeviceError);
  await expect(device.read(view)).rejects.toThrow(DeviceError);
  expect(() => device.enqueue("fill", { out: view, count: 1, value: 0 })).toThrow(/fill.out.*was freed/);
});

it("refuses everything once closed", () => {
  const { device, buffer } = deviceWith([1]);
  device.close();
  expect(device.memory().bytes).toBe(0);
  expect(() => device.write(buffer, [1])).toThrow(DeviceError);
  expect(() => device.allocate("f32", 1)).toThrow(/closed/);
});

it("refuses buffers of another device, and null where the kernel needs one", () => {
  const { device, buffer } = deviceWith([1]);
  const { buffer: foreign } = deviceWith([1]);
  expect(() => device.enqueue("copy", { x: foreign, out: buffer, count: 1 })).toThrow(/another device/);
  expect(() => device.enqueue("copy", { x: null as never, out: buffer, count: 1 })).toThrow(/copy.x.*null/);
});

it("refuses operands of the wrong type or too small, and indices out of range", () => {
  const { device, buffer: table } = deviceWith([1, 2, 3, 4]);
  const tokens = device.allocate("i32", 2);
  const out = device.allocate("f32", 4);
  const call = { table, tokens, out, rows: 2, width: 2, scale: 1 };
  expect(() => device.enqueue("embed", { ...call, tokens: out })).toThrow(/tokens must be i32, got f32/);
  expect(() => device.enqueue("embed", { ...call, rows: 3 })).toThrow(/tokens must hold 3 elements, got 2/);
  device.write(tokens, [1, 2]);
  expect(() => device.enqueue("embed", call)).toThrow(/entry 1 must be in \[0, 2\), got 2/);
  expect(() => device.write(tokens, [1])).toThrow(/expected 2 numbers, got 1/);
  expect(() => device.enqueue("embed", { ...call, scale: Number.NaN })).toThrow(/scale must be a number/);
});
