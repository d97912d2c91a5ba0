"""Exercises of notebook 03: place a block, what is left for the context, and how often a place is used."""

import itertools
from collections import Counter

import torch
import torch.nn.functional as F

from ...evaluation.measures import mask_coverage
from ...method.masks import Places, draw_paper
from .differences import listed, tensor
from .engine import exercise

# --- place_block ------------------------------------------------------------------------------------


def _all_places(grid, size):
    """The patches of a block at each of its places (L, T), and which patches it covers there (L, N)."""
    places = Places(tuple(grid), tuple(size))
    every = torch.arange(len(places))
    return places.idx(every), places.covers(every)


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


# --- context_left -----------------------------------------------------------------------------------


def _left(context, target_idx):
    hit = torch.zeros_like(context).scatter_(1, target_idx.flatten(1), True)
    return context & ~hit


def _blocks(B, M, grid, size, context_size, seed):
    """A context block (B, N) and target blocks (B, M, T), some of which reach beyond the context."""
    generator = torch.Generator().manual_seed(seed)
    idx, _ = _all_places(grid, size)
    _, covers = _all_places(grid, context_size)
    place = torch.randint(len(idx), (B, M), generator=generator)
    return covers[torch.randint(len(covers), (B,), generator=generator)], idx[place]


def _times(context, target_idx):
    """In how many targets each patch lies: (B, N)."""
    ones = torch.ones_like(target_idx).flatten(1)
    return torch.zeros(context.shape, dtype=torch.long).scatter_add_(1, target_idx.flatten(1), ones)


def _without(target_idx, context):
    return _left(context, target_idx)


exercise(
    name="context_left",
    notebook="03",
    answer=_left,
    cases=lambda: [
        _blocks(5, 3, (6, 7), (2, 3), (5, 5), 0),
        _blocks(3, 2, (4, 9), (3, 2), (4, 7), 1),
        _blocks(4, 4, (8, 7), (3, 4), (7, 6), 2),
    ],
    traps=lambda: {
        "Index 0 is a patch like any other, and here it is a target's: nothing is padded.": (
            torch.ones(2, 6, dtype=torch.bool),
            torch.tensor([[[0, 1], [1, 2]], [[3, 4], [0, 3]]]),
        ),
        "A batch may hold one image.": _blocks(1, 3, (4, 5), (2, 2), (4, 4), 3),
        "A target may be one patch, and an image may have one target.": _blocks(
            3, 1, (3, 4), (1, 1), (3, 3), 5
        ),
        "All of the context may lie in targets: then nothing is left.": (
            torch.tensor([[False, True, True, False]]),
            torch.tensor([[[1, 2]]]),
        ),
    },
    returns="the patches that are left (B, N), True or False",
    hint="Make a table of False of the shape of context and write True at every patch of every target: "
    "scatter_ along dimension 1, once target_idx is (B, M*T). What is left lies in the block and not in that "
    "table.",
    source=(draw_paper, Places),
    mistakes=(
        (
            "The targets are still in the context: then the answer lies open beside the question.",
            lambda context, target_idx: context,
        ),
        (
            "Only the first target is taken out: each image has M of them, target_idx[:, 0] is one.",
            lambda context, target_idx: _without(target_idx[:, :1], context),
        ),
        (
            "This is what is hidden, not what is left: turn it round.",
            lambda context, target_idx: context & ~_left(context, target_idx),
        ),
        (
            "This marks the targets themselves; the context is what lies in its block and in no target.",
            lambda context, target_idx: ~_left(torch.ones_like(context), target_idx),
        ),
        (
            "Patches outside the context block are in it: `not a target` is not enough, it must also lie "
            "in the block.",
            lambda context, target_idx: _left(torch.ones_like(context), target_idx),
        ),
        (
            "A target that reaches out of the block is ADDED to the context there: combine with `and not`, "
            "and neither subtract nor use exclusive or.",
            lambda context, target_idx: context ^ ~_left(torch.ones_like(context), target_idx),
        ),
        (
            "All images lose the first image's targets: each has its own.",
            lambda context, target_idx: _without(target_idx[:1].expand_as(target_idx), context),
        ),
        (
            "Each image loses the targets of ALL images: only its own are hidden from it.",
            lambda context, target_idx: _without(
                target_idx.flatten().expand(len(context), -1)[:, None], context
            ),
        ),
        (
            "Only the last target is taken out: later ones overwrite what the earlier ones did.",
            lambda context, target_idx: _without(target_idx[:, -1:], context),
        ),
        (
            "Only the first patch of each target is taken out: target_idx[..., 0] is one of T.",
            lambda context, target_idx: _without(target_idx[..., :1], context),
        ),
        (
            "Only what lies in EVERY target is taken out: a patch of any target is hidden.",
            lambda context, target_idx: context & ~_times(context, target_idx).ge(target_idx.shape[1]),
        ),
        (
            "A patch in two targets comes back: exclusive or, twice, changes nothing. Mark, do not toggle.",
            lambda context, target_idx: context ^ (context & (_times(context, target_idx) % 2).bool()),
            lambda context, target_idx: context & (_times(context, target_idx) != 1),
        ),
        (
            "It subtracts, so that a target's patch outside the context block becomes -1 and one in two "
            "targets counts twice: True and False want `and not`.",
            lambda context, target_idx: context.int() - _times(context, target_idx).clamp(max=1),
            lambda context, target_idx: context.int() - _times(context, target_idx),
        ),
        (
            "What is left is joined with `or`: a patch must lie in the block AND in no target.",
            lambda context, target_idx: context | ~_times(context, target_idx).bool(),
        ),
        (
            "The targets are added to the context block instead of being taken out.",
            lambda context, target_idx: context | _times(context, target_idx).bool(),
        ),
        (
            "The context block itself is turned round: it is True where the block lies.",
            lambda context, target_idx: ~context & ~_times(context, target_idx).bool(),
            lambda context, target_idx: ~context,
        ),
        (
            "Off by one: patch numbers count from 0.",
            lambda context, target_idx: _without((target_idx + 1) % context.shape[1], context),
            lambda context, target_idx: _without((target_idx - 1) % context.shape[1], context),
            lambda context, target_idx: _without(target_idx + 1, F.pad(context, (0, 1)))[:, :-1],
            lambda context, target_idx: _without(target_idx, F.pad(context, (1, 0)))[:, 1:],
        ),
    ),
)


