"""Exercises of the notebooks: `check.NAME(your_function)`, `hint.NAME()`, `reveal.NAME()`.

`check` answers not yet, wrong (and why), or right. `reveal` shows the library's own source: the package
is the answer key. A file holds a notebook's exercises, in the order of the course: start, why, patches,
masking, encoder, predictor, collapse, training, probing, meaning, scaling, ablation. engine holds how
they are judged, and differences how a wrong answer is told from the right one.
"""

import difflib

from . import (  # noqa: F401 (importing a file registers its exercises)
    ablation,
    collapse,
    encoder,
    engine,
    masking,
    meaning,
    patches,
    predictor,
    probing,
    scaling,
    start,
    training,
    why,
)
from .engine import Exercise, Verdict

__all__ = ["Exercise", "Verdict", "check", "exercises", "hint", "reveal"]


def exercises():
    """{name: Exercise} of the whole course, in its order."""
    return dict(sorted(engine.REGISTRY.items(), key=lambda item: item[1].notebook))


class Desk:
    """One of `check`, `hint` and `reveal`: an attribute for every exercise, which the Tab key completes."""

    def __init__(self, name, act):
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
