import { DataError } from "../base/errors.ts";
import {
  type Expression,
  FUNCTION_ARITY,
  type FunctionName,
  type Operator,
  STEP_FUNCTION_ARITY,
  type StepFunctionName,
} from "./expression.ts";

/** What `parseExpression` accepts beyond the task's own functions. */
export interface ParseOptions {
  /** Allow gcd and lcm, as worked steps use them. */
  stepFunctions?: boolean;
}

/** Brackets and signs nest at most this deep, so that hostile text ends in a DataError and not in a full stack. */
const MAX_NESTING = 200;

/**
 * Reads an expression such as `3+4*2`, `-(1/3)` or `max(2, prev(4))`: `+ -` bind weaker than `* / %`, both group to the
 * left, a sign binds tightest (`-7%5` is `(-7)%5`). Spaces may stand between marks, not within a number or a name.
 * @throws DataError that names the position (from 1), what was expected there and what came
 */
export function parseExpression(text: string, options: ParseOptions = {}): Expression {
  return new Parser(text, { ...FUNCTION_ARITY, ...(options.stepFunctions ? STEP_FUNCTION_ARITY : {}) }).parse();
}

/** Recursive descent over the text; `at` is the index of the next unread character. */
class Parser {
  private at = 0;
  private nesting = 0;

  constructor(
    private readonly text: string,
    private readonly arity: Readonly<Record<string, number>>,
  ) {}

  parse(): Expression {
    const expression = this.sum();
    if (this.peek() !== "") this.fail("an operator or the end");
    return expression;
  }

  private sum(): Expression {
    return this.leftGrouped("+-", () => this.product());
  }

  private product(): Expression {
    return this.leftGrouped("*/%", () => this.signed());
  }

  private leftGrouped(operators: string, operand: () => Expression): Expression {
    let left = operand();
    while (this.peek() !== "" && operators.includes(this.peek())) {
      const operator = this.take() as Operator;
      left = { kind: "binary", operator, left, right: operand() };
    }
    return left;
  }

  private signed(): Expression {
    if (this.peek() !== "-") return this.atom();
    this.take();
    return { kind: "negate", operand: this.nested(() => this.signed()) };
  }

  private atom(): Expression {
    const next = this.peek();
    if (next >= "0" && next <= "9") return { kind: "number", value: BigInt(this.takeRun(/\d/)) };
    if (next >= "a" && next <= "z") return this.call();
    if (next !== "(") this.fail("a number, a function, `-` or `(`");
    this.take();
    const inner = this.nested(() => this.sum());
    this.expect(")");
    return inner;
  }

  private call(): Expression {
    const start = this.at;
    const name = this.takeRun(/[a-z]/);
    if (!Object.hasOwn(this.arity, name)) {
      this.at = start;
      this.fail(`one of the functions ${Object.keys(this.arity).join(", ")}`, `\`${name}\``);
    }
    const values: Expression[] = [];
    do {
      this.expect(values.length === 0 ? "(" : ",");
      values.push(this.nested(() => this.sum()));
    } while (values.length < this.arity[name]);
    this.expect(")");
    return { kind: "call", name: name as FunctionName | StepFunctionName, arguments: values };
  }

  private nested(read: () => Expression): Expression {
    if (++this.nesting > MAX_NESTING) this.fail(`brackets and signs at most ${MAX_NESTING} deep`);
    const expression = read();
    this.nesting--;
    return expression;
  }

  /** The next character that is not a space, "" at the end. */
  private peek(): string {
    while (this.text[this.at] === " ") this.at++;
    return this.text[this.at] ?? "";
  }

  private take(): string {
    const next = this.peek();
    this.at++;
    return next;
  }

  private takeRun(allowed: RegExp): string {
    const start = this.at;
    while (this.at < this.text.length && allowed.test(this.text[this.at])) this.at++;
    return this.text.slice(start, this.at);
  }

  private expect(mark: string): void {
    if (this.peek() !== mark) this.fail(`\`${mark}\``);
    this.take();
  }

  private fail(expected: string, came?: string): never {
    const next = this.peek();
    const found = came ?? (next === "" ? "the end" : `\`${next}\``);
    throw new DataError(
      `expression \`${this.text}\`: expected ${expected} at position ${this.at + 1}, got ${found}; ` +
        "write it like 3+4*2, (1/3-2)%5 or max(2,prev(4))",
    );
  }
}
