// What every widget is made of: colours and hatches, controls with names, and a grid to point at.
//
// Pure functions first (tests/widgets/js tests them under node), then what touches the page. style.py holds the same
// palette for the figures. Nothing here knows what a mask or a model is, and nothing is fetched.

export const TARGETS = [
  ["#E69F00", "/"], ["#0072B2", "\\"], ["#009E73", "|"], ["#CC79A7", "-"], ["#D55E00", "x"],
];
export const DROPPED = ["#9A9A9A", "."];
export const SKY = "#56B4E9";
// cividis at nine even places: dark blue is little, yellow is much, and lightness alone tells the order.
const CIVIDIS = [
  [0, 34, 78], [26, 56, 111], [67, 78, 108], [97, 101, 111], [125, 124, 120],
  [155, 148, 118], [188, 174, 108], [222, 201, 88], [254, 232, 56],
];

// --- pure -------------------------------------------------------------------------------------------

/** The colour of a value from 0 to 1 on the heat scale, as [r, g, b]. */
export function heat(value) {
  const place = Math.min(Math.max(value, 0), 1) * (CIVIDIS.length - 1);
  const low = Math.min(Math.floor(place), CIVIDIS.length - 2), share = place - low;
  return CIVIDIS[low].map((from, i) => Math.round(from + share * (CIVIDIS[low + 1][i] - from)));
}

export const css = ([r, g, b]) => `rgb(${r},${g},${b})`;

/** The patch under a point, or -1 beside the grid. `box`: width and height in the point's own unit. */
export function patchAt(x, y, box, [rows, columns]) {
  if (x < 0 || y < 0 || x >= box.width || y >= box.height) return -1;
  return Math.floor((y / box.height) * rows) * columns + Math.floor((x / box.width) * columns);
}

/** Where a key leads from patch `at`: -1 for a key that leads nowhere. Edges hold. */
export function moved(at, key, [rows, columns]) {
  const row = Math.floor(at / columns), column = at % columns, last = rows * columns - 1;
  if (key === "Home") return 0;
  if (key === "End") return last;
  if (key === "PageUp") return column;
  if (key === "PageDown") return (rows - 1) * columns + column;
  const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[key];
  if (!step) return -1;
  const r = Math.min(Math.max(row + step[0], 0), rows - 1);
  return r * columns + Math.min(Math.max(column + step[1], 0), columns - 1);
}

/** "row 3, column 5": both count from 0, as in the library. */
export const place = (patch, columns) => `row ${Math.floor(patch / columns)}, column ${patch % columns}`;

export const percent = (share) => `${Math.round(100 * share)}%`;

