// What lies on the disk: a list of entries, and one of them in place. A number names an entry; nothing here knows a path.
import { at, make, say } from "/files/parts.js";
import { texts } from "/files/texts.js";

export class Back {
  constructor(link) {
    this.link = link;
    this.kind = "episodes";
    this.rows = [];
    this.chosen = new Set();
    this.buttons = new Map(Object.entries(texts.kinds).map(([kind, textContent]) => {
      const button = make("button", { type: "button", textContent });
      button.dataset.kind = kind;
      button.addEventListener("click", () => this.choose(kind));
      at("back-kinds").append(button);
      return [kind, button];
    }));
    say(at("compare"), texts.compare);
    at("compare").addEventListener("click", () => this.compare());
    at("replay-head").append(...texts.replayHead.map((textContent) => make("th", { scope: "col", textContent })));
    this.title(texts.shownNothing);
  }

  show() {
    this.choose(this.kind);
  }

  choose(kind) {
    if (kind !== this.kind) {
      this.chosen.clear();
      at("back-rows").replaceChildren();
    }
    this.kind = kind;
    for (const [name, button] of this.buttons) button.setAttribute("aria-pressed", String(name === kind));
    at("back-compare").hidden = kind !== "reports";
    this.count();
    say(at("back-says"), texts.reading);
    this.link.say({ kind: "list", what: kind });
  }

  listing({ what, rows, more, problem, done }) {
    if (what !== this.kind) return;
    this.rows = rows;
    say(at("back-says"), problem ? texts.listProblem(problem) : !done ? texts.reading : !rows.length ? texts.emptyList : more ? texts.moreLeft(more) : "");
    at("back-rows").replaceChildren(...rows.map((row) => this.entry(row)));
  }

  facts(row) {
    if (!row.read) return [texts.reading];
    if (row.problem) return [row.problem];
    if (this.kind === "episodes") return [texts.success[row.success], texts.seconds(row.seconds), texts.steps(row.steps), row.task, row.driver, row.note];
    if (this.kind === "incidents") return [this.reason(row.reason), texts.seconds(row.seconds), row.robot, row.lost ? texts.lostMessages(row.lost) : ""];
    return row.page ? [texts.pageFile] : [row.policy, ...row.conditions.map(texts.rate)];
  }

  reason(code) {
    return texts.reasons[String(code).split(":")[0]] ?? code;
  }

  entry(row) {
    const says = make("span", { className: "facts", textContent: this.facts(row).filter(Boolean).join(", ") });
    says.dataset.state = row.problem ? "bad" : row.success === true ? "ok" : row.success === false ? "warn" : "idle";
    const words = make("span", { className: "words" }, make("strong", { textContent: row.name }), says,
      make("small", { textContent: new Date(1000 * row.modified_s).toLocaleString() }));
    const picture = row.picture ? [make("img", { src: `/archive/${this.kind}/${row.number}/picture`, alt: texts.thumbnail(row.name), loading: "lazy" })] : [];
    if (row.read && !row.problem && (this.kind !== "reports" || row.page)) {
      const button = make("button", { type: "button", className: "entry" }, ...picture, words);
      button.addEventListener("click", () => this.open(row));
      return make("li", {}, button);
    }
    if (this.kind !== "reports" || !row.read || row.problem) return make("li", { className: "entry" }, ...picture, words);
    const box = make("input", { type: "checkbox", checked: this.chosen.has(row.number), ariaLabel: texts.select(row.name) });
    box.addEventListener("change", () => {
      if (box.checked) this.chosen.add(row.number);
      else this.chosen.delete(row.number);
      this.count();
    });
    return make("li", {}, make("label", { className: "entry" }, box, words));
  }

  count() {
    at("compare").disabled = this.chosen.size !== 2;
    at("compare").title = texts.compareTwo;
  }

  compare() {
    const [number, other] = this.chosen;
    if (this.link.say({ kind: "compare", number, other })) this.title(texts.comparing, texts.reading);
  }

  open(row) {
    if (this.link.say({ kind: "open", what: this.kind, number: row.number })) this.title(row.name, texts.making(row.name));
    at("shown-title").scrollIntoView({ block: "nearest" });
  }

  title(title, says = "", state = "idle") {
    say(at("shown-title"), title);
    say(at("shown-says"), says, state);
    at("frame").replaceChildren();
    at("replay").hidden = true;
  }

  opened({ what, number, page, problem, replay }) {
    const title = what === "comparisons" ? texts.compared : this.rows.find((row) => row.number === number)?.name ?? "";
    if (problem) {
      this.title(title, texts.shownProblem(problem), "bad");
      return;
    }
    this.title(title, replay ? texts.replay(replay.ok, this.reason(replay.reason)) : texts.shownNote, replay ? (replay.ok ? "ok" : "bad") : "idle");
    if (page) at("frame").append(make("iframe", { src: `/archive/${what}/${number}/page`, title }));
    if (replay) this.verdict(replay);
  }

  verdict({ layers, notes }) {
    at("replay").hidden = false;
    at("replay-rows").replaceChildren(...layers.map((layer) => make("tr", {}, ...["name", "compared", "different", "first", "skipped"]
      .map((name) => make("td", { textContent: layer[name] ?? "" })))));
    at("frame").replaceChildren(...notes.map((textContent) => make("p", { className: "note", textContent })));
  }

  refused({ verb, why, message }) {
    const says = `${texts.why[why] ?? why}${message ? ` (${message})` : ""}`;
    if (verb === "open" || verb === "compare") this.title("", says, "bad");
    if (verb === "list") say(at("back-says"), says);
  }
}
