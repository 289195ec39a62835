import type { Policy } from "../model/policy.ts";

/**
 * Runs `body`; when it fails, ends the steps of both policies and zeroes the gradients, so that nothing half-done is left
 * in the way of a caller who goes on with the weights, which are those of the last whole update.
 */
export async function leavingNoStepOpen<T>(
  { policy, reference }: { policy: Policy; reference?: Policy | null },
  body: () => Promise<T>,
): Promise<T> {
  try {
    return await body();
  } catch (error) {
    const { device, parameters } = policy;
    for (const one of [policy, reference]) {
      one?.pieceScope.end();
      one?.stepScope.end();
    }
    try {
      if (parameters.gradients)
        device.enqueue("fill", { out: parameters.gradients, count: parameters.length, value: 0 });
    } catch {
      // A device that is closed or broken has no gradients to zero; the first error is the one that says why.
    }
    throw error;
  }
}