# --- patch_rate -------------------------------------------------------------------------------------


def _rate(idx, keep, grid):
    """`mask_coverage` for index tensors: an index counts once an image, and only where `keep` says so."""
    hit = torch.zeros(len(idx), grid[0] * grid[1])
    hit.scatter_reduce_(1, idx, keep.float(), "amax")
    return hit.mean(0).view(grid)


def _counted(idx, keep, grid):
    """How often each index is listed, the same image's repeats included: (N,)."""
    return torch.bincount(idx[keep], minlength=grid[0] * grid[1]).float()


def _counted_on_the_grid(idx, keep, grid):
    return _counted(idx, keep, grid).view(grid)


def _shared_out(idx, keep, grid):
    shares = keep / keep.sum(1, keepdim=True)
    return torch.zeros(len(idx), grid[0] * grid[1]).scatter_add_(1, idx, shares).mean(0).view(grid)


def _padded(B, K, grid, seed):
    """Indices (B, K), some twice in an image, with padding of index 0 on the right."""
    generator = torch.Generator().manual_seed(seed)
    idx = torch.randint(1, grid[0] * grid[1], (B, K), generator=generator)
    idx[0, 0] = 0  # the patch 0 is not only padding
    keep = torch.arange(K) < torch.randint((K + 1) // 2, K + 1, (B, 1), generator=generator)
    return idx * keep, keep, grid


exercise(
    name="patch_rate",
    notebook="03",
    answer=_rate,
    cases=lambda: [_padded(7, 9, (3, 5), 0), _padded(11, 12, (6, 2), 1), _padded(5, 8, (4, 3), 2)],
    traps=lambda: {
        "A batch may hold one image.": _padded(1, 5, (2, 4), 3),
        "A context may be one patch, and a grid one row.": _padded(3, 1, (1, 4), 4),
        "Without any padding, every index counts.": (
            torch.tensor([[0, 1, 1], [4, 0, 5]]),
            torch.ones(2, 3, dtype=torch.bool),
            (2, 3),
        ),
    },
    returns="the share of images (rows, columns)",
    hint="An image either uses a patch or does not: make a table (B, N) of zeros and ones first, where only "
    "the indices with keep write a one. The mean over images is the rate; view(grid) makes it a picture.",
    source=(mask_coverage,),
    mistakes=(
        (
            "Padding is counted: where keep is False the index 0 is a filler, and the corner seems popular.",
            lambda idx, keep, grid: _rate(idx, torch.ones_like(keep), grid),
        ),
        (
            "This divides by patches, so that the rates sum to one: divide by the number of images.",
            lambda idx, keep, grid: (_counted(idx, keep, grid) / keep.sum()).view(grid),
        ),
        (
            "Where blocks overlap an image is counted twice: it uses a patch or it does not.",
            lambda idx, keep, grid: (_counted(idx, keep, grid) / len(idx)).view(grid),
        ),
        (
            "The rates are right, but still in one line: patches are numbered row by row, so view(grid).",
            lambda idx, keep, grid: _rate(idx, keep, grid).flatten(),
        ),
        (
            "Rows and columns are mixed up: patches are numbered row by row.",
            lambda idx, keep, grid: _rate(idx, keep, grid).flatten().view(grid[1], grid[0]).T,
        ),
        (
            "These are counts: a share lies between 0 and 1, so divide by the number of images.",
            lambda idx, keep, grid: _rate(idx, keep, grid) * len(idx),
        ),
        (
            "Patch 0 is dropped wherever it stands: index 0 is padding only where keep is False.",
            lambda idx, keep, grid: _rate(idx, idx > 0, grid),
        ),
        (
            "These are counts, and an image that lists a patch twice adds two: make a table of zeros and "
            "ones first, then take the mean over images.",
            _counted_on_the_grid,
        ),
        (
            "keep is turned round: this counts the padding, and nothing else.",
            lambda idx, keep, grid: _rate(idx, ~keep, grid),
        ),
        (
            "The rates are divided by K, the length of a context; a share of images divides by B.",
            lambda idx, keep, grid: _counted_on_the_grid(idx, keep, grid) / idx.shape[1],
            lambda idx, keep, grid: _rate(idx, keep, grid) * len(idx) / idx.shape[1],
        ),
        (
            "The rates are divided by the number of patches N; a share of images divides by B.",
            lambda idx, keep, grid: _rate(idx, keep, grid) * len(idx) / (grid[0] * grid[1]),
            lambda idx, keep, grid: _counted_on_the_grid(idx, keep, grid) / (grid[0] * grid[1]),
        ),
        (
            "The rates are stretched to sum to 1, or to reach 1: a share of images is a count over B.",
            lambda idx, keep, grid: (r := _rate(idx, keep, grid)) / r.sum(),
            lambda idx, keep, grid: (r := _rate(idx, keep, grid)) / r.max(),
        ),
        (
            "Each image's patches are weighed by how many it lists: every image counts the same for every "
            "patch that it uses.",
            lambda idx, keep, grid: _shared_out(idx, keep, grid),
        ),
        (
            "Counts are lost: `rate[idx] += ...` counts a repeated index once, also that of ANOTHER image. "
            "Make a table with a row for each image.",
            lambda idx, keep, grid: (_counted(idx, keep, grid) > 0).float().view(grid) / len(idx),
        ),
        (
            "This says whether any image uses a patch at all: yes or no. Wanted is by what share of them.",
            lambda idx, keep, grid: (_counted(idx, keep, grid) > 0).float().view(grid),
        ),
        (
            "This looks at one image alone.",
            lambda idx, keep, grid: _rate(idx[:1], keep[:1], grid),
            lambda idx, keep, grid: _rate(idx[-1:], keep[-1:], grid),
        ),
        (
            "These are the shares of images that do NOT use a patch.",
            lambda idx, keep, grid: 1 - _rate(idx, keep, grid),
        ),
    ),
)
