"""Four ways to collapse and a healthy run beside them, all of the collapse laboratory (notebooks 06 and 07).

The four run without stop-gradient, and differ in what the norm of the targets still forbids. All begin with
the same weights and see the same images and masks.
"""

import functools
import warnings

import torch
from torch import Tensor, nn

from ..baselines.switches import SwitchedIJEPA, Switches
from ..config import ModelConfig
from ..data.images import normalize
from ..data.shapes import ShapeFactors, shapes
from ..evaluation.measures import feature_std
from ..training.run import Run
from ..widgets.collapse_run import lab_run

STEPS = 100  # enough for each to show
CONTRAST = 0.4  # faint images, whose untrained tokens are to a good part their places


class WithinImage(SwitchedIJEPA):
    """Targets are normalised over the places of each image: they differ within it, whatever the image is."""

    def targets(self, images: Tensor, parts: int = 1) -> Tensor:
        tokens = super().targets(images, parts)  # (B, N, D)
        centred = tokens - tokens.mean(1, keepdim=True)
        return centred / (centred.square().mean(1, keepdim=True).sqrt() + 1e-5)


class Unnormed(SwitchedIJEPA):
    """No norm at all, not even the encoder's own last one: tokens may become small."""

    def __init__(self, config: ModelConfig, switches: Switches) -> None:
        super().__init__(config, switches)
        self.encoder.norm = self.target_encoder.norm = nn.Identity()


_BARE = Switches(stop_gradient=False, target_norm="none")
RECIPES = {  # name: (switches, kind of model)
    "healthy": (Switches(), SwitchedIJEPA),
    "complete": (Switches(stop_gradient=False, target_norm="layer"), SwitchedIJEPA),
    "positional": (_BARE, WithinImage),
    "shrinking": (_BARE, Unnormed),
    "dimensional": (Switches(stop_gradient=False), SwitchedIJEPA),
}


@functools.lru_cache(maxsize=1)
def images() -> Tensor:
    """What all of them see, uint8 (1000, 3, 32, 32): faint shapes under a light that the image shares."""
    bright = shapes(1000, 32, seed=0, factors=ShapeFactors(light="shared"))[0]
    return (128 + CONTRAST * (bright.float() - 128)).round().to(torch.uint8)


def start(name: str, steps: int = STEPS) -> Run:
    """The `Run` of one of RECIPES, before its first step."""
    switches, kind = RECIPES[name]
    return lab_run(switches, steps=steps, images=images(), kind=kind)


@torch.no_grad()
def look(run: Run) -> dict[str, float]:
    """The log's measures, and two more: "within", the feature std of the tokens of one image, and "size", how
    far on average a token's value is from that of the mean image at its place."""
    tokens = run.model.target_encoder(normalize(images()[:200]))  # (B, N, D)
    within = sum(feature_std(image) for image in tokens[:20]) / 20
    return run.measures() | {
        "within": within,
        "size": (tokens - tokens.mean(0)).square().mean().sqrt().item(),
    }


def watched(name: str, steps: int = STEPS) -> tuple[list[dict], str]:
    """Train one of RECIPES: (its log, which alarms rang).

    The log begins with step 0, which has no loss; there and at the end it has all of `look`.
    """
    run = start(name, steps)
    log = [{"step": 0, "loss": None} | look(run)]
    with warnings.catch_warnings(record=True) as rung:  # the library rings an alarm by a warning
        warnings.simplefilter("always")
        log += run.steps()
    log[-1] |= look(run)
    return log, ", ".join(str(one.message).partition(":")[0] for one in rung) or "never"
