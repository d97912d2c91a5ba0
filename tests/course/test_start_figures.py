"""Claims tested here, of the first notebook's figures:

1. The first look: the patch is framed on the photograph, in each map the most similar one that is not near,
   and the maps are likenesses of the encoder that stands beside them. Alt text says where.
2. The drawing has three networks, of which only the target encoder is dashed, and shows vectors inside the
   target blocks alone, on a ground that is no image, so that it turns dark on a dark page; the context it
   shows holds no target. Predictions that equal their targets look the same. Alt text counts.
3. The bars are the numbers; a notebook here is its seconds there over the ratio; alt text holds the ratio. No
   notebooks yet, or one, is drawn as well.
"""

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

from jepa_lite.config import MaskConfig
from jepa_lite.course.figures.start import beside_reference, first_look, three_networks
from jepa_lite.course.first_look import Prediction, Seen
from jepa_lite.figures.photographs import likeness
from jepa_lite.figures.style import NOTHING
from jepa_lite.method.masks import sample_masks
from jepa_lite.method.patches import take


def marked(ax, gid):
    return [artist for artist in (*ax.patches, *ax.lines) if artist.get_gid() == gid]


def seeded(seed):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("grid", "patch", "twins"), [((7, 9), 11, (50, 8)), ((6, 5), 29, (2, 0))])
def test_the_first_look_frames_what_is_similar(grid, patch, twins):
    N, P = grid[0] * grid[1], 4
    kinds = []
    for seed, twin in enumerate(twins):
        tokens = torch.randn(N, 6, generator=seeded(seed)) + 1
        tokens[twin] = tokens[patch]
        tokens[patch - 1] = tokens[patch]  # too near to count
        kinds.append(tokens)
    image = torch.rand(3, P * grid[0], P * grid[1], generator=seeded(4))
    fig = first_look(Seen(image, *kinds, grid, P), patch)
    fig.canvas.draw()
    photo, *panels = fig.axes
    (framed,) = marked(photo, "query")
    assert framed.get_xy() == (patch % grid[1] * P - 0.5, patch // grid[1] * P - 0.5)
    maps = [ax for ax in panels if marked(ax, "twin")]
    assert len(maps) == 2 and len(panels) == 4
    for ax, twin, tokens in zip(maps, twins, kinds, strict=True):
        (found,) = marked(ax, "twin")
        assert found.get_xy() == (twin % grid[1] - 0.5, twin // grid[1] - 0.5)
        drawn = np.asarray(ax.images[0].get_array()).flatten()
        assert np.allclose(drawn, likeness(tokens[None], [patch])[0])
        assert f"row {twin // grid[1]}, column {twin % grid[1]}" in fig.alt_text
    assert f"row {patch // grid[1]}, column {patch % grid[1]} of {grid[0]} by {grid[1]}" in fig.alt_text


@pytest.mark.parametrize(("grid", "targets"), [((8, 8), 4), ((5, 9), 2), ((9, 6), 1), ((7, 6), 6)])
def test_the_drawing_shows_who_sees_what(grid, targets):
    N, image = grid[0] * grid[1], torch.rand(3, 4 * grid[0], 4 * grid[1], generator=seeded(1))
    masks = sample_masks(grid, 1, MaskConfig(num_targets=targets, min_keep=2), seeded(7))
    truth = torch.randn(N, 5, generator=seeded(2))
    answers = take(truth[None], masks.target_idx)[0]  # (M, T, D)
    fig = three_networks(Prediction(image, masks, answers, truth, torch.full(answers.shape[:2], 2.5)))
    fig.canvas.draw()
    (ax,) = fig.axes
    names = ("context encoder", "predictor", "target encoder")
    dashed = [marked(ax, name)[0].get_linestyle() in ("--", "dashed") for name in names]
    assert dashed == [False, False, True], "only the target encoder learns by no gradient"
    seen = masks.context_keep[0].sum().item()
    context, whole, *vectors = ax.child_axes
    assert len(marked(context, "unseen")) == N - seen and not marked(whole, "unseen")
    for m, block in enumerate(masks.target_idx[0], 1):
        assert len(marked(whole, f"target {m}")) == len(block), "the whole image has the blocks hatched"
    hidden = torch.zeros(N, dtype=torch.bool)
    hidden[masks.target_idx.flatten()] = True
    drawn = [np.asarray(one.images[0].get_array()).reshape(N, 4) for one in vectors]
    assert [one.images[0].get_gid() for one in vectors] == ["predictions", "targets"]
    for one, colours in zip(vectors, drawn, strict=True):
        assert (colours[:, 3] == hidden.numpy()).all(), "vectors stand inside the blocks and nowhere else"
        assert to_hex(one.get_facecolor()).upper() == NOTHING, "around them the ground shows"
    assert np.allclose(*drawn, atol=1e-5), "predictions that equal their targets have their colours"
    hidden = "the place of 1 hidden block, " if targets == 1 else f"the places of {targets} hidden blocks, "
    assert f"sees {seen} of {N} patches" in fig.alt_text and hidden in fig.alt_text
    assert f"ranks 2.5 of {N} on average, where guessing gives {(N + 1) / 2:g}" in fig.alt_text


@pytest.mark.parametrize(
    "notebooks", [{}, {"00_start_here": 12.0}, {"00_start_here": 12.0, "08_ijepa_whole": 80.0}]
)
@pytest.mark.parametrize("yours", [0.31, 40.0])
def test_bars_are_the_numbers(notebooks, yours):
    fig = beside_reference(yours, 6.2, notebooks)
    fig.canvas.draw()
    left, right = fig.axes
    assert [marked(left, name)[0].get_width() for name in ("you", "reference")] == [yours, 6.2]
    for name, seconds in notebooks.items():
        assert marked(right, f"{name} there")[0].get_width() == seconds
        assert marked(right, f"{name} here")[0].get_width() == pytest.approx(seconds * 6.2 / yours)
    assert f"{100 * yours / 6.2:.0f}% of its speed" in fig.alt_text
    assert ("the longest, 08" in fig.alt_text) == ("08_ijepa_whole" in notebooks)
