// The views of the page: one is shown, and the top line with the stop stays.
import { at, make } from "/files/parts.js";
import { texts } from "/files/texts.js";

const NAMES = ["loop", "setup", "back"];

export class Views {
  // What a view loads, it loads when it is shown, and not before.
  constructor(shown) {
    this.shown = shown;
    at("views").setAttribute("aria-label", texts.viewsLabel);
    this.buttons = new Map(NAMES.map((name) => {
      const button = make("button", { type: "button", textContent: texts.views[name] });
      button.dataset.view = name;
      button.addEventListener("click", () => this.show(name));
      at("views").append(button);
      return [name, button];
    }));
    this.show(NAMES[0]);
  }

  show(shown) {
    for (const [name, button] of this.buttons) {
      at(`view-${name}`).hidden = name !== shown;
      if (name === shown) button.setAttribute("aria-current", "page");
      else button.removeAttribute("aria-current");
    }
    scrollTo(0, 0);
    this.shown[shown]?.();
  }
}
