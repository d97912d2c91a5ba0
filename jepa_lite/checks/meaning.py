"""Exercises of notebook 09: the rank of the true patch, and tokens as colours."""

import torch

from ..encoder_plots import pca_colours
from ..predictor_plots import true_ranks
from .engine import exercise

# --- rank_of_true -----------------------------------------------------------------------------------


def rank_of_true(similarities, index):
    """Rank of `similarities[index]` among similarities (n,): 1 is the highest, ties share their mean."""
    own = similarities[index]
    return 1 + (similarities > own).sum() + ((similarities == own).sum() - 1) / 2


def _tied(seed, n, index, ties):
    """n similarities, no two alike but those at `ties`, which equal that at `index`."""
    similarities = torch.rand(n, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    similarities[ties] = similarities[index].clone()
    return similarities, index


exercise(
    name="rank_of_true",
    notebook="09",
    answer=rank_of_true,
    # Three cases with ties, one without; the true one is never first, last or in the middle.
    cases=lambda: [
        _tied(1, 9, 2, [5, 7]),
        _tied(2, 14, 10, [0]),
        _tied(3, 11, 4, []),
        _tied(6, 8, 1, [2, 3, 6]),
    ],
    returns="the rank, a number",
    hint="How many candidates are more similar than the true one? They come before it, and it follows. Of "
    "those that are exactly as similar, on average half come before it; the true one itself is none of "
    "them.",
    source=(rank_of_true, true_ranks),
    mistakes=(
        (
            "It counts from 0. The best rank is 1, so that the chance level of n candidates is (n + 1) / 2.",
            lambda s, index: rank_of_true(s, index) - 1,
        ),
        (
            "It ranks from the other end: the most similar candidate has rank 1, not rank n.",
            lambda s, index: rank_of_true(-s, index),
        ),
        (
            "This is the place of the best candidate, wherever the true one is. Where does the true one "
            "come?",
            lambda s, index: s.argmax(),
        ),
        (
            "Sorting once says WHO has rank r, and this reads it as the rank of patch r. Sort a second time, "
            "look for the index in the order, or count.",
            lambda s, index: s.argsort(descending=True, stable=True)[index] + 1,
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


# --- pca_to_colour ----------------------------------------------------------------------------------


def _tokens(N, D, seed):
    """Tokens (N, D) far from the origin, whose directions vary by clearly different amounts."""
    generator = torch.Generator().manual_seed(seed)
    spread = torch.tensor([3.0 * 0.6**d for d in range(D)], dtype=torch.float64)
    turn = torch.linalg.qr(torch.randn(D, D, generator=generator, dtype=torch.float64))[0]
    around = torch.randn(N, D, generator=generator, dtype=torch.float64) * spread
    return (around @ turn + 4 * torch.rand(D, generator=generator, dtype=torch.float64) + 1).float()


def _scores(tokens, centre=True, standardise=False, components=(0, 1, 2)):
    x = tokens.double()
    x = x - x.mean(0) if centre else x
    x = x / x.std(0) if standardise else x
    return x @ torch.linalg.svd(x, full_matrices=False)[2][list(components)].T  # (N, 3)


def _scaled(scores, cut=0.0):
    """Each column from 0 to 1; `cut`: the share of either end that is clipped."""
    low, high = scores.quantile(cut, 0), scores.quantile(1 - cut, 0)
    return ((scores - low) / (high - low)).clamp(0, 1)


def _alike(mine, wanted):
    """Equal, column by column, up to a component's sign, which is nobody's choice."""
    near = [torch.isclose(mine, x, rtol=0, atol=2e-3).all(0) for x in (wanted, 1 - wanted)]
    return bool((near[0] | near[1]).all())


def _judge_colours(pca_to_colour):
    cases = [_tokens(40, 7, 0), _tokens(25, 12, 1)]
    given = [torch.as_tensor(pca_to_colour(tokens.clone())).detach().double() for tokens in cases]
    for tokens, mine in zip(cases, given, strict=True):
        (N, D), shape = tokens.shape, tuple(mine.shape)
        if shape in ((D, 3), (3, D)):
            return (
                "These are the components themselves, directions among the D features. A colour is for a "
                "TOKEN: how far each of the N tokens lies along each direction."
            )
        if shape != (N, 3):
            return f"For {N} tokens it gives {shape}, and the colours (N, 3) are {(N, 3)}."
        if not torch.isfinite(mine).all():
            return "Some colours are no numbers: was something divided by zero?"
    pairs = list(zip(cases, given, strict=True))
    if all(any(_alike(mine, _scaled(_scores(x), cut)) for cut in (0.0, 0.01)) for x, mine in pairs):
        return None
    return _what_is_wrong(pairs)


def _what_is_wrong(pairs):
    known = (
        (
            "It is not centred: the first direction then points at the mean of all tokens, and says "
            "nothing of how they differ. Subtract the mean over the tokens first.",
            lambda x: _scores(x, centre=False),
        ),
        (
            "These are the first three features, as the network happens to number them. Principal "
            "components are the directions in which the tokens vary most.",
            lambda x: x[:, :3].double(),
        ),
        (
            "These are the three directions in which tokens vary LEAST: eigenvalues come in ascending "
            "order from eigh, singular values in descending order from svd.",
            lambda x: _scores(x, components=(-1, -2, -3)),
        ),
        (
            "Each feature was divided by its std first. Then a feature that hardly varies counts as much "
            "as the one that varies most; only centre.",
            lambda x: _scores(x, standardise=True),
        ),
    )
    for message, scores in known:
        if all(_alike(_scaled(mine), _scaled(scores(x))) for x, mine in pairs):
            return message
    if all(_alike(_scaled(mine), _scaled(_scores(x))) for x, mine in pairs):
        return (
            "The components are right, their scale is not: stretch each of the three on its own, its "
            "smallest value to 0 and its largest to 1, else the first one takes all the contrast."
        )
    return (
        "The shape (N, 3) is right, the colours are not: centre, find the three directions, project, stretch."
    )


exercise(
    name="pca_to_colour",
    notebook="09",
    answer=lambda tokens: _scaled(_scores(tokens)),
    judge=_judge_colours,
    returns="the colours (N, 3)",
    hint="Subtract the mean token. torch.linalg.svd(x, full_matrices=False) gives U, S, Vh: the rows of Vh "
    "are the directions, strongest first. Project on three of them, then bring each column to 0 ... 1 by "
    "its own smallest and largest value. Signs do not matter. (The library also clips 1% at either end; "
    "both are right.)",
    source=(pca_colours,),
)
