import { ShapeError } from "../base/errors.ts";
import type { Device, DeviceBuffer } from "./device.ts";
import type { KernelArguments, KernelName } from "./kernels.ts";
import { RecomputedTensor } from "./recomputed-tensor.ts";
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
 * What a recording tape holds of a section for the way back. `all`: every activation. `costly`: all but the outputs of
 * kernels that are cheap to run again (norms, activations, rows sorted by expert), which are computed again where a trained
 * weight needs them. `inputs`: the section's input alone; the section is run again (gradient checkpointing,
 * arXiv:1604.06174). Gradients are the same bits each way.
 */
export type KeptActivations = "all" | "costly" | "inputs";

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
  readonly activations: KeptActivations;
  /** Buffers of gradients that have been gone through and of tensors that are computed again, by length. */
  private readonly spent = new Map<number, DeviceBuffer[]>();
  protected inSection = false;
  /** While a section runs whose steps back are made later. */
  private paused = false;
  /** What the section being run will compute again; null outside such a section. */
  private recomputed: RecomputedTensor[] | null = null;
  /** The places sections of a pass that is not recorded put their results in, by turns. */
  private results: [DeviceBuffer, DeviceBuffer] | null = null;

  /** @param options activations: what a recording tape keeps of sections, default all */
  constructor(scope: Scope, options: { recording: boolean; activations?: KeptActivations }) {
    this.device = scope.device;
    this.scope = scope;
    this.recording = options.recording;
    this.activations = options.activations ?? "all";
  }

  /** A tensor with undefined contents; of a section that is not kept, valid until its end. */
  tensor(rows: number, width: number): Tensor {
    return { buffer: this.scope.stacked(rows * width), rows, width, gradient: null };
  }

  /**
   * The output of one cheap kernel, which need not be kept. Whoever reads it on the way back asks for its buffer only then:
   * until then there is none.
   *
   * @param args the kernel's arguments, its output in `y`
   */
  computed<N extends KernelName>(
    kernel: N,
    { rows, width }: { rows: number; width: number },
    args: (y: DeviceBuffer) => KernelArguments<N, DeviceBuffer>,
  ): Tensor {
    if (!this.recomputed) {
      const y = this.tensor(rows, width);
      this.forward(kernel, args(y.buffer));
      return y;
    }
    const y = new RecomputedTensor(rows, width, {
      compute: (buffer) => this.compute(kernel, args(buffer)),
      take: (length) => this.take(length),
      release: (buffer) => this.release(buffer),
    });
    this.recomputed.push(y);
    return y;
  }

  /**
   * Runs a part of the model that reads one tensor and makes one of the same shape (a decoder layer), and takes back what
   * memory of it can be: all but its output when not recording; when recording, see `KeptActivations`. Sections follow each
   * other: in a pass that is not recorded, a section's input is gone when the section after it has run. A section within a
   * section is part of it.
   *
   * @param body may run twice, and does the same both times; what it returns beside the output is from the first time. Of
   * its tensors only the output outlives it; temporaries of the scope do, too
   * @throws ShapeError when the output does not have the input's shape
   */
  section<R extends { output: Tensor }>(x: Tensor, body: (x: Tensor) => R): R {
    if (this.inSection || (this.recording && this.activations === "all")) return body(x);
    return this.asSection(() => {
      if (!this.recording) return this.recycled(x, body, this.nextResult(x));
      return this.activations === "inputs" ? this.checkpointed(x, body) : this.trimmed(x, body);
    });
  }

  /** Enqueues a kernel of the forward pass. */
  forward<N extends KernelName>(kernel: N, args: KernelArguments<N, DeviceBuffer>): void {
    this.device.enqueue(kernel, args);
  }

  /** Computes a tensor that is not kept, or returns false where nothing will read it yet. */
  protected compute<N extends KernelName>(kernel: N, args: KernelArguments<N, DeviceBuffer>): boolean {
    this.device.enqueue(kernel, args);
    return true;
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
    if (this.recording && !this.paused) this.backwards.push(backward);
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
    this.goBack();
    this.spent.clear();
  }

  private goBack(): void {
    for (let i = this.backwards.length - 1; i >= 0; i--) this.backwards[i]();
    this.backwards = [];
  }

  private asSection<R>(run: () => R): R {
    this.inSection = true;
    try {
      return run();
    } finally {
      this.inSection = false;
    }
  }

  /** Runs a section and takes back all its memory, its output copied to `to`. */
  private recycled<R extends { output: Tensor }>(x: Tensor, body: (x: Tensor) => R, to: DeviceBuffer): R {
    const mark = this.scope.mark();
    const result = body(x);
    const { output } = result;
    this.scope.release(mark);
    // Kept with all other rows by a tape whose rows come in pieces.
    if (this.whole(output) !== output) return result;
    if (output.rows !== x.rows || output.width !== x.width)
      throw new ShapeError(
        `section: its output must be like its input, [${x.rows},${x.width}], got [${output.rows},${output.width}]`,
      );
    this.forward("copy", { x: output.buffer, out: to, count: to.length });
    return { ...result, output: { ...output, buffer: to } };
  }

  /** Where a section that reads x puts its output: never where x is. */
  private nextResult(x: Tensor): DeviceBuffer {
    const [first, second] = this.results ?? [];
    if (first && second && x.buffer === first) return second;
    if (first && second && x.buffer === second) return first;
    const length = x.rows * x.width;
    this.results = [this.scope.stacked(length), this.scope.stacked(length)];
    return this.results[0];
  }

  /** Runs a section now without recording, and again, recording, when its output's gradient is there. */
  private checkpointed<R extends { output: Tensor }>(x: Tensor, body: (x: Tensor) => R): R {
    const to = this.scope.stacked(x.rows * x.width);
    this.paused = true;
    let result: R;
    try {
      result = this.recycled(x, body, to);
    } finally {
      this.paused = false;
    }
    const y = result.output;
    this.onGradient(y, (dY) => {
      const mark = this.scope.mark();
      const before = this.backwards;
      this.backwards = [];
      const { output } = this.asSection(() => body(x));
      output.gradient = dY;
      y.gradient = null;
      this.goBack();
      this.backwards = before;
      this.scope.release(mark);
    });
    return result;
  }

  /** Runs a section, recording, and takes back the memory of what is computed again on the way back. */
  private trimmed<R extends { output: Tensor }>(x: Tensor, body: (x: Tensor) => R): R {
    const recomputed: RecomputedTensor[] = [];
    const dropAll = () => {
      for (const tensor of recomputed) tensor.drop();
    };
    // The section's last step on the way back.
    this.push(dropAll);
    this.recomputed = recomputed;
    try {
      return body(x);
    } finally {
      this.recomputed = null;
      dropAll();
    }
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
