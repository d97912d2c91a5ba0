// The attention explorer: an image, and where each layer and head looks from the patch that is pointed at.
//
// Every map came over once, in `table`: uint16 (layers, heads, N, N), a weight in steps of 1/65535. Colours
// count in even shares, 1/N: what each patch would get if attention were spread over all alike.

import {
  board, bytes, decode, drawHeat, floats, follow, framed, heatScale, listed, make, onTheme, picture, place, radios,
  sized, slider, trouble,
} from "./kit.js";

const BOARD = 300, SMALL = 96, STEPS = 65535; // page pixels; steps of a weight from 0 to 1
const VIEWS = { "every head": "every head of every layer", layers: "layers, mean over heads", "heads of a layer": "heads of one layer" };
const MEAN = -1; // in the place of a head's number

// --- pure -------------------------------------------------------------------------------------------

/** The bytes of a trait as 16-bit whole numbers; copied, for they may not lie on a multiple of two. */
export const words = (view) => new Uint16Array(bytes(view).slice().buffer);

/** Weights (N) of one query, as shares of 1. */
export function weightsOf(table, { layer, head }, query, { heads, N }) {
  if (head === MEAN) {
    const sum = new Float32Array(N);
    for (let h = 0; h < heads; h++) {
      const at = ((layer * heads + h) * N + query) * N;
      for (let i = 0; i < N; i++) sum[i] += table[at + i];
    }
    return sum.map((value) => value / heads / STEPS);
  }
  const at = ((layer * heads + head) * N + query) * N;
  return Float32Array.from(table.subarray(at, at + N), (value) => value / STEPS);
}

/** Effective patches of a map, from `counts` (layers, heads + 1, N), where the mean comes last. */
export const countOf = (counts, { layer, head }, query, { heads, N }) =>
  counts[(layer * (heads + 1) + (head === MEAN ? heads : head)) * N + query];

/** Which maps a view shows, as [{ layer, head }]; head -1 is the mean over heads. */
export function shownIn(view, layer, layers, heads) {
  const each = (n) => Array.from({ length: n }, (_, i) => i);
  if (view === "layers") return each(layers).map((l) => ({ layer: l, head: MEAN }));
  const chosen = view === "every head" ? each(layers) : [layer];
  return chosen.flatMap((l) => each(heads).map((head) => ({ layer: l, head })));
}

/** The value below which `share` of the values lie, by straight lines between them. */
export function quantile(values, share) {
  const sorted = Float32Array.from(values).sort(), at = share * (sorted.length - 1), low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
}

/** The end of the colours, in even shares: at least 2, and else what 99.5% of the layers' means stay below. */
export function topOf(table, query, layers, sizes) {
  const means = shownIn("layers", 0, layers, sizes.heads).map((map) => weightsOf(table, map, query, sizes));
  return Math.max(2, quantile(means.flatMap((row) => Array.from(row)), 0.995) * sizes.N);
}

/** "layer 3, head 2", or "layer 3" for the mean over heads. Both are called from 1. */
export const nameOf = ({ layer, head }, numbers) => `layer ${numbers[layer] + 1}${head === MEAN ? "" : `, head ${head + 1}`}`;

/** Over how many patches each layer's mean attention is spread, in words; the extremes alone where they are many. */
export function spread(counts, numbers, N) {
  const round = (x) => `${Math.round(x)}`, layer = (i) => numbers[i] + 1;
  if (counts.length === 1) return `over ${round(counts[0])} of ${N} patches in layer ${layer(0)}`;
  if (counts.length <= 6) {
    return `over ${listed(counts.map(round))} of ${N} patches in layers ${listed(numbers.map((_, i) => `${layer(i)}`))}`;
  }
  const at = (best) => counts.indexOf(best(...counts));
  return `over ${round(counts[at(Math.min)])} of ${N} patches in layer ${layer(at(Math.min))}, the narrowest, to ` +
    `${round(counts[at(Math.max)])} in layer ${layer(at(Math.max))}, the widest`;
}

// --- the page ---------------------------------------------------------------------------------------

