import type { Device, DeviceBuffer } from "./device.ts";

/**
 * Makes something of several buffers: either all of them are there in the end, or, when `make` throws, none.
 *
 * @param make gets the device's `allocate`
 */
export function allocateTogether<T>(device: Device, make: (allocate: Device["allocate"]) => T): T {
  const taken: DeviceBuffer[] = [];
  try {
    return make((dtype, length) => {
      const buffer = device.allocate(dtype, length);
      taken.push(buffer);
      return buffer;
    });
  } catch (error) {
    for (const buffer of taken) device.free(buffer);
    throw error;
  }
}
