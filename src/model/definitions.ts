import { Rng } from "../base/rng.ts";
import type { ParameterDefinition } from "../engine/parameters.ts";
import { type DecoderConfig, hasExperts } from "./config.ts";

const ones = (values: Float32Array) => void values.fill(1);
const zeros = (values: Float32Array) => void values.fill(0);

/**
 * Names, shapes and starting values of a decoder's parameters, in the order they are stored. Matrices are [outer, inner]
 * as in PyTorch. Normal weights; gains 1, biases 0; weight decay pulls on matrices only.
 */
export function decoderParameters(config: DecoderConfig, rng: Rng): ParameterDefinition[] {
  const { width, layers, heads, kvHeads, headDim, feedForward, experts, vocabularySize } = config;
  const definitions: ParameterDefinition[] = [];
  const qkvBias = config.attentionBias !== "none";

  const matrix = (name: string, shape: number[], { residual = false } = {}) => {
    const inner = shape[shape.length - 1];
    const deviation = config.initialDeviation ?? 1 / Math.sqrt(inner * (residual ? 2 * layers : 1));
    definitions.push({
      name,
      shape,
      decays: true,
      initialize: (values) => {
        for (let i = 0; i < values.length; i++) values[i] = rng.normal() * deviation;
      },
    });
  };
  const vector = (name: string, shape: number[], initialize: (values: Float32Array) => void) =>
    definitions.push({ name, shape, initialize, decays: false });
  const linear = (name: string, outer: number, inner: number, { bias = false, residual = false }) => {
    matrix(`${name}.weight`, [outer, inner], { residual });
    if (bias) vector(`${name}.bias`, [outer], zeros);
  };
  const grouped = (name: string, outer: number, inner: number, { bias = false, residual = false }) => {
    matrix(`${name}.weight`, [experts, outer, inner], { residual });
    if (bias) vector(`${name}.bias`, [experts, outer], zeros);
  };
  const norm = (name: string) => {
    vector(`${name}.weight`, [width], ones);
    if (config.norm === "layer") vector(`${name}.bias`, [width], zeros);
  };

  matrix("embedding.weight", [vocabularySize, width]);
  for (let layer = 0; layer < layers; layer++) {
    const at = `layers.${layer}`;
    norm(`${at}.attentionNorm`);
    linear(`${at}.query`, heads * headDim, width, { bias: qkvBias });
    linear(`${at}.key`, kvHeads * headDim, width, { bias: qkvBias });
    linear(`${at}.value`, kvHeads * headDim, width, { bias: qkvBias });
    if (config.qkNorm !== "none") {
      const perHead = config.qkNorm === "head";
      vector(`${at}.queryNorm.weight`, [perHead ? headDim : heads * headDim], ones);
      vector(`${at}.keyNorm.weight`, [perHead ? headDim : kvHeads * headDim], ones);
    }
    linear(`${at}.attentionOutput`, width, heads * headDim, { bias: config.attentionBias === "all", residual: true });
    norm(`${at}.feedForwardNorm`);
    const mixture = hasExperts(config, layer);
    const inner = experts > 0 && !mixture ? config.denseFeedForward : feedForward;
    const bias = config.feedForwardBias;
    const add = mixture ? grouped : linear;
    if (mixture) matrix(`${at}.router.weight`, [experts, width]);
    if (config.activation === "swiglu") add(`${at}.gate`, inner, width, { bias });
    add(`${at}.up`, inner, width, { bias });
    add(`${at}.down`, width, inner, { bias, residual: true });
  }
  if (config.finalNorm) norm("finalNorm");
  if (!config.tiedOutput) matrix("output.weight", [vocabularySize, width]);
  if (config.outputBias) vector("output.bias", [vocabularySize], zeros);
  return definitions;
}

/** Definitions with routers that stay as they are: each token goes on to the experts that the base model chooses. */
export const withFrozenRouters = (definitions: readonly ParameterDefinition[]): ParameterDefinition[] =>
  definitions.map((one) => ({ ...one, frozen: one.name.endsWith(".router.weight") }));

/** Names and shapes of a decoder's arrays, in the order they are stored. */
export function decoderArrays(config: DecoderConfig): Pick<ParameterDefinition, "name" | "shape">[] {
  return decoderParameters(config, new Rng(0)).map(({ name, shape }) => ({ name, shape }));
}
