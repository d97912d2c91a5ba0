"""The pixel-prediction baseline: same encoder, masks and steps, but it predicts pixels (paper, Table 7).

The matched control for the claim that it pays to predict in the space of representations. A target is
a patch's own pixels, normalised per patch (He et al. 2022, section 3, found that to help pixels).
"""

import torch
from torch import Tensor, nn

from ..config import ModelConfig
from ..method.ijepa import IJEPA, PREDICTORS
from ..method.patches import patchify


class PixelBaseline(IJEPA):
    """`IJEPA` with other targets. The moving average is kept, so that the same encoder is probed."""

    def make_predictor(self, config: ModelConfig) -> nn.Module:
        pixels = config.channels * config.patch_size**2
        return PREDICTORS[config.predictor_sequences](config, out_width=pixels)

    @torch.no_grad()
    def targets(self, images: Tensor, parts: int = 1) -> Tensor:
        """The pixels of every patch, each patch to mean 0 and variance 1. (B, N, C*P*P)"""
        patches = patchify(images, self.config.patch_size)
        mean, std = patches.mean(-1, keepdim=True), patches.std(-1, keepdim=True)
        return (patches - mean) / (std + 1e-3)


def make_model(config: ModelConfig, seed: int = 0) -> IJEPA:
    """The network of a ModelConfig, `IJEPA` or `PixelBaseline`, with weights drawn from `seed`."""
    with torch.random.fork_rng(devices=[]):  # torch's own initialisers know only the global generator
        torch.default_generator.manual_seed(int(seed))
        return (PixelBaseline if config.predicts == "pixels" else IJEPA)(config)
