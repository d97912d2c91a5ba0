"""Loss, effective rank and probe accuracy while a run trains: start, pause, resume, stop, start again.

The loss never stands alone: it is only a proxy (collapse_alarms.py). A click works while it trains,
because the training takes turns with it (background_training.py). `train()` is for a cell whose next one
needs a trained model. The static figure is `curves` of figures/curves.py.
"""

import copy
import math
import time
from collections.abc import Iterable

import numpy as np
import traitlets

from ..data.readers import Files
from ..figures import curves as curve_figures
from ..figures.style import Picture
from ..training.run import Run
from .background_training import Home, Player
from .base import Explorer, script

PAUSE = 0.25  # seconds between two updates of the page, at least
MOST = 1000  # points of a curve that are sent: as many as a panel has pixels
RECENT = 20  # steps whose pace is shown
CURVES = ("loss", "rank", "knn", "linear")


def packed(log: list[dict], keys: Iterable[str]) -> dict[str, bytes]:
    """{key: bytes of float32 (n, 2)}: step and value of the records that hold `key`, at most `MOST` + 1."""
    found = {}
    for key in keys:
        pairs = np.array([(r["step"], r[key]) for r in log if key in r], np.float32).reshape(-1, 2)
        stride = -(-len(pairs) // MOST) or 1
        kept = pairs[::stride]
        if len(pairs) and kept[-1, 0] != pairs[-1, 0]:
            kept = np.concatenate([kept, pairs[-1:]])
        found[key] = kept.tobytes()
    return found


def _whereabouts(run: Run, log: list[dict], state: str) -> dict:
    """Where a run stands, for the page: step, of how many, steps a second, seconds left; None: not known."""
    recent = sum(r["seconds"] for r in log[-RECENT:] if "seconds" in r)
    steps = sum("seconds" in r for r in log[-RECENT:])
    done, total = run.progress, run.total_steps
    return {
        "state": state,
        "step": run.step,
        "total": total if math.isfinite(total) else None,
        "pace": steps / recent if recent else None,
        "left": run.elapsed * (1 - done) / done if done and run.step else None,
    }


class TrainingView(Explorer):
    """What the widgets share that train. A subclass sets `player`, `curves` and, by name, its `buttons`."""

    now = traitlets.Dict(help="state, step, total, pace, left").tag(sync=True)
    series = traitlets.Dict(help="{key: float32 pairs of step and value}").tag(sync=True)
    curves = buttons = ()

    def __init__(self) -> None:
        super().__init__()
        self.home, self.player, self.records, self._shown = Home(), None, [], 0.0
        self.on_msg(lambda _, message, buffers: self.home.run(self._press, message))

    def pressed(self, do: str) -> None:
        """What the page's button `do` does."""
        if do not in self.buttons:
            raise ValueError(f"a button does one of {', '.join(self.buttons)}, not {do!r}")
        getattr(self, do)()

    def _press(self, message):
        try:
            self.pressed(**message)
        except (RuntimeError, ValueError) as error:
            self.trouble = f"{error}."

    def _hear(self, record):
        self.records.append(record)
        if record.get("alarms"):
            self.trouble = " ".join(f"{sentence[0].upper()}{sentence[1:]}." for sentence in record["alarms"])
        if time.monotonic() - self._shown > PAUSE:
            self._tell()

    def _tell(self):
        """Send the page what it does not have yet."""
        self._shown = time.monotonic()
        with self.hold_sync():
            if error := self.player.error:
                self.trouble = f"The training has ended at step {self.player.run.step}: {_sentence(error)}."
            self.now = _whereabouts(self.player.run, self.records, self.player.state)
            self.series = packed(self.records, self.curves)


def _sentence(error):
    words = str(error).rstrip(".")
    return words if isinstance(error, ValueError | FloatingPointError) else f"{type(error).__name__}: {words}"


class LiveTraining(TrainingView):
    """Watch a `Run` train. `records`: what its steps gave so far, as `curve_figures.curves` takes them.

    run: a `jepa_lite.Run`, with a `probe` and `train.probes` if accuracy is to be seen, too. random: {"knn":
    ..., "linear": ...} of random weights, the level to beat, drawn dotted. Raises TypeError for no run.
    """

    _esm = script("kit", "curves", "live")
    random = traitlets.Dict().tag(sync=True)
    probed = traitlets.Bool(help="whether accuracy will be measured").tag(sync=True)
    curves, buttons = CURVES, ("start", "pause", "stop", "again")

    def __init__(self, run: Run, random: dict[str, float] | None = None) -> None:
        if not hasattr(run, "steps"):
            raise TypeError(f"LiveTraining shows a jepa_lite.Run, not a {type(run).__name__}")
        super().__init__()
        self._first = copy.deepcopy((run.model.state_dict(), run.state()))  # for `again`
        self.player = Player(run, self.home, self._hear, self._tell)
        self.random = dict(random or {})
        self.probed = bool(run.probe and run.config.train.probes)
        self._tell()

    @property
    def run(self) -> Run:
        """The run that is shown: the one that was handed over, or the newest of `again`."""
        return self.player.run

    @property
    def error(self) -> Exception | None:
        """What a step raised, or None."""
        return self.player.error

    def start(self) -> None:
        """Train, or go on, in the background. Raises RuntimeError outside a notebook."""
        self.player.start()

    def pause(self) -> None:
        self.player.pause()

    def stop(self) -> None:
        """End it for good. `run` is then yours: `run.steps()` would go on."""
        self.player.stop()

    def again(self) -> None:
        """Train a new run from where the first one stood when it was handed over, which is left as it is."""
        self.player.stop()
        old, (weights, state) = self.run, self._first
        images = old.source if isinstance(old.source, Files) else old.source.images
        run = Run(old.config, images, old.device, copy.deepcopy(old.model), old.probe)
        run.model.load_state_dict(weights)
        run.load_state(copy.deepcopy(state))
        self.player = Player(run, self.home, self._hear, self._tell)
        self.records, self.trouble = [], ""
        self.start()

    def train(self, steps: int | None = None) -> list[dict]:
        """Train now, `steps` or to the end, while the page follows; returns the records."""
        self.player.train(steps)
        return self.records

    def figure(self) -> Picture:
        """`curve_figures.curves` of what was trained so far, or that nothing was."""
        return curve_figures.curves(self.records, self.random) if self.records else curve_figures.untrained()
