import { openSync } from "node:fs";
import { expect, test } from "vitest";
import { CheckpointError } from "../base/errors.ts";
import { restoreFailure } from "../base/failure.ts";
import { describeFailure, exitCodeOf, failureText, UsageError } from "./failure.ts";

const thrownBy = (action: () => unknown): unknown => {
  try {
    return action();
  } catch (error) {
    return error;
  }
};

test("an error keeps class and message on its way between threads", () => {
  const carried = structuredClone(describeFailure(new CheckpointError("x: truncated; copy it again")));
  const restored = restoreFailure(carried);
  expect(restored).toBeInstanceOf(CheckpointError);
  expect(restored.message).toBe("x: truncated; copy it again");
  expect(failureText(describeFailure(restored))).toBe("error: x: truncated; copy it again");
});

test("a fault of ours keeps its stack and asks to be reported", () => {
  const restored = restoreFailure(structuredClone(describeFailure(new RangeError("index 7"))));
  expect(restored.name).toBe("RangeError");
  expect(failureText(describeFailure(restored))).toMatch(/RangeError: index 7\n +at .*Please report it/s);
  expect(failureText(describeFailure("thrown text"))).toContain("thrown text");
});

test("what the system refuses is said without a stack", () => {
  const failure = describeFailure(thrownBy(() => openSync("/nonexistent/file", "w")));
  expect(failure.name).toBe("SystemError");
  expect(failureText(failure)).toMatch(/^error: ENOENT.*\/nonexistent\/file.*check the path/);
  const full = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC", syscall: "write" });
  expect(describeFailure(full)).toMatchObject({
    name: "CheckpointError",
    message: expect.stringMatching(/^disk full/),
  });
});

test("a wrong command line has exit code 2, everything else 1", () => {
  expect(exitCodeOf(describeFailure(new UsageError("both")))).toBe(2);
  expect(exitCodeOf(describeFailure(new CheckpointError("no")))).toBe(1);
  expect(exitCodeOf(describeFailure(null))).toBe(1);
});
