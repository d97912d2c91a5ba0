// The collapse lab: switches, a run that trains in the kernel, and earlier runs as other lines and in a table.
//
// A switch moved while a run trains would spoil the comparison, so the switches rest meanwhile.

import { button, checkbox, follow, listed, make, onTheme, radios, slider, trouble } from "./kit.js";
import { LOOKS, makePanels, off, points, progress, sample, speaker } from "./curves.js";

const PANELS = [
  { key: "loss", label: "loss (only a proxy)" }, { key: "rank", label: "effective rank" },
  { key: "std", label: "std across images" }, { key: "position_share", label: "position share", top: 1 },
];
const SWITCHES = [
  ["stop_gradient", "stop-gradient", "no gradient through the targets; off: the encoder may also pull the targets to its answers"],
  ["ema", "EMA", "the target encoder follows slowly; off: it is a copy of the encoder at every step"],
  ["predictor", "predictor", "says what is at a place; off: every answer is the mean token of the context"],
];
const NORMS = { place: "place (over the batch)", layer: "layer (each token, as released)", none: "none" };
const HEAD = ["run", "settings", "step", "loss", "rank", "std", "position share", "gap"];

// --- pure -------------------------------------------------------------------------------------------

/** What the main button says and asks for. `moved`: whether the settings are no longer those of the run. */
export function mainButton(state, moved) {
  if (state === "training") return ["Pause", "pause"];
  if (state === "cell") return ["Start", null];
  if (state === "ready") return ["Start", "start"];
  return [state === "paused" && !moved ? "Resume" : "Start again", "start"];
}

/** The settings as the kernel names them: "no EMA, place norm". */
export function named({ stop_gradient, ema, predictor, target_norm }) {
  const off = [[stop_gradient, "no stop-gradient"], [ema, "no EMA"], [predictor, "no predictor"]]
    .filter(([on]) => !on).map(([, words]) => words);
  return [...(off.length ? off : ["all on"]), target_norm === "none" ? "no norm" : `${target_norm} norm`].join(", ");
}

/** The lines of every panel: the present run in the first look, earlier ones in the others, newest first. */
export function linesOf(present, earlier) {
  const runs = [present, ...[...earlier].reverse()];
  return Object.fromEntries(PANELS.map(({ key }) => [key, runs
    .map((run, i) => run && { name: `run ${run.number}`, look: LOOKS[i % LOOKS.length], line: run.series[key] ?? [] })
    .filter(Boolean)]));
}

/** The state in words, with the numbers of the table's last row. */
export function sentence({ state, step, total }, row) {
  if (state === "ready" || !row) return "Press Start: a run takes some seconds. Then move a switch and start again.";
  const [number, settings, , ...values] = row, words = ["loss", "rank", "std", "position share", "gap"];
  const begins = {
    training: `Run ${number} trains, step ${step} of ${total}`, cell: `Run ${number} trains in a cell, step ${step}`,
    paused: `Run ${number} is paused at step ${step}`, done: `Run ${number} is done`,
    failed: `Run ${number} ended by an error at step ${step}`, stopped: `Run ${number} was stopped at step ${step}`,
  }[state];
  return `${begins} (${settings}): ${listed(values.map((value, i) => `${words[i]} ${value}`))}.`;
}

// --- the page ---------------------------------------------------------------------------------------

