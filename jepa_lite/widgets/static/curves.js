// Curves over steps on canvases, one a quantity, under each other or side by side; each says its numbers in words.
//
// Lines differ by dash and by a mark as well as by colour, and by a name at their end. Values come as packed
// 32-bit floats, step and value in turn; what is no number shows as a gap.

import { floats, make, picture, sized } from "./kit.js";

// [colour, dash, mark]; null is the page's own ink, for the line that matters now.
export const LOOKS = [
  [null, [], "o"], ["#D55E00", [7, 3], "s"], ["#0072B2", [2, 3], "^"], ["#009E73", [9, 3, 2, 3], "v"],
  ["#CC79A7", [4, 4], "x"], ["#E69F00", [12, 4], "+"],
];
const LEFT = 46, RIGHT = 14, TOP = 20, BOTTOM = 17, DEEP = 32; // page pixels around a panel; DEEP: with the word "step"
const MARKS = 6; // on a line, so that it is told apart without colour

// --- pure -------------------------------------------------------------------------------------------

/** The trait's bytes as [[step, value], ...]. */
export function points(view) {
  if (!view) return [];
  const flat = floats(view);
  return Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i], flat[2 * i + 1]]);
}

/** The runs of points without a gap: a value that is no number ends one. */
export function pieces(line) {
  const found = [[]];
  for (const point of line) {
    if (Number.isFinite(point[1])) found.at(-1).push(point);
    else if (found.at(-1).length) found.push([]);
  }
  return found.filter((piece) => piece.length);
}

/** Even, round marks from 0 to at least `top`: about `count` of them. */
export function ticks(top, count = 3) {
  if (!(top > 0)) return [0, 1];
  const rough = top / count, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999);
  const marks = Math.ceil(top / step - 1e-9);
  return Array.from({ length: marks + 1 }, (_, i) => Number((i * step).toPrecision(6)));
}

/** Three digits, as short as they can be: "0.0123", "12.3", "1230". */
export const shown = (value) =>
  !Number.isFinite(value) ? "no number" : value === 0 ? "0"
    : Math.abs(value) < 1e-4 ? value.toExponential(1) : String(Number(value.toPrecision(3)));

/** "loss: from 0.512 at step 1 to 0.2 at step 40 (lowest 0.19)". */
export function described(name, line) {
  const finite = line.filter(([, value]) => Number.isFinite(value));
  if (!finite.length) return `${name}: not measured yet`;
  const [first, last] = [finite[0], finite.at(-1)], gaps = line.length - finite.length;
  const lost = gaps ? `, ${gaps} values are no numbers and show as gaps` : "";
  if (finite.length === 1) return `${name}: ${shown(first[1])} at step ${first[0]}${lost}`;
  const lowest = shown(Math.min(...finite.map(([, value]) => value)));
  return `${name}: from ${shown(first[1])} at step ${first[0]} to ${shown(last[1])} at step ${last[0]}, lowest ${lowest}${lost}`;
}

/** The largest step and the largest value of all lines; 0 where there is none. */
export function tops(lines) {
  let [x, y] = [0, 0];
  for (const line of lines) for (const [step, value] of line) {
    x = Math.max(x, step);
    if (Number.isFinite(value)) y = Math.max(y, value);
  }
  return [x, y];
}

/** Which points of a line carry a mark: about MARKS of them, shifted by the line's place so that few coincide. */
export function marked(length, shift) {
  const every = Math.max(Math.ceil(length / MARKS), 1);
  return Array.from({ length }, (_, i) => i).filter((i) => length < 3 || i % every === (shift * 2 + 1) % every);
}

