"""Exercise of notebook 03: place a block on the grid."""

import itertools
from collections import Counter

import torch

from ...method.masks import Places, draw_paper
from .differences import listed, tensor
from .engine import exercise


def _all_places(grid, size):
    """The patches of a block at each of its places (L, T), and which patches it covers there (L, N)."""
    places = Places(tuple(grid), tuple(size))
    every = range(len(places))
    return torch.from_numpy(places.idx(every)), torch.from_numpy(places.covers(every))


def _placed(grid, size, generator):
    idx, _ = _all_places(grid, size)
    return idx[torch.randint(len(idx), (), generator=generator)]


DRAWS = 4000  # on 20 places: 200 each, give or take 14
FAIR = 0.35  # 5 standard deviations of that: how far the count of one place may be off
GRIDS = (  # (grid, size, draws); then a block as tall as the grid, as wide, as large, and one patch
    *(((5, 7), (2, 3), DRAWS), ((4, 7), (2, 1), 300), ((3, 8), (3, 5), 300), ((6, 3), (2, 3), 60)),
    *(((4, 5), (4, 5), 5), ((3, 4), (1, 1), 60)),
)
TWINS = 12  # draws of each of two generators of one seed, on the first grid


def _draws():
    """The cases of `place_block`: many draws on the first grid, the twins', and some on each other grid."""
    (first, *others), cases = GRIDS, []
    cases += _from(torch.Generator().manual_seed(0), *first)
    for _ in range(2):
        cases += _from(torch.Generator().manual_seed(9), *first[:2], TWINS)
    for number, other in enumerate(others):
        cases += _from(torch.Generator().manual_seed(number), *other)
    return cases


def _from(generator, grid, size, draws):
    return [(grid, size, generator)] * draws


def _kind(result, h, w):
    """What is wrong with the kind of what came out, or None: h * w whole numbers in one line."""
    values = tensor(result)
    if values is None or not values.numel() or bool((values != values.round()).any()):
        return f"It must give patch numbers: whole numbers, {h} * {w} of them for a block of {h} by {w}."
    if values.ndim > 1 and values.numel() == h * w:
        return f"The numbers come as {tuple(values.shape)}: put them in one line, ({h * w},)."
    if values.ndim != 1:
        return f"It gives {tuple(values.shape)}: a block of {h} by {w} is {h * w} patch numbers in one line."
    kind = str(torch.as_tensor(listed(result)).dtype).removeprefix("torch.")
    if kind == "bool":
        return "It gives True and False: wanted are the NUMBERS of the block's patches (see nonzero)."
    return f"Patch numbers are whole numbers, and these are {kind}: no index." if "float" in kind else None


