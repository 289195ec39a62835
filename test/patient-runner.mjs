// Loaded before the test runner's own code in each of its processes. Vitest takes a call to its main process for lost, and the
// whole run for failed, when no answer is heard within a minute; a process in a long kernel or a synchronous child hears none,
// and on a busy machine that minute passes. Its timer of exactly a minute, which has no setting, becomes one of twenty.
const { setTimeout: plain } = globalThis;
const MINUTE = 60_000;
const patient = (callback, milliseconds, ...given) =>
  plain(callback, milliseconds === MINUTE ? 20 * MINUTE : milliseconds, ...given);
globalThis.setTimeout = Object.defineProperties(patient, Object.getOwnPropertyDescriptors(plain));
