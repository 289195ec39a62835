import { CheckpointError } from "../../base/errors.ts";
import { nearest } from "../../base/nearest.ts";
import type { EncoderArchitecture } from "./architecture.ts";
import { bert } from "./bert.ts";
import { distilbert } from "./distilbert.ts";
import { roberta } from "./roberta.ts";

/** Every encoder that can be loaded. */
const encoders: readonly EncoderArchitecture[] = [bert, roberta, distilbert];

/**
 * The encoder architecture of a config.json's `model_type`.
 *
 * @param path the file, for messages
 * @throws CheckpointError listing those there are
 */
export function encoderArchitectureOf(modelType: unknown, path: string): EncoderArchitecture {
  const found = encoders.find((one) => one.modelType === modelType);
  if (found) return found;
  const known = encoders.map((one) => one.modelType);
  const near = typeof modelType === "string" ? nearest(modelType, known) : null;
  throw new CheckpointError(
    `${path}: model_type: expected an encoder, one of ${known.join(", ")}, got ${String(JSON.stringify(modelType)).slice(0, 80)}` +
      `${near ? ` (is ${near} meant?)` : ""}; take a model of one of these architectures`,
  );
}
