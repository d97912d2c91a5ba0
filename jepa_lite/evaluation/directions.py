"""Does a prediction say which way the hatching of a hidden tile runs? For `data/fields.py` alone.

A prediction is a vector of D numbers. A linear map, fitted to the target tokens of some images, reads the
direction from the predictions for others. With the right addresses it should be the true direction; with
addresses that were shuffled within the image it should not.
"""

import math

import torch
from torch import Tensor

from ..data import normalize
from ..method.ijepa import IJEPA
from ..method.masks import Masks
from .measures import with_shuffled_addresses

RIDGE = 1e-3  # added to the mean square of every value of a token, so that copies of a value do no harm


def vectors(angle: Tensor) -> Tensor:
    """Directions (...,) in radians as unit vectors of the doubled angle, for they have no sign: (..., 2)."""
    return torch.stack([(2 * angle).cos(), (2 * angle).sin()], -1)


def degrees_between(a: Tensor, b: Tensor) -> Tensor:
    """How far two directions in radians are apart, in degrees: 0 to 90, and 45 on average by chance."""
    off = (a - b).remainder(math.pi)
    return torch.rad2deg(torch.minimum(off, math.pi - off))


def fit_reading(tokens: Tensor, angle: Tensor) -> Tensor:
    """The linear map from tokens (n, N, D) to `vectors` of their directions (n, N): (D + 1, 2)."""
    x, wanted = _with_one(tokens.flatten(0, 1)), vectors(angle).flatten(0, 1).to(tokens)
    return torch.linalg.solve(x.T @ x + RIDGE * len(x) * torch.eye(x.shape[1]).to(x), x.T @ wanted)


def read(tokens: Tensor, reading: Tensor) -> Tensor:
    """The directions that a map of `fit_reading` finds in tokens (..., D): radians from 0 to pi, (...,)."""
    cosine, sine = (_with_one(tokens) @ reading).unbind(-1)
    return (0.5 * torch.atan2(sine, cosine)).remainder(math.pi)


@torch.no_grad()
def hidden_directions(
    model: IJEPA, images: Tensor, angle: Tensor, masks: Masks, count: int
) -> tuple[Tensor, dict[str, Tensor]]:
    """The directions at the hidden patches of the first `count` images: true, and read from predictions.

    images: uint8 (n, 3, H, W), all but the first `count` of which the map is fitted to; angle (n, N), in
    radians; masks of all n. Returns the hidden patches (count, M*T) and, in radians at these, {"true",
    "right", "wrong"}, the last two read from predictions with the right and with shuffled addresses.
    """
    x, masks = normalize(images.to(next(model.parameters()).device)), masks.to(model.encoder.positions.device)
    answers = {"right": model.predict(x, masks), "wrong": model.predict(x, with_shuffled_addresses(masks))}
    reading = fit_reading(model.targets(x)[count:].float().cpu(), angle[count:])
    hidden = masks.target_idx[:count].flatten(1).cpu()
    found = {"true": angle[:count].gather(1, hidden)}
    return hidden, found | {
        name: read(answer[:count].float().cpu(), reading).flatten(1) for name, answer in answers.items()
    }


def median_error(found: dict[str, Tensor], name: str) -> float:
    """How far "right" or "wrong" of `hidden_directions` are from the true directions: median, in degrees."""
    return degrees_between(found[name], found["true"]).median().item()


def _with_one(x):
    return torch.cat([x, torch.ones_like(x[..., :1])], -1)
