import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** Where the hub is, what it is asked with, and where what it gives is kept. */
export interface HubSettings {
  /** Without a slash at its end. */
  endpoint: string;
  /** Directory of `models--org--name` and `datasets--org--name`. */
  cache: string;
  token: string | null;
  /** Nothing may be fetched. */
  offline: boolean;
  /** A connection that brings nothing for as long counts as dropped. */
  timeoutMs: number;
  /** Pause before the first of the repeated requests; doubles with each. */
  retryMs: number;
}

/**
 * Settings as Python's huggingface_hub takes them from the environment, so that both share one cache: HF_ENDPOINT; HF_HUB_CACHE,
 * HUGGINGFACE_HUB_CACHE, HF_HOME, XDG_CACHE_HOME; HF_TOKEN, HUGGING_FACE_HUB_TOKEN, HF_TOKEN_PATH and the token that
 * `hf auth login` keeps; HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE; HF_HUB_DOWNLOAD_TIMEOUT in seconds.
 *
 * @see https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables
 */
export function hubSettings(environment: NodeJS.ProcessEnv = process.env): HubSettings {
  const value = (name: string) => environment[name]?.trim() || undefined;
  const home = expandHome(
    value("HF_HOME") ?? join(value("XDG_CACHE_HOME") ?? join(homedir(), ".cache"), "huggingface"),
  );
  const cache = value("HF_HUB_CACHE") ?? value("HUGGINGFACE_HUB_CACHE") ?? join(home, "hub");
  const offline = value("HF_HUB_OFFLINE") ?? value("TRANSFORMERS_OFFLINE") ?? "";
  return {
    endpoint: (value("HF_ENDPOINT") ?? "https://huggingface.co").replace(/\/+$/, ""),
    cache: expandHome(cache),
    token:
      value("HF_TOKEN") ??
      value("HUGGING_FACE_HUB_TOKEN") ??
      storedToken(expandHome(value("HF_TOKEN_PATH") ?? join(home, "token"))),
    offline: ["1", "ON", "YES", "TRUE"].includes(offline.toUpperCase()),
    timeoutMs: 1000 * (Number(value("HF_HUB_DOWNLOAD_TIMEOUT")) || 30),
    retryMs: 500,
  };
}

function expandHome(path: string): string {
  return path.replace(/^~(?=$|[/\\])/, () => homedir());
}

/** No file is no token: most models ask for none. */
function storedToken(path: string): string | null {
  try {
    return (
      readFileSync(path, "utf8")
        .replace(/[\r\n]/g, "")
        .trim() || null
    );
  } catch {
    return null;
  }
}
