import { CheckpointError } from "../base/errors.ts";
import { Rng } from "../base/rng.ts";
import type { Place } from "./architectures/architecture.ts";
import { decoderParameters } from "./definitions.ts";
import type { StoredFormat, StoredTensor } from "./formats/weight-source.ts";
import type { PretrainedSource } from "./pretrained-source.ts";

/** One array of ours and the stored tensors it is made of. */
export interface PlacedArray {
  name: string;
  shape: readonly number[];
  place: Place;
  /** Those of `place.names`, all of one format. */
  tensors: readonly StoredTensor[];
  format: StoredFormat;
}

/** Formats of numbers that weights may be stored in. */
const weightBearing: ReadonlySet<StoredFormat> = new Set([
  ...(["f64", "f32", "f16", "bf16"] as const),
  ...(["q8_0", "q4_0", "q4_1", "q4_K", "q5_K", "q6_K"] as const),
]);

/** How many misfits a message names. */
const MOST_NAMED = 20;

/** Stored tensors, and where arrays of ours may lie among them. */
type PlaceSearch = Pick<PretrainedSource, "source" | "places" | "ignores">;

/**
 * Finds every array of a decoder among stored tensors.
 *
 * @returns in the decoder's order
 * @throws CheckpointError as `placeArrays`
 */
export function placeDecoder({ config, ...search }: PretrainedSource): PlacedArray[] {
  const { size } = search.source.tensors;
  // Each layer has more tensors than this: where a configuration asks for far too many, they are not listed one by one.
  if (config.layers > size)
    throw misfits(search.source, [`${config.layers} layers need more than the ${size} tensors there are`]);
  return placeArrays(decoderParameters(config, new Rng(0, 0)), search);
}

/**
 * Finds arrays among stored tensors.
 *
 * @returns in their order
 * @throws CheckpointError listing every tensor that is missing, left over, of another shape or of a format that holds no
 *   weights
 */
export function placeArrays(
  arrays: readonly { name: string; shape: readonly number[] }[],
  { source, places, ignores }: PlaceSearch,
): PlacedArray[] {
  const problems: string[] = [];
  const used = new Set<string>();
  const found: PlacedArray[] = [];
  for (const { name, shape } of arrays) {
    const candidates = places(name);
    const place = candidates.find(({ names }) => names.some((one) => source.tensors.has(one))) ?? candidates[0];
    const tensors: StoredTensor[] = [];
    if (place.names.length > source.tensors.size) {
      problems.push(`${place.names[0]} … ${place.names.at(-1)} are more than there are`);
      continue;
    }
    for (const stored of place.names) {
      used.add(stored);
      const tensor = source.tensors.get(stored);
      const problem = tensor ? misfit(tensor, storedShape(place, shape)) : "is missing";
      if (problem !== null) problems.push(`${stored} ${problem}`);
      else tensors.push(tensor!);
    }
    const format = tensors[0]?.format;
    const other = tensors.find((tensor) => tensor.format !== format);
    if (other) problems.push(`${other.name} is stored in ${other.format}, ${tensors[0].name} in ${format}`);
    if (format !== undefined) found.push({ name, shape, place, tensors, format });
  }
  for (const name of source.tensors.keys())
    if (!used.has(name) && !ignores(name)) problems.push(`${name} is not part of this model`);
  if (problems.length > 0) throw misfits(source, problems);
  return found;
}

function misfits({ path }: PretrainedSource["source"], problems: readonly string[]): CheckpointError {
  // Gate and up of one tensor have the same problem.
  const distinct = [...new Set(problems)];
  const more = distinct.length > MOST_NAMED ? `; and ${distinct.length - MOST_NAMED} more` : "";
  return new CheckpointError(
    `${path}: tensors do not fit the configuration: ${distinct.slice(0, MOST_NAMED).join("; ")}${more}; ` +
      "were files of two models mixed, or one of them changed?",
  );
}

function misfit({ shape, format }: StoredTensor, expected: readonly number[]): string | null {
  if (shape.join() !== expected.join()) return `has shape [${shape}], expected [${expected}]`;
  return weightBearing.has(format) ? null : `is stored in ${format}, which holds no weights here`;
}

/** The shape a stored tensor of a place has. */
function storedShape({ perExpert, part }: Place, shape: readonly number[]): number[] {
  const stored = perExpert ? shape.slice(1) : [...shape];
  if (part) stored[stored.length - 2] *= part.of;
  return stored;
}
