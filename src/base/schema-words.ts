import type { z } from "zod";

/** Any zod schema; what we read of it is its definition (`_zod.def`). */
export type Schema = z.core.$ZodType;

/** The parts of zod's definitions that are read here. */
interface Definition {
  type: string;
  innerType?: Schema;
  in?: Schema;
  getter?: () => Schema;
  shape?: Record<string, Schema>;
  catchall?: Schema;
  element?: Schema;
  items?: Schema[];
  valueType?: Schema;
  options?: Schema[];
  discriminator?: string;
  values?: unknown[];
  entries?: Record<string, unknown>;
  check?: string;
  format?: string;
  checks?: { _zod: { def: CheckDefinition } }[];
}

interface CheckDefinition {
  check: string;
  format?: string;
  value?: number;
  inclusive?: boolean;
  minimum?: number;
  maximum?: number;
  length?: number;
  pattern?: RegExp;
}

const definition = (schema: Schema): Definition => schema._zod.def as unknown as Definition;

/** The schema inside optional, nullable, defaulted, read-only, transformed and lazy ones. */
export function unwrap(schema: Schema): Schema {
  const { innerType, getter, in: input } = definition(schema);
  const inner = innerType ?? input ?? getter?.();
  return inner === undefined ? schema : unwrap(inner);
}

/** The description a schema was given, on itself or inside its wrappers. */
export function docOf(schema: Schema): string | undefined {
  const description = (schema as { description?: string }).description;
  const inner = definition(schema).innerType;
  return description ?? (inner === undefined ? undefined : docOf(inner));
}

/**
 * The keys an object may hold here, with their schemas; for a union the option its discriminator chooses, or all options.
 *
 * @param value what stands there, to choose the option by
 * @returns null when this is no object, or an object that takes any key
 */
export function knownKeys(schema: Schema, value: unknown): Record<string, Schema> | null {
  const inner = definition(unwrap(schema));
  if (inner.shape !== undefined) {
    const takesAny = inner.catchall !== undefined && definition(inner.catchall).type !== "never";
    return takesAny ? null : inner.shape;
  }
  if (inner.options === undefined) return null;
  const maps = chosenOptions(inner, value).map((option) => knownKeys(option, value));
  const objects = maps.filter((keys) => keys !== null);
  return objects.length === 0 ? null : Object.assign({}, ...objects.toReversed());
}

/** The schema of one key or list index, or null when there is none. */
export function childSchema(schema: Schema, key: PropertyKey, value: unknown): Schema | null {
  const inner = definition(unwrap(schema));
  if (inner.element !== undefined) return inner.element;
  if (inner.items !== undefined) return inner.items[Number(key)] ?? null;
  if (inner.valueType !== undefined) return inner.valueType;
  if (inner.shape !== undefined) return Object.hasOwn(inner.shape, key) ? inner.shape[String(key)] : null;
  for (const option of inner.options === undefined ? [] : chosenOptions(inner, value)) {
    const found = childSchema(option, key, value);
    if (found !== null) return found;
  }
  return null;
}

/** What a schema takes, in words: `a whole number from 1 to 64`, `one of adam, sgd`. */
export function expectedWords(schema: Schema): string {
  const outer = definition(schema);
  if (outer.type === "nullable") return `${expectedWords(outer.innerType!)} or null`;
  const inner = unwrap(schema) === schema ? null : (outer.innerType ?? outer.in ?? outer.getter?.());
  if (inner) return expectedWords(inner);
  switch (outer.type) {
    case "number":
      return numberWords(outer);
    case "string":
      return `text${lengthWords(outer, "letter")}`;
    case "boolean":
      return "true or false";
    case "null":
      return "null";
    case "enum":
      return listWords(Object.values(outer.entries!));
    case "literal":
      return listWords(outer.values!);
    case "array":
      return `a list${lengthWords(outer, "item")}`;
    case "tuple":
      return `a list of ${outer.items!.length}`;
    case "object":
    case "record":
      return "a mapping of keys to values";
    case "union":
      return outer.discriminator === undefined
        ? outer.options!.map(expectedWords).join(" or ")
        : `a mapping with ${outer.discriminator}: ${listWords(discriminatorValues(outer))}`;
    default:
      return outer.type;
  }
}

function chosenOptions(union: Definition, value: unknown): Schema[] {
  const { discriminator, options = [] } = union;
  if (discriminator === undefined || typeof value !== "object" || value === null) return options;
  const tag = (value as Record<string, unknown>)[discriminator];
  const chosen = options.filter((option) =>
    tag === undefined ? mayLack(option, discriminator) : tagsOf(option, discriminator).includes(tag),
  );
  return chosen.length > 0 ? chosen : options;
}

function discriminatorValues(union: Definition): unknown[] {
  return union.options!.flatMap((option) => tagsOf(option, union.discriminator!));
}

function tagsOf(option: Schema, discriminator: string): unknown[] {
  const shape = definition(unwrap(option)).shape ?? {};
  const tag = shape[discriminator] === undefined ? null : definition(unwrap(shape[discriminator]));
  return tag?.values ?? Object.values(tag?.entries ?? {});
}

/** Whether an option of a union is also the one for values without a discriminator. */
function mayLack(option: Schema, discriminator: string): boolean {
  const field = definition(unwrap(option)).shape?.[discriminator];
  return field !== undefined && definition(field).type === "optional";
}

function listWords(values: readonly unknown[]): string {
  return values.length === 1 ? String(values[0]) : `one of ${values.join(", ")}`;
}

function checksOf(of: Definition): CheckDefinition[] {
  const own = of.check === undefined ? [] : [of as CheckDefinition];
  return [...own, ...(of.checks ?? []).map((check) => check._zod.def)];
}

function numberWords(of: Definition): string {
  let noun = "a number";
  let low = "";
  let high = "";
  let multiples = "";
  for (const check of checksOf(of)) {
    if (check.check === "number_format") noun = check.format?.includes("int") ? "a whole number" : noun;
    if (check.check === "greater_than") low = check.inclusive ? `from ${check.value}` : `above ${check.value}`;
    if (check.check === "less_than") high = check.inclusive ? `at most ${check.value}` : `below ${check.value}`;
    if (check.check === "multiple_of") multiples = `, a multiple of ${check.value}`;
  }
  const joint =
    low === "" || high === "" ? "" : high.startsWith("at most") && low.startsWith("from") ? " to " : " and ";
  const range = `${low}${joint}${joint === " to " ? high.slice("at most ".length) : high}`;
  return `${noun}${range === "" ? "" : ` ${range}`}${multiples}`;
}

function lengthWords(of: Definition, unit: string): string {
  let words = "";
  for (const check of checksOf(of)) {
    if (check.check === "min_length") words += ` of at least ${check.minimum} ${plural(unit, check.minimum!)}`;
    if (check.check === "max_length") words += ` of at most ${check.maximum} ${plural(unit, check.maximum!)}`;
    if (check.check === "length_equals") words += ` of ${check.length} ${plural(unit, check.length!)}`;
    if (check.check === "string_format" && check.pattern) words += ` that matches ${check.pattern}`;
  }
  return words;
}

function plural(unit: string, count: number): string {
  return count === 1 ? unit : `${unit}s`;
}
