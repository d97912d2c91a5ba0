// Claims about curves.js, panels of curves:
// 1. points unpacks pairs of floats, from a view that may lie anywhere in its buffer.
// 2. A value that is no number ends a piece of a line, and is a gap in the words.
// 3. ticks are round, start at 0 and reach the top; nothing to show still has an axis.
// 4. described says first, last and lowest value, one value, or that nothing was measured.
// 5. Looks differ in dash and in mark, not in colour alone; marks of neighbouring lines fall on other points.
// 6. progress and clock say what is known, and nothing else; the largest of all lines sets the axes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LOOKS, clock, described, marked, pieces, points, progress, shown, ticks, tops } from "../../../jepa_lite/widgets/static/curves.js";

const packed = (pairs, shift) => {
  const bytes = new Uint8Array(shift + 8 * pairs.length + 5);
  bytes.set(new Uint8Array(Float32Array.from(pairs.flat()).buffer), shift);
  return new DataView(bytes.buffer, shift, 8 * pairs.length);
};

test("points come out as they were packed, wherever the bytes lie", () => {
  const pairs = [[1, 0.5], [2, 0.25], [30, NaN]];
  for (const shift of [0, 3, 4]) assert.deepEqual(points(packed(pairs, shift)), pairs);
  assert.deepEqual(points(packed([], 3)), []);
  assert.deepEqual(points(undefined), []);
});

test("a value that is no number is a gap", () => {
  assert.deepEqual(pieces([[1, 3], [2, NaN], [3, 4], [4, 5]]), [[[1, 3]], [[3, 4], [4, 5]]]);
  assert.deepEqual(pieces([[1, NaN], [2, Infinity], [3, 4], [4, NaN]]), [[[3, 4]]]);
  assert.deepEqual(pieces([[1, NaN]]), []);
  assert.deepEqual(pieces([]), []);
});

test("ticks are round and reach the top", () => {
  assert.deepEqual(ticks(0.7), [0, 0.25, 0.5, 0.75]);
  assert.deepEqual(ticks(1), [0, 0.5, 1]);
  assert.deepEqual(ticks(150, 6), [0, 25, 50, 75, 100, 125, 150]);
  assert.deepEqual(ticks(12.4), [0, 5, 10, 15]);
  for (const top of [1e-5, 0.0137, 0.6, 3, 41, 9999]) {
    const marks = ticks(top);
    assert.ok(marks[0] === 0 && marks.at(-1) >= top && marks.at(-2) < top && marks.length <= 5, `${top}: ${marks}`);
  }
  for (const nothing of [0, -1, NaN]) assert.deepEqual(ticks(nothing), [0, 1]);
});

test("a curve in words", () => {
  assert.equal(described("loss", [[1, 0.5123], [2, 0.19], [40, 0.2]]), "loss: from 0.512 at step 1 to 0.2 at step 40, lowest 0.19");
  assert.equal(described("rank", [[5, 8.04]]), "rank: 8.04 at step 5");
  assert.equal(described("rank", []), "rank: not measured yet");
  assert.equal(described("std", [[1, NaN]]), "std: not measured yet");
  assert.match(described("std", [[1, 2], [2, NaN], [3, 1]]), /from 2 at step 1 to 1 at step 3, lowest 1, 1 values are no numbers/);
});

test("numbers are short", () => {
  assert.deepEqual([0, 0.01234, 12.345, 1234.5, 1e-6, NaN, -0.5].map(shown), ["0", "0.0123", "12.3", "1230", "1.0e-6", "no number", "-0.5"]);
});

test("the axes take in all lines, and no gaps", () => {
  assert.deepEqual(tops([[[1, 0.5], [9, NaN]], [[4, 2]]]), [9, 2]);
  assert.deepEqual(tops([]), [0, 0]);
});

test("looks are told apart without colour", () => {
  assert.equal(new Set(LOOKS.map(([, dash]) => `${dash}`)).size, LOOKS.length);
  assert.equal(new Set(LOOKS.map(([, , mark]) => mark)).size, LOOKS.length);
  assert.equal(LOOKS[0][0], null);
});

test("a few points carry a mark, all of a short line, others on the next line", () => {
  assert.deepEqual(marked(2, 0), [0, 1]);
  assert.deepEqual(marked(0, 0), []);
  for (const length of [30, 151, 1000]) {
    const [first, second] = [marked(length, 0), marked(length, 1)];
    assert.ok(first.length >= 5 && first.length <= 7, `${length}: ${first}`);
    assert.equal(first.filter((i) => second.includes(i)).length, 0);
  }
});

test("progress says what is known", () => {
  const all = { step: 40, total: 600, pace: 8.12, left: 69.3, state: "training" };
  assert.equal(progress(all), "step 40 of 600, 8.1 steps/s, 1:09 left");
  assert.equal(progress({ ...all, total: null, pace: 12.6, left: null }), "step 40, 13 steps/s");
  assert.equal(progress({ ...all, state: "done", left: 0 }), "step 40 of 600, 8.1 steps/s");
  assert.equal(progress({ step: 0, total: 9, pace: null, left: null, state: "ready" }), "step 0 of 9");
  assert.deepEqual([5, 65, 3599.6, null, undefined].map(clock), ["0:05", "1:05", "60:00", "", ""]);
});
