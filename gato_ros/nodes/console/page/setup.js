// Before the start: the doctor's table, and the prompt that the policy follows.
import { at, make, say } from "/files/parts.js";
import { texts } from "/files/texts.js";

export class Setup {
  constructor(link, act) {
    this.link = link;
    for (const [id, text] of [["doctor-note", texts.doctorNote], ["examine", texts.examine], ["prompts-note", texts.promptsNote],
      ["prompt-label", texts.promptLabel], ["prompt-send", texts.promptSend]]) say(at(id), text);
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
    this.offer([]);
  }

  show() {
    this.link.say({ kind: "list", what: "prompts" });
  }

  policy(policy) {
    say(at("prompt-now"), policy ? texts.promptNow(policy.values.prompt ?? texts.unknown) : texts.policySilent);
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

  listing({ rows, problem, done }) {
    if (!done) return;
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

  refused({ verb }) {
    if (verb === "examine") this.lost();
  }
}
