import { type CaseBuffer, type ConformanceCase, Draw, defineCase, floats, output } from "../case.ts";
import { roundings } from "../tolerance.ts";

/** Where exponentials overflow, tails vanish, signs of zero matter, and curvature is largest. */
const extremes = [0, -0, 1e-20, -1e-20, 0.5, -0.75, 3, -3, 5.5, -5.5, 10, -10, 40, -40, 90, -90, 1000, -1000];

const tolerance = roundings(8, "polynomial, exponential, two products");

const tanhTolerance = roundings(4, "polynomial, or exponential and quotient");

/** What tanh gives for these numbers: an operand of its backward kernel. */
const bounded = ({ data }: CaseBuffer): CaseBuffer => floats([...data].map(Math.tanh));

export function activationCases(): ConformanceCase[] {
  const lists: [string, (draw: Draw) => CaseBuffer][] = [
    ["extremes", () => floats(extremes)],
    ["1 element", (draw) => draw.normals(1)],
    ["37 elements", (draw) => draw.normals(37, { deviation: 2 })],
    ["20,011 elements", (draw) => draw.normals(20_011, { deviation: 1.5 })],
  ];
  return lists.flatMap(([name, content]) => {
    const draw = new Draw("gelu", name);
    const x = content(draw);
    const count = x.data.length;
    const dY = draw.normals(count);
    const up = draw.normals(count);
    return [
      defineCase("gelu", name, { x, y: output(count), count }, { tolerance }),
      defineCase("geluBackward", name, { dY, x, dX: output(count), count }, { tolerance }),
      defineCase("geluBackward", `${name}, dX is dY`, { dY, x, dX: dY, count }, { tolerance }),
      defineCase("swiglu", name, { gate: x, up, y: output(count), count }, { tolerance }),
      defineCase(
        "swigluBackward",
        name,
        { dY, gate: x, up, dGate: output(count), dUp: output(count), count },
        { tolerance },
      ),
      defineCase("tanh", name, { x, y: output(count), count }, { tolerance: tanhTolerance }),
      defineCase("tanhBackward", name, { dY, y: bounded(x), dX: output(count), count }, { tolerance }),
      defineCase("tanhBackward", `${name}, dX is dY`, { dY, y: bounded(x), dX: dY, count }, { tolerance }),
    ];
  });
}
