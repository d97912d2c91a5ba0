// The mask explorer: an image, its masks, how often each place is covered, and what the networks receive.
//
// Every mask was drawn by the library's own sampler and came over in `table`, one byte a patch: bit 0 context,
// bit m target m. Here they are only painted, so the next one shows within a frame, with or without a kernel.

import {
  DROPPED, TARGETS, board, button, bytes, calm, checkbox, decode, drawHeat, follow, framed, hatch, hatched,
  interval, listed, make, onTheme, percent, picture, place, radios, sized, slider, trouble,
} from "./kit.js";
import { makeStrips } from "./strips.js";

const BOARD = 392, HEAT = 184; // page pixels
const MORE = 64; // draws that are asked for at once
const PACE = 400, CALM_PACE = 1500; // milliseconds a draw while playing
// The names that MaskConfig gives them, so that what is read here can be typed there.
const RULES = {
  paper: "paper (as its text says)", official: "official (the released code)", random: "random (scattered patches)",
  block: "block (one large target)", rasterized: "rasterized (one quadrant is seen)",
};
// Which settings there are besides the rule: name, label, and for a slider its ends and step.
const COUNTS = [
  ["rows", "rows of patches", 4, 32], ["columns", "columns of patches", 4, 32], ["patch", "patch size, pixels", 2, 32],
  ["num_targets", "number of targets", 1, TARGETS.length], ["min_keep", "min_keep, patches", 1, 20],
  ["batch", "images in the batch", 1, 64],
];
const SHARE = ["target_share", "target share", 0.05, 0.9, 0.01];
const INTERVALS = [
  ["target_scale", "target scale", 0.02, 0.8, 0.01], ["target_aspect", "target aspect ratio", 0.25, 4, 0.05],
  ["context_scale", "context scale", 0.1, 1, 0.01],
];

// --- pure -------------------------------------------------------------------------------------------

/** The masks of draw `seed`: one byte a patch. */
export const drawOf = (table, seed, N) => table.subarray(seed * N, (seed + 1) * N);

/** Patches, in raster order, by what happens to them: { context, targets: [M lists], dropped, hidden }. */
export function sets(masks, M) {
  const where = (holds) => Array.from(masks.keys()).filter((i) => holds(masks[i]));
  const targets = Array.from({ length: M }, (_, m) => where((v) => v & (2 << m)));
  return { context: where((v) => v & 1), targets, dropped: where((v) => v === 0), hidden: where((v) => v > 1) };
}

/** Share of the first `draws` in which each place is context, and in any target: two arrays of N. */
export function coverage(table, N, draws) {
  const context = new Float32Array(N), target = new Float32Array(N);
  for (let i = 0; i < draws * N; i++) {
    if (table[i] & 1) context[i % N]++;
    if (table[i] > 1) target[i % N]++;
  }
  return [context, target].map((hits) => hits.map((n) => n / draws));
}

/** Which blocks hold a patch: "in the context", "in targets 1 and 3", "dropped: nobody sees it". */
export function membership(mask) {
  if (mask & 1) return "in the context";
  const targets = TARGETS.map((_, m) => m + 1).filter((m) => mask & (1 << m));
  if (!targets.length) return "dropped: in no block, nobody is asked for it";
  return targets.length > 1 ? `in targets ${listed(targets)}` : `in target ${targets[0]}`;
}

/** What each network reads: [{ name, tokens: [{ patch, block }] }]; block -1 is context, m a mask token. */
export function sequences({ context, targets }) {
  const seen = context.map((patch) => ({ patch, block: -1 }));
  const rows = [{ name: "context encoder", tokens: seen }];
  targets.forEach((target, m) => rows.push({
    name: `predictor, target ${m + 1}`, tokens: [...seen, ...target.map((patch) => ({ patch, block: m }))],
  }));
  return rows;
}

/** The picture in words. */
export function summary(found, seed, [rows, columns]) {
  const N = rows * columns, sizes = listed(found.targets.map((t) => t.length));
  return `Draw ${seed} on a grid of ${rows} by ${columns} patches. Context: ${found.context.length} patches ` +
    `(${percent(found.context.length / N)}). ${found.targets.length > 1 ? `Targets: ${sizes}` : `Target: ${sizes}`}, ` +
    `together ${found.hidden.length} (${percent(found.hidden.length / N)}). Dropped: ${found.dropped.length}.`;
}

// --- the page ---------------------------------------------------------------------------------------

