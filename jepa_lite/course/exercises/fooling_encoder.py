"""Exercise of notebook 06: an encoder that four measures praise and one does not."""

import functools
import math

import torch

from ...data.images import normalize
from ...data.shapes import shapes
from ...evaluation.measures import (
    alignment_gap,
    effective_rank,
    feature_std,
    own_image_rank,
    position_share,
)
from .differences import tensor
from .engine import exercise

RANK, STD, SHARE, GAP = 0.5, 0.6, 0.1, 0.5  # the first is a share of D, the second of 1 / sqrt(D)
SAME = 1e-3  # what rounding may change in a token, as a share of their size


@functools.cache
def _images():
    return normalize(shapes(160, 16, seed=3)[0])  # (B, C, H, W)


def fooling_encoder(images, N, D):
    """images (B, C, H, W) -> tokens (B, N, D), the same at all places of an image.

    Cosines of random projections of the pixels: images that differ get values that have nothing in common.
    """
    pixels = images.flatten(1)  # (B, C*H*W)
    weights = torch.randn(pixels.shape[1], D, generator=torch.Generator().manual_seed(0))
    features = torch.cos(pixels @ weights)  # (B, D)
    return features[:, None].expand(-1, N, -1)  # (B, N, D)


def _judge(calls):
    """None, or which measure is not fooled."""
    whole = None
    for one in calls:
        images, N, D = one.case
        tokens = tensor(one.result)
        if tokens is None or tuple(tokens.shape) != (len(images), N, D):
            shape = "" if tokens is None else f" of the shape {tuple(tokens.shape)}"
            kind = type(one.result).__name__
            return f"Tokens of the shape (B, N, D) = {(len(images), N, D)} are wanted, not a {kind}{shape}."
        if not tokens.isfinite().all():
            return "Some tokens are nan or infinite."
        if len(images) < 9:  # the first four images of the whole batch, alone
            apart = (tokens - whole[: len(tokens)]).abs().max()
            if apart > SAME * whole.abs().max():
                return (
                    "The tokens of an image depend on the other images of the batch, or on chance. An "
                    "encoder sees one image at a time: fix the seed, and take no mean over the batch."
                )
        elif problem := _seen(tokens, N, D):
            return problem
        else:
            whole = tokens
    return None


def _seen(tokens, N, D):
    pooled = tokens.mean(1)  # (B, D)
    rank, std, share = effective_rank(pooled), feature_std(pooled), position_share(tokens)
    places = torch.arange(N).expand(len(tokens), 1, N)  # (B, M, T): every place is asked for
    predictions = tokens[:, None]  # (B, M, T, D): a perfect predictor
    gap = alignment_gap(predictions, tokens, places)
    own = own_image_rank(predictions, tokens, places)
    if own < 0.98 * (N + 1) / 2:
        return (
            f"The own-image rank is {own:.1f}, and {(N + 1) / 2:.1f} is chance: it is to SEE that something "
            "is wrong, so the tokens of one image must not tell its places apart."
        )
    if share > SHARE:
        return (
            f"The position share is {share:.2f}, so it sees you: at most {SHARE} is wanted. The mean token "
            "of a place explains too much."
        )
    if rank < RANK * D:
        return (
            f"The effective rank is {rank:.1f}, so it sees you: at least {RANK * D:.0f} of {D} is wanted. It "
            "is not centred: what all images share must be small, and they must differ in many directions."
        )
    if std < STD / math.sqrt(D):
        return (
            f"The feature std is {std:.3f}, so it sees you: at least {STD / math.sqrt(D):.3f} is wanted. The "
            "directions of the images are too much alike."
        )
    if gap < GAP:
        return (
            f"The alignment gap is {gap:.2f}, so it sees you: at least {GAP} is wanted. The tokens of two "
            "images are too much alike."
        )
    return None


exercise(
    name="fooling_encoder",
    notebook="06",
    answer=fooling_encoder,
    cases=lambda: [(_images(), 16, 12), (_images()[:4], 16, 12), (_images(), 9, 20), (_images()[:4], 9, 20)],
    judge=_judge,
    returns="tokens (B, N, D)",
    hint="Own-image rank is at chance when all places of an image get the same vector. The others are "
    "praised when that vector differs between images, in as many directions as there are values, and around "
    "0. Projections of the pixels share a mean. What function of them forgets it?",
    source=(own_image_rank, alignment_gap),
)
