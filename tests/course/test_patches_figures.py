"""Claims tested here, of the figure of notebook 02:

1. Each patch has its own number, in the middle of its square, row by row, also where grid and image are not
   square; the framed patch is the one beside it, pixel by pixel, and alt text says where it lies.
2. A patch that the grid does not have, and a patch size that does not divide, are one sentence.
"""

import numpy as np
import pytest
import torch

from jepa_lite.course.figures.patches import numbered


@pytest.mark.parametrize("grid, C, P, patch", [((8, 8), 3, 8, 27), ((2, 5), 3, 4, 9), ((6, 3), 1, 5, 0)])
def test_each_patch_has_its_number(grid, C, P, patch):
    generator = torch.Generator().manual_seed(1)
    image = torch.rand(C, grid[0] * P, grid[1] * P, generator=generator)
    fig = numbered(image, P, patch)
    fig.canvas.draw()
    whole, one = fig.axes
    places = {int(text.get_text()): text.get_position() for text in whole.texts}
    assert set(places) == set(range(grid[0] * grid[1]))
    for number, (x, y) in places.items():
        assert (int(y // P), int(x // P)) == divmod(number, grid[1])
        assert (x % P, y % P) == ((P - 1) / 2,) * 2, "numbers stand in the middle of their squares"
    (framed,) = [mark for mark in whole.patches if mark.get_gid() == "query"]
    left, top = (round(edge + 0.5) for edge in framed.get_xy())
    cut = image[:, top : top + P, left : left + P].permute(1, 2, 0)
    np.testing.assert_array_equal(np.asarray(one.images[0].get_array()).squeeze(), cut.numpy().squeeze())
    row, column = divmod(patch, grid[1])
    assert f"patch {patch}, in row {row} and column {column}" in fig.alt_text


def test_what_is_not_there_is_one_sentence():
    with pytest.raises(ValueError, match="2 x 3 has patches 0 to 5, not 6"):
        numbered(torch.rand(3, 8, 12), 4, 6)
    with pytest.raises(ValueError, match="does not divide"):
        numbered(torch.rand(3, 8, 12), 5, 0)
