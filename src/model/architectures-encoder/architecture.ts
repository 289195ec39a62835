import type { Place } from "../architectures/architecture.ts";
import type { ConfigFields } from "../architectures/config-fields.ts";
import type { EncoderConfig } from "../encoder-config.ts";

/** How a family of published encoders maps to ours. */
export interface EncoderArchitecture {
  /** `model_type` of config.json. */
  readonly modelType: string;
  /** The encoder that config.json describes; what is missing or out of range is noted in `fields`. */
  readConfig(fields: ConfigFields): EncoderConfig;
  /**
   * Where an array of ours may lie in a checkpoint.
   *
   * @param name as `encoderArrays` names it
   */
  places(name: string): Place[];
  /** Whether a text is read as if a space came before it, so that its first word is spelled as it is within a text. */
  readonly spaceFirst: boolean;
}

/** The stored names of an encoder's modules. */
export interface EncoderNames {
  /** What comes before all names in a checkpoint with a head (`bert`); nothing does in one without. */
  model: string;
  /** What comes before a block's number. */
  layer: string;
  /** Of our module names, those of a block without its number. */
  modules: Readonly<Record<string, string>>;
}

/** Norms in checkpoints that came from TensorFlow. */
const oldKinds: Readonly<Record<string, string>> = { weight: "gamma", bias: "beta" };

/** Every spelling of an array's name: with or without a head, norms as they are written now or were once. */
export function encoderPlaces(name: string, { model, layer, modules }: EncoderNames): Place[] {
  const parts = name.split(".");
  const kind = parts.at(-1)!;
  const module = parts.at(-2)!;
  const path = parts[0] === "layers" ? `${layer}.${parts[1]}.${modules[module]}` : modules[module];
  const kinds = module.endsWith("Norm") ? [kind, oldKinds[kind]] : [kind];
  return ["", `${model}.`].flatMap((prefix) => kinds.map((one) => ({ names: [`${prefix}${path}.${one}`] })));
}
