"""Claims about the figure of patches that are alike (jepa_lite/figures/photographs.py).

1. Likeness is 1 with the patch itself and with its copy, and what all patches have in common does not count.
2. The twin is the most alike patch that is no neighbour.
3. The figure shows each map where it belongs, frames the twin, and its alt text counts as the maps do.
"""

import numpy as np
import torch

from jepa_lite.figures import photographs

GRID = (5, 9)
PATCHES = [10, 3, 40]


def planted(seed, bias=0.0):
    """Random tokens (3, 45, 16) in which patch 10 of image 0 has a copy beside it and one far away."""
    tokens = torch.randn(3, 45, 16, generator=torch.Generator().manual_seed(seed))
    tokens[0, 11] = tokens[0, 10]
    tokens[0, 35] = tokens[0, 10] + 0.1 * tokens[0, 0]
    return tokens + bias


def test_likeness_ignores_what_all_patches_share():
    like = photographs.likeness(planted(1), PATCHES)
    assert like.shape == (3, 45) and like[0, 10] > 0.999 and like[0, 11] > 0.999 and like[0, 35] > 0.9
    assert like[0].sort().values[-4] < 0.8
    torch.testing.assert_close(like, photographs.likeness(planted(1, bias=50.0), PATCHES), atol=1e-3, rtol=0)


def test_the_twin_is_no_neighbour():
    assert photographs.twin(photographs.likeness(planted(1), PATCHES)[0], 10, GRID) == 35
    like = torch.zeros(45)
    like[[12, 21, 13]] = torch.tensor([0.9, 0.8, 0.7])  # patch 10: two columns, one row, three columns away
    assert photographs.twin(like, 10, GRID) == 13


def test_the_figure_shows_and_counts_what_the_maps_hold():
    tokens, control = planted(1), planted(2).flip(1)
    images = torch.rand(3, 3, 5 * 4, 9 * 4)
    fig = photographs.alike(images, tokens, control, GRID, PATCHES)
    axes = np.array(fig.axes).reshape(4, 3)
    for row, values in zip(axes[2:], (tokens, control), strict=True):
        like = photographs.likeness(values, PATCHES)
        for i, ax in enumerate(row):
            np.testing.assert_allclose(ax.images[0].get_array(), like[i].view(GRID))
            (mark,) = [patch for patch in ax.patches if patch.get_gid() == "twin"]
            place = photographs.twin(like[i], PATCHES[i], GRID)
            assert (mark.get_x() + 0.5, mark.get_y() + 0.5) == (place % 9, place // 9)
        count = int((like[0] > 0.5).sum()) - 1
        assert f": {count}, " in fig.alt_text
    assert "of 45 patches" in fig.alt_text
