import type { DeviceBuffer } from "../device.ts";
import type { Tape, Tensor } from "../tape.ts";

/** i32 columns of a segment row: queryStart, queryCount, keyStart, keysBefore, parent, stride. */
export const segmentColumns = 6;

/** Sizes of an attention layer; heads / kvHeads query heads share each head of keys and values. */
export interface AttentionShape {
  heads: number;
  kvHeads: number;
  headDim: number;
  /** Multiplies q·k; usually 1/sqrt(headDim). */
  scale: number;
  /** ALiBi slope per head, or null. */
  slopes: DeviceBuffer | null;
}

/** Where each query's keys lie; see `attention` in kernels.ts. */
export interface SegmentTable {
  /** i32 [count, 6]. */
  buffer: DeviceBuffer;
  count: number;
  /** At least the longest chain of keys any query sees. */
  maxKeys: number;
}

/**
 * Causal attention over packed segments that share prefixes: softmax(scale · q·k − slope · distance) · v along each
 * query's chain of segments. Keeps q, k, v, the output and the log-sum-exp per row and head.
 *
 * @param q f32 [T, H·headDim]
 * @param keys, values f32 [rows, kvHeads·headDim]: the batch's own rows when recording, a cache when decoding
 * @returns [T, H·headDim]
 * @see arXiv:2205.14135 (recomputation from the log-sum-exp), arXiv:2506.05433 (shared prefixes), arXiv:2108.12409 (ALiBi)
 */
export function attention(
  tape: Tape,
  q: Tensor,
  { keys, values, segments, shape }: { keys: Tensor; values: Tensor; segments: SegmentTable; shape: AttentionShape },
): Tensor {
  const { rows } = q;
  const { heads, kvHeads, headDim, scale, slopes } = shape;
  const { device } = tape;
  const y = tape.tensor(rows, heads * headDim);
  const lse = tape.tensor(rows, heads);
  const shared = {
    q: q.buffer,
    k: keys.buffer,
    v: values.buffer,
    segments: segments.buffer,
    slopes,
    count: segments.count,
    heads,
    kvHeads,
    headDim,
    scale,
    maxKeys: segments.maxKeys,
  };
  tape.forward("attention", { ...shared, out: y.buffer, lse: lse.buffer });
  tape.onGradient(y, (dOut) => {
    tape.contribute(q, (dQ) =>
      tape.contribute(keys, (dK) =>
        tape.contribute(values, (dV) =>
          device.enqueue("attentionBackward", { ...shared, dOut, out: y.buffer, lse: lse.buffer, dQ, dK, dV, rows }),
        ),
      ),
    );
  });
  return y;
}