def _one_block(patches, grid, size):
    """What is wrong with one draw, or None: is it a rectangle of `size` that lies on the grid?"""
    (rows, columns), (h, w) = grid, size
    if len(patches) != h * w or len(set(patches)) != h * w:
        return (
            f"A block of {h} by {w} has {h * w} different patches; this gives {len(patches)} numbers, "
            f"{len(set(patches))} of them different."
        )
    ys, xs = sorted({p // columns for p in patches}), sorted({p % columns for p in patches})
    whole = min(patches) >= 0 and max(patches) < rows * columns
    if whole and (ys[-1] - ys[0] + 1, xs[-1] - xs[0] + 1) == (h, w):
        return None
    if problem := _misnumbered(patches, grid, size):
        return problem
    if not whole:
        return (
            f"On a grid of {rows} by {columns} patches are numbered from 0 to {rows * columns - 1}; here is "
            f"{max(patches, key=abs)}. How far may the top left corner go, so that {h} by {w} still fit?"
        )
    return _no_rectangle(patches, size, columns, (len(ys), len(xs)) == (h, w))


def _misnumbered(patches, grid, size):
    """A rectangle whose rows are not `columns` patches apart: numbered by another width than the grid's."""
    (rows, columns), (h, w) = grid, size
    starts = [p for p in sorted(patches) if p - 1 not in patches]
    steps = {b - a for a, b in itertools.pairwise(starts)}
    if len(starts) != h or len(steps) != 1 or steps == {columns} or len(patches) != h * w:
        return None
    if any(p + w - 1 not in patches for p in starts):
        return None
    what = "the number of ROWS" if steps == {rows} else "another number than the grid's columns"
    return (
        f"The rows of the block are {steps.pop()} numbers apart, {what}: below a patch lies the one that is "
        f"{columns} further, since its number is row * columns + column."
    )


def _no_rectangle(patches, size, columns, torn):
    """What these patches are instead; `torn`: there are as many rows and columns as there should be."""
    h, w = size
    starts = [p for p in sorted(patches) if p - 1 not in patches]
    if len(starts) == w and h != w and all(p + h - 1 in patches for p in starts):
        return f"Height and width are swapped: size is (rows, columns), and this is {w} rows by {h} columns."
    spilled = len(starts) == h and all((p + w - 1) // columns == p // columns + 1 for p in starts)
    if torn or spilled:
        return (
            "The block wraps around the border: what leaves on one side comes back on the other. The last "
            "place of the corner is row rows - h, column columns - w."
        )
    return f"These {h * w} patches are no rectangle of {h} by {w}: {sorted(patches)}."


def _sides(seen, grid, size):
    """What is wrong with which corners came up, or None: `seen` counts them as {(top, left): draws}."""
    (rows, columns), (h, w) = grid, size
    tops, lefts = range(rows - h + 1), range(columns - w + 1)
    up, across = {top for top, _ in seen}, {left for _, left in seen}
    if len(seen) == 1:
        return "Every draw gives the same block. Draw its place from the generator, anew at each call."
    if len(up) == 1 or len(across) == 1:
        which = "row" if len(up) == 1 else "column"
        return f"The {which} of the corner never changes: draw one number for its row, one for its column."
    if set(tops[:-1]) <= up and set(lefts[:-1]) <= across and (tops[-1] not in up or lefts[-1] not in across):
        return (
            "The block never touches the last row or the last column. The upper end of torch.randint is left "
            "out, so it must be rows - h + 1. (The released code has this very slip.)"
        )
    if len(up) < len(tops) or len(across) < len(lefts):
        return "Some rows or columns are never the corner's: it may be at 0, and anywhere up to rows - h."
    if len(seen) < len(tops) * len(lefts):
        return (
            "Row and column of the corner hang together, so that some places never come up: draw one number "
            "for each."
        )
    return _fairness(seen, tops, lefts)


def _fairness(seen, tops, lefts):
    """Whether all places come up equally often."""
    even = sum(seen.values()) / len(seen)
    if all(abs(count - even) <= FAIR * even for count in seen.values()):
        return None
    often = max(seen, key=seen.get)
    border = [n for (top, left), n in seen.items() if top in (0, tops[-1]) or left in (0, lefts[-1])]
    inside = [n for (top, left), n in seen.items() if 0 < top < tops[-1] and 0 < left < lefts[-1]]
    why = "Draw both numbers uniformly, with torch.randint."
    if max(border) < min(inside):
        why = "Places at a border come up half as often, as when a number is ROUNDED to the nearest."
    elif often[0] in (0, tops[-1]) or often[1] in (0, lefts[-1]):
        why = "A corner that is drawn anywhere and then pushed back piles up at a border."
    return (
        f"All places come up, but not equally often: the corner {often} in {seen[often]} draws, where "
        f"{even:.0f} are fair. {why}"
    )


def _judge_place(calls):
    many = DRAWS + 2 * TWINS
    first, problem = _all_blocks(calls[:many])
    if problem or len(calls) < many:
        return (_from_one(calls) if len(calls) >= many else None) or problem
    corners = Counter(divmod(min(patches), GRIDS[0][0][1]) for patches in first)
    if len(corners) > 1 and first[-TWINS:] != first[-2 * TWINS : -TWINS]:
        return (
            "Two generators of one seed give different blocks: hand generator=generator to every "
            "draw, or else nobody can repeat your run."
        )
    return _sides(corners, *GRIDS[0][:2]) or _all_blocks(calls[many:])[1]


def _from_one(calls):
    """What is said when every draw is a block once 1 is taken off its numbers, or None."""
    blocks = [(tensor(one.result), one.case) for one in calls[: DRAWS + 2 * TWINS]]
    if all(
        b is not None and b.ndim == 1 and not _one_block((b - 1).long().tolist(), *case[:2])
        for b, case in blocks
    ):
        return "Patch numbers begin with 0, and here they begin with 1."
    return None


def _all_blocks(calls):
    """(the patches of each draw, what is wrong with the first that is wrong, or None)."""
    drawn = []
    for one in calls:
        grid, size, _ = one.case
        if problem := _kind(one.result, *size):
            return drawn, problem
        drawn.append(tensor(one.result).long().tolist())
        if problem := _one_block(drawn[-1], grid, size):
            return drawn, problem
    return drawn, None


exercise(
    name="place_block",
    notebook="03",
    answer=_placed,
    cases=_draws,
    returns="the numbers of the block's patches (h*w,)",
    hint="How many rows can the top left corner lie in, when a block of h rows must fit into rows? All of "
    "them equally often, the last one included: torch.randint leaves its upper end out. The same for "
    "columns; then number the patches of the block row by row.",
    source=(Places, draw_paper),
    judge=_judge_place,
)
