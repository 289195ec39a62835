import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Device } from "../engine/device.ts";
import { openDevice } from "../engine/registry.ts";
import { mathFormer } from "../model/config.ts";
import { closePolicy, createPolicy, type Policy } from "../model/policy.ts";
import { sampleAttempts } from "./rollout.ts";
import { Conversation, type StreamOptions, streamCompletion } from "./stream.ts";

const config = mathFormer(
  { size: "tiny", width: 32, heads: 2, feedForward: 48, layers: 2, block: "llama", experts: 4, activeExperts: 2 },
  61,
);
const options = { eosId: 0, seed: 3, maxNewTokens: 20, minP: 0.02, repetitionPenalty: 1.1, minNewTokens: 5 };
const prompt = Array.from({ length: 9 }, (_, i) => 3 + ((7 * i) % 50));

let device: Device;
let policy: Policy;
beforeAll(() => {
  device = openDevice({ name: "native", threads: 1 });
  policy = createPolicy(device, config, { seed: 5, trained: false });
});
afterAll(() => {
  closePolicy(policy);
  device.close();
});

async function stream(ids: readonly number[], over: Partial<StreamOptions> = {}) {
  const pieces: { token: number; logp: number; text: string }[] = [];
  const completion = streamCompletion(policy, ids, { ...options, ...over });
  for (;;) {
    const { done, value } = await completion.next();
    if (done) return { pieces, attempt: value };
    pieces.push(value);
  }
}

describe("a streamed completion", () => {
  it("is the attempt that sampling gives, token by token", async () => {
    const { pieces, attempt } = await stream(prompt);
    const [[sampled]] = (await sampleAttempts(policy, [prompt], options)).attempts;
    expect(pieces.map(({ token }) => token)).toEqual(sampled.tokens);
    expect(pieces.map(({ logp }) => logp)).toEqual([...sampled.logps]);
    expect({ ...attempt, logps: [...attempt.logps], entropies: [...attempt.entropies] }).toEqual({
      ...sampled,
      logps: [...sampled.logps],
      entropies: [...sampled.entropies],
    });
  });

  it("brings its text along, with the last token what is left of it", async () => {
    const textStream = () => ({ push: (id: number) => `${id} `, flush: () => "end" });
    const { pieces, attempt } = await stream(prompt, { textStream });
    expect(pieces.map(({ text }) => text).join("")).toBe(`${attempt.tokens.join(" ")} end`);
    const stopStrings = [` ${attempt.tokens[6]} `];
    const stopped = await stream(prompt, { textStream, stopStrings });
    expect(stopped.attempt.stop).toBe("stop");
    expect(stopped.attempt.tokens).toEqual(attempt.tokens.slice(0, 7));
  });

  it("refuses what sampling refuses", async () => {
    await expect(stream([])).rejects.toThrow(/prompt 0 is empty/);
    await expect(stream(prompt, { stopStrings: ["x"] })).rejects.toThrow(/expected a textStream/);
  });
});

describe("a conversation", () => {
  it("computes what a turn adds alone, to the same bits", async () => {
    const conversation = new Conversation(policy);
    const first = await stream(prompt, { conversation });
    const second = [...prompt, ...first.attempt.tokens, 4, 9, 11];
    expect(conversation.cached).toEqual([...prompt, ...first.attempt.tokens.slice(0, -1)]);
    expect((await stream(second, { conversation })).attempt).toEqual((await stream(second)).attempt);
    const other = [...prompt.slice(0, 5), 8, 8];
    expect((await stream(other, { conversation })).attempt).toEqual((await stream(other)).attempt);
    expect((await stream(other, { conversation })).attempt).toEqual((await stream(other)).attempt);
    const long = Array.from({ length: 1100 }, (_, i) => 3 + ((11 * i) % 50));
    const [[sampled]] = (await sampleAttempts(policy, [long], options)).attempts;
    expect((await stream(long, { conversation })).attempt.tokens).toEqual(sampled.tokens);
    conversation.close();
  });

  it("gives its memory back, also when nobody reads to the end", async () => {
    await stream(prompt);
    const before = device.memory().bytes;
    for await (const { token } of streamCompletion(policy, prompt, options)) if (token >= 0) break;
    expect(device.memory().bytes).toBe(before);
    const conversation = new Conversation(policy);
    await stream(prompt, { conversation });
    expect(device.memory().bytes).toBeGreaterThan(before);
    conversation.close();
    expect(device.memory().bytes).toBe(before);
  });
});
