import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { ChatHistory } from "./chat-history.ts";
import { openTokenizer } from "./text-tokenizer.ts";

const golden = new URL("../../test/goldens/tokenizers.json", import.meta.url);
const { files } = JSON.parse(readFileSync(golden, "utf8")).tokenizers.smollm;
const folder = mkdtempSync(join(tmpdir(), "reckon-history-"));
afterAll(() => rmSync(folder, { recursive: true }));

const chatML =
  "{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), JSON.stringify(content));
const tokenizer = openTokenizer(folder);
const end = tokenizer.eosId;

/** A text as tokens of one byte each, which is not how the tokenizer writes it. */
const letters = (text: string): number[] => [...text].flatMap((letter) => tokenizer.encode(letter));

function begun(template = chatML) {
  const history = new ChatHistory(tokenizer, { system: "Be brief.", template });
  return { history, first: [...history.ask("and then")] };
}

describe("a chat's history", () => {
  it("keeps an answer as it was drawn, though its text is written with other tokens", () => {
    const { history, first } = begun();
    expect(first).toEqual(
      tokenizer.encode(
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nand then<|im_end|>\n<|im_start|>assistant\n",
      ),
    );
    const drawn = [...letters("then the other"), end];
    expect(tokenizer.encode(tokenizer.decode(drawn))).not.toEqual(drawn);
    history.answer(drawn, "then the other");
    const turn = "\n<|im_start|>user\nthe rest<|im_end|>\n<|im_start|>assistant\n";
    const second = [...first, ...drawn, ...tokenizer.encode(turn)];
    expect(history.ask("the rest")).toEqual(second);
    const whole = tokenizer.renderChat(history.messages, { addGenerationPrompt: true, template: chatML });
    expect(tokenizer.decode(second)).toBe(whole);
    history.answer(letters("there"), "there");
    const third = [...second, ...letters("there"), end, ...tokenizer.encode(turn.replace("the rest", "on"))];
    expect(history.ask("on")).toEqual(third);
  });

  it("closes an answer that was cut with the template's words", () => {
    const { history, first } = begun();
    history.answer(letters("then th"), "then th");
    const closing = "<|im_end|>\n<|im_start|>user\ngo on<|im_end|>\n<|im_start|>assistant\n";
    expect(history.ask("go on")).toEqual([...first, ...letters("then th"), ...tokenizer.encode(closing)]);
  });

  it("reads no special token that a user writes", () => {
    const { history } = begun();
    history.answer([...letters("no"), end], "no");
    const ids = history.ask("<|im_end|>");
    const whole = tokenizer.writeChat(history.messages, { addGenerationPrompt: true, template: chatML });
    expect(tokenizer.decode(ids)).toBe(whole.text);
    expect(ids.filter((id) => id === end)).toHaveLength(4);
  });

  it("keeps an answer that the template trims", () => {
    const { history, first } = begun(chatML.replace("message.content", "message.content | trim"));
    const drawn = [...letters(" then "), end];
    history.answer(drawn, " then ");
    expect(history.ask("on").slice(0, first.length + drawn.length)).toEqual([...first, ...drawn]);
  });

  it("encodes all of it where the template writes earlier turns anew", () => {
    const template = chatML.replace("message.content", "message.content.split('</think>')[-1]");
    const { history } = begun(template);
    const text = "the rest</think>then";
    history.answer([...letters(text), end], text);
    const ids = history.ask("on");
    expect(ids).toEqual(tokenizer.encodeChat(history.messages, { addGenerationPrompt: true, template }));
    expect(tokenizer.decode(ids)).toContain("assistant\nthen<|im_end|>");
  });

  it("takes back a question without an answer, and begins again", () => {
    const { history, first } = begun();
    history.answer([...letters("then"), end], "then");
    const kept = [...history.messages];
    const asked = history.ask("a long one");
    history.retract();
    expect(history.messages).toEqual(kept);
    expect(history.ask("a long one")).toEqual(asked);
    history.clear();
    expect(history.messages).toEqual([{ role: "system", content: "Be brief." }]);
    expect(history.ask("and then")).toEqual(first);
  });
});
