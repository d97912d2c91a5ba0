// Claims about kit.js, on grids that are not square:
// 1. patchAt: every point of a patch gives that patch, the first and last pixel too; beside the grid is -1.
// 2. moved: arrows go one patch and hold at every edge; Home, End, PageUp and PageDown lead where they say;
//    another key leads nowhere.
// 3. heat is cividis's order: dark to light without a step back, held at both ends.
// 4. pushed: the end that moves is where it was put, and pushes the other before it crosses.
// 5. bytes and floats read a view that lies anywhere in its buffer.
// 6. The words: place counts from 0, percent rounds, listed joins as English does.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  TARGETS, DROPPED, bytes, css, floats, heat, listed, moved, patchAt, percent, place, pushed,
} from "../../../jepa_lite/widgets/static/kit.js";

const GRID = [3, 5], BOX = { width: 100, height: 45 }; // patches of 20 x 15

test("the corners of every patch belong to it, and to no neighbour", () => {
  for (let row = 0; row < 3; row++) {
    for (let column = 0; column < 5; column++) {
      for (const [dx, dy] of [[0, 0], [19.9, 0], [0, 14.9], [19.9, 14.9]]) {
        const found = patchAt(column * 20 + dx, row * 15 + dy, BOX, GRID);
        assert.equal(found, row * 5 + column, `at ${column * 20 + dx}, ${row * 15 + dy}`);
      }
    }
  }
});

test("a point beside the grid is in no patch", () => {
  for (const [x, y] of [[-0.1, 7], [7, -0.1], [100, 7], [7, 45], [100, 45], [-1, -1], [1e6, 7]]) {
    assert.equal(patchAt(x, y, BOX, GRID), -1, `at ${x}, ${y}`);
  }
});

test("an arrow goes one patch its way, and holds at the edge", () => {
  for (let at = 0; at < 15; at++) {
    const row = Math.floor(at / 5), column = at % 5;
    assert.equal(moved(at, "ArrowLeft", GRID), column === 0 ? at : at - 1, `left of ${at}`);
    assert.equal(moved(at, "ArrowRight", GRID), column === 4 ? at : at + 1, `right of ${at}`);
    assert.equal(moved(at, "ArrowUp", GRID), row === 0 ? at : at - 5, `above ${at}`);
    assert.equal(moved(at, "ArrowDown", GRID), row === 2 ? at : at + 5, `below ${at}`);
  }
});

test("Home and End go to the first and last patch, PageUp and PageDown to the ends of the column", () => {
  for (let at = 0; at < 15; at++) {
    assert.equal(moved(at, "Home", GRID), 0);
    assert.equal(moved(at, "End", GRID), 14);
    assert.equal(moved(at, "PageUp", GRID), at % 5, `PageUp from ${at}`);
    assert.equal(moved(at, "PageDown", GRID), 10 + (at % 5), `PageDown from ${at}`);
  }
});

test("a grid of one patch holds every key", () => {
  for (const key of ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown"]) {
    assert.equal(moved(0, key, [1, 1]), 0, key);
  }
});

test("another key leads nowhere", () => {
  for (const key of ["a", "Enter", " ", "Tab", "Escape", "home", "Shift", "F5"]) {
    assert.equal(moved(7, key, GRID), -1, key);
  }
});

test("the heat scale only ever gets lighter, and holds below 0 and above 1", () => {
  const light = ([r, g, b]) => 0.2126 * (r / 255) ** 2.2 + 0.7152 * (g / 255) ** 2.2 + 0.0722 * (b / 255) ** 2.2;
  const lights = Array.from({ length: 101 }, (_, i) => light(heat(i / 100)));
  for (let i = 1; i < 101; i++) assert.ok(lights[i] >= lights[i - 1] - 1e-3, `darker at ${i}%`);
  assert.ok(lights[100] > 20 * lights[0], `from ${lights[0]} to ${lights[100]}`);
  assert.deepEqual(heat(-3), heat(0));
  assert.deepEqual(heat(7), heat(1));
  assert.equal(css(heat(0)), "rgb(0,34,78)");
  assert.equal(css(heat(1)), "rgb(254,232,56)");
});

test("between two stops of the heat scale lies their mean", () => {
  const [low, middle, high] = [heat(0.25), heat(0.3125), heat(0.375)];
  middle.forEach((value, i) => assert.ok(Math.abs(value - (low[i] + high[i]) / 2) <= 0.5, `${middle} of ${low}, ${high}`));
});

test("the end that moves is where it was put; the other is pushed and never crossed", () => {
  assert.deepEqual(pushed([0.2, 0.6], 0, 0.3), [0.3, 0.6]);
  assert.deepEqual(pushed([0.2, 0.6], 0, 0.8), [0.8, 0.8]);
  assert.deepEqual(pushed([0.2, 0.6], 1, 0.4), [0.2, 0.4]);
  assert.deepEqual(pushed([0.2, 0.6], 1, 0.1), [0.1, 0.1]);
  assert.deepEqual(pushed([0.2, 0.6], 1, 0.9), [0.2, 0.9]);
});

test("bytes are read from where the view begins, unsigned, and not beyond its end", () => {
  const buffer = new Uint8Array([9, 9, 9, 200, 5, 7]).buffer;
  assert.deepEqual([...bytes(new DataView(buffer, 3, 2))], [200, 5]);
  assert.deepEqual([...bytes(new Uint8Array([1, 255]).buffer)], [1, 255]);
});

test("floats may lie off a multiple of four", () => {
  const whole = new Uint8Array(11);
  whole.set(new Uint8Array(new Float32Array([1.5, -0.25]).buffer), 3);
  assert.deepEqual([...floats(new DataView(whole.buffer, 3, 8))], [1.5, -0.25]);
});

test("places count from 0, in raster order", () => {
  assert.equal(place(0, 5), "row 0, column 0");
  assert.equal(place(14, 5), "row 2, column 4");
  assert.equal(place(5, 5), "row 1, column 0");
});

test("shares round to whole percent, and lists read as English", () => {
  assert.deepEqual([0, 0.004, 0.335, 0.996, 1].map(percent), ["0%", "0%", "34%", "100%", "100%"]);
  assert.deepEqual([[], [7], [1, 2], [1, 2, 3]].map(listed), ["", "7", "1 and 2", "1, 2 and 3"]);
});

test("every look has a colour and a hatch of its own", () => {
  const looks = [...TARGETS, DROPPED];
  assert.equal(new Set(looks.map(([colour]) => colour)).size, 6);
  assert.equal(new Set(looks.map(([, hatch]) => hatch)).size, 6);
});
