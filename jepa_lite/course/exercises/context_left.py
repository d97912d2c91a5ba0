"""Exercise of notebook 03: what the targets leave of the context."""

import torch
import torch.nn.functional as F

from ...method.masks import Places, draw_paper
from .engine import exercise
from .place_block import _all_places


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
