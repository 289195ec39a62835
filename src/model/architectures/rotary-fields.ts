import type { DecoderConfig, RotaryScaling } from "../config.ts";
import type { ConfigFields } from "./config-fields.ts";

/** What config.json says of positions. */
type RotaryFields = Pick<DecoderConfig, "rotaryTheta" | "rotaryScaling" | "maxPositions">;

const kinds = ["default", "linear", "llama3", "longrope"] as const;

/**
 * Rotary positions from `rope_parameters` (transformers 5) or `rope_theta` and `rope_scaling` (transformers 4), and the
 * longest sequence that is computed as the model was trained: `max_position_embeddings`, but no longer than a sliding
 * window, within which it hides nothing, nor than the positions up to which longrope's short factors hold, since its long
 * ones would turn keys that are already computed differently.
 *
 * @param options theta where none is given; window: that of attention, null: none; mscale: whether cos and sin are
 *   multiplied by longrope's `short_mscale` (PhiMoE) instead of by what follows from its factor
 */
export function readRotary(
  fields: ConfigFields,
  { theta, window, mscale = false }: { theta: number; window: number | null; mscale?: boolean },
): RotaryFields {
  const positions = fields.count("max_position_embeddings");
  const rotary: RotaryFields = { rotaryTheta: 0, rotaryScaling: null, maxPositions: positions };
  const scaling = fields.object(fields.spelled("rope_parameters", "rope_scaling"));
  const owner = scaling?.has("rope_theta") ? scaling : fields;
  rotary.rotaryTheta = owner.number("rope_theta", { above: 1, otherwise: theta });
  for (const place of scaling ? [fields, scaling] : [fields])
    if (place.has("partial_rotary_factor") && place.number("partial_rotary_factor") !== 1)
      place.refuse("partial_rotary_factor", "expected 1: positions must turn whole heads");
  const capped = (bound: number, reason: string) => {
    if (bound >= rotary.maxPositions) return;
    fields.notes.push(`sequences up to ${bound} tokens of the model's ${positions}: ${reason}`);
    rotary.maxPositions = bound;
  };
  if (window !== null) capped(window, "beyond, a sliding window would hide the beginning");
  if (!scaling) return rotary;
  const kind = scaling.choice(scaling.spelled("rope_type", "type"), kinds, "default");
  if (kind === "longrope") {
    const { scaling: long, original } = readLong(fields, scaling, { positions, mscale });
    rotary.rotaryScaling = long;
    capped(original, "beyond, longrope would turn all keys anew");
  } else rotary.rotaryScaling = readScaling(kind, scaling);
  return rotary;
}

function readScaling(kind: "default" | "linear" | "llama3", scaling: ConfigFields): RotaryScaling | null {
  if (kind === "default") return null;
  const factor = scaling.number("factor", { least: 1 });
  if (kind === "linear") return { kind, factor };
  const lowFrequencyFactor = scaling.number("low_freq_factor", { above: 0 });
  const highFrequencyFactor = scaling.number("high_freq_factor", { above: 0 });
  if (highFrequencyFactor <= lowFrequencyFactor)
    scaling.refuse(
      "high_freq_factor",
      `expected more than low_freq_factor (${lowFrequencyFactor}), got ${highFrequencyFactor}`,
    );
  const originalPositions = scaling.count("original_max_position_embeddings");
  return { kind, factor, lowFrequencyFactor, highFrequencyFactor, originalPositions };
}

function readLong(
  fields: ConfigFields,
  scaling: ConfigFields,
  { positions, mscale }: { positions: number; mscale: boolean },
): { scaling: RotaryScaling; original: number } {
  const name = "original_max_position_embeddings";
  const original = (scaling.has(name) ? scaling : fields).count(name);
  const factors = scaling.numbers("short_factor", { above: 0 });
  if (mscale) {
    const attentionFactor = scaling.number("short_mscale", { above: 0 });
    return { scaling: { kind: "longrope", factors, attentionFactor }, original };
  }
  const factor = scaling.number("factor", { above: 0, otherwise: positions / original });
  // As transformers: the paper's √(1 + ln s / ln L), whether the sequence is long or not.
  const suggested = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
  const attentionFactor = scaling.number("attention_factor", { above: 0, otherwise: suggested });
  return { scaling: { kind: "longrope", factors, attentionFactor }, original };
}

/** The same fields as transformers 4 wrote them, which 5 reads too. */
export function writeRotary({ rotaryTheta, rotaryScaling, maxPositions }: RotaryFields): Record<string, unknown> {
  return {
    max_position_embeddings: maxPositions,
    rope_theta: rotaryTheta,
    rope_scaling: rotaryScaling && writeScaling(rotaryScaling, maxPositions),
  };
}

function writeScaling(scaling: RotaryScaling, maxPositions: number): Record<string, unknown> {
  switch (scaling.kind) {
    case "linear":
      return { rope_type: "linear", factor: scaling.factor };
    case "llama3":
      return {
        rope_type: "llama3",
        factor: scaling.factor,
        low_freq_factor: scaling.lowFrequencyFactor,
        high_freq_factor: scaling.highFrequencyFactor,
        original_max_position_embeddings: scaling.originalPositions,
      };
    case "longrope":
      // Sequences end where the short factors do, so the long ones are never read.
      return {
        rope_type: "longrope",
        short_factor: scaling.factors,
        long_factor: scaling.factors,
        attention_factor: scaling.attentionFactor,
        short_mscale: scaling.attentionFactor,
        long_mscale: scaling.attentionFactor,
        original_max_position_embeddings: maxPositions,
      };
  }
}
