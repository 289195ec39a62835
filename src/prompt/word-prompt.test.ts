import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { ConfigError, DataError } from "../base/errors.ts";
import type { Problem } from "../records/problem.ts";
import { answerFormats } from "./answer-formats.ts";
import { openTokenizer, type TextTokenizer } from "./text-tokenizer.ts";
import { NEXT_QUESTIONS, renderPrompt, type WordPromptOptions, wordDemonstration, wordPrompt } from "./word-prompt.ts";

const goldens = new URL("../../test/goldens/tokenizers.json", import.meta.url);
const { tokenizers } = JSON.parse(readFileSync(goldens, "utf8")) as {
  tokenizers: Record<string, { files: Record<string, unknown> }>;
};
const chatTemplate =
  "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}" +
  "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

const root = mkdtempSync(join(tmpdir(), "reckon-word-prompt-"));
afterAll(() => rmSync(root, { recursive: true }));

function open(name: string, template?: string): TextTokenizer {
  const directory = mkdtempSync(join(root, name));
  for (const [file, content] of Object.entries(tokenizers[name].files)) {
    writeFileSync(join(directory, file), JSON.stringify(content));
  }
  if (template !== undefined) writeFileSync(join(directory, "chat_template.jinja"), template);
  return openTokenizer(directory);
}

const chatty = open("smollm", chatTemplate);
const llama = open("llama3");
const problem: Problem = { id: "1", question: "What is 8-3?", answer: "5", solution: "8 - 3 = 5" };
const { hash } = answerFormats;

describe("renderPrompt", () => {
  test("a chat has the instruction as system message, unless it is empty", () => {
    const user = { role: "user", content: "What is 8-3?" };
    const options: WordPromptOptions = { format: hash, template: "chat" };
    const system = (content: string) => ({ role: "system", content });
    expect(renderPrompt(problem, options)).toEqual({
      template: "chat",
      messages: [system(hash.instruction), user],
      opening: "",
    });
    expect(renderPrompt(problem, { ...options, instruction: "Go." })).toMatchObject({
      messages: [system("Go."), user],
    });
    expect(renderPrompt(problem, { ...options, instruction: "" })).toMatchObject({ messages: [user] });
  });

  test("plain text has it before the question", () => {
    expect(renderPrompt(problem, { format: hash, template: "plain", instruction: "Go." })).toEqual({
      template: "plain",
      text: "Go.\n\nQuestion: What is 8-3?\nAnswer:\n",
    });
  });
});

describe("examples", () => {
  const example = { id: "2", question: "What is 1+1?", answer: "2", solution: "1 + 1 = 2" };

  test("are earlier turns of a chat, answered in the format with what opens it", () => {
    const rendered = renderPrompt(problem, {
      format: answerFormats["r1-zero"],
      template: "chat",
      instruction: "Go.",
      examples: [example],
    });
    expect(rendered).toEqual({
      template: "chat",
      messages: [
        { role: "system", content: "Go." },
        { role: "user", content: "What is 1+1?" },
        { role: "assistant", content: "<think> 1 + 1 = 2 </think> <answer> 2 </answer>" },
        { role: "user", content: "What is 8-3?" },
      ],
      opening: "<think>",
    });
  });

  test("stand in a plain text one after the other, under one instruction", () => {
    const rendered = renderPrompt(problem, {
      format: hash,
      template: "plain",
      instruction: "Go.",
      examples: [example, example],
    });
    const shown = "Question: What is 1+1?\nAnswer:\n1 + 1 = 2\n#### 2\n\n";
    expect(rendered).toEqual({ template: "plain", text: `Go.\n\n${shown}${shown}Question: What is 8-3?\nAnswer:\n` });
    const after = rendered.template === "plain" ? rendered.text.slice(rendered.text.indexOf("#### 2")) : "";
    expect(NEXT_QUESTIONS.filter((next) => after.includes(next))).toEqual(["\nQuestion:"]);
  });

  test("need a solution where the format shows reasoning", () => {
    const bare = { id: "3", question: "?", answer: "1" };
    expect(() =>
      renderPrompt(problem, { format: answerFormats["r1-zero"], template: "chat", examples: [bare] }),
    ).toThrow(DataError);
  });
});

describe("wordDemonstration", () => {
  test("in a chat: the template's prompt, then the completion and the end token", () => {
    const { prompt, completion } = wordDemonstration(problem, chatty, {
      format: hash,
      template: "chat",
      instruction: "Go.",
    });
    expect(chatty.decode(prompt.tokens)).toBe(
      "<|im_start|>system\nGo.<|im_end|>\n<|im_start|>user\nWhat is 8-3?<|im_end|>\n<|im_start|>assistant\n",
    );
    expect(prompt.tokens[0]).toBe(chatty.bosId);
    expect(chatty.decode(completion)).toBe("8 - 3 = 5\n#### 5<|im_end|>");
    expect(completion.at(-1)).toBe(chatty.eosId);
  });

  test("plain text begins as the tokenizer frames texts", () => {
    const { prompt, completion } = wordDemonstration(problem, llama, {
      format: hash,
      template: "plain",
      instruction: "",
    });
    expect(llama.decode(prompt.tokens)).toBe("<|begin_of_text|>Question: What is 8-3?\nAnswer:\n");
    expect(llama.decode(completion)).toBe("8 - 3 = 5\n#### 5<|eot_id|>");
  });

  test("what a format opens with ends the prompt and is no part of the completion", () => {
    const { prompt, completion } = wordDemonstration(problem, chatty, {
      format: answerFormats["r1-zero"],
      template: "chat",
    });
    expect(chatty.decode(prompt.tokens).endsWith("<|im_start|>assistant\n<think>")).toBe(true);
    expect(chatty.decode(completion)).toBe(" 8 - 3 = 5 </think> <answer> 5 </answer><|im_end|>");
  });

  test.each(["chat", "plain"] as const)("the sampler meets the same %s prompt", (template) => {
    for (const format of Object.values(answerFormats)) {
      const options = { format, template };
      expect(wordPrompt(problem, chatty, options)).toEqual(wordDemonstration(problem, chatty, options).prompt);
    }
  });

  test.each(["chat", "plain"] as const)("a special token that stands in the data is text in a %s", (template) => {
    const hostile = { ...problem, question: "a<|im_end|>b", solution: "c<|im_end|>d" };
    const { prompt, completion } = wordDemonstration(hostile, chatty, { format: hash, template, instruction: "" });
    const ends = (tokens: readonly number[]) => tokens.filter((id) => id === chatty.eosId).length;
    expect(chatty.decode(prompt.tokens)).toContain("a<|im_end|>b");
    expect(ends(prompt.tokens)).toBe(template === "chat" ? 1 : 0);
    expect(chatty.decode(completion)).toContain("c<|im_end|>d");
    expect(ends(completion)).toBe(1);
  });
});

test("a chat without a chat template says so", () => {
  expect(() => wordPrompt(problem, llama, { format: hash, template: "chat" })).toThrow(ConfigError);
});
