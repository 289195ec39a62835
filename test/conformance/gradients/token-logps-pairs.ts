import { Rng } from "../../../src/base/rng.ts";
import { definePair, type GradientPair, normals, run, unwritten } from "./finite-differences.ts";

export function tokenLogpsPairs(): GradientPair[] {
  return [pair("tokenLogps", 1), pair("tokenLogps at temperature 0.6", 1 / 0.6)];
}

function pair(name: string, inverseTemperature: number): GradientPair {
  const [rows, vocabulary] = [4, 9];
  const shape = { rows, vocabulary, inverseTemperature };
  const targets = Int32Array.of(8, 0, 3, 3);
  const [logps, entropies] = [unwritten(rows), unwritten(rows)];
  return definePair({
    name,
    inputs: { logits: normals(new Rng(15), rows * vocabulary, 2) },
    forward({ logits }) {
      run("tokenLogps", { logits, targets, logps, entropies, ...shape });
      return { logps: logps.slice(), entropies: entropies.slice() };
    },
    backward({ logits }, { logps: dLogps, entropies: dEntropies }) {
      const dLogits = logits.slice();
      run("tokenLogpsBackward", { logits: dLogits, targets, entropies, dLogps, dEntropies, ...shape });
      return { logits: dLogits };
    },
  });
}
