import { CheckpointError } from "../../base/errors.ts";

/** More layers, or experts, than any model has: what is made for each of them stays small whatever a file says. */
export const MOST_LAYERS = 4096;

/** What a number in a configuration must be, and what it is when left out; without `otherwise` it must be there. */
interface NumberRule {
  /** Least value; `count` has 1 unless told otherwise. */
  least?: number;
  /** Bound that the value must be above. */
  above?: number;
  /** Greatest value. */
  most?: number;
  otherwise?: number;
}

/**
 * The fields of a config.json, or of a GGUF file's metadata, read one by one. What is missing or out of range is collected,
 * a harmless value returned in its place, and all of it said at once by `check`. A null counts as left out, as Hugging
 * Face's configurations mean it.
 */
export class ConfigFields {
  /** The file, for messages. */
  readonly path: string;
  /** What a reader of the configuration should know of how it was understood. */
  readonly notes: string[];
  private readonly problems: string[];
  private readonly record: Readonly<Record<string, unknown>>;
  private readonly prefix: string;

  constructor(
    path: string,
    record: Readonly<Record<string, unknown>>,
    parent?: { fields: ConfigFields; name: string },
  ) {
    this.path = path;
    this.record = record;
    this.prefix = parent ? `${parent.fields.prefix}${parent.name}.` : "";
    this.problems = parent ? parent.fields.problems : [];
    this.notes = parent ? parent.fields.notes : [];
  }

  has(name: string): boolean {
    return Object.hasOwn(this.record, name) && this.record[name] !== null && this.record[name] !== undefined;
  }

  /** The first of several spellings that is there; the first of all when none is. */
  spelled(...names: [string, ...string[]]): string {
    return names.find((name) => this.has(name)) ?? names[0];
  }

  /** A whole number from 1, or from `least`. */
  count(name: string, { least = 1, most = Number.MAX_SAFE_INTEGER, otherwise }: NumberRule = {}): number {
    const value = this.value(name, otherwise);
    if (value === undefined) return Math.max(1, least);
    // What is derived from other fields is theirs to answer for.
    if (value === otherwise && !this.has(name)) return otherwise;
    if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return value as number;
    const bound = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
    this.refuse(name, `expected a whole number ${bound}, got ${show(value)}`);
    return Math.max(1, least);
  }

  /** A finite number. */
  number(name: string, { least, above, otherwise }: NumberRule = {}): number {
    const value = this.value(name, otherwise);
    if (value === undefined) return 1;
    const fits =
      Number.isFinite(value) &&
      !((value as number) < (least ?? -Infinity)) &&
      !((value as number) <= (above ?? -Infinity));
    if (fits) return value as number;
    const bound = above !== undefined ? ` above ${above}` : least !== undefined ? ` of at least ${least}` : "";
    this.refuse(name, `expected a number${bound}, got ${show(value)}`);
    return 1;
  }

  flag(name: string, otherwise: boolean): boolean {
    const value = this.value(name, otherwise);
    if (typeof value === "boolean") return value;
    this.refuse(name, `expected true or false, got ${show(value)}`);
    return otherwise;
  }

  /** One of several words. */
  choice<T extends string>(name: string, words: readonly T[], otherwise?: T): T {
    const value = this.value(name, otherwise);
    if (value === undefined) return words[0];
    const found = words.find((word) => word === value);
    if (found === undefined) this.refuse(name, `expected ${words.join(" or ")}, got ${show(value)}`);
    return found ?? words[0];
  }

  /** A list of numbers above `above`. */
  numbers(name: string, { above = -Infinity } = {}): number[] {
    const value = this.value(name);
    if (value === undefined) return [];
    const list: unknown[] =
      Array.isArray(value) || ArrayBuffer.isView(value) ? Array.from(value as ArrayLike<unknown>) : [null];
    if (list.every((one) => Number.isFinite(one) && (one as number) > above)) return list as number[];
    this.refuse(name, `expected a list of numbers${above > -Infinity ? ` above ${above}` : ""}, got ${show(value)}`);
    return [];
  }

  /** An object inside this one; null when it is left out. */
  object(name: string): ConfigFields | null {
    if (!this.has(name)) return null;
    const value = this.record[name];
    if (typeof value === "object" && !Array.isArray(value))
      return new ConfigFields(this.path, value as Record<string, unknown>, { fields: this, name });
    this.refuse(name, `expected an object, got ${show(value)}`);
    return null;
  }

  /** Notes that a field cannot be worked with. */
  refuse(name: string, problem: string): void {
    this.problems.push(`${this.prefix}${name}: ${problem}`);
  }

  /** @throws CheckpointError with everything that was refused */
  check(): void {
    if (this.problems.length > 0)
      throw new CheckpointError(
        `${this.path}: ${this.problems.join("; ")}; fetch the checkpoint again, or take one of an architecture that reckon reads`,
      );
  }

  private value(name: string, otherwise?: unknown): unknown {
    if (this.has(name)) return this.record[name];
    if (otherwise === undefined) this.refuse(name, "is missing");
    return otherwise;
  }
}

const show = (value: unknown): string =>
  String(JSON.stringify(value, (_, one) => (typeof one === "bigint" ? String(one) : one))).slice(0, 80);
