import { describe, expect, test } from "vitest";
import { markupProblems } from "../../test/report/markup-balance.ts";
import { syntheticRun } from "../../test/report/synthetic-run.ts";
import type { RunEvent } from "../records/events.ts";
import { type ReportInput, renderReport } from "./page.ts";

const size = { seed: 7, supervisedSteps: 120, rlSteps: 80, layers: 2, experts: 4 };
const empty: ReportInput = { name: "bare", version: "0.1.0", recipe: {}, events: [], attempts: [] };

describe("a complete run", () => {
  const page = renderReport(syntheticRun(size));

  test("is well formed and holds every section", () => {
    expect(markupProblems(page)).toEqual([]);
    for (const id of ["results", "stage-2", "stage-3", "attempts", "warnings", "recipe"])
      expect(page).toContain(`id="${id}"`);
    for (const text of ["44.2 %", "41.1 – 47.3", "greedy decoding", "avx512bf16", "Router entropy", "KL to the start"])
      expect(page).toContain(text);
  });

  test("says the same twice and asks the network for nothing", () => {
    expect(renderReport(syntheticRun(size))).toBe(page);
    expect(page.match(/(src|href)="(?!data:,)[^"]*"/g)).toBeNull();
    expect(page.match(/https?:\/\/[^"]*/g)).toEqual(["http://www.w3.org/2000/svg"]);
    expect(page).not.toMatch(/@import|url\(/);
  });

  test("has a valid script", () => {
    const script = /<script>([\s\S]*)<\/script>/.exec(page)?.[1] ?? "";
    expect(() => new Function(script)).not.toThrow();
  });
});

test("10,000 steps twice, 24 layers of 32 experts: under a megabyte, spike kept", () => {
  const run = syntheticRun({ seed: 1, supervisedSteps: 10_000, rlSteps: 10_000, layers: 24, experts: 32 });
  const page = renderReport(run);
  expect(page.length).toBeLessThan(1_000_000);
  expect(markupProblems(page)).toEqual([]);
  const norms = run.events.flatMap((e) =>
    e.type === "metrics" && e.stage === "grpo" ? [[e.step, e.values.grad_norm]] : [],
  );
  const spike = norms.reduce((best, entry) => (entry[1] > best[1] ? entry : best));
  expect(spike[0]).toBe(5000);
  expect(page.match(/data-line="grad_norm" data-steps="[^"]*"/g)?.[1]).toMatch(/[" ]5000[" ]/);
});

test("notes are listed, their further lines set apart", () => {
  const note = (message: string): RunEvent => ({ type: "note", time: 0, stage: "sft", step: 0, message });
  const page = renderReport({
    ...empty,
    events: [note("695 problems"), note("LoRA trains <b>\n  query × 2: 8\n  key × 2: 8")],
  });
  expect(markupProblems(page)).toEqual([]);
  expect(page).toContain("<li>695 problems</li>");
  expect(page).toContain("<li>LoRA trains &lt;b&gt;<pre>  query × 2: 8\n  key × 2: 8</pre></li>");
  expect(renderReport(empty)).not.toContain('id="notes"');
});

test("every text from outside is escaped", () => {
  const evil = `<script>alert("x")</script>&'`;
  const run = syntheticRun({ ...size, supervisedSteps: 8, rlSteps: 8 });
  const rename = JSON.parse(
    JSON.stringify(run.events)
      .replaceAll('"grpo"', JSON.stringify(evil))
      .replaceAll('"quickstart"', JSON.stringify(evil)),
  ) as RunEvent[];
  const events: RunEvent[] = [
    { type: "run", time: 0, name: evil, version: evil, seed: 1, device: { [evil]: evil } },
    ...rename,
    { type: "warning", time: 0, stage: evil, step: 1, message: evil },
    {
      type: "metrics",
      time: 0,
      stage: evil,
      step: 9,
      values: { [evil]: 1, [`rewards/${evil}/mean`]: 1, "rewards/b/mean": 2 },
    },
  ];
  const attempts = run.attempts.slice(0, 1).map((attempt) => ({
    ...attempt,
    stage: evil,
    question: evil,
    completion: evil,
    answer: evil,
    gold: `${evil}2`,
    parts: { [evil]: 0, b: 1 },
  }));
  const page = renderReport({
    name: evil,
    version: evil,
    decoding: evil,
    recipe: { [evil]: [evil] },
    events,
    attempts,
  });
  expect(markupProblems(page)).toEqual([]);
  expect(page.match(/<script>/g)).toHaveLength(1);
  expect(page).not.toContain('alert("');
});

describe("little or broken data", () => {
  test("no events at all: a header and nothing else", () => {
    const page = renderReport(empty);
    expect(markupProblems(page)).toEqual([]);
    expect(page).not.toContain("<section");
    expect(page).not.toContain("NaN");
  });

  test("no finished stage, a single step", () => {
    const events = syntheticRun(size).events.slice(0, 6);
    const one = renderReport({ ...empty, events: events.filter(({ type }) => type !== "evaluation") });
    expect(markupProblems(one)).toEqual([]);
    expect(one).toContain("run not finished");
    expect(one).toContain("1 of 120 steps");
    expect(one).not.toContain('id="results"');
    expect(one).not.toContain("NaN");
  });

  test("metrics that are not finite leave gaps and a note, not broken paths", () => {
    const events = syntheticRun(size).events.map(
      (event): RunEvent =>
        event.type === "metrics" && event.step % 3 === 0
          ? { ...event, values: { ...event.values, loss: Number.NaN, reward: Number.POSITIVE_INFINITY } }
          : event,
    );
    const page = renderReport({ ...empty, events });
    expect(markupProblems(page)).toEqual([]);
    expect(page).toContain("40 values were not finite and are left out.");
    for (const [path] of page.matchAll(/ (?:d|cx|cy|x|y|x1|width|height)="[^"]*"/g))
      expect(path).not.toMatch(/NaN|Infinity|undefined/);
  });
});
