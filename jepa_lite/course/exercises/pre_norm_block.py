"""Exercise of notebook 04: the pre-norm block."""

import torch
import torch.nn as nn
import torch.nn.functional as F

from ...method.vit import Block
from .engine import exercise


def _block(x, norm1, attn, norm2, mlp):
    x = x + attn(norm1(x))
    return x + mlp(norm2(x))


def _parts(B, N, D, seed):
    """Tokens and the four parts of a block, with weights of which no two are alike."""
    generator = torch.Generator().manual_seed(seed)
    weights = iter(torch.randn(8, D, D, generator=generator) * D**-0.5)

    def norm():
        scale, shift = 1 + next(weights)[0], next(weights)[0]
        return lambda x: F.layer_norm(x, (D,), scale, shift)

    def part(mixes):
        matrix, bias = next(weights), next(weights)[0]
        return lambda x: torch.tanh((x + x.mean(1, keepdim=True) if mixes else x) @ matrix + bias)

    return 2 * torch.randn(B, N, D, generator=generator), norm(), part(True), norm(), part(False)


exercise(
    name="pre_norm_block",
    notebook="04",
    answer=_block,
    cases=lambda: [_parts(2, 5, 6, 0), _parts(3, 4, 8, 1)],
    traps=lambda: {
        "A batch may hold one image, and an image one token.": _parts(1, 1, 6, 2),
    },
    returns="the tokens after the block (B, N, D)",
    hint="Two lines of one shape: x = x + part(norm(x)). The first part is attention with norm1, the second "
    "the MLP with norm2, and the second line reads what the first has made of x.",
    source=(Block,),
    mistakes=(
        (
            "This is post-norm: the sum is normalised, as in the first transformers. In a ViT the norm "
            "stands before each part, on a copy, and the sum flows through untouched.",
            lambda x, norm1, attn, norm2, mlp: norm2((y := norm1(x + attn(x))) + mlp(y)),
            lambda x, norm1, attn, norm2, mlp: (y := x + norm1(attn(x))) + norm2(mlp(y)),
            lambda x, norm1, attn, norm2, mlp: norm2((y := norm1(x + attn(norm1(x)))) + mlp(norm2(y))),
        ),
        (
            "The second sum is missing: the MLP's output is added to what came out of attention.",
            lambda x, norm1, attn, norm2, mlp: mlp(norm2(x + attn(norm1(x)))),
        ),
        (
            "The first sum is missing: attention's output is added to x.",
            lambda x, norm1, attn, norm2, mlp: (y := attn(norm1(x))) + mlp(norm2(y)),
        ),
        (
            "The second sum carries the block's input: it must carry what the first has made of it.",
            lambda x, norm1, attn, norm2, mlp: x + mlp(norm2(x + attn(norm1(x)))),
        ),
        (
            "The second norm is missing: the MLP reads its own normalised copy.",
            lambda x, norm1, attn, norm2, mlp: _block(x, norm1, attn, nn.Identity(), mlp),
        ),
        (
            "The first norm is missing: attention reads its own normalised copy.",
            lambda x, norm1, attn, norm2, mlp: _block(x, nn.Identity(), attn, norm2, mlp),
        ),
        (
            "The two norms are swapped: norm1 is attention's, norm2 the MLP's.",
            lambda x, norm1, attn, norm2, mlp: _block(x, norm2, attn, norm1, mlp),
        ),
        (
            "Only attention is there: its sum is half of the block, the MLP's is the other.",
            lambda x, norm1, attn, norm2, mlp: x + attn(norm1(x)),
        ),
        (
            "Only the MLP is there: its sum is half of the block, attention's is the other.",
            lambda x, norm1, attn, norm2, mlp: x + mlp(norm2(x)),
        ),
        (
            "Attention and MLP have each other's place and norm: attention comes first, on norm1.",
            lambda x, norm1, attn, norm2, mlp: _block(x, norm1, mlp, norm2, attn),
        ),
        (
            "The first part is applied twice; the second is the MLP.",
            lambda x, norm1, attn, norm2, mlp: _block(x, norm1, attn, norm2, attn),
            lambda x, norm1, attn, norm2, mlp: _block(x, norm1, attn, norm1, attn),
        ),
        (
            "The norms are applied on top of each other: the MLP reads norm2 of the sum, nothing else.",
            lambda x, norm1, attn, norm2, mlp: _block(x, norm1, attn, lambda y: norm2(norm1(y)), mlp),
        ),
        (
            "A norm is put on what the block gives: the sum flows out untouched.",
            lambda x, norm1, attn, norm2, mlp: norm2(_block(x, norm1, attn, norm2, mlp)),
            lambda x, norm1, attn, norm2, mlp: norm1(_block(x, norm1, attn, norm2, mlp)),
        ),
        (
            "The input is added once more: two sums, one for each part.",
            lambda x, norm1, attn, norm2, mlp: x + _block(x, norm1, attn, norm2, mlp),
        ),
        (
            "Nothing is added back: without the residual sum a block replaces the tokens, and what a patch "
            "was is lost in the first one.",
            lambda x, norm1, attn, norm2, mlp: mlp(norm2(attn(norm1(x)))),
        ),
        (
            "One norm is used for both parts; each has its own scale and shift.",
            lambda x, norm1, attn, norm2, mlp: _block(x, norm1, attn, norm1, mlp),
        ),
        (
            "The MLP reads the tokens from before attention: it must read what attention has gathered.",
            lambda x, norm1, attn, norm2, mlp: x + attn(norm1(x)) + mlp(norm2(x)),
        ),
        (
            "The normalised copy is added back in place of the token: the sum must carry x itself.",
            lambda x, norm1, attn, norm2, mlp: (n := norm2((m := norm1(x)) + attn(m))) + mlp(n),
            lambda x, norm1, attn, norm2, mlp: (y := (m := norm1(x)) + attn(m)) + mlp(norm2(y)),
            lambda x, norm1, attn, norm2, mlp: (n := norm2(x + attn(norm1(x)))) + mlp(n),
        ),
        (
            "The parts read x as it is: normalise the copy that each of them reads.",
            lambda x, norm1, attn, norm2, mlp: _block(x, nn.Identity(), attn, nn.Identity(), mlp),
        ),
        (
            "MLP and attention are in the wrong order: first gather from the others, then think it over.",
            lambda x, norm1, attn, norm2, mlp: _block(x, norm2, mlp, norm1, attn),
        ),
    ),
)
