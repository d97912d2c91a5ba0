"""Claims about the figures of notebook 11.

1. Cost against tokens: each line is its numbers over those of the base; what was not measured has no point;
   the guides are the first and the second power; the alt text says the numbers.
2. A log reading shows the measure from before the first step on, whatever the measure; the truth (name and
   alarms) is nowhere in it until it is told, and then everywhere.
3. What cannot be drawn is refused by name.
"""

import pytest

from jepa_lite.course import results
from jepa_lite.course.figures.scaling import MEASURES, cost_against_tokens, log_reading

ROWS = [
    {"patch": 4, "tokens": 256, "flops": 21e9, "seconds": 1.2},
    {"patch": 16, "tokens": 16, "flops": 1e9, "seconds": 0.2},
    {"patch": 8, "tokens": 64, "flops": 4e9, "seconds": 0.4},
    {"patch": 2, "tokens": 1024, "flops": 160e9, "seconds": None},
]
RUNS = results("alarms")["rows"]


def line(ax, gid):
    (found,) = [drawn for drawn in ax.lines if drawn.get_gid() == gid]
    return found.get_xdata().tolist(), found.get_ydata().tolist()


# 1 -------------------------------------------------------------------------------------------------------


def test_costs_are_in_units_of_the_base():
    fig = cost_against_tokens(ROWS, base=8)
    fig.canvas.draw()
    (ax,) = fig.axes
    assert line(ax, "flops") == ([16, 64, 256, 1024], [0.25, 1, 5.25, 40])
    tokens, seconds = line(ax, "seconds")
    assert tokens == [16, 64, 256] and seconds == pytest.approx([0.5, 1, 3])
    assert line(ax, "linear")[1] == [0.25, 1, 4, 16] and line(ax, "square")[1] == [0.0625, 1, 16, 256]
    assert "FLOPs, counted: 0.25, 1, 5.2 and 40 times at 16, 64, 256 and 1024 tokens" in fig.alt_text
    assert "seconds, measured: 0.5, 1 and 3 times at 16, 64 and 256 tokens" in fig.alt_text
    assert line(cost_against_tokens(ROWS, base=16).axes[0], "flops")[1] == [1, 4, 21, 160]


# 2 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run["name"])
@pytest.mark.parametrize("measure", MEASURES)
def test_a_reading_tells_only_when_asked(run, measure):
    hidden, told = (log_reading(run, measure, "run Q", tell) for tell in (False, True))
    for fig in (hidden, told):
        fig.canvas.draw()
        upper, lower = fig.axes
        steps, values = line(lower, measure)
        assert steps[0] == 0 and values[0] == run["at_first"][measure]
        assert values[1:] == [record[measure] for record in run["curve"]]
        assert line(upper, "loss")[1] == [record["loss"] for record in run["curve"]]
        low, high = lower.get_ylim()
        assert low <= min(values) and max(values) <= high, "a point lies outside"
        assert f"{min(values):.3g}" in fig.alt_text and fig.alt_text.startswith("run Q")
    words = hidden.alt_text + hidden.axes[0].get_title("left")
    assert run["name"] not in words and "alarm" not in words
    assert not any((drawn.get_gid() or "").startswith("alarm") for drawn in hidden.axes[1].lines)
    marked = [drawn.get_gid() for drawn in told.axes[1].lines if (drawn.get_gid() or "").startswith("alarm")]
    assert marked == [f"alarm {name}" for name in run["alarms"]]
    assert run["name"] in told.alt_text and run["name"] in told.axes[0].get_title("left")
    assert all(f"{name} at step {step}" in told.alt_text for name, step in run["alarms"].items())


# 3 -------------------------------------------------------------------------------------------------------


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="no row of patch 5"):
        cost_against_tokens(ROWS, base=5)
    with pytest.raises(ValueError, match="measure must be one of rank, std, position_share, gap, not 'loss'"):
        log_reading(RUNS[0], "loss", "run A")
