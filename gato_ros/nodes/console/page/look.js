// What the robot says, on the page.
import { at, Bar, make, say } from "/files/parts.js";
import { Thoughts } from "/files/thoughts.js";
import { texts } from "/files/texts.js";

const NEAR = 0.05, OVERLAY = 128;

export class Look {
  constructor() {
    for (const [id, title] of Object.entries(texts.titles)) say(at(`${id}-title`), title);
    for (const [i, name] of texts.loopHead.entries())
      at("loop-head").append(make("th", { scope: "col", textContent: name, className: i === 1 || i === 2 ? "number" : "" }));
    this.thoughts = new Thoughts(at("thoughts"));
    this.bars = new Map();
    this.rows = new Map();
    this.known = false;
    this.canvases = [];
    this.overlaid = () => false;
  }

  hello({ robot, cameras, actions }) {
    this.thoughts.name(actions);
    at("robot").textContent = robot;
    document.title = `${robot}: console`;
    this.thoughts.clear();
    at("pictures").replaceChildren();
    this.canvases = cameras.map((name) => {
      const canvas = make("canvas", { width: 128, height: 128 }), state = make("span");
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", name);
      const overlay = make("canvas", { width: 1, height: 1, className: "overlay", hidden: true });
      overlay.setAttribute("aria-hidden", "true");
      at("pictures").append(make("figure", {}, canvas, overlay, make("figcaption", {}, make("span", { textContent: name.split("/")[0] }), state)));
      return { canvas, overlay, state, at: 0 };
    });
  }

  async picture(place, blob) {
    const one = this.canvases[place % OVERLAY];
    if (!one) return;
    const bitmap = await createImageBitmap(blob), canvas = place < OVERLAY ? one.canvas : one.overlay;
    if (canvas.width !== bitmap.width || canvas.height !== bitmap.height)
      Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
    const paint = canvas.getContext("2d");
    paint.clearRect(0, 0, canvas.width, canvas.height);
    paint.drawImage(bitmap, 0, 0);
    bitmap.close();
    if (canvas === one.overlay) canvas.hidden = !this.overlaid();
    else one.at = performance.now();
  }

  clear_overlays() {
    for (const one of this.canvases) one.overlay.hidden = true;
  }

  show(state) {
    this.known = true;
    this.guard(state.guard, state.reasons);
    this.policy(state);
    this.arm(state);
    this.loop(state);
    for (const one of this.canvases) say(one.state, performance.now() - one.at < 1000 ? "" : texts.topicState.none);
    if (state.answer) say(at("answer"), state.answer.text);
  }

  // What was shown is of the past, and what is now nobody knows.
  lost() {
    this.known = false;
    this.guard(null, []);
    this.arm({ joints: null, tool: null, gripper: null });
    for (const one of this.canvases) say(one.state, texts.unknown);
    for (const id of ["policy-says", "latency", "record-says"]) say(at(id), texts.unknown);
    this.thoughts.clear();
    this.thoughts.add([]);
    for (const [, rate, age, state] of this.rows.values()) {
      say(rate, "-");
      say(age, "-");
      say(state, texts.unknown, "idle");
    }
  }

  guard(guard, reasons) {
    const level = guard?.level ?? (this.known ? "silent" : "lost");
    const word = texts.level[level] ?? level;
    say(at("guard-state"), `${texts.titles.guard}: ${word}`, texts.levelState[level] ?? "idle");
    const source = guard?.source ?? "";
    say(at("command-state"), this.known ? texts.source[source] ?? source : texts.sourceLost, source === "emergency_stop" ? "bad" : source === "idle" || !source ? "idle" : "ok");
    const name = (code) => texts.reasons[code.split(":")[0]] ?? code;
    const says = !guard ? [this.known ? texts.guardSilent : texts.guardLost] : guard.reasons.length ? guard.reasons.map(name) : [texts.guardOk];
    if (guard?.shadow) says.push(texts.guardShadow);
    if (guard?.off.length) says.push(texts.guardOff(guard.off.join(", ")));
    const line = says.join("; ");
    say(at("guard-says"), line.charAt(0).toUpperCase() + line.slice(1));
    at("reasons").replaceChildren(...(reasons.length ? reasons : [null]).map((one) => !this.known ? "" : one
      ? make("li", {}, make("span", { textContent: `${texts.level[one.level]?.split(":")[0] ?? one.level}: ${name(one.reason)}` }),
        make("span", { textContent: texts.ago(one.ago_s) + texts.times(one.times) }))
      : make("li", {}, make("span", { className: "dim", textContent: texts.noReasons }))));
  }

  policy({ policy, thoughts }) {
    const known = this.thoughts.add(thoughts);
    const says = policy ? policy.message : texts.policySilent;
    const prompt = policy?.values.prompt;
    const parts = [says, known ? "" : texts.policyNone, prompt && prompt !== "none" ? texts.prompt(prompt) : ""];
    say(at("policy-says"), parts.filter(Boolean).map((part) => part.charAt(0).toUpperCase() + part.slice(1).replace(/\.$/, "")).join(". ") + ".");
  }

  bar(parent, name, share, text, near) {
    if (!this.bars.has(name)) this.bars.set(name, new Bar(at(parent), name));
    this.bars.get(name).show(share, text, near);
  }

  between(parent, one, digits) {
    const share = (one.position - one.lower) / (one.upper - one.lower), near = share < NEAR || share > 1 - NEAR;
    this.bar(parent, one.name, share, `${one.position.toFixed(digits)}${near ? `, ${texts.near}` : ""}`, near);
  }

  arm({ joints, tool, gripper }) {
    for (const [name, bar] of this.bars)
      if (name === texts.gripper ? !gripper : !joints) bar.show(null, texts.unknown, false);
    for (const one of joints ?? []) this.between("joints", one, 2);
    for (const one of tool ?? []) this.between("tool", { ...one, name: `${texts.tool.split(" ")[0]} ${one.name}` }, 3);
    if (gripper)
      this.bar("tool", texts.gripper, gripper.opening_m / gripper.stroke_m,
        `${(1000 * gripper.opening_m).toFixed(0)} mm${gripper.grips ? `, ${texts.grips}` : ""}`, false);
  }

  loop({ topics, latency }) {
    say(at("latency"), latency ? texts.latency(latency) + (latency.worst_ms > latency.budget_ms ? ` ${texts.latencyOver}` : "") : texts.latencyNone);
    for (const one of topics) {
      if (!this.rows.has(one.topic)) {
        const cells = ["topic", "number", "number", ""].map((className) => make("td", { className }));
        this.rows.set(one.topic, cells);
        at("topics").append(make("tr", {}, ...cells));
      }
      const [topic, rate, age, state] = this.rows.get(one.topic);
      say(topic, one.topic);
      topic.title = one.topic;
      say(rate, `${one.hz} Hz`);
      say(age, one.age_ms === null ? "-" : `${one.age_ms} ms${one.limit_ms ? ` of ${one.limit_ms}` : ""}`);
      const word = one.age_ms === null || one.hz === 0 ? "none"
        : one.limit_ms && one.age_ms > one.limit_ms ? "late"
          : one.expected_hz && one.hz < 0.8 * one.expected_hz ? "slow" : "ok";
      say(state, texts.topicState[word], { ok: "ok", late: "bad", slow: "warn", none: "warn" }[word]);
    }
  }
}
