import { basename } from "node:path";
import { openGguf } from "./formats/gguf.ts";

/** Where a GGUF file may say which repository it was converted from; `general.repo_url` may be its own. */
const sourceFields = ["general.source.huggingface.repository", "general.source.repo_url"];

/**
 * The hub's repository that a GGUF file says it was converted from, or null.
 *
 * @throws CheckpointError when the file is broken
 */
export function sourceRepositoryOf(path: string): string | null {
  const { source, metadata } = openGguf(path);
  source.close();
  return sourceRepository(metadata);
}

/** The hub's repository (`org/name`) that a GGUF file's metadata name as what it was converted from, or null. */
export function sourceRepository(metadata: Readonly<Record<string, unknown>>): string | null {
  for (const field of sourceFields) {
    const value = metadata[field];
    const found =
      typeof value === "string" && /^(?:https:\/\/huggingface\.co\/)?([\w.-]+\/[\w.-]+?)(?:\.git)?\/?$/.exec(value);
    if (found) return found[1];
  }
  return null;
}

/**
 * The README.md of an adapter whose base is a GGUF file: PEFT looks for a directory or a hub id, and transformers opens such
 * a file only when it is named apart.
 *
 * @param file of the base
 * @param repository what `base_model_name_or_path` says instead of the file, or null
 */
export function ggufAdapterCard(file: string, repository: string | null): string {
  const name = basename(file);
  const automatic =
    repository === null
      ? "`AutoPeftModelForCausalLM` cannot open it by itself: `base_model_name_or_path` is that file, and transformers takes\nfiles of this kind by `gguf_file` alone."
      : `\`base_model_name_or_path\` is \`${repository}\`, which the file says it was converted from. Its weights are near those\nthat this adapter was trained on, not the same.`;
  return `---
library_name: peft
---

# Adapter (LoRA)

Trained on the weights of \`${name}\`, as they are in that file. ${automatic}

\`\`\`python
from peft import PeftModel
from transformers import AutoModelForCausalLM

base = AutoModelForCausalLM.from_pretrained("directory of the file", gguf_file="${name}")
model = PeftModel.from_pretrained(base, "this directory")
\`\`\`

In reckon: \`reckon chat --model ${name} --adapter\` and this directory.
`;
}