/** "1, 2 and 3". */
export const listed = (words) =>
  words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words[words.length - 1]}`;

/** Two ends of an interval after one of them was moved: the other is pushed, never crossed. */
export const pushed = ([low, high], end, value) =>
  end === 0 ? [value, Math.max(high, value)] : [Math.min(low, value), value];

/** The bytes of a trait as unsigned bytes, whether they came from a kernel or from a page. */
export const bytes = (view) => new Uint8Array(view.buffer ?? view, view.byteOffset ?? 0, view.byteLength);

/** The bytes of a trait as 32-bit floats; copied, for they may not lie on a multiple of four. */
export const floats = (view) => new Float32Array(bytes(view).slice().buffer);

// --- the page ---------------------------------------------------------------------------------------

/** An element: make("p", { className: "note" }, "text", child, ...). Attributes with a dash go by name. */
export function make(tag, about = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(about)) {
    if (key.includes("-") || key === "role" || key === "for") node.setAttribute(key, value);
    else node[key] = value;
  }
  node.append(...children);
  return node;
}

/** JupyterLab's shortcuts take arrow keys and letters from whatever has the focus, unless it says this. */
export function keepKeys(node) {
  node.dataset.lmSuppressShortcuts = "true";
  return node;
}

let count = 0;
const fresh = () => `jepa-${Date.now().toString(36)}-${count++}`;

/** A named range. Returns { node, set(value), limit(min, max), enable(yes) }; `on(value)` at every move. */
export function slider({ label, min, max, step = 1, value, on, show = String }) {
  const id = fresh();
  const input = keepKeys(make("input", { id, type: "range", min, max, step }));
  const output = make("output", { for: id });
  const tell = () => {
    output.textContent = show(+input.value);
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.addEventListener("input", () => { tell(); on(+input.value); });
  const set = (to) => { input.value = to; tell(); };
  set(value);
  const node = make("div", { className: "slider" }, make("label", { htmlFor: id }, label), input, output);
  const limit = (low, high) => { input.min = low; input.max = high; tell(); };
  const enable = (yes) => { input.disabled = !yes; node.classList.toggle("off", !yes); };
  return { node, input, set, limit, enable };
}

/** Two sliders, from and to, that never cross. */
export function interval({ label, min, max, step, value, on }) {
  let now = value;
  const show = (x) => x.toFixed(2);
  const ends = ["from", "to"].map((word, end) =>
    slider({
      label: `${label}, ${word}`, min, max, step, value: value[end], show,
      on: (x) => { now = pushed(now, end, x); ends.forEach((s, i) => s.set(now[i])); on(now); },
    }));
  const set = (to) => { now = to; ends.forEach((s, i) => s.set(to[i])); };
  return { nodes: ends.map((s) => s.node), set, enable: (yes) => ends.forEach((s) => s.enable(yes)) };
}

/** One of several, as radio buttons under a legend. `options`: { value: what to show }. */
export function radios({ legend, options, value, on }) {
  const name = fresh();
  const inputs = Object.entries(options).map(([key, words]) => {
    const input = keepKeys(make("input", { type: "radio", name, value: key, checked: key === value }));
    input.addEventListener("change", () => on(key));
    return [key, input, make("label", {}, input, ` ${words}`)];
  });
  const node = make("fieldset", {}, make("legend", {}, legend), ...inputs.map(([, , label]) => label));
  return { node, set: (to) => inputs.forEach(([key, input]) => { input.checked = key === to; }) };
}

export function checkbox({ label, value, on }) {
  const input = keepKeys(make("input", { type: "checkbox", checked: value }));
  input.addEventListener("change", () => on(input.checked));
  return { node: make("label", { className: "check" }, input, ` ${label}`), input, set: (to) => { input.checked = to; } };
}

export function button(words, on) {
  const node = keepKeys(make("button", { type: "button" }, words));
  node.addEventListener("click", on);
  return node;
}

/** A canvas of `width` x `height` page pixels, sharp on dense screens; ctx draws in page pixels. */
export function sized(canvas, width, height) {
  const dense = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * dense), Math.round(height * dense)];
  if (canvas.width !== w || canvas.height !== h) {
    [canvas.width, canvas.height] = [w, h];
    canvas.style.width = `${width}px`;
    canvas.style.aspectRatio = `${width} / ${height}`;
  }
  const ctx = canvas.getContext("2d");
  ctx.setTransform(dense, 0, 0, dense, 0, 0);
  return ctx;
}

/** A picture without interaction: set its description with `describe`. */
export function picture(label) {
  const canvas = make("canvas", { role: "img", "aria-label": label });
  return { canvas, describe: (words) => canvas.setAttribute("aria-label", words) };
}

/**
 * A canvas whose patches are pointed at with the mouse, touch or arrow keys.
 * `grid()`: its [rows, columns] now; `look(patch)`: pointed at, -1 when left; `choose(patch)`: clicked, or
 * Enter; `drag(patch, from)`: moved while pressed; `start()`: where keys begin when nothing is pointed at, else
 * they begin by pointing at patch 0. Returns { canvas, at(), point(patch) }.
 */
export function board({ label, grid, look, choose, drag, start }) {
  let at = -1, from = -1;
  const canvas = keepKeys(make("canvas", { tabIndex: 0, role: "application", "aria-label": label }));
  canvas.setAttribute("aria-roledescription", "grid of patches");
  canvas.classList.toggle("drags", Boolean(drag)); // else a finger scrolls the page
  const point = (patch) => { if (patch !== at) { at = patch; look?.(patch); } };
  const under = (event) => {
    const box = canvas.getBoundingClientRect();
    return patchAt(event.clientX - box.left, event.clientY - box.top, box, grid());
  };
  canvas.addEventListener("pointermove", (event) => {
    const patch = under(event);
    if (from >= 0 && patch >= 0 && patch !== at) drag?.(patch, from);
    point(patch);
  });
  canvas.addEventListener("pointerdown", (event) => {
    from = under(event);
    if (drag) canvas.setPointerCapture(event.pointerId);
    if (from >= 0) { point(from); choose?.(from); }
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { from = -1; });
  canvas.addEventListener("pointerleave", () => { from = -1; point(-1); });
  canvas.addEventListener("blur", () => point(-1));
  canvas.addEventListener("keydown", (event) => {
    const chosen = event.key === "Enter" || event.key === " ";
    const here = at < 0 && start ? start() : at;
    const next = chosen || here < 0 ? Math.max(here, 0) : moved(here, event.key, grid());
    if (event.ctrlKey || event.metaKey || event.altKey || event.key === "Tab" || event.key === "Escape") return;
    if (!chosen && moved(0, event.key, grid()) < 0) return;
    event.preventDefault();
    event.stopPropagation();
    point(next);
    if (chosen) choose?.(next);
  });
  return { canvas, at: () => at, point, describe: (words) => canvas.setAttribute("aria-label", words) };
}

const hatches = new Map();

/** Fill a rectangle with a hatch ("/", "\\", "|", "-", "x" or ".") in a colour, lines as thick as `width`. */
export function hatch(ctx, kind, colour, x, y, w, h, width = 1.4) {
  const key = kind + colour + width;
  if (!hatches.has(key)) hatches.set(key, hatchTile(kind, colour, width));
  ctx.fillStyle = ctx.createPattern(hatches.get(key), "repeat");
  ctx.fillRect(x, y, w, h);
}

function hatchTile(kind, colour, width) {
  const side = 8, tile = make("canvas", { width: side, height: side }), ctx = tile.getContext("2d");
  ctx.strokeStyle = ctx.fillStyle = colour;
  ctx.lineWidth = width;
  const line = (...ends) => { ctx.beginPath(); ctx.moveTo(ends[0], ends[1]); ctx.lineTo(ends[2], ends[3]); ctx.stroke(); };
  for (const shift of [-side, 0, side]) { // three times, so that the tile's edges meet
    if (kind === "/" || kind === "x") line(shift - 1, side + 1, shift + side + 1, -1);
    if (kind === "\\" || kind === "x") line(shift - 1, -1, shift + side + 1, side + 1);
  }
  if (kind === "|") line(side / 2, 0, side / 2, side);
  if (kind === "-") line(0, side / 2, side, side / 2);
  if (kind === ".") ctx.fillRect(side / 2 - 1, side / 2 - 1, 2, 2);
  return tile;
}

/** A rectangle [x, y, w, h] in a look [colour, hatch]: the colour as a veil of `alpha`, the hatch on top. */
export function hatched(ctx, [colour, kind], alpha, [x, y, w, h]) {
  ctx.globalAlpha = alpha; ctx.fillStyle = colour; ctx.fillRect(x, y, w, h);
  ctx.globalAlpha = 1; hatch(ctx, kind, kind === "." ? "#555" : colour, x, y, w, h);
}

/** A frame that shows on dark and on bright pictures. */
export function framed(ctx, x, y, w, h) {
  ctx.lineWidth = 4; ctx.strokeStyle = "#fff"; ctx.strokeRect(x, y, w, h);
  ctx.lineWidth = 1.6; ctx.strokeStyle = "#000"; ctx.strokeRect(x, y, w, h);
}

/** A heat map of `values` (rows x columns, in raster order), from 0 to `top`, on a canvas w x h. */
export function drawHeat(ctx, values, [rows, columns], w, h, top) {
  const [cw, ch] = [w / columns, h / rows];
  values.forEach((value, i) => {
    ctx.fillStyle = css(heat(value / top));
    ctx.fillRect((i % columns) * cw, Math.floor(i / columns) * ch, cw + 0.5, ch + 0.5);
  });
}

/** What the colours of drawHeat mean: set(low, high) names the two ends of the scale. */
export function heatScale(label) {
  const canvas = make("canvas", { "aria-hidden": "true" }), ends = [make("span"), make("span")];
  const ctx = sized(canvas, 120, 12);
  drawHeat(ctx, Float32Array.from({ length: 60 }, (_, i) => i / 59), [1, 60], 120, 12, 1);
  const set = (...words) => ends.forEach((end, i) => { end.textContent = words[i]; });
  return { node: make("div", { className: "row soft" }, make("span", {}, label), ends[0], canvas, ends[1]), set };
}

/** An image from the bytes of a picture file. Calls `ready(image)` once it can be drawn. */
export function decode(view, ready) {
  const url = URL.createObjectURL(new Blob([bytes(view)]));
  const image = new Image();
  image.onload = () => { URL.revokeObjectURL(url); ready(image); };
  image.src = url;
}

export const calm = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Call `redraw` when the page turns dark or light. Returns how to stop. */
export function onTheme(redraw) {
  const watch = new MutationObserver(redraw);
  watch.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "class"] });
  const media = window.matchMedia("(prefers-color-scheme: dark)");
  media.addEventListener("change", redraw);
  return () => { watch.disconnect(); media.removeEventListener("change", redraw); };
}

/** Call `draw` now and whenever one of the model's traits `names` changes. Returns how to stop. */
export function follow(model, names, draw) {
  const events = names.map((name) => `change:${name}`).join(" ");
  model.on(events, draw);
  draw();
  return () => model.off(events, draw);
}

/** Where the kernel says, in one sentence, what is wrong with the settings; empty when nothing is. */
export function trouble(model) {
  const node = make("p", { className: "trouble", role: "alert" });
  const stop = follow(model, ["trouble"], () => { node.textContent = model.get("trouble"); });
  return { node, stop };
}
