"""Exercise of notebook 06: the effective rank of a given spectrum."""

import math

import torch

from ...evaluation.measures import effective_rank
from .engine import exercise


def _shares(singular):
    shares = singular / singular.sum()
    return shares[shares > 0]


def _entropy(singular):
    return -(_shares(singular) * _shares(singular).log()).sum()


def _rank(singular):
    return _entropy(singular).exp()


def _spectrum(count, seed):
    return (4 * torch.rand(count, generator=torch.Generator().manual_seed(seed)) + 0.3,)


exercise(
    name="rank_of_spectrum",
    notebook="06",
    answer=_rank,
    cases=lambda: [_spectrum(4, 0), _spectrum(7, 1), _spectrum(3, 2), (torch.tensor([9.0, 3.0, 0.5]),)],
    traps=lambda: {
        "A singular value of 0 adds nothing, because p log p goes to 0 with p.": (
            torch.tensor([3.0, 0.0, 1.0]),
        ),
        "A single singular value is one direction.": (torch.tensor([2.5]),),
        "The values need not be sorted.": (torch.tensor([0.5, 4.0, 1.0, 2.0]),),
    },
    returns="the effective rank, one number,",
    hint="Three lines: divide by the sum, so that the shares add up to 1; take minus the sum of p * log(p); "
    "take exp of that. Leave out shares that are 0 before you take the logarithm.",
    source=(effective_rank,),
    mistakes=(
        (
            "These are the shares of the SQUARES, which are variances. RankMe takes the singular values.",
            lambda s: _rank(s.square()),
            lambda s: _rank(s.sqrt()),
        ),
        ("This is the entropy; the effective rank is exp of it.", _entropy),
        ("The entropy has lost its minus, so this is 1 over the rank.", lambda s: (-_entropy(s)).exp()),
        (
            "The logarithm has base 2 and the exponential base e, or the other way round; use one base.",
            lambda s: (_entropy(s) / math.log(2)).exp(),
            lambda s: 2 ** _entropy(s),
        ),
        (
            "This is the participation ratio, the squared sum over the sum of squares. It also counts "
            "directions, but not by the entropy.",
            lambda s: s.sum().square() / s.square().sum(),
            lambda s: s.square().sum().square() / s.pow(4).sum(),
        ),
        ("This counts the values that are not 0, which is the ordinary rank.", lambda s: (s > 0).sum()),
        ("The shares come from a softmax. Divide by the sum instead.", lambda s: _rank(s.softmax(0))),
        (
            "The values are divided by the largest, so the shares do not add up to 1.",
            lambda s: (-(s / s.max() * (s / s.max()).log()).sum()).exp(),
        ),
        (
            "The values are divided by their length (F.normalize), so the shares do not sum to 1.",
            lambda s: (-(s / s.norm() * (s / s.norm()).log()).sum()).exp(),
        ),
        ("This is a share of the largest rank possible: do not divide by D.", lambda s: _rank(s) / len(s)),
        (
            "This is the entropy as a share of its maximum, log D. The effective rank is exp of the entropy.",
            lambda s: _entropy(s) / math.log(len(s)),
        ),
        (
            "The logarithms are not weighted: each is multiplied by its own share before they are added.",
            lambda s: (-_shares(s).log().mean()).exp(),
            lambda s: -_shares(s).log().sum(),
        ),
        (
            "This is the sum over the largest value (a stable rank), and not exp of the entropy.",
            lambda s: s.sum() / s.max(),
            lambda s: s.square().sum() / s.max().square(),
        ),
    ),
)
