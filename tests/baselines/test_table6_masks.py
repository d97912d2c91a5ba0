"""What is claimed of the rules of the paper's Table 6, and tested here. (What holds of all: test_masks.py.)

1. A rule alone gives Table 6's masks: 3, 1, 1 targets, and contexts of 0.25, 0.4, 0.4 of the image.
2. "rasterized": four quadrants of one size, each the context of a quarter of the images, independently; of
   an odd side the middle is never visited, and every other patch is, as context and as target.
3. "block": one rectangle and all around it, distributed as in the plain loop; every patch can be target, and
   the patches that no place leaves free, the middle, are never context.
4. "random": every set of `target_share` of the patches is as likely as any other; the rest is context.
5. No context is padded, in any batch.
6. What cannot fit is refused with the reason, exactly from where it cannot; `target_share` scales the target.
"""

import itertools
import math
from collections import Counter

import pytest
import torch
from hypothesis import given
from mask_claims import assert_same_distribution, contexts, few, grids, rng, seeds, targets
from mask_reference import block_masks, random_masks, rasterized_masks

from jepa_lite.config import Config, MaskConfig, ModelConfig
from jepa_lite.method.masks import check_masks, sample_masks

RIVALS = ("rasterized", "block", "random")
rivals = pytest.mark.parametrize("rule", RIVALS)


@pytest.mark.parametrize(
    "rule, count, share", [("rasterized", 3, 0.25), ("block", 1, 0.4), ("random", 1, 0.4)]
)
@pytest.mark.parametrize("grid", [(14, 14), (16, 16), (14, 20)])
def test_a_rule_alone_gives_the_paper_s_masks(rule, count, share, grid):
    generator, shares = rng(1), []
    for _ in range(200):  # batches, because a batch has one size of block
        masks = sample_masks(grid, 2, MaskConfig(rule=rule), generator)
        assert masks.target_idx.shape[1] == count, f"{masks.target_idx.shape[1]} targets"
        shares.append(contexts(masks).float().mean().item())
        assert abs(shares[-1] - share) < 0.06, f"a context of {shares[-1]:.3f}"  # half a row and a column
    mean = sum(shares) / len(shares)
    assert abs(mean - share) < 0.01, f"contexts of {mean:.4f} of the image, {share} in the paper"


@rivals
@given(grids, seeds)
@few
def test_no_context_is_padded(rule, grid, seed):
    masks = sample_masks(grid, 9, MaskConfig(rule=rule), rng(seed))
    assert not masks.padded and masks.context_keep.all()
    seen = (contexts(masks) | targets(masks)).sum(1)
    covered = math.prod(n - n % 2 if rule == "rasterized" else n for n in grid)
    assert (seen == covered).all(), f"{seen.unique().tolist()} patches visited, {covered} are there"


def first_rows(masks):
    """The masks of a batch as lists: (context, targets) an image."""
    return list(zip(masks.context_idx.tolist(), masks.target_idx.tolist(), strict=True))


# --- "rasterized" ---------------------------------------------------------------------------------


@pytest.mark.parametrize("grid", [(4, 4), (8, 6), (7, 12), (12, 7), (9, 5), (31, 32)])
def test_quadrants_are_the_plain_loop_s(grid):
    masks = sample_masks(grid, 60, MaskConfig(rule="rasterized", min_keep=1), rng(2))
    generator = rng(3)
    loop = {
        context[0]: (context, others)
        for context, others in (rasterized_masks(grid, generator) for _ in range(60))
    }
    assert len(loop) == 4
    for context, others in first_rows(masks):
        assert (context, others) == loop[context[0]], f"quadrant from patch {context[0]} on, {grid}"


