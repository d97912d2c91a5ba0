"""Claims about the mosaic of what fills a hole, on grids that are square and not.

1. A filled image has the given patches in its hole and is untouched elsewhere; so is the original.
2. What is cut out holds the hole and its margin, and stops at the border.
3. Every panel shows its own filling, the first one hides exactly the hole, and the alt text has the errors.
"""

import pytest
import torch

from jepa_lite.course.figures.meaning import _filled, cut, mosaic
from jepa_lite.method.patches import patchify

STATES = [((4, 6), 3, 5, [8, 9, 14, 15]), ((6, 4), 1, 4, [0, 1]), ((5, 5), 3, 2, [18, 19, 23, 24])]


def images(grid, channels, P, n=3):
    size = n, channels, grid[0] * P, grid[1] * P
    return torch.rand(size, generator=torch.Generator().manual_seed(1)) * 0.9 + 0.05


# 1, 2 ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grid, channels, P, hole", STATES)
def test_a_hole_is_filled_and_nothing_else(grid, channels, P, hole):
    (image,), hidden = images(grid, channels, P, 1), torch.tensor(hole)
    before, patches = image.clone(), torch.rand(len(hole), channels * P * P)
    got = patchify(_filled(image, hidden, patches, P)[None], P)[0]
    rest = [i for i in range(grid[0] * grid[1]) if i not in hole]
    assert torch.equal(got[hidden], patches) and torch.equal(got[rest], patchify(image[None], P)[0, rest])
    assert torch.equal(image, before), "the original was written into"


def test_what_is_cut_out_stops_at_the_border():
    (image,) = images((5, 7), 3, 2, 1)
    assert torch.equal(cut(image, torch.tensor([16, 17]), 2), image[:, 2:8, 2:10])
    assert torch.equal(cut(image, torch.tensor([0, 7]), 2), image[:, :6, :4])
    assert torch.equal(cut(image, torch.tensor([34]), 2, margin=2), image[:, 4:, 8:])


# 3 ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grid, channels, P, hole", STATES)
def test_every_panel_shows_its_own(grid, channels, P, hole):
    whole, hidden = images(grid, channels, P), torch.tensor(hole)
    truth = patchify(whole, P)[:, hidden]
    fillings = {"itself": truth, "grey": torch.full_like(truth, 0.5)}
    fig = mosaic(whole, hidden, fillings, P)
    fig.canvas.draw()
    lines = [fig.axes[4 * i : 4 * i + 4] for i in range(3)]
    assert [ax.get_title() for ax in lines[0]] == ["image", "truth", "itself", "grey"]
    for image, line in zip(whole, lines, strict=True):
        marks = [p for p in line[0].patches if p.get_gid() == "hidden"]
        corners = sorted((round(p.get_y() + 0.5) // P, round(p.get_x() + 0.5) // P) for p in marks)
        assert corners == sorted(divmod(i, grid[1]) for i in hole)
        shown = [torch.as_tensor(ax.images[0].get_array()).squeeze() for ax in line[1:]]
        assert torch.equal(shown[0], shown[1]) and not torch.equal(shown[0], shown[2])
        wanted = cut(image, hidden, P).permute(1, 2, 0).squeeze()
        torch.testing.assert_close(shown[0], wanted, atol=0.01, rtol=0)
    error = (truth - 0.5).abs().mean().item()
    assert f"itself 0.00, grey {error:.2f}" in fig.alt_text and f"hole of {len(hole)} patches" in fig.alt_text
