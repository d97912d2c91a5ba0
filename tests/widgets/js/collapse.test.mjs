// Claims about collapse.js, the collapse lab:
// 1. The main button trains, pauses and resumes; a moved setting or an ended run means a new
//    one, so it then says Start again.
// 2. Settings are named as the kernel names them.
// 3. The present run has the first look, earlier ones the next, newest first; without a present run none has it.
// 4. The sentence has every number of the table's row.

import assert from "node:assert/strict";
import { test } from "node:test";
import { linesOf, mainButton, named, sentence } from "../../../jepa_lite/widgets/static/collapse.js";
import { LOOKS } from "../../../jepa_lite/widgets/static/curves.js";

const ALL = { stop_gradient: true, ema: true, predictor: true, target_norm: "place" };

test("one button trains, pauses and resumes", () => {
  assert.deepEqual(mainButton("training", false), ["Pause", "pause"]);
  assert.deepEqual(mainButton("paused", false), ["Resume", "start"]);
  assert.deepEqual(mainButton("paused", true), ["Start again", "start"]);
  assert.deepEqual(mainButton("cell", false), ["Start", null]);
  assert.deepEqual(mainButton("ready", false), ["Start", "start"]);
  for (const state of ["done", "failed", "stopped"]) assert.deepEqual(mainButton(state, false), ["Start again", "start"]);
});

test("settings have the kernel's names", () => {
  assert.equal(named(ALL), "all on, place norm");
  assert.equal(named({ ...ALL, ema: false, target_norm: "layer" }), "no EMA, layer norm");
  assert.equal(named({ stop_gradient: false, ema: false, predictor: false, target_norm: "none" }),
    "no stop-gradient, no EMA, no predictor, no norm");
});

test("lines keep their looks apart, newest first", () => {
  const run = (number) => ({ number, series: { loss: [[1, number]] } });
  const looks = (lines) => lines.loss.map(({ name, look, line }) => [name, LOOKS.indexOf(look), line[0][1]]);
  assert.deepEqual(looks(linesOf(run(3), [run(1), run(2)])), [["run 3", 0, 3], ["run 2", 1, 2], ["run 1", 2, 1]]);
  assert.deepEqual(looks(linesOf(null, [run(1), run(2)])), [["run 2", 1, 2], ["run 1", 2, 1]]);
  assert.deepEqual(linesOf(run(1), []).std, [{ name: "run 1", look: LOOKS[0], line: [] }]);
});

test("the state in words", () => {
  const row = ["2", "no EMA, place norm", "40", "0.12", "7.6", "0.15", "0.01", "0.9"];
  const now = { state: "training", step: 41, total: 150 };
  assert.equal(sentence(now, row),
    "Run 2 trains, step 41 of 150 (no EMA, place norm): loss 0.12, rank 7.6, std 0.15, position share 0.01 and gap 0.9.");
  for (const state of ["cell", "paused", "done", "failed", "stopped"])
    assert.match(sentence({ ...now, state }, row), /^Run 2 .*\(no EMA, place norm\): loss 0\.12, .* and gap 0\.9\.$/, state);
  for (const state of ["ready", "training"]) assert.match(sentence({ ...now, state }, undefined), /^Press Start/);
});
