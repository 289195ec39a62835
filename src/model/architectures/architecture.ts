import type { DecoderConfig } from "../config.ts";
import type { WeightSource } from "../formats/weight-source.ts";
import type { ConfigFields } from "./config-fields.ts";

/** Where one of our arrays lies in a checkpoint. */
export interface Place {
  /** The stored tensor; where each expert has its own, theirs in the order in which ours stacks them. */
  readonly names: readonly string[];
  readonly perExpert?: boolean;
  /** The array is the `index`-th of `of` equal parts of the outer axis (gate and up in one tensor); absent: all of it. */
  readonly part?: { readonly index: number; readonly of: number };
  /**
   * Number of heads whose rows i and i + headDim/2 are stored as neighbours, as GGUF keeps queries and keys of those
   * architectures whose rotary positions llama.cpp turns by neighbours; absent: rows lie as they are.
   */
  readonly pairedHeads?: number;
}

/** How a family of published models maps to our decoder. */
export interface Architecture {
  /** `model_type` of config.json. */
  readonly modelType: string;
  /** transformers' class, for `architectures` of an exported config.json. */
  readonly className: string;
  /** The decoder that config.json describes; what is missing or out of range is noted in `fields`. */
  readConfig(fields: ConfigFields): DecoderConfig;
  /** The fields of a config.json that `readConfig` and transformers 4 and 5 read as this decoder. */
  writeConfig(config: DecoderConfig): Record<string, unknown>;
  /**
   * Where an array of ours may lie in a safetensors checkpoint; the first place is how published checkpoints and both
   * transformers 4 and 5 write it, others are other spellings.
   *
   * @param name as `decoderParameters` names it
   */
  places(name: string, config: DecoderConfig): Place[];
  /** The same in GGUF files; null: there are none of this architecture. */
  readonly gguf: GgufArchitecture | null;
}

/** How a family of models is kept in GGUF files. */
export interface GgufArchitecture {
  /** `general.architecture`. */
  readonly name: string;
  /** Whether a file of that name is of this family, where several share one; absent: it is. */
  readonly matches?: (fields: ConfigFields) => boolean;
  /** The decoder that the metadata under `name` and the tensors there are describe. */
  readConfig(fields: ConfigFields, tensors: WeightSource["tensors"]): DecoderConfig;
  places(name: string, config: DecoderConfig): Place[];
}
