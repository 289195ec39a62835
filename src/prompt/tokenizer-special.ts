import type { TokenizerField } from "./tokenizer-field.ts";

/** The parts a special token can play; templates know them by these names. */
export const specialRoles = [
  "bos_token",
  "eos_token",
  "unk_token",
  "sep_token",
  "pad_token",
  "cls_token",
  "mask_token",
] as const;
export type SpecialTokens = Partial<Record<(typeof specialRoles)[number], string>>;

/** The special tokens of tokenizer_config.json, and those that special_tokens_map.json alone names. */
export function readSpecialTokens(config: TokenizerField, map: TokenizerField): SpecialTokens {
  const tokens: SpecialTokens = {};
  for (const role of specialRoles) {
    const written = Object.hasOwn(config.object(), role) ? config.child(role) : map.child(role);
    if (written.missing) continue;
    tokens[role] = typeof written.value === "string" ? written.value : written.child("content").string();
  }
  return tokens;
}

/**
 * A tokenizer.json with the added tokens that only tokenizer_config.json (`added_tokens_decoder`) has, and with special
 * tokens that are in the model's vocabulary and nowhere marked: transformers adds both.
 */
export function withSpecialTokens(json: TokenizerField, config: TokenizerField, special: SpecialTokens): unknown {
  const added = json.child("added_tokens");
  const own = added.missing ? [] : added.items();
  const known = new Set(own.map((token) => token.child("content").string()));
  const more: Record<string, unknown>[] = [];
  const decoder = config.child("added_tokens_decoder");
  for (const [id, entry] of Object.entries(decoder.missing ? {} : decoder.object())) {
    const content = decoder.child(id).child("content").string();
    if (known.has(content)) continue;
    known.add(content);
    more.push({ ...(entry as Record<string, unknown>), id: Number(id) });
  }
  const vocabulary = json.child("model").child("vocab").value;
  for (const content of Object.values(special)) {
    if (known.has(content)) continue;
    const id = idIn(vocabulary, content);
    if (id === null) continue;
    known.add(content);
    more.push({ id, content, special: true, normalized: false });
  }
  return { ...json.object(), added_tokens: [...own.map((token) => token.value), ...more] };
}

/**
 * What is put around a text: by tokenizer_config.json's `add_bos_token` and `add_eos_token` where they are, else by the
 * post-processor of tokenizer.json.
 */
export function framingIds(
  json: TokenizerField,
  config: TokenizerField,
  special: SpecialTokens,
): { before: number[]; after: number[] } {
  const addsBos = config.child("add_bos_token");
  const addsEos = config.child("add_eos_token");
  if (!addsBos.missing || !addsEos.missing) {
    const idOf = (token: string | undefined): number[] => {
      const entry = json
        .child("added_tokens")
        .items()
        .find((added) => added.child("content").value === token);
      return entry === undefined ? [] : [entry.child("id").id()];
    };
    return {
      before: addsBos.flag(false) ? idOf(special.bos_token) : [],
      after: addsEos.flag(false) ? idOf(special.eos_token) : [],
    };
  }
  return processorIds(json.child("post_processor"));
}

function processorIds(field: TokenizerField): { before: number[]; after: number[] } {
  if (field.missing) return { before: [], after: [] };
  switch (field.child("type").string()) {
    case "Sequence": {
      const framings = field.child("processors").items().map(processorIds);
      return {
        before: framings.toReversed().flatMap((framing) => framing.before),
        after: framings.flatMap((framing) => framing.after),
      };
    }
    case "TemplateProcessing":
      return templateIds(field);
    case "BertProcessing":
    case "RobertaProcessing":
      return { before: [pairId(field.child("cls"))], after: [pairId(field.child("sep"))] };
    case "ByteLevel":
      return { before: [], after: [] };
    default:
      throw field.child("type").refuse("Sequence, TemplateProcessing, BertProcessing, RobertaProcessing or ByteLevel");
  }
}

function pairId(field: TokenizerField): number {
  const [, id] = field.items();
  if (id === undefined) throw field.refuse("a token and its id");
  return id.id();
}

function templateIds(field: TokenizerField): { before: number[]; after: number[] } {
  const framing = { before: [] as number[], after: [] as number[] };
  let side = framing.before;
  for (const item of field.child("single").items()) {
    const token = item.child("SpecialToken");
    if (token.missing) side = framing.after;
    else {
      const name = token.child("id").string();
      for (const id of field.child("special_tokens").child(name).child("ids").items()) side.push(id.id());
    }
  }
  return framing;
}

function idIn(vocabulary: unknown, token: string): number | null {
  if (Array.isArray(vocabulary)) {
    const id = vocabulary.findIndex((entry) => Array.isArray(entry) && entry[0] === token);
    return id < 0 ? null : id;
  }
  const own = (vocabulary ?? {}) as Record<string, number>;
  return Object.hasOwn(own, token) ? own[token] : null;
}

/** A `chat_template`: text, or a list of named ones, of which `default` is taken. */
export function readChatTemplate(config: TokenizerField): { source: string; name: string } | null {
  const field = config.child("chat_template");
  if (field.missing) return null;
  const name = `${config.file} (chat_template)`;
  if (!Array.isArray(field.value)) return { source: field.string(), name };
  const chosen = field.items().find((entry) => entry.child("name").value === "default");
  return chosen === undefined ? null : { source: chosen.child("template").string(), name };
}
