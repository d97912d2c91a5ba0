"""Exercise of notebook 06: which measure does an edit of the tokens move? A table to predict."""

import functools

import torch

from ...evaluation.measures import effective_rank, feature_std, position_share
from .engine import exercise

PARTS = ("the effective rank", "the feature std", "the position share")


def _each_its_own_order(tokens, axis, seed=1):
    noise = torch.rand(tokens.shape[:2], generator=torch.Generator().manual_seed(seed))
    order = noise.argsort(axis)[..., None].expand_as(tokens)
    return tokens.gather(axis, order)


def _rotation(D):
    return torch.linalg.qr(torch.randn(D, D, generator=torch.Generator().manual_seed(2))).Q


EDITS = {  # of tokens (B, N, D)
    "doubled": lambda z: 2 * z,
    "own factor": lambda z: z * torch.linspace(0.2, 3, len(z))[:, None, None],
    "shifted": lambda z: z + torch.linspace(-2, 2, z.shape[2]),
    "rotated": lambda z: z @ _rotation(z.shape[2]),
    "copied": lambda z: torch.cat([z, z], 2),
    "images shuffled": lambda z: _each_its_own_order(z, 0),
    "places shuffled": lambda z: _each_its_own_order(z, 1),
}
WHY = {  # (edit, part): the reason for the right answer
    ("doubled", 0): "singular values double together, so their shares stay",
    ("doubled", 1): "each pooled feature is brought to length 1 before its std is taken",
    ("doubled", 2): "both variances grow by 4, and their ratio stays",
    ("own factor", 0): "an image with a large factor weighs more in the matrix, so the spectrum changes",
    ("own factor", 1): "each image is brought to length 1, which takes its factor away",
    ("own factor", 2): "the factors make images differ in size, which no mean of a place explains",
    ("shifted", 0): "RankMe is not centred, so a direction that all images share counts, and here it grows",
    ("shifted", 1): "directions change, because the vector is added BEFORE they are normalised",
    ("shifted", 2): "a vector that all tokens share drops out of every variance",
    ("rotated", 0): "a rotation leaves singular values as they are",
    ("rotated", 1): "the std of each COORDINATE is averaged, and a rotation makes other coordinates",
    ("rotated", 2): "a rotation leaves lengths as they are, and with them both variances",
    ("copied", 0): "every singular value grows by the root of 2, and the shares stay",
    ("copied", 1): "with twice as many coordinates and length 1, each coordinate is smaller by the root of 2",
    ("copied", 2): "both variances are those of a copy, and their ratio stays",
    ("images shuffled", 0): "its places now come from different images, so a pooled feature is another one",
    ("images shuffled", 1): "pooled features are now means over many images, which differ less",
    ("images shuffled", 2): "each place keeps its tokens, so its mean and the whole variance stay",
    ("places shuffled", 0): "the mean over an image's places does not ask for their order",
    ("places shuffled", 1): "it looks at the mean over places only, and this stays",
    ("places shuffled", 2): "what belonged to a place is now anywhere, so places have no mean of their own",
}  # fmt: skip


def _tokens():
    """(B, N, D) with something of the place and of the image in them."""
    draw = functools.partial(torch.randn, generator=torch.Generator().manual_seed(0))
    scale = torch.linspace(0.3, 1.5, 6)
    return scale * (draw(12, 8, 6) + draw(1, 8, 6) + draw(12, 1, 6) + 0.5)


def _measured(tokens):
    pooled = tokens.mean(1)  # (B, D)
    return effective_rank(pooled), feature_std(pooled), position_share(tokens)


def what_moves(edit):
    """(rank, std, share): whether the edit of that name changes each by more than a part in a thousand."""
    before, after = _measured(_tokens()), _measured(EDITS[edit](_tokens()))
    return tuple(abs(b - a) > 1e-3 * a for a, b in zip(before, after, strict=True))


def _judge(calls):
    """None, or the first entry of the learner's table that is wrong, and why."""
    for one in calls:
        (edit,) = one.case
        given = one.result
        if not isinstance(given, tuple | list) or len(given) != 3 or not all(g in (0, 1) for g in given):
            return f"For {edit!r} it gives {given!r}, and three answers, True or False each, are wanted."
        for part, (mine, right) in enumerate(zip(given, what_moves(edit), strict=True)):
            if mine != right:
                moves = "changes" if right else "does not change"
                return f"Of {edit!r}: {PARTS[part]} {moves}, because {WHY[edit, part]}."
    return None


exercise(
    name="what_moves",
    notebook="06",
    answer=what_moves,
    cases=lambda: [(edit,) for edit in EDITS],
    judge=_judge,
    returns="three answers, True or False each",
    parts=PARTS,
    hint="Ask three questions of each edit. Does it change how the singular values of the pooled features "
    "relate? Does it change the DIRECTION of a pooled feature? Does it change how much of the tokens' "
    "variance the means of the places have?",
    source=(effective_rank, feature_std, position_share),
)
