"""What is claimed of patches and positions, and tested here.

1. `patchify` cuts as `F.unfold` does, and `unpatchify` is its exact inverse, on any grid.
2. `take` and `look_up` pick what a plain loop picks, for indices of any number of dimensions.
3. `look_up` sends a gradient to the chosen rows alone, once for every time they were chosen.
4. A position is the closed formula of its row and column; no two places of a grid share one.
5. Positions of a grid are those of any larger grid, at the same rows and columns.
6. What cannot be cut, or has no positions, is refused in a sentence that names sizes that fit.
"""

import math

import pytest
import torch
import torch.nn.functional as F

from jepa_lite.method.patches import grid_size, look_up, patchify, sincos_positions, take, unpatchify

SIZES = [(2, 3, 8, 12, 4), (1, 1, 15, 9, 3), (3, 5, 7, 21, 7), (2, 3, 5, 5, 1), (1, 2, 6, 6, 6)]


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("B, C, H, W, P", SIZES)
def test_patchify_cuts_as_unfold_does(B, C, H, W, P):
    images = drawn(B, C, H, W)
    reference = F.unfold(images, P, stride=P).transpose(1, 2)  # (B, N, C*P*P)
    assert torch.equal(patchify(images, P), reference)


@pytest.mark.parametrize("B, C, H, W, P", SIZES)
def test_unpatchify_is_the_inverse(B, C, H, W, P):
    images = drawn(B, C, H, W)
    grid = grid_size((H, W), P)
    assert grid == (H // P, W // P)
    patches = patchify(images, P)
    assert torch.equal(unpatchify(patches, P, grid), images)
    assert torch.equal(patchify(unpatchify(patches, P, grid), P), patches)


@pytest.mark.parametrize("shape", [(3, 5), (3, 2, 4), (3, 1), (3, 2, 2, 2)])
def test_take_picks_what_a_loop_picks(shape):
    tokens = drawn(3, 7, 5)
    idx = torch.randint(7, shape, generator=torch.Generator().manual_seed(1))
    picked = take(tokens, idx)
    loop = torch.stack([torch.stack([tokens[b, i] for i in idx[b].flatten()]) for b in range(3)])
    assert torch.equal(picked, loop.view(*shape, 5))


def test_look_up_picks_rows_and_sends_them_their_gradient():
    table = drawn(7, 4).requires_grad_()
    idx = torch.tensor([[1, 6, 1], [2, 1, 2]])
    found = look_up(table, idx)
    assert torch.equal(found, torch.stack([torch.stack([table[i] for i in row]) for row in idx]))
    found.sum().backward()
    times_chosen = torch.tensor([0.0, 3, 2, 0, 0, 0, 1])
    assert torch.equal(table.grad, times_chosen[:, None].expand(7, 4)), table.grad


@pytest.mark.parametrize("grid, width", [((3, 5), 16), ((7, 2), 20), ((1, 1), 4)])
def test_a_position_is_the_closed_formula_of_its_row_and_column(grid, width):
    table, quarter = sincos_positions(grid, width), width // 4
    for row in range(grid[0]):
        for column in range(grid[1]):
            angles = [[place / 10000 ** (i / quarter) for i in range(quarter)] for place in (column, row)]
            expected = [f(a) for axis in angles for f in (math.sin, math.cos) for a in axis]
            worst = (table[row * grid[1] + column] - torch.tensor(expected)).abs().max()
            assert worst < 1e-6, f"({row}, {column}) is off by {worst:.2e}"


def test_no_two_places_share_a_position():
    table = sincos_positions((14, 9), 64)
    distance = torch.cdist(table, table) + 1e9 * torch.eye(len(table))
    assert distance.min() > 0.1, f"two places are only {distance.min():.2e} apart"


def test_a_small_grid_is_the_corner_of_a_larger_one():
    small, large = sincos_positions((3, 4), 24), sincos_positions((8, 6), 24)
    assert torch.equal(small.view(3, 4, 24), large.view(8, 6, 24)[:3, :4])


@pytest.mark.parametrize(
    "size, patch", [((30, 32), 4), ((32, 30), 4), ((8, 8), 0), ((8, 8), -2), ((8, 8), 16)]
)
def test_a_patch_that_does_not_divide_is_refused(size, patch):
    with pytest.raises(ValueError, match=f"patch_size {patch} does not divide") as refusal:
        grid_size(size, patch)
    assert str(size[0]) in str(refusal.value) and " 2" in str(refusal.value), refusal.value
    with pytest.raises(ValueError, match="patch_size"):
        patchify(torch.ones(1, 3, *size), patch)


def test_positions_of_a_width_that_does_not_fit_are_refused():
    with pytest.raises(ValueError, match="divides by 4, not 18"):
        sincos_positions((3, 3), 18)
