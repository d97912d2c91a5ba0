// The prediction explorer: a hole that can be dragged over an image, filled with what its predictions resemble.
//
// Python predicted every place of the hole and compared each prediction to the patches of all other images; the
// images came over as one sprite. Moving the hole needs no kernel; another size, reach or image does.

import {
  board, bytes, css, decode, floats, follow, framed, hatched, heat, heatScale, make, moved, onTheme, percent, picture,
  place, radios, sized, slider, trouble,
} from "./kit.js";

const BOARD = 360, CLOSE = 84, GAP = 8; // page pixels
const HIDDEN = ["#777777", "/"];
const BRIGHT = 0.46; // of the heat scale: from here on black stands out from it more than white does
const FILLS = {
  nearest: "the most alike patches of other images", truth: "what is really there",
  rank: "share of other patches beaten", here: "share beaten of those at this place", nothing: "nothing: as the model sees it",
};
const SCORES = 3; // a patch: rank, rank at the same place, cosine to the truth

// --- pure -------------------------------------------------------------------------------------------

/** The bytes of a trait as 32-bit whole numbers; copied, for they may not lie on a multiple of four. */
export const tokens = (view) => new Uint32Array(bytes(view).slice().buffer);

/** How many rows and columns of places there are for a hole of a size. */
export const placesOf = ([rows, columns], [h, w]) => [rows - h + 1, columns - w + 1];

/** The nearest corner that keeps the hole on the grid. */
export const inside = (corner, places) => corner.map((at, i) => Math.min(Math.max(at, 0), places[i] - 1));

/** The patches of the hole, in raster order. */
export function hidden([row, column], [h, w], columns) {
  return Array.from({ length: h * w }, (_, t) => (row + Math.floor(t / w)) * columns + column + (t % w));
}

/** What the context encoder sees: all patches outside the hole, at most `reach` away from it. */
export function seen([row, column], [h, w], reach, [rows, columns]) {
  const away = (at, from, length) => Math.max(from - at, at - (from + length - 1), 0);
  const all = Array.from({ length: rows * columns }, (_, i) => i);
  return all.filter((i) => {
    const far = Math.max(away(Math.floor(i / columns), row, h), away(i % columns, column, w));
    return far > 0 && far <= reach;
  });
}

/** Ranks and cosine of patch `t` of the hole at place number `l`, beside the chance level of each rank. */
export function scoreOf(scores, l, t, T, images, N) {
  const [rank, here, cosine] = scores.subarray((l * T + t) * SCORES, (l * T + t + 1) * SCORES);
  const of = (images - 1) * N + 1;
  return { rank, here, cosine, of, chance: (of + 1) / 2, images, chanceHere: (images + 1) / 2 };
}

/** The share of its rivals that the truth beats, being nearer to the prediction: 1 is best, one half is chance. */
export const beats = (rank, of) => (of > 1 ? (of - rank) / (of - 1) : 0.5);

const number = (x) => `${Math.round(10 * x) / 10}`;

/** A patch's score in words. */
export const judged = (s) =>
  `The true patch ranks ${number(s.rank)} of ${s.of} (chance ${number(s.chance)}), and ${number(s.here)} of ${s.images} ` +
  `at the same place (chance ${number(s.chanceHere)}); cosine to it ${s.cosine.toFixed(2)}`;

/** The mean of a hole's scores. */
export function meanScore(list) {
  const mean = (of) => list.reduce((sum, score) => sum + of(score), 0) / list.length;
  return { ...list[0], rank: mean((s) => s.rank), here: mean((s) => s.here), cosine: mean((s) => s.cosine) };
}

/** Where a patch of an image lies in the sprite: the pixel of its corner. */
export function cornerIn({ columns, patch }, [gridRows, gridColumns], image, at) {
  return [
    (image % columns) * gridColumns * patch + (at % gridColumns) * patch,
    Math.floor(image / columns) * gridRows * patch + Math.floor(at / gridColumns) * patch,
  ];
}

// --- the page ---------------------------------------------------------------------------------------

