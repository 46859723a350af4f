// What the policy looks at, over the pictures: asked for by a button, and computed for nobody else.
import { at, say } from "/files/parts.js";
import { texts } from "/files/texts.js";

export class Overlay {
  constructor(link, look) {
    this.link = link;
    this.look = look;
    this.on = false;
    look.overlaid = () => this.on;
    say(at("overlay"), texts.overlay.button);
    at("overlay").addEventListener("click", () => {
      this.on = !this.on;
      at("overlay").setAttribute("aria-pressed", String(this.on));
      if (!this.on) this.look.clear_overlays();
      this.ask();
    });
  }

  ask() {
    this.link.say({ kind: "overlay", on: this.on });
    this.asked = performance.now();
    this.say(this.on ? texts.overlay.wait : "");
  }

  say(text) {
    say(at("overlay-says"), text);
  }

  show({ saliency, available }) {
    const there = Boolean(available.overlay);
    if (at("overlay").disabled === (there || this.on)) at("overlay").disabled = !(there || this.on);
    at("overlay").title = there ? "" : texts.overlay.none;
    if (!this.on) return;
    if (!saliency) this.look.clear_overlays();
    if (saliency) this.say(texts.overlay.says(saliency));
    else if (performance.now() - this.asked > 5000) this.say(there ? texts.overlay.late : texts.overlay.none);
  }

  lost() {
    this.look.clear_overlays();
    this.say("");
  }
}
