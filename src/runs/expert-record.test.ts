import { describe, expect, it } from "vitest";
import { DataError } from "../base/errors.ts";
import { packExperts, unpackExperts } from "./expert-record.ts";

describe("experts of an attempt", () => {
  const ids = Uint8Array.of(0, 1, 2, 3, 3, 0, 2, 1, 0, 2, 1, 3);

  it("are kept in as few bits as there are experts for, the first in the lowest", () => {
    const record = packExperts(ids, { tokens: 3, active: 2, experts: 4 });
    // 0 1 2 3 → 0b11100100, 3 0 2 1 → 0b01100011, 0 2 1 3 → 0b11011000.
    expect(record).toEqual({
      shape: [2, 3, 2],
      bits: 2,
      base64: Buffer.from([0xe4, 0x63, 0xd8]).toString("base64"),
    });
  });

  it.each([2, 4, 5, 17, 256, 257, 60_000])("come back, of %d", (experts) => {
    const some = Uint16Array.from(ids, (id, i) => (i === 5 ? experts - 1 : Math.min(id, experts - 1)));
    const record = packExperts(some, { tokens: 6, active: 1, experts });
    expect(unpackExperts(JSON.parse(JSON.stringify(record)))).toEqual(some);
  });

  it("are refused when they do not fill their shape", () => {
    expect(() => packExperts(ids.subarray(5), { tokens: 3, active: 2, experts: 4 })).toThrow(
      /whole layers of 3 tokens/,
    );
    expect(() => unpackExperts({ shape: [2, 3, 2], bits: 2, base64: "AAE=" })).toThrow(DataError);
    expect(() => unpackExperts({ shape: [2, 3, 2], bits: 3 as 2, base64: "AAEC" })).toThrow(/1, 2, 4, 8, 16 bits/);
  });
});
