"""Exercise of notebook 12: which effects are still decided when all are tested at once."""

import numpy as np
import torch
from scipy import stats

from ..effects import decided_together
from .engine import exercise

NOISE = {  # what is left of a row when its effect is taken out: mean 0, std 1 over the seeds
    3: (-1.0, 0.0, 1.0),
    5: (-1.2, -0.6, -0.1, 0.6, 1.3),
}
# Chances that noise alone were as far off. Between 0.05 and its share of the changes each slip has its place.
CHANCES = (
    (5, (0.030, 0.0101, 0.200, 0.0124, 0.0490)),
    (5, (0.0160, 0.0300, 0.0400, 0.0120)),
    (5, (0.0026, 0.060, 0.0070, 0.0130, 0.0480, 0.900)),
    (3, (0.0200, 0.0260, 0.0450)),
    (5, (0.0100, 0.0245, 0.0330)),
    (3, (0.0090, 0.0380, 0.0280, 0.0140)),
    (5, (0.6000, 0.0450)),
    (5, (0.0347, 0.7000)),
)


def rows(n, chances):
    """Rows (changes, n) of differences whose two-sided t tests have these p values, some negative."""
    base = np.array(NOISE[n])
    base = (base - base.mean()) / base.std(ddof=1)
    made = []
    for place, chance in enumerate(chances):
        t = stats.t.isf(chance / 2, n - 1) * (-1) ** place
        made.append((3 + place) * (np.roll(base, place) + t / n**0.5))
    return torch.tensor(np.array(made))


def _chances(differences):
    return stats.ttest_1samp(np.asarray(differences), 0, axis=1).pvalue


def holm(p, level=0.05, stop=True, ranks=None):
    """Holm's method on p values (m,), or a slip in it: never stopping, other thresholds."""
    m, order = len(p), np.argsort(p)
    found, going = np.zeros(m, bool), True
    for rank, place in enumerate(order):
        threshold = ranks(rank, m) if ranks else level / (m - rank)
        below = p[place] <= threshold
        going = going and below
        found[place] = going if stop else below
    return found


def _step_up(p, threshold):
    """From the largest p down: the first that passes takes all smaller ones with it."""
    m, order = len(p), np.argsort(p)
    passed = [rank for rank, place in enumerate(order) if p[place] <= threshold(rank, m)]
    found = np.zeros(m, bool)
    found[order[: passed[-1] + 1 if passed else 0]] = True
    return found


def _of(rule):
    return lambda differences: torch.from_numpy(np.asarray(rule(_chances(differences)), dtype=bool))


def _test(p_of, rule=holm):
    return lambda differences: torch.from_numpy(np.asarray(rule(p_of(np.asarray(differences))), dtype=bool))


def _t(d):
    return d.mean(1) / (d.std(1, ddof=1) / d.shape[1] ** 0.5)


exercise(
    name="still_decided",
    notebook="12",
    answer=decided_together,
    cases=lambda: [(rows(*case),) for case in CHANCES],
    traps=lambda: {
        "Where nothing is decided, all are False.": (rows(5, (0.5, 0.3, 0.8)),),
        "One change alone is tested against 0.05.": (rows(5, (0.04,)),),
    },
    returns="True or False for each change",
    hint="stats.ttest_1samp(differences, 0, axis=1).pvalue is the chance that noise alone were as far off. "
    "Holm's method goes through these from the smallest up. Of m changes the first has to be at most "
    "0.05 / m, the next at most 0.05 / (m - 1), and so on; with the first that is not, all that follow are "
    "undecided, too. numpy's argsort says who is next.",
    source=(decided_together,),
    mistakes=(
        (
            "Each change is tested alone, as if it were the only one. Of twenty changes that do nothing one "
            "would then be decided on average.",
            _of(lambda p: p <= 0.05),
        ),
        (
            "All have to pass 0.05 / m, which is Bonferroni's method. Holm's is as safe and finds more: once "
            "one has passed, the next is one of m - 1.",
            _of(lambda p: p <= 0.05 / len(p)),
        ),
        (
            "It goes on after the first change that fails. Those that follow have larger p values, so they "
            "are undecided as well.",
            _of(lambda p: holm(p, stop=False)),
        ),
        (
            "It begins with the largest p and lets the first that passes take all smaller ones with it. That "
            "is Hochberg's method, which needs independent tests; these share a reference.",
            _of(lambda p: _step_up(p, lambda rank, m: 0.05 / (m - rank))),
        ),
        (
            "The thresholds 0.05 * rank / m are Benjamini and Hochberg's. They bound the share of false "
            "findings; here the chance of even one is to be at most 5%.",
            _of(lambda p: _step_up(p, lambda rank, m: 0.05 * (rank + 1) / m)),
            _of(lambda p: holm(p, ranks=lambda rank, m: 0.05 * (rank + 1) / m)),
        ),
        (
            "The thresholds run the wrong way: the smallest p has to pass the strictest, 0.05 / m.",
            _of(lambda p: holm(p, ranks=lambda rank, m: 0.05 / (rank + 1))),
        ),
        (
            "The answers are in the order of the p values. Give them back in the order of the rows.",
            _of(lambda p: holm(p)[np.argsort(p)]),
        ),
        (
            "The test is one-sided, so that a change which hurts, or one which helps, never counts. Both "
            "directions are of interest.",
            _test(lambda d: stats.ttest_1samp(d, 0, axis=1, alternative="less").pvalue),
            _test(lambda d: stats.ttest_1samp(d, 0, axis=1, alternative="greater").pvalue),
        ),
        (
            "The normal distribution stands where Student's t should: few seeds estimate their own spread.",
            _test(lambda d: 2 * stats.norm.sf(np.abs(_t(d)))),
        ),
        (
            "The std goes by n and not by n - 1, which makes few seeds look surer than they are.",
            _test(
                lambda d: (
                    2 * stats.t.sf(np.abs(_t(d)) * (d.shape[1] / (d.shape[1] - 1)) ** 0.5, d.shape[1] - 1)
                )
            ),
        ),
        (
            "Student's t has n degrees of freedom here; one went into the mean.",
            _test(lambda d: 2 * stats.t.sf(np.abs(_t(d)), d.shape[1])),
        ),
        (
            "True and False are exchanged: decided is a p that is SMALL.",
            _of(lambda p: ~holm(p)),
        ),
        (
            "The level is 0.1, or the p values are those of one direction, which comes to the same. Wanted "
            "is 0.05 for both directions together.",
            _test(lambda d: stats.ttest_1samp(d, 0, axis=1).pvalue / 2),
        ),
        (
            "The level is stricter than 0.05.",
            _of(lambda p: holm(p, level=0.01)),
            _of(lambda p: holm(p, level=0.025)),
        ),
        (
            "The first threshold is 0.05 / (m - 1): count ranks from 0, so that the smallest p has to pass "
            "0.05 / m.",
            _of(lambda p: holm(p, ranks=lambda rank, m: 0.05 / max(m - rank - 1, 1))),
        ),
    ),
)
