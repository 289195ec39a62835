import { randomBytes } from "node:crypto";
import { linkSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { discard, explainWriteFailure } from "../base/atomic-file.ts";
import { ConfigError } from "../base/errors.ts";

/** Who uses a run directory; enough to tell a live process from a dead one whose number was given away again. */
export interface LockOwner {
  pid: number;
  /** Clock ticks since boot when the process started; null where /proc is missing. */
  startTicks: number | null;
  /** Differs after every reboot; null where /proc is missing. */
  bootId: string | null;
  /** Process numbers mean the same only within one namespace (one container); null where /proc is missing. */
  pidNamespace: string | null;
  host: string;
  /** ISO 8601. */
  since: string;
}

/** A held lock; `release` is idempotent and also runs when the process or worker thread exits. */
export interface RunLock {
  release(): void;
}

/** Not the prefix of other files written aside: whoever holds the lock removes those, and rivals still need theirs. */
const CLAIM_PREFIX = ".lock-";

const held = new Map<string, LockOwner>();
process.on("exit", () => {
  for (const path of [...held.keys()]) release(path);
});

/**
 * Claims a run directory for this process. The claim appears with its content in one step (link), so a half-written
 * lock never exists; a dead owner's claim is taken over.
 *
 * @throws ConfigError naming the holder when a live process, or one that cannot be seen from here, has the directory
 */
export function acquireLock(dir: string, now: () => number = Date.now): RunLock {
  const path = join(dir, "lock");
  const mine = describeProcess(process.pid, now());
  const aside = join(dir, `${CLAIM_PREFIX}${process.pid}-${randomBytes(4).toString("hex")}`);
  try {
    writeFileSync(aside, `${JSON.stringify(mine)}\n`);
    for (let round = 0; round < 200; round++) {
      if (tryLink(aside, path)) {
        held.set(path, mine);
        removeDeadClaims(dir);
        return { release: () => release(path) };
      }
      const owner = readOwner(path);
      if (owner === "gone") continue;
      if (owner !== "unreadable") refuseUnlessDead(dir, owner);
      removeStale(path, aside);
    }
  } catch (error) {
    throw explainClaim(error, dir, path);
  } finally {
    discard(aside);
  }
  throw new ConfigError(`${dir}: other processes keep claiming this run directory; try again, or choose another --out`);
}

/** The process using a run directory now, or null when it is free. */
export function lockOwner(dir: string): LockOwner | null {
  const owner = readOwner(join(dir, "lock"));
  return typeof owner === "string" || liveness(owner) === "dead" ? null : owner;
}

/**
 * Refuses a run directory that is not free, without claiming it.
 *
 * @throws ConfigError naming the holder, as `acquireLock`
 */
export function assertFree(dir: string): void {
  const owner = readOwner(join(dir, "lock"));
  if (typeof owner !== "string") refuseUnlessDead(dir, owner);
}

/** Identifies a process by number, start and boot. */
export function describeProcess(pid: number, time: number): LockOwner {
  return {
    pid,
    startTicks: startTicks(pid),
    bootId: readText("/proc/sys/kernel/random/boot_id"),
    pidNamespace: namespaceOf(pid),
    host: hostname(),
    since: new Date(time).toISOString(),
  };
}

/**
 * Whether a lock's owner still runs: dead when the machine rebooted, the process is gone or a zombie, or its number
 * belongs to a younger process; unknown when it lives where process numbers mean nothing here.
 */
export function liveness(owner: LockOwner): "alive" | "dead" | "unknown" {
  const here = describeProcess(process.pid, 0);
  const sameBoot = owner.bootId === here.bootId;
  if (owner.host !== here.host && (owner.bootId === null || !sameBoot)) return "unknown";
  if (owner.bootId !== null && !sameBoot) return "dead";
  if (owner.pidNamespace !== null && owner.pidNamespace !== here.pidNamespace) return "unknown";
  if (owner.startTicks !== null) return startTicks(owner.pid) === owner.startTicks ? "alive" : "dead";
  try {
    process.kill(owner.pid, 0);
    return "alive";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM" ? "alive" : "dead";
  }
}

function refuseUnlessDead(dir: string, owner: LockOwner): void {
  const state = liveness(owner);
  if (state === "dead") return;
  const who = owner.pid === process.pid && state === "alive" ? "this process" : `process ${owner.pid}`;
  throw new ConfigError(
    state === "alive"
      ? `${dir}: this run directory is in use by ${who} on ${owner.host} since ${owner.since}; wait for it, stop it, or choose another --out`
      : `${dir}: this run directory was claimed by ${who} on ${owner.host} since ${owner.since}, which cannot be seen from here; if it no longer runs, delete ${join(dir, "lock")}`,
  );
}

/**
 * Removes a dead owner's lock. Only the one process that holds `lock.takeover` may: otherwise a slow process could
 * remove the lock of a fast one that took over in between.
 */
function removeStale(path: string, aside: string): void {
  const takeover = `${path}.takeover`;
  if (tryLink(aside, takeover)) {
    try {
      if (isStale(path)) rmSync(path, { force: true });
    } finally {
      rmSync(takeover, { force: true });
    }
    return;
  }
  if (isStale(takeover)) rmSync(takeover, { force: true });
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
}

function isStale(path: string): boolean {
  const owner = readOwner(path);
  return owner === "unreadable" || (owner !== "gone" && liveness(owner) === "dead");
}

/** Removes the files in which processes that were killed while claiming had written their names. */
function removeDeadClaims(dir: string): void {
  for (const name of readdirSync(dir)) {
    if (!name.startsWith(CLAIM_PREFIX)) continue;
    const owner = readOwner(join(dir, name));
    if (typeof owner !== "string" && liveness(owner) === "dead") rmSync(join(dir, name), { force: true });
  }
}

function release(path: string): void {
  const mine = held.get(path);
  if (mine === undefined) return;
  held.delete(path);
  if (JSON.stringify(readOwner(path)) === JSON.stringify(mine)) rmSync(path, { force: true });
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (code === "EEXIST") return false;
    if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].includes(code)) throw error;
    return tryCopy(from, to);
  }
}

/** For file systems without hard links: exclusive too, but a kill in the middle leaves a torn claim, taken for stale. */
function tryCopy(from: string, to: string): boolean {
  try {
    writeFileSync(to, readFileSync(from), { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function explainClaim(error: unknown, dir: string, path: string): unknown {
  const code = (error as NodeJS.ErrnoException | null)?.code ?? "";
  if (!["EACCES", "EPERM", "EROFS"].includes(code)) return explainWriteFailure(error, { path, bytes: 0 });
  return new ConfigError(`${dir}: expected a directory that can be written, got ${code}; choose another --out`, {
    cause: error,
  });
}

function readOwner(path: string): LockOwner | "gone" | "unreadable" {
  const text = readText(path);
  if (text === null) return "gone";
  try {
    const owner = JSON.parse(text) as LockOwner;
    return Number.isInteger(owner?.pid) && typeof owner.host === "string" ? owner : "unreadable";
  } catch {
    return "unreadable";
  }
}

/** Field 22 of /proc/PID/stat; the name in brackets before it may hold spaces. Zombies count as gone. */
function startTicks(pid: number): number | null {
  const stat = readText(`/proc/${pid}/stat`);
  if (stat === null) return null;
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" || fields[0] === "X" ? null : Number(fields[19]);
}

function namespaceOf(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return null;
  }
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return null;
  }
}
