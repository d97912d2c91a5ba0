"""Exercises of notebook 03: place a block, what is left for the context, and how often a place is used."""

import torch

from ..blocks import Places, block_table
from ..diagnostics import mask_coverage
from ..masking import draw_paper
from .engine import exercise

# --- place_block ------------------------------------------------------------------------------------


def _placed(grid, size, generator):
    idx, _ = block_table(grid, size)
    return idx[torch.randint(len(idx), (), generator=generator)]


DRAWS = 4000  # on 20 places: 200 each, give or take 14
FAIR = 0.35  # 5 standard deviations of that: how far the count of one place may be off


def _indices(result):
    """What came out as a flat list of whole numbers, or None where it is something else."""
    try:
        values = torch.as_tensor(result).detach().cpu().flatten()
        return values.long().tolist() if values.numel() and bool((values == values.long()).all()) else None
    except (TypeError, ValueError, RuntimeError):
        return None


def _one_block(patches, grid, size):
    """What is wrong with one draw, or None: is it a rectangle of `size` that lies on the grid?"""
    (rows, columns), (h, w) = grid, size
    if patches is None:
        return f"It must give patch numbers: whole numbers, {h} * {w} of them for a block of {h} by {w}."
    if len(patches) != h * w or len(set(patches)) != h * w:
        return (
            f"A block of {h} by {w} has {h * w} different patches; this gives {len(patches)} numbers, "
            f"{len(set(patches))} of them different."
        )
    if min(patches) < 0 or max(patches) >= rows * columns:
        return (
            f"On a grid of {rows} by {columns} patches are numbered from 0 to "
            f"{rows * columns - 1}; here is {max(patches, key=abs)}. Is the number row * columns "
            "+ column, and the last corner rows - h, columns - w?"
        )
    ys, xs = sorted({p // columns for p in patches}), sorted({p % columns for p in patches})
    tall, wide = ys[-1] - ys[0] + 1, xs[-1] - xs[0] + 1
    if (tall, wide) == (h, w):
        return None
    if (tall, wide) == (w, h):
        return f"Height and width are swapped: size is (rows, columns), and this is {w} rows by {h} columns."
    if (wide == columns > w and tall <= h + 1) or (tall == rows > h and wide == w and len(ys) == h):
        return "The block wraps around the border: what leaves on one side comes back on the other."
    return f"These {h * w} patches are no rectangle of {h} by {w}: {sorted(patches)}."


def _sides(seen, grid, size):
    """What is wrong with which corners came up, or None: `seen` counts them as {(top, left): draws}."""
    (rows, columns), (h, w) = grid, size
    tops, lefts = range(rows - h + 1), range(columns - w + 1)
    if len(seen) == 1:
        return "Every draw gives the same block. Draw its place from the generator, anew at each call."
    if all((top, left) in seen for top in tops[:-1] for left in lefts[:-1]) and (
        not any(top == tops[-1] for top, _ in seen) or not any(left == lefts[-1] for _, left in seen)
    ):
        return (
            "The block never touches the last row or the last column. The upper end of torch.randint is left "
            "out, so it must be rows - h + 1. (The released code has this very slip.)"
        )
    if len({top for top, _ in seen}) < len(tops) or len({left for _, left in seen}) < len(lefts):
        return "Some rows or columns are never the corner's: it may be at 0, and anywhere up to rows - h."
    if len(seen) < len(tops) * len(lefts):
        return (
            "Row and column of the corner hang together, so that some places never come up: draw one number "
            "for each."
        )
    even = sum(seen.values()) / len(seen)
    if any(abs(count - even) > FAIR * even for count in seen.values()):
        often = max(seen, key=seen.get)
        return (
            f"All places come up, but not equally often: the corner {often} in {seen[often]} draws, where "
            f"{even:.0f} are fair. A corner that is drawn anywhere and then pushed back piles up at a border."
        )
    return None


def _judge_place(function):
    for number, (grid, size) in enumerate([((5, 7), (2, 3)), ((4, 7), (2, 1)), ((3, 8), (3, 5))]):
        generator, seen = torch.Generator().manual_seed(number), {}
        for _ in range(DRAWS if number < 1 else 300):
            patches = _indices(function(grid, size, generator))
            problem = _one_block(patches, grid, size)
            if problem:
                return problem
            corner = divmod(min(patches), grid[1])
            seen[corner] = seen.get(corner, 0) + 1
        if number < 1:
            once, again = ([_indices(function(grid, size, g)) for _ in range(12)] for g in _twins())
            if len(seen) > 1 and once != again:
                return (
                    "Two generators of one seed give different blocks: hand generator=generator to every "
                    "draw, or else nobody can repeat your run."
                )
            problem = _sides(seen, grid, size)
            if problem:
                return problem
    return None


def _twins():
    return torch.Generator().manual_seed(9), torch.Generator().manual_seed(9)


exercise(
    name="place_block",
    notebook="03",
    answer=_placed,
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
    idx, _ = block_table(grid, size)
    _, covers = block_table(grid, context_size)
    place = torch.randint(len(idx), (B, M), generator=generator)
    return covers[torch.randint(len(covers), (B,), generator=generator)], idx[place]


def _without(target_idx, context):
    return _left(context, target_idx)


exercise(
    name="context_left",
    notebook="03",
    answer=_left,
    cases=lambda: [
        _blocks(5, 3, (6, 7), (2, 3), (5, 5), 0),
        _blocks(3, 2, (4, 9), (3, 2), (4, 7), 1),
        _blocks(4, 4, (8, 8), (3, 4), (7, 7), 2),
    ],
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


def _padded(B, K, grid, seed):
    """Indices (B, K), some twice in an image, with padding of index 0 on the right."""
    generator = torch.Generator().manual_seed(seed)
    idx = torch.randint(1, grid[0] * grid[1], (B, K), generator=generator)
    idx[0, 0] = 0  # the patch 0 is not only padding
    keep = torch.arange(K) < torch.randint(K // 2, K + 1, (B, 1), generator=generator)
    return idx * keep, keep, grid


exercise(
    name="patch_rate",
    notebook="03",
    answer=_rate,
    cases=lambda: [_padded(7, 9, (3, 5), 0), _padded(11, 12, (6, 2), 1), _padded(5, 8, (4, 4), 2)],
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
    ),
)
