"""Claims about the figures of what an encoder makes of photographs (jepa_lite/figures/photographs.py).

1. Likeness is 1 with the patch itself and with its copy, and what all patches have in common does not count.
2. The twin is the most alike patch that is no neighbour.
3. The figure shows each map where it belongs, frames the twin, and its alt text counts as the maps do.
4. The best head is the one with most attention in the region, and each network gets its own.
5. The nearest are nearest by cosine, whatever the size of a feature.
6. A neighbour is shown in its place, crossed out if its label is wrong; the share counts all of them.
"""

import numpy as np
import torch

from jepa_lite.data.images import Images
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


def test_each_network_is_shown_in_the_head_that_looks_most_at_the_region():
    region = torch.zeros(2, 45, dtype=torch.bool)
    region[0, [10, 11, 19]], region[1, 30:35] = True, True
    looks, control = (
        torch.rand(2, 3, 4, 45, generator=torch.Generator().manual_seed(s)).softmax(-1) for s in (1, 2)
    )
    for values, i, block, head in (
        (looks, 0, 2, 1),
        (looks, 1, 0, 3),
        (control, 0, 1, 2),
        (control, 1, 1, 0),
    ):
        values[i, block, head] = torch.where(region[i], 0.6 / region[i].sum(), 0.4 / (~region[i]).sum())
        values[i, block, head, 20 + i] = 0.9  # more than all of the region, and outside of it
        assert photographs.best_head(values[i], region[i])[:2] == (block, head)
    fig = photographs.looks_at(torch.rand(2, 3, 5 * 4, 9 * 4), looks, control, GRID, [3, 40], region)
    axes = np.array(fig.axes).reshape(3, 2)
    for row, heads, values in ((1, [(2, 1), (0, 3)], looks), (2, [(1, 2), (1, 0)], control)):
        for i, (block, head) in enumerate(heads):
            shown = axes[row, i].images[0].get_array()
            np.testing.assert_allclose(shown, values[i, block, head].view(GRID))
            assert axes[row, i].get_title() == "60% there"
    assert [ax.get_title() for ax in axes[0]] == ["7% of the area", "11% of the area"]
    assert "of 12, that looks" in fig.alt_text and "trained: 60% and 60%; untrained: 60%" in fig.alt_text


def test_the_nearest_do_not_depend_on_the_size_of_a_feature():
    generator = torch.Generator().manual_seed(0)
    bank, scale = torch.randn(30, 6, generator=generator), torch.tensor([1e-3, 1, 1e3, 5, 7, 0.1])
    queries = bank[[4, 20]] + 0.01 * torch.randn(2, 6, generator=generator)
    found = photographs.nearest(queries, bank, 3)
    assert found.shape == (2, 3) and found[:, 0].tolist() == [4, 20]
    assert torch.equal(photographs.nearest(queries * scale + 9, bank * scale + 9, 3), found)
    centred = (bank - bank.mean(0)) / bank.std(0)
    like = torch.cosine_similarity(centred, ((queries[0] - bank.mean(0)) / bank.std(0))[None])
    assert found[0].tolist() == like.topk(3).indices.tolist()


def test_wrong_neighbours_are_crossed_out_and_all_are_counted():
    images = torch.arange(10, dtype=torch.uint8)[:, None, None, None].expand(10, 3, 6, 6) * 20
    bank = Images(images, torch.tensor([0, 0, 0, 0, 0, 1, 1, 1, 1, 1]), ("a", "b"), "planted")
    queries = Images(images[[1, 6, 9]], torch.tensor([0, 1, 1]), ("a", "b"), "planted")
    found = {
        "good": torch.tensor([[0, 1, 2], [5, 6, 7], [8, 3, 0]]),
        "bad": torch.tensor([[5, 1, 6], [0, 1, 2], [3, 3, 3]]),
    }
    fig = photographs.neighbours(queries, bank, found, [0, 1], k=2)
    axes = np.array(fig.axes).reshape(2, 1 + 2 * 3)
    for row in range(2):
        for name, first in (("good", 2), ("bad", 5)):
            for place in range(2):
                ax, index = axes[row, first + place], int(found[name][row, place])
                np.testing.assert_allclose(ax.images[0].get_array(), index * 20 / 255, atol=1e-6)
                wrong = bank.labels[index] != queries.labels[row]
                assert bool([line for line in ax.lines if line.get_gid() == "wrong"]) == wrong
    assert [axes[0, at].get_title() for at in (0, 2, 5)] == ["crop", "good: 78% right", "bad: 11% right"]
    assert "good: 78%, here 4 of 4; bad: 11%, here 1 of 4" in fig.alt_text
    assert "the 3 nearest to each of 3 crops" in fig.alt_text
