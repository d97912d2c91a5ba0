"""An embedding of whitened patches, for `ModelConfig.patch_embedding`: "whitened".

Neighbouring pixels are nearly equal, so nearly all of a raw patch is its mean colour, and edges and textures
drown. Whitening gives every pattern of pixels the same variance. It is a fixed map, fitted to training images
before the first step, in front of the trained one; both together are one linear map, as before.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..method.patches import patchify
from ..method.vit import EMBEDDINGS, Encoder
from .target_norms import zca

IMAGES = 2048  # from which the whitening is fitted
EPS = 0.01  # of the mean eigenvalue; see `zca`


class WhitenedLinear(nn.Linear):
    """A linear layer on whitened patches: (..., C*P*P) -> (..., D).

    The whitening is saved with the weights."""

    def __init__(self, length: int, width: int) -> None:
        super().__init__(length, width)
        self.register_buffer("mean", torch.zeros(length))
        self.register_buffer("whitening", torch.eye(length))

    def forward(self, patches: Tensor) -> Tensor:
        weight = self.weight @ self.whitening  # (D, C*P*P): cheaper than whitening every patch
        return F.linear(patches, weight, self.bias - weight @ self.mean)

    @property
    def fitted(self) -> bool:
        return bool(self.mean.any())

    @torch.no_grad()
    def fit(self, patches: Tensor) -> None:
        """Fit the whitening to patches (n, C*P*P) of training images."""
        patches = patches.double() if patches.device.type != "mps" else patches.float()
        self.mean.copy_(patches.mean(0))
        self.whitening.copy_(zca((patches - patches.mean(0)).T.cov(correction=0), EPS))


def fit_whitening(model: nn.Module, sample: Callable[[int], Tensor]) -> None:
    """Fit the whitening of those encoders in `model` that have one and were not fitted yet.

    sample(n): at most n training images (n, C, H, W), normalised; called only if an encoder needs them."""
    encoders = [m for m in model.modules() if isinstance(m, Encoder) and not getattr(m.embed, "fitted", True)]
    if encoders:
        images = sample(IMAGES)
        for encoder in encoders:
            encoder.embed.fit(patchify(images, encoder.patch_size).flatten(0, 1))


EMBEDDINGS["whitened"] = WhitenedLinear
