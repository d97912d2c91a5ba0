"""Is the run collapsing? Watches the measures of a run and says so in a sentence, once, while there is time.

The loss cannot tell: it falls fastest when a run collapses. What is watched is how far rank and std of the
pooled features have fallen below the best they were, and how far the share of position has risen. A healthy
run dips too before it learns (the demo to 12% of its std, 15% of its rank), so the limits lie below that;
benchmarks/README.md says how runs that collapse and runs that do not were told apart.
"""

import warnings

# Alarming below a share of the best so far, or below a floor: two ways to vary are next to none.
LOW, FLOOR = {"std": 0.1, "rank": 0.125}, {"std": 0.0, "rank": 2.0}
# Alarming above this if it is also twice what it was, and above this ceiling in any case.
HIGH, CEILING = {"position_share": 0.5}, {"position_share": 0.9}
MEANING = {
    "std": "images come to have the same features",
    "rank": "features come to vary in fewer and fewer ways",
    "position_share": "tokens come to say where they are and nothing else",
}
DIALS = {
    "std": "model.target_norm=place, a higher train.momentum or a lower train.lr",
    "rank": "model.target_norm=place, a higher train.momentum or a lower train.lr",
    "position_share": "model.target_norm=place, which takes out what all images share at a place",
}


class CollapseWarning(UserWarning):
    """A run looks as if it were collapsing."""


class Watch:
    """Remembers the best of each measure and which alarms are on; `state()` is plain, for a checkpoint."""

    def __init__(self) -> None:
        self.best, self.on = {}, []

    def state(self) -> dict:
        return {"best": dict(self.best), "on": list(self.on)}

    def load_state(self, state: dict) -> None:
        self.best, self.on = dict(state["best"]), list(state["on"])

    def see(self, measures: dict[str, float], step: int) -> list[str]:
        """Take in the measures of `step`; returns the sentences of alarms that are new, each also a
        `CollapseWarning`. The first call only says what an untrained network measures. An alarm can come
        again only after its measure has recovered."""
        untrained, said = not self.best, []
        for name in (*LOW, *HIGH):
            value, best = measures[name], self.best.setdefault(name, measures[name])
            if name in LOW:
                alarming = value < max(LOW[name] * best, FLOOR[name])
                self.best[name] = max(best, value)
            else:
                alarming = value > min(max(HIGH[name], 2 * best), CEILING[name])
                self.best[name] = min(best, value)
            if alarming and name not in self.on and not untrained:
                said.append(
                    f"step {step}: {MEANING[name]}: {name} is {value:.3g} and was {best:.3g}; "
                    f"the run may be collapsing, whatever the loss says; try {DIALS[name]}"
                )
            if not untrained:
                self.on = [other for other in self.on if other != name] + [name] * alarming
        for sentence in said:
            warnings.warn(sentence, CollapseWarning, stacklevel=4)
        return said
