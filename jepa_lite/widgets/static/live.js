// A run that trains while you watch: loss, effective rank and probe accuracy, never the loss alone.
//
// The kernel trains and sends curves a few times a second; a button sends a word. Without a kernel (a static
// page) the curves of the saved state show, and the buttons do not.

import { button, follow, make, onTheme, trouble } from "./kit.js";
import { LOOKS, makePanels, off, points, progress, sample, shown, speaker } from "./curves.js";

const PANELS = [
  { key: "loss", label: "loss (only a proxy)" }, { key: "rank", label: "effective rank" },
  { key: "probe", label: "probe accuracy", top: 1 },
];
const PROBES = [["knn", "k-nearest neighbours"], ["linear", "linear probe"]];
const ENDED = ["done", "stopped", "failed"];

// --- pure -------------------------------------------------------------------------------------------

/** What the main button says, and asks for; null when it is of no use. */
export function mainButton(state) {
  if (state === "training") return ["Pause", "pause"];
  if (state === "paused") return ["Resume", "start"];
  if (ENDED.includes(state)) return ["Start again", "again"];
  return ["Start", state === "ready" ? "start" : null];
}

/** The state in words: what goes on, and what can be done about it. */
export function sentence({ state, step, total }, series) {
  const last = (key) => series[key]?.findLast(([, value]) => Number.isFinite(value));
  const told = [["loss", "loss"], ["rank", "rank"], ["knn", "20-NN"], ["linear", "linear"]]
    .filter(([key]) => last(key)).map(([key, word]) => `${word} ${shown(last(key)[1])}`);
  const anew = "; Start again begins anew";
  const begins = {
    ready: "Not trained yet: press Start.", training: `Training, step ${step}`, paused: `Paused at step ${step}`,
    cell: `Training in a cell, step ${step}; interrupt the kernel to pause`, done: `Done after ${step} steps${anew}`,
    stopped: `Stopped at step ${step}${total ? ` of ${total}` : ""}${anew}`, failed: `Ended by an error at step ${step}${anew}`,
  }[state] ?? "";
  return told.length && state !== "ready" ? `${begins}: ${told.join(", ")}.` : begins;
}

/** The lines of every panel, from the traits: { panel: [{ name, look, line, level }] }. */
export function linesOf(series, random) {
  const probes = PROBES.filter(([key]) => series[key]?.length)
    .map(([key, name], i) => ({ name, look: LOOKS[i], line: series[key], level: random[key] }));
  return {
    loss: [{ name: "loss", look: LOOKS[0], line: series.loss ?? [] }],
    rank: [{ name: "effective rank", look: LOOKS[0], line: series.rank ?? [] }],
    probe: probes,
  };
}

// --- the page ---------------------------------------------------------------------------------------

function render({ model, el }) {
  el.classList.add("jepa", "live-training");
  const alarm = trouble(model), status = speaker(), panels = makePanels(PANELS);
  const counter = make("span", { className: "soft" }), bar = make("progress", { max: 1, value: 0, "aria-label": "of the run is done" });
  const press = (word) => { if (word) model.send({ do: word }); };
  const main = button("Start", () => press(mainButton(model.get("now").state)[1]));
  const stop = button("Stop", () => { if (!ENDED.includes(model.get("now").state)) press("stop"); });
  const buttons = make("span", { className: "row", hidden: !model.send }, main, stop);
  const legend = make("p", { className: "row soft" });
  el.replaceChildren(make("div", { className: "row" }, buttons, bar, counter), alarm.node, status.node, panels.node, legend);

  let before = null;
  function draw() {
    const now = model.get("now"), packed = model.get("series"), random = model.get("random");
    const series = Object.fromEntries(Object.entries(packed).map(([key, view]) => [key, points(view)]));
    const [words, wish] = mainButton(now.state);
    main.textContent = words;
    off(main, !wish);
    off(stop, [...ENDED, "cell", "ready"].includes(now.state));
    counter.textContent = progress(now);
    bar.value = now.total ? now.step / now.total : 0;
    bar.hidden = !now.total;
    status.say(sentence(now, series), now.state !== before);
    before = now.state;
    const lines = linesOf(series, random);
    panels.fill(lines, now.total, ENDED.includes(now.state) ? "not measured in this run" : "nothing yet");
    legend.replaceChildren(...lines.probe.map(({ name, look, level }) =>
      make("span", {}, sample(look, el), ` ${name}${level === undefined ? "" : `; dotted: random weights, ${shown(level)}`}`)));
    if (!model.get("probed")) legend.textContent = "This run has no probe: give Run a probe and train.probes to see accuracy.";
  }
  const stops = [alarm.stop, status.stop, onTheme(draw), follow(model, ["now", "series", "random", "probed"], draw)];
  return () => stops.forEach((end) => end());
}

export default { render };