function render({ model, el }) {
  el.classList.add("jepa", "prediction-explorer");
  const grid = () => model.get("grid"), N = () => grid()[0] * grid()[1], sheet = () => model.get("sheet");
  const drawn = () => model.get("drawn"), size = () => drawn().size, T = () => size()[0] * size()[1];
  const places = () => placesOf(grid(), size()), corner = () => inside(model.get("corner"), places());
  const l = () => corner()[0] * places()[1] + corner()[1];
  let photos = null, near = null, scores = null, inHole = -1, grip = [0, 0], fill = "nearest";

  const readout = make("div", { className: "readout wide", role: "status" });
  const main = board({
    label: "hole", grid,
    look: (patch) => { inHole = patch < 0 ? inHole : hidden(corner(), size(), grid()[1]).indexOf(patch); draw(); },
    choose: (patch) => { grab(patch); },
    drag: (patch) => put(rowColumn(patch).map((at, i) => at - grip[i])),
  });
  const close = picture("nearest patches"), scale = heatScale("the true patch is nearer to the prediction than"), alarm = trouble(model);
  const controls = makeControls(model, (value) => { fill = value; draw(); });
  const wrap = make("div", {}, main.canvas);
  wrap.addEventListener("keydown", steer, true); // before the board: here the arrows move the hole, not a pointer
  const captions = make("p", { className: "soft" });
  scale.set("none", "all others; half is chance");
  el.replaceChildren(
    make("p", { className: "soft" },
      "Drag the hole, or move it with Tab and the arrow keys. Point inside it, or hold Shift with the arrows, to ask for one patch."),
    controls.top, alarm.node,
    make("div", { className: "side" },
      wrap, make("div", { style: "flex: 1 1 320px" }, controls.side, readout, scale.node)),
    captions, close.canvas);

  const rowColumn = (patch) => [Math.floor(patch / grid()[1]), patch % grid()[1]];

  function put(to) {
    const next = inside(to, places());
    if (`${next}` === `${corner()}`) return;
    model.set("corner", next);
    model.save_changes();
  }

  /** Take hold of the hole where it is pressed; a press beside it brings its middle there. */
  function grab(patch) {
    if (!hidden(corner(), size(), grid()[1]).includes(patch)) {
      put(rowColumn(patch).map((at, i) => at - Math.floor(size()[i] / 2)));
    }
    grip = rowColumn(patch).map((at, i) => at - corner()[i]);
    inHole = hidden(corner(), size(), grid()[1]).indexOf(patch);
    draw();
  }

  function steer(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const chooses = event.key === "Enter" || event.key === " "; // of the pointer, which keys do not move here
    const to = chooses ? -1 : event.shiftKey ? moved(chosen(), event.key, size()) : moved(l(), event.key, places());
    if (to < 0 && !chooses) return;
    event.preventDefault();
    event.stopPropagation();
    if (chooses) return;
    if (event.shiftKey) { inHole = to; draw(); } else put([Math.floor(to / places()[1]), to % places()[1]]);
  }

  /** The patch of the hole in question: the one pointed at, else its middle. */
  const chosen = () => (inHole >= 0 && inHole < T() ? inHole : Math.floor(size()[0] / 2) * size()[1] + Math.floor(size()[1] / 2));
  const nearestOf = (t) => near.subarray((l() * T() + t) * drawn().k, (l() * T() + t + 1) * drawn().k);
  const score = (t) => scoreOf(scores, l(), t, T(), sheet().images, N());

  function paintPatch(ctx, image, patch, box) {
    const side = sheet().patch, [x, y] = cornerIn(sheet(), grid(), image, patch);
    ctx.drawImage(photos, x, y, side, side, ...box);
  }

  function paintHole(ctx, t, patch, box) {
    if (fill === "nothing") { ctx.clearRect(...box); hatched(ctx, HIDDEN, 0.25, box); return; }
    if (fill === "truth") { paintPatch(ctx, drawn().image, patch, box); return; }
    if (fill === "nearest") {
      const token = nearestOf(t)[0];
      paintPatch(ctx, Math.floor(token / N()), token % N(), box);
      return;
    }
    const s = score(t), share = fill === "rank" ? beats(s.rank, s.of) : beats(s.here, s.images);
    ctx.fillStyle = css(heat(share));
    ctx.fillRect(box[0], box[1], box[2] + 0.5, box[3] + 0.5);
    if (box[2] < 26) return;
    ctx.fillStyle = share > BRIGHT ? "#000" : "#fff";
    ctx.font = "11px system-ui, sans-serif"; ctx.textAlign = "center";
    ctx.fillText(percent(share), box[0] + box[2] / 2, box[1] + box[3] / 2 + 4);
  }

  function draw() {
    if (!near || !scores || !drawn().k) return;
    const [rows, columns] = grid(), width = BOARD * Math.min(1, columns / rows), height = (width * rows) / columns;
    const ctx = sized(main.canvas, width, height), w = width / columns, h = height / rows;
    const at = (patch) => [(patch % columns) * w, Math.floor(patch / columns) * h, w, h];
    ctx.clearRect(0, 0, width, height);
    const hole = hidden(corner(), size(), columns), context = seen(corner(), size(), drawn().reach, grid());
    if (photos) {
      ctx.imageSmoothingEnabled = sheet().patch * columns > 100;
      context.forEach((patch) => paintPatch(ctx, drawn().image, patch, at(patch)));
      hole.forEach((patch, t) => paintHole(ctx, t, patch, at(patch)));
    }
    const [x, y] = at(hole[0]);
    framed(ctx, x, y, w * size()[1], h * size()[0]);
    const box = at(hole[chosen()]);
    framed(ctx, box[0] + 4, box[1] + 4, box[2] - 8, box[3] - 8);
    scale.node.style.visibility = fill === "rank" || fill === "here" ? "visible" : "hidden";
    tell(hole, context);
    if (photos) paintClose(hole);
  }

  function tell(hole, context) {
    const [row, column] = corner(), [h, w] = size(), columns = grid()[1], t = chosen();
    const where = `The hole: ${h} by ${w} patches from row ${row}, column ${column}, of image ${drawn().image}; ` +
      `predicted from ${context.length} patches.`;
    const all = `On average over the hole: ${judged(meanScore(hole.map((_, i) => score(i))))}.`;
    const one = `Patch ${hole[t]}, ${place(hole[t], columns)}: ${judged(score(t))}.`;
    readout.replaceChildren(...[where, all, one].map((line) => make("p", {}, line)));
    main.describe(`Image with a hole. ${where} ${all} ${one}`);
  }

  /** The truth and the nearest patches of other images, each with its eight neighbours. */
  function paintClose(hole) {
    const t = chosen(), found = Array.from(nearestOf(t)), ink = getComputedStyle(el).color;
    const list = [drawn().image * N() + hole[t], ...found], width = list.length * (CLOSE + GAP) - GAP, height = CLOSE + 16;
    const ctx = sized(close.canvas, width, height);
    ctx.clearRect(0, 0, width, height);
    ctx.font = "12px system-ui, sans-serif"; ctx.textAlign = "left";
    ctx.imageSmoothingEnabled = sheet().patch > 12;
    list.forEach((token, i) => {
      const x = i * (CLOSE + GAP), image = Math.floor(token / N()), third = CLOSE / 3;
      ctx.fillStyle = ink;
      ctx.fillText(i ? `${i}. image ${image}` : "the truth", x, 11);
      around(token % N(), grid()).forEach(([patch, dx, dy]) => paintPatch(ctx, image, patch, [x + dx * third, 16 + dy * third, third, third]));
      framed(ctx, x + third, 16 + third, third, third);
    });
    const words = found.map((token) => `image ${Math.floor(token / N())}, ${place(token % N(), grid()[1])}`);
    captions.textContent = `Patch ${hole[t]} as it is, and the patches that its prediction is most like, each framed among its neighbours:`;
    close.describe(`The true patch, and the nearest to its prediction: ${words.join("; ")}.`);
  }

  const stops = [
    alarm.stop, controls.stop, onTheme(draw),
    follow(model, ["drawn", "nearest", "scores", "corner"], () => {
      near = tokens(model.get("nearest")); scores = floats(model.get("scores"));
      draw();
    }),
    follow(model, ["sprite"], () => decode(model.get("sprite"), (image) => { photos = image; draw(); })),
  ];
  return () => stops.forEach((stop) => stop());
}

