const voidElements = new Set(["meta", "link", "br", "hr", "img", "input"]);

/**
 * What is wrong with a document's markup: elements not closed in order, attributes that are unquoted or given twice, bare
 * angle brackets, unknown entities. Empty when it is well formed.
 */
export function markupProblems(text: string): string[] {
  const problems: string[] = [];
  const open: string[] = [];
  const body = text
    .replace(/^<!doctype html>/, "")
    .replace(/(<(script|style)>)[\s\S]*?(<\/\2>)/g, (_, start, __, end) => start + end);
  const tag = /<(\/?)([a-zA-Z][\w-]*)((?:\s+[\w:-]+(?:="[^"<]*")?)*)\s*(\/?)>/g;
  let at = 0;
  for (const match of body.matchAll(tag)) {
    const between = body.slice(at, match.index);
    if (/[<>]/.test(between)) problems.push(`bare angle bracket in ${JSON.stringify(between.slice(0, 80))}`);
    at = match.index + match[0].length;
    const [, closing, name, attributes, selfClosing] = match;
    const names = [...attributes.matchAll(/([\w:-]+)(?:="[^"]*")?/g)].map((attribute) => attribute[1]);
    const duplicate = names.find((attribute, i) => names.indexOf(attribute) !== i);
    if (duplicate) problems.push(`${name} has ${duplicate} twice`);
    if (closing) {
      const expected = open.pop();
      if (expected !== name) problems.push(`</${name}> closes <${expected}>`);
    } else if (!selfClosing && !voidElements.has(name)) open.push(name);
  }
  if (/[<>]/.test(body.slice(at))) problems.push("bare angle bracket at the end");
  if (open.length > 0) problems.push(`not closed: ${open.join(" ")}`);
  for (const entity of body.matchAll(/&(?!(?:amp|lt|gt|quot|#39);)[^\s]{0,10}/g))
    problems.push(`bare ampersand ${entity[0]}`);
  return problems;
}
