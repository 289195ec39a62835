import { ConfigError } from "../base/errors.ts";
import { hashIntegers, hashText } from "../base/rng.ts";

/**
 * Where a problem may be used: `supervised` ones have worked solutions to imitate, of `reinforcement` ones only the answer
 * is known, `validation` chooses checkpoints, `test` measures.
 */
export type Split = "supervised" | "reinforcement" | "validation" | "test";

/** Shares of all expressions; `supervised` is a share of what validation and test leave. All in [0,1]. */
export interface SplitShares {
  validation: number;
  test: number;
  supervised: number;
}

const DEFAULT_SHARES: SplitShares = { validation: 0.1, test: 0.1, supervised: 0.3 };

const HELD_OUT_SALT = 0x5e1d;
const POOL_SALT = 0x9001;

/**
 * The one split an expression belongs to: a hash of its canonical text, so it depends on no seed and no spacing, and
 * the splits are disjoint by construction.
 *
 * @param canonical the expression as `printExpression` writes it without a style
 * @throws ConfigError when a share is outside [0,1] or validation and test together exceed 1
 */
export function splitOf(canonical: string, shares: SplitShares = DEFAULT_SHARES): Split {
  checkShares(shares);
  const text = hashText(canonical);
  const place = hashIntegers(text, HELD_OUT_SALT) / 2 ** 32;
  if (place < shares.test) return "test";
  if (place < shares.test + shares.validation) return "validation";
  return hashIntegers(text, POOL_SALT) / 2 ** 32 < shares.supervised ? "supervised" : "reinforcement";
}

function checkShares(shares: SplitShares): void {
  const { validation, test, supervised } = shares;
  const valid = [validation, test, supervised].every((share) => share >= 0 && share <= 1) && validation + test <= 1;
  if (valid) return;
  throw new ConfigError(
    "splits: expected shares in [0,1] with validation + test at most 1, " +
      `got validation ${validation}, test ${test}, supervised ${supervised}; correct the shares`,
  );
}
