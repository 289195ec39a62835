import type { Policy } from "../model/policy.ts";
import { describeTrained } from "../model/trained-modules.ts";
import { formatCount } from "../report/format.ts";

/** What a policy trains, module by module, where that is not simply all of it; empty otherwise. */
export function remarksOnTraining(policy: Policy): string[] {
  if (!policy.adapter) return [];
  const modules = describeTrained(policy).map(({ module, layers, parameters, experts, perExpert }) => {
    const each = perExpert === null ? "" : `, ${formatCount(perExpert)} for each of ${experts} experts`;
    return `  ${module} × ${layers}: ${formatCount(parameters)}${each}`;
  });
  const { rank, alpha } = policy.adapter.options;
  const total = formatCount(policy.parameters.count);
  return [`LoRA of rank ${rank}, alpha ${alpha}, trains ${total} numbers\n${modules.join("\n")}`];
}
