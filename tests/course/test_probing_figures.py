"""The claims that this file tests, over a grid of states.

1. Curves of labels per class: a point is the mean of its draws, the band spans them; what is chosen is
   marked, and its accuracies are told.
2. Encoders differ in colour, dashes and mark. A name or a count that is not there is one sentence.
3. The leak: bars are as long as the numbers, honest above leaky, and the two are told apart by hatch as well.
4. The table on photographs holds what was reported, not what was chosen on: means over seeds, and of runs the
   longest whose settings are nearest to the preset's. A control that was not measured has no row.
5. Its bars are as long as the numbers, three hatches tell the probes apart, and a missing measure has no bar.
6. Examples are of their class, in its order, one row a set.
"""

import copy
import itertools

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

from jepa_lite.course import results
from jepa_lite.course.figures import probing
from jepa_lite.data import Images
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


# 4, 5 -------------------------------------------------------------------------------------------------


def measured():
    """Results of one data set, with a longer run, a choice and another setting beside those that count."""
    run = {"data": "cifar10", "on": "report", "name": "short", "steps": 10, "seed": 0, "cpu_seconds": 1.0}
    run |= {"settings": ["a=1"], "linear": 0.3, "knn": 0.3, "linear_last4": 0.3}
    run["config"] = {"model": {"predicts": "latents"}}
    long = run | {"steps": 20, "linear": 0.5, "linear_last4": 0.7, "cpu_seconds": 2.0}
    runs = [run, long, long | {"seed": 1, "linear": 0.6}, long | {"settings": ["a=1", "b=2"], "linear": 0.9}]
    runs += [long | {"on": "choose", "steps": 99, "linear": 0.99}, long | {"data": "imagenette", "steps": 98}]
    of = {"data": "cifar10", "on": "report"}
    controls = [of | {"name": "raw pixels", "linear": 0.2, "knn": 0.25}]
    controls += [
        of | {"name": "random weights", "linear": x, "knn": x, "linear_last4": x} for x in (0.1, 0.3)
    ]
    return {"controls": controls, "runs": runs}


def test_the_table_on_photographs_holds_what_was_reported():
    pixels, random, ours = probing.photograph_rows(measured(), "cifar10")
    assert pixels == {"name": "raw pixels", "seeds": 1, "linear": 0.2, "knn": 0.25}
    assert random["seeds"] == 2 and random["linear"] == pytest.approx(0.2)
    assert (ours["name"], ours["seeds"], ours["steps"]) == ("I-JEPA", 2, 20)
    assert ours["linear"] == pytest.approx(0.55) and ours["cpu_seconds"] == 2.0
    found = copy.deepcopy(measured())
    found["runs"].insert(0, found["runs"][1] | {"settings": ["c=3"], "linear": 0.8})  # as near and long
    assert probing.photograph_rows(found, "cifar10")[2] == ours
    found["runs"].append(found["runs"][1] | {"config": {"model": {"predicts": "pixels"}}, "knn": 0.11})
    assert [row["name"] for row in probing.photograph_rows(found, "cifar10")][2:] == [
        "pixel baseline",
        "I-JEPA",
    ]


@pytest.mark.parametrize("names", [("cifar10",), ("imagenette", "cifar10")])
def test_bars_of_photographs_are_as_long_as_the_numbers(names):
    tables = {name: probing.photograph_rows(results("real_images"), name) for name in names}
    fig = probing.photograph_bars(tables, chance=0.1)
    bars = {bar.get_gid(): bar for ax in fig.axes for bar in ax.patches}
    wanted = {
        f"{title} {row['name']} {key}": row[key]
        for title, rows in tables.items()
        for row in rows
        for key in probing.PROBES
        if key in row
    }
    assert {gid: bar.get_width() for gid, bar in bars.items()} == pytest.approx(wanted)
    assert f"{names[0]} raw pixels linear_last4" not in bars
    hatches = {bars[f"{names[0]} I-JEPA {key}"].get_hatch() for key in probing.PROBES}
    assert len(hatches) == len(probing.PROBES)
    for row in tables[names[0]]:
        assert f"{names[0]}, {row['name']}: linear probe {100 * row['linear']:.0f}%" in fig.alt_text


# 6 ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("each", (1, 2))
def test_examples_are_of_their_class(each):
    labels = torch.tensor([2, 0, 1, 0, 2, 1])
    images = (labels.view(-1, 1, 1, 1) * 50 + torch.arange(6).view(-1, 1, 1, 1)).expand(6, 3, 4, 4)
    one = Images(images.to(torch.uint8), labels, ("a", "b", "c"), "letters")
    fig = probing.examples(one, one, each=each)
    assert len(fig.axes) == 2 * 8 and "a, b, c" in fig.alt_text
    assert sum(len(ax.images) for ax in fig.axes) == 2 * 3 * each
    shown = [float(ax.images[0].get_array()[0, 0, 0]) * 255 for ax in fig.axes[: 3 * each]]
    assert [round(value) // 50 for value in shown] == [label for label in range(3) for _ in range(each)]
    assert [ax.get_title() for ax in fig.axes[:each]] == ["a", ""][:each]
