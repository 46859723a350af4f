// Before the start: the doctor's table, the policy's weights, and the prompt that it follows.
import { at, make, say } from "/files/parts.js";
import { texts } from "/files/texts.js";

const KINDS = ["shipped", "weights"], ORDER = [...KINDS, "prompts"];

export class Setup {
  constructor(link, act) {
    this.link = link;
    for (const [id, text] of [["doctor-note", texts.doctorNote], ["examine", texts.examine], ["prompts-note", texts.promptsNote],
      ["prompt-label", texts.promptLabel], ["prompt-send", texts.promptSend], ["weights-note", texts.weights.note],
      ["weights-label", texts.weights.label], ["weights-send", texts.weights.send]]) say(at(id), text);
    at("doctor-head").append(...texts.doctorHead.map((text) => make(text ? "th" : "td", text ? { scope: "col", textContent: text } : {})));
    at("examine").addEventListener("click", () => {
      if (!link.say({ kind: "examine" })) return;
      at("examine").disabled = true;
      say(at("doctor-says"), texts.examining, "idle");
    });
    act.buttons.set("prompt", at("prompt-send"));
    at("prompt-form").addEventListener("submit", (event) => {
      event.preventDefault();
      if (!at("prompt-send").disabled) link.say({ kind: "do", verb: "prompt", text: at("prompt-choice").value });
    });
    act.buttons.set("policy", at("weights-send"));
    at("weights-form").addEventListener("submit", (event) => {
      event.preventDefault();
      if (at("weights-send").disabled || !link.say({ kind: "do", verb: "policy", text: at("weights-choice").value })) return;
      say(at("weights-says"), texts.weights.loading, "idle");
    });
    this.weights = new Map(KINDS.map((kind) => [kind, []]));
    this.offer([]);
    this.offer_weights();
  }

  hello({ robot }) {
    this.robot = robot;
  }

  lists(what) {
    return what === "prompts" || KINDS.includes(what);
  }

  // One list at a time: the robot's side drops one that another follows.
  show() {
    this.link.say({ kind: "list", what: ORDER[0] });
  }

  policy(policy) {
    say(at("prompt-now"), policy ? texts.promptNow(policy.values.prompt ?? texts.unknown) : texts.policySilent);
    this.use(policy?.values.policy);
    say(at("weights-now"), policy ? texts.weights.now(policy.values.policy ?? texts.unknown, policy.message) : texts.policySilent);
  }

  // What is in use is what the list shows, until somebody chooses.
  use(name) {
    if (!name || name === this.used) return;
    this.used = name;
    this.offer_weights();
  }

  offer_weights() {
    const used = this.rows().find((row) => row.name === this.used?.split("/").at(-1));
    const chosen = this.shown === this.used ? at("weights-choice").value : used ? String(used.number) : "hold";
    if (used || this.used === "hold") this.shown = this.used;
    const options = this.rows().map((row) => make("option", {
      value: String(row.number), textContent: texts.weights.row(row.name, row.contracts, row.contracts.includes(this.robot)),
    }));
    at("weights-choice").replaceChildren(make("option", { value: "hold", textContent: texts.weights.hold }), ...options);
    at("weights-choice").value = chosen;
    if (at("weights-choice").selectedIndex < 0) at("weights-choice").selectedIndex = 0;
  }

  rows() {
    return KINDS.flatMap((kind) => this.weights.get(kind)).filter((row) => row.read && !row.problem);
  }

  answered({ verb, success, word, message }) {
    if (verb !== "policy") return;
    const says = success ? texts.weights.loaded : `${texts.answer[word === "answered" ? "failed" : word]}. ${message || texts.weights.why}`;
    say(at("weights-says"), says, success ? "ok" : "bad");
  }

  offer(rows) {
    const chosen = at("prompt-choice").value;
    at("prompt-choice").replaceChildren(make("option", { value: "", textContent: texts.promptNothing }),
      ...rows.filter((row) => row.read && !row.problem).map((row) => make("option", {
        value: String(row.number), textContent: [row.name, row.task, texts.success[row.success], texts.steps(row.steps)].filter(Boolean).join(", "),
      })));
    at("prompt-choice").value = chosen;
    if (at("prompt-choice").selectedIndex < 0) at("prompt-choice").selectedIndex = 0;
  }

  listing({ what, rows, problem, done }) {
    if (!done) return;
    const next = ORDER[ORDER.indexOf(what) + 1];
    if (next) this.link.say({ kind: "list", what: next });
    if (KINDS.includes(what)) {
      this.weights.set(what, rows);
      this.offer_weights();
      return;
    }
    this.offer(rows);
    const bad = rows.filter((row) => row.problem).map((row) => `${row.name}: ${row.problem}`);
    say(at("prompts-says"), problem ? texts.listProblem(problem) : bad.join("; "));
  }

  doctor({ rows, problem }) {
    at("examine").disabled = false;
    const count = (level) => rows.filter((row) => row.level === level).length;
    if (problem) say(at("doctor-says"), texts.shownProblem(problem), "bad");
    else say(at("doctor-says"), texts.doctorSum(count("red"), count("yellow")), count("red") ? "bad" : count("yellow") ? "warn" : "ok");
    at("doctor-rows").replaceChildren(...rows.map((row) => {
      const level = make("td", { textContent: texts.doctorLevel[row.level] ?? row.level });
      level.dataset.state = texts.doctorState[row.level] ?? "idle";
      return make("tr", {}, level, ...[row.what, row.found, row.fix].map((textContent) => make("td", { textContent })));
    }));
  }

  // A robot's side that was lost answers no more.
  lost() {
    at("examine").disabled = false;
    say(at("doctor-says"), "", "idle");
  }

  refused({ verb, why }) {
    if (verb === "examine") this.lost();
    if (verb === "policy") say(at("weights-says"), texts.why[why] ?? why, "bad");
  }
}
