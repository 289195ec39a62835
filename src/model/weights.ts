import type { Parameters } from "../engine/parameters.ts";
import type { Parameter } from "../engine/tape.ts";

/**
 * A low-rank addition to a frozen product: y += scale · (x · aᵀ) · bᵀ.
 *
 * @see arXiv:2106.09685
 */
export interface LoraPair {
  /** f32 [R, inner], or [E, R, inner] for experts. */
  a: Parameter;
  /** f32 [outer, R], or [E, outer, R]. */
  b: Parameter;
  /** alpha / R, or alpha / sqrt(R) with rank stabilization (arXiv:2312.03732). */
  scale: number;
  /** Share of x that is zeroed in training passes, the rest divided by what is left. */
  dropout: number;
  /** Below 2³²: names this addition's dropout among all. */
  seed: number;
}

/** What a decoder reads: its arrays by name, whether trained or frozen, and what is added to them. */
export interface Weights {
  /** @throws ShapeError when there is no such array */
  get(name: string): Parameter;
  has(name: string): boolean;
  /** The addition to the product of `name` (`layers.3.query`); null where there is none. */
  lora(name: string): LoraPair | null;
}

/** The weights of a model whose arrays are all in one set of parameters, with nothing added. */
export function plainWeights(parameters: Parameters): Weights {
  return { get: (name) => parameters.get(name), has: (name) => parameters.has(name), lora: () => null };
}
