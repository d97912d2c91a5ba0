"""Norms of the targets over the batch, for `ModelConfig.target_norm`: "place" and "whiten".

Layer norm, the released code's choice, looks at one token alone. These two look at what a batch of images has
in common, so that no loss can be saved by predicting that.
"""

import contextlib

import torch
import torch.distributed as dist
from torch import Tensor

from ..method.ijepa import TARGET_NORMS

EPS = 0.01  # of the mean eigenvalue: directions with less variance than that are not blown up to 1


def batch_mean(tensor: Tensor) -> Tensor:
    """The mean over the images (B, ...) of the whole batch, whose rows several processes may share."""
    return _mean(tensor.sum(0), len(tensor))


def place_norm(tokens: Tensor) -> Tensor:
    """Every value to mean 0 and variance 1 over the batch, place by place: tokens (B, N, D).

    Takes away what all images share at a place, so that no loss can be saved by knowing the place. In a
    small, young network that is nearly all of a token, and layer norm leaves it in. Not the paper's;
    BYOL's targets have batch normalisation."""
    centred = tokens - batch_mean(tokens)
    return centred / (batch_mean(centred.square()).sqrt() + 1e-5)


def whiten(tokens: Tensor) -> Tensor:
    """Each place to mean 0 over the batch, then all D channels to variance 1 and no correlation: (B, N, D).

    Place norm gives every channel its variance and lets them copy each other: whoever predicts a few of them
    then knows all. Of whitened channels none can be had from the others. The rotation is the one that changes
    the tokens least (ZCA), so that channels keep their meaning from step to step. W-MSE (Ermolov et al. 2021)
    whitens the features of two views; here it is the targets, which carry no gradient."""
    with _all_digits(tokens.device.type):  # which eigenvalues need
        centred = (tokens - batch_mean(tokens)).float()
        flat = centred.flatten(0, 1)  # (B*N, D)
        return centred @ zca(_mean(flat.T @ flat, len(flat)), EPS)


def zca(covariance: Tensor, eps: float) -> Tensor:
    """The symmetric matrix that whitens values of this covariance (D, D).

    `eps` times the mean eigenvalue is added to each of them: what hardly varies is noise."""
    home = covariance.device
    covariance = covariance.cpu() if home.type == "mps" else covariance  # where eigh is missing
    values, vectors = torch.linalg.eigh(covariance)  # (D,), (D, D)
    values = values.clamp(min=0) + eps * values.mean() + 1e-12
    return ((vectors * values.rsqrt()) @ vectors.T).to(home)


def _all_digits(kind):
    """No half precision within, on a kind of device that has it; "meta" has not."""
    has_it = torch.amp.is_autocast_available(kind)
    return torch.autocast(kind, enabled=False) if has_it else contextlib.nullcontext()


def _mean(sums, count):
    """`sums` over `count` rows of this process as the mean over those of all processes."""
    if not dist.is_initialized():
        return sums / count
    count = sums.new_tensor(count, dtype=torch.float32)
    dist.all_reduce(sums)
    dist.all_reduce(count)
    return sums / count


TARGET_NORMS.update(place=place_norm, whiten=whiten)
