import { expect, test } from "vitest";
import { StepClock } from "./step-clock.ts";

test("time left is the pace of the latest steps times the steps that remain, less the time since", () => {
  const clock = new StepClock();
  expect(clock.secondsLeft(100, 0)).toBeNull();
  clock.mark(10, 1000);
  expect(clock.secondsLeft(100, 1000)).toBeNull();
  clock.mark(12, 2000);
  expect(clock.secondsLeft(100, 2000)).toBe(44);
  expect(clock.secondsLeft(100, 3500)).toBe(42.5);
  expect(clock.secondsLeft(12, 9000)).toBe(0);
});

test("steps of long ago are forgotten", () => {
  const clock = new StepClock();
  for (let step = 0; step <= 100; step++) clock.mark(step, step * 10_000);
  for (let step = 101; step <= 120; step++) clock.mark(step, 1_000_000 + (step - 100) * 1000);
  expect(clock.secondsLeft(130, 1_020_000)).toBe(10);
});
