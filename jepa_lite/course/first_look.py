"""One photograph as the shipped encoder sees it, beside an encoder with random weights; and one prediction.

What notebook 00 opens with. The encoders see the photograph at 256 pixels, four times the side that they were
trained at, for finer pictures; the prediction is made at the trained size. A picture is no measure: how good
the features are is in docs/models.md.
"""

import functools
import statistics
from typing import NamedTuple

import torch
from torch import Tensor

from ..additions.stretched_positions import stretched
from ..data import PHOTOS, find_image, normalize
from ..figures.photographs import likeness
from ..figures.predictor import true_ranks
from ..method.masks import Masks, sample_masks
from ..training.checkpoints import load_model
from . import results
from .pointing import untrained

SHIPPED = "pretrained:imagenette"
SIDE = 256  # pixels
BLOCK = -2  # the last but one, chosen by eye, for both encoders


class Seen(NamedTuple):
    """A photograph (C, H, W) in [0, 1], its tokens (N, D) by both encoders, and how patches lie on it."""

    image: Tensor
    trained: Tensor
    untrained: Tensor
    grid: tuple[int, int]
    patch_size: int


class Prediction(NamedTuple):
    """A photograph (C, H, W) in [0, 1], what was hidden in it, predictions (M, T, D), targets (N, D).

    ranks (M, T): that of each true patch among the N targets of the photograph, when they are ordered by
    their cosine with the prediction; 1 is best, and who guesses gets (N + 1) / 2 on average."""

    image: Tensor
    masks: Masks
    predictions: Tensor
    targets: Tensor
    ranks: Tensor


@functools.lru_cache(maxsize=len(PHOTOS))
@torch.no_grad()
def seen(name: str) -> Seen:
    """A bundled photograph (one of `data.PHOTOS`) as the shipped encoder and an untrained one see it."""
    model, size = load_model(SHIPPED)[0], (SIDE, SIDE)
    image = find_image(name, size)  # (C, H, W), uint8
    encoders = [stretched(one, size) for one in (model.target_encoder, untrained(model))]
    tokens = [one.stages(normalize(image[None]))[BLOCK][0] for one in encoders]  # (N, D) each
    return Seen(image.float() / 255, *tokens, encoders[0].grid, encoders[0].patch_size)


@torch.no_grad()
def predict(name: str, seed: int = 0) -> Prediction:
    """Hide blocks of a bundled photograph, by the rule of training, and predict them: a `Prediction`.

    The targets are normalised over the eight photographs, because the shipped model's norm is over a batch.
    """
    model, config = load_model(SHIPPED)
    size, row = model.config.image_size, list(PHOTOS).index(name)
    images = torch.stack([find_image(one, size) for one in PHOTOS])
    masks = sample_masks(model.config.grid, 1, config.masks, torch.Generator().manual_seed(seed))
    targets = model.targets(normalize(images))[row]  # (N, D)
    predictions = model.predict(normalize(images[row : row + 1]), masks)[0]  # (M, T, D)
    where = masks.target_idx[0]  # (M, T)
    ranks = true_ranks(predictions.flatten(0, 1), targets, where.flatten()).view(where.shape)
    return Prediction(images[row].float() / 255, masks, predictions, targets, ranks)


def patch_at(y: int, x: int, patch_size: int, columns: int) -> int:
    """The number of the patch that holds the pixel in row y and column x, both from 0, as patches are
    numbered: along the rows of the grid, which has so many columns, from 0."""
    return y // patch_size * columns + x // patch_size


def most_alike(tokens: Tensor, patch: int) -> int:
    """Of tokens (N, D), the number of the one most like token `patch`, other than itself: by cosine, after
    the mean of all tokens is taken out."""
    like = likeness(tokens[None], [patch])[0].clone()  # (N,)
    like[patch] = -torch.inf
    return int(like.argmax())


def controls() -> list[dict]:
    """Accuracies of the shipped encoder on held-out photographs of Imagenette's ten classes, beside controls.

    Rows for `figures.curves.control_bars`, from results("real_images"): one seed of the trained encoder, the
    mean and the spread of the untrained ones."""
    measured = results("real_images")
    controls, shipped = (
        [row for row in measured[kind] if row["data"] == "imagenette"] for kind in ("controls", "shipped")
    )
    kinds = {"pixels": "raw pixels", "random": "random weights"}
    rows = {name: [row for row in controls if row["name"] == kind] for name, kind in kinds.items()}
    found = [{"name": "chance", "linear": 0.1, "knn": 0.1}]
    for name, seeds in (rows | {"ijepa": shipped}).items():
        found.append({"name": name} | {p: statistics.mean(r[p] for r in seeds) for p in ("linear", "knn")})
        if len(seeds) > 1:
            found[-1] |= {f"{p}_std": statistics.stdev(r[p] for r in seeds) for p in ("linear", "knn")}
    return found
