import { describe, expect, it } from "vitest";
import { parseBoundedJson } from "./bounded-json.ts";

const bounds = { bytes: 100, depth: 2, listLength: 3, bytesPerContainer: 1 };
const parse = (text: string, changed: Partial<typeof bounds> = {}) =>
  parseBoundedJson(Buffer.from(text), { ...bounds, ...changed });

describe("parseBoundedJson", () => {
  it("parses what keeps to the bounds, whatever its texts hold", () => {
    for (const text of ['{"a":[1,2,3],"b":[]}', '["[[[[,,,,,","\\"[[[[","\\\\"]', " 3 ", '{"a":1,"b":2,"c":3,"d":4}'])
      expect(parse(text)).toEqual(JSON.parse(text));
  });

  it("refuses what does not, before it is parsed", () => {
    expect(() => parse(" ".repeat(101))).toThrow("101 bytes, more than 100");
    expect(() => parse('{"a":[[')).toThrow("more than 2 objects and lists in each other");
    expect(() => parse('[1,2,"]",4')).toThrow("a list of more than 3 values");
    expect(() => parse(`{${"{}".repeat(20)}`, { bytesPerContainer: 100 })).toThrow("17 objects and lists in 41 bytes");
    expect(() => parse('{"a":1,"a":2}')).toThrow('name "a" comes twice');
    expect(() => parse("{")).toThrow(SyntaxError);
    expect(() => parseBoundedJson(Uint8Array.of(0x22, 0xff, 0x22), bounds)).toThrow(TypeError);
  });
});
