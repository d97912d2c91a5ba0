"""Exercises of notebook 04: attention, the tokens of kept patches, and the pre-norm block."""

import torch
import torch.nn as nn
import torch.nn.functional as F

from ...method.patches import take
from ...method.vit import Attention, Block, Encoder
from .engine import exercise

# --- attention --------------------------------------------------------------------------------------


def _attention(q, k, v, keep):
    return F.scaled_dot_product_attention(q, k, v, attn_mask=keep[:, None, None, :])


def _softmax(scores, axis=-1):
    return scores.softmax(axis)


def _by_hand(q, k, v, keep, power=-0.5, fill=-torch.inf, share=_softmax, queries=False, late=False):
    """Attention with one of its steps made wrongly; `share` makes weights of scores."""
    keep = keep[:, None, :, None] if queries else keep[:, None, None, :]
    scores = q @ k.transpose(-2, -1) * q.shape[-1] ** power  # (B, h, N, N)
    weights = share(scores) * keep if late else share(scores.masked_fill(~keep, fill))
    return weights @ v


def _over(axis, fill=-torch.inf):
    """Softmax over another axis. Without padding nothing is nan, so the first case shows it."""
    return lambda q, k, v, keep: _by_hand(q, k, v, keep, fill=fill, share=lambda s: s.softmax(axis))


