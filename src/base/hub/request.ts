import { type HubReference, hubFault, nameOf, pageOf } from "./reference.ts";
import type { HubSettings } from "./settings.ts";

/** A hub that gave no answer, or asked to come back later: what is in the cache may serve, or another try. */
export class HubUnavailable extends Error {}

/**
 * `fetch` for one repository: sends the token to the hub itself alone, and turns what is no answer into errors.
 *
 * @returns answers of status 2xx and 416 alone; the fetch throws HubUnavailable when nothing came, or status 429 or 5xx
 *   did, and CheckpointError or DataError when the hub refuses: no such repository or revision, a licence to accept
 */
export function hubFetch(reference: HubReference, settings: HubSettings): typeof fetch {
  if (!/^https?:/.test(settings.endpoint) || !URL.canParse(settings.endpoint))
    throw hubFault(reference, `HF_ENDPOINT: expected an address as https://huggingface.co, got ${settings.endpoint}`);
  // Checked here, for fetch's own error would show it.
  if (settings.token !== null && !/^[\x21-\x7e]+$/.test(settings.token))
    throw hubFault(reference, "HF_TOKEN holds characters that no token has; copy it again");
  const hub = new URL(settings.endpoint).origin;
  return async (input, init = {}) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const headers = new Headers(init.headers);
    // A list's next page may be anywhere, and redirected files are: a token must not go there. Node drops it on redirects.
    if (settings.token !== null && url.origin === hub) headers.set("Authorization", `Bearer ${settings.token}`);
    let response: Response;
    try {
      response = await fetch(url, { ...init, headers, signal: init.signal ?? AbortSignal.timeout(settings.timeoutMs) });
    } catch (error) {
      throw new HubUnavailable(`${url.origin} cannot be reached (${reasonOf(error)})`, { cause: error });
    }
    if (response.ok || response.status === 416) return response;
    await response.body?.cancel();
    if (response.status === 429 || response.status >= 500)
      throw new HubUnavailable(`${url.origin} answered ${response.status} ${response.statusText}`);
    throw refusal(reference, settings, response);
  };
}

/** What went wrong below fetch, whose own message says just that it failed. */
export function reasonOf(error: unknown): string {
  const cause = (error as { cause?: NodeJS.ErrnoException } | null)?.cause;
  const { code, message, name } = (cause ?? error) as NodeJS.ErrnoException;
  return name === "TimeoutError" ? "no answer in time" : code ? String(code) : message;
}

/** The hub names its reason in X-Error-Code; statuses alone say little: what is missing and what is hidden are both 401. */
function refusal(reference: HubReference, { endpoint, token }: HubSettings, response: Response): Error {
  const { status } = response;
  const code = response.headers.get("x-error-code");
  const page = pageOf(reference, endpoint);
  if (code === "GatedRepo")
    return hubFault(
      reference,
      token === null
        ? `needs a licence to be accepted at ${page} and a token: set HF_TOKEN to one of ${endpoint}/settings/tokens`
        : `your token has no access yet: accept the licence at ${page} with the account that HF_TOKEN belongs to`,
    );
  if (code === "RevisionNotFound" || (status === 404 && code === null && reference.revision !== "main"))
    return hubFault(
      reference,
      `no revision ${reference.revision} at ${page}; see its branches, tags and commits there`,
    );
  if (code === "EntryNotFound")
    return hubFault(reference, `${new URL(response.url).pathname}: no such file at ${page}`);
  if (status === 401 || status === 404 || code === "RepoNotFound")
    return hubFault(
      reference,
      `${endpoint} has no ${nameOf(reference)}, or ${token === null ? "it is private and HF_TOKEN is not set" : "HF_TOKEN gives no access to it"}; check the spelling of org/name, or of the path if one was meant`,
    );
  if (status === 403)
    return hubFault(
      reference,
      `${endpoint} refuses access (403); accept its terms at ${page}, and check HF_TOKEN's rights`,
    );
  return hubFault(reference, `${endpoint} answered ${status} ${response.statusText}; check HF_ENDPOINT`);
}
