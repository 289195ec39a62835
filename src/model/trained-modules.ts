import type { DeviceBuffer } from "../engine/device.ts";
import type { Parameter } from "../engine/tape.ts";
import type { Policy } from "./policy.ts";

/** What is trained of one kind of module, over all layers that have it. */
export interface TrainedModule {
  /** `query`; experts' `gateUp` is what gate and up share together with each one's own. */
  module: string;
  /** Layers that have it; 1 for what the model has once. */
  layers: number;
  /** Numbers that are trained, in all layers. */
  parameters: number;
  /** E, where each expert has its share; 0 elsewhere. */
  experts: number;
  /** Numbers of one expert in one layer; null elsewhere. */
  perExpert: number | null;
}

const sizeOf = (shape: readonly number[]) => shape.reduce((product, axis) => product * axis, 1);

/** `layers.3.query.loraA` → layers.3, query. */
function placeOf({ name }: Parameter): { layer: string; module: string } {
  const parts = name.split(".");
  return parts[0] === "layers" ? { layer: parts[1], module: parts[2] } : { layer: "", module: parts[0] };
}

/** Matrices stacked over experts, and their biases [E, outer]. */
const expertsOf = ({ name, shape }: Parameter): number =>
  shape.length === 3 || (shape.length === 2 && name.endsWith(".bias")) ? shape[0] : 0;

/** What a policy trains, by kind of module, in the model's order; empty when all of it is frozen. */
export function describeTrained({ parameters, adapter }: Policy): TrainedModule[] {
  const entries = parameters.entries.filter(({ gradient }) => gradient !== null);
  const shared = entries.some(({ name }) => name.endsWith(".gateUp.loraA"));
  const found = new Map<string, TrainedModule & { seen: Set<string> }>();
  for (const entry of entries) {
    const { layer, module: own } = placeOf(entry);
    const experts = expertsOf(entry);
    const module = adapter && shared && experts > 0 && (own === "gate" || own === "up") ? "gateUp" : own;
    const key = `${module} ${experts}`;
    const known = found.get(key) ?? { module, layers: 0, parameters: 0, experts, perExpert: null, seen: new Set() };
    known.seen.add(layer);
    known.parameters += sizeOf(entry.shape);
    found.set(key, known);
  }
  return [...found.values()].map(({ seen, ...known }) => ({
    ...known,
    layers: seen.size,
    perExpert: known.experts > 0 ? known.parameters / seen.size / known.experts : null,
  }));
}

/** A trained module, or one expert's share of it. */
interface Watched {
  name: string;
  gradient: DeviceBuffer;
}

/**
 * Finds trained modules that nothing is ever learned in: those whose gradient was zero at every look. Of an adapter's
 * addition its second half is looked at, whose gradient is zero only where no row or no loss reaches the product; that of
 * the first half is zero at the start, since the second is. Experts are looked at one by one.
 */
export class GradientWatch {
  private readonly policy: Policy;
  private readonly squares: DeviceBuffer;
  private silentSoFar: Watched[];

  constructor(policy: Policy) {
    const { device, parameters, adapter } = policy;
    this.policy = policy;
    this.silentSoFar = parameters.entries
      .filter(({ name }) => adapter === null || name.endsWith(".loraB"))
      .flatMap((entry) => watchedOf(policy, entry));
    this.squares = device.allocate("f32", Math.max(1, this.silentSoFar.length));
  }

  /** Looks at the gradients as they are: after backward, before the optimizer's step. Waits for the device. */
  async look(): Promise<void> {
    const { device } = this.policy;
    if (this.silentSoFar.length === 0) return;
    this.silentSoFar.forEach(({ gradient }, i) => {
      device.enqueue("sumSquares", { x: gradient, out: device.view(this.squares, i, 1), count: gradient.length });
    });
    const squares = await device.read(this.squares);
    this.silentSoFar = this.silentSoFar.filter((_, i) => squares[i] === 0);
  }

  /** Names of what has had no gradient yet (`layers.3.query`; `layers.3.up, expert 7`). */
  get silent(): string[] {
    return this.silentSoFar.map(({ name }) => name);
  }

  close(): void {
    this.policy.device.free(this.squares);
  }
}

function watchedOf({ device }: Policy, entry: Parameter): Watched[] {
  const { gradient } = entry;
  if (!gradient) return [];
  const name = entry.name.replace(/\.(loraB|weight)$/, "");
  const experts = expertsOf(entry);
  if (experts === 0) return [{ name, gradient }];
  const size = gradient.length / experts;
  return Array.from({ length: experts }, (_, e) => ({
    name: `${name}, expert ${e}`,
    gradient: device.view(gradient, e * size, size),
  }));
}
