"""What is claimed of rule "official", by the released collator's measured behaviour, and tested here.

1. The last row and column are never visited, all others are.
2. Contexts before and after the cut have the released sizes, and equal the plain loop's.
3. The cut keeps the first patches of the same draw, down to the batch's smallest.
4. Where the released code would loop for ever, a config is refused, with the share of draws that would.
5. Only after 20 failed tries may a context hold target patches; then some do.
"""

import functools
import math
from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mask_claims import assert_same_mean, assert_well_formed, contexts, few, rng, seeds, targets
from mask_reference import official_masks, official_size

from jepa_lite.baselines.released_masks import official_uncut, size_shares
from jepa_lite.config import Config, MaskConfig
from jepa_lite.method.masks import TRIES, sample_masks

slow = functools.partial(pytest.param, marks=pytest.mark.slow)
official_grids = st.tuples(st.integers(5, 32), st.integers(5, 32))  # on 4 x 4 targets of 1 patch never end


@given(official_grids, seeds)
@few
def test_official_masks_are_well_formed_and_never_in_the_last_row_or_column(grid, seed):
    config = MaskConfig(rule="official", min_keep=1)
    masks = sample_masks(grid, 32, config, rng(seed))
    assert_well_formed(masks)
    assert not masks.padded, "the official rule cuts, it does not pad"
    visited = (contexts(masks) | targets(masks)).view(-1, *grid)
    assert not visited[:, -1].any() and not visited[:, :, -1].any(), "the last row or column was visited"


@pytest.mark.parametrize("grid", [(8, 8), (14, 14), (7, 12)])
def test_official_reaches_every_patch_but_the_last_row_and_column(grid):
    config, generator = MaskConfig(rule="official"), rng(4)
    drawn = [official_uncut(grid, 300, config, generator) for _ in range(15)]
    for visited in (torch.cat([f(m) for m in drawn]).float().mean(0).view(grid) for f in (contexts, targets)):
        assert (visited[:-1, :-1] > 0).all(), (
            f"{(visited[:-1, :-1] == 0).sum()} other patches are never visited"
        )
        assert visited[-1].max() == visited[:, -1].max() == 0, "the last row or column was visited"


@pytest.mark.parametrize(
    "grid, min_keep, before, after", [((14, 14), 10, 82.9, 52.5), ((8, 8), 4, 22.0, 12.9)]
)
def test_official_contexts_have_the_released_sizes(grid, min_keep, before, after):
    """The expectation of our draws lies within 3% and 5% of a run of the released code (of few batches)."""
    config, generator = MaskConfig(rule="official", min_keep=min_keep), rng(0)
    drawn = [official_uncut(grid, 64, config, generator).context_keep.sum(1) for _ in range(400)]
    mean = sum(count.float().mean().item() for count in drawn) / len(drawn)
    cut = sum(count.min().item() for count in drawn) / len(drawn)
    assert abs(mean / before - 1) < 0.03, f"before the cut {mean:.1f}, released {before}"
    assert abs(cut / after - 1) < 0.05, f"after the cut {cut:.1f}, released {after}"


@pytest.mark.parametrize(
    "grid, changes",
    [
        ((8, 8), {}),
        ((7, 11), {"num_targets": 3}),
        slow((8, 8), {"context_scale": (0.25, 0.35), "min_keep": 8}),  # a quarter fails 20 times
        slow((8, 8), {"target_aspect": (0.75, 0.75), "context_scale": (0.3, 0.3), "min_keep": 8}),  # one size
    ],
)
def test_official_masks_are_distributed_as_in_the_plain_loop(grid, changes):
    config, generator, N = MaskConfig(rule="official", **changes), rng(9), math.prod(grid)

    def rates(lists):
        counts = torch.zeros(N)
        for indices in lists:
            counts[torch.as_tensor(indices).flatten()] += 1
        return counts / len(lists)

    loop = [official_masks(grid, 16, config, generator) for _ in range(80)]
    uncut = [official_uncut(grid, 16, config, generator) for _ in range(250)]
    cut = [sample_masks(grid, 16, config, generator) for _ in range(250)]
    for part, what, ours in ((0, "context before the cut", uncut), (1, "context after the cut", cut)):
        loop_rates = torch.stack([rates([image[part] for image in batch]) for batch in loop])
        our_rates = torch.stack([contexts(masks).float().mean(0) for masks in ours])
        assert_same_mean(our_rates, loop_rates, what)
        assert_same_mean(our_rates.sum(1), loop_rates.sum(1), f"size of the {what}")
    loop_leaks = [[not set().union(*image[2]).isdisjoint(image[0]) for image in batch] for batch in loop]
    our_leaks = torch.stack([(contexts(m) & targets(m)).any(1).float().mean() for m in uncut])
    assert_same_mean(our_leaks, torch.tensor(loop_leaks).float().mean(1), "contexts that hold targets")
    loop_rates = torch.stack([rates([image[2] for image in batch]) for batch in loop])
    assert_same_mean(torch.stack([targets(m).float().mean(0) for m in cut]), loop_rates, "targets")


