import type { Tape, Tensor } from "../tape.ts";

/** y = x · Φ(x), the exact GELU, elementwise. Keeps x; y can be computed again. @see arXiv:1606.08415 */
export function gelu(tape: Tape, x: Tensor): Tensor {
  const count = x.rows * x.width;
  const y = tape.computed("gelu", x, (out) => ({ x: x.buffer, y: out, count }));
  tape.onGradient(y, (dY) =>
    tape.contribute(x, (dX) => tape.device.enqueue("geluBackward", { dY, x: x.buffer, dX, count })),
  );
  return y;
}

/** y = silu(gate) · up, elementwise. Keeps both; y can be computed again. @see arXiv:2002.05202 */
export function swiglu(tape: Tape, gate: Tensor, up: Tensor): Tensor {
  const count = gate.rows * gate.width;
  const y = tape.computed("swiglu", gate, (out) => ({ gate: gate.buffer, up: up.buffer, y: out, count }));
  tape.onGradient(y, (dY) =>
    tape.contribute(gate, (dGate) =>
      tape.contribute(up, (dUp) =>
        tape.device.enqueue("swigluBackward", { dY, gate: gate.buffer, up: up.buffer, dGate, dUp, count }),
      ),
    ),
  );
  return y;
}

/** y = tanh(x), elementwise. Keeps y. */
export function tanh(tape: Tape, x: Tensor): Tensor {
  const count = x.rows * x.width;
  const y = tape.tensor(x.rows, x.width);
  tape.forward("tanh", { x: x.buffer, y: y.buffer, count });
  tape.onGradient(y, (dY) => {
    tape.device.enqueue("tanhBackward", { dY, y: y.buffer, dX: dY, count });
    tape.handOver(x, y);
  });
  return y;
}
