/**
 * The page's script: reads values out under the pointer and filters attempts. Everything it shows is on the page without
 * it; it reads only data attributes that `lineChart` wrote and writes only text nodes.
 */
export const script = `
"use strict";
for (const svg of document.querySelectorAll("svg[data-plot]")) {
  const [x0, x1, left, right, top, bottom] = svg.dataset.plot.split(" ").map(Number);
  const now = svg.closest("figure").querySelector(".now");
  const rest = now.textContent;
  const lines = [...svg.querySelectorAll("[data-line]")].map((path) => ({
    name: path.dataset.line,
    steps: path.dataset.steps.split(" ").map(Number),
    values: path.dataset.values.split("|"),
  }));
  const make = (tag) => document.createElementNS("http://www.w3.org/2000/svg", tag);
  const cursor = make("g");
  cursor.setAttribute("class", "cursor");
  cursor.style.display = "none";
  const rule = make("line");
  rule.setAttribute("y1", top);
  rule.setAttribute("y2", bottom);
  cursor.append(rule);
  svg.append(cursor);
  const nearest = (steps, wanted) => {
    let low = 0;
    let high = steps.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (steps[middle] < wanted) low = middle;
      else high = middle;
    }
    return wanted - steps[low] < steps[high] - wanted ? low : high;
  };
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const scale = box.width / svg.viewBox.baseVal.width;
    const wanted = x0 + (((event.clientX - box.left) / scale - left) / (right - left)) * (x1 - x0);
    const step = lines[0].steps[nearest(lines[0].steps, wanted)];
    const x = left + ((step - x0) / (x1 - x0)) * (right - left);
    rule.setAttribute("x1", x);
    rule.setAttribute("x2", x);
    cursor.style.display = "";
    const read = lines.map(({ name, steps, values }) => {
      const value = values[nearest(steps, step)];
      return lines.length > 1 ? name + " " + value : value;
    });
    now.textContent = "step " + step.toLocaleString("en") + " · " + read.join(" · ");
  });
  svg.addEventListener("pointerleave", () => {
    cursor.style.display = "none";
    now.textContent = rest;
  });
}
const filter = document.querySelector(".filter");
if (filter) {
  filter.hidden = false;
  filter.addEventListener("click", (event) => {
    const show = event.target.dataset.show;
    if (!show) return;
    for (const button of filter.children) button.setAttribute("aria-pressed", String(button === event.target));
    filter.parentElement.className = "show-" + show;
  });
}
`;