@pytest.mark.parametrize("grid", [(8, 6), (7, 12), (9, 5)])
def test_the_middle_of_an_odd_side_is_never_visited_and_all_else_is(grid):
    masks = sample_masks(grid, 200, MaskConfig(rule="rasterized"), rng(4))
    middle = torch.zeros(grid, dtype=torch.bool)
    if grid[0] % 2:
        middle[grid[0] // 2] = True
    if grid[1] % 2:
        middle[:, grid[1] // 2] = True
    for visited, what in ((contexts(masks), "context"), (targets(masks), "target")):
        assert (visited.any(0).view(grid) == ~middle).all(), f"as {what}:\n{visited.any(0).view(grid)}"


def test_each_quadrant_is_the_context_of_a_quarter_and_images_are_independent():
    masks = sample_masks((6, 9), 40_000, MaskConfig(rule="rasterized"), rng(5))
    firsts = masks.context_idx[:, 0].tolist()
    pairs = Counter(itertools.pairwise(firsts))
    expected = len(firsts) / 16
    chi2 = sum((pairs[pair] - expected) ** 2 / expected for pair in pairs)
    assert len(set(firsts)) == 4 and len(pairs) == 16, f"contexts begin at {sorted(set(firsts))}"
    assert chi2 < 15 + 5 * math.sqrt(30), f"chi-square {chi2:.0f} on 16 pairs of neighbours"


# --- "block" ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grid, changes", [((8, 8), {}), ((10, 11), {}), ((9, 7), {"target_share": 0.3})])
def test_blocks_are_distributed_as_in_the_plain_loop(grid, changes):
    config, generator, n = MaskConfig(rule="block", **changes), rng(6), 3000
    ours = [sample_masks(grid, 1, config, generator) for _ in range(n)]
    loop = [block_masks(grid, config, generator) for _ in range(n)]
    for masks, (context, target) in zip(ours, loop, strict=True):
        assert len(context) + len(target) == math.prod(grid)
        assert (contexts(masks) ^ targets(masks)).all(), "the context is not what the target leaves"
    corners = [
        Counter((t[0], len(t)) for t in lists)
        for lists in ([m.target_idx[0, 0].tolist() for m in ours], [t for _, t in loop])
    ]
    assert_same_distribution(*corners)


def test_places_are_drawn_for_each_image():
    masks = sample_masks((9, 12), 20_000, MaskConfig(rule="block", target_share=0.2), rng(7))
    pairs = Counter(itertools.pairwise(masks.target_idx[:, 0, 0].tolist()))
    places = math.prod(n - side + 1 for n, side in zip(masks.grid, masks.target_size, strict=True))
    expected = len(masks) / places**2
    chi2 = sum((n - expected) ** 2 / expected for n in pairs.values()) + (places**2 - len(pairs)) * expected
    assert chi2 < places**2 + 5 * math.sqrt(2) * places, f"chi-square {chi2:.0f} on {places**2} pairs"


@pytest.mark.parametrize("grid", [(4, 4), (5, 7), (8, 8), (14, 14), (13, 6), (4, 32)])
def test_all_but_the_middle_is_reachable_as_context_and_all_as_target(grid):
    generator = rng(8)
    seen = hidden = torch.zeros(math.prod(grid), dtype=torch.bool)
    free = torch.zeros(grid, dtype=torch.bool)
    for _ in range(40):
        masks = sample_masks(grid, 300, MaskConfig(rule="block"), generator)
        seen, hidden = seen | contexts(masks).any(0), hidden | targets(masks).any(0)
        (rows, columns), (h, w) = grid, masks.target_size
        assert 2 * h >= rows and 2 * w >= columns, "the middle could be free"
        now = torch.ones(grid, dtype=torch.bool)
        now[rows - h : h, columns - w : w] = False
        free |= now
    assert hidden.all(), f"never target: {(~hidden).nonzero()[:, 0].tolist()}"
    assert (seen.view(grid) == free).all(), f"context at\n{seen.view(grid)}\nfree in some place\n{free}"
    assert not free[rows // 2, columns // 2] and free.any(), "the middle was context"


# --- "random" -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("grid, share", [((4, 4), 0.6), ((5, 7), 0.6), ((3, 6), 0.3)])
def test_every_set_of_patches_is_as_likely(grid, share):
    """Seen from pairs: all are hidden together equally often, as two lots drawn without return."""
    config, n, N = MaskConfig(rule="random", target_share=share, min_keep=1), 60_000, math.prod(grid)
    masks = sample_masks(grid, n, config, rng(9))
    hidden, T = targets(masks).double(), round(share * N)
    assert (hidden.sum(1) == T).all() and (contexts(masks) ^ targets(masks)).all()
    together = hidden.T @ hidden / n
    expected = torch.full((N, N), T * (T - 1) / (N * (N - 1)), dtype=torch.double)
    expected.fill_diagonal_(T / N)
    z = (together - expected).abs() / (expected * (1 - expected) / n).sqrt()
    assert z.max() < 5, f"patches {divmod(int(z.argmax()), N)}: {z.max():.1f} standard errors off"


def test_hidden_patches_in_a_region_are_hypergeometric_as_in_the_plain_loop():
    """Without return: a region of 12 of 63 patches, and images drawn one by one from a bag."""
    grid, config, n = (9, 7), MaskConfig(rule="random"), 6000
    region = torch.zeros(63, dtype=torch.bool)
    region[torch.arange(3, 63, 5)] = True
    ours = Counter((targets(sample_masks(grid, n, config, rng(10))) & region).sum(1).tolist())
    generator = rng(11)
    loop = Counter(int(region[random_masks(grid, config, generator)[1]].sum()) for _ in range(n))
    assert_same_distribution(ours, loop)
    T, ways = 38, math.comb(63, 38)
    for k in range(13):
        share = math.comb(12, k) * math.comb(51, T - k) / ways
        error = math.sqrt(share * (1 - share) / n) + 1e-4
        assert abs(ours[k] / n - share) < 5 * error, f"{k} of 12 hidden: {ours[k] / n:.4f}, exact {share:.4f}"


def test_images_and_batches_are_independent():
    config, generator = MaskConfig(rule="random"), rng(12)
    batches = [targets(sample_masks((5, 7), 2, config, generator)).float() for _ in range(8000)]
    first, second = torch.stack(batches).unbind(1)
    for what, one, other in (("images", first, second), ("batches", first[:-1], first[1:])):
        z = ((one * other).mean(0) - 0.36).abs() / math.sqrt(0.36 * 0.64 / len(one))
        assert z.max() < 5, f"hidden in two {what}: {z.max():.1f} standard errors from 0.6 squared"


# --- refusals -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rule, grid, most, reason",
    [
        ("rasterized", (6, 9), 12, "a quadrant of 3 x 4, has 12 patches"),
        ("rasterized", (4, 5), 4, "a quadrant of 2 x 2, has 4 patches"),
        ("block", (8, 8), 22, "around a target of 6 x 7 has 22 patches"),
        ("random", (8, 8), 26, "beside 38 scattered targets has 26 patches"),
    ],
)
def test_a_context_is_refused_from_where_it_cannot_keep_enough(rule, grid, most, reason):
    masks = sample_masks(grid, 50, MaskConfig(rule=rule, min_keep=most), rng(14))
    assert contexts(masks).sum(1).min() >= most
    model = ModelConfig(image_size=(grid[0] * 2, grid[1] * 2), patch_size=2)
    with pytest.raises(ValueError, match=f"{grid[0]} x {grid[1]} grid") as refusal:
        Config(model, MaskConfig(rule=rule, min_keep=most + 1))
    assert reason in str(refusal.value) and f"min_keep = {most + 1}" in str(refusal.value), str(refusal.value)
    assert ("target_share" in str(refusal.value)) == (rule != "rasterized"), "names a dial that does not help"


@pytest.mark.parametrize("rule", ["block", "random"])
def test_a_target_of_the_whole_image_is_refused(rule):
    with pytest.raises(ValueError, match="use a smaller min_keep or target_share"):
        check_masks((7, 9), MaskConfig(rule=rule, target_share=1.0, min_keep=1))


@pytest.mark.parametrize("rule", ["block", "random"])
@pytest.mark.parametrize("share", [0.0005, 0.15, 0.37, 0.8])
def test_the_target_is_the_share_that_was_asked_for(rule, share):
    T, N = (
        sample_masks((20, 25), 3, MaskConfig(rule=rule, target_share=share), rng(15)).target_idx.shape[2],
        500,
    )
    slack = 0.5 if rule == "random" else 0.5 * (20 + 25)  # a block's sides are rounded
    assert abs(T - max(share * N, 1)) <= slack, f"{T} patches, {share * N:.1f} asked for"


def test_a_grid_too_narrow_for_quadrants_is_refused():
    with pytest.raises(ValueError, match="a quadrant of 0 x 4, has 0 patches"):
        check_masks((1, 8), MaskConfig(rule="rasterized", min_keep=1))
