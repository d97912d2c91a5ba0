"""Is the run collapsing? Watches the measures of a run and says so in a sentence, once, while there is time.

The loss cannot tell: it falls fastest when a run collapses. What is watched is how far rank and std of the
pooled features have fallen below the best they were, and how far the share of position has risen. A healthy
run dips too before it learns, so the limits lie below such dips; benchmarks/README.md says in which runs they
rang.

One thing is noted that is no collapse, and in the log alone: in the second half of a run, predictions that
tell images apart (`gap`) should also depend on the address that is asked for (`address_gain`). It is no
alarm, because features can be good without it, and in some images no address matters (benchmarks/README.md).
"""

import warnings

# Alarming below a share of the best so far, or below a floor: two ways to vary are next to none.
LOW, FLOOR = {"std": 0.1, "rank": 0.125}, {"std": 0.0, "rank": 2.0}
# Alarming above this if it is also twice what it was, and above this ceiling in any case.
HIGH, CEILING = {"position_share": 0.5}, {"position_share": 0.9}
# In a run's second half, noted with at least this gap and less than this address gain (1: none at all).
GAP, GAIN = 0.1, 1.01
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
    """Remembers the best of each measure and which alarms are on; `state()` is plain, for a checkpoint.

    predicts: as in `ModelConfig`. With "pixels" the address is not watched, as targets are not learned."""

    def __init__(self, predicts: str = "latents") -> None:
        self.best, self.on, self.predicts = {}, [], predicts

    def state(self) -> dict:
        return {"best": dict(self.best), "on": list(self.on)}

    def load_state(self, state: dict) -> None:
        self.best, self.on = dict(state["best"]), list(state["on"])

    def told(self, measures: dict[str, float], step: int, progress: float) -> dict[str, list[str]]:
        """What `see` and `note` say, for the log: {"alarms": sentences, "notes": sentences}, if any."""
        said = {"alarms": self.see(measures, step), "notes": self.note(measures, step, progress)}
        return {name: sentences for name, sentences in said.items() if sentences}

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
            warnings.warn(sentence, CollapseWarning, stacklevel=5)
        return said

    def note(self, measures: dict[str, float], step: int, progress: float) -> list[str]:
        """A sentence, once in a run, on predictions that ignore the address. No warning: nothing is broken.

        progress: how much of the run is done, from 0 to 1. Logs of before may lack the measure."""
        known = self.predicts == "latents" and {"gap", "address_gain"} <= measures.keys()
        ignored = known and measures["gap"] >= GAP and measures["address_gain"] < GAIN
        if "address_gain" in self.on or progress <= 0.5 or not ignored:
            return []
        self.on.append("address_gain")
        sentence = (
            f"step {step}: predictions tell images apart but ignore which patch is asked for: "
            f"address_gain is {measures['address_gain']:.4g}, where 1 means that wrong addresses cost no "
            f"loss, and gap is {measures['gap']:.3g}; if what lies where matters in these images, try "
            "model.init=mimetic, or model.target_image_mean below 1, which leaves less of what all "
            "patches of an image share in the targets"
        )
        return [sentence]
