"""Exercise of notebook 10: the rank of the true patch."""

import torch

from ...figures.predictor import true_ranks
from .engine import exercise


def rank_of_true(similarities, index):
    """Rank of `similarities[index]` among similarities (n,): 1 is the highest, ties share their mean."""
    own = similarities[index]
    return 1 + (similarities > own).sum() + ((similarities == own).sum() - 1) / 2


def _tied(seed, n, index, ties):
    """n similarities, no two alike but those at `ties`, which equal that at `index`."""
    similarities = torch.rand(n, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    similarities[ties] = similarities[index].clone()
    return similarities, index


def _twice(s, index, stable, flip):
    """Rank by sorting twice; `flip` breaks ties the other way round."""
    if flip:
        s, index = s.flip(0), len(s) - 1 - index
    return s.argsort(descending=True, stable=stable).argsort(stable=stable)[index] + 1


exercise(
    name="rank_of_true",
    notebook="10",
    answer=rank_of_true,
    # Three cases with ties, one without; the true one is never first, last or in the middle.
    cases=lambda: [
        _tied(1, 9, 2, [5, 7]),
        _tied(2, 14, 10, [0]),
        _tied(3, 11, 4, []),
        _tied(6, 8, 1, [2, 3, 6]),
        (torch.tensor([0.7, 0.1, 0.7, -0.2, 0.9, 0.9, 0.1, -0.9, 0.7]), 1),  # others are tied as well
    ],
    traps=lambda: {
        "A collapsed network finds all n alike: then the rank is (n + 1) / 2, as by chance.": (
            torch.full((6,), 0.25),
            2,
        ),
        "The only candidate has rank 1.": (torch.tensor([0.3]), 0),
        "The true one may be the best, and the first.": (torch.tensor([0.9, 0.2, -0.4]), 0),
        "The true one may be the worst, and the last.": (torch.tensor([-0.1, 0.2, -0.4, -0.7]), 3),
    },
    returns="the rank, a number",
    hint="How many candidates are more similar than the true one? They come before it, and it follows. Of "
    "those that are exactly as similar, on average half come before it; the true one itself is none of "
    "them.",
    source=(rank_of_true, true_ranks),
    mistakes=(
        (
            "The true one counts as its own rival, for half a place: take it out of those that are tied.",
            lambda s, index: rank_of_true(s, index) + 0.5,
        ),
        (
            "Half a place is given for each tie, and rounded: ranks may lie between two numbers.",
            lambda s, index: rank_of_true(s, index).floor(),
            lambda s, index: rank_of_true(s, index).ceil(),
            lambda s, index: 1 + (s > s[index]).sum() + ((s == s[index]).sum() - 1) // 2,
        ),
        (
            "Sorting twice gives every candidate a place of its own, so ties are broken by where they stand: "
            "they share their mean place.",
            *(
                lambda s, index, stable=stable, flip=flip: _twice(s, index, stable, flip)
                for stable in (True, False)
                for flip in (True, False)
            ),
        ),
        (
            "Ties share one place, and those after them move up (a dense rank): each candidate that is more "
            "similar counts, whether or not others are equal to it.",
            lambda s, index: 1 + (s.unique() > s[index]).sum(),
        ),
        (
            "This is a share of n, not a rank.",
            lambda s, index: rank_of_true(s, index) / len(s),
            lambda s, index: (rank_of_true(s, index) - 1) / (len(s) - 1),
            lambda s, index: (s > s[index]).float().mean(),
        ),
        (
            "Similarities are taken without their signs: -0.9 is far from similar.",
            lambda s, index: rank_of_true(s.abs(), index),
        ),
        (
            "This is the similarity of the true one, and not the place that it takes.",
            lambda s, index: s[index],
        ),
        (
            "This is the number `index` of the true one, and not the place that it takes.",
            lambda s, index: index,
            lambda s, index: index + 1,
        ),
        (
            "It counts from 0. The best rank is 1, so that the chance level of n candidates is (n + 1) / 2.",
            lambda s, index: rank_of_true(s, index) - 1,
            lambda s, index: (s > s[index]).sum(),
            lambda s, index: (s >= s[index]).sum() - 1,
            lambda s, index: (s > s[index]).sum() + (s == s[index]).sum() / 2,
        ),
        (
            "It ranks from the other end: the most similar candidate has rank 1, not rank n.",
            lambda s, index: rank_of_true(-s, index),
            lambda s, index: (s < s[index]).sum(),
            lambda s, index: 1 + (s < s[index]).sum(),
            lambda s, index: (s <= s[index]).sum(),
        ),
        (
            "This is the place of the best candidate, wherever the true one is. Where does the true one "
            "come?",
            lambda s, index: s.argmax(),
            lambda s, index: s.argmax() + 1,
        ),
        (
            "Sorting once says WHO has rank r, and this reads it as the rank of patch r. Sort a second time, "
            "look for the index in the order, or count.",
            lambda s, index: s.argsort(descending=True, stable=True)[index] + 1,
            lambda s, index: s.argsort(descending=True)[index] + 1,
            lambda s, index: s.argsort(descending=True, stable=True)[index],
            lambda s, index: s.argsort(stable=True)[index] + 1,
            lambda s, index: s.argsort(stable=True)[index],
        ),
        (
            "Ties are counted for the true one. A collapsed network, to which everything is equally "
            "similar, would then rank first every time.",
            lambda s, index: 1 + (s > s[index]).sum(),
        ),
        (
            "Ties are counted against the true one, which would call a collapsed network worse than chance.",
            lambda s, index: (s >= s[index]).sum(),
        ),
    ),
)
