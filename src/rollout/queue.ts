import { uniformAt } from "../base/rng.ts";
import type { DeviceBuffer } from "../engine/device.ts";
import { ExpertCounter } from "../model/expert-use.ts";
import type { Policy } from "../model/policy.ts";
import { CachedForward, type CachedRange, type FedRun } from "./cached-forward.ts";
import { Ending } from "./completion.ts";
import type { DraftStore } from "./draft-store.ts";
import { type Drafted, Drafter } from "./drafter.ts";
import type { GenerationOptions } from "./generation.ts";
import { RowRanges } from "./row-ranges.ts";
import type { SampledAttempt } from "./sampled-attempt.ts";
import { type DrawnRows, Sampler } from "./sampler.ts";
import { type Drawn, type Group, Place, Strand, type Underway } from "./strand.ts";
import { readExperts, TokenTrace } from "./token-trace.ts";

/** How much is under way at once; none of it changes what is sampled. */
export interface QueueLimits {
  /** Attempts, at most. */
  maxActive: number;
  /** Rows of keys and values, at least what the longest prompt and one attempt at it need. */
  cacheRows: number;
  /** Prompt rows that enter with one piece, and rows that drafts fill it up to, at most; a longer prompt enters alone. */
  entryRows: number;
}

/** What a queue is told. */
export interface QueueOptions extends GenerationOptions {
  limits: QueueLimits;
  /** What to draft from, and to add to; null: nothing is drafted. */
  drafts: DraftStore | null;
}

/** A run of a piece. */
interface Asked extends FedRun {
  /** Who draws from it: of a prompt from its last row, of a strand from every row. */
  attempts: readonly Underway[];
  /** Whose run it is; null: a prompt's, or what all prompts begin with. */
  strand: Strand | null;
  draft: Drafted | null;
}

/** A row of a piece that tokens are drawn from, one for each of the attempts. */
interface DrawnRow {
  row: number;
  attempts: readonly Underway[];
  /** Tokens that the row has behind those of the attempts. */
  drafted: readonly number[];
  /** Which draw is whose, in the order of the attempts. */
  draws: number[];
}

/**
 * Sampling of a queue of prompts: attempts that end make room, and the next prompts enter with the next piece. A piece is
 * one forward pass: the prompts that enter, and a run of tokens for each strand of attempts under way. Keys and values lie
 * in ranges of a cache: what all prompts begin with once, a prompt's once for its whole group, and those of attempts once for
 * as long as their tokens are the same.
 *
 * A strand's run is its last token and, with a draft store, tokens that may follow. Every row of it draws, each with the
 * random number of its own position; a draw that is not the next token of the run is the last that counts. So what is
 * drawn is what would have been drawn row by row (this departs from arXiv:2211.17192, which accepts a draft's token by
 * chance and so keeps only the distribution): a row that counts has the tokens before it, kernels are batch-invariant, and
 * an attempt's bits depend neither on drafts nor on what else is under way.
 */
export class GenerationQueue {
  /** Rows that went through the model. */
  rowCount = 0;
  /** Rows whose logits were computed. */
  headRows = 0;
  /** Forward passes. */
  passes = 0;
  readonly drafter: Drafter | null;
  /** Of every row as if each prompt and each attempt had been fed alone and without drafts. */
  readonly experts = new ExpertCounter();
  private readonly policy: Policy;
  private readonly prompts: readonly (readonly number[])[];
  private readonly options: QueueOptions;
  private readonly limits: QueueLimits;
  private readonly ending: Ending;
  private readonly sampler: Sampler;
  private readonly forward: CachedForward;
  private readonly ranges: RowRanges;
  /** What all prompts begin with; null where that is nothing. */
  private readonly stem: CachedRange | null;
  private readonly stemRows: number;
  /** Rows an attempt needs: nothing follows its last token. */
  private readonly attemptRows: number;
  private readonly done: SampledAttempt[][];
  private strands: Strand[] = [];
  private activeCount = 0;
  /** In the cache with their prompt and first token, but without a place. */
  private waiting: Underway[] = [];
  private nextPrompt = 0;
  private endedCount = 0;
  private tokenCount = 0;

  constructor(policy: Policy, prompts: readonly (readonly number[])[], options: QueueOptions) {
    const { limits, drafts } = options;
    this.policy = policy;
    this.prompts = prompts;
    this.options = options;
    this.limits = limits;
    this.ending = new Ending(options);
    this.sampler = new Sampler(policy, options, this.ending.barredIds);
    this.drafter = drafts && new Drafter(drafts, this.ending);
    this.forward = new CachedForward(policy, limits.cacheRows);
    this.ranges = new RowRanges(limits.cacheRows);
    this.attemptRows = options.maxNewTokens - 1;
    this.done = prompts.map(() => []);
    this.stemRows = commonStart(prompts);
    this.stem = this.stemRows > 0 ? { start: this.ranges.take(this.stemRows) ?? 0, length: 0, parent: null } : null;
  }

