import { parseDocument } from "yaml";
import { ConfigError } from "./errors.ts";
import { nearest } from "./nearest.ts";
import { childSchema, knownKeys, type Schema } from "./schema-words.ts";

type ConfigPath = (string | number)[];

/** What one `path=value` did: where it landed, or why it did not. */
export interface SettingResult {
  setting: string;
  path: ConfigPath;
  problem: string | null;
}

/**
 * Overrides fields of a configuration, as `--set` does. A path is keys joined by dots; an item of a list is addressed by
 * `[index]` or by its `name`: `stages[2].steps=10`, `stages.rl.steps=10`. The value is read as YAML.
 *
 * @param schema tells which keys exist besides those present; without it only present keys can be set
 * @returns a changed copy
 * @throws ConfigError listing every setting that cannot be applied, with the nearest known key
 */
export function applySettings<T>(object: T, settings: readonly string[], schema?: Schema): T {
  const { value, results } = trySettings(object, settings, schema);
  const problems = results.filter((result) => result.problem !== null);
  if (problems.length > 0) {
    throw new ConfigError(problems.map(({ setting, problem }) => `--set ${setting}: ${problem}`).join("\n"));
  }
  return value as T;
}

/** `applySettings` that leaves out what cannot be applied and says so. */
export function trySettings(
  object: unknown,
  settings: readonly string[],
  schema?: Schema,
): { value: unknown; results: SettingResult[] } {
  let value: unknown = object;
  const results = settings.map((setting) => {
    const path: ConfigPath = [];
    // A copy each: a setting that fails half-way leaves nothing behind.
    const root = { value: structuredClone(value) };
    try {
      applyOne(root, setting, schema ?? null, path);
      value = root.value;
      return { setting, path, problem: null };
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return { setting, path, problem: error.message };
    }
  });
  return { value, results };
}

/** `stages[1].learningRate`; empty for the whole. */
export function pathText(path: readonly PropertyKey[]): string {
  let text = "";
  for (const key of path) {
    if (typeof key === "number") text += `[${key}]`;
    else if (/^[\w$/-]+$/.test(String(key))) text += text === "" ? String(key) : `.${String(key)}`;
    else text += `[${JSON.stringify(String(key))}]`;
  }
  return text;
}

/** `unknown key; did you mean X?`, or the keys there are when none is near. */
export function unknownKeyText(key: string, known: readonly string[]): string {
  const near = nearest(key, known);
  if (near !== null) return `unknown key; did you mean ${near}?`;
  return known.length === 0 ? "unknown key; no keys here" : `unknown key; known keys: ${known.join(", ")}`;
}

function applyOne(root: { value: unknown }, setting: string, schema: Schema | null, path: ConfigPath): void {
  const [segments, value] = parseSetting(setting);
  let holder: Record<PropertyKey, unknown> = root;
  let slot: PropertyKey = "value";
  let here = schema;
  for (const segment of segments) {
    let container = holder[slot];
    if (container === undefined || container === null) {
      const canHold = here !== null && (knownKeys(here, container) !== null || childSchema(here, segment, container));
      if (canHold && typeof segment === "string") holder[slot] = container = {};
    }
    if (typeof container !== "object" || container === null) {
      throw new ConfigError(`${pathText(path) || "the configuration"} is not a section; set it as a whole`);
    }
    const key = keyIn(container, segment, here, path);
    here = here === null ? null : childSchema(here, key, container);
    holder = container as Record<PropertyKey, unknown>;
    slot = key;
    path.push(key);
  }
  holder[slot] = value;
}

function keyIn(container: object, segment: string | number, schema: Schema | null, path: ConfigPath): string | number {
  const place = pathText(path) || "the configuration";
  if (Array.isArray(container)) {
    if (typeof segment === "number") {
      if (segment < container.length) return segment;
      throw new ConfigError(`${place} has ${container.length} items; expected an index below that, got ${segment}`);
    }
    const names = container.map((item) => String((item as { name?: unknown } | null)?.name ?? ""));
    const index = names.indexOf(segment);
    if (index >= 0) return index;
    const near = nearest(segment, names);
    const hint = near ? `did you mean ${near}?` : `names: ${names.filter((name) => name !== "").join(", ") || "none"}`;
    throw new ConfigError(`${place} has no item named ${segment}; ${hint}`);
  }
  if (typeof segment === "number") throw new ConfigError(`${place} is not a list; use a key instead of [${segment}]`);
  const known = schema === null ? container : knownKeys(schema, container);
  if (known === null ? segment === "__proto__" : !Object.hasOwn(known, segment)) {
    throw new ConfigError(`${pathText([...path, segment])}: ${unknownKeyText(segment, Object.keys(known ?? {}))}`);
  }
  return segment;
}

function parseSetting(setting: string): [(string | number)[], unknown] {
  const equals = setting.indexOf("=");
  const path = setting.slice(0, equals);
  if (equals < 1 || !/^[^.[\]]+(\.[^.[\]]+|\[\d+\])*$/.test(path)) {
    throw new ConfigError("expected path=value, for example stages.rl.steps=10 or stages[1].steps=10");
  }
  const segments = [...path.matchAll(/\[(\d+)\]|[^.[\]]+/g)].map(([text, index]) => (index ? Number(index) : text));
  const document = parseDocument(setting.slice(equals + 1));
  const broken = document.errors[0];
  if (broken) throw new ConfigError(`the value is not YAML: ${broken.message.split("\n")[0]}`);
  return [segments, document.toJS()];
}
