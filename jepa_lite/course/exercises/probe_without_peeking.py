"""Exercise of notebook 09: a ridge probe whose penalty is chosen without a look at the test images."""

import torch
import torch.nn.functional as F

from ...evaluation.probes import _choose_penalty, _standardise, predict_linear
from .engine import exercise

PENALTIES = (0.1, 1.0, 10.0, 100.0, 1000.0)


def ridge_scores(train_x, train_y, test_x, penalty, standardise=_standardise):
    """Scores (m, C) of test_x (m, F) by ridge regression from train_x (n, F) to one-hot labels."""
    x, z = standardise(train_x, test_x)
    y = F.one_hot(train_y).to(x)  # (n, C)
    offset = y.mean(0)
    weights = torch.linalg.solve(x.T @ x + penalty * torch.eye(x.shape[1]), x.T @ (y - offset))
    return z @ weights + offset


def held_out(n):
    """Every fifth of n rows: bool (n,), True for row 4, 9, 14, ..."""
    return torch.arange(n) % 5 == 4


def probe_without_peeking(train_x, train_y, test_x, penalties):
    """The penalty that is best on a held-out fifth, and the scores (m, C) of a last fit to all."""
    held = held_out(len(train_x))
    penalty = best_of(penalties, train_x[~held], train_y[~held], train_x[held], train_y[held])
    return penalty, ridge_scores(train_x, train_y, test_x, penalty)


def best_of(penalties, fit_x, fit_y, held_x, held_y, score=ridge_scores, sign=1, weaker=False):
    """The penalty with the best accuracy on held_x, the strongest of equals."""
    best, chosen = -torch.inf, None
    for penalty in sorted(penalties, reverse=not weaker):
        accuracy = sign * float((score(fit_x, fit_y, held_x, penalty).argmax(1) == held_y).float().mean())
        if accuracy > best:
            best, chosen = accuracy, penalty
    return chosen


