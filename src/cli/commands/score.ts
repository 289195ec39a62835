import { writeFileSync } from "node:fs";
import { Command } from "commander";
import { readTexts, textIds } from "../../pipeline/read-prompts.ts";
import { formatCount, formatValue } from "../../report/format.ts";
import { scoreSequences } from "../../rollout/score.ts";
import { closing, openNamedModel } from "../open-text-model.ts";
import { addDevice, addExamples, addJson } from "../options.ts";
import { checkOutFile } from "../out-file.ts";
import { Output } from "../output.ts";
import { addTextModel, type TextModelFlags } from "../text-flags.ts";

interface Flags extends TextModelFlags {
  file: string;
  out?: string;
  json?: boolean;
}

/** `reckon score --model M --file F`: the log-probability of every token of every text. */
export function scoreCommand(): Command {
  const command = new Command("score")
    .summary("log-probabilities and perplexity of texts")
    .description(
      "Score texts: the log-probability of every token after those before it, and the perplexity, exp of minus their mean. " +
        'Rows are {"text"} or {"ids"} in a .jsonl file, or the lines of a text file. A text gets the tokens that the model\'s ' +
        "tokenizer puts before and after a text; ids are scored as they are.",
    );
  addTextModel(command)
    .requiredOption("--file <file>", "what to score")
    .option("--out <file>", "write the rows there, one JSON object per line");
  addDevice(command);
  addJson(command);
  addExamples(command, "score --model model.gguf --file texts.jsonl --json");
  return command.action(async (flags: Flags) => {
    const output = new Output(flags);
    checkOutFile(flags.out);
    const rows = readTexts(flags.file);
    const model = await openNamedModel(flags, output);
    const { policy, tokenizer } = model;
    const { sequences, scores } = await closing(model, async () => {
      const sequences = rows.map((row) => textIds(row, tokenizer));
      return { sequences, scores: await scoreSequences(policy, sequences) };
    });
    const results = scores.map(({ logps }, i) => ({
      ids: sequences[i],
      tokens: sequences[i].map((id) => tokenizer.tokenText(id)),
      // The first token has nothing before it.
      logps: [null, ...logps],
      ...totals([logps]),
    }));
    const whole = totals(scores.map(({ logps }) => logps));
    if (flags.out) writeFileSync(flags.out, results.map((one) => `${JSON.stringify(one)}\n`).join(""));
    for (const { perplexity, scored } of results)
      output.show(`perplexity ${show(perplexity)} over ${formatCount(scored)} tokens`);
    if (results.length > 1)
      output.show(
        output.style.bold(`all: perplexity ${show(whole.perplexity)} over ${formatCount(whole.scored)} tokens`),
      );
    output.finish({ model: flags.model, rows: results, ...whole });
  });
}

/** Over all scored tokens of some sequences; null where there is none to score. */
function totals(lists: readonly ArrayLike<number>[]) {
  let logp = 0;
  let scored = 0;
  for (const list of lists) {
    for (let i = 0; i < list.length; i++) logp += list[i];
    scored += list.length;
  }
  return { logp, scored, perplexity: scored === 0 ? null : Math.exp(-logp / scored) };
}

const show = (perplexity: number | null) => (perplexity === null ? "–" : formatValue(perplexity));
