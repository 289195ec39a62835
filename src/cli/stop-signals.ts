/**
 * Listens for Ctrl-C (SIGINT) and SIGTERM until the returned function is called.
 *
 * @param on.first called at the first signal: finish what must be finished
 * @param on.again called at every later one: the user does not want to wait
 */
export function listenForStop(on: { first(): void; again(): void }): () => void {
  let count = 0;
  const heard = () => (count++ === 0 ? on.first() : on.again());
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) process.on(signal, heard);
  return () => {
    for (const signal of signals) process.off(signal, heard);
  };
}