/** "1:05"; "" when not known. */
export function clock(seconds) {
  if (seconds === null || seconds === undefined) return "";
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** "step 40 of 600, 8.1 steps/s, 1:09 left", as much of it as is known. */
export function progress({ step, total, pace, left, state }) {
  const parts = [total ? `step ${step} of ${total}` : `step ${step}`];
  if (pace) parts.push(`${pace >= 10 ? Math.round(pace) : pace.toFixed(1)} steps/s`);
  if (left !== null && ["training", "cell", "paused"].includes(state)) parts.push(`${clock(left)} left`);
  return parts.join(", ");
}

// --- the page ---------------------------------------------------------------------------------------

/**
 * Panels for quantities `names` ([{ key, label, top }]), `width` x `height` each; only the `last` ones name the
 * step; `top`: what the axis shows at least. fill({ key: [{ name, look, line, level }] }, end, empty): lines to
 * draw, `level` a dotted line across, `end` the last step of the axis, `empty` what a panel says without lines.
 */
export function makePanels(names, { width = 760, height = 132, last = 1 } = {}) {
  const node = make("div", { className: "side panels" });
  const panels = names.map(({ key, label, top = 0 }, i) => {
    const deep = i >= names.length - last, { canvas, describe } = picture(label);
    node.append(canvas);
    return { key, label, top, deep, canvas, describe };
  });
  let drawn = {}, end = 0, empty = "";
  const paint = () => panels.forEach(({ key, label, top, deep, canvas }) => {
    const box = { width, height: height + (deep ? DEEP - BOTTOM : 0), deep, label, end, top, empty };
    drawPanel(sized(canvas, box.width, box.height), box, drawn[key] ?? [], getComputedStyle(node).color);
  });
  const fill = (lines, upTo, otherwise = "nothing yet") => {
    [drawn, end, empty] = [lines, upTo, otherwise];
    paint();
    for (const { key, label, describe } of panels) {
      const told = (drawn[key] ?? []).map(({ name, line, level }) =>
        described(name, line) + (level === undefined ? "" : `; dotted, random weights: ${shown(level)}`));
      describe(`${label} against step. ${told.length ? told.join(". ") : empty}.`);
    }
  };
  return { node, fill };
}

function drawPanel(ctx, { width, height, deep, label, end, top: least, empty }, lines, ink) {
  const levels = lines.map(({ level }) => level).filter((level) => level !== undefined);
  const [right, highest] = tops(lines.map(({ line }) => line));
  const marks = ticks(Math.max(highest, least, ...levels)), top = marks.at(-1), steps = Math.max(end || 0, right, 1);
  const bottom = height - (deep ? DEEP : BOTTOM);
  const x = (step) => LEFT + (step / steps) * (width - LEFT - RIGHT);
  const y = (value) => bottom - (Math.max(value, 0) / top) * (bottom - TOP);
  ctx.clearRect(0, 0, width, height);
  ctx.font = "12px system-ui, sans-serif";
  ctx.fillStyle = ink;
  write(ctx, label, 2, 12, "left");
  axes(ctx, marks, ticks(steps, 6).filter((step) => step <= steps), { x, y, bottom, width, deep, ink });
  if (!lines.some(({ line }) => pieces(line).length)) write(ctx, empty, (LEFT + width) / 2, (TOP + bottom) / 2, "center");
  [...lines].reverse().forEach(({ name, look, line, level }, i) => {
    ctx.strokeStyle = ctx.fillStyle = look[0] ?? ink;
    ctx.lineWidth = look[0] ? 1.5 : 2;
    if (level !== undefined) stroke(ctx, [[LEFT, y(level)], [width - RIGHT, y(level)]], [1, 4]);
    const at = pieces(line).map((piece) => piece.map(([step, value]) => [x(step), y(value)]));
    for (const piece of at) stroke(ctx, piece, look[1]);
    const flat = at.flat();
    ctx.setLineDash([]);
    for (const place of marked(flat.length, i)) mark(ctx, look[2], ...flat[place]);
  });
}

function axes(ctx, marks, stepMarks, { x, y, bottom, width, deep, ink }) {
  ctx.fillStyle = ctx.strokeStyle = ink;
  ctx.lineWidth = 1;
  for (const value of marks) {
    ctx.globalAlpha = value ? 0.2 : 0.7;
    stroke(ctx, [[LEFT, y(value)], [width - RIGHT, y(value)]], []);
    ctx.globalAlpha = 0.8;
    write(ctx, shown(value), LEFT - 5, y(value) + 4, "right");
  }
  for (const step of stepMarks) write(ctx, shown(step), x(step), bottom + 13, "center");
  if (deep) write(ctx, "step", (LEFT + width) / 2, bottom + 27, "center");
  ctx.globalAlpha = 1;
}

function write(ctx, words, x, y, align) {
  ctx.textAlign = align;
  ctx.fillText(words, x, y);
}

function stroke(ctx, path, dash) {
  ctx.setLineDash(dash);
  ctx.beginPath();
  path.forEach(([x, y], i) => (i ? ctx.lineTo(x, y) : ctx.moveTo(x, y)));
  ctx.stroke();
  ctx.setLineDash([]);
}

/** A mark of 7 page pixels around a point: o, s, ^, v are filled; x and + are two strokes. */
export function mark(ctx, kind, x, y) {
  const r = 3.5, up = kind === "^" ? 1 : -1;
  ctx.beginPath();
  if (kind === "o") ctx.arc(x, y, r, 0, 7);
  if (kind === "s") ctx.rect(x - r, y - r, 2 * r, 2 * r);
  if (kind === "^" || kind === "v") { ctx.moveTo(x, y - up * r); ctx.lineTo(x + r, y + up * r); ctx.lineTo(x - r, y + up * r); }
  if (kind === "x") { ctx.moveTo(x - r, y - r); ctx.lineTo(x + r, y + r); ctx.moveTo(x - r, y + r); ctx.lineTo(x + r, y - r); }
  if (kind === "+") { ctx.moveTo(x - r, y); ctx.lineTo(x + r, y); ctx.moveTo(x, y - r); ctx.lineTo(x, y + r); }
  if (kind === "x" || kind === "+") ctx.stroke(); else ctx.fill();
}

/** A line and its mark, small: what a look looks like, for a legend. */
export function sample(look, node) {
  const canvas = make("canvas", { "aria-hidden": "true" }), ctx = sized(canvas, 34, 12);
  canvas.style.display = "inline-block";
  ctx.strokeStyle = ctx.fillStyle = look[0] ?? getComputedStyle(node).color;
  ctx.lineWidth = look[0] ? 1.5 : 2;
  stroke(ctx, [[1, 6], [33, 6]], look[1]);
  mark(ctx, look[2], 17, 6);
  return canvas;
}

/** A button that can be off without losing the focus: a press then does nothing. */
export function off(node, yes) {
  node.setAttribute("aria-disabled", String(yes));
}

/**
 * A line that a screen reader speaks, but not too often: at most every `pace` milliseconds, and the newest words
 * in the end. Returns { node, say(words, now) }; `now`: at once, for what the reader has done.
 */
export function speaker(pace = 3000) {
  const node = make("p", { role: "status", className: "told" });
  let spoken = 0, timer = null, words = "";
  const speak = () => { spoken = Date.now(); timer = null; node.textContent = words; };
  const say = (next, now = false) => {
    words = next;
    const wait = now ? 0 : spoken + pace - Date.now();
    if (wait <= 0) { clearTimeout(timer); speak(); } else timer ??= setTimeout(speak, wait);
  };
  return { node, say, stop: () => clearTimeout(timer) };
}
