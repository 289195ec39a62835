import { uniformAt } from "../base/rng.ts";
import { ExpertCounter } from "../model/expert-use.ts";
import type { Policy } from "../model/policy.ts";
import { CachedForward, type CachedRange, type FedRun } from "./cached-forward.ts";
import { type Completion, Ending } from "./completion.ts";
import type { GenerationOptions } from "./generation.ts";
import { RowRanges } from "./row-ranges.ts";
import type { SampledAttempt } from "./sampled-attempt.ts";
import { type DrawnRows, Sampler } from "./sampler.ts";
import { readExperts, TokenTrace } from "./token-trace.ts";

/** How much is under way at once; none of it changes what is sampled. */
export interface QueueLimits {
  /** Attempts, at most. */
  maxActive: number;
  /** Rows of keys and values, at least what the longest prompt and one attempt at it need. */
  cacheRows: number;
  /** Prompt rows that enter with one piece, at most; a longer prompt enters alone. */
  entryRows: number;
}

/** A prompt in the cache, until the last attempt at it has ended. */
interface Group {
  prompt: number;
  range: CachedRange;
  /** Ranges held for its first attempts. */
  places: number[];
  unfinished: number;
}

/** An attempt whose first token is drawn or about to be. */
interface Underway {
  group: Group;
  /** Its number at its prompt. */
  g: number;
  completion: Completion;
  trace: TokenTrace;
  /** Its last token, to be fed behind its rows in the cache. */
  run: FedRun & { tokens: [number] };
  /** Whether it has a place in the cache. */
  placed: boolean;
}

/** A row of a piece that a token is drawn from. */
interface Draw {
  attempt: Underway;
  row: number;
}

/**
 * Sampling of a queue of prompts: attempts that end make room, and the next prompts enter with the next piece. A piece is
 * one forward pass: the prompts that enter, and one row for each attempt under way. Keys and values lie in ranges of a
 * cache, those of a prompt once for its whole group.
 *
 * Kernels are batch-invariant, so an attempt's bits do not depend on what else is under way.
 */
export class GenerationQueue {
  /** Of every row that was fed. */
  readonly experts = new ExpertCounter();
  /** Rows that went through the model. */
  rowCount = 0;
  private readonly policy: Policy;
  private readonly prompts: readonly (readonly number[])[];
  private readonly options: GenerationOptions;
  private readonly limits: QueueLimits;
  private readonly ending: Ending;
  private readonly sampler: Sampler;
  private readonly forward: CachedForward;
  private readonly ranges: RowRanges;
  /** Rows an attempt needs: nothing follows its last token. */
  private readonly attemptRows: number;
  private readonly done: SampledAttempt[][];
  private active: Underway[] = [];
  /** In the cache with their prompt and first token, but without a place. */
  private waiting: Underway[] = [];
  private nextPrompt = 0;
  private endedCount = 0;
  private tokenCount = 0;

  constructor(
    policy: Policy,
    prompts: readonly (readonly number[])[],
    options: GenerationOptions & { limits: QueueLimits },
  ) {
    this.policy = policy;
    this.prompts = prompts;
    this.options = options;
    this.limits = options.limits;
    this.ending = new Ending(options);
    this.sampler = new Sampler(policy, options, this.ending.barredIds);
    this.forward = new CachedForward(policy, options.limits.cacheRows);
    this.ranges = new RowRanges(options.limits.cacheRows);
    this.attemptRows = options.maxNewTokens - 1;
    this.done = prompts.map(() => []);
  }

  /** Samples everything. @returns attempts by prompt and number */
  async run(): Promise<SampledAttempt[][]> {
    try {
      while (this.nextPrompt < this.prompts.length || this.active.length > 0) await this.piece(this.enter());
      return this.done;
    } finally {
      this.forward.close();
    }
  }

  /** The prompts that enter now, in order, as many as there is room for; at least one where nothing else is under way. */
  private enter(): Group[] {
    const { group: size } = this.options;
    const { maxActive, entryRows } = this.limits;
    const entering: Group[] = [];
    let free = maxActive - this.active.length;
    let rows = 0;
    while (this.nextPrompt < this.prompts.length && this.waiting.length === 0 && free > 0) {
      const { length } = this.prompts[this.nextPrompt];
      if (rows > 0 && rows + length > entryRows) break;
      const start = this.ranges.take(length);
      if (start === null) break;
      const places = this.takePlaces(Math.min(size, free));
      if (places.length === 0) {
        this.ranges.give(start, length);
        break;
      }
      entering.push({ prompt: this.nextPrompt++, range: { start, length: 0 }, places, unfinished: size });
      rows += length;
      free -= places.length;
      if (places.length < size) break;
    }
    return entering;
  }

