import type { Parameters } from "../engine/parameters.ts";
import type { Policy } from "../model/policy.ts";
import type { ValueHead } from "../model/value-head.ts";

/** What a loop trains, and reads besides. */
interface Trained {
  policy: Policy;
  reference?: Policy | null;
  critic?: { head: ValueHead };
}

/** Zeroes gradients that no optimizer is to see. */
export function forgetGradients({ device, gradients, length }: Parameters): void {
  if (gradients) device.enqueue("fill", { out: gradients, count: length, value: 0 });
}

/**
 * Runs `body`; when it fails, ends the steps of both policies and zeroes the gradients, a critic's too, so that nothing half-done is left
 * in the way of a caller who goes on with the weights, which are those of the last whole update.
 */
export async function leavingNoStepOpen<T>({ policy, reference, critic }: Trained, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    for (const one of [policy, reference]) {
      one?.pieceScope.end();
      one?.stepScope.end();
    }
    try {
      forgetGradients(policy.parameters);
      if (critic) forgetGradients(critic.head.parameters);
    } catch {
      // A device that is closed or broken has no gradients to zero; the first error is the one that says why.
    }
    throw error;
  }
}
