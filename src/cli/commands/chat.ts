import { createInterface } from "node:readline";
import { Command } from "commander";
import { type ChatMessage, createTextStream, type TextTokenizer } from "../../prompt/text-tokenizer.ts";
import { Conversation, streamCompletion } from "../../rollout/stream.ts";
import { openNamedModel } from "../open-text-model.ts";
import { addDevice, addExamples, addJson, addSeed } from "../options.ts";
import { Output } from "../output.ts";
import { addSampling, addTextModel, type SamplingFlags, samplingOptions, type TextModelFlags } from "../text-flags.ts";

interface Flags extends TextModelFlags, SamplingFlags {
  system?: string;
  message?: string;
  seed: number;
  json?: boolean;
}

/** `reckon chat --model M`: a conversation in the terminal. */
export function chatCommand(): Command {
  const command = new Command("chat")
    .summary("talk to a model in the terminal")
    .description(
      "Talk to a model in its own chat template; answers appear as they are drawn. Ends with Ctrl-D or /exit; /clear begins " +
        "again. Where standard input is no terminal, its lines are the user's messages.",
    );
  addTextModel(command)
    .option("--system <text>", "a system message to begin with")
    .option("--message <text>", "say this, show the answer, and end");
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
    const results = output.json ? process.stderr : process.stdout;
    const model = await openNamedModel(flags, output);
    const { policy, tokenizer } = model;
    const conversation = new Conversation(policy);
    const opening: ChatMessage[] = flags.system === undefined ? [] : [{ role: "system", content: flags.system }];
    let messages = [...opening];
    let turns = 0;

    const answer = async (content: string) => {
      messages.push({ role: "user", content });
      const prompt = tokenizer.encodeChat(messages, { addGenerationPrompt: true });
      let text = "";
      const stream = streamCompletion(policy, prompt, {
        ...samplingOptions(flags),
        eosId: tokenizer.stopIds,
        textStream: () => createTextStream(visible(tokenizer)),
        seed: flags.seed,
        stream: turns++,
        conversation,
      });
      for await (const token of stream) {
        text += token.text;
        results.write(token.text);
      }
      results.write("\n");
      messages.push({ role: "assistant", content: text });
    };

    if (flags.message !== undefined) await answer(flags.message);
    else
      for await (const line of userLines()) {
        if (line === "/exit") break;
        if (line === "/clear") messages = [...opening];
        else if (line !== "") await answer(line);
      }
    conversation.close();
    model.close();
    output.finish({ model: flags.model, messages });
  });
}

/** A tokenizer whose end tokens have no text: they end a turn and are no part of it. */
const visible = (tokenizer: Pick<TextTokenizer, "decode" | "stopIds">) => ({
  decode: (ids: ArrayLike<number>) => tokenizer.decode(Array.from(ids).filter((id) => !tokenizer.stopIds.includes(id))),
});

/** What the user says, line by line, each asked for with a prompt on a terminal. */
async function* userLines(): AsyncGenerator<string> {
  const terminal = process.stdin.isTTY;
  const lines = createInterface({ input: process.stdin, output: terminal ? process.stderr : undefined, terminal });
  lines.setPrompt("> ");
  if (terminal) lines.prompt();
  for await (const line of lines) {
    yield line.trim();
    if (terminal) lines.prompt();
  }
}
