import { ConfigError } from "../base/errors.ts";
import type { Demonstration, Problem, Prompt } from "../records/problem.ts";
import type { AnswerFormat } from "./answer-format.ts";
import type { ChatMessage } from "./chat-template.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** How a problem in words is put to a model. */
export interface WordPromptOptions {
  format: AnswerFormat;
  /** As a conversation in the model's chat template, or as plain text for a model that has none. */
  template: "chat" | "plain";
  /** What tells the model how to answer. Default: the format's own words; empty: nothing. */
  instruction?: string;
}

/** What word prompts ask of a tokenizer beyond plain text. */
export interface ChatTokenizer extends Tokenizer {
  /** The ids of a conversation in the model's template; `addGenerationPrompt` ends it where the answer begins. */
  encodeChat?(messages: readonly ChatMessage[], options: { addGenerationPrompt: boolean }): number[];
}

/** A prompt as text: a conversation and what the answer opens with, or one text. */
export type RenderedPrompt =
  | { template: "chat"; messages: ChatMessage[]; opening: string }
  | { template: "plain"; text: string };

/** What a problem becomes before it is tokenised: the instruction as system message, the question as the user's. */
export function renderPrompt(problem: Problem, options: WordPromptOptions): RenderedPrompt {
  const { format, template, instruction = format.instruction } = options;
  if (template === "plain") return { template, text: format.plainPrompt(problem.question, instruction) };
  const system: ChatMessage[] = instruction === "" ? [] : [{ role: "system", content: instruction }];
  return { template, messages: [...system, { role: "user", content: problem.question }], opening: format.opening };
}

/**
 * The prompt of a problem as token ids: what the sampler goes on from, and what a demonstration begins with.
 * @throws ConfigError when the tokenizer has no chat template and one is wanted
 */
export function wordPrompt(problem: Problem, tokenizer: ChatTokenizer, options: WordPromptOptions): Prompt {
  const rendered = renderPrompt(problem, options);
  if (rendered.template === "plain") return { problem, tokens: tokenizer.encode(rendered.text) };
  if (tokenizer.encodeChat === undefined) {
    throw new ConfigError(
      "word prompt: expected a tokenizer with a chat template, got one without; use template: plain, " +
        "or a model directory with chat_template.jinja",
    );
  }
  const turn = tokenizer.encodeChat(rendered.messages, { addGenerationPrompt: true });
  return { problem, tokens: [...turn, ...(rendered.opening === "" ? [] : tokenizer.encode(rendered.opening))] };
}

/**
 * A prompt and the completion to imitate, each tokenised by itself, so that the sampler meets the same prompt ids; the
 * completion ends with the end token.
 * @throws DataError when the format shows reasoning and the problem has no solution
 */
export function wordDemonstration(
  problem: Problem,
  tokenizer: ChatTokenizer,
  options: WordPromptOptions,
): Demonstration {
  const prompt = wordPrompt(problem, tokenizer, options);
  return { prompt, completion: [...tokenizer.encode(options.format.completion(problem)), tokenizer.eosId] };
}
