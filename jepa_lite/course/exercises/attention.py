"""Exercise of notebook 04: attention, with keys that may be padding."""

import torch
import torch.nn.functional as F

from ...method.vit import Attention
from .engine import exercise


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
