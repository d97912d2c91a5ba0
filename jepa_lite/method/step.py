"""One training step on one device: the whole method, from images to a better model (section 3, appendix A.1).

This is what a run repeats. training/run.py calls the same parts in the same order; around them it has what a
long run needs: batches in pieces, several processes, half precision, the check for a loss that is no number.
"""

from torch import Generator, Tensor, inf, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer

from .ijepa import IJEPA
from .masks import sample_masks
from .optim import set_rates


def train_step(model: IJEPA, optimizer: Optimizer, images: Tensor, config, progress: float,
               generator: Generator | None = None) -> dict[str, float]:  # fmt: skip
    """Make one step on `images` (B, C, H, W), normalised, on the model's device; returns what to log.

    config: a `Config`; progress: 0 at the first step, 1 after the last; generator: draws the masks."""
    rates = set_rates(optimizer, config.train, progress)
    masks = sample_masks(model.config.grid, len(images), config.masks, generator).to(images.device)
    loss = model.loss(images, masks)
    loss.backward()  # into the context encoder and the predictor: the targets carry no gradient
    gradient = clip_gradient(model, config.train.clip_grad)
    update(model, optimizer, rates["momentum"])
    return {"loss": loss.item(), **rates, "gradient": gradient}


def clip_gradient(model: nn.Module, most: float | None) -> float:
    """Scale the gradient of all weights to a norm of at most `most`, if that is given; returns the norm."""
    return float(clip_grad_norm_([p for p in model.parameters() if p.requires_grad], most or inf))


def update(model: IJEPA, optimizer: Optimizer, momentum: float) -> None:
    """The optimiser moves encoder and predictor; then the target encoder follows the encoder."""
    optimizer.step()
    optimizer.zero_grad()
    model.update_target(momentum)
