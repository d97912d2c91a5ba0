"""The collapse lab: take out stop-gradient, moving average, predictor or target norm, and watch what happens.

Each run is a real one of the library, seconds long (jepa_lite/baselines/switches.py has what the switches
do, in formulas). Earlier runs stay as lines and in a table, to compare with; benchmarks/README.md has
what three seeds gave. The static figure is `runs` of figures/collapse.py.
"""

import dataclasses

import traitlets

from ..baselines.switches import NORMS, Switches
from ..figures.collapse import CURVES, last, runs, said
from ..figures.style import Picture
from .background_training import ENDED, Player
from .base import script
from .collapse_run import STEPS, lab_run
from .live import TrainingView, packed

KEPT = 6  # runs that are shown: as many lines as can be told apart
START = {"state": "ready", "step": 0, "pace": None, "left": None}
SWITCHES = ("stop_gradient", "ema", "predictor", "target_norm")
LONGEST = 2000  # steps: a page should not train for hours


class CollapseLab(TrainingView):
    """Switches, and Start, Pause, Resume and Reset. switches: how they stand at first; seed: of weights and
    images; steps: of a run, at first. The default is enough for a collapse to be complete.

    history: the runs so far, oldest first: [{"number", "switches", "log"}], at most six of them.
    Raises ValueError for a seed below 0, and for fewer steps than 2 or more than 2,000.
    """

    _esm = script("kit", "curves", "collapse")
    stop_gradient, ema, predictor = (traitlets.Bool(True).tag(sync=True) for _ in range(3))
    target_norm = traitlets.Enum(NORMS, "place").tag(sync=True)
    steps = traitlets.Int(STEPS, help="of the next run").tag(sync=True)
    earlier = traitlets.List(help="[{number, series}] of the runs before this one").tag(sync=True)
    rows = traitlets.List(help="the table: [number, settings, step, loss, ...] as text").tag(sync=True)
    curves, buttons = CURVES, ("start", "pause", "reset")

    def __init__(self, switches: Switches | None = None, seed: int = 0, steps: int = STEPS) -> None:
        if seed < 0:
            raise ValueError(f"a seed is at least 0, not {seed}")
        _check_steps(steps)
        super().__init__()
        self.seed, self.steps, self.history = seed, steps, []
        self._move(switches or Switches())
        self._tell()

    @property
    def switches(self) -> Switches:
        """The `Switches` as they stand: those of the next run."""
        return Switches(**{name: getattr(self, name) for name in SWITCHES})

    def start(self) -> None:
        """Train, or go on, in the background; a new run if a switch was moved or the last run has ended."""
        self._prepare()
        self.player.start()

    def pause(self) -> None:
        if self.player:
            self.player.pause()

    def reset(self) -> None:
        """End the present run, which stays as a line. The next `start` begins anew."""
        if self.player:
            self.player.stop()
            if not self.player.run.step:
                self.history = self.history[:-1]
        self.player, self.records = None, []
        self._tell()

    def train(self, steps: int | None = None) -> list[dict]:
        """Train now, `steps` or to the end of the run; returns its records. Raises what a step raises."""
        self._prepare()
        self.player.train(steps)
        return self.records

    def figure(self) -> Picture:
        """`runs` of figures/collapse.py, of the history."""
        return runs(self.history)

    def pressed(self, do: str, name: str | None = None, value: object = None) -> None:
        """What the page's button `do` does; "set" moves the switch `name`."""
        if do != "set":
            return super().pressed(do)
        if name == "steps":
            self.steps = _check_steps(value)
            return
        if name not in SWITCHES:
            raise ValueError(f"there is no switch {name!r}; there are: {', '.join((*SWITCHES, 'steps'))}")
        self._move(dataclasses.replace(self.switches, **{name: value}))

    def _move(self, switches):
        for name in SWITCHES:
            setattr(self, name, getattr(switches, name))

    def _prepare(self):
        """A run for the switches as they stand: the present one if it fits and has not ended."""
        if self.player and self.player.state not in ENDED and not self._moved():
            return
        self.reset()
        self.trouble = ""
        run = lab_run(self.switches, self.seed, self.steps)
        self.records = [{"step": 0} | run.measures()]
        number = self.history[-1]["number"] + 1 if self.history else 1
        present = {"number": number, "switches": self.switches, "log": self.records}
        self.history = [*self.history, present][-KEPT:]
        self.player = Player(run, self.home, self._hear, self._tell)

    def _moved(self):
        same = self.history[-1]["switches"] == self.switches and self.player.run.total_steps == self.steps
        return not same

    def _tell(self):
        with self.hold_sync():
            if self.player:
                super()._tell()
            else:
                self.now = START | {"total": self.steps}
                self.series = packed([], self.curves)
            before = self.history[:-1] if self.player else self.history
            self.earlier = [
                {"number": run["number"], "series": packed(run["log"], self.curves)} for run in before
            ]
            self.rows = [_row(run) for run in self.history]


def _check_steps(steps):
    if not isinstance(steps, int) or not 2 <= steps <= LONGEST:
        raise ValueError(f"a run of the lab has from 2 to {LONGEST} steps, not {steps!r}")
    return steps


def _row(run):
    values = [said(last(run["log"], key)) for key in CURVES]
    return [str(run["number"]), str(run["switches"]), str(run["log"][-1]["step"]), *values]
