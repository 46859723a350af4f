// The action tokens of the last ten seconds: probability as a full line, entropy as a broken one.
import { make, say } from "/files/parts.js";
import { texts } from "/files/texts.js";

const SPAN_MS = 10000, LARGEST_NAT = 7;

export class Thoughts {
  constructor(parent) {
    this.kept = [];
    this.parent = parent;
    parent.append(make("p", { className: "dim" },
      make("span", { className: "key-a", textContent: `${texts.probability}  ` }), " ",
      make("span", { className: "key-b", textContent: texts.entropy })));
    this.rows = [];
  }

  // The robot's own action: one row for each of its values.
  name(actions) {
    if (this.rows.length) return;
    this.rows = actions.map((action) => {
      const name = texts.actions[action] ?? action;
      const canvas = make("canvas", { width: 10, height: 10 });
      canvas.setAttribute("role", "img");
      const number = make("span", { className: "number" });
      this.parent.append(make("div", { className: "thought" }, make("span", { textContent: name }), make("div", { className: "plot" }, canvas), number));
      return { name, canvas, number };
    });
  }

  clear() {
    this.kept = [];
  }

  add(thoughts) {
    const now = performance.now();
    for (const one of thoughts) this.kept.push({ ...one, at: now - 1000 * one.ago_s });
    while (this.kept.length && now - this.kept[0].at > SPAN_MS) this.kept.shift();
    const last = this.kept.at(-1);
    const known = Boolean(last) && last.token.some((value) => value !== null);
    this.rows.forEach((row, i) => this.draw(row, i, now, known ? last : null));
    return known;
  }

  draw(row, i, now, last) {
    const p = last?.probability[i]?.toFixed(2) ?? "-", e = last?.entropy_nat[i]?.toFixed(1) ?? "-";
    say(row.number, last ? texts.token(last.token[i] ?? "-", p, e) : "-");
    row.canvas.setAttribute("aria-label", texts.chart(row.name, p, e));
    const ratio = window.devicePixelRatio || 1, box = row.canvas.getBoundingClientRect();
    const width = Math.max(1, Math.round(box.width * ratio)), height = Math.max(1, Math.round(box.height * ratio));
    if (row.canvas.width !== width || row.canvas.height !== height) Object.assign(row.canvas, { width, height });
    const paint = row.canvas.getContext("2d"), style = getComputedStyle(document.documentElement);
    paint.clearRect(0, 0, width, height);
    this.line(paint, now, (one) => one.probability[i], style.getPropertyValue("--chart-a"), [], ratio);
    this.line(paint, now, (one) => one.entropy_nat[i] === null ? null : one.entropy_nat[i] / LARGEST_NAT,
      style.getPropertyValue("--chart-b"), [4 * ratio, 3 * ratio], ratio);
  }

  line(paint, now, value, colour, dash, ratio) {
    const { width, height } = paint.canvas;
    paint.beginPath();
    paint.setLineDash(dash);
    paint.strokeStyle = colour;
    paint.lineWidth = 1.6 * ratio;
    let pen = false;
    for (const one of this.kept) {
      const share = value(one);
      if (share === null || share === undefined) {
        pen = false;
        continue;
      }
      const x = width * (1 - (now - one.at) / SPAN_MS), y = height - 2 * ratio - (height - 4 * ratio) * Math.min(1, Math.max(0, share));
      if (pen) paint.lineTo(x, y);
      else paint.moveTo(x, y);
      pen = true;
    }
    paint.stroke();
  }
}
