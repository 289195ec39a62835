/**
 * GPT-2's alphabet of bytes: every byte has one visible character, itself where Latin-1 prints it and otherwise one of
 * U+0100 … U+0143 in order (so a space is `Ġ` and a newline `Ċ`). Byte-level vocabularies are written in it.
 */
const characters: string[] = [];
const bytesOfCharacters = new Map<string, number>();

for (let byte = 0, moved = 0; byte < 256; byte++) {
  const printed = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  characters.push(String.fromCharCode(printed ? byte : 0x100 + moved++));
  bytesOfCharacters.set(characters[byte], byte);
}

const encoder = new TextEncoder();

/** A text's UTF-8 bytes in the alphabet of bytes; half a surrogate pair counts as U+FFFD. */
export function spellBytes(text: string): string {
  let spelled = "";
  for (const byte of encoder.encode(text)) spelled += characters[byte];
  return spelled;
}

/** The bytes a text in the alphabet of bytes stands for, or null when it has any other character. */
export function readSpelledBytes(spelled: string): number[] | null {
  const bytes: number[] = [];
  for (const character of spelled) {
    const byte = bytesOfCharacters.get(character);
    if (byte === undefined) return null;
    bytes.push(byte);
  }
  return bytes;
}

/** How a vocabulary with byte fallback writes a byte: `<0x0A>`. */
export function fallbackToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
}

/** The byte of a token such as `<0x0A>`, or null when it is another token. */
export function fallbackByte(token: string): number | null {
  return /^<0x[0-9A-Fa-f]{2}>$/.test(token) ? Number.parseInt(token.slice(3, 5), 16) : null;
}
