import { existsSync } from "node:fs";
import { join } from "node:path";
import { ConfigError } from "../base/errors.ts";
import { orClosed } from "../base/or-closed.ts";
import type { Device } from "../engine/device.ts";
import type { DecoderConfig } from "../model/config.ts";
import { mostTokens } from "../model/encoder-config.ts";
import { closePolicy, type Policy } from "../model/policy.ts";
import { policyRows } from "../model/policy-rows.ts";
import { loadEncoder } from "../model/pretrained-encoder.ts";
import { readConfigFile } from "../model/pretrained-source.ts";
import type { ResolvedModel } from "../model/resolve-model.ts";
import { openTokenizer } from "../prompt/text-tokenizer.ts";
import type { Tokenizer } from "../prompt/tokenizer.ts";

/** What makes texts into their tokens' contextual embeddings. */
export interface TextEmbedder {
  /** The ids of a text with what frames it, cut to the longest that can be embedded. */
  tokenize(text: string): number[];
  /** Ids that frame a text and are no part of what it says. */
  readonly framing: ReadonlySet<number>;
  /** Hidden rows of tokenized texts, f32 [L, D] each. */
  hiddenRows(texts: readonly (readonly number[])[]): Promise<Float32Array[]>;
  /** Gives the model's memory back. */
  close(): void;
}

/**
 * An encoder of its own: BERT, RoBERTa or DistilBERT. Texts are stripped, framed and cut as bert-score does it.
 *
 * @param options layer: blocks to run, default all; further ones are not loaded
 * @throws CheckpointError when a file is missing, broken or of another architecture; ConfigError when there is no such layer
 */
export function encoderEmbedder(
  device: Device,
  model: Pick<ResolvedModel, "kind" | "path">,
  { layer }: { layer?: number } = {},
): TextEmbedder {
  // What is no encoder at all is said before its tokenizer is looked for.
  const { encoder, architecture } = loadEncoder(device, model, { layers: layer });
  const { tokenizer, limit } = orClosed(encoder, () => ({
    tokenizer: openTokenizer(model.path),
    limit: tokenizerLimit(model.path),
  }));
  const { before, after } = tokenizer.framing;
  const most = Math.min(mostTokens(encoder.config), limit);
  const room = Math.max(0, most - before.length - after.length);
  return {
    tokenize(text) {
      const said = text.trim();
      const ids = said === "" ? [] : tokenizer.encode(architecture.spaceFirst ? ` ${said}` : said);
      return [...before, ...ids.slice(0, room), ...after];
    },
    framing: new Set([...before, ...after]),
    hiddenRows: (texts) => encoder.hiddenRows(texts),
    close: () => encoder.close(),
  };
}

/** Where transformers cuts texts, besides the model's positions. */
function tokenizerLimit(directory: string): number {
  const file = join(directory, "tokenizer_config.json");
  const limit = existsSync(file) ? readConfigFile(file).model_max_length : undefined;
  return typeof limit === "number" && limit >= 1 ? limit : Number.POSITIVE_INFINITY;
}

/**
 * The hidden rows of a language model. A text begins with a token that frames it: what comes first draws most attention
 * whatever it says (arXiv:2309.17453), so its rows are all alike.
 *
 * @param policy frozen; closed with the embedder
 * @param options layer: blocks to run, default all and the final norm
 */
export function policyEmbedder(
  policy: Policy,
  tokenizer: Tokenizer & { readonly bosId?: number | null },
  { layer }: { layer?: number } = {},
): TextEmbedder {
  const { maxPositions } = policy.config;
  const layers = policyLayers(policy.config, layer);
  const first = tokenizer.bosId ?? tokenizer.eosId;
  return {
    tokenize: (text) => [first, ...tokenizer.encode(text.trim()).slice(0, maxPositions - 1)],
    framing: new Set([first]),
    hiddenRows: (texts) => policyRows(policy, texts, { layers }),
    close: () => closePolicy(policy),
  };
}

/** Blocks of a policy that are run. @param layer default all @throws ConfigError when there are fewer */
export function policyLayers({ layers }: Pick<DecoderConfig, "layers">, layer = layers): number {
  if (layer <= layers) return layer;
  throw new ConfigError(`layer: expected a whole number from 0 to ${layers}, the blocks of the policy, got ${layer}`);
}
