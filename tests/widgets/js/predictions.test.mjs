// Claims about predictions.js, on a grid of 3 x 5 patches:
// 1. A hole has as many places as fit, stays on the grid, and covers its patches in raster order.
// 2. seen is all within reach of the hole and nothing of it, as in hole_masks.
// 3. Scores are those of the place and the patch, beside the chance of each rank; their mean is over the hole.
// 4. A patch lies in the sprite where Python put it; around is the patch and its neighbours on the grid.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as predictions from "../../../jepa_lite/widgets/static/predictions.js";

const GRID = [3, 5];

test("32-bit numbers are read from any byte on", () => {
  const held = new Uint8Array([9, ...new Uint8Array(Uint32Array.from([1, 70000]).buffer)]);
  assert.deepEqual([...predictions.tokens(new DataView(held.buffer, 1))], [1, 70000]);
});

test("places are counted by corners", () => {
  assert.deepEqual(predictions.placesOf(GRID, [2, 3]), [2, 3]);
  assert.deepEqual(predictions.placesOf(GRID, [1, 1]), [3, 5]);
  assert.deepEqual(predictions.placesOf(GRID, [3, 4]), [1, 2]);
});

test("the hole stays on the grid", () => {
  assert.deepEqual(predictions.inside([-4, 9], [2, 3]), [0, 2]);
  assert.deepEqual(predictions.inside([1, 1], [2, 3]), [1, 1]);
  assert.deepEqual(predictions.inside([7, -1], [1, 2]), [0, 0]);
});

test("the hole's patches come row by row", () => {
  assert.deepEqual(predictions.hidden([1, 2], [2, 3], 5), [7, 8, 9, 12, 13, 14]);
  assert.deepEqual(predictions.hidden([0, 4], [3, 1], 5), [4, 9, 14]);
});

test("what is seen lies within reach, and never in the hole", () => {
  assert.deepEqual(predictions.seen([0, 0], [1, 1], 1, GRID), [1, 5, 6]);
  assert.deepEqual(predictions.seen([1, 4], [1, 1], 1, GRID), [3, 4, 8, 13, 14]);
  assert.deepEqual(predictions.seen([1, 1], [2, 2], 2, GRID), [0, 1, 2, 3, 4, 5, 8, 9, 10, 13, 14]);
  for (const reach of [1, 2, 5]) {
    const hole = predictions.hidden([0, 1], [2, 2], 5), seen = predictions.seen([0, 1], [2, 2], reach, GRID);
    assert.equal(seen.filter((patch) => hole.includes(patch)).length, 0);
    if (reach === 5) assert.equal(seen.length + hole.length, 15);
  }
});

test("a score is that of its place and patch, beside chance", () => {
  const scores = Float32Array.from([1, 2, 0.5, 3, 4, -0.25, 5, 6, 0.75, 7, 8, 0.125]); // 2 places of 2 patches
  const score = predictions.scoreOf(scores, 1, 0, 2, 4, 15);
  assert.deepEqual(score, { rank: 5, here: 6, cosine: 0.75, of: 46, chance: 23.5, images: 4, chanceHere: 2.5 });
  assert.equal(
    predictions.judged(score),
    "The true patch ranks 5 of 46 (chance 23.5), and 6 of 4 at the same place (chance 2.5); cosine to it 0.75",
  );
  const mean = predictions.meanScore([score, predictions.scoreOf(scores, 1, 1, 2, 4, 15)]);
  assert.deepEqual([mean.rank, mean.here, mean.cosine, mean.of], [6, 7, 0.4375, 46]);
});

test("beats is 1 for the first rank, 0 for the last and a half for chance", () => {
  assert.deepEqual([1, 46, 23.5].map((rank) => predictions.beats(rank, 46)), [1, 0, 0.5]);
  assert.equal(predictions.beats(1, 1), 0.5);
});

test("patches are found in the sprite", () => {
  const sheet = { columns: 2, patch: 4 };
  assert.deepEqual(predictions.cornerIn(sheet, GRID, 0, 0), [0, 0]);
  assert.deepEqual(predictions.cornerIn(sheet, GRID, 1, 7), [28, 4]);
  assert.deepEqual(predictions.cornerIn(sheet, GRID, 2, 14), [16, 20]);
});

test("around a patch are its neighbours on the grid", () => {
  assert.deepEqual(predictions.around(0, GRID), [[0, 1, 1], [1, 2, 1], [5, 1, 2], [6, 2, 2]]);
  assert.deepEqual(predictions.around(9, GRID).map(([patch]) => patch), [3, 4, 8, 9, 13, 14]);
  assert.equal(predictions.around(7, GRID).length, 9);
});
