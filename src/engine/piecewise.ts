import type { DeviceBuffer } from "./device.ts";
import type { KernelArguments, KernelName } from "./kernels.ts";
import type { Scope } from "./scope.ts";
import { type KeptActivations, Tape, type Tensor } from "./tape.ts";

/**
 * A forward pass whose rows come in pieces: the prompts first, then one row per active attempt for each sampled token.
 * The k-th tensor of every piece is a range of rows of one tensor with room for all pieces, so keys and values need no
 * separate cache, and after the last piece the activations are those of one forward pass over all rows: kernels are
 * batch-invariant, so they are the same bits. `adopt` then walks the model once without computing and gives back a
 * recording tape over the whole tensors.
 *
 * What is not row by row (rows sorted by expert) is recomputed by `adopt`; what is kept of the rest is `KeptActivations`'
 * `all` or `costly`.
 */
export class PiecewiseTape extends Tape {
  private readonly pieceScope: Scope;
  private readonly stepScope: Scope;
  private readonly capacity: number;
  private readonly wholes: Tensor[] = [];
  private readonly wholeOf = new Map<Tensor, Tensor>();
  private start = 0;
  private rows = 0;
  private next = 0;

  /**
   * @param scopes `step` holds what outlives a piece, `piece` is ended at each new piece
   * @param options capacity: rows of all pieces together, at most; activations: what is kept for the way back, default all
   */
  constructor(
    scopes: { step: Scope; piece: Scope },
    options: { capacity: number; activations?: Exclude<KeptActivations, "inputs"> },
  ) {
    super(scopes.piece, { recording: false, activations: options.activations });
    this.stepScope = scopes.step;
    this.pieceScope = scopes.piece;
    this.capacity = options.capacity;
  }

  /** Begins the next piece: `rows` rows after those of the last one. Temporaries of the last piece are gone. */
  beginPiece(rows: number): void {
    this.pieceScope.end();
    this.start += this.rows;
    this.rows = rows;
    this.next = 0;
    this.wholeOf.clear();
  }

  /** Rows so far, this piece included. */
  get filled(): number {
    return this.start + this.rows;
  }

  override tensor(rows: number, width: number): Tensor {
    if (this.regroupedDepth > 0) return super.tensor(rows, width);
    const index = this.next++;
    const whole = (this.wholes[index] ??= {
      buffer: this.stepScope.temporary("f32", this.capacity * width),
      rows: this.capacity,
      width,
      gradient: null,
    });
    const piece: Tensor = {
      buffer: this.device.view(whole.buffer, this.start * width, rows * width),
      rows,
      width,
      gradient: null,
    };
    this.wholeOf.set(piece, whole);
    return piece;
  }

  override computed<N extends KernelName>(
    kernel: N,
    size: { rows: number; width: number },
    args: (y: DeviceBuffer) => KernelArguments<N, DeviceBuffer>,
  ): Tensor {
    if (this.activations === "all" || !this.inSection) return super.computed(kernel, size, args);
    // Of this piece alone, and of this section.
    const y = super.tensor(size.rows, size.width);
    this.forward(kernel, args(y.buffer));
    return y;
  }

  override whole(x: Tensor): Tensor {
    return this.wholeOf.get(x) ?? x;
  }

  /** A recording tape on which the same model call, over all rows so far, finds its activations already computed. */
  adopt(): Tape {
    this.pieceScope.end();
    return new AdoptedTape(this.stepScope, this.wholes, this.filled, this.activations);
  }
}

/** Hands out tensors that are computed already, in the order they were made; forward kernels are skipped. */
class AdoptedTape extends Tape {
  private readonly wholes: Tensor[];
  private readonly rows: number;
  private next = 0;
  /** Until backward begins. */
  private walking = true;

  constructor(scope: Scope, wholes: Tensor[], rows: number, activations: KeptActivations) {
    super(scope, { recording: true, activations });
    this.wholes = wholes;
    this.rows = rows;
  }

  override tensor(rows: number, width: number): Tensor {
    if (this.regroupedDepth > 0) return super.tensor(rows, width);
    const whole = this.wholes[this.next++];
    if (whole?.width !== width) throw new Error(`adopted tape: tensor ${this.next - 1} is not the one that was kept`);
    return {
      buffer: this.device.view(whole.buffer, 0, this.rows * whole.width),
      rows: this.rows,
      width: whole.width,
      gradient: null,
    };
  }

  override forward<N extends KernelName>(kernel: N, args: KernelArguments<N, DeviceBuffer>): void {
    if (this.regroupedDepth > 0) super.forward(kernel, args);
  }

  override backward(): void {
    this.walking = false;
    super.backward();
  }

  protected override compute<N extends KernelName>(kernel: N, args: KernelArguments<N, DeviceBuffer>): boolean {
    return (!this.walking || this.regroupedDepth > 0) && super.compute(kernel, args);
  }
}
