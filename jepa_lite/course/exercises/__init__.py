"""Exercises of the notebooks: `check.NAME(your_function)`, `hint.NAME()`, `reveal.NAME()`.

`check` answers not yet, wrong (and why), or right. `reveal` shows the library's own source: the package
is the answer key. A file holds one exercise and has its name; a helper that two of a notebook share stands
with the first. engine holds how they are judged, and differences how a wrong answer is told from the right
one. In the order of the course:

00  patch_at, most_alike
01  l2_minimiser, least_loss, l1_minimiser
02  unpatchify, pick_tokens, shift_matrix
03  context_left, place_block, patch_rate
04  kept_tokens, attention
05  rows_used, predictor_input, expected_gain
06  rank_of_spectrum, what_moves, fooling_encoder
07  stop_gradient_loss, ema_closed_form, eigenvalues_at_rest
08  decay_groups, mended_loop
09  standardise, probe_without_peeking
10  rank_of_true, best_smooth_l1
11  tokens_per_step, rows_of_rank, weigh_groups
12  interval, mend_the_sampler, still_decided
13  covariance_term, centred_targets, epps_pulley
"""

import difflib
from collections.abc import Callable

# isort: off
from . import (  # noqa: F401 (importing a file registers its exercise, in the course's order)
    engine,
    patch_at,
    most_alike,
    l2_minimiser,
    least_loss,
    l1_minimiser,
    unpatchify,
    pick_tokens,
    shift_matrix,
    context_left,
    place_block,
    patch_rate,
    kept_tokens,
    attention,
    rows_used,
    predictor_input,
    expected_gain,
    rank_of_spectrum,
    what_moves,
    fooling_encoder,
    stop_gradient_loss,
    ema_closed_form,
    eigenvalues_at_rest,
    decay_groups,
    mended_loop,
    standardise,
    probe_without_peeking,
    rank_of_true,
    best_smooth_l1,
    tokens_per_step,
    rows_of_rank,
    weigh_groups,
    interval,
    mend_the_sampler,
    still_decided,
    covariance_term,
    centred_targets,
    epps_pulley,
)

# isort: on
from .engine import Exercise, Verdict

__all__ = ["Exercise", "Verdict", "check", "exercises", "hint", "reveal"]


def exercises() -> dict[str, Exercise]:
    """{name: Exercise} of the whole course, in its order."""
    return dict(sorted(engine.REGISTRY.items(), key=lambda item: item[1].notebook))


class Desk:
    """One of `check`, `hint` and `reveal`: an attribute for every exercise, which the Tab key completes."""

    def __init__(self, name: str, act: Callable) -> None:
        self._name, self._act = name, act

    def __getattr__(self, name):
        if name.startswith("_"):  # what IPython asks every object for
            raise AttributeError(name)
        task = engine.REGISTRY.get(name)
        if task is None:
            near = difflib.get_close_matches(name, engine.REGISTRY, 3, 0.4)
            listed = ", ".join(near or engine.REGISTRY)
            names = f"did you mean {listed}?" if near else f"there are: {listed}"
            raise AttributeError(f"there is no exercise {name!r}; {names}")

        def act(*given):
            return self._act(task, *given)

        act.__doc__ = f"{self._name} for the exercise {name} of notebook {task.notebook}."
        return act

    def __dir__(self):
        return list(engine.REGISTRY)

    def __repr__(self):
        return f"{self._name} knows: {', '.join(engine.REGISTRY)}"


check = Desk("check", engine.judge)
hint = Desk("hint", lambda task: engine.Hint(task.hint))
reveal = Desk("reveal", engine.Source)
