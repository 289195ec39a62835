import type { Demonstration, Problem, Prompt } from "../records/problem.ts";
import type { AnswerFormat } from "./answer-format.ts";
import type { ChatMessage, TextTokenizer } from "./text-tokenizer.ts";

/** How a problem in words is put to a model. */
export interface WordPromptOptions {
  format: AnswerFormat;
  /** As a conversation in the model's chat template, or as plain text for a model that has none. */
  template: "chat" | "plain";
  /** What tells the model how to answer. Default: the format's own words; empty: nothing. */
  instruction?: string;
  /** Problems that are shown solved before the question, in the form that is asked for. Default none. */
  examples?: readonly Problem[];
}

/** What word prompts ask of a tokenizer. */
export type WordTokenizer = Pick<TextTokenizer, "encode" | "encodeChat" | "eosId" | "framing">;

/** A prompt as text: a conversation and what the answer opens with, or one text. */
export type RenderedPrompt =
  | { template: "chat"; messages: ChatMessage[]; opening: string }
  | { template: "plain"; text: string };

/** How a next question begins where examples stand in one plain text: a model that goes on to pose one has ended its answer. */
export const NEXT_QUESTIONS: readonly string[] = ["\nQuestion:", "\nUser:"];

/**
 * What a problem becomes before it is tokenised: the instruction as system message, the question as the user's, examples as
 * earlier turns. In plain text the instruction stands once, before all.
 *
 * @throws DataError when the format shows reasoning and an example has no solution
 */
export function renderPrompt(problem: Problem, options: WordPromptOptions): RenderedPrompt {
  const { format, template, instruction = format.instruction, examples = [] } = options;
  if (template === "plain") {
    const asked = [...examples, problem].map(({ question }, i) =>
      format.plainPrompt(question, i === 0 ? instruction : ""),
    );
    const solved = examples.map((example, i) => `${asked[i]}${format.completion(example)}\n\n`);
    return { template, text: `${solved.join("")}${asked[examples.length]}` };
  }
  const system: ChatMessage[] = instruction === "" ? [] : [{ role: "system", content: instruction }];
  const turns = examples.flatMap((example): ChatMessage[] => [
    { role: "user", content: example.question },
    { role: "assistant", content: `${format.opening}${format.completion(example)}` },
  ]);
  const messages = [...system, ...turns, { role: "user" as const, content: problem.question }];
  return { template, messages, opening: format.opening };
}

/**
 * The prompt of a problem as token ids: what the sampler goes on from, and what a demonstration begins with. Special tokens
 * that stand in a question are read as text.
 * @throws ConfigError when a chat is wanted and the tokenizer has no chat template
 */
export function wordPrompt(problem: Problem, tokenizer: WordTokenizer, options: WordPromptOptions): Prompt {
  const rendered = renderPrompt(problem, options);
  if (rendered.template === "plain") {
    return { problem, tokens: [...tokenizer.framing.before, ...encodeText(rendered.text, tokenizer)] };
  }
  const turn = tokenizer.encodeChat(rendered.messages, { addGenerationPrompt: true });
  return { problem, tokens: [...turn, ...encodeText(rendered.opening, tokenizer)] };
}

/**
 * A prompt and the completion to imitate, each tokenised by itself, so that the sampler meets the same prompt ids; the
 * completion ends with the end token.
 * @throws DataError when the format shows reasoning and the problem has no solution
 */
export function wordDemonstration(
  problem: Problem,
  tokenizer: WordTokenizer,
  options: WordPromptOptions,
): Demonstration {
  const completion = encodeText(options.format.completion(problem), tokenizer);
  return { prompt: wordPrompt(problem, tokenizer, options), completion: [...completion, tokenizer.eosId] };
}

function encodeText(text: string, tokenizer: WordTokenizer): number[] {
  return text === "" ? [] : tokenizer.encode(text, { specialTokens: "text" });
}
