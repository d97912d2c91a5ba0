// Claims about live.js, a run that trains:
// 1. The main button asks for what fits the state, once the run has ended for a new one, and for nothing while a
//    cell trains; the sentence says how to begin again, in the words of the button.
// 2. The sentence names the state and the last finite values, loss never alone where rank was measured.
// 3. Every panel has its line; probes that were not taken have none; random weights are the level of their probe.

import assert from "node:assert/strict";
import { test } from "node:test";
import { linesOf, mainButton, sentence } from "../../../jepa_lite/widgets/static/live.js";

test("one button starts, pauses and resumes", () => {
  assert.deepEqual(mainButton("ready"), ["Start", "start"]);
  assert.deepEqual(mainButton("training"), ["Pause", "pause"]);
  assert.deepEqual(mainButton("paused"), ["Resume", "start"]);
  for (const state of ["done", "stopped", "failed"]) assert.deepEqual(mainButton(state), ["Start again", "again"]);
  assert.equal(mainButton("cell")[1], null);
});

test("the state in words, with the last numbers that are numbers", () => {
  const series = { loss: [[1, 0.5], [2, 0.25]], rank: [[2, 7.04], [4, NaN]], knn: [[1, 0.4]], linear: [] };
  const say = (state) => sentence({ state, step: 2, total: 600 }, series);
  assert.equal(say("training"), "Training, step 2: loss 0.25, rank 7.04, 20-NN 0.4.");
  assert.equal(say("paused"), "Paused at step 2: loss 0.25, rank 7.04, 20-NN 0.4.");
  assert.match(say("stopped"), /^Stopped at step 2 of 600; Start again begins anew: loss/);
  assert.match(sentence({ state: "stopped", step: 2, total: null }, series), /^Stopped at step 2; Start again/);
  assert.match(say("failed"), /^Ended by an error at step 2/);
  assert.match(say("cell"), /interrupt the kernel to pause/);
  assert.equal(say("ready"), "Not trained yet: press Start.");
  assert.equal(sentence({ state: "done", step: 0, total: null }, {}), "Done after 0 steps; Start again begins anew");
});

test("three panels, and a level for each probe", () => {
  const series = { loss: [[1, 0.5]], rank: [[1, 7]], knn: [[1, 0.4]], linear: [[1, 0.6]] };
  const lines = linesOf(series, { linear: 0.3 });
  assert.deepEqual([lines.loss[0].line, lines.rank[0].line], [series.loss, series.rank]);
  assert.deepEqual(lines.probe.map(({ line, level }) => [line, level]), [[series.knn, undefined], [series.linear, 0.3]]);
  assert.notDeepEqual(lines.probe[0].look, lines.probe[1].look);
  assert.deepEqual(linesOf({ loss: [], knn: [] }, { knn: 0.3 }).probe, []);
  assert.deepEqual(linesOf({}, {}).rank[0].line, []);
});
