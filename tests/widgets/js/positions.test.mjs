// Claims about positions.js, on grids of 2 x 3 patches and thinner:
// 1. rowOf is the row of one patch in one of several tables; lowest is of that table alone.
// 2. neighbours are the patches beside one, across no border.
// 3. compared finds the extremes among the others, never the patch itself, and both means; told says them.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as positions from "../../../jepa_lite/widgets/static/positions.js";

test("a row is the N cosines of one patch in one table", () => {
  const table = Float32Array.from({ length: 8 }, (_, i) => i + 1); // two tables of two patches
  assert.deepEqual([...positions.rowOf(table, 0, 1, 2)], [3, 4]);
  assert.deepEqual([...positions.rowOf(table, 1, 0, 2)], [5, 6]);
  assert.deepEqual([...positions.rowOf(table, 1, 1, 2)], [7, 8]);
});

test("the lowest cosine is that of its own table", () => {
  const table = Float32Array.from([1, -0.5, -0.5, 1, 1, 0.25, 0.25, 1]);
  assert.equal(positions.lowest(table, 0, 2), -0.5);
  assert.equal(positions.lowest(table, 1, 2), 0.25);
});

test("neighbours stop at the borders", () => {
  const found = (patch, grid) => positions.neighbours(patch, grid).sort((a, b) => a - b);
  assert.deepEqual(found(0, [2, 3]), [1, 3]);
  assert.deepEqual(found(2, [2, 3]), [1, 5]); // not 3, which begins the next row
  assert.deepEqual(found(4, [2, 3]), [1, 3, 5]);
  assert.deepEqual(found(4, [3, 3]), [1, 3, 5, 7]);
  assert.deepEqual(found(0, [1, 4]), [1]);
  assert.deepEqual(found(3, [4, 1]), [2]);
});

test("extremes and means are over the others", () => {
  const row = Float32Array.from([0.5, 1, -0.25, 0.75, 0.125, 0.25]); // patch 1 of 2 x 3: neighbours 0, 2 and 4
  const found = positions.compared(row, 1, [2, 3]);
  assert.deepEqual([found.most, found.least], [3, 2]);
  assert.ok(Math.abs(found.near - 0.125) < 1e-6, `${found.near}`);
  assert.ok(Math.abs(found.all - 0.275) < 1e-6, `${found.all}`);
  assert.equal(
    positions.told("learned", row, 1, [2, 3]),
    "learned: most like row 1, column 0 (0.75), least like row 0, column 2 (-0.25); its neighbours 0.13 on average, all others 0.28.",
  );
});

test("a patch that is less like itself than others are is still not among them", () => {
  const { most, least } = positions.compared(Float32Array.from([0.9, 0, 0.3]), 1, [1, 3]); // a zero vector
  assert.deepEqual([most, least], [0, 2]);
});