/** A patch and its neighbours on the grid: [[patch, column, row of a 3 x 3 square]]. */
export function around(patch, [rows, columns]) {
  const row = Math.floor(patch / columns), column = patch % columns, found = [];
  for (let dy = 0; dy < 3; dy++) {
    for (let dx = 0; dx < 3; dx++) {
      const [r, c] = [row + dy - 1, column + dx - 1];
      if (r >= 0 && r < rows && c >= 0 && c < columns) found.push([r * columns + c, dx, dy]);
    }
  }
  return found;
}

function makeControls(model, fill) {
  const [rows, columns] = model.get("grid"), far = Math.max(rows, columns);
  const send = (name) => (value) => { model.set(name, value); model.save_changes(); };
  const settings = [
    ["image", { label: "image", min: 0, max: model.get("sheet").images - 1 }],
    ["hole_rows", { label: "rows of the hole", min: 1, max: rows }],
    ["hole_columns", { label: "columns of the hole", min: 1, max: columns }],
    ["reach", { label: "context reaches, patches", min: 1, max: far, show: (x) => (x >= far ? "all" : `${x}`) }],
  ].map(([name, about]) => [name, slider({ ...about, value: model.get(name), on: send(name) })]);
  const kinds = radios({ legend: "show in the hole", options: FILLS, value: "nearest", on: fill });
  const stop = follow(model, settings.map(([name]) => name), () => {
    for (const [name, control] of settings) control.set(model.get(name));
  });
  return { top: kinds.node, side: make("div", {}, ...settings.map(([, control]) => control.node)), stop };
}

export default { render };
