// What a network reads, as a strip of tokens: one square a token, in the order of the sequence.
//
// A context token shows its patch; a mask token shows only the look of its target, because a place is all it
// carries. Small grids print each token's place under it; on all, pointing at a token points at its patch.

import { TARGETS, board, framed, hatched, make, sized } from "./kit.js";

const GAP = 2, WIDTH = 900; // page pixels

/** How a strip is laid out: the side of a token, the height of a line, and how many fit on a line. */
export function layout([rows, columns], width = WIDTH) {
  const numbered = rows * columns <= 64, side = numbered ? 22 : 11;
  return { numbered, side, line: side + (numbered ? 12 : GAP), perLine: Math.floor(width / (side + GAP)) };
}

/** "131 tokens: 96 context, then 35 mask tokens". */
export function caption({ name, tokens }) {
  const masks = tokens.filter((token) => token.block >= 0).length;
  if (!masks) return `${name}: ${tokens.length} tokens`;
  return `${name}: ${tokens.length} tokens, ${tokens.length - masks} of context and then ${masks} mask tokens`;
}

/** One strip a sequence. fill(sequences) before paint(photo, grid, pointed); `point(patch)` when pointed at. */
export function makeStrips(point) {
  const about = make("p", { className: "soft" },
    "What each network receives, in reading order, one square a token. Pictures are patches of the context; hatched " +
    "squares are mask tokens, which carry a place and nothing else. Point at a token to see where it belongs.");
  const node = make("div", { className: "strips" }, about);
  let rows = [], grid = [1, 1], atlas = null, atlasOf = [];

  function makeRow() {
    const row = { tokens: [], note: make("p") };
    const shape = () => { const { perLine } = layout(grid); return [Math.ceil(row.tokens.length / perLine), perLine]; };
    row.board = board({ label: "tokens", grid: shape, look: (token) => point(row.tokens[token]?.patch ?? -1) });
    row.node = make("div", {}, row.note, row.board.canvas);
    return row;
  }

  function fill(sequences) {
    while (rows.length < sequences.length) { rows.push(makeRow()); node.append(rows.at(-1).node); }
    while (rows.length > sequences.length) rows.pop().node.remove();
    sequences.forEach((sequence, i) => {
      rows[i].tokens = sequence.tokens;
      rows[i].note.textContent = caption(sequence);
      rows[i].board.describe(`${caption(sequence)}. Arrow keys go from token to token.`);
    });
  }

  function paint(photo, newGrid, pointed) {
    grid = newGrid;
    const look = layout(grid), ink = getComputedStyle(node).color;
    if (photo && (atlasOf[0] !== photo || atlasOf[1] !== `${grid}`)) {
      atlas = cut(photo, grid, look.side);
      atlasOf = [photo, `${grid}`];
    }
    for (const row of rows) paintRow(row, look, ink, atlas, grid, pointed);
  }
  return { node, fill, paint };
}

/** The photograph at the size of the tokens: each patch is then copied, and never scaled again. */
function cut(photo, [rows, columns], side) {
  const dense = window.devicePixelRatio || 1, canvas = make("canvas");
  canvas.width = Math.round(columns * side * dense);
  canvas.height = Math.round(rows * side * dense);
  canvas.getContext("2d").drawImage(photo, 0, 0, canvas.width, canvas.height);
  return { canvas, step: side * dense };
}

function paintRow({ tokens, board: { canvas } }, { numbered, side, line, perLine }, ink, atlas, grid, pointed) {
  const lines = Math.ceil(tokens.length / perLine), ctx = sized(canvas, perLine * (side + GAP), lines * line);
  ctx.clearRect(0, 0, perLine * (side + GAP), lines * line);
  ctx.font = "9px system-ui, sans-serif"; ctx.textAlign = "center";
  tokens.forEach(({ patch, block }, i) => {
    const x = (i % perLine) * (side + GAP), y = Math.floor(i / perLine) * line;
    const [sx, sy] = [patch % grid[1], Math.floor(patch / grid[1])];
    if (block >= 0) hatched(ctx, TARGETS[block], 0.4, [x, y, side, side]);
    else if (atlas) ctx.drawImage(atlas.canvas, sx * atlas.step, sy * atlas.step, atlas.step, atlas.step, x, y, side, side);
    if (numbered) { ctx.fillStyle = ink; ctx.fillText(patch, x + side / 2, y + side + 9); }
    if (patch === pointed) framed(ctx, x + 1, y + 1, side - 2, side - 2);
  });
}