@given(official_grids, seeds)
@few
def test_the_cut_keeps_the_first_patches_of_the_same_draw(grid, seed):
    config = MaskConfig(rule="official", min_keep=1)
    uncut, cut = (f(grid, 20, config, rng(seed)) for f in (official_uncut, sample_masks))
    K = int(uncut.context_keep.sum(1).min())
    assert cut.context_idx.shape[1] == K, f"cut to {cut.context_idx.shape[1]}, the smallest has {K}"
    assert (cut.context_idx == uncut.context_idx[:, :K]).all() and cut.context_keep.all()
    assert (cut.target_idx == uncut.target_idx).all()


@pytest.mark.parametrize(
    "grid, aspect", [((8, 8), (0.75, 1.5)), ((14, 14), (0.75, 1.5)), ((9, 17), (0.3, 3.0))]
)
def test_official_size_shares_are_the_plain_loops(grid, aspect):
    shares, generator, n = size_shares(grid, (0.15, 0.2), aspect), rng(6), 20_000
    drawn = Counter(official_size(grid, (0.15, 0.2), aspect, generator) for _ in range(n))
    assert set(drawn) <= set(shares), f"sizes that the check does not know: {set(drawn) - set(shares)}"
    assert math.isclose(sum(shares.values()), 1, abs_tol=1e-6), f"shares sum to {sum(shares.values())}"
    for size, share in shares.items():
        error = math.sqrt(share * (1 - share) / n) + 1e-4
        assert abs(drawn[size] / n - share) < 5 * error, (
            f"{size}: {drawn[size] / n:.4f} drawn, {share:.4f} said"
        )


def test_official_contexts_hold_targets_only_after_twenty_failures():
    tight = MaskConfig(rule="official", context_scale=(0.25, 0.35), min_keep=8)
    masks = [official_uncut((8, 8), 64, tight, rng(seed)) for seed in range(30)]
    share = sum((contexts(m) & targets(m)).any(1).float().mean().item() for m in masks) / len(masks)
    assert share > 0.05, f"{share:.1%} of the contexts hold target patches: the quirk is gone"
    easy = MaskConfig(rule="official")  # a context of 4 patches is always found in 20 tries
    for seed in range(30):
        m = official_uncut((14, 14), 64, easy, rng(seed))
        assert not (contexts(m) & targets(m)).any(), "a context holds targets though a try would do"


def test_an_official_context_respects_the_first_targets_longest():
    """Given up one at a time, the last first: a context that holds one target still avoids the others."""
    tight = MaskConfig(rule="official", context_scale=(0.25, 0.35), min_keep=8)
    held = torch.zeros(tight.num_targets)
    for seed in range(30):
        masks = official_uncut((8, 8), 64, tight, rng(seed))
        held += (
            contexts(masks).gather(1, masks.target_idx.flatten(1)).view(masks.target_idx.shape).any(2).sum(0)
        )
    assert (held.diff() > 0).all(), (
        f"contexts that hold target 1 to 4: {held.tolist()} of {30 * 64}, {TRIES} tries"
    )


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"min_keep": 10}, "48.5% of its target sizes"),
        ({"context_scale": (0.05, 0.06)}, "context sizes are not larger than min_keep = 4"),
    ],
)
def test_what_would_never_end_is_refused_when_the_config_is_made(changes, reason):
    with pytest.raises(ValueError, match="8 x 8 grid") as error:
        Config(masks=MaskConfig(rule="official", **changes))  # 32 pixels in patches of 4
    assert reason in str(error.value), str(error.value)
