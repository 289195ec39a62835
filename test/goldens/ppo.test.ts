import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { gae } from "../../src/advantage/gae.ts";
import { whiten } from "../../src/advantage/whiten.ts";
import { ppoLoss } from "../../src/loss/ppo.ts";

const golden = JSON.parse(readFileSync(new URL("ppo.json", import.meta.url), "utf8"));
const { lengths, options } = golden as { lengths: number[]; options: Record<string, number> };
const starts = [0];
for (const length of lengths) starts.push((starts.at(-1) as number) + length);
const close = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 11));

it("advantages and returns are PyTorch's", () => {
  const found = lengths.map((_, i) => {
    const of = (name: string) => golden[name].slice(starts[i], starts[i + 1]) as number[];
    return gae({ rewards: of("rewards"), values: of("oldValues"), valueAfter: 0 }, options as never);
  });
  expect(found.flatMap(({ advantages }) => [...advantages])).toEqual(close(golden.advantages));
  expect(found.flatMap(({ returns }) => [...returns])).toEqual(close(golden.returns));
  expect([...whiten(golden.advantages)]).toEqual(close(golden.whitened));
});

it("loss and derivatives are PyTorch's", () => {
  const tokens = starts.at(-1) as number;
  const { clip, valueClip, valueCoefficient } = options;
  const { value, dLogps, dValues, sums } = ppoLoss(
    {
      logps: golden.logps,
      oldLogps: golden.oldLogps,
      refLogps: null,
      entropies: new Float64Array(tokens),
      advantages: golden.whitened,
      values: golden.values,
      oldValues: golden.oldValues,
      returns: golden.returns,
      starts,
    },
    { clip, valueClip, valueCoefficient, beta: 0, entropyBonus: 0, critic: "token" },
    { attempts: lengths.length, tokens },
  );
  expect(value).toBeCloseTo(golden.loss, 12);
  expect(sums["loss/policy"] / tokens).toBeCloseTo(golden.policyLoss, 12);
  expect(sums["loss/value"] / tokens).toBeCloseTo(golden.valueLoss, 12);
  expect(sums["val/clipfrac"] / tokens).toBeCloseTo(golden.valueClipShare, 12);
  expect([...dLogps]).toEqual(close(golden.dLogps));
  expect([...dValues]).toEqual(close(golden.dValues));
});
