"""What must hold of the figures of notebook 05 (`fillings`, `errors_by_seed`; the others:
test_masks_and_curves.py).

1. A filled hole holds the given answers at their patches, and the error beside it is the mean square.
2. The text tells flat answers from others, and every error.
3. A line of errors is the mean of the seeds, and its band their range; the floor is drawn.
"""

import numpy as np
import pytest
import torch

from jepa_lite.figures.predictor import errors_by_seed, fillings

GRID, HOLE = (3, 5), torch.tensor([6, 7, 8, 11, 12, 13])


def test_a_hole_is_filled_where_it_is():
    colours = torch.randn(15, 3, generator=torch.Generator().manual_seed(0))
    answers = {"flat": torch.ones(6, 3), "exact": colours[HOLE]}
    fig = fillings(colours, HOLE, GRID, answers)
    pictures = [ax.images[0].get_array() for ax in fig.axes]
    flat, exact, truth = (np.asarray(p, float).reshape(15, 3) for p in pictures[1:])
    assert np.allclose(flat[HOLE], 0.54) and np.allclose(exact, truth)
    assert np.allclose(np.delete(flat, HOLE, 0), np.delete(truth, HOLE, 0)), (
        "outside the hole nothing changes"
    )
    error = (1 - colours[HOLE]).square().mean().item()
    assert fig.axes[1].get_title() == f"flat\nerror {error:.2f}" and "error 0.00" in fig.axes[2].get_title()
    assert "hole of 2 by 3" in fig.alt_text
    assert f"flat: error {error:.2f}, std of the answers 0.00" in fig.alt_text
    assert len([p for p in fig.axes[0].patches if p.get_gid() == "hidden"]) == 6


def test_errors_show_mean_and_range_of_the_seeds():
    of = {"learned": torch.tensor([[3.0] * 40, [1.0] * 40]), "sin-cos": torch.full((2, 40), 5.0)}
    fig = errors_by_seed({"lamp": of}, {"lamp": 1.5})
    (ax,) = fig.axes
    lines = {line.get_gid(): line.get_ydata() for line in ax.lines}
    assert np.allclose(lines["lamp learned"], 2.0) and np.allclose(lines["lamp sin-cos"], 5.0)
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((1.0, 3.0))
    assert any(np.allclose(line.get_ydata(), 1.5) for line in ax.lines), "the floor is missing"
    assert "lamp, learned: 3.00 and 1.00 around step 20, 3.00 and 1.00 at the end" in fig.alt_text
