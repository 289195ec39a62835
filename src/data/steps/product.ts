import { absolute } from "../rational.ts";
import { digitsFromLeast } from "./notation.ts";
import { additionColumns } from "./sum.ts";

/** The parts of a number that is not negative, one for each digit that is not 0, largest first: 407 is 400, 7. */
function placeValues(magnitude: bigint): bigint[] {
  return digitsFromLeast(magnitude)
    .map((digit, place) => BigInt(digit) * 10n ** BigInt(place))
    .filter((part) => part !== 0n)
    .reverse();
}

function isPowerOfTen(magnitude: bigint): boolean {
  return /^10*$/.test(magnitude.toString());
}

/** `320+56=376` for 47 × 8: one product a digit, then summed from the left, `4200+480+54=4680+54=4734`. */
function distributed(parts: bigint[], factor: bigint, sign: string): string {
  const terms = parts.map((part) => part * factor);
  const forms: string[] = [];
  for (let done = 0; done < terms.length; done++) {
    const folded = terms.slice(0, done + 1).reduce((sum, term) => sum + term);
    const form = [folded, ...terms.slice(done + 1)].join("+");
    forms.push(sign === "" || done === terms.length - 1 ? `${sign}${form}` : `${sign}(${form})`);
  }
  return forms.join("=");
}

/**
 * Appends the steps of a · b for whole numbers. A digit times a digit, or a number times a place value (7, 30) of which
 * one has a single digit other than 0, is one chain, `47*8=320+56=376`. Longer ones are partial products over b's
 * digits, summed in columns: `47*38`, `47*8=320+56=376`, `47*30=1200+210=1410`, `=376+1410`, …, `=1786`.
 *
 * @param lead text that ends in `a*b` as written
 */
export function productSteps(steps: string[], lead: string, a: bigint, b: bigint): void {
  const [x, y] = [absolute(a), absolute(b)];
  const value = a * b;
  const sign = value < 0n ? "-" : "";
  const [xParts, yParts] = [placeValues(x), placeValues(y)];
  if (value === 0n || isPowerOfTen(x) || isPowerOfTen(y) || (xParts.length === 1 && yParts.length === 1)) {
    steps.push(`${lead}=${value}`);
  } else if (yParts.length === 1) {
    steps.push(`${lead}=${distributed(xParts, y, sign)}`);
  } else if (xParts.length === 1) {
    steps.push(`${lead}=${distributed(yParts, x, sign)}`);
  } else {
    steps.push(lead);
    const partials = yParts.reverse().map((part) => {
      productSteps(steps, `${x}*${part}`, x, part);
      return x * part;
    });
    addPartials(steps, partials, sign);
  }
}

/** Appends `=376+1410`, its columns and `=1786`; more than two partial products are folded from the left. */
function addPartials(steps: string[], partials: bigint[], sign: string): void {
  let [total, ...rest] = partials;
  while (rest.length > 0) {
    const sum = [total, ...rest].join("+");
    steps.push(sign === "" ? `=${sum}` : `=-(${sum})`, ...additionColumns(total, rest[0]));
    total += rest[0];
    rest = rest.slice(1);
  }
  steps.push(`=${sign}${total}`);
}
