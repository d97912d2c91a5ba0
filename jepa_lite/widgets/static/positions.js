// The position explorer: point at a patch, and its position's cosine to every other shows as a heat map.
//
// The cosines came over once, in `table`: float32 (tables, N, N). A click or Enter keeps a patch, so that it
// stays when the mouse leaves.

import { board, drawHeat, floats, follow, framed, heatScale, make, onTheme, place, sized, trouble } from "./kit.js";

const BOARD = 260; // page pixels: three boards stand side by side where JupyterLab is 1,280 wide

// --- pure -------------------------------------------------------------------------------------------

/** Cosines of one patch to all, in table number `t`. */
export const rowOf = (table, t, patch, N) => table.subarray((t * N + patch) * N, (t * N + patch + 1) * N);

/** The patches above, below, left and right of one, where the grid has them. */
export function neighbours(patch, [rows, columns]) {
  const row = Math.floor(patch / columns), column = patch % columns;
  return [[row - 1, column], [row + 1, column], [row, column - 1], [row, column + 1]]
    .filter(([r, c]) => r >= 0 && r < rows && c >= 0 && c < columns)
    .map(([r, c]) => r * columns + c);
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Of one row of cosines: the patches most and least alike, and the means over neighbours and over all others. */
export function compared(row, patch, grid) {
  const others = Array.from(row.keys()).filter((i) => i !== patch);
  const best = (better) => others.reduce((a, b) => (better(row[b], row[a]) ? b : a));
  return {
    most: best((a, b) => a > b), least: best((a, b) => a < b),
    near: mean(neighbours(patch, grid).map((i) => row[i])), all: mean(others.map((i) => row[i])),
  };
}

/** "sin-cos: most like row 0, column 1 (0.97), least like ...". */
export function told(name, row, patch, grid) {
  const { most, least, near, all } = compared(row, patch, grid), at = (i) => `${place(i, grid[1])} (${row[i].toFixed(2)})`;
  return `${name}: most like ${at(most)}, least like ${at(least)}; its neighbours ${near.toFixed(2)} on average, ` +
    `all others ${all.toFixed(2)}.`;
}

/** The lowest cosine of table number `t`: where its colours begin. They end at 1, a position to itself. */
export const lowest = (table, t, N) => table.subarray(t * N * N, (t + 1) * N * N).reduce((low, value) => Math.min(low, value), 1);

// --- the page ---------------------------------------------------------------------------------------

function render({ model, el }) {
  el.classList.add("jepa", "position-explorer");
  const grid = () => model.get("grid"), N = () => grid()[0] * grid()[1];
  let table = null, pointed = -1, boards = [];
  const readout = make("div", { className: "readout wide", role: "status" });
  const side = make("div", { className: "side" }), alarm = trouble(model);
  const shown = () => (pointed < 0 ? model.get("patch") : pointed);
  const look = (patch) => { pointed = patch; draw(); };
  const keep = (patch) => { model.set("patch", patch); model.save_changes(); };
  el.replaceChildren(
    make("p", { className: "soft" },
      "Point at a patch, with the mouse or with Tab and the arrow keys. A click or Enter keeps it."),
    alarm.node, side, readout);

  function fill() {
    table = floats(model.get("table"));
    boards = model.get("names").map((name, t) => {
      const scale = heatScale("cosine:"), low = lowest(table, t, N());
      scale.set(low.toFixed(2), "1");
      return { ...board({ label: name, grid, look, choose: keep, start: shown }), scale, low };
    });
    side.replaceChildren(...boards.map(({ canvas, scale }, t) => make("figure", {}, canvas,
      make("figcaption", {}, `${model.get("names")[t]}, ${model.get("widths")[t]} values a place`, scale.node))));
    draw();
  }

  function draw() {
    const [rows, columns] = grid(), width = BOARD * Math.min(1, columns / rows), height = (width * rows) / columns;
    const patch = shown(), lines = [];
    boards.forEach(({ canvas, describe, low }, t) => {
      const row = rowOf(table, t, patch, N()), ctx = sized(canvas, width, height);
      drawHeat(ctx, row.map((value) => value - low), grid(), width, height, 1 - low || 1);
      const [w, h] = [width / columns, height / rows];
      framed(ctx, (patch % columns) * w, Math.floor(patch / columns) * h, w, h);
      lines.push(told(model.get("names")[t], row, patch, grid()));
      describe(`Patch ${patch}, ${place(patch, columns)}, on a grid of ${rows} by ${columns}. ${lines[t]}`);
    });
    readout.replaceChildren(make("p", {}, `Patch ${patch}: ${place(patch, columns)}.`), ...lines.map((line) => make("p", {}, line)));
  }

  const stops = [
    alarm.stop, onTheme(draw), follow(model, ["table", "names", "grid", "widths"], fill), follow(model, ["patch"], draw),
  ];
  return () => stops.forEach((stop) => stop());
}

export default { render };