  /** Samples everything. @returns attempts by prompt and number */
  async run(): Promise<SampledAttempt[][]> {
    try {
      while (this.nextPrompt < this.prompts.length || this.strands.length > 0) await this.piece(this.enter());
      return this.done;
    } finally {
      this.forward.close();
    }
  }

  /** The prompts that enter now, in order, as many as there is room for; at least one where nothing else is under way. */
  private enter(): Group[] {
    const { group: size, drafts } = this.options;
    const { maxActive, entryRows } = this.limits;
    const entering: Group[] = [];
    let free = maxActive - this.activeCount;
    let rows = 0;
    while (this.nextPrompt < this.prompts.length && this.waiting.length === 0 && free > 0) {
      const prompt = this.prompts[this.nextPrompt];
      const length = prompt.length - this.stemRows;
      if (rows > 0 && rows + length > entryRows) break;
      const start = this.ranges.take(length);
      if (start === null) break;
      const places = this.takePlaces(Math.min(size, free));
      if (places.length === 0) {
        this.ranges.give(start, length);
        break;
      }
      const range = { start, length: 0, parent: this.stem };
      const known = drafts?.open(prompt) ?? null;
      entering.push({ prompt: this.nextPrompt++, range, places, unfinished: size, drafts: known });
      rows += length;
      free -= places.length;
      if (places.length < size) break;
    }
    return entering;
  }

  private takePlaces(count: number): Place[] {
    const places: Place[] = [];
    while (places.length < count) {
      const place = Place.take(this.ranges, this.attemptRows);
      if (place === null) break;
      places.push(place);
    }
    return places;
  }

  /** One forward pass, and the tokens drawn from it: at least one for each attempt in it. */
  private async piece(entering: readonly Group[]): Promise<void> {
    const { stem, stemRows, drafter } = this;
    const asked: Asked[] = [];
    const unasked = { attempts: [], draft: null, strand: null };
    if (stem && stem.length === 0) asked.push({ own: stem, tokens: this.prompts[0].slice(0, stemRows), ...unasked });
    for (const group of entering) {
      const attempts = Array.from({ length: this.options.group }, (_, g) => this.begin(group, g));
      const tokens = this.prompts[group.prompt].slice(stemRows);
      asked.push({ own: group.range, tokens, ...unasked, attempts });
    }
    const strands = this.strands.length;
    // A pass of that many rows is dear by its rows alone, and its memory stays what entering prompts take.
    let room = this.limits.entryRows - strands - asked.reduce((sum, { tokens }) => sum + tokens.length, 0);
    for (const strand of this.strands) {
      const draft = drafter?.draft(strand, { strands, room }) ?? null;
      room -= draft?.fed.length ?? 0;
      const tokens = [strand.tokens[strand.tokens.length - 1], ...(draft?.fed ?? [])];
      asked.push({ own: strand.own, tokens, attempts: strand.attempts, draft, strand });
    }
    const parted = await this.draw(asked);
    this.passes++;
    this.settle(parted.begun, parted.strands);
    this.options.onProgress({ attempts: this.endedCount, tokens: this.tokenCount });
  }

  private begin(group: Group, g: number): Underway {
    return { group, g, completion: this.ending.begin(), trace: new TokenTrace() };
  }

  /** @returns attempts that have drawn their first token, and what became of the strands */
  private async draw(asked: readonly Asked[]): Promise<{ begun: Underway[]; strands: Strand[] }> {
    const { device, config } = this.policy;
    const { hidden, routings } = this.forward.feed(asked);
    const rowsOf = new Map<Asked, DrawnRow[]>();
    // How many attempts a row is of; prompts are shared by their group, as they are by a trainer's batch.
    const shares: number[] = [];
    for (const one of asked) {
      const { attempts, tokens, strand } = one;
      const first = shares.length + tokens.length - (strand ? tokens.length : 1);
      const drafted = Array.from(tokens).slice(1);
      const rows = attempts.length === 0 ? 0 : strand ? tokens.length : 1;
      rowsOf.set(
        one,
        Array.from({ length: rows }, (_, i) => ({
          row: first + i,
          attempts,
          drafted: strand ? drafted.slice(0, i) : [],
          draws: [],
        })),
      );
      const share = strand ? 0 : one.own === this.stem ? this.prompts.length : 1;
      for (let i = 0; i < tokens.length; i++) shares.push(share);
    }
    this.rowCount += shares.length;
    const rows = [...rowsOf.values()].flat().sort((a, b) => b.attempts.length - a.attempts.length);
    this.headRows += rows.length;
    const { ids, drawnFrom, ...recorded } = await this.sample(hidden, rows);
    const { keepExperts } = this.options;
    const pass = { ...recorded, experts: keepExperts ? await readExperts(device, routings, drawnFrom, config) : null };
    const begun: Underway[] = [];
    const strands: Strand[] = [];
    for (const [{ attempts, strand, draft, tokens }, run] of rowsOf) {
      const drawn = attempts.map((attempt, turn): Drawn => {
        let rows = 0;
        for (const { draws, row } of run) {
          const token = ids[draws[turn]];
          attempt.completion.add(token);
          attempt.trace.add(pass, draws[turn]);
          if (strand) shares[row]++;
          rows++;
          if (attempt.completion.stop !== null || token !== tokens[rows]) break;
        }
        this.tokenCount += rows;
        if (attempt.completion.stop !== null) this.end(attempt);
        return { attempt, rows };
      });
      if (draft) this.drafter?.learn(draft, drawn);
      if (strand) strands.push(...strand.part(drawn, tokens.length));
      else begun.push(...attempts.filter(({ completion }) => completion.stop === null));
    }
    await this.experts.addShared(device, routings, shares);
    return { begun, strands };
  }

