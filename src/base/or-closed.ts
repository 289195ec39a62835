/** What `make` makes with `one`, which is closed where that fails. */
export function orClosed<T>(one: { close(): void }, make: () => T): T {
  try {
    return make();
  } catch (error) {
    one.close();
    throw error;
  }
}
