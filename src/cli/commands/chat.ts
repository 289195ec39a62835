import { Command } from "commander";
import { ConfigError } from "../../base/errors.ts";
import type { TextModel } from "../../pipeline/text-model.ts";
import { ChatHistory } from "../../prompt/chat-history.ts";
import { type ChatMessage, createTextStream, type TextTokenizer } from "../../prompt/text-tokenizer.ts";
import { Conversation, streamCompletion } from "../../rollout/stream.ts";
import { askLines } from "../ask-lines.ts";
import { exitCodes } from "../failure.ts";
import { closing, openNamedModel } from "../open-text-model.ts";
import { addDevice, addExamples, addJson, addSeed } from "../options.ts";
import { Output } from "../output.ts";
import { listenForStop } from "../stop-signals.ts";
import {
  addSampling,
  addTemplate,
  addTextModel,
  readTemplate,
  type SamplingFlags,
  samplingOptions,
  type TextModelFlags,
} from "../text-flags.ts";

interface Flags extends TextModelFlags, SamplingFlags {
  system?: string;
  message?: string;
  template?: string;
  seed: number;
  json?: boolean;
}

/** `reckon chat --model M`: a conversation in the terminal. */
export function chatCommand(): Command {
  const command = new Command("chat")
    .summary("talk to a model in the terminal")
    .description(
      "Talk to a model in its own chat template; answers appear as they are drawn. Ctrl-C stops an answer; Ctrl-D, /exit or " +
        "Ctrl-C at the prompt ends; /clear begins again. Where standard input is no terminal, its lines are the user's messages.",
    );
  addTextModel(command)
    .option("--system <text>", "a system message to begin with")
    .option("--message <text>", "say this, show the answer, and end");
  addTemplate(command);
  addSampling(command, { temperature: 0.7, maxNewTokens: 512 });
  addSeed(command, "names the random numbers of sampling", 0);
  addDevice(command);
  addJson(command, "end standard output with one JSON object, the conversation; answers appear on standard error");
  addExamples(
    command,
    "chat --model HuggingFaceTB/SmolLM2-135M-Instruct",
    'chat --model model.gguf --adapter runs/svamp --temperature 0 --message "What is 3 plus 4?"',
  );
  return command.action(async (flags: Flags) => {
    const output = new Output(flags);
    const template = readTemplate(flags);
    const model = await openNamedModel(flags, output);
    const messages = await closing(model, () => talk(model, { ...flags, template }, output));
    output.finish({ model: flags.model, messages });
  });
}

/** Answers `--message`, or all that the user says; returns the conversation since it last began. */
async function talk({ policy, tokenizer }: TextModel, flags: Flags, output: Output): Promise<readonly ChatMessage[]> {
  const results = output.json ? process.stderr : process.stdout;
  const history = new ChatHistory(tokenizer, flags);
  const conversation = new Conversation(policy);
  let turns = 0;

  /** Longest answer that still fits behind a prompt. */
  const roomAfter = ({ length }: readonly number[]): number => {
    const { maxPositions } = policy.config;
    if (length < maxPositions) return Math.min(flags.maxNewTokens, maxPositions - length);
    throw new ConfigError(
      `chat: the conversation takes ${length} tokens, this model reads at most ${maxPositions}; begin again (/clear), or raise --context`,
    );
  };

  const answer = async (content: string, stopped: () => boolean) => {
    const prompt = history.ask(content);
    const tokens: number[] = [];
    let text = "";
    const stream = streamCompletion(policy, prompt, {
      ...samplingOptions({ ...flags, maxNewTokens: roomAfter(prompt) }),
      eosId: tokenizer.stopIds,
      textStream: () => createTextStream(visible(tokenizer)),
      seed: flags.seed,
      stream: turns++,
      conversation,
    });
    for await (const drawn of stream) {
      tokens.push(drawn.token);
      text += drawn.text;
      results.write(drawn.text);
      if (stopped()) break;
    }
    results.write("\n");
    history.answer(tokens, text);
  };

  try {
    if (flags.message !== undefined) {
      await answer(flags.message, () => false);
      return history.messages;
    }
    const lines = askLines("> ");
    for (;;) {
      const asked = await lines.next();
      if (asked.kind === "interrupted") process.exitCode = exitCodes.stopped;
      if (asked.kind !== "line" || asked.text === "/exit") return history.messages;
      if (asked.text === "/clear") history.clear();
      else if (asked.text !== "" && !process.stdin.isTTY) await answer(asked.text, () => false);
      else if (asked.text !== "")
        await stoppable(answer, asked.text).catch((error: unknown) => {
          // A conversation that has grown too long is no reason to lose it.
          if (!(error instanceof ConfigError)) throw error;
          history.retract();
          output.say(`error: ${error.message}`);
        });
    }
  } finally {
    conversation.close();
  }
}

/** Answers until Ctrl-C, of which a second one ends the process. */
async function stoppable(answer: (text: string, stopped: () => boolean) => Promise<void>, text: string): Promise<void> {
  let stopped = false;
  const stopListening = listenForStop({
    first: () => (stopped = true),
    again: () => process.exit(exitCodes.stopped),
  });
  try {
    await answer(text, () => stopped);
  } finally {
    stopListening();
  }
}

/** A tokenizer whose special tokens have no text: they mark turns and are no part of them. */
const visible = (tokenizer: Pick<TextTokenizer, "decode" | "specialIds">) => ({
  decode: (ids: ArrayLike<number>) => tokenizer.decode(Array.from(ids).filter((id) => !tokenizer.specialIds.has(id))),
});
