"""The claims that this file tests, over a grid of states.

1. Curves of labels per class: a point is the mean of its draws, the band spans them; what is chosen is
   marked, and its accuracies are told.
2. Encoders differ in colour, dashes and mark. A name or a count that is not there is one sentence.
3. The leak: bars are as long as the numbers, honest above leaky, and the two are told apart by hatch as well.
"""

import itertools

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

from jepa_lite.course.figures import probing
from jepa_lite.figures.style import NAMES

COUNTS = (1, 3, 20)


def table(names, draws=3, seed=0):
    values = torch.rand(len(names), len(COUNTS), draws, generator=torch.Generator().manual_seed(seed))
    return {
        name: dict(zip(COUNTS, rows.tolist(), strict=True)) for name, rows in zip(names, values, strict=True)
    }


def lines(fig):
    return {line.get_gid(): line for line in fig.axes[0].lines}


# 1, 2 -------------------------------------------------------------------------------------------------

STATES = [
    (names, chosen, chance)
    for names in (tuple(probing.LOOKS), ("pixels",), ("ijepa", "random"))
    for chosen, chance in itertools.product((None, *COUNTS), (None, 0.125))
]


@pytest.mark.parametrize("names, chosen, chance", STATES)
def test_curves_show_what_was_measured(names, chosen, chance):
    found = table(names)
    fig = probing.label_curves(found, chosen, chance)
    drawn = lines(fig)
    for name in names:
        means = [np.mean(found[name][count]) for count in COUNTS]
        np.testing.assert_allclose(drawn[name].get_ydata(), means)
        assert list(drawn[name].get_xdata()) == list(COUNTS) and NAMES[name] in fig.alt_text
        (band,) = [c for c in fig.axes[0].collections if c.get_gid() == f"{name} draws"]
        heights = band.get_paths()[0].vertices[:, 1]
        lowest, highest = min(map(min, found[name].values())), max(map(max, found[name].values()))
        assert heights.min() == pytest.approx(lowest) and heights.max() == pytest.approx(highest)
        told = means[COUNTS.index(chosen)] if chosen else means[0]
        assert f"{NAMES[name]} {told:.3f}" in fig.alt_text
    assert ("chosen" in drawn) == (chosen is not None) and ("chance" in drawn) == (chance is not None)
    if chosen:
        assert f"at {chosen} labelled" in fig.alt_text and drawn["chosen"].get_xdata()[0] == chosen
    assert ("Chance is 0.125" in fig.alt_text) == (chance is not None)


def test_encoders_are_told_apart_without_colour():
    drawn = lines(probing.label_curves(table(tuple(probing.LOOKS))))
    marks = {line.get_marker() for line in drawn.values()}
    dashes = {str(line._unscaled_dash_pattern) for line in drawn.values()}
    colours = {to_hex(line.get_color()) for line in drawn.values()}
    assert len(marks) == len(dashes) == len(colours) == len(probing.LOOKS)


def test_a_name_or_count_that_is_not_there_is_a_sentence():
    with pytest.raises(ValueError, match="no look for 'mae'; there are: ijepa"):
        probing.label_curves(table(("mae",)))
    with pytest.raises(ValueError, match=r"2 labels per class were not measured; choose of \[1, 3, 20\]"):
        probing.label_curves(table(("ijepa",)), 2)


# 3 ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", (1, 2, 5))
def test_the_leak_is_drawn_and_told(count):
    rows = {f"view {i}": (0.2 + 0.1 * i, 0.9 - 0.05 * i) for i in range(count)}
    fig = probing.leak(rows)
    bars = {bar.get_gid(): bar for bar in fig.axes[0].patches}
    assert len(bars) == 2 * count
    for name, (honest, leaky) in rows.items():
        one, two = bars[f"{name} honest split"], bars[f"{name} leaky split"]
        assert (one.get_width(), two.get_width()) == (honest, leaky)
        assert one.get_y() < two.get_y() and one.get_hatch() != two.get_hatch()  # the axis runs downwards
        assert f"{name}: honest {honest:.3f}, leaky {leaky:.3f}" in fig.alt_text
    assert len(fig.legends[0].get_texts()) == 2
