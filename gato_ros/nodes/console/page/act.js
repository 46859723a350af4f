// What a click does: a message to the robot's side, which calls a service that exists.
import { at, make, say } from "/files/parts.js";
import { texts } from "/files/texts.js";

const RUN = ["reset", "release_stop", "bring_up", "bring_down", "propose", "be_silent", "reset_policy", "reset_simulator"];
const RECORD = ["record_start", "record_success", "record_fail", "record_discard", "record_redo", "record_mark"];

export class Act {
  constructor(link, hold) {
    this.link = link;
    this.hold = hold;
    this.roles = null;
    this.available = {};
    this.buttons = new Map();
    say(at("stop"), texts.stop);
    say(at("stop-note"), texts.stopNote);
    at("stop").addEventListener("click", () => this.stop());
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.repeat) this.stop();
    });
    for (const [id, verbs] of [["run-buttons", RUN], ["record-buttons", RECORD]])
      for (const verb of verbs) {
        const button = make("button", { type: "button", textContent: texts.verbs[verb], disabled: true });
        button.dataset.verb = verb;
        button.addEventListener("click", () => this.do(verb));
        this.buttons.set(verb, button);
        at(id).append(button);
      }
    this.form("task", "task", texts.taskLabel, texts.taskSend);
    this.form("ask", "ask", texts.askLabel, texts.askSend);
    at("command").addEventListener("click", () => {
      const { commander, you } = this.roles ?? {};
      link.say({ kind: commander === you ? "give" : "take" });
    });
    at("hand-over").addEventListener("click", () => link.say({ kind: "give" }));
  }

  form(id, verb, label, button) {
    say(at(`${id}-label`), label);
    say(at(`${id}-send`), button);
    this.buttons.set(verb, at(`${id}-send`));
    at(`${id}-form`).addEventListener("submit", (event) => {
      event.preventDefault();
      const text = at(`${id}-text`).value.trim();
      if (!text || at(`${id}-send`).disabled) return;
      this.do(verb, text);
      if (verb === "ask") say(at("answer"), texts.asking);
    });
  }

  stop() {
    this.hold.release();
    if (this.roles?.read_only) return;
    if (!this.do("stop")) this.link_lost();
  }

  do(verb, text = "") {
    return this.link.say({ kind: "do", verb, text });
  }

  link_state(state) {
    say(at("link"), texts.link[state], state);
    if (state === "open") at("notice").hidden = true;
    else this.link_lost();
  }

  link_lost() {
    this.roles = null;
    this.show();
    say(at("notice"), texts.lost);
    at("notice").hidden = false;
  }

  set_roles(roles) {
    this.roles = roles;
    this.show();
  }

  set_available(available) {
    this.available = available;
    this.show();
  }

  show() {
    const roles = this.roles, mine = Boolean(roles) && roles.commander === roles.you && !roles.read_only;
    for (const [verb, button] of this.buttons) {
      const on = mine && Boolean(this.available[verb]);
      if (button.disabled === on) button.disabled = !on;
    }
    this.hold.enable(mine);
    at("stop").disabled = !roles || roles.read_only;
    say(at("stop-note"), roles?.read_only ? texts.stopReadOnly : texts.stopNote);
    const words = texts.roles, button = at("command");
    button.disabled = !roles || roles.read_only || roles.asking === roles.you;
    button.classList.toggle("main", Boolean(roles) && roles.commander === null && !roles.read_only);
    say(button, !roles ? words.take : roles.read_only ? words.readOnly : mine ? words.give
      : roles.commander === null ? words.take : roles.asking === roles.you ? words.asked : words.ask);
    at("hand-over").hidden = !(mine && roles.asking !== null);
    if (mine && roles.asking !== null) say(at("hand-over"), words.handOver(roles.asking));
    if (roles && this.link.there)
      say(at("link"), `${texts.link.open}. ${mine ? words.youCommand(roles.browsers - 1) : roles.commander === null ? words.nobody : words.other(roles.commander)}`);
  }

  recorder(recorder) {
    const says = !recorder ? texts.recordSilent
      : recorder.message === "recording" ? texts.record.recording(recorder.values)
        : texts.record.idle + texts.recordLast(recorder.values);
    say(at("record-says"), says);
  }

  answered({ verb, success, word, message }) {
    const name = texts.verbs[verb] ?? verb;
    const what = success ? texts.answer[word] : word === "answered" ? texts.answer.failed : texts.answer[word];
    say(at("said"), `${name}: ${what}${message ? `, ${message}` : ""}`, success ? "ok" : "bad");
  }

  refused({ verb, why, message }) {
    say(at("said"), `${texts.verbs[verb] ?? verb}: ${texts.why[why] ?? why}${message ? ` (${message})` : ""}`, "bad");
  }
}
