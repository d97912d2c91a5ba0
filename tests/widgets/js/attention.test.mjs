// Claims about attention.js, on two layers of two heads and three patches:
// 1. words reads 16-bit numbers wherever they begin.
// 2. weightsOf finds the row of a query, and the mean over heads; countOf the count that belongs to it.
// 3. shownIn lists the maps of each view; nameOf counts from 1 and uses the layers' own numbers.
// 4. quantile equals numpy's; topOf is at least two even shares.
// 5. spread says one layer, several, and the extremes of many.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as attention from "../../../jepa_lite/widgets/static/attention.js";

const SIZES = { heads: 2, N: 3 }, MEAN = -1;
const TABLE = Uint16Array.from({ length: 2 * 2 * 9 }, (_, i) => 1000 * (i + 1));
const close = (found, expected) => found.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 1e-6, `${[...found]}`));

test("16-bit numbers are read from any byte on", () => {
  const held = new Uint8Array([9, ...new Uint8Array(Uint16Array.from([1, 500, 65535]).buffer)]);
  assert.deepEqual([...attention.words(new DataView(held.buffer, 1))], [1, 500, 65535]);
});

test("weights are the row of the query, as shares of 65535", () => {
  close(attention.weightsOf(TABLE, { layer: 0, head: 0 }, 0, SIZES), [1000, 2000, 3000].map((v) => v / 65535));
  close(attention.weightsOf(TABLE, { layer: 1, head: 1 }, 2, SIZES), [34000, 35000, 36000].map((v) => v / 65535));
  close(attention.weightsOf(TABLE, { layer: 1, head: 0 }, 1, SIZES), [22000, 23000, 24000].map((v) => v / 65535));
});

test("the mean is over the heads of one layer", () => {
  close(attention.weightsOf(TABLE, { layer: 1, head: MEAN }, 1, SIZES), [26500, 27500, 28500].map((v) => v / 65535));
});

test("counts hold the heads and then their mean", () => {
  const counts = Float32Array.from({ length: 2 * 3 * 3 }, (_, i) => i);
  assert.equal(attention.countOf(counts, { layer: 0, head: 1 }, 2, SIZES), 5);
  assert.equal(attention.countOf(counts, { layer: 1, head: 0 }, 0, SIZES), 9);
  assert.equal(attention.countOf(counts, { layer: 1, head: MEAN }, 1, SIZES), 16);
});

test("each view shows its maps", () => {
  const pairs = (view, layer, layers, heads) => attention.shownIn(view, layer, layers, heads).map((m) => [m.layer, m.head]);
  assert.deepEqual(pairs("every head", 1, 2, 2), [[0, 0], [0, 1], [1, 0], [1, 1]]);
  assert.deepEqual(pairs("layers", 1, 3, 2), [[0, MEAN], [1, MEAN], [2, MEAN]]);
  assert.deepEqual(pairs("heads of a layer", 1, 3, 2), [[1, 0], [1, 1]]);
  assert.deepEqual(pairs("heads of a layer", 0, 1, 1), [[0, 0]]);
});

test("names count from 1, by the layers' own numbers", () => {
  assert.equal(attention.nameOf({ layer: 1, head: 0 }, [3, 7]), "layer 8, head 1");
  assert.equal(attention.nameOf({ layer: 0, head: MEAN }, [3, 7]), "layer 4");
});

test("the quantile is numpy's", () => {
  assert.equal(attention.quantile([4, 1, 3, 2], 0.5), 2.5);
  assert.equal(attention.quantile([4, 1, 3, 2], 1), 4);
  assert.ok(Math.abs(attention.quantile([10, 0, 20], 0.995) - 19.9) < 1e-5);
  assert.equal(attention.quantile([7], 0.995), 7);
});

test("the colours end at two even shares or at what the layers' means reach", () => {
  const even = new Uint16Array(36).fill(21845), peaked = Uint16Array.from(even);
  assert.equal(attention.topOf(even, 0, 2, SIZES), 2);
  peaked.set([65535, 0, 0], 0); peaked.set([65535, 0, 0], 9); // both heads of layer 0, query 0
  assert.ok(attention.topOf(peaked, 0, 2, SIZES) > 2.9);
  assert.equal(attention.topOf(peaked, 1, 2, SIZES), 2);
});

test("spread names one layer, several, or the extremes of many", () => {
  assert.equal(attention.spread([3.6], [4], 9), "over 4 of 9 patches in layer 5");
  assert.equal(attention.spread([3.6, 8, 1.2], [0, 1, 2], 9), "over 4, 8 and 1 of 9 patches in layers 1, 2 and 3");
  assert.equal(
    attention.spread([5, 2, 6, 5, 8, 5, 5], [0, 2, 4, 6, 8, 10, 12], 9),
    "over 2 of 9 patches in layer 3, the narrowest, to 8 in layer 9, the widest",
  );
});
