/**
 * Counter-based random numbers: a stream is named by integers, and its n-th number depends on nothing else. So an
 * attempt's tokens do not depend on which batch it was sampled in, and resuming needs no generator state beyond counters.
 */

const mix32 = (value: number): number => {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x21f0aaad);
  h = Math.imul(h ^ (h >>> 15), 0x735a2d97);
  return (h ^ (h >>> 15)) >>> 0;
};

/** A 32-bit hash of a sequence of integers; each position matters. */
export function hashIntegers(...values: number[]): number {
  let h = 0x9e3779b9;
  for (const value of values) h = mix32((h + mix32(value) + Math.imul(h, 0x85ebca6b)) | 0);
  return h >>> 0;
}

/** A 32-bit hash of text (FNV-1a, then mixed). */
export function hashText(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return mix32(h);
}

/** A uniform number in [0,1) with 24 bits, exact in f32, named by integers. */
export function uniformAt(...values: number[]): number {
  return (hashIntegers(...values) >>> 8) / 16777216;
}

/** A seeded stream of random numbers (sfc32). Its state is four integers, so it can be saved and restored. */
export class Rng {
  state: [number, number, number, number];

  constructor(...seed: number[]) {
    const h = hashIntegers(...seed);
    this.state = [h, mix32(h + 1), mix32(h + 2), 1];
    for (let i = 0; i < 12; i++) this.nextUint32();
  }

  nextUint32(): number {
    const [a, b, c, counter] = this.state;
    const t = (a + b + counter) | 0;
    this.state = [b ^ (b >>> 9), (c + (c << 3)) | 0, (((c << 21) | (c >>> 11)) + t) | 0, (counter + 1) | 0];
    return t >>> 0;
  }

  /** Uniform in [0,1), 53 bits. */
  uniform(): number {
    return ((this.nextUint32() >>> 5) * 67108864 + (this.nextUint32() >>> 6)) / 9007199254740992;
  }

  /** A whole number in [low, high], both included. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.uniform() * (high - low + 1));
  }

  /** Standard normal, by Box and Muller's transform. */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** One element of a non-empty list. */
  pick<T>(items: readonly T[]): T {
    return items[this.integer(0, items.length - 1)];
  }

  /** Shuffles in place (Fisher and Yates). */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.integer(0, i);
      [items[i], items[j]] = [items[j], items[i]];
    }
    return items;
  }
}
