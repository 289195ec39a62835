import { type ConfigFields, MOST_LAYERS } from "../architectures/config-fields.ts";
import type { EncoderConfig } from "../encoder-config.ts";
import { type EncoderArchitecture, type EncoderNames, encoderPlaces } from "./architecture.ts";

/** BERT, MiniLM, MathBERT. */
export const bert: EncoderArchitecture = {
  modelType: "bert",
  readConfig: readBert,
  places: (name) => encoderPlaces(name, bertNames("bert")),
  spaceFirst: false,
};

/** The encoder that BERT's fields describe, which RoBERTa shares. */
export function readBert(fields: ConfigFields): EncoderConfig {
  fields.choice("hidden_act", ["gelu"], "gelu");
  fields.choice("position_embedding_type", ["absolute"], "absolute");
  return {
    vocabularySize: fields.count("vocab_size"),
    width: fields.count("hidden_size"),
    layers: fields.count("num_hidden_layers", { most: MOST_LAYERS }),
    heads: fields.count("num_attention_heads"),
    feedForward: fields.count("intermediate_size"),
    positions: fields.count("max_position_embeddings", { otherwise: 512 }),
    firstPosition: 0,
    paddingId: null,
    types: fields.count("type_vocab_size", { otherwise: 2 }),
    normEps: fields.number("layer_norm_eps", { above: 0, otherwise: 1e-12 }),
  };
}

/** BERT's names of modules, RoBERTa's too. */
export const bertNames = (model: string): EncoderNames => ({
  model,
  layer: "encoder.layer",
  modules: {
    embedding: "embeddings.word_embeddings",
    positions: "embeddings.position_embeddings",
    types: "embeddings.token_type_embeddings",
    embeddingNorm: "embeddings.LayerNorm",
    query: "attention.self.query",
    key: "attention.self.key",
    value: "attention.self.value",
    attentionOutput: "attention.output.dense",
    attentionNorm: "attention.output.LayerNorm",
    up: "intermediate.dense",
    down: "output.dense",
    feedForwardNorm: "output.LayerNorm",
  },
});
