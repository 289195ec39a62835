import { expect, it } from "vitest";
import { supervisedLoss } from "./supervised.ts";

it("is the negative token mean over the whole step, of which a micro-batch gives its share", () => {
  const { value, dLogps } = supervisedLoss([Math.log(0.5), Math.log(0.25)], 4);
  expect(value).toBeCloseTo((Math.log(2) + Math.log(4)) / 4, 14);
  expect([...dLogps]).toEqual([-0.25, -0.25]);
});
