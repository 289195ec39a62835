import { basename } from "node:path";
import type { HubOptions } from "../base/hub/snapshot.ts";
import type { Device } from "../engine/device.ts";
import { openDevice } from "../engine/registry.ts";
import type { Policy } from "../model/policy.ts";
import { resolveModel } from "../model/resolve-model.ts";
import type { Tokenizer } from "../prompt/tokenizer.ts";
import type { Problem } from "../records/problem.ts";
import { goldReasonings } from "../reward/rewards/similarity.ts";
import type { SimilarityOptions } from "../reward/similarity-options.ts";
import type { Recipe } from "./recipe.ts";
import { encoderEmbedder, policyEmbedder, type TextEmbedder } from "./text-embedder.ts";
import { type TextPair, TextSimilarity } from "./text-similarity.ts";

/** What similarity is measured with. */
export interface SimilaritySetting {
  /** The run's device. */
  device: Device;
  /** The model as the run began, frozen; asked for when texts are embedded by it, and closed here. */
  base: () => Promise<Policy>;
  /** That model's. */
  tokenizer: Tokenizer;
  /** The gold texts that idf weights are counted over. */
  references: () => readonly string[];
  /** How an encoder on the hub is fetched. */
  hub?: HubOptions;
}

/** Similarity of texts, whose models are opened when first asked for. */
export interface OpenSimilarity {
  /**
   * BERTScore's F1 of each pair, in order; empty texts score 0, and below the baseline scores are negative.
   *
   * @throws CheckpointError when the encoder is missing or is none; ConfigError when it has fewer layers; DeviceError
   */
  similarity(pairs: readonly TextPair[], options: SimilarityOptions): Promise<number[]>;
  /** Gives memory and threads back; what is asked for afterwards is opened again. */
  close(): Promise<void>;
}

/** What tells the models apart that similarity opens: those of one key are one. */
export const similarityKey = ({ encoder, layer, idf }: SimilarityOptions): string =>
  JSON.stringify([encoder, layer, idf]);

/**
 * Measures similarity beside a run. An encoder is computed in f32, where need be on a device of its own, since in bf16 scores
 * are off in the third digit; the base model is computed as it is for the run.
 */
export function openSimilarity(setting: SimilaritySetting): OpenSimilarity {
  const { device, base, tokenizer, references, hub } = setting;
  const opened = new Map<string, Promise<TextSimilarity>>();
  let wide: Device | null = null;

  async function embedder(options: SimilarityOptions): Promise<TextEmbedder> {
    const { encoder, layer } = options;
    if (encoder === "policy") return policyEmbedder(await base(), tokenizer, { layer });
    const model = await resolveModel(encoder, hub);
    wide ??= inF32(device);
    return encoderEmbedder(wide, model, { layer: encoderLayer(options) });
  }

  async function open(options: SimilarityOptions): Promise<TextSimilarity> {
    return new TextSimilarity(await embedder(options), options.idf ? { idfOver: references() } : {});
  }

  return {
    async similarity(pairs, options) {
      const { baseline = 0 } = options;
      const key = similarityKey(options);
      let one = opened.get(key);
      if (!one) opened.set(key, (one = open(options)));
      const scores = await (await one).score(pairs);
      return scores.map(({ f1 }) => (f1 - baseline) / (1 - baseline));
    },
    async close() {
      for (const one of await Promise.allSettled(opened.values())) if (one.status === "fulfilled") one.value.close();
      opened.clear();
      if (wide && wide !== device) wide.close();
      wide = null;
    },
  };
}

/** What idf weights are counted over: the gold reasonings of a task's problems; expressions have none. */
export const referencesOf = (settings: Recipe["task"], problems: readonly Problem[]): string[] =>
  settings.kind === "words" ? goldReasonings(problems, settings.format) : [];

/** A device like another whose products have f32 operands: that one, where its have. */
function inF32(device: Device): Device {
  const { precision, threads } = device.info;
  return precision === "bf16" ? openDevice({ name: "native", threads, precision: "f32" }) : device;
}

/** Layers whose scores agree best with human judgement, as bert-score takes them (arXiv:1904.09675, appendix B). */
const tunedLayers: Readonly<Record<string, number>> = {
  "bert-base-uncased": 9,
  "bert-large-uncased": 18,
  "bert-base-multilingual-cased": 9,
  "roberta-base": 10,
  "roberta-large": 17,
  "distilbert-base-uncased": 5,
  "distilbert-base-multilingual-cased": 5,
  "distilroberta-base": 5,
};

/** Blocks of an encoder that are run: those asked for, or else as many as suit one of that name; undefined: all. */
export const encoderLayer = ({ layer, encoder }: SimilarityOptions): number | undefined =>
  layer ?? tunedLayers[basename(encoder).replace(/@.*$/s, "")];