def _both(q, k, v, keep, fill):
    pairs = keep[:, None, :, None] & keep[:, None, None, :]  # (B, 1, N, N)
    return (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(~pairs, fill).softmax(-1) @ v


def _share_of_sum(scores, change):
    weights = change(scores)
    return weights / weights.sum(-1, keepdim=True)


def _heads(B, h, N, d, seed):
    """Queries, keys and values, and in every image some padding, somewhere: not only at the end."""
    generator = torch.Generator().manual_seed(seed)
    q, k, v = 1.5 * torch.randn(3, B, h, N, d, generator=generator)
    order = torch.rand(B, N, generator=generator).argsort(1)
    return q, k, v, order < torch.randint(N // 2, N, (B, 1), generator=generator)


def _low():
    """Scores of real keys around -40."""
    q, k, v, keep = _heads(2, 2, 5, 4, 7)
    return q.abs() + 9, -k.abs() - 1, v, keep


def _unpadded(*sizes):
    q, k, v, keep = _heads(*sizes)
    return q, k, v, torch.ones_like(keep)


exercise(
    name="attention",
    notebook="04",
    answer=_attention,
    cases=lambda: [
        _unpadded(2, 3, 5, 4, 3),
        _heads(2, 3, 7, 5, 0),
        _heads(4, 2, 6, 8, 1),
        _heads(3, 2, 5, 4, 2),
    ],
    traps=lambda: {
        "Real scores may be low: then -10 or so is no filler for padding, minus infinity is.": _low(),
        "A batch may hold one image.": _heads(1, 2, 5, 3, 4),
        "There may be one head.": _heads(3, 1, 5, 3, 5),
        "A head may have one number (d = 1), an image one token.": _unpadded(2, 3, 1, 1, 6),
    },
    returns="what the queries get (B, h, N, d)",
    hint="Scores are the dot products of every query with every key, divided by the root of d. Where keep is "
    "False a score becomes minus infinity, for all queries. Softmax over keys, then weights times values.",
    source=(Attention,),
    mistakes=(
        (
            "The scores are not scaled: a dot product of d numbers grows with the root of d, and softmax of "
            "large scores looks at one key alone. Divide by d ** 0.5.",
            lambda q, k, v, keep: _by_hand(q, k, v, keep, power=0),
        ),
        (
            "The scores are divided by d: it is the ROOT of d by which dot products of random vectors grow.",
            lambda q, k, v, keep: _by_hand(q, k, v, keep, power=-1),
        ),
        (
            "Softmax runs over the queries: each query shares out its own attention, so its weights over the "
            "KEYS sum to one, the last axis.",
            _over(-2),
            _over(-2, -1e9),
        ),
        (
            "Softmax runs over the heads or over the images: each query of each head shares out its own "
            "attention over the KEYS, the last axis.",
            *(_over(axis, fill) for axis in (0, 1) for fill in (-torch.inf, -1e9)),
        ),
        (
            "Softmax runs over all queries and keys at once: the weights of EACH query sum to one.",
            lambda q, k, v, keep: _by_hand(
                q, k, v, keep, share=lambda s: s.flatten(-2).softmax(-1).view_as(s)
            ),
        ),
        (
            "The scores grow: they are divided by the root of d, not multiplied by it.",
            lambda q, k, v, keep: _by_hand(q, k, v, keep, power=0.5),
        ),
        (
            "The scores are divided by the root of another number than d, the length of a head's queries: "
            "take q.shape[-1], neither N nor h nor h * d.",
            *(
                lambda q, k, v, keep, of=of: _attention(q * (q.shape[-1] / of(q.shape)) ** 0.5, k, v, keep)
                for of in (lambda z: z[2], lambda z: z[1], lambda z: z[1] * z[3], lambda z: z[0])
            ),
        ),
        (
            "There is no softmax: the scores themselves weigh the values, so that weights may be negative "
            "and sum to anything.",
            lambda q, k, v, keep: _by_hand(q, k, v, keep, fill=0.0, share=lambda s: s),
            lambda q, k, v, keep: _by_hand(
                q, k, v, keep, fill=0.0, share=lambda s: _share_of_sum(s, lambda x: x)
            ),
        ),
        (
            "The exponentials are not divided by their sum: the weights of a query sum to one.",
            lambda q, k, v, keep: _by_hand(q, k, v, keep, share=torch.exp),
        ),
        (
            "These are sigmoids: they look at each key by itself. Softmax makes keys compete.",
            lambda q, k, v, keep: _by_hand(q, k, v, keep, share=torch.sigmoid),
        ),
        (
            "Values and keys are swapped: queries are compared to keys, and what they get are values.",
            lambda q, k, v, keep: _attention(q, v, k, keep),
        ),
        (
            "Queries are compared to queries, or keys to keys: a query asks, the keys answer.",
            lambda q, k, v, keep: _attention(q, q, v, keep),
            lambda q, k, v, keep: _attention(k, k, v, keep),
        ),
        (
            "What comes out are the keys or queries, weighed; wanted are the VALUES.",
            lambda q, k, v, keep: _attention(q, k, k, keep),
            lambda q, k, v, keep: _attention(q, k, q, keep),
        ),
        (
            "All images get the first one's padding: keep has a row for each.",
            lambda q, k, v, keep: _attention(q, k, v, keep[:1].expand_as(keep)),
        ),
        (
            "A padded query gets 0 here. It may look, nobody reads it: keep hides KEYS, and nothing else.",
            lambda q, k, v, keep: _attention(q, k, v, keep) * keep[:, None, :, None],
        ),
        (
            "A query may look only at keys before it: that is for text. Patches have no such order.",
            lambda q, k, v, keep: F.scaled_dot_product_attention(
                q,
                k,
                v,
                attn_mask=keep[:, None, None] & torch.ones(2 * q.shape[-2:-1], dtype=torch.bool).tril(),
            ),
            lambda q, k, v, keep: F.scaled_dot_product_attention(q, k, v, is_causal=True),
        ),
        (
            "Padding gets a LARGE score, so that it gets all the attention: the sign of the filler is wrong.",
            lambda q, k, v, keep: _by_hand(q, k, v, keep, fill=1e9),
        ),
        (
            "The filler is a small number like any score: softmax gives it weight. Take minus infinity.",
            *(
                lambda q, k, v, keep, fill=fill: _by_hand(q, k, v, keep, fill=fill)
                for fill in (-1.0, -2.0, -5.0)
            ),
        ),
        (
            "Queries and keys are swapped: row i says where query i looks, so q comes first.",
            lambda q, k, v, keep: _by_hand(k, q, v, keep),
        ),
        (
            "Padding is looked at: where keep is False there is no patch, and its score must be minus "
            "infinity.",
            lambda q, k, v, keep: _by_hand(q, k, v, torch.ones_like(keep)),
            lambda q, k, v, keep: _attention(q, k, v, torch.ones_like(keep)) * keep[:, None, :, None],
        ),
        (
            "The mask is upside down: keep is True for real tokens, and PyTorch's boolean attn_mask, too, is "
            "True where looking is allowed.",
            lambda q, k, v, keep: _by_hand(q, k, v, ~keep),
            lambda q, k, v, keep: _by_hand(q, k, v, ~keep).nan_to_num(),
            lambda q, k, v, keep: _by_hand(q, k, v, ~keep, fill=-1e9),
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
            "Padded queries are hidden beside padded keys, so their whole row of scores is minus infinity: "
            "the keys alone are hidden, keep[:, None, None, :].",
            lambda q, k, v, keep: _both(q, k, v, keep, -torch.inf),
            lambda q, k, v, keep: _both(q, k, v, keep, -1e9),
        ),
        (
            "The mask lies on the queries: a padded query may look, nobody cares. It is the KEYS at padding "
            "that must not be looked at, so keep goes to the last axis, keep[:, None, None, :].",
            lambda q, k, v, keep: _by_hand(q, k, v, keep, queries=True),
            lambda q, k, v, keep: _by_hand(q, k, v, keep, queries=True, fill=-1e9),
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
    traps=lambda: {
        "Index 0 is a patch like any other.": (*_kept(2, 6, 4, 3, 2, 2)[:3], torch.tensor([[0, 3], [2, 0]])),
        "A batch may hold one image, and a table one number for each place.": _kept(1, 7, 3, 1, 4, 3),
        "An image may keep one patch.": _kept(3, 7, 4, 5, 1, 4),
        "F and D may be equal: the weight is still (D, F).": _kept(2, 7, 5, 5, 3, 5),
    },
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
            "The patches are picked right, and the positions come in another order than theirs.",
            _placed(lambda positions, idx: positions[idx.sort(1).values]),
            _placed(lambda positions, idx: positions[idx].flip(1)),
            _placed(lambda positions, idx: positions[idx.argsort(1)]),
        ),
        (
            "The tokens come in ascending order of their patches: the order of idx is kept.",
            lambda patches, positions, weight, idx: _tokens(patches, positions, weight, idx.sort(1).values),
        ),
        (
            "The first K patches are taken, whatever idx says: they, too, are picked by idx.",
            lambda patches, positions, weight, idx: patches[:, : idx.shape[1]] @ weight.T + positions[idx],
            lambda patches, positions, weight, idx: (patches @ weight.T + positions)[:, : idx.shape[1]],
        ),
        (
            "The patches are missing: these are the positions alone.",
            lambda patches, positions, weight, idx: positions[idx],
        ),
        (
            "The positions are taken off; they are added.",
            _placed(lambda positions, idx: -positions[idx]),
        ),
        (
            "Patches and positions are multiplied; they are added.",
            lambda patches, positions, weight, idx: (take(patches, idx) @ weight.T) * positions[idx],
        ),
        (
            "Off by one: the position of the patch before, or after, is added.",
            _placed(lambda positions, idx: positions[idx - 1]),
            _placed(lambda positions, idx: positions[(idx + 1) % len(positions)]),
        ),
        (
            "The patches of ANOTHER image are picked: row b of idx belongs to image b.",
            lambda patches, positions, weight, idx: _tokens(patches.flip(0), positions, weight, idx),
            lambda patches, positions, weight, idx: patches[0][idx] @ weight.T + positions[idx],
        ),
        (
            "All N tokens come out: the hidden ones are to be dropped, only those of idx are kept.",
            lambda patches, positions, weight, idx: patches @ weight.T + positions,
        ),
        (
            "The same position, a mean over the table or the first row, is added to all.",
            _placed(lambda positions, idx: positions.mean(0)),
            _placed(lambda positions, idx: positions[0]),
            _placed(lambda positions, idx: positions[idx].mean(1, keepdim=True)),
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
