"""First weights that make short runs quick, for `ModelConfig.init`: "mimetic".

With random weights attention starts nearly even, and to learn that a token should look at the places
beside it takes most of a short run. In trained transformers the product of the query and the key weights
has a large positive diagonal, and that of the output and the value weights a negative one. Trockman and
Kolter (2023, arXiv 2305.09828) begin with weights that look so. Here the keys begin equal to the queries,
so that a token attends to those that resemble it, and the predictor's learned positions begin at the
sin-cos ones, so that near places do resemble each other. Everything is trained afterwards as before.

`init_mlp_gain` is about the targets. An untrained encoder is nearly linear in its patches, so the direction
of a texture, whose phase is random, is hardly in its tokens, and there is little to predict. With larger
MLPs the encoder is less linear, and the direction is in its tokens from the start.
"""

import torch
from torch import Tensor, nn

from ..method.ijepa import INITS
from ..method.patches import sincos_positions
from ..method.predictor import Predictor
from ..method.vit import Attention, Encoder

SHARPNESS = 2.0  # how many times larger than Xavier's the query and key weights begin
DIAGONAL, NOISE = -0.4, 0.4  # of the product of the output and the value weights


@torch.no_grad()
def mimetic(model: nn.Module, config) -> None:
    """Set the first weights of an IJEPA, or of an encoder alone, of a `ModelConfig`, in place."""
    for part in model.modules():
        if isinstance(part, Attention):
            _attend_to_like_tokens(part)
        elif isinstance(part, Predictor) and config.predictor_positions == "learned":
            part.positions.copy_(near_places(config.grid, config.predictor_width))
        elif isinstance(part, Encoder):
            for block in part.blocks:
                for layer in (block.mlp.fc1, block.mlp.fc2):
                    layer.weight.mul_(config.init_mlp_gain)


def _attend_to_like_tokens(attention):
    width = attention.proj.in_features
    query, key, value = attention.qkv.weight.split(width)  # (D, D) each
    query.mul_(SHARPNESS)
    key.copy_(query)
    random = torch.randn(width, width, dtype=torch.float64) / width**0.5
    product = NOISE * random + DIAGONAL * torch.eye(width, dtype=torch.float64)
    left, sizes, right = torch.linalg.svd(product)
    attention.proj.weight.copy_(left * sizes.sqrt())
    value.copy_(sizes.sqrt()[:, None] * right)


def near_places(grid: tuple[int, int], width: int) -> Tensor:
    """Sin-cos positions (N, width) with mean 0 at every value and variance 1 over all of them.

    Near places are alike in it, and context tokens, which have their content beside it, still show it."""
    table = sincos_positions(grid, width)
    centred = table - table.mean(0)
    return centred / centred.std()


INITS["mimetic"] = mimetic
