// Small pieces of the page.
export const at = (id) => document.getElementById(id);

export function say(element, text, state) {
  if (element.textContent !== text) element.textContent = text;
  if (state !== undefined && element.dataset.state !== state) element.dataset.state = state;
}

export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

// A value between two limits, as a mark on a line, with the number in words beside it.
export class Bar {
  constructor(parent, name) {
    this.name = make("span", { textContent: name, title: name });
    this.number = make("span", { className: "number" });
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 100 8");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    const track = document.createElementNS(SVG, "rect");
    for (const [key, value] of Object.entries({ class: "track", x: 0, y: 2.5, width: 100, height: 3 })) track.setAttribute(key, value);
    this.place = document.createElementNS(SVG, "rect");
    for (const [key, value] of Object.entries({ class: "place", y: 0, width: 2, height: 8 })) this.place.setAttribute(key, value);
    svg.append(track, this.place);
    this.row = make("div", { className: "bar" }, this.name, svg, this.number);
    parent.append(this.row);
  }

  // A share of null is not known: there is no mark.
  show(share, text, near) {
    if (share !== null) this.place.setAttribute("x", 98 * Math.min(1, Math.max(0, share)));
    say(this.number, text);
    const state = share === null ? "none" : near ? "warn" : "";
    if (this.row.dataset.state !== state) this.row.dataset.state = state;
  }
}
