"""What a linear map reads from tokens: ridge regression to pixels, mean colour and direction of a patch, and
the share of their variance that it explains (notebook 10; evaluation/directions.py reads angles)."""

from collections.abc import Callable

import torch
from torch import Tensor

from ..evaluation.directions import vectors
from ..method.patches import patchify


def quantities(images: Tensor, angle: Tensor, patch_size: int) -> dict[str, Tensor]:
    """What each patch of `fields` images is: {"pixels": (n, N, C*P*P), "mean colour": (n, N, C), "direction":
    (n, N, 2)}. images: uint8 (n, C, H, W); angle (n, N): of the field at the patches, in radians."""
    patches = patchify(images.float() / 255, patch_size)
    colour = patches.unflatten(-1, (images.shape[1], -1)).mean(-1)
    return {"pixels": patches, "mean colour": colour, "direction": vectors(angle).to(patches)}


def ridge(tokens: Tensor, y: Tensor, penalty: float = 10.0) -> Callable[[Tensor], Tensor]:
    """The linear map from tokens (n, N, D) to y (n, N, Y) with the least squared error plus `penalty` times
    its squared weights, as a function from tokens (..., D) to (..., Y)."""
    tokens, y = tokens.flatten(0, 1), y.flatten(0, 1)
    mean, offset = tokens.mean(0), y.mean(0)
    x = tokens - mean
    weights = torch.linalg.solve(x.T @ x + penalty * torch.eye(x.shape[1]), x.T @ (y - offset))
    return lambda tokens: (tokens - mean) @ weights + offset


def explained(y: Tensor, read: Tensor, mean: Tensor) -> float:
    """The share of the variance of y (..., Y) that `read` explains: 1 if equal, 0 if no better than `mean`
    (Y,), and below 0 if worse."""
    return 1 - ((y - read).square().sum() / (y - mean).square().sum()).item()


def nearby_mean(tokens: Tensor, hidden: Tensor, grid: tuple[int, int], reach: int) -> Tensor:
    """A prediction without a predictor: for each of the patches `hidden` (T,), the mean of the tokens (n, N,
    D) of the visible patches that are at most `reach` rows and columns away: (n, T, D).

    Raises ValueError where a hidden patch has no visible one within reach."""
    patch = torch.arange(grid[0] * grid[1])
    row, column = ((place[hidden, None] - place).abs() for place in (patch // grid[1], patch % grid[1]))
    near = torch.maximum(row, column) <= reach  # (T, N)
    near[:, hidden] = False
    if not near.any(1).all():
        raise ValueError(f"within {reach} rows and columns of a hidden patch there is no visible one")
    weights = near.to(tokens) / near.sum(1, keepdim=True)
    return weights @ tokens
