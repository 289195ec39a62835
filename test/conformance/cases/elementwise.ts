import { type ConformanceCase, Draw, defineCase, output } from "../case.ts";
import { exact, oneRounding, roundings } from "../tolerance.ts";

/** Around the widths of registers, and one count that several threads share. */
const counts = [0, 1, 15, 16, 17, 100, 40_003];

export function elementwiseCases(): ConformanceCase[] {
  return counts.flatMap((count) => {
    const name = `${count} elements`;
    const { x, out } = inputs(count);
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
        "scale",
        name,
        { x, out: output(count), count, factor: 0.22 },
        { tolerance: roundings(1, "factor, product") },
      ),
      defineCase("scale", `${name}, in place`, { x, out: x, count, factor: -12 }, { tolerance: oneRounding }),
    ];
  });
}

function inputs(count: number) {
  const draw = new Draw("addScaled", `${count}`);
  return { x: draw.normals(count), out: draw.normals(count) };
}
