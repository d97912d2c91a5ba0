// Claims about masks.js, on a grid of 2 x 3 patches and with 1 to 5 targets:
// 1. drawOf gives the bytes of one draw, the first and the last too.
// 2. sets takes the bytes apart: context, each target, dropped and hidden, in raster order.
// 3. coverage is the share of the first draws, and reads no draw beyond those.
// 4. membership, sequences and summary say what the bytes hold.
// 5. edges is the outline of a set: no side between two of its patches, none that wraps around a row.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as masks from "../../../jepa_lite/widgets/static/masks.js";

// bit 0 is context, bit m target m: context; targets 1 and 2; dropped; target 2; context; target 1
const DRAW = Uint8Array.from([1, 6, 0, 4, 1, 2]);

test("one draw of the table is its N bytes, the last draw as well", () => {
  const table = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.deepEqual([...masks.drawOf(table, 0, 3)], [1, 2, 3]);
  assert.deepEqual([...masks.drawOf(table, 2, 3)], [7, 8, 9]);
});

test("the bytes fall into context, targets, dropped and hidden, in raster order", () => {
  assert.deepEqual(masks.sets(DRAW, 2), { context: [0, 4], targets: [[1, 5], [1, 3]], dropped: [2], hidden: [1, 3, 5] });
});

for (let M = 1; M <= 5; M++) {
  test(`with ${M} targets, each is found by its own bit`, () => {
    const draw = Uint8Array.from([1, ...Array.from({ length: M }, (_, m) => 2 << m)]);
    const found = masks.sets(draw, M);
    assert.deepEqual(found.targets, Array.from({ length: M }, (_, m) => [m + 1]));
    assert.deepEqual([found.context, found.hidden.length, found.dropped], [[0], M, []]);
    for (let m = 1; m <= M; m++) assert.equal(masks.membership(draw[m]), `in target ${m}`);
  });
}

test("coverage counts as many draws as asked for, and no more", () => {
  const table = Uint8Array.from([1, 2, 0, 1, 4, 1, 2, 2, 2]); // three draws of three patches
  assert.deepEqual(masks.coverage(table, 3, 1).map((r) => [...r]), [[1, 0, 0], [0, 1, 0]]);
  assert.deepEqual(masks.coverage(table, 3, 2).map((r) => [...r]), [[1, 0, 0.5], [0, 1, 0]]);
  const [context, target] = masks.coverage(table, 3, 3);
  [[context, [2, 0, 1]], [target, [1, 3, 1]]].forEach(([rates, hits]) =>
    rates.forEach((rate, i) => assert.ok(Math.abs(rate - hits[i] / 3) < 1e-6, `${rates} of ${hits}`)));
});

test("a patch in several targets counts once as a target", () => {
  assert.deepEqual([...masks.coverage(Uint8Array.from([6, 62]), 2, 1)[1]], [1, 1]);
});

test("membership names the context, one target, several, and none", () => {
  assert.equal(masks.membership(1), "in the context");
  assert.equal(masks.membership(2), "in target 1");
  assert.equal(masks.membership(32), "in target 5");
  assert.equal(masks.membership(6), "in targets 1 and 2");
  assert.equal(masks.membership(2 + 8 + 32), "in targets 1, 3 and 5");
  assert.match(masks.membership(0), /^dropped/);
});

test("the encoder reads the context; the predictor reads it again, and then one target's places", () => {
  const rows = masks.sequences(masks.sets(DRAW, 2));
  const context = [{ patch: 0, block: -1 }, { patch: 4, block: -1 }];
  assert.deepEqual(rows.map((row) => row.name), ["context encoder", "predictor, target 1", "predictor, target 2"]);
  assert.deepEqual(rows[0].tokens, context);
  assert.deepEqual(rows[1].tokens, [...context, { patch: 1, block: 0 }, { patch: 5, block: 0 }]);
  assert.deepEqual(rows[2].tokens, [...context, { patch: 1, block: 1 }, { patch: 3, block: 1 }]);
});

test("the summary holds every number of the picture", () => {
  const words = masks.summary(masks.sets(DRAW, 2), 37, [2, 3]);
  for (const part of ["Draw 37", "2 by 3", "2 patches (33%)", "Targets: 2 and 2", "together 3 (50%)", "Dropped: 1"]) {
    assert.ok(words.includes(part), `no "${part}" in: ${words}`);
  }
  assert.match(masks.summary(masks.sets(Uint8Array.from([1, 2]), 1), 0, [1, 2]), /Target: 1,/);
});

const sides = (patches, columns) => masks.edges(patches, columns).map(([patch, side]) => `${patch} ${side}`).sort();

test("a lone patch has four sides", () => {
  assert.deepEqual(sides([4], 3), ["4 bottom", "4 left", "4 right", "4 top"]);
});

test("two neighbours share no side", () => {
  assert.deepEqual(sides([0, 1], 3), ["0 bottom", "0 left", "0 top", "1 bottom", "1 right", "1 top"]);
  assert.deepEqual(sides([1, 4], 3), ["1 left", "1 right", "1 top", "4 bottom", "4 left", "4 right"]);
});

test("the end of a row and the beginning of the next are no neighbours", () => {
  assert.equal(sides([2, 3], 3).length, 8);
});

test("the outline of a block is its perimeter, of a hole's as well", () => {
  assert.equal(sides([0, 1, 2, 3, 4, 5], 3).length, 10);
  const ring = [0, 1, 2, 3, 5, 6, 7, 8]; // 3 x 3 without its middle
  assert.equal(sides(ring, 3).length, 12 + 4);
});
