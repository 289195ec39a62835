import { describe, expect, it } from "vitest";
import { ggufAdapterCard, sourceRepository } from "./adapter-card.ts";

describe("the repository a GGUF file was converted from", () => {
  it.each([
    ["org/name", "org/name"],
    ["https://huggingface.co/org/Name-1.5", "org/Name-1.5"],
    ["https://huggingface.co/org/name.git", "org/name"],
    ["https://example.org/org/name", null],
    ["name", null],
    [7, null],
  ])("%j is %j", (value, expected) => {
    expect(sourceRepository({ "general.source.repo_url": value })).toBe(expected);
  });

  it("is not what the file itself was put into, nor what its model was tuned from", () => {
    const others = { "general.repo_url": "org/name-GGUF", "general.base_model.0.repo_url": "org/parent" };
    expect(sourceRepository(others)).toBeNull();
    expect(sourceRepository({ ...others, "general.source.huggingface.repository": "org/name" })).toBe("org/name");
  });
});

describe("the card of an adapter beside a GGUF file", () => {
  it("says how to load the base, without where the file lay here", () => {
    const card = ggufAdapterCard("/home/someone/models/small.Q4_1.gguf", null);
    expect(card).toContain('gguf_file="small.Q4_1.gguf"');
    expect(card).toContain("AutoPeftModelForCausalLM");
    expect(card).not.toContain("/home");
    expect(ggufAdapterCard("small.gguf", "org/name")).toContain("`base_model_name_or_path` is `org/name`");
  });
});
