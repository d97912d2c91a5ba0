"""Exercises of notebook 04: attention, the tokens of kept patches, and the pre-norm block."""

import torch
import torch.nn as nn
import torch.nn.functional as F

from ..patches import take
from ..vit import Attention, Block, Encoder
from .engine import exercise

# --- attention --------------------------------------------------------------------------------------


def _attention(q, k, v, keep):
    return F.scaled_dot_product_attention(q, k, v, attn_mask=keep[:, None, None, :])


def _by_hand(q, k, v, keep, scale=None, fill=-torch.inf, over=-1, queries=False, late=False):
    """Attention with one of its steps made wrongly."""
    keep = keep[:, None, :, None] if queries else keep[:, None, None, :]
    scores = q @ k.transpose(-2, -1) * (q.shape[-1] ** -0.5 if scale is None else scale)  # (B, h, N, N)
    weights = scores.softmax(over) * keep if late else scores.masked_fill(~keep, fill).softmax(over)
    return weights @ v


def _heads(B, h, N, d, seed):
    """Queries, keys and values, and in every image some padding, somewhere: not only at the end."""
    generator = torch.Generator().manual_seed(seed)
    q, k, v = 1.5 * torch.randn(3, B, h, N, d, generator=generator)
    order = torch.rand(B, N, generator=generator).argsort(1)
    return q, k, v, order < torch.randint(N // 2, N, (B, 1), generator=generator)


exercise(
    name="attention",
    notebook="04",
    answer=_attention,
    cases=lambda: [_heads(2, 3, 7, 5, 0), _heads(4, 1, 6, 8, 1), _heads(3, 2, 5, 4, 2)],
    returns="what the queries get (B, h, N, d)",
    hint="Scores are the dot products of every query with every key, divided by the root of d. Where keep is "
    "False a score becomes minus infinity, for all queries. Softmax over keys, then weights times values.",
    source=(Attention,),
    mistakes=(
        (
            "The scores are not scaled: a dot product of d numbers grows with the root of d, and softmax of "
            "large scores looks at one key alone. Divide by d ** 0.5.",
            lambda q, k, v, keep: _by_hand(q, k, v, keep, scale=1.0),
        ),
        (
            "The scores are divided by d: it is the ROOT of d by which dot products of random vectors grow.",
            lambda q, k, v, keep: _by_hand(q, k, v, keep, scale=1 / q.shape[-1]),
        ),
        (
            "Softmax runs over the queries: each query shares out its own attention, so its weights over the "
            "KEYS sum to one, the last axis.",
            lambda q, k, v, keep: _by_hand(q, k, v, keep, over=-2),
        ),
        (
            "Queries and keys are swapped: row i says where query i looks, so q comes first.",
            lambda q, k, v, keep: _by_hand(k, q, v, keep),
        ),
        (
            "Padding is looked at: where keep is False there is no patch, and its score must be minus "
            "infinity.",
            lambda q, k, v, keep: _by_hand(q, k, v, torch.ones_like(keep)),
        ),
        (
            "The mask is upside down: keep is True for real tokens, and PyTorch's boolean attn_mask, too, is "
            "True where looking is allowed.",
            lambda q, k, v, keep: _by_hand(q, k, v, ~keep),
        ),
        (
            "A padded key gets the score 0, which is a score like any other: softmax gives it weight. Minus "
            "infinity gives it none.",
            lambda q, k, v, keep: _by_hand(q, k, v, keep, fill=0.0),
        ),
        (
            "Padding is taken out after softmax, so the weights of the real tokens no longer sum to one. "
            "Take it out of the scores, before.",
            lambda q, k, v, keep: _by_hand(q, k, v, keep, late=True),
        ),
        (
            "The mask lies on the queries: a padded query may look, nobody cares. It is the KEYS at padding "
            "that must not be looked at, so keep goes to the last axis, keep[:, None, None, :].",
            lambda q, k, v, keep: _by_hand(q, k, v, keep, queries=True),
        ),
    ),
)


# --- kept_tokens ------------------------------------------------------------------------------------


def _tokens(patches, positions, weight, idx):
    return take(patches, idx) @ weight.T + positions[idx]


def _kept(B, N, F_, D, K, seed):
    generator = torch.Generator().manual_seed(seed)
    patches, positions = torch.randn(B, N, F_, generator=generator), torch.randn(N, D, generator=generator)
    idx = torch.stack([1 + torch.randperm(N - 1, generator=generator)[:K] for _ in range(B)])
    return patches, positions, torch.randn(D, F_, generator=generator), idx


def _placed(at):
    """A wrong `kept_tokens` that adds other positions, `at(positions, idx)`."""
    return lambda patches, positions, weight, idx: take(patches, idx) @ weight.T + at(positions, idx)


exercise(
    name="kept_tokens",
    notebook="04",
    answer=_tokens,
    cases=lambda: [_kept(3, 11, 5, 6, 4, 0), _kept(2, 9, 7, 3, 6, 1)],
    returns="the tokens (B, K, D)",
    hint="Two things are picked by idx: the patches of each image (pick_tokens of notebook 02, or take) and, "
    "from the one table for all images, their positions: positions[idx]. The weight is (D, F), so transpose.",
    source=(Encoder.tokens, take),
    mistakes=(
        (
            "The positions are forgotten: without them the encoder sees a bag of patches.",
            _placed(lambda positions, idx: 0.0),
        ),
        (
            "The kept patches get positions 0 to K - 1, as if they had been pushed together: each keeps the "
            "address that it has in the image.",
            _placed(lambda positions, idx: positions[: idx.shape[1]]),
        ),
        (
            "The positions are added twice: once, before or after picking.",
            _placed(lambda positions, idx: 2 * positions[idx]),
        ),
        (
            "All images keep the first image's patches: each has its own row of idx.",
            lambda patches, positions, weight, idx: _tokens(
                patches, positions, weight, idx[:1].expand_as(idx)
            ),
        ),
        (
            "The patches are each image's own, but all get the positions of the first image's.",
            _placed(lambda positions, idx: positions[idx[0]]),
        ),
        (
            "It leaks: the mean over ALL patches is taken off, so hidden pixels change what is seen. Drop "
            "them before you compute anything.",
            lambda patches, positions, weight, idx: _tokens(
                patches - patches.mean(1, keepdim=True), positions, weight, idx
            ),
        ),
        (
            "Hidden patches are still there, as blanks: N tokens come out. Blank is not absent: drop them.",
            lambda patches, positions, weight, idx: _blanked(patches, idx) @ weight.T + positions,
        ),
    ),
)


def _blanked(patches, idx):
    seen = torch.zeros(patches.shape[:2]).scatter_(1, idx, 1.0)  # (B, N)
    return patches * seen[..., None]


# --- pre_norm_block ---------------------------------------------------------------------------------


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
    returns="the tokens after the block (B, N, D)",
    hint="Two lines of one shape: x = x + part(norm(x)). The first part is attention with norm1, the second "
    "the MLP with norm2, and the second line reads what the first has made of x.",
    source=(Block,),
    mistakes=(
        (
            "This is post-norm: the sum is normalised, as in the first transformers. In a ViT the norm "
            "stands before each part, on a copy, and the sum flows through untouched.",
            lambda x, norm1, attn, norm2, mlp: norm2((y := norm1(x + attn(x))) + mlp(y)),
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
            lambda x, norm1, attn, norm2, mlp: (
                (y := (n := norm1(x)) + attn(n)) * 0 + norm2(y) + mlp(norm2(y))
            ),
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
