import { ShapeError } from "../../../base/errors.ts";
import type { Operand } from "./operand.ts";

/**
 * Refuses a call whose first `count` indices do not all lie in [0, limit): outside it JavaScript would read NaN and drop
 * writes without a word.
 * @throws ShapeError naming the first index that is out of range
 */
export function requireIndices(operation: string, indices: Operand, count: number, limit: number): void {
  for (let r = 0; r < count; r++) {
    if (indices[r] >= 0 && indices[r] < limit) continue;
    throw new ShapeError(
      `${operation}: entry ${r} must be in [0, ${limit}), got ${indices[r]}; check the index against the rows it points into`,
    );
  }
}
