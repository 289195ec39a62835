import { ConfigError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import { type DecoderConfig, hasExperts } from "./config.ts";

/** Projections of attention and of plain feed-forward blocks, as a decoder names them. */
const projections = ["query", "key", "value", "attentionOutput", "gate", "up", "down"] as const;

/** A projection that an adapter can be put on. */
export type Projection = (typeof projections)[number];

/** What Hugging Face calls them. */
const published: Record<string, Projection> = {
  q_proj: "query",
  k_proj: "key",
  v_proj: "value",
  o_proj: "attentionOutput",
  gate_proj: "gate",
  up_proj: "up",
  down_proj: "down",
};

/**
 * The projections that `targetModules` means in a model, in the decoder's order; `all-linear`: every one it has, those of
 * experts and the router not counted.
 *
 * @param targetModules our names or Hugging Face's (`query` or `q_proj`)
 * @throws ConfigError listing every name that is unknown or that the model has no such projection for
 */
export function resolveTargets(targetModules: readonly string[] | "all-linear", config: DecoderConfig): Projection[] {
  const present = projections.filter((one) => isPresent(one, config));
  if (targetModules === "all-linear") return present;
  const problems: string[] = [];
  const chosen = new Set<Projection>();
  for (const name of targetModules) {
    const found = Object.hasOwn(published, name) ? published[name] : projections.find((one) => one === name);
    if (!found) problems.push(unknownTarget(name));
    else if (!present.includes(found)) problems.push(absentTarget(name, config));
    else chosen.add(found);
  }
  if (problems.length > 0) throw new ConfigError(`lora: targetModules: ${problems.join("; ")}`);
  return present.filter((one) => chosen.has(one));
}

function isPresent(projection: Projection, config: DecoderConfig): boolean {
  if (projection === "gate" && config.activation !== "swiglu") return false;
  if (!["gate", "up", "down"].includes(projection)) return true;
  return Array.from({ length: config.layers }, (_, layer) => layer).some((layer) => !hasExperts(config, layer));
}

function unknownTarget(name: string): string {
  const known = [...projections, ...Object.keys(published)];
  const near = nearest(name, known);
  return `unknown name ${JSON.stringify(name)}${near ? `, is ${near} meant?` : ""} (known: ${known.join(", ")})`;
}

const absentTarget = (name: string, { activation }: DecoderConfig): string =>
  activation === "swiglu"
    ? `${name}: every feed-forward block of this model is a mixture; set experts to adapt its experts`
    : `${name}: this model's feed-forward blocks have none`;