  private takePlaces(count: number): number[] {
    const places: number[] = [];
    while (places.length < count) {
      const start = this.ranges.take(this.attemptRows);
      if (start === null) break;
      places.push(start);
    }
    return places;
  }

  /** One forward pass and one token for each attempt in it. */
  private async piece(entering: readonly Group[]): Promise<void> {
    const runs: FedRun[] = [];
    const draws: Draw[] = [];
    let rows = 0;
    for (const group of entering) {
      const tokens = this.prompts[group.prompt];
      runs.push({ own: group.range, parent: null, tokens });
      rows += tokens.length;
      for (let g = 0; g < this.options.group; g++) draws.push({ attempt: this.begin(group, g), row: rows - 1 });
    }
    for (const attempt of this.active) {
      runs.push(attempt.run);
      draws.push({ attempt, row: rows++ });
    }
    this.rowCount += rows;
    await this.draw(runs, draws);
    this.settle(draws);
    this.options.onProgress({ attempts: this.endedCount, tokens: this.tokenCount });
  }

  private begin(group: Group, g: number): Underway {
    return {
      group,
      g,
      completion: this.ending.begin(),
      trace: new TokenTrace(),
      run: { own: { start: 0, length: 0 }, parent: group.range, tokens: [0] },
      placed: false,
    };
  }

  private async draw(runs: readonly FedRun[], draws: readonly Draw[]): Promise<void> {
    const { device, pieceScope, config } = this.policy;
    const { seed, streams, keepExperts } = this.options;
    const { hidden, routings } = this.forward.feed(runs);
    const count = draws.length;
    const { width } = config;
    const rows = new Int32Array(count);
    const uniforms = new Float32Array(count);
    for (let i = 0; i < count; i++) {
      const { attempt, row } = draws[i];
      rows[i] = row;
      uniforms[i] = uniformAt(seed, streams[attempt.group.prompt], attempt.g, attempt.completion.tokens.length);
    }
    const drawnFrom = pieceScope.temporary("f32", count * width);
    const index = pieceScope.upload("i32", rows);
    device.enqueue("gatherRows", { x: hidden, index, out: drawnFrom, rows: count, width });
    const request: DrawnRows = {
      uniforms,
      tooShort: (row) => draws[row].attempt.completion.tooShort,
      context: (row) => {
        const { group, completion } = draws[row].attempt;
        return [this.prompts[group.prompt], completion.tokens];
      },
    };
    const records = { logps: pieceScope.temporary("f32", count), entropies: pieceScope.temporary("f32", count) };
    const ids = await this.sampler.draw(drawnFrom, request, records);
    const pass = {
      logps: await device.read(records.logps),
      entropies: await device.read(records.entropies),
      experts: keepExperts ? await readExperts(device, routings, rows, config) : null,
    };
    await this.experts.add(device, routings);
    for (let i = 0; i < count; i++) {
      const { attempt } = draws[i];
      attempt.completion.add(ids[i]);
      attempt.run.tokens[0] = ids[i];
      attempt.trace.add(pass, i);
    }
    this.tokenCount += count;
  }

  /** Those that ended make room; those that go on take a place, in the order they came. */
  private settle(draws: readonly Draw[]): void {
    const begun: Underway[] = [];
    for (const { attempt } of draws)
      if (attempt.completion.stop !== null) this.end(attempt);
      else if (!attempt.placed) begun.push(attempt);
    this.active = this.active.filter(({ completion }) => completion.stop === null);
    const queued = [...this.waiting, ...begun];
    this.waiting = [];
    for (const attempt of queued) {
      const start =
        this.waiting.length > 0 || this.active.length === this.limits.maxActive ? null : this.place(attempt);
      if (start === null) this.waiting.push(attempt);
      else {
        attempt.run.own.start = start;
        attempt.placed = true;
        this.active.push(attempt);
      }
    }
  }

  private place({ group }: Underway): number | null {
    return group.places.pop() ?? this.ranges.take(this.attemptRows);
  }

  private end({ group, g, run, placed, completion, trace }: Underway): void {
    this.done[group.prompt][g] = {
      tokens: completion.tokens,
      stop: completion.stop ?? "length",
      ...trace.finish(this.policy.device),
    };
    this.endedCount++;
    group.unfinished--;
    if (placed) this.ranges.give(run.own.start, this.attemptRows);
    // What the group holds beyond its attempts that go on serves others.
    while (group.places.length > group.unfinished) this.ranges.give(group.places.pop() as number, this.attemptRows);
    if (group.unfinished === 0) this.ranges.give(group.range.start, group.range.length);
  }
}
