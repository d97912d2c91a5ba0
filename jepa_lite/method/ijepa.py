"""I-JEPA: three networks and a loss (Assran et al. 2023, arXiv 2301.08243, section 3).

The context encoder sees the context; the predictor says what the target encoder will make of each
target block; the target encoder, a moving average of the context encoder, sees the whole image.
"""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .masks import Masks
from .patches import take
from .predictor import Predictor
from .vit import Encoder

LOSSES = {"smooth_l1": F.smooth_l1_loss, "l2": F.mse_loss}


def layer_norm(tokens: Tensor) -> Tensor:
    """Every token to mean 0 and variance 1 over its own D values (the released code's choice)."""
    return F.layer_norm(tokens, tokens.shape[-1:])


TARGET_NORMS = {"layer": layer_norm, "none": lambda tokens: tokens}  # additions/target_norms.py has more
PREDICTORS = {"per_target": Predictor}  # additions/joint_targets.py has another
INITS = {"xavier": lambda model, config: None}  # what the networks begin with; additions/mimetic_init.py


class IJEPA(nn.Module):
    """The model. `encoder` and `predictor` learn by gradient, `target_encoder` by `update_target`."""

    def __init__(self, config) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.predictor = self.make_predictor(config)
        INITS[config.init](self, config)
        self.target_encoder = copy.deepcopy(self.encoder).requires_grad_(False)

    def make_predictor(self, config) -> nn.Module:
        return PREDICTORS[config.predictor_sequences](config)

    @torch.no_grad()
    def targets(self, images: Tensor, parts: int = 1) -> Tensor:
        """What could be asked for: the target encoder's tokens of the WHOLE images. (B, N, D)

        `parts`: how many pieces of the batch are encoded one after the other, for less memory."""
        tokens = torch.cat([self.target_encoder(part) for part in images.tensor_split(parts) if len(part)])
        return self.as_targets(tokens)

    def as_targets(self, tokens: Tensor) -> Tensor:
        """The target encoder's tokens (B, N, D), an image's mean times `target_image_mean`, normalised."""
        if self.config.target_image_mean != 1:
            tokens = tokens - (1 - self.config.target_image_mean) * tokens.mean(1, keepdim=True)
        return TARGET_NORMS[self.config.target_norm](tokens)

    def predict(self, images: Tensor, masks: Masks) -> Tensor:
        """The predictor's answer for every target block, from the context alone. (B, M, T, D)"""
        keep = masks.context_keep if masks.padded else None
        context = self.encoder(images, masks.context_idx, keep)  # (B, K, D)
        return self.predictor(context, masks.context_idx, masks.target_idx, keep)

    def loss(self, images: Tensor, masks: Masks, target_map: Tensor | None = None) -> Tensor:
        """Distance between prediction and target, a scalar: the mean over every value predicted.

        `target_map` (B, N, D) is `targets(images)`; give it when `images` are a part of a batch."""
        target_map = self.targets(images) if target_map is None else target_map
        predictions = self.predict(images, masks)
        return LOSSES[self.config.loss](predictions, take(target_map, masks.target_idx))

    forward = loss

    @torch.no_grad()
    def update_target(self, momentum: float) -> None:
        """target = momentum * target + (1 - momentum) * encoder, parameters and buffers alike."""
        ours = [*self.target_encoder.parameters(), *self.target_encoder.buffers()]
        theirs = [*self.encoder.parameters(), *self.encoder.buffers()]
        torch._foreach_lerp_(ours, theirs, 1 - momentum)
