import { uniformAt } from "../base/rng.ts";
import type { Policy } from "../model/policy.ts";
import type { TextStream } from "../prompt/tokenizer-text-stream.ts";
import { CachedForward } from "./cached-forward.ts";
import { Ending } from "./completion.ts";
import { completeGeneration, type RolloutOptions } from "./rollout.ts";
import type { SampledAttempt } from "./sampled-attempt.ts";
import { Sampler } from "./sampler.ts";
import { readExperts, TokenTrace } from "./token-trace.ts";

/** What `streamCompletion` is told: as `sampleAttempts`, for one attempt. */
export interface StreamOptions
  extends Omit<RolloutOptions, "group" | "streams" | "keeping" | "maxActive" | "cacheBytes" | "onProgress"> {
  /** Names the attempt's random numbers under the seed; default 0. */
  stream?: number;
  /** Keeps keys and values for a later prompt that begins alike; without it they are given back at the end. */
  conversation?: Conversation;
}

/** A token as it was drawn. */
export interface StreamedToken {
  token: number;
  /** Log-probability under the full distribution at the recording temperature. */
  logp: number;
  /** What it adds to the text, with the last token all that is left; "" without a text stream. */
  text: string;
}

/** Rows that enter with one pass, at most: memory of a pass grows with them. */
const passRows = 512;

/**
 * Keys and values of one sequence, kept from turn to turn of a chat: of a prompt, only what follows the part it has in
 * common with what was fed before is computed. They are those of the weights at the time; close it before the policy.
 */
export class Conversation {
  private readonly policy: Policy;
  private forward: CachedForward | null = null;
  private capacity = 0;
  /** Ids whose keys and values are in the cache, by slot. */
  private fed: number[] = [];

  constructor(policy: Policy) {
    this.policy = policy;
  }

  /** Ids that need not be computed again for a prompt that begins with them. */
  get cached(): readonly number[] {
    return this.fed;
  }

  /** Makes room for a prompt and what may follow it, and forgets what the prompt does not begin with. */
  begin(prompt: readonly number[], rows: number): void {
    let common = 0;
    // At least one row is fed: the next token is drawn from it.
    while (common < prompt.length - 1 && this.fed[common] === prompt[common]) common++;
    this.fed.length = Math.min(this.fed.length, common);
    if (rows <= this.capacity) return;
    this.close();
    // Twice the rows, for turns to come: memory that no row reaches is never touched.
    this.capacity = 2 * rows;
    this.forward = new CachedForward(this.policy, this.capacity);
  }

  /** Feeds ids behind those that are cached. @returns the last row and how it was routed; valid until the next call */
  feed(tokens: readonly number[]) {
    if (this.forward === null) throw new Error("conversation: begin it first");
    for (let first = 0; ; first += passRows) {
      const some = tokens.slice(first, first + passRows);
      const own = { start: 0, length: this.fed.length, parent: null };
      const { hidden, routings } = this.forward.feed([{ own, tokens: some }]);
      this.fed.push(...some);
      const row = some.length - 1;
      const { width } = this.policy.config;
      if (first + passRows >= tokens.length)
        return { hidden: this.policy.device.view(hidden, row * width, width), row, routings };
    }
  }

  /** Gives the memory back; the next turn starts over. */
  close(): void {
    this.forward?.close();
    this.forward = null;
    this.capacity = 0;
    this.fed = [];
  }
}

/**
 * One completion, token by token as it is drawn: the same bits that `sampleAttempts` gives attempt 0 of a prompt with the
 * same seed and stream. Stop reading whenever you like.
 *
 * @returns the whole attempt, after the last token
 * @throws ConfigError, ShapeError, DeviceError as `sampleAttempts`
 */
export async function* streamCompletion(
  policy: Policy,
  prompt: readonly number[],
  options: StreamOptions,
): AsyncGenerator<StreamedToken, SampledAttempt, void> {
  const { stream = 0, conversation = new Conversation(policy) } = options;
  const complete = completeGeneration(policy, [prompt], options);
  const ending = new Ending(complete);
  const sampler = new Sampler(policy, complete, ending.barredIds);
  const completion = ending.begin();
  const { tokens } = completion;
  const text: TextStream | null = complete.textStream?.() ?? null;
  const { device, pieceScope, config } = policy;
  const trace = new TokenTrace();
  try {
    conversation.begin(prompt, prompt.length + complete.maxNewTokens - 1);
    let next = prompt.slice(conversation.cached.length);
    while (completion.stop === null) {
      const { hidden, row, routings } = conversation.feed(next);
      const records = { logps: pieceScope.temporary("f32", 1), entropies: pieceScope.temporary("f32", 1) };
      const request = {
        uniforms: Float32Array.of(uniformAt(complete.seed, stream, 0, tokens.length)),
        tooShort: () => completion.tooShortAfter(0),
        context: () => [prompt, tokens],
      };
      const [token] = Array.from(await sampler.draw(hidden, request, records));
      const logps = await device.read(records.logps);
      const entropies = await device.read(records.entropies);
      const experts = complete.keepExperts ? await readExperts(device, routings, [row], config) : null;
      completion.add(token);
      trace.add({ logps, entropies, experts }, 0);
      next = [token];
      // Sampling waits for nothing: without this, neither signals nor streams would get a turn between tokens.
      await new Promise((resume) => setImmediate(resume));
      yield { token, logp: logps[0], text: text ? text.push(token) + (completion.stop ? text.flush() : "") : "" };
    }
    return { tokens, stop: completion.stop, ...trace.finish(device) };
  } finally {
    if (!options.conversation) conversation.close();
  }
}
