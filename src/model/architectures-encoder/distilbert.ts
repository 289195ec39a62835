import { MOST_LAYERS } from "../architectures/config-fields.ts";
import { type EncoderArchitecture, encoderPlaces } from "./architecture.ts";

/** DistilBERT: BERT without token types, under names of its own. */
export const distilbert: EncoderArchitecture = {
  modelType: "distilbert",
  readConfig(fields) {
    fields.choice("activation", ["gelu"], "gelu");
    return {
      vocabularySize: fields.count("vocab_size"),
      width: fields.count("dim"),
      layers: fields.count("n_layers", { most: MOST_LAYERS }),
      heads: fields.count("n_heads"),
      feedForward: fields.count("hidden_dim"),
      positions: fields.count("max_position_embeddings", { otherwise: 512 }),
      firstPosition: 0,
      paddingId: null,
      types: 0,
      normEps: 1e-12,
    };
  },
  places: (name) =>
    encoderPlaces(name, {
      model: "distilbert",
      layer: "transformer.layer",
      modules: {
        embedding: "embeddings.word_embeddings",
        positions: "embeddings.position_embeddings",
        embeddingNorm: "embeddings.LayerNorm",
        query: "attention.q_lin",
        key: "attention.k_lin",
        value: "attention.v_lin",
        attentionOutput: "attention.out_lin",
        attentionNorm: "sa_layer_norm",
        up: "ffn.lin1",
        down: "ffn.lin2",
        feedForwardNorm: "output_layer_norm",
      },
    }),
  spaceFirst: false,
};
