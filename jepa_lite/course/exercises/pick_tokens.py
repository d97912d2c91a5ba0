"""Exercise of notebook 02: picking tokens by their numbers."""

import torch

from ...method.patches import take
from .engine import exercise


def _picks(B, N, D, shape, seed):
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randn(B, N, D, generator=generator)
    return tokens, torch.randint(N, (B, *shape), generator=generator)


exercise(
    name="pick_tokens",
    notebook="02",
    answer=take,
    cases=lambda: [_picks(3, 7, 4, (5,), 0), _picks(2, 8, 3, (2, 3), 1)],
    traps=lambda: {
        "A batch may hold one image, and its axis is kept.": _picks(1, 5, 3, (4,), 2),
        "One pick an image keeps its axis.": _picks(3, 5, 4, (1,), 3),
        "A token may hold one value, and a block one patch: axes of size 1 are kept.": _picks(
            2, 5, 1, (3, 1), 4
        ),
        "As many picks as images: do not mix up the two.": _picks(3, 3, 3, (3,), 5),
    },
    returns="the picked tokens (B, ..., D)",
    hint="Every image has picks of its own, so tokens[:, idx] is too simple. torch.gather wants an index for "
    "every value: repeat idx along D. Or index with torch.arange(B) beside idx, shaped to broadcast.",
    source=(take,),
    mistakes=(
        (
            "All images get the picks of the first one: each image has its own row of idx.",
            lambda tokens, idx: tokens[:, idx[0]],
        ),
        (
            "This picks for every pair of images, so it has one axis too many: image b wants its own picks.",
            lambda tokens, idx: tokens[:, idx],
        ),
        (
            "This picks values, not tokens: idx counts the patches, and a token comes with all its D values.",
            lambda tokens, idx: tokens.gather(1, idx.flatten(1)[..., None]).reshape(*idx.shape, 1),
        ),
        (
            "The picks come out in ascending order: the order of idx must be kept, for positions follow it.",
            lambda tokens, idx: take(tokens, idx.flatten(1).sort(1).values.view(idx.shape)),
        ),
        (
            "All images get the picks of the last one: each image has its own row of idx.",
            lambda tokens, idx: tokens[:, idx[-1]],
        ),
        (
            "The picks come from the first image only: image b is asked for its own tokens.",
            lambda tokens, idx: tokens[0][idx],
        ),
        (
            "The picks come from another image: row b of idx belongs to image b.",
            lambda tokens, idx: take(tokens.roll(1, 0), idx),
            lambda tokens, idx: take(tokens.roll(-1, 0), idx),
            lambda tokens, idx: take(tokens.flip(0), idx),
        ),
        (
            "Off by one: patches are numbered from 0.",
            lambda tokens, idx: take(tokens, (idx - 1) % tokens.shape[1]),
            lambda tokens, idx: take(tokens, (idx + 1) % tokens.shape[1]),
        ),
        (
            "These are the first tokens of each image, whatever idx says.",
            lambda tokens, idx: tokens[:, : idx[0].numel()].unflatten(1, idx.shape[1:]),
            lambda tokens, idx: tokens[:, : idx.shape[1]],
        ),
        (
            "The picks are right, but lie in one line: the axes of idx are kept, (B, ..., D).",
            lambda tokens, idx: take(tokens, idx).flatten(1, -2),
            lambda tokens, idx: take(tokens, idx).flatten(0, -2),
        ),
        (
            "The tokens lie along the wrong axis: D stays last.",
            lambda tokens, idx: take(tokens, idx).movedim(-1, 1),
        ),
        (
            "All tokens are still there, and what was not picked is 0: picked tokens alone are wanted.",
            lambda tokens, idx: (
                tokens * torch.zeros(tokens.shape[:2]).scatter_(1, idx.flatten(1), 1.0)[..., None]
            ),
        ),
        (
            "The tokens are indexed along D: it is axis 1 that counts the patches.",
            lambda tokens, idx: tokens.gather(
                2, idx.flatten(1)[:, None].expand(-1, tokens.shape[1], -1) % tokens.shape[2]
            ),
        ),
    ),
)
