// Claims about strips.js:
// 1. Tokens are numbered on grids of up to 64 patches, and then large enough for a number.
// 2. A line is as full as the width allows, and no fuller.
// 3. The caption counts context and mask tokens, and says nothing of masks where there are none.

import assert from "node:assert/strict";
import { test } from "node:test";
import { caption, layout } from "../../../jepa_lite/widgets/static/strips.js";

test("places are printed up to 64 patches", () => {
  assert.equal(layout([4, 16]).numbered, true);
  assert.equal(layout([5, 13]).numbered, false);
  assert.ok(layout([4, 16]).side > layout([5, 13]).side);
  assert.ok(layout([4, 16]).line - layout([4, 16]).side >= 9, "no room for a number of 9 pixels");
});

test("a line is full, and no token leaves it", () => {
  for (const grid of [[8, 8], [14, 14]]) {
    for (const width of [100, 333, 900]) {
      const { side, perLine } = layout(grid, width), gap = 2;
      assert.ok(perLine * (side + gap) <= width, `${perLine} tokens leave ${width}`);
      assert.ok((perLine + 1) * (side + gap) > width, `${perLine} tokens leave room in ${width}`);
    }
  }
});

test("the caption counts both kinds of token", () => {
  const tokens = [-1, -1, -1, 2, 2].map((block, patch) => ({ patch, block }));
  assert.equal(caption({ name: "predictor, target 3", tokens }),
    "predictor, target 3: 5 tokens, 3 of context and then 2 mask tokens");
  assert.equal(caption({ name: "context encoder", tokens: tokens.slice(0, 3) }), "context encoder: 3 tokens");
});
