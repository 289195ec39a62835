import type { Device, DeviceBuffer } from "./device.ts";
import type { KernelArguments, KernelName } from "./kernels.ts";
import type { Scope } from "./scope.ts";
import type { WeightFormat } from "./weight-formats.ts";

/** A matrix of f32 rows on a device. `gradient` appears during backward, same shape. */
export interface Tensor {
  readonly buffer: DeviceBuffer;
  readonly rows: number;
  readonly width: number;
  gradient: DeviceBuffer | null;
}

/** A learned array: its values and, when it is trained, the place where its gradient accumulates. */
export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly buffer: DeviceBuffer;
  readonly gradient: DeviceBuffer | null;
  /** How `buffer` holds the values; anything but f32 is frozen. */
  readonly format: "f32" | WeightFormat;
}

/**
 * The tape: ops run at once and, when recording, push how to go back. Temporaries come from a step scope.
 *
 * Gradients: `claim` hands an op the buffer to put a tensor's gradient in and says whether something is in it yet, so
 * the first contribution overwrites and no zero-filling pass over memory is needed.
 */
export class Tape {
  readonly device: Device;
  readonly scope: Scope;
  readonly recording: boolean;
  protected backwards: (() => void)[] = [];
  /** Above 0 while `regrouped` runs. */
  protected regroupedDepth = 0;
  /** Buffers of gradients that have been gone through, by length. */
  private readonly spent = new Map<number, DeviceBuffer[]>();

  constructor(scope: Scope, options: { recording: boolean }) {
    this.device = scope.device;
    this.scope = scope;
    this.recording = options.recording;
  }

  /** A tensor with undefined contents. */
  tensor(rows: number, width: number): Tensor {
    return { buffer: this.scope.temporary("f32", rows * width), rows, width, gradient: null };
  }

  /** Enqueues a kernel of the forward pass. */
  forward<N extends KernelName>(kernel: N, args: KernelArguments<N, DeviceBuffer>): void {
    this.device.enqueue(kernel, args);
  }

  /** Runs `ops`, whose rows are not the batch's rows in their order (rows sorted by expert). */
  regrouped<T>(ops: () => T): T {
    this.regroupedDepth++;
    try {
      return ops();
    } finally {
      this.regroupedDepth--;
    }
  }

  /** Runs `ops`, the last of which makes keys or values that later rows of the same sequence will read. */
  kept(ops: () => Tensor): Tensor {
    return ops();
  }

  /** All rows there are of a kept tensor: the tensor itself, unless rows come in pieces. */
  whole(x: Tensor): Tensor {
    return x;
  }

  /** Remembers a step of the way back; ignored when not recording. */
  push(backward: () => void): void {
    if (this.recording) this.backwards.push(backward);
  }

  /**
   * Remembers how to go back through the op that made `y`: called with y's gradient, unless nothing reached it. The
   * gradient's memory is taken back afterwards, and serves the next tensor of its size while it is still in the cache.
   */
  onGradient(y: Tensor, backward: (dY: DeviceBuffer) => void): void {
    this.push(() => {
      if (!y.gradient) return;
      backward(y.gradient);
      if (y.gradient) this.release(y.gradient);
      y.gradient = null;
    });
  }

  /** The gradient buffer of `x`; `fresh` when its contents are undefined and must be overwritten. */
  claim(x: Tensor): { gradient: DeviceBuffer; fresh: boolean } {
    if (x.gradient) return { gradient: x.gradient, fresh: false };
    x.gradient = this.take(x.rows * x.width);
    return { gradient: x.gradient, fresh: true };
  }

  /** The gradient buffer of `x` for a kernel that only accumulates: zeroed when fresh. */
  claimZeroed(x: Tensor): DeviceBuffer {
    const { gradient, fresh } = this.claim(x);
    if (fresh) this.device.enqueue("fill", { out: gradient, count: x.rows * x.width, value: 0 });
    return gradient;
  }

  /**
   * Runs `overwrite` into the gradient of `x`, or into a temporary that is then added when `x` has a gradient already.
   */
  contribute(x: Tensor, overwrite: (out: DeviceBuffer) => void): void {
    const { gradient, fresh } = this.claim(x);
    if (fresh) {
      overwrite(gradient);
      return;
    }
    const count = x.rows * x.width;
    const addition = this.take(count);
    overwrite(addition);
    this.device.enqueue("addScaled", { x: addition, out: gradient, count, scale: 1 });
    this.release(addition);
  }

  /** Adds y's gradient to that of `x`, which has y's shape: the buffer itself when `x` has none yet. y's is spent then. */
  handOver(x: Tensor, y: Tensor): void {
    if (!y.gradient) return;
    if (x.gradient === null) {
      x.gradient = y.gradient;
      y.gradient = null;
    } else this.device.enqueue("addScaled", { x: y.gradient, out: x.gradient, count: x.rows * x.width, scale: 1 });
  }

  /** Runs the remembered steps, last first, and forgets them. Outputs' gradients must be set before. */
  backward(): void {
    for (let i = this.backwards.length - 1; i >= 0; i--) this.backwards[i]();
    this.backwards = [];
    this.spent.clear();
  }

  private take(length: number): DeviceBuffer {
    return this.spent.get(length)?.pop() ?? this.scope.temporary("f32", length);
  }

  private release(buffer: DeviceBuffer): void {
    const list = this.spent.get(buffer.length);
    if (list) list.push(buffer);
    else this.spent.set(buffer.length, [buffer]);
  }
}
