import type { Policy } from "../model/policy.ts";
import type { ResolvedModel } from "../model/resolve-model.ts";
import { describeTrained } from "../model/trained-modules.ts";
import { formatCount } from "../report/format.ts";

/** What to know of where a model's files are from: that a copy is used of which nobody knows whether it is the latest. */
export function remarksOnSource(reference: string, { from, commit }: Pick<ResolvedModel, "from" | "commit">): string[] {
  if (from !== "cache" || reference.endsWith(`@${commit}`)) return [];
  return [`${reference}: the hub was not asked or did not answer; this is the copy fetched last, of commit ${commit}`];
}

/** What a policy trains, module by module, where that is not simply all of it; empty otherwise. */
export function remarksOnTraining(policy: Policy): string[] {
  const { entries, gradients, count } = policy.parameters;
  if (!policy.adapter) {
    if (gradients === null || entries.every(({ gradient }) => gradient !== null)) return [];
    return [`${formatCount(count)} weights are trained, all but the routers'; model.trainRouter trains theirs, too`];
  }
  const modules = describeTrained(policy).map(({ module, layers, parameters, experts, perExpert }) => {
    const each = perExpert === null ? "" : `, ${formatCount(perExpert)} for each of ${experts} experts`;
    return `  ${module} × ${layers}: ${formatCount(parameters)}${each}`;
  });
  const { rank, alpha } = policy.adapter.options;
  const total = formatCount(count);
  return [`LoRA of rank ${rank}, alpha ${alpha}, trains ${total} numbers\n${modules.join("\n")}`];
}
