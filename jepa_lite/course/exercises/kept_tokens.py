"""Exercise of notebook 04: the tokens of the patches that are kept."""

import torch

from ...method.patches import take
from ...method.vit import Encoder
from .engine import exercise


def _tokens(patches, positions, weight, idx):
    return take(patches, idx) @ weight.T + positions[idx]


def _kept(B, N, F_, D, K, seed):
    generator = torch.Generator().manual_seed(seed)
    patches, positions = torch.randn(B, N, F_, generator=generator), torch.randn(N, D, generator=generator)
    idx = torch.stack([1 + torch.randperm(N - 1, generator=generator)[:K] for _ in range(B)])
    return patches, positions, torch.randn(D, F_, generator=generator), idx


def _placed(at):
    """A wrong `kept_tokens` that adds other positions, `at(positions, idx)`."""
    return lambda patches, positions, weight, idx: take(patches, idx) @ weight.T + at(positions, idx)


exercise(
    name="kept_tokens",
    notebook="04",
    answer=_tokens,
    cases=lambda: [_kept(3, 11, 5, 6, 4, 0), _kept(2, 9, 7, 3, 6, 1)],
    traps=lambda: {
        "Index 0 is a patch like any other.": (*_kept(2, 6, 4, 3, 2, 2)[:3], torch.tensor([[0, 3], [2, 0]])),
        "A batch may hold one image, and a table one number for each place.": _kept(1, 7, 3, 1, 4, 3),
        "An image may keep one patch.": _kept(3, 7, 4, 5, 1, 4),
        "F and D may be equal: the weight is still (D, F).": _kept(2, 7, 5, 5, 3, 5),
    },
    returns="the tokens (B, K, D)",
    hint="Two things are picked by idx: the patches of each image (pick_tokens of notebook 02, or take) and, "
    "from the one table for all images, their positions: positions[idx]. The weight is (D, F), so transpose.",
    source=(Encoder.tokens, take),
    mistakes=(
        (
            "The positions are forgotten: without them the encoder sees a bag of patches.",
            _placed(lambda positions, idx: 0.0),
        ),
        (
            "The kept patches get positions 0 to K - 1, as if they had been pushed together: each keeps the "
            "address that it has in the image.",
            _placed(lambda positions, idx: positions[: idx.shape[1]]),
        ),
        (
            "The positions are added twice: once, before or after picking.",
            _placed(lambda positions, idx: 2 * positions[idx]),
        ),
        (
            "All images keep the first image's patches: each has its own row of idx.",
            lambda patches, positions, weight, idx: _tokens(
                patches, positions, weight, idx[:1].expand_as(idx)
            ),
        ),
        (
            "The patches are each image's own, but all get the positions of the first image's.",
            _placed(lambda positions, idx: positions[idx[0]]),
        ),
        (
            "The patches are picked right, and the positions come in another order than theirs.",
            _placed(lambda positions, idx: positions[idx.sort(1).values]),
            _placed(lambda positions, idx: positions[idx].flip(1)),
            _placed(lambda positions, idx: positions[idx.argsort(1)]),
        ),
        (
            "The tokens come in ascending order of their patches: the order of idx is kept.",
            lambda patches, positions, weight, idx: _tokens(patches, positions, weight, idx.sort(1).values),
        ),
        (
            "The first K patches are taken, whatever idx says: they, too, are picked by idx.",
            lambda patches, positions, weight, idx: patches[:, : idx.shape[1]] @ weight.T + positions[idx],
            lambda patches, positions, weight, idx: (patches @ weight.T + positions)[:, : idx.shape[1]],
        ),
        (
            "The patches are missing: these are the positions alone.",
            lambda patches, positions, weight, idx: positions[idx],
        ),
        (
            "The positions are taken off; they are added.",
            _placed(lambda positions, idx: -positions[idx]),
        ),
        (
            "Patches and positions are multiplied; they are added.",
            lambda patches, positions, weight, idx: (take(patches, idx) @ weight.T) * positions[idx],
        ),
        (
            "Off by one: the position of the patch before, or after, is added.",
            _placed(lambda positions, idx: positions[idx - 1]),
            _placed(lambda positions, idx: positions[(idx + 1) % len(positions)]),
        ),
        (
            "The patches of ANOTHER image are picked: row b of idx belongs to image b.",
            lambda patches, positions, weight, idx: _tokens(patches.flip(0), positions, weight, idx),
            lambda patches, positions, weight, idx: patches[0][idx] @ weight.T + positions[idx],
        ),
        (
            "All N tokens come out: the hidden ones are to be dropped, only those of idx are kept.",
            lambda patches, positions, weight, idx: patches @ weight.T + positions,
        ),
        (
            "The same position, a mean over the table or the first row, is added to all.",
            _placed(lambda positions, idx: positions.mean(0)),
            _placed(lambda positions, idx: positions[0]),
            _placed(lambda positions, idx: positions[idx].mean(1, keepdim=True)),
        ),
        (
            "It leaks: the mean over ALL patches is taken off, so hidden pixels change what is seen. Drop "
            "them before you compute anything.",
            lambda patches, positions, weight, idx: _tokens(
                patches - patches.mean(1, keepdim=True), positions, weight, idx
            ),
        ),
        (
            "Hidden patches are still there, as blanks: N tokens come out. Blank is not absent: drop them.",
            lambda patches, positions, weight, idx: _blanked(patches, idx) @ weight.T + positions,
        ),
    ),
)


def _blanked(patches, idx):
    seen = torch.zeros(patches.shape[:2]).scatter_(1, idx, 1.0)  # (B, N)
    return patches * seen[..., None]