function render({ model, el }) {
  el.classList.add("jepa", "mask-explorer");
  const drawn = () => model.get("drawn"); // { grid, targets, draws }: what the table holds, which may lag behind
  const grid = () => drawn().grid, N = () => grid()[0] * grid()[1];
  const table = () => bytes(model.get("table"));
  const seed = () => Math.min(model.get("seed"), drawn().draws - 1);
  let photo = null, pointed = -1, found = null, masks = null, rates = null, over = 0;

  const readout = make("p", { className: "readout", role: "status" });
  const point = (patch) => { pointed = patch; paint(); tell(); strips.paint(photo, grid(), pointed); };
  const main = board({ label: "masks", grid, look: point });
  const strips = makeStrips(point);
  const counts = make("table");
  const heats = ["context", "target"].map((name) => ({ name, ...picture(name), note: make("figcaption") }));
  const sofar = checkbox({ label: "only the draws up to this one", value: false, on: () => { cover(); tell(); } });
  const alarm = trouble(model);
  const controls = makeControls(model, seed);
  el.replaceChildren(
    controls.bar, alarm.node,
    make("div", { className: "side" },
      make("div", { style: `flex: 0 1 ${BOARD}px` }, main.canvas, readout),
      make("div", {}, controls.settings, counts)), // beside the picture: what a setting does is seen while it moves
    make("div", { className: "side" },
      ...heats.map(({ canvas, note }) => make("figure", { style: `width: ${HEAT}px` }, canvas, note)), sofar.node),
    strips.node);

  function paint() {
    const [rows, columns] = grid(), width = BOARD * Math.min(1, columns / rows), height = (width * rows) / columns;
    const ctx = sized(main.canvas, width, height), w = width / columns, h = height / rows;
    const at = (patch) => [(patch % columns) * w, Math.floor(patch / columns) * h, w, h];
    ctx.clearRect(0, 0, width, height);
    ctx.imageSmoothingEnabled = !photo || photo.naturalWidth > 100;
    if (photo) ctx.drawImage(photo, 0, 0, width, height);
    found.dropped.forEach((patch) => hatched(ctx, DROPPED, 0.78, at(patch)));
    found.targets.forEach((target, m) => target.forEach((patch) => hatched(ctx, TARGETS[m], 0.4, at(patch))));
    gridLines(ctx, rows, columns, w, h);
    found.targets.forEach((target, m) => outline(ctx, target, m, columns, at));
    if (pointed >= 0) framed(ctx, ...at(pointed));
  }

  function tell() {
    readout.textContent = pointed < 0
      ? "Point at a patch, with the mouse or with Tab and the arrow keys: where it is, and in which blocks."
      : `Patch ${pointed}: ${place(pointed, grid()[1])}; ${membership(masks[pointed])}. ` +
        `Of ${over} draws: context in ${percent(rates[0][pointed])}, target in ${percent(rates[1][pointed])}.`;
  }

  function count() {
    const line = (name, look, list) => make("tr", {},
      make("th", { scope: "row" }, swatch(look), name),
      make("td", {}, `${list.length}`), make("td", {}, percent(list.length / N())));
    counts.replaceChildren(make("caption", {}, `patches, of ${N()}`),
      line("context", null, found.context),
      ...found.targets.map((target, m) => line(`target ${m + 1}`, TARGETS[m], target)),
      line("in any target", undefined, found.hidden), line("dropped", DROPPED, found.dropped));
  }

  function cover() {
    const [rows, columns] = grid();
    over = sofar.input.checked ? seed() + 1 : drawn().draws;
    rates = coverage(table(), N(), over);
    const top = Math.max(...rates.map((rate) => Math.max(...rate)), 1e-9);
    const width = HEAT * Math.min(1, columns / rows), height = (width * rows) / columns;
    heats.forEach(({ canvas, name, note, describe }, i) => {
      drawHeat(sized(canvas, width, height), rates[i], grid(), width, height, top);
      const span = `${percent(Math.min(...rates[i]))} to ${percent(Math.max(...rates[i]))} of ${over} draws`;
      const never = rates[i].filter((rate) => rate === 0).length;
      note.textContent = `How often a place is ${name} (bright: often): ${span}; never: ${never} of ${N()} places`;
      describe(`Heat map. ${note.textContent}.`);
    });
  }

  function draw() {
    if (!drawn().draws) return;
    masks = drawOf(table(), seed(), N());
    found = sets(masks, drawn().targets);
    if (pointed >= N()) pointed = -1;
    main.describe(summary(found, seed(), grid()));
    if (!rates || rates[0].length !== N() || sofar.input.checked) cover();
    paint(); tell(); count();
    strips.fill(sequences(found));
    strips.paint(photo, grid(), pointed);
    controls.tell();
  }

  const stops = [
    alarm.stop, controls.stop, onTheme(() => strips.paint(photo, grid(), pointed)),
    follow(model, ["seed", "drawn", "table"], draw),
    follow(model, ["drawn", "table"], () => { if (drawn().draws) { cover(); tell(); more(model); } }),
    follow(model, ["photo"], () => decode(model.get("photo"), (image) => { photo = image; if (found) draw(); })),
  ];
  return () => stops.forEach((stop) => stop());
}

