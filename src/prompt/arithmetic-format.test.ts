import { describe, expect, test } from "vitest";
import { DataError } from "../base/errors.ts";
import { generateProblems, problemFromText } from "../data/arithmetic.ts";
import { arithmeticDemonstration, arithmeticPrompt, completionText, promptText } from "./arithmetic-format.ts";
import { MathTokenizer } from "./math-tokenizer.ts";

const tokenizer = new MathTokenizer();

describe("arithmetic sequences", () => {
  test("are the issue's, in both digit orders; the expression stays as it was asked", () => {
    const sequence = (digitOrder: "big" | "little"): string => {
      const problem = problemFromText("25 - (61)", { digitOrder, scratchpad: true });
      const { prompt, completion } = arithmeticDemonstration(problem, tokenizer);
      return `${tokenizer.decode(prompt.tokens)} ${tokenizer.decode(completion)}`;
    };
    expect(sequence("big")).toBe(
      "<sos><big>25 - (61)<scratchpad> 25-61=-(61-25), 11-5=6 borrow 1, 6-2-1=3, =-36<answer>-36<eos>",
    );
    expect(sequence("little")).toBe(
      "<sos><little>25 - (61)<scratchpad> 52-16=-(16-52), 11-5=6 borrow 1, 6-2-1=3, =-63<answer>-63<eos>",
    );
  });

  test("without a scratchpad the prompt ends with the expression", () => {
    const problem = problemFromText("1/12", { digitOrder: "little", scratchpad: false });
    expect(promptText(problem)).toBe("<sos><little>1/12");
    expect(completionText(problem)).toBe("<answer>1/21<eos>");
  });

  test("every generated problem fits the vocabulary and is its demonstration's prompt", () => {
    for (const problem of generateProblems({ split: "supervised", count: 200, seed: 1, digitOrder: "mixed" })) {
      const { prompt, completion } = arithmeticDemonstration(problem, tokenizer);
      expect(prompt).toEqual(arithmeticPrompt(problem, tokenizer));
      expect(prompt.problem).toBe(problem);
      expect(completion.at(-1)).toBe(tokenizer.eosId);
    }
  });

  test("a problem of which only the answer is known has a prompt and no demonstration", () => {
    const [problem] = generateProblems({ split: "reinforcement", count: 1, seed: 1 });
    expect(arithmeticPrompt(problem, tokenizer).tokens.length).toBeGreaterThan(3);
    expect(() => arithmeticDemonstration(problem, tokenizer)).toThrow(/only answers/);
  });

  test("a problem from elsewhere is refused", () => {
    expect(() => promptText({ id: "x", question: "1+1", answer: "2" })).toThrow(DataError);
  });
});
