import { type ConformanceCase, Draw, defineCase, output } from "../case.ts";
import { exact, oneRounding, roundings } from "../tolerance.ts";

/** Around the widths of registers, and one count that several threads share. */
const counts = [0, 1, 15, 16, 17, 100, 40_003];

export function elementwiseCases(): ConformanceCase[] {
  return counts.flatMap((count) => {
    const name = `${count} elements`;
    const { x, a, b, out } = inputs(count);
    return [
      defineCase("fill", name, { out: output(count), count, value: 0.1 }, { tolerance: oneRounding }),
      defineCase("copy", name, { x, out: output(count), count }, { tolerance: exact }),
      defineCase(
        "addScaled",
        name,
        { x, out, count, scale: -0.3 },
        { tolerance: roundings(1.5, "scale, product, sum") },
      ),
      defineCase(
        "add",
        name,
        { a, b, out: output(count), count, scale: 0.7 },
        { tolerance: roundings(1.5, "scale, product, sum") },
      ),
      defineCase(
        "add",
        `${name}, out is a`,
        { a, b, out: a, count, scale: -1 },
        { tolerance: roundings(1.5, "scale, product, sum") },
      ),
    ];
  });
}

function inputs(count: number) {
  const draw = new Draw("add", `${count}`);
  return { x: draw.normals(count), a: draw.normals(count), b: draw.normals(count), out: draw.normals(count) };
}