function render({ model, el }) {
  el.classList.add("jepa", "attention-explorer");
  const grid = () => model.get("grid"), N = () => grid()[0] * grid()[1];
  const numbers = () => model.get("layers"), sizes = () => ({ heads: model.get("heads"), N: N() });
  const send = (name, value) => { model.set(name, value); model.save_changes(); };
  let photo = null, pointed = -1, table = null, counts = null, maps = [], wanted = "";
  const query = () => (pointed < 0 ? model.get("patch") : pointed);
  const readout = make("p", { className: "readout", role: "status" });
  const look = (patch) => { pointed = patch; draw(); };
  const main = board({ label: "query", grid, look, choose: (patch) => send("patch", patch), start: query });
  const scale = heatScale("weight, in even shares:"), alarm = trouble(model);
  const view = radios({ legend: "show", options: VIEWS, value: model.get("view"), on: (value) => send("view", value) });
  const layer = slider({
    label: "layer", min: 0, max: numbers().length - 1, value: model.get("layer"), on: (value) => send("layer", value),
    show: (i) => `${numbers()[i] + 1}`,
  });
  const small = make("div", { className: "maps" });
  el.replaceChildren(
    make("p", { className: "soft" },
      "Point at a patch, with the mouse or with Tab and the arrow keys: it is the query. A click or Enter keeps it."),
    view.node, layer.node, alarm.node,
    make("div", { className: "side" },
      make("div", { style: `width: ${BOARD}px` }, main.canvas, readout),
      make("div", { style: "flex: 1 1 320px" }, scale.node, small,
        make("p", { className: "soft" }, "Under each map: over how many patches this attention is spread."))));

  /** One figure a map, made anew when the view shows other maps. */
  function fill() {
    const shown = shownIn(model.get("view"), model.get("layer"), numbers().length, model.get("heads"));
    if (wanted === JSON.stringify(shown)) return;
    wanted = JSON.stringify(shown);
    maps = shown.map((map) => ({ map, ...picture(nameOf(map, numbers())), count: make("span") }));
    const columns = model.get("view") === "every head" ? Math.min(model.get("heads"), 6) : Math.min(shown.length, 6);
    small.style.gridTemplateColumns = `repeat(${columns}, minmax(0, ${SMALL}px))`;
    small.replaceChildren(...maps.map(({ map, canvas, count }) =>
      make("figure", {}, canvas, make("figcaption", {}, nameOf(map, numbers()), make("br"), count))));
  }

  const boxOf = (side) => { const [rows, columns] = grid(), width = side * Math.min(1, columns / rows); return [width, (width * rows) / columns]; };

  /** Frame a patch, `out` pixels outside its border: what is in a small one can then be seen. */
  function mark(ctx, [width, height], patch, out) {
    const [rows, columns] = grid(), w = width / columns, h = height / rows;
    framed(ctx, (patch % columns) * w - out, Math.floor(patch / columns) * h - out, w + 2 * out, h + 2 * out);
  }

  function draw() {
    if (!table) return;
    const patch = query(), top = topOf(table, patch, numbers().length, sizes()), box = boxOf(BOARD), little = boxOf(SMALL);
    const ctx = sized(main.canvas, ...box);
    ctx.imageSmoothingEnabled = !photo || photo.naturalWidth > 100;
    if (photo) ctx.drawImage(photo, 0, 0, ...box);
    mark(ctx, box, patch, 0);
    for (const { map, canvas, describe, count } of maps) {
      const paper = sized(canvas, ...little), many = Math.round(countOf(counts, map, patch, sizes()));
      drawHeat(paper, weightsOf(table, map, patch, sizes()), grid(), ...little, top / N());
      mark(paper, little, patch, 2);
      count.textContent = `${many} ${many === 1 ? "patch" : "patches"}`;
      describe(`Heat map of attention, ${nameOf(map, numbers())}${map.head === MEAN ? ", mean over heads" : ""}: spread over ${many} of ${N()} patches.`);
    }
    const means = numbers().map((_, i) => countOf(counts, { layer: i, head: MEAN }, patch, sizes()));
    readout.textContent = `Query: patch ${patch}, ${place(patch, grid()[1])}. Its attention, mean over heads, is spread ` +
      `${spread(means, numbers(), N())}.`;
    main.describe(`Image. ${readout.textContent}`);
    scale.set("0", `${top.toFixed(1)} or more`);
  }

  function settings() {
    view.set(model.get("view"));
    layer.limit(0, numbers().length - 1);
    layer.set(model.get("layer"));
    layer.node.hidden = model.get("view") !== "heads of a layer";
    fill();
    draw();
  }

  const stops = [
    alarm.stop, onTheme(draw),
    follow(model, ["table", "counts"], () => { table = words(model.get("table")); counts = floats(model.get("counts")); draw(); }),
    follow(model, ["view", "layer", "layers", "heads", "grid"], settings), follow(model, ["patch"], draw),
    follow(model, ["photo"], () => decode(model.get("photo"), (image) => { photo = image; draw(); })),
  ];
  return () => stops.forEach((stop) => stop());
}

export default { render };
