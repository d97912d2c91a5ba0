"""Exercise of notebook 10: tokens as colours."""

import torch

from ...figures.encoder import pca_colours
from .differences import tensor
from .engine import exercise


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


def _judge_colours(calls):
    pairs = [(one.case[0], tensor(one.result)) for one in calls]
    for tokens, mine in pairs:
        if mine is None:
            return "It gives no array of numbers: wanted are the colours (N, 3)."
        if problem := _odd_shape(tuple(mine.shape), *tokens.shape):
            return problem
        if not torch.isfinite(mine).all():
            return "Some colours are no numbers: was something divided by zero?"
    if all(any(_alike(mine, _scaled(_scores(x), cut)) for cut in (0.0, 0.01)) for x, mine in pairs):
        return None
    return _what_is_wrong(pairs)


def _odd_shape(shape, N, D):
    if shape in ((D, 3), (3, D)) and D != N:
        return (
            "These are the components themselves, directions among the D features. A colour is for a "
            "TOKEN: how far each of the N tokens lies along each direction."
        )
    if shape == (3, N):
        return "It is transposed: a row for each token, (N, 3)."
    return (
        None if shape == (N, 3) else f"For {N} tokens it gives {shape}, and the colours (N, 3) are {(N, 3)}."
    )


def _by_columns(x):
    x = x - x.mean(0)
    return (x @ torch.linalg.svd(x, full_matrices=False)[2][:, :3]).double()


KNOWN = (  # (what is said, tokens (N, D) -> what is stretched to colours, in place of `_scores`)
    (
        "It is not centred: the first direction then points at the mean of all tokens, and says "
        "nothing of how they differ. Subtract the mean over the tokens first.",
        lambda x: _scores(x, centre=False),
    ),
    (
        "Each token's own mean is taken off, over its features (dim 1). Take off the mean TOKEN (dim 0).",
        lambda x: _scores(x - x.mean(1, keepdim=True), centre=False),
        lambda x: _scores(x - x.mean(1, keepdim=True)),
    ),
    (
        "One number is taken off everywhere: each feature has its own mean over the tokens (dim 0).",
        lambda x: _scores(x - x.mean(), centre=False),
    ),
    (
        "These are the first three features, as the network happens to number them. Principal "
        "components are the directions in which the tokens vary most.",
        lambda x: x[:, :3].double(),
    ),
    (
        "The COLUMNS of Vh (or the rows of V) are taken for directions: svd returns Vh, whose ROWS they are.",
        _by_columns,
        lambda x: _by_columns(x.double()),
    ),
    (
        "These are the three directions in which tokens vary LEAST: eigenvalues come in ascending "
        "order from eigh, singular values in descending order from svd.",
        lambda x: _scores(x, components=(-1, -2, -3)),
        lambda x: _scores(x, components=(-3, -2, -1)),
    ),
    (
        "The components are right, their order is not: the strongest comes first. eigh puts the strongest "
        "last.",
        lambda x: _scores(x, components=(2, 1, 0)),
        lambda x: _scores(x, components=(1, 0, 2)),
        lambda x: _scores(x, components=(0, 2, 1)),
    ),
    (
        "The strongest component is left out: take the first three, 0, 1 and 2.",
        lambda x: _scores(x, components=(1, 2, 3)),
    ),
    (
        "One component stands in all three columns, so that the picture is grey: take three different ones.",
        lambda x: _scores(x, components=(0, 0, 0)),
    ),
    (
        "Each feature was divided by its std first. Then a feature that hardly varies counts as much "
        "as the one that varies most; only centre.",
        lambda x: _scores(x, standardise=True),
    ),
    (
        "Each token was brought to length 1 first: only centre.",
        lambda x: _scores(x / x.norm(dim=1, keepdim=True)),
        lambda x: _scores(x / x.norm(dim=1, keepdim=True), centre=False),
        lambda x: _scores((c := x - x.mean(0)) / c.norm(dim=1, keepdim=True), centre=False),
    ),
    (
        "The features that vary most are taken; principal components are DIRECTIONS, mixtures of features.",
        lambda x: x.double()[:, x.var(0).argsort(descending=True)[:3]],
    ),
)


def _what_is_wrong(pairs):
    for message, *others in KNOWN:
        for scores in others:
            if all(_alike(_scaled(mine), _scaled(scores(x))) for x, mine in pairs):
                return message
    if all(_alike(_scaled(mine), _scaled(_scores(x))) for x, mine in pairs):
        return (
            "The components are right, their scale is not: stretch each of the three on its own, its "
            "smallest value to 0 and its largest to 1, else the first one takes all the contrast."
        )
    good = [_right_columns(x, mine) for x, mine in pairs]
    if any(good[0]) and all(one == good[0] for one in good):
        right = ", ".join(str(i) for i in range(3) if good[0][i])
        return f"Of the three columns only {right} is right: each is one component, stretched on its own."
    return (
        "The shape (N, 3) is right, the colours are not: centre, find the three directions, project, stretch."
    )


def _right_columns(x, mine):
    wanted = _scaled(_scores(x))
    return [_alike(mine[:, i : i + 1], wanted[:, i : i + 1]) for i in range(3)]


exercise(
    name="pca_to_colour",
    notebook="10",
    answer=lambda tokens: _scaled(_scores(tokens)),
    cases=lambda: [(_tokens(40, 7, 0),), (_tokens(25, 12, 1),), (_tokens(30, 4, 2),)],
    judge=_judge_colours,
    returns="the colours (N, 3)",
    hint="Subtract the mean token. torch.linalg.svd(x, full_matrices=False) gives U, S, Vh: the rows of Vh "
    "are the directions, strongest first. Project on three of them, then bring each column to 0 ... 1 by "
    "its own smallest and largest value. Signs do not matter. (The library also clips 1% at either end; "
    "both are right.)",
    source=(pca_colours,),
)
