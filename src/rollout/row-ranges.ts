/** Ranges of rows that are free, in order; neighbours are one range. First fit: memory beyond the busiest moment is never touched. */
export class RowRanges {
  private free: { start: number; length: number }[];

  /** @param rows how many there are, all free */
  constructor(rows: number) {
    this.free = rows > 0 ? [{ start: 0, length: rows }] : [];
  }

  /** The first row of `length` rows in a line that are now taken; null when there is no such place. */
  take(length: number): number | null {
    if (length === 0) return 0;
    const at = this.free.findIndex((range) => range.length >= length);
    if (at < 0) return null;
    const range = this.free[at];
    const { start } = range;
    range.start += length;
    range.length -= length;
    if (range.length === 0) this.free.splice(at, 1);
    return start;
  }

  /** Gives back what `take` gave. */
  give(start: number, length: number): void {
    if (length === 0) return;
    let at = this.free.findIndex((range) => range.start > start);
    if (at < 0) at = this.free.length;
    const before = this.free[at - 1];
    const after = this.free[at];
    const joinsBefore = before !== undefined && before.start + before.length === start;
    const joinsAfter = after !== undefined && start + length === after.start;
    if (joinsBefore && joinsAfter) {
      before.length += length + after.length;
      this.free.splice(at, 1);
    } else if (joinsBefore) before.length += length;
    else if (joinsAfter) {
      after.start = start;
      after.length += length;
    } else this.free.splice(at, 0, { start, length });
  }
}