function render({ model, el }) {
  el.classList.add("jepa", "collapse-lab");
  const send = (message) => model.send(message);
  const alarm = trouble(model), status = speaker(), panels = makePanels(PANELS, { width: 400, height: 132, last: 2 });
  const switches = SWITCHES.map(([name, label, about]) => {
    const box = checkbox({ label, value: model.get(name), on: (value) => send({ do: "set", name, value }) });
    box.node.title = about;
    return [name, box];
  });
  const norm = radios({
    legend: "target norm", options: NORMS, value: model.get("target_norm"),
    on: (value) => send({ do: "set", name: "target_norm", value }),
  });
  const parts = make("fieldset", {}, make("legend", {}, "what is left of the method"), ...switches.map(([, box]) => box.node));
  const steps = slider({
    label: "steps of a run", min: Math.min(20, model.get("steps")), max: Math.max(400, model.get("steps")), step: 10,
    value: model.get("steps"), on: (value) => send({ do: "set", name: "steps", value }),
  });
  const about = make("details", {}, make("summary", {}, "What the switches do"),
    make("ul", {}, ...SWITCHES.map(([, label, words]) => make("li", {}, `${label}: ${words}.`)),
      make("li", {}, "target norm: place makes each value vary over the batch, at every place; layer norms each token by itself.")));
  const counter = make("span", { className: "soft" }), next = make("p", { className: "soft" });
  const settings = () => Object.fromEntries(["stop_gradient", "ema", "predictor", "target_norm"].map((name) => [name, model.get(name)]));
  const present = () => (model.get("now").state === "ready" ? null : model.get("rows").at(-1));
  const moved = () => Boolean(present()) && (present()[1] !== named(settings()) || model.get("now").total !== model.get("steps"));
  const wish = () => mainButton(model.get("now").state, moved());
  const main = button("Start", () => { if (wish()[1]) send({ do: wish()[1] }); });
  const reset = button("Reset", () => { if (present() && model.get("now").state !== "cell") send({ do: "reset" }); });
  const buttons = make("span", { className: "row", hidden: !model.send }, main, reset);
  const table = make("table", { className: "runs" });
  el.replaceChildren(make("div", { className: "row" }, parts, norm.node), steps.node, about,
    make("div", { className: "row" }, buttons, counter), next, alarm.node, status.node, panels.node, table);

  let before = null;
  function draw() {
    const now = model.get("now"), rows = model.get("rows"), row = present();
    const unpack = (packed) => Object.fromEntries(Object.entries(packed).map(([key, view]) => [key, points(view)]));
    for (const [name, box] of switches) box.set(model.get(name));
    norm.set(model.get("target_norm"));
    parts.disabled = norm.node.disabled = !model.send || ["training", "cell"].includes(now.state);
    steps.set(model.get("steps"));
    steps.enable(!norm.node.disabled);
    const [words, asks] = wish();
    main.textContent = words;
    off(main, !asks);
    off(reset, !row || now.state === "cell");
    counter.textContent = progress(now);
    next.textContent = moved() ? `A setting has moved: Start again begins a new run, ${named(settings())}, ${model.get("steps")} steps.` : "";
    status.say(sentence(now, row), now.state !== before);
    before = now.state;
    const earlier = model.get("earlier").map((run) => ({ number: run.number, series: unpack(run.series) }));
    panels.fill(linesOf(row && { number: row[0], series: unpack(model.get("series")) }, earlier), now.total);
    list(rows, row);
  }

  /** The table, newest run first; the sample of a line beside its run. */
  function list(rows, row) {
    const body = [...rows].reverse().map((cells, i) => {
      const look = LOOKS[(row ? i : i + 1) % LOOKS.length];
      return make("tr", {}, make("th", { scope: "row" }, sample(look, el), ` ${cells[0]}`),
        make("th", { scope: "row" }, cells[1]), ...cells.slice(2).map((cell) => make("td", {}, cell)));
    });
    const head = make("tr", {}, ...HEAD.map((words) => make("th", { scope: "col" }, words)));
    table.hidden = !rows.length;
    table.replaceChildren(make("caption", {}, "all runs, the newest first; what was measured last"), head, ...body);
  }
  const names = ["now", "series", "earlier", "rows", ...SWITCHES.map(([name]) => name), "target_norm", "steps"];
  const stops = [alarm.stop, status.stop, onTheme(draw), follow(model, names, draw)];
  return () => stops.forEach((end) => end());
}

export default { render };
