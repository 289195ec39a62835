import { type ConformanceCase, Draw, defineCase, floats, output } from "../case.ts";
import { oneRounding, roundings } from "../tolerance.ts";

const counts = [0, 1, 17, 1000, 30_011];

export function optimizerCases(): ConformanceCase[] {
  return counts.flatMap((count) => {
    const name = `${count} elements`;
    const draw = new Draw("adamw", name);
    const step = 3;
    const numbers = {
      ...{ count, lr: 1e-3, beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.1, gradScale: 0.25 },
      ...{ correction1: 1 - 0.9 ** step, correction2: 1 - 0.95 ** step },
    };
    const state = {
      param: draw.normals(count),
      grad: draw.normals(count),
      m: draw.normals(count, { deviation: 0.1 }),
      v: draw.uniforms(count, 0, 0.1),
    };
    const untouched = {
      param: draw.normals(count),
      grad: floats(new Float64Array(count)),
      m: floats(new Float64Array(count)),
      v: floats(new Float64Array(count)),
    };
    const decay = floats(Array.from({ length: count }, (_, i) => i % 2));
    const tolerance = roundings(4, "two moments, root, quotient");
    return [
      defineCase("adamw", name, { ...state, decay: null, ...numbers }, { tolerance }),
      defineCase("adamw", `${name}, decay of some`, { ...state, decay, ...numbers }, { tolerance }),
      defineCase("adamw", `${name}, no gradient`, { ...untouched, decay, ...numbers }, { tolerance }),
      defineCase(
        "sumSquares",
        name,
        { x: draw.normals(count, { deviation: 3 }), out: output(1), count },
        { tolerance: oneRounding },
      ),
    ];
  });
}
