import { CheckpointError } from "../base/errors.ts";

const MEND = "fetch the tokenizer again, or take another model";

/** A value inside a tokenizer's file, which names the file and its place there when it is not what it should be. */
export class TokenizerField {
  constructor(
    readonly file: string,
    readonly place: string,
    readonly value: unknown,
  ) {}

  /** The error for this place. */
  refuse(expected: string, mend = MEND): CheckpointError {
    const where = this.place === "" ? this.file : `${this.file}: \`${this.place}\``;
    return new CheckpointError(`${where}: expected ${expected}, got ${inWords(this.value)}; ${mend}`);
  }

  get missing(): boolean {
    return this.value === undefined || this.value === null;
  }

  /** @throws CheckpointError when this is no object */
  child(name: string): TokenizerField {
    const place = this.place === "" ? name : `${this.place}.${name}`;
    const own = this.object();
    return new TokenizerField(this.file, place, Object.hasOwn(own, name) ? own[name] : undefined);
  }

  object(): Record<string, unknown> {
    if (typeof this.value === "object" && this.value !== null && !Array.isArray(this.value)) {
      return this.value as Record<string, unknown>;
    }
    throw this.refuse("an object");
  }

  items(): TokenizerField[] {
    if (!Array.isArray(this.value)) throw this.refuse("a list");
    return this.value.map((item, index) => new TokenizerField(this.file, `${this.place}[${index}]`, item));
  }

  string(fallback?: string): string {
    if (this.missing && fallback !== undefined) return fallback;
    if (typeof this.value === "string") return this.value;
    throw this.refuse("a string");
  }

  flag(fallback: boolean): boolean {
    if (this.missing) return fallback;
    if (typeof this.value === "boolean") return this.value;
    throw this.refuse("true or false");
  }

  number(fallback?: number): number {
    if (this.missing && fallback !== undefined) return fallback;
    if (typeof this.value === "number" && !Number.isNaN(this.value)) return this.value;
    throw this.refuse("a number");
  }

  /** A token id: an integer from 0 to 16,777,215, far above any vocabulary there is. */
  id(): number {
    if (Number.isInteger(this.value) && (this.value as number) >= 0 && (this.value as number) < 1 << 24) {
      return this.value as number;
    }
    throw this.refuse("a token id, an integer from 0 to 16777215");
  }

  oneOf<Name extends string>(names: readonly Name[], fallback?: Name): Name {
    if (this.missing && fallback !== undefined) return fallback;
    const name = names.find((name) => name === this.value);
    if (name !== undefined) return name;
    throw this.refuse(`one of ${names.join(", ")}`);
  }
}

function inWords(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return `an object with ${Object.keys(value).length} fields`;
  const text = typeof value === "bigint" ? String(value) : JSON.stringify(value);
  return `\`${text.length > 60 ? `${text.slice(0, 57)}…` : text}\``;
}
