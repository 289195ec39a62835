import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

/**
 * Bits follow from the source alone: what a C library computes for exp, log or pow differs between its versions and with
 * the processor it picks its code for.
 */
const addon = fileURLToPath(new URL("../../build/reckon.node", import.meta.url));
const listed = spawnSync("nm", ["--dynamic", "--undefined-only", addon], { encoding: "utf8" });

it.skipIf(listed.status !== 0)(
  "the addon takes no mathematical function from a library (needs nm, an ELF system)",
  () => {
    const names = [...listed.stdout.matchAll(/ U (\w+)/g)].map(([, name]) => name);
    expect(names).toContain("memcpy");
    const mathematical = /^(a?(sin|cos|tan)h?|exp(2|m1|10)?|log(1p|2|10|b)?|pow|erfc?|[lt]gamma|cbrt|hypot|fma)[fl]?$/;
    expect(names.filter((name) => mathematical.test(name))).toEqual([]);
  },
);
