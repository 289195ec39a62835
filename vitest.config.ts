import { join } from "node:path";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    // Guards against a hang, not limits: a machine may be busy with five other things.
    testTimeout: 1_200_000,
    hookTimeout: 1_200_000,
    teardownTimeout: 120_000,
    pool: "forks",
    poolOptions: {
      forks: {
        maxForks: 2,
        execArgv: ["patient-runner.mjs", "typescript-threads.mjs"].flatMap((name) => [
          "--import",
          join(import.meta.dirname, "test", name),
        ]),
      },
    },
  },
});