def _problem(n, m, width, classes, noise, seed, penalties=PENALTIES):
    """Overlapping classes; features of uneven scale, the test set's shifted; every class in all parts."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(n + m) % classes
    y[:n] = y[:n][torch.randperm(n, generator=generator)]
    x = torch.randn(classes, width, generator=generator)[y]
    x = x + noise * torch.randn(n + m, width, generator=generator)
    x = x * (0.2 + 4 * torch.rand(width, generator=generator)) + 3 * torch.randn(width, generator=generator)
    return x[:n], y[:n], x[n:] + 0.5, penalties


def _with(choose=None, fit=ridge_scores):
    """A wrong `probe_without_peeking`: another choice, another last fit."""

    def wrong(x, y, z, penalties):
        held = held_out(len(x))
        parts = x[~held], y[~held], x[held], y[held]
        penalty = choose(penalties, x, y, held) if choose else best_of(penalties, *parts)
        return penalty, fit(x, y, z, penalty)

    return wrong


def _on(fit, seen):
    """A choice on other rows: `fit(held)` are fitted to, `seen(held)` judge."""
    return lambda penalties, x, y, held: best_of(
        penalties, x[fit(held)], y[fit(held)], x[seen(held)], y[seen(held)]
    )


def _split(rows):
    """A choice with other rows held out: `rows(n)`, bool."""

    def choose(penalties, x, y, held):
        other = rows(len(x))
        return best_of(penalties, x[~other], y[~other], x[other], y[other])

    return choose


def _scaled_before(penalties, x, y, held):
    x, _ = _standardise(x, x)
    return best_of(penalties, x[~held], y[~held], x[held], y[held], score=_unscaled)


def _unscaled(*args):
    return ridge_scores(*args, standardise=lambda train, test: (train, test))


def _four_fifths(x, y, z, penalty):
    held = held_out(len(x))
    return ridge_scores(x[~held], y[~held], z, penalty)


def _own_scale(train, test):
    return _standardise(train, train)[0], _standardise(test, test)[0]


def _all(held):
    return torch.ones_like(held)


exercise(
    name="probe_without_peeking",
    notebook="09",
    answer=probe_without_peeking,
    # Drawn so that every mistake below chooses a penalty of its own, or fits other scores.
    cases=lambda: [_problem(30, 40, 8, 3, 1.6, 7), _problem(45, 40, 20, 3, 2.2, 4)],
    traps=lambda: {
        "A single penalty leaves nothing to choose.": _problem(30, 7, 4, 3, 1.0, 1, (3.0,)),
        "Penalties may come in any order: of equally good ones the largest is wanted.": (
            *_problem(40, 6, 5, 2, 0.2, 2)[:3],
            (1.0, 100.0, 0.1, 10.0),
        ),
        "The test set may be one image.": _problem(35, 1, 6, 3, 1.5, 3),
    },
    returns="the penalty and the scores (m, C)",
    parts=("the penalty", "the scores"),
    hint="Write the ridge cell above as a function from (train_x, train_y, test_x, penalty) to scores, with "
    "the standardising of exercise 1 inside. Call it once for each penalty on four fifths, look at the "
    "held-out fifth, and call it one last time, on all training images, with the winner.",
    source=(probe_without_peeking, ridge_scores, _choose_penalty, predict_linear),
    mistakes=(
        (
            "The last fit has seen four fifths alone. Once the penalty is chosen, nothing has to be held out "
            "any more: fit again, to all training images.",
            _with(fit=_four_fifths),
        ),
        (
            "The penalty is chosen on the images that the probe was fitted to. There the weakest penalty "
            "nearly always looks best, which is why a fifth is held out.",
            _with(_on(lambda held: ~held, lambda held: ~held)),
            _with(_on(_all, _all)),
        ),
        (
            "The held-out fifth is among the images that are fitted to while the penalty is chosen: it is "
            "not held out then.",
            _with(_on(_all, lambda held: held)),
        ),
        (
            "The features were standardised before the split, so the held-out fifth has a say in how it is "
            "scaled. Standardise inside: by the four fifths while choosing, by all in the last fit.",
            _with(_scaled_before),
        ),
        (
            "Of equally good penalties the weakest is taken; the strongest is asked for.",
            _with(
                lambda penalties, x, y, held: best_of(
                    penalties, x[~held], y[~held], x[held], y[held], weaker=True
                )
            ),
        ),
        (
            "The parts have changed places: four fifths are fitted to, and one fifth judges.",
            _with(_on(lambda held: held, lambda held: ~held)),
        ),
        (
            "Another fifth is held out: asked are rows 4, 9, 14, ..., counted from 0.",
            _with(_split(lambda n: torch.arange(n) % 5 == 0)),
            _with(_split(lambda n: torch.arange(n) < n // 5)),
            _with(_split(lambda n: torch.arange(n) >= n - n // 5)),
        ),
        (
            "This is the penalty with the WORST accuracy on the held-out fifth.",
            _with(
                lambda penalties, x, y, held: best_of(
                    penalties, x[~held], y[~held], x[held], y[held], sign=-1
                )
            ),
        ),
        (
            "Nothing is chosen: this is the strongest penalty, whatever the held-out fifth says.",
            _with(lambda penalties, x, y, held: max(penalties)),
        ),
        (
            "Nothing is chosen: this is the weakest penalty, whatever the held-out fifth says.",
            _with(lambda penalties, x, y, held: min(penalties)),
        ),
        (
            "In the last fit the test images are scaled by their own mean and std: those of the training "
            "images are for both.",
            _with(fit=lambda *args: ridge_scores(*args, standardise=_own_scale)),
        ),
        (
            "In the last fit the features are not standardised, so the penalty weighs most on those with "
            "small numbers.",
            _with(fit=_unscaled),
        ),
        (
            "The scores lack their offset: take the mean of the one-hot labels off before the fit, and add "
            "it to the scores.",
            _with(fit=lambda x, y, z, p: ridge_scores(x, y, z, p) - F.one_hot(y).float().mean(0)),
        ),
        (
            "The last fit has no penalty: the chosen one is for it.",
            _with(fit=lambda x, y, z, p: ridge_scores(x, y, z, 0.0)),
        ),
    ),
)
