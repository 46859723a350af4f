// Hold to move. The robot's side stops by itself when it hears nothing for a moment; here every way of letting go is said at once.
import { at, make, say } from "/files/parts.js";
import { texts } from "/files/texts.js";

const PERIOD_MS = 40;
const ORDER = ["turn_left", "forward", "turn_right", "up", "open", "left", "back", "right", "down", "close"];

export class Hold {
  constructor(link) {
    this.link = link;
    this.presses = 0;
    this.motion = null;
    this.on = null;
    this.buttons = ORDER.map((motion) => {
      const button = make("button", { type: "button", textContent: texts.motions[motion], disabled: true });
      button.dataset.motion = motion;
      button.setAttribute("aria-pressed", "false");
      button.addEventListener("pointerdown", (event) => {
        if (event.button === 0) this.press(motion, button);
      });
      for (const name of ["pointerup", "pointercancel", "pointerleave", "lostpointercapture", "blur"])
        button.addEventListener(name, () => this.release(motion));
      button.addEventListener("contextmenu", (event) => event.preventDefault());
      button.addEventListener("keydown", (event) => {
        if ((event.key === " " || event.key === "Enter") && !event.repeat) this.press(motion, button);
        if (event.key === " " || event.key === "Enter") event.preventDefault();
      });
      button.addEventListener("keyup", (event) => {
        if (event.key === " " || event.key === "Enter") this.release(motion);
      });
      return button;
    });
    at("pad").append(...this.buttons);
    say(at("move-note"), texts.moveNote);
    window.addEventListener("blur", () => this.release());
    window.addEventListener("pagehide", () => this.release());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" || this.release());
  }

  enable(on) {
    if (on === this.on) return;
    this.on = on;
    if (!on) this.release();
    for (const button of this.buttons) button.disabled = !on;
    say(at("move-says"), on ? "" : texts.moveNeeds);
  }

  // Without the gripper's opening nothing moves: a motion must not drop what it holds.
  know(gripper) {
    this.known = Boolean(gripper);
    if (this.motion) say(at("move-says"), this.known ? texts.moving(texts.motions[this.motion]) : texts.moveUnknown);
  }

  press(motion, button) {
    if (this.motion) this.release();
    this.motion = motion;
    this.presses += 1;
    button.setAttribute("aria-pressed", "true");
    this.know(this.known);
    this.renew();
    this.timer = setInterval(() => this.renew(), PERIOD_MS);
  }

  renew() {
    if (!this.link.say({ kind: "hold", press: this.presses, motion: this.motion, echo: this.link.beat })) this.release();
  }

  release(motion) {
    if (!this.motion || (motion && motion !== this.motion)) return;
    clearInterval(this.timer);
    this.motion = null;
    for (const button of this.buttons) button.setAttribute("aria-pressed", "false");
    say(at("move-says"), "");
    this.link.say({ kind: "release" });
  }

  beat({ press, why }) {
    if (!why || press !== this.presses || !this.motion) return;
    this.release();
    say(at("move-says"), texts.holdEnded[why] ?? why);
  }
}
