"""Is it collapsing? Measures that need no labels (the training log; paper, section 3).

The loss cannot tell: it is zero when every image gets the same tokens. Two failures are watched.
Complete collapse: features are the same for all images; `effective_rank` and `feature_std` see it.
Positional collapse: tokens say where they are and nothing else. Within an image all looks well, so
it takes `position_share`, `alignment_gap`, and the rank and std of POOLED features, across images.
A third failure is no collapse: predictions that say what the image is and not what lies where, so that the
address is ignored; `address_gain` and `own_image_rank` see it.
None of these says that features are useful: that is for probes.py.
"""

import dataclasses

import torch
import torch.nn.functional as F
from torch import Tensor

from ..method.ijepa import IJEPA, LOSSES
from ..method.masks import Masks
from ..method.patches import take

# The gap is a mean over thousands of patches, so `measure` need not predict for all images; nor need it
# hold more than so many at a time.
GAP_IMAGES = 64


class NotFinite(ValueError):
    """Features hold NaN or infinity."""


class Diverged(FloatingPointError):
    """Loss, gradient or features are no numbers. `step`; `images`: the indices of the whole batch."""

    def __init__(self, problem: str, step: int, images: list[int]) -> None:
        self.step, self.images = step, images
        super().__init__(
            f"{problem} at step {step}; the batch held images "
            f"{images[:8]}{' ...' if len(images) > 8 else ''}: lower train.lr or look at them"
        )


def effective_rank(features: Tensor, center: bool = False) -> float:
    """RankMe (Garrido et al. 2023): exp of the entropy of the singular values, as shares of their sum.

    features (n, D) -> from 1 to min(n, D); k equal singular values give k. Not centred, as published:
    in collapse the direction that all images share outgrows the rest, and the rank falls to 1. With
    `center=True` that direction, which tells nothing about an image, is left out: a count of the ways
    in which images differ, and 0 when they do not. But it is blind to how LITTLE they differ: while a
    model without stop-gradient collapsed (150 steps on `shapes`), it rose from 34 to 40 and RankMe fell
    from 6 to 1.4. Read it only beside `feature_std`. Raises ValueError for NaN or infinity.
    """
    x = _checked(features, 2, "(n, D)")
    rounding = _rounding(features) * x.norm()
    singular = torch.linalg.svdvals(x - x.mean(0) if center else x)
    singular = singular[singular > rounding]  # what is left of equal rows is noise, of full rank
    if not len(singular):
        return 0.0
    share = singular / singular.sum()
    return share.log().mul(share).sum().neg().exp().item()


def feature_std(features: Tensor) -> float:
    """Std across images of each L2-normalised feature, averaged: (n, D) -> from 0 to 1/sqrt(D).

    SimSiam's measure (Chen & He 2021, section 4.1): 1/sqrt(D) when directions are spread evenly over
    the sphere, 0 when all images get the same features. Raises ValueError for NaN or infinity.
    """
    x = F.normalize(_checked(features, 2, "(n, D)"), dim=1)
    return x.std(0, correction=0).mean().item()


def position_share(tokens: Tensor) -> float:
    """Share of the variance of tokens (B, N, D) that the mean token of each place explains.

    1: tokens know only their place. 1/B: place tells nothing (means of B draws still vary a little).
    0: tokens do not vary. Position is not wrong in itself: random weights have plenty. It is wrong
    when it rises towards 1. Raises ValueError for NaN or infinity.
    """
    x = _checked(tokens, 3, "(B, N, D)")
    total = (x - x.mean((0, 1))).square().mean()
    if total <= (_rounding(tokens) * x.abs().max()) ** 2:
        return 0.0
    between = (x.mean(0) - x.mean((0, 1))).square().mean()
    return (between / total).item()


def alignment_gap(predictions: Tensor, target_map: Tensor, target_idx: Tensor) -> float:
    """cos(prediction, own target) - cos(prediction, the next image's target AT THE SAME PLACE).

    predictions (B, M, T, D); target_map (B, N, D), the targets of every patch; target_idx (B, M, T).
    0: the prediction fits any image as well, so it says nothing but the place. Above 0: it is about
    this image. Raises ValueError for fewer than two images, NaN or infinity.
    """
    p, t = _checked(predictions, 4, "(B, M, T, D)"), _checked(target_map, 3, "(B, N, D)")
    if len(t) < 2:
        raise ValueError("the alignment gap compares an image with another one: give it at least 2 images")
    own, other = take(t, target_idx), take(t.roll(-1, 0), target_idx)  # (B, M, T, D)
    return (F.cosine_similarity(p, own, dim=-1) - F.cosine_similarity(p, other, dim=-1)).mean().item()


