import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import type { z } from "zod";
import { ConfigError } from "./errors.ts";
import { childSchema, docOf, expectedWords, knownKeys, type Schema, unwrap } from "./schema-words.ts";
import { pathText, type SettingResult, trySettings, unknownKeyText } from "./settings.ts";

export { applySettings } from "./settings.ts";

/** One thing wrong with a configuration. */
interface Problem {
  path: PropertyKey[];
  text: string;
}

/**
 * Checks a configuration against its schema and fills in defaults. Unknown keys fail, whether or not the schema is
 * declared strict; only objects that declare to take any key do.
 *
 * @param source where it came from, for the error: a file, `flags`
 * @throws ConfigError listing every problem: path, expected range and the field's own description, what came, nearest key
 */
export function parseConfig<S extends Schema>(value: unknown, schema: S, source = "configuration"): z.output<S> {
  const checked = check(value, schema);
  if (checked.problems.length > 0) throw report(source, checked.problems, () => "");
  return checked.output as z.output<S>;
}

/**
 * `parseConfig` of a YAML text; problems carry line and column, or the `--set` they come from.
 *
 * @param settings `path=value` overrides in order, see `applySettings`
 * @throws ConfigError listing every problem of the text, the settings and the result
 */
export function parseYamlConfig<S extends Schema>(
  text: string,
  fileName: string,
  schema: S,
  settings: readonly string[] = [],
): z.output<S> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return ` (line ${line}, column ${col})`;
  };
  const broken = [...document.errors, ...document.warnings].map(
    (error): Problem => ({ path: [], text: `not YAML${place(error.pos[0])}: ${error.message}` }),
  );
  if (broken.length > 0) throw report(fileName, broken, () => "");
  let value: unknown;
  try {
    value = document.toJS();
  } catch (error) {
    throw report(fileName, [{ path: [], text: `not YAML: ${(error as Error).message}` }], () => "");
  }
  const applied = trySettings(value, settings, schema);
  const failed = applied.results.filter((result) => result.problem !== null);
  const problems = failed.map(({ setting, problem }): Problem => ({ path: [], text: `--set ${setting}: ${problem}` }));
  const checked = check(applied.value, schema);
  problems.push(...checked.problems);
  if (problems.length === 0) return checked.output as z.output<S>;
  throw report(fileName, problems, (path) => {
    const setting = applied.results.findLast((result) => result.problem === null && startsWith(path, result));
    if (setting !== undefined) return ` (--set ${setting.setting})`;
    const offset = offsetOf(document, path);
    return offset === null ? "" : place(offset);
  });
}

function report(source: string, problems: readonly Problem[], locate: (path: PropertyKey[]) => string): ConfigError {
  const lines = problems.map(({ path, text }) => {
    const where = pathText(path);
    return where === "" ? `  ${text}` : `  ${where}${locate(path)}: ${text}`;
  });
  const count = lines.length === 1 ? "1 problem" : `${lines.length} problems`;
  return new ConfigError(`${source}: ${count}; nothing was started\n${[...new Set(lines)].join("\n")}`);
}

function check(value: unknown, schema: Schema): { output: unknown; problems: Problem[] } {
  const problems = unknownKeys(value, schema, []);
  const result = (schema as z.ZodType).safeParse(value);
  if (!result.success) problems.push(...result.error.issues.flatMap((issue) => explain(issue, value, schema)));
  if (!result.success && problems.length === 0) {
    problems.push({ path: [], text: `expected ${expectedWords(schema)}; ${result.error.issues[0]?.message}` });
  }
  return { output: result.data, problems };
}

function unknownKeys(value: unknown, schema: Schema, path: PropertyKey[]): Problem[] {
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value)) {
    return value.flatMap((item, i) => below(item, childSchema(schema, i, value), [...path, i]));
  }
  const known = knownKeys(schema, value);
  return Object.entries(value).flatMap(([key, item]) => {
    if (known !== null && !Object.hasOwn(known, key)) {
      return [{ path: [...path, key], text: unknownKeyText(key, Object.keys(known)) }];
    }
    return below(item, childSchema(schema, key, value), [...path, key]);
  });
}

function below(item: unknown, schema: Schema | null, path: PropertyKey[]): Problem[] {
  return schema === null ? [] : unknownKeys(item, schema, path);
}

function explain(issue: z.core.$ZodIssue, root: unknown, schema: Schema): Problem[] {
  const path = [...issue.path];
  if (issue.code === "unrecognized_keys") return [];
  if (issue.code === "custom") return [{ path, text: issue.message }];
  const { value, at } = resolve(root, schema, path);
  if (issue.code === "invalid_union" && issue.errors.length > 0 && typeof value === "object" && value !== null) {
    const ofItsKind = issue.errors.filter(
      (list) => !list.some((one) => one.code === "invalid_type" && !one.path.length),
    );
    const closest = (ofItsKind.length > 0 ? ofItsKind : issue.errors).reduce((best, one) =>
      one.length < best.length ? one : best,
    );
    const nested = closest.map((one) => ({ ...one, path: [...path, ...one.path] }) as z.core.$ZodIssue);
    return nested.flatMap((one) => explain(one, root, schema));
  }
  const tags = issue.code === "invalid_union" && "options" in issue ? (issue.options as unknown[]) : null;
  const doc = at === null ? undefined : docOf(at);
  const words = tags !== null ? `one of ${tags.join(", ")}` : at === null ? null : expectedWords(at);
  const expected = words === null ? issue.message : `expected ${words}`;
  const got = value === undefined ? "missing" : `got ${shown(value)}`;
  return [{ path, text: `${expected}${doc ? ` (${doc})` : ""}, ${got}` }];
}

function resolve(root: unknown, schema: Schema, path: PropertyKey[]): { value: unknown; at: Schema | null } {
  let value = root;
  let at: Schema | null = schema;
  for (const key of path) {
    at = at === null ? null : childSchema(unwrap(at), key, value);
    value = (value as Record<PropertyKey, unknown> | null | undefined)?.[key];
  }
  return { value, at };
}

/** Where a path stands in the text: its key, or of a missing one the nearest thing around it. */
function offsetOf(document: Document, path: PropertyKey[]): number | null {
  let node = document.contents as Node | null;
  let offset = node?.range?.[0] ?? null;
  for (const key of path) {
    const here: unknown = isAlias(node) ? node.resolve(document) : node;
    let next: unknown = null;
    if (isSeq(here)) next = here.items[Number(key)];
    else if (isMap(here)) {
      const pair = here.items.find((one) => isScalar(one.key) && String(one.key.value) === String(key));
      if (pair === undefined) return offset;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value as Node | null;
      continue;
    }
    if (next === null || next === undefined) return offset;
    node = next as Node;
    offset = node.range?.[0] ?? offset;
  }
  return offset;
}

function startsWith(path: readonly PropertyKey[], setting: SettingResult): boolean {
  return setting.path.length <= path.length && setting.path.every((key, i) => key === path[i]);
}

function shown(value: unknown): string {
  const text = typeof value === "number" ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