/**
 * Ask the kernel for more draws, a part at a time: it then still answers to a change of a setting. Afterwards, for
 * while an update of the kernel is taken in, going back to what `wanted` was before it would not be sent.
 */
function more(model) {
  setTimeout(() => {
    const { draws } = model.get("drawn");
    if (draws >= model.get("most")) return;
    model.set("wanted", Math.min(draws + MORE, model.get("most")));
    model.save_changes();
  });
}

function gridLines(ctx, rows, columns, w, h) {
  ctx.beginPath();
  for (let r = 1; r < rows; r++) { ctx.moveTo(0, r * h); ctx.lineTo(columns * w, r * h); }
  for (let c = 1; c < columns; c++) { ctx.moveTo(c * w, 0); ctx.lineTo(c * w, rows * h); }
  ctx.strokeStyle = "rgba(255,255,255,.45)"; ctx.lineWidth = 0.6; ctx.stroke();
}

/** The edge of a set of patches, of any shape: every side that has no other patch of the set behind it. */
export function edges(patches, columns) {
  const inside = new Set(patches), sides = [];
  for (const p of patches) {
    if (!inside.has(p - columns)) sides.push([p, "top"]);
    if (!inside.has(p + columns)) sides.push([p, "bottom"]);
    if (p % columns === 0 || !inside.has(p - 1)) sides.push([p, "left"]);
    if (p % columns === columns - 1 || !inside.has(p + 1)) sides.push([p, "right"]);
  }
  return sides;
}

function outline(ctx, target, m, columns, at) {
  const inset = 1 + m * 1.2; // so that targets that share a border both show
  ctx.beginPath();
  for (const [patch, side] of edges(target, columns)) {
    const [x, y, w, h] = at(patch);
    const [x0, y0, x1, y1] = [x + inset, y + inset, x + w - inset, y + h - inset];
    const ends = { top: [x, y0, x + w, y0], bottom: [x, y1, x + w, y1], left: [x0, y, x0, y + h], right: [x1, y, x1, y + h] }[side];
    ctx.moveTo(ends[0], ends[1]); ctx.lineTo(ends[2], ends[3]);
  }
  ctx.strokeStyle = TARGETS[m][0]; ctx.lineWidth = 2; ctx.stroke();
}

/** A small square in a look [colour, hatch]; null is the plain look of the context, undefined is none. */
function swatch(look) {
  const canvas = make("canvas", { className: "swatch", "aria-hidden": "true" });
  if (look === undefined) canvas.style.visibility = "hidden";
  const ctx = sized(canvas, 15, 15);
  if (look) hatched(ctx, look, 0.4, [0, 0, 15, 15]);
  return canvas;
}

function makeControls(model, seed) {
  const send = (changes) => {
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
  };
  const number = slider({ label: "seed", min: 0, max: 1, value: 0, on: (value) => send({ seed: value }) });
  number.node.classList.add("wide");
  const next = () => send({ seed: (seed() + 1) % model.get("drawn").draws });
  let timer = null;
  const play = button("Play", () => {
    if (timer) { clearInterval(timer); timer = null; } else timer = setInterval(next, calm() ? CALM_PACE : PACE);
    play.textContent = timer ? "Pause" : "Play";
  });
  const rule = radios({ legend: "rule", options: RULES, value: model.get("rule"), on: (value) => send({ rule: value }) });
  const counts = COUNTS.map(([name, label, min, max]) =>
    [name, slider({ label, min, max, value: model.get(name), on: (value) => send({ [name]: value }) })]);
  const [share, label, min, max, step] = SHARE;
  counts.push([share, slider({
    label, min, max, step, value: model.get(share), show: (x) => x.toFixed(2), on: (value) => send({ [share]: value }),
  })]);
  const intervals = INTERVALS.map(([name, label, min, max, step]) =>
    [name, interval({ label, min, max, step, value: model.get(name), on: (value) => send({ [name]: value }) })]);
  const settings = make("div", { className: "settings" },
    ...counts.map(([, control]) => control.node), ...intervals.flatMap(([, control]) => control.nodes));
  const bar = make("div", {}, rule.node, make("div", { className: "row" }, number.node, button("Next", next), play));

  const tell = () => { number.limit(0, model.get("drawn").draws - 1); number.set(seed()); };
  const all = [...counts, ...intervals];
  const names = all.map(([name]) => name);
  const stop = follow(model, [...names, "rule", "reads", "can"], () => {
    rule.set(model.get("rule"));
    const can = model.get("can"), reads = model.get("reads")[model.get("rule")];
    for (const [name, control] of all) {
      control.set(model.get(name));
      control.enable(reads.includes(name));
      for (const node of control.nodes ?? [control.node]) node.hidden = !can.includes(name);
    }
    settings.hidden = !names.some((name) => can.includes(name));
  });
  return { bar, settings, tell, stop: () => { clearInterval(timer); stop(); } };
}

export default { render };
