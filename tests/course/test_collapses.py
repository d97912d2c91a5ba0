"""What must hold of the four ways to collapse and of the figures on them.

1. All begin with the same weights and see the same images; a log begins with step 0, and its two ends have
   all measures.
2. Targets normalised within an image have mean 0 and variance 1 over its places; a model without norms has
   none.
3. Curves, bars and points are as high as the numbers; runs differ in dashes, and what is without
   stop-gradient in hatch; each figure tells its numbers.
"""

import dataclasses

import numpy as np
import pytest
import torch

from jepa_lite.baselines.switches import Switches
from jepa_lite.course import collapses, linear_toy, results
from jepa_lite.course.figures import collapses as figures
from jepa_lite.data.images import normalize

# 1, 2 -------------------------------------------------------------------------------------------------


def test_all_begin_alike_and_logs_have_ends():
    runs = {name: collapses.start(name, steps=2) for name in collapses.RECIPES}
    first = runs["healthy"].model.state_dict()
    for name, run in runs.items():
        own = run.model.state_dict()
        assert own and all(torch.equal(own[key], first[key]) for key in own), name
        assert torch.equal(run.source.sample(5), runs["healthy"].source.sample(5))
    log, alarms = collapses.watched("complete", steps=2)
    assert [record["step"] for record in log] == [0, 1, 2] and log[0]["loss"] is None and alarms == "never"
    assert {"rank", "gap", "within", "size"} <= set(log[0]) & set(log[-1])


def test_what_the_two_kinds_of_model_change():
    images = normalize(collapses.images()[:3])
    targets = collapses.start("positional").model.targets(images)  # (B, N, D)
    torch.testing.assert_close(targets.mean(1), torch.zeros_like(targets[:, 0]), atol=1e-4, rtol=0)
    torch.testing.assert_close(
        targets.var(1, correction=0), torch.ones_like(targets[:, 0]), atol=0.01, rtol=0
    )
    model = collapses.start("shrinking").model
    assert not any(name.startswith("norm.") for name, _ in model.encoder.named_parameters())


# 3 ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("across", (1, 2, 3))
def test_courses_show_each_run_and_each_end(across):
    logs = {
        name: [{"step": 0, "loss": None, "rank": start}, {"step": 5, "loss": 0.5, "rank": start / 2}]
        for name, start in (("one", 6.0), ("two", 4.0))
    }
    fig = figures.courses(logs, {"loss": "the loss", "rank": "the rank"}, {"rank": 1}, across)
    lines = {line.get_gid(): line for ax in fig.axes for line in ax.lines}
    np.testing.assert_allclose(lines["rank two"].get_ydata(), [4, 2])
    assert lines["rank end"].get_ydata()[0] == 1 and "loss end" not in lines
    assert str(lines["rank one"]._unscaled_dash_pattern) != str(lines["rank two"]._unscaled_dash_pattern)
    assert "the rank, two: from 4.00 to 2" in fig.alt_text


def test_spectra_are_shares_from_the_largest_down():
    fig = figures.spectra({"steep": torch.tensor([1.0, 6.0, 3.0]), "flat": torch.ones(3)})
    lines = {line.get_gid(): line for line in fig.axes[0].lines}
    np.testing.assert_allclose(lines["steep"].get_ydata(), [0.6, 0.3, 0.1], rtol=1e-6)
    assert (
        "steep: the first has 60%, 2 of 3 have 90%" in fig.alt_text
        and "flat: the first has 33%" in fig.alt_text
    )


def test_bars_say_who_prevents_what():
    rows = [
        {
            "name": str(s),
            "switches": dataclasses.asdict(s),
            "runs": [{"loss": 0.1 * i, "rank": i} for i in (1, 3)],
        }
        for s in (Switches(), Switches(stop_gradient=False, ema=False, target_norm="layer"))
    ]
    fig = figures.who_prevents(rows)
    bars = {bar.get_gid(): bar for ax in fig.axes for bar in ax.patches}
    one, two = (bars[f"{row['name']} rank"] for row in rows)
    assert one.get_width() == two.get_width() == 2 and not one.get_hatch() and two.get_hatch()
    assert "layer norm: no stop-grad. and no EMA, rank 2.0" in fig.alt_text
    assert len(figures.who_prevents(results("collapse")["rows"]).axes[0].patches) == 12


def test_the_toy_is_drawn_beside_what_the_sum_says():
    correlations = torch.tensor([0.3, 0.8])
    flows = {
        name: linear_toy.flow(correlations.diag(), 0.3 * torch.eye(2), 0.1 * torch.eye(2), stop, steps=40)
        for name, stop in (("with", True), ("without", False))
    }
    ends = {0.0: torch.tensor([0.3, 0.8]), 0.1: torch.tensor([0.0, 0.6])}
    fig = figures.toy(flows, correlations, ends)
    lines = {line.get_gid(): line for ax in fig.axes for line in ax.lines}
    np.testing.assert_allclose(lines["with 1"].get_ydata(), flows["with"].gains()[:, 1], rtol=1e-5)
    np.testing.assert_allclose(lines["at 0.1"].get_ydata(), [0.0, 0.6], rtol=1e-6)
    x, y = lines["rule 0.1"].get_xydata()[-1]
    assert (x, y) == pytest.approx((1, 0.5 + 0.15**0.5))
    assert "without, gains end from" in fig.alt_text and "0.00 and 0.60" in fig.alt_text


def test_training_images_are_drawn_as_they_are():
    pixels = collapses.images()[:3]
    fig = figures.training_images(pixels, "three of them.")
    np.testing.assert_array_equal(fig.axes[2].images[0].get_array(), pixels[2].permute(1, 2, 0))
    assert fig.alt_text == "3 training images in a row: three of them."
