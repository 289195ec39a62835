import { describe, expect, it } from "vitest";
import { RewardError } from "../base/errors.ts";
import type { PromptedAttempt } from "../records/attempt.ts";
import { guardReward } from "./guard-reward.ts";
import type { Reward } from "./reward.ts";

const scored = ["short", "long enough"].map((text, i): PromptedAttempt => {
  const attempt = {
    tokens: Array<number>(text.length).fill(1),
    logps: new Float32Array(0),
    stop: "eos",
    text,
  } as const;
  return {
    attempt: { ...attempt, tokens: [...attempt.tokens] },
    prompt: { problem: { id: `p${i}`, question: "", answer: "" }, tokens: [] },
  };
});

const refusal = async (reward: unknown, timeLimitMs = 120_000) => {
  try {
    await guardReward("./mine.ts", reward as Reward, { timeLimitMs })(scored, []);
  } catch (error) {
    expect(error).toBeInstanceOf(RewardError);
    return (error as Error).message;
  }
  throw new Error("the reward was accepted");
};

it("asks for every attempt in order, with the options, at once or in time", async () => {
  const reward: Reward<{ per: number }> = ({ tokens }, { id }, { per }) => ({
    brevity: tokens.length / per,
    id: Number(id.slice(1)),
  });
  const expected = [
    { brevity: 0.5, id: 0 },
    { brevity: 1.1, id: 1 },
  ];
  const asked = (one: unknown) => guardReward("r", one as Reward, { options: { per: 10 } })(scored, []);
  expect(await asked(reward)).toEqual(expected);
  expect(await asked(async (...given: Parameters<typeof reward>) => reward(...given))).toEqual(expected);
  expect(await guardReward("r", () => ({ a: null, b: -0 }))(scored, [])).toEqual([
    { a: null, b: -0 },
    { a: null, b: -0 },
  ]);
});

describe("what a reward does wrong is said with its name and the attempt", () => {
  it.each([
    [() => 0.5, /expected named parts, such as \{ brevity: 0\.5 \}, got 0\.5; at problem p0, attempt "short"$/],
    [() => undefined, /got undefined/],
    [() => null, /got null/],
    [() => [1], /got \[1\]/],
    [() => ({}), /at least one part/],
    [() => ({ a: Number.NaN }), /part a: expected a finite number, or null .*, got NaN/],
    [() => ({ a: 1 / 0 }), /part a: .*got Infinity/],
    [() => ({ a: undefined }), /part a: .*got undefined/],
    [() => ({ a: "1" }), /part a: .*got "1"/],
    [() => ({ a: true }), /part a: .*got true/],
    [() => ({ "rewards/a": 1 }), /part "rewards\/a": expected a name of letters/],
    [() => JSON.parse('{ "__proto__": 1 }'), /part "__proto__"/],
    [
      ({ text }: { text: string }) => (text === "short" ? { a: 1 } : { b: 1 }),
      /expected the parts a, as of other attempts, got b; .*p1/,
    ],
    [
      ({ text }: { text: string }) => (text === "short" ? { a: 1 } : (undefined as never as string).length),
      /it threw TypeError: .* at .*guard-reward\.test\.ts.*; at problem p1, attempt "long enough"/,
    ],
    [() => Promise.reject(new RangeError("no")), /it threw RangeError: no/],
    [() => Promise.reject("no"), /it threw no;/],
    [async () => ({ a: Number.NaN }), /part a: .*got NaN/],
  ])("%s", async (reward, message) => {
    const text = await refusal(reward);
    expect(text).toMatch(/^reward \.\/mine\.ts: /);
    expect(text).toMatch(message);
  });

  it("also that promises do not settle", async () => {
    const half = ({ text }: { text: string }) => (text === "short" ? { a: 1 } : new Promise(() => {}));
    expect(await refusal(half, 20)).toMatch(/1 of 2 attempts are not scored after 0\.02 s; .*raise its timeLimit/);
  });

  it("and leaves no promise that rejects unheard", async () => {
    const reward = ({ text }: { text: string }) => {
      if (text === "short") return Promise.reject(new Error("first"));
      throw new Error("second");
    };
    expect(await refusal(reward)).toMatch(/second/);
    await new Promise((resolve) => setTimeout(resolve, 5));
  });
});