@torch.no_grad()
def address_gain(model: IJEPA, images: Tensor, masks: Masks) -> float:
    """The loss with the target addresses of each image shuffled, over the loss with the right ones.

    images (B, C, H, W), normalised, and their masks. 1: the predictor answers the same wherever it is asked,
    so it ignores the question. Above 1: what it says is about the place. The shuffle is always the same one,
    over all target patches of an image. A loss of 0 counts as a gain of 1: there is nothing to gain.
    """
    wanted = take(model.targets(images), masks.target_idx)  # (B, M, T, D)
    loss = LOSSES[model.config.loss]
    right, wrong = (
        loss(model.predict(images, m), wanted).item() for m in (masks, with_shuffled_addresses(masks))
    )
    return wrong / right if right > 0 else 1.0


def with_shuffled_addresses(masks: Masks) -> Masks:
    """The same masks with the target patches of each image in another order, always the same one."""
    flat = masks.target_idx.flatten(1)  # (B, M*T)
    order = torch.rand(flat.shape, generator=torch.Generator().manual_seed(0)).argsort(1).to(flat.device)
    return dataclasses.replace(masks, target_idx=flat.gather(1, order).view_as(masks.target_idx))


def own_image_rank(predictions: Tensor, target_map: Tensor, target_idx: Tensor) -> float:
    """Where the true patch stands among all N patches of its own image, by cosine: a mean from 1 to N.

    predictions (B, M, T, D); target_map (B, N, D); target_idx (B, M, T). 1: every prediction is nearest to
    the patch that was asked for. (N + 1) / 2, the middle: it is no nearer to it than to any other, as when
    all places of an image get one answer. Equals share their ranks. Raises ValueError for NaN or infinity.
    """
    p, t = _checked(predictions, 4, "(B, M, T, D)"), _checked(target_map, 3, "(B, N, D)")
    p, t = F.normalize(p.flatten(1, 2), dim=-1), F.normalize(t, dim=-1)
    cosine = p @ t.transpose(1, 2)  # (B, M*T, N)
    own = cosine.gather(2, target_idx.flatten(1)[..., None])
    near = 1e-6  # nearer than that are equals
    before, equal = (cosine > own + near).sum(2), ((cosine - own).abs() <= near).sum(2)
    return (before + (equal + 1) / 2).mean().item()


def mask_coverage(*batches: Masks) -> tuple[Tensor, Tensor]:
    """How often each patch is seen and asked for: (context_rate, target_rate), each (rows, columns).

    One or more `Masks` on the same grid; a rate is a share of all their images. Give many batches,
    because images of a batch share their block size.
    """
    context = torch.cat([_covered(m, m.context_idx, m.context_keep) for m in batches])  # (B, N)
    target = torch.cat([_covered(m, m.target_idx.flatten(1)) for m in batches])
    return tuple(hit.float().mean(0).view(batches[0].grid) for hit in (context, target))


@torch.no_grad()
def measure(model: IJEPA, images: Tensor, masks: Masks) -> dict[str, float]:
    """The training log's measures of an `IJEPA` or `PixelBaseline`: {"rank", "std", "position_share", "gap",
    "address_gain", "own_image_rank"}.

    images (B, C, H, W), normalised, and their masks. Rank and std are of the target encoder's tokens
    pooled over places (what probes read), position_share of those tokens; the others are of the first
    64 images. Draws no random number and leaves the model as it was.
    """
    tokens = torch.cat([model.target_encoder(part) for part in images.split(GAP_IMAGES)])  # (B, N, D)
    pooled = tokens.mean(1)  # (B, D)
    few = torch.arange(min(GAP_IMAGES, len(images)), device=images.device)
    masks = masks.rows(few)
    predictions, target_map = model.predict(images[few], masks), model.targets(images[few])
    return {
        "rank": effective_rank(pooled),
        "std": feature_std(pooled),
        "position_share": position_share(tokens),
        "gap": alignment_gap(predictions, target_map, masks.target_idx),
        "address_gain": address_gain(model, images[few], masks),
        "own_image_rank": own_image_rank(predictions, target_map, masks.target_idx),
    }


def _checked(x, ndim, shape):
    """`x` in double precision, where the device has it: sums over many tokens keep their digits."""
    if x.ndim != ndim:
        raise ValueError(f"this measure takes a tensor of shape {shape}, not {tuple(x.shape)}")
    if not torch.isfinite(x).all():
        raise NotFinite("the features hold NaN or infinity: the run has diverged or an image is broken")
    return x.detach().to(torch.float32 if x.device.type == "mps" else torch.float64)


def _rounding(x):
    """Relative size of what rounding leaves of equal numbers in the precision that `x` came in."""
    return 8 * torch.finfo(x.dtype).eps if x.is_floating_point() else 0.0


def _covered(masks, idx, keep=None):
    """Which patches are named in idx (B, K): bool (B, N). `keep` (B, K) is False for padding."""
    count = torch.zeros(len(idx), masks.grid[0] * masks.grid[1], device=idx.device)
    ones = torch.ones_like(idx, dtype=count.dtype) if keep is None else keep.to(count.dtype)
    return count.scatter_add_(1, idx, ones) > 0