  /** Draws from rows of the piece, those of most attempts first; sets whose draws are whose. */
  private async sample(hidden: DeviceBuffer, rows: readonly DrawnRow[]) {
    const { device, pieceScope, config } = this.policy;
    const { seed, streams } = this.options;
    const { width } = config;
    const uniforms: number[] = [];
    const drawnFrom: number[] = [];
    for (let turn = 0; turn < rows[0].attempts.length; turn++)
      for (const { row, attempts, drafted, draws } of rows) {
        if (turn >= attempts.length) break;
        const { group, g, completion } = attempts[turn];
        draws.push(uniforms.length);
        drawnFrom.push(row);
        uniforms.push(uniformAt(seed, streams[group.prompt], g, completion.tokens.length + drafted.length));
      }
    const out = pieceScope.temporary("f32", rows.length * width);
    const index = pieceScope.upload(
      "i32",
      Int32Array.from(rows, ({ row }) => row),
    );
    device.enqueue("gatherRows", { x: hidden, index, out, rows: rows.length, width });
    const request: DrawnRows = {
      counts: rows.map(({ attempts }) => attempts.length),
      uniforms: Float32Array.from(uniforms),
      tooShort: (row) => rows[row].attempts[0].completion.tooShortAfter(rows[row].drafted.length),
      context: (row) => {
        const { attempts, drafted } = rows[row];
        return [this.prompts[attempts[0].group.prompt], attempts[0].completion.tokens, drafted];
      },
    };
    const count = uniforms.length;
    const records = { logps: pieceScope.temporary("f32", count), entropies: pieceScope.temporary("f32", count) };
    const ids = await this.sampler.draw(out, request, records);
    return { ids, drawnFrom, logps: await device.read(records.logps), entropies: await device.read(records.entropies) };
  }

  /** Attempts that have begun take a place, in the order they came, while there is room. */
  private settle(begun: readonly Underway[], strands: Strand[]): void {
    this.strands = strands;
    this.activeCount = strands.reduce((sum, { attempts }) => sum + attempts.length, 0);
    const queued = [...this.waiting, ...begun];
    this.waiting = [];
    const together = new Map<string, { attempt: Underway; place: Place }[]>();
    for (const attempt of queued) {
      const { group, completion } = attempt;
      const full = this.waiting.length > 0 || this.activeCount === this.limits.maxActive;
      const place = full ? null : (group.places.pop() ?? Place.take(this.ranges, this.attemptRows));
      if (place === null) {
        this.waiting.push(attempt);
        continue;
      }
      this.activeCount++;
      const key = `${group.prompt} ${completion.tokens[0]}`;
      const same = together.get(key);
      if (same) same.push({ attempt, place });
      else together.set(key, [{ attempt, place }]);
    }
    for (const same of together.values())
      this.strands.push(
        Strand.begin(
          same.map(({ attempt }) => attempt),
          same.map(({ place }) => place),
        ),
      );
  }

  private end({ group, g, completion, trace }: Underway): void {
    const { tokens, stop } = completion;
    this.done[group.prompt][g] = { tokens, stop: stop ?? "length", ...trace.finish(this.policy.device) };
    group.drafts?.add(tokens);
    this.endedCount++;
    group.unfinished--;
    // What the group holds beyond its attempts that go on serves others.
    while (group.places.length > group.unfinished) group.places.pop()?.release();
    if (group.unfinished === 0) this.ranges.give(group.range.start, group.range.length);
  }
}

/** How many tokens all prompts begin with; the last token of each is never among them. 0 for one prompt alone. */
function commonStart(prompts: readonly (readonly number[])[]): number {
  if (prompts.length < 2) return 0;
  const [first] = prompts;
  const shortest = prompts.reduce((least, { length }) => Math.min(least, length), first.length);
  let common = 0;
  while (common < shortest - 1 && prompts.every((prompt) => prompt[common] === first[common])) common++;
  return common;
}
