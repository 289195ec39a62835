import type { Tape, Tensor } from "../tape.ts";

/** y = x · Φ(x), the exact GELU, elementwise. Keeps x. @see arXiv:1606.08415 */
export function gelu(tape: Tape, x: Tensor): Tensor {
  const count = x.rows * x.width;
  const y = tape.tensor(x.rows, x.width);
  tape.forward("gelu", { x: x.buffer, y: y.buffer, count });
  tape.onGradient(y, (dY) =>
    tape.contribute(x, (dX) => tape.device.enqueue("geluBackward", { dY, x: x.buffer, dX, count })),
  );
  return y;
}

/** y = silu(gate) · up, elementwise. Keeps both. @see arXiv:2002.05202 */
export function swiglu(tape: Tape, gate: Tensor, up: Tensor): Tensor {
  const count = gate.rows * gate.width;
  const y = tape.tensor(gate.rows, gate.width);
  tape.forward("swiglu", { gate: gate.buffer, up: up.buffer, y: y.buffer, count });
  tape.onGradient(y, (dY) =>
    tape.contribute(gate, (dGate) =>
      tape.contribute(up, (dUp) =>
        tape.device.enqueue("swigluBackward", { dY, gate: gate.buffer, up: up.buffer, dGate, dUp, count }),
      ),
    ),
  );
  return y;
}
