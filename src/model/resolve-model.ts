import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { CheckpointError, type ReckonError } from "../base/errors.ts";
import type { HubFile } from "../base/hub/listing.ts";
import { type HubReference, hubFault, parseHubReference } from "../base/hub/reference.ts";
import { fetchSnapshot, type HubOptions, type Snapshot } from "../base/hub/snapshot.ts";
import { openSafetensors } from "./formats/safetensors-source.ts";

/** A model on this machine. */
export interface ResolvedModel {
  /** `directory`: config.json and the rest beside it; `gguf`: one file that holds everything. */
  kind: "directory" | "gguf";
  path: string;
  /** The hub's commit it was fetched at; null for a path. */
  commit: string | null;
  /** `cache`: last fetched of a model on the hub, which was not asked (offline) or gave no answer, so it may be old. */
  from: "path" | Snapshot["from"];
}

/** Files of a repository that a model is read from, besides its weights. */
const TEXT_FILES = new Set([
  "config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "vocab.json",
  "merges.txt",
  "chat_template.jinja",
  "chat_template.json",
  "model.safetensors.index.json",
]);

/** Mistral's repositories hold everything once more as `consolidated-*`, under names of its own. */
const SHARD = /^(?!consolidated)[^/]+-\d{5}-of-\d{5}\.safetensors$/;

/** Names that pickled weights go by. */
const PICKLE = /\.(bin|pt|pth|ckpt|pkl)$/;

/**
 * Finds the model that `--model` names: a directory, a `.gguf` file, or one on the hub as `org/name[@revision]` or
 * `org/name/FILE.gguf[@revision]`, which is fetched. A directory or repository without safetensors and with one GGUF file
 * stands for that file.
 *
 * @throws CheckpointError when nothing of the name is there or on the hub, a licence or token is needed, the network
 *   drops, or the weights come as pickles alone, which are never read
 */
export async function resolveModel(reference: string, options: HubOptions = {}): Promise<ResolvedModel> {
  const stat = statSync(reference, { throwIfNoEntry: false });
  if (stat?.isDirectory())
    return inDirectory(
      reference,
      { commit: null, from: "path" },
      (problem) => new CheckpointError(`${reference}: ${problem}`),
    );
  if (stat) {
    if (reference.toLowerCase().endsWith(".gguf")) return { kind: "gguf", path: reference, commit: null, from: "path" };
    throw new CheckpointError(
      `${reference}: expected a directory or a .gguf file; for ${PICKLE.test(reference) ? "a pickle, which is never read, convert it to safetensors" : "safetensors, name the directory that also holds config.json"}`,
    );
  }
  const [, repository, file = null, revision = ""] =
    /^([^/@]+\/[^/@]+?)(?:\/([^@]+\.gguf))?(@.*)?$/is.exec(reference) ?? [];
  const hub = repository === undefined ? null : parseHubReference(`${repository}${revision}`, "model");
  if (hub === null)
    throw new CheckpointError(
      `${reference}: no such directory or file, and not a model of the hub (org/name or org/name@revision); check --model`,
    );
  try {
    return await fetchModel(hub, file, options);
  } catch (error) {
    // org/name has the form of a path, too: runs/quick.
    if (!(error instanceof CheckpointError) || !existsSync(dirname(reference))) throw error;
    throw new CheckpointError(`${error.message}; nor is there a file or directory ${reference}`, { cause: error });
  }
}

async function fetchModel(hub: HubReference, file: string | null, options: HubOptions): Promise<ResolvedModel> {
  const { directory, commit, from } = await fetchSnapshot(hub, (files) => chooseFiles(hub, files, file), options);
  const fault = (problem: string) => hubFault(hub, problem);
  if (file !== null) {
    const path = join(directory, file);
    if (existsSync(path)) return { kind: "gguf", path, commit, from };
    throw fault(`${file} is not in the cache (${directory}), and the hub was not reached; fetch it online first`);
  }
  const found = inDirectory(directory, { commit, from }, fault);
  // A download that was broken off leaves a part of the files, and the hub has not said which there are.
  if (from === "cache" && found.kind === "directory") checkWhole(directory, fault);
  return found;
}

/** What a directory holds: a config, or one GGUF file. */
function inDirectory(
  directory: string,
  origin: Pick<ResolvedModel, "commit" | "from">,
  fault: (problem: string) => ReckonError,
): ResolvedModel {
  const names = readdirSync(directory);
  const ggufs = names.filter((name) => name.toLowerCase().endsWith(".gguf")).sort();
  if (names.includes("config.json") && (ggufs.length === 0 || names.some((name) => name.endsWith(".safetensors"))))
    return { kind: "directory", path: directory, ...origin };
  if (ggufs.length === 1) return { kind: "gguf", path: join(directory, ggufs[0]), ...origin };
  if (ggufs.length > 1) throw fault(`several GGUF files; name one of ${ggufs.join(", ")}`);
  throw fault(`no config.json and no .gguf file in ${directory}; check --model`);
}

function checkWhole(directory: string, fault: (problem: string) => ReckonError): void {
  try {
    openSafetensors(directory).close();
  } catch (error) {
    throw fault(
      `the copy in the cache is not whole, and the hub was not reached (${(error as Error).message}); fetch it online first`,
    );
  }
}

/** The files a model is read from: text and safetensors, or the GGUF file that is named or the only one. */
function chooseFiles(hub: HubReference, files: readonly HubFile[], gguf: string | null): HubFile[] {
  const ggufs = files.filter(({ path }) => path.toLowerCase().endsWith(".gguf"));
  const names = ggufs.map(({ path }) => path).sort();
  if (gguf !== null) {
    const named = ggufs.filter(({ path }) => path === gguf);
    if (named.length === 0) throw hubFault(hub, `no file ${gguf}; it has ${names.join(", ") || "no GGUF file"}`);
    return named;
  }
  const text = files.filter(({ path }) => TEXT_FILES.has(path));
  const weights = weightFiles(files);
  if (weights.length > 0) return [...text, ...weights];
  if (ggufs.length === 1) return ggufs;
  if (ggufs.length > 1)
    throw hubFault(
      hub,
      `no safetensors but several GGUF files; name one, as ${hub.id}/${names[0]}, of ${names.join(", ")}`,
    );
  const pickle = files.find(({ path }) => PICKLE.test(path));
  if (pickle === undefined) throw hubFault(hub, "no safetensors and no GGUF file; it is no model that can be read");
  throw hubFault(
    hub,
    `weights come as ${pickle.path} alone: a pickle can run any program when it is read, so none is ever read here; ` +
      `try ${hub.id}@refs/pr/1, where the hub often offers safetensors, or convert it where you trust it, in Python: ` +
      "AutoModelForCausalLM.from_pretrained(ID).save_pretrained(OUT)",
  );
}

/** One file, or else the shards; other safetensors in a repository are copies in other formats. */
function weightFiles(files: readonly HubFile[]): HubFile[] {
  const single = files.filter(({ path }) => path === "model.safetensors");
  return single.length > 0 ? single : files.filter(({ path }) => SHARD.test(path));
}
