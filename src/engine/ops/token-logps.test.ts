import { expect, it } from "vitest";
import { Rng } from "../../base/rng.ts";
import { openReferenceDevice } from "../devices/reference/device.ts";
import { Parameters } from "../parameters.ts";
import { Scope } from "../scope.ts";
import { Tape, type Tensor } from "../tape.ts";
import { tokenLogps } from "./token-logps.ts";

const [rows, width, vocabulary] = [11, 3, 7];

/** Everything that comes out for chunks of at most `chunkRows` rows. */
async function computed(
  chunkRows: number,
  { recording = true, isKnown = false, trained = true, entropiesTrained = true, hasGradient = false } = {},
) {
  const device = openReferenceDevice();
  const scope = new Scope(device);
  const rng = new Rng(4);
  const initialize = (values: Float32Array) => values.forEach((_, i) => void (values[i] = rng.normal()));
  const parameters = new Parameters(
    device,
    [
      { name: "weight", shape: [vocabulary, width], initialize, decays: false },
      { name: "bias", shape: [vocabulary], initialize, decays: false },
    ],
    { trained },
  );
  const draw = (length: number) => Array.from({ length }, () => rng.normal());
  const x: Tensor = { buffer: scope.upload("f32", draw(rows * width)), rows, width, gradient: null };
  const tape = new Tape(scope, { recording });
  const known = { logps: scope.upload("f32", draw(rows)), entropies: scope.upload("f32", draw(rows).map(Math.abs)) };
  const found = tokenLogps(tape, x, {
    weight: parameters.get("weight"),
    bias: parameters.get("bias"),
    targets: scope.upload(
      "i32",
      Array.from({ length: rows }, (_, r) => r % vocabulary),
    ),
    temperature: 0.8,
    entropiesTrained,
    known: isKnown ? known : null,
    mostLogits: chunkRows * vocabulary,
  });
  const dLogps = draw(rows);
  if (hasGradient) x.gradient = scope.upload("f32", draw(rows * width));
  found.seed(dLogps, trained ? draw(rows) : new Array(rows).fill(0));
  tape.backward();
  const buffers = [
    found.logps,
    found.entropies,
    ...(recording ? [x.gradient!, ...(trained ? [parameters.gradients!] : [])] : []),
  ];
  const all: number[] = [];
  for (const buffer of buffers) all.push(...(await device.read(buffer)));
  device.close();
  return all;
}

it.each([{ isKnown: false }, { isKnown: true }])("is the same in chunks of any length, %j", async (options) => {
  const whole = await computed(rows, options);
  expect(whole.slice(0, 2 * rows)).not.toContain(0);
  for (const chunkRows of [1, 3, 4, 6, 10]) {
    const chunked = await computed(chunkRows, options);
    // The sum over rows of the weight's gradient is taken in another order.
    chunked.forEach((value, i) => void expect(value).toBeCloseTo(whole[i], 12));
  }
});

it("is the same when nothing is recorded", async () => {
  const recorded = await computed(4);
  expect(await computed(4, { recording: false })).toEqual(recorded.slice(0, 2 * rows));
});

it.each([false, true])(
  "has the gradient of a frozen head without computing logits twice where entropies are not trained, added to another: %s",
  async (hasGradient) => {
    const expected = await computed(4, { trained: false, hasGradient });
    for (const chunkRows of [1, 4, rows]) {
      const found = await computed(chunkRows, { trained: false, hasGradient, entropiesTrained: false });
      found.forEach((value, i) => void expect(value).toBeCloseTo(expected[i], 12));
    }
  },
);

it("refuses derivatives of entropies that were to stay out of the loss", async () => {
  await expect(computed(4, { entropiesTrained: false })).rejects.toThrow("entropies");
});
