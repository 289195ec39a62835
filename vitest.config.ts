import { join } from "node:path";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    testTimeout: 60_000,
    pool: "forks",
    poolOptions: {
      forks: { maxForks: 2, execArgv: ["--import", join(import.meta.dirname, "test/typescript-threads.mjs")] },
    },
  },
});
