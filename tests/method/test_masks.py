"""What is claimed of all masks and of rule "paper", and tested here. (See test_released_masks.py,
test_table6_masks.py.)

All rules, but for what "official" breaks on purpose
 1. A context holds no target patch and at least `min_keep` patches.
 2. A target is a whole rectangle inside the grid, of the size that is said, or has none and no patch twice.
 3. Indices are in raster order, each once; padding is on the right, index 0, False in `context_keep`.
 4. Whatever the config, it is refused when it is made, with the reason, or sampling ends and 1 to 3 hold.
 5. The generator alone decides: same seed same masks; and nothing a caller does to masks changes later ones.
 6. `groups` gives each image to one group, its masks unchanged.
 7. MASK_RULES is true: changing a field changes a rule's masks if the rule reads it, and else does not.
Rule "paper"
 8. Every border is touched, and every patch is reachable, as context and as target.
 9. Scale and aspect ratio are drawn independently; sizes, places and contexts are distributed as in the
    plain loop of mask_reference.py, also where many contexts are too small and are drawn again.
10. The check knows every size that can be drawn, rare ones too.
11. Four `groups` pad at most 10% of tokens.
Places
12. A place's patches are those of the block whose corner it numbers; on large grids nothing large is kept.
"""

import dataclasses
import gc
import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mask_claims import (
    assert_same_distribution,
    assert_same_mean,
    assert_well_formed,
    contexts,
    equal,
    few,
    grids,
    parts,
    rng,
    seeds,
    targets,
)
from mask_reference import paper_masks, paper_size

from jepa_lite.config import MASK_RULES, Config, MaskConfig, ModelConfig
from jepa_lite.method.masks import RULES, Places, check_masks, possible_sizes, sample_masks


def intervals(low, high):
    return st.tuples(st.floats(low, high), st.floats(low, high)).map(lambda pair: tuple(sorted(pair)))


configs = st.builds(
    MaskConfig,
    rule=st.sampled_from(list(MASK_RULES)),
    num_targets=st.integers(1, 6),
    target_scale=intervals(0.01, 1.0),
    target_aspect=intervals(0.2, 5.0),
    context_scale=intervals(0.05, 1.0),
    min_keep=st.integers(1, 20),
    target_share=st.floats(0.01, 1.0),
)
rules = pytest.mark.parametrize("rule", list(MASK_RULES))
exact_rules = pytest.mark.parametrize("rule", [rule for rule in MASK_RULES if rule != "official"])


@exact_rules
@given(grids, seeds, st.integers(1, 40))
@few
def test_default_masks_are_well_formed_on_every_grid(rule, grid, seed, batch):
    config = MaskConfig(rule=rule)
    masks = sample_masks(grid, batch, config, rng(seed))
    assert_well_formed(masks)
    assert len(masks) == len(masks.target_idx) == batch
    seen = contexts(masks)
    assert not (seen & targets(masks)).any(), "a context holds a target patch"
    assert seen.sum(1).min() >= config.min_keep, f"a context keeps {seen.sum(1).min()} patches"


@given(grids, seeds)
@few
def test_a_target_has_the_size_that_was_asked_for(grid, seed):
    (h, w), N = sample_masks(grid, 1, MaskConfig(), rng(seed)).target_size, math.prod(grid)
    assert (h - 0.5) * (w - 0.5) <= 0.2 * N and (h + 0.5) * (w + 0.5) >= 0.15 * N, f"{h} x {w} of {N}"


@given(grids, configs, seeds)
@settings(few, max_examples=150)
def test_a_config_is_refused_with_a_reason_or_can_be_sampled(grid, config, seed):
    model = ModelConfig(image_size=(grid[0] * 2, grid[1] * 2), patch_size=2)
    try:
        Config(model, config)
    except ValueError as error:
        assert f"{grid[0]} x {grid[1]} grid" in str(error) and "use " in str(error), str(error)
        return
    masks = sample_masks(grid, 16, config, rng(seed))
    assert_well_formed(masks)
    if config.rule != "official":
        assert not (contexts(masks) & targets(masks)).any(), "a context holds a target patch"
        assert contexts(masks).sum(1).min() >= config.min_keep
    else:
        assert contexts(masks).sum(1).min() > config.min_keep


@pytest.mark.parametrize("grid", [(4, 4), (4, 7), (5, 5), (8, 8), (13, 6), (14, 14), (4, 32), (32, 32)])
def test_every_patch_is_reachable_as_context_and_as_target(grid):
    generator = rng(3)
    seen = hidden = torch.zeros(math.prod(grid), dtype=torch.bool)
    for _ in range(12):  # several batches: a batch has one size
        masks = sample_masks(grid, 400, MaskConfig(), generator)
        seen, hidden = seen | contexts(masks).any(0), hidden | targets(masks).any(0)
    assert seen.all(), f"never context: {(~seen).nonzero()[:, 0].tolist()}"
    assert hidden.all(), f"never target: {(~hidden).nonzero()[:, 0].tolist()}"  # all borders are among them


def test_the_tightest_config_that_is_accepted_can_be_sampled():
    """32 patches are left only by six targets stacked in one corner, the context in the opposite one."""
    tight = MaskConfig(
        num_targets=6, target_scale=(0.25, 0.25), target_aspect=(1, 1), context_scale=(0.57, 0.57)
    )
    masks = sample_masks((8, 8), 50, dataclasses.replace(tight, min_keep=32), rng(0))
    assert contexts(masks).sum(1).tolist() == [32] * 50, f"{contexts(masks).sum(1).tolist()} patches kept"
    assert not (contexts(masks) & targets(masks)).any(), "a context holds a target patch"
    with pytest.raises(ValueError, match="fewer than min_keep = 33"):
        check_masks((8, 8), dataclasses.replace(tight, min_keep=33))


def test_a_middle_that_every_target_covers_is_refused():
    with pytest.raises(ValueError, match="cover its middle"):
        check_masks((9, 7), MaskConfig(target_scale=(0.5, 0.6), context_scale=(1.0, 1.0)))


@pytest.mark.parametrize("grid", [(8, 8), (14, 14), (9, 12)])
def test_sizes_are_distributed_as_in_the_plain_loop(grid):
    """Fails for one random number shared by scale and aspect ratio, as in the released code."""
    config, n, generator = MaskConfig(), 2000, rng(5)
    ours = Counter(sample_masks(grid, 1, config, generator).target_size for _ in range(n))
    loop = Counter(paper_size(grid, config.target_scale, config.target_aspect, generator) for _ in range(n))
    assert_same_distribution(ours, loop)


@pytest.mark.parametrize(
    "grid, changes",
    [
        ((8, 8), {}),
        ((6, 9), {"num_targets": 2, "context_scale": (0.4, 0.6)}),  # a square that fits: nothing is bent
        ((4, 4), {"min_keep": 7}),  # two of three images are drawn again
    ],
)
def test_visits_are_distributed_as_in_the_plain_loop(grid, changes):
    config, generator, n = dataclasses.replace(MaskConfig(), **changes), rng(11), 1500
    batches = [sample_masks(grid, 32, config, generator) for _ in range(250)]
    loop_context, loop_target = torch.zeros(n, math.prod(grid)), torch.zeros(n, math.prod(grid))
    for i in range(n):
        context, blocks = paper_masks(grid, config, generator)
        loop_context[i, context] = 1
        loop_target[i, torch.cat(blocks)] = 1
    ours_context = torch.stack([contexts(m).float().mean(0) for m in batches])
    ours_target = torch.stack([targets(m).float().mean(0) for m in batches])
    assert_same_mean(ours_context, loop_context, "visits as context")
    assert_same_mean(ours_target, loop_target, "visits as target")
    assert_same_mean(ours_context.sum(1), loop_context.sum(1), "context size")


def test_places_are_uniform_and_independent_within_an_image():
    config = MaskConfig(num_targets=2, target_scale=(0.15, 0.15), target_aspect=(1.0, 1.0))
    masks = sample_masks((5, 7), 40_000, config, rng(2))  # blocks of 2 x 2: 24 places
    pairs = Counter(map(tuple, masks.target_idx[..., 0].tolist()))
    expected = len(masks) / 24**2
    chi2 = sum((n - expected) ** 2 / expected for n in pairs.values())
    assert len(pairs) == 24**2 and chi2 < 575 + 5 * math.sqrt(2 * 575), (
        f"{len(pairs)} pairs, chi-square {chi2:.0f}"
    )


def brute_sizes(grid, scale, aspect, steps=1000):
    """Sizes at a million points of scale and aspect ratio, by the rule of the text."""
    u = (np.arange(steps) + 0.5) / steps
    area = math.prod(grid) * (scale[0] + u * (scale[1] - scale[0]))[:, None]
    ratio = aspect[0] + u * (aspect[1] - aspect[0])
    height = np.clip(np.sqrt(area * ratio), area / grid[1], grid[0])
    drawn = np.zeros((grid[0] + 1, grid[1] + 1), dtype=bool)
    drawn[tuple(np.maximum(np.rint(side), 1).astype(int) for side in (height, area / height))] = True
    return set(zip(*map(np.ndarray.tolist, drawn.nonzero()), strict=True))


@pytest.mark.parametrize("grid", [(4, 4), (5, 7), (8, 8), (13, 29), (32, 4)])
@pytest.mark.parametrize("scale, aspect", [((0.15, 0.2), (0.75, 1.5)), ((0.05, 0.4), (0.3, 3.0))])
def test_the_check_knows_exactly_the_sizes_that_can_be_drawn(grid, scale, aspect):
    known, brute = set(possible_sizes(grid, scale, aspect)), brute_sizes(grid, scale, aspect)
    assert known == brute, f"missed {sorted(brute - known)}, invented {sorted(known - brute)}"


def test_a_rare_size_that_cannot_fit_is_refused():
    """One draw in 20,000 is a target of 8 x 8: every size but that one leaves 8 patches."""
    config = MaskConfig(
        num_targets=1, target_scale=(0.02, 0.9), target_aspect=(0.2, 4.0), context_scale=(1, 1), min_keep=1
    )
    with pytest.raises(ValueError, match="target of 8 x 8 patches can leave a context of 8 x 8"):
        check_masks((8, 8), config)


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"target_scale": (0.9, 1.0)}, "fewer than min_keep = 4"),
        ({"min_keep": 60}, "use a smaller min_keep"),
        ({"context_scale": (0.01, 0.03)}, "context of 1 x 1"),
    ],
)
def test_masks_that_cannot_fit_are_refused_when_the_config_is_made(changes, reason):
    with pytest.raises(ValueError, match="8 x 8 grid") as error:
        Config(masks=dataclasses.replace(MaskConfig(), **changes))  # 32 pixels in patches of 4
    assert reason in str(error.value), str(error.value)


def test_an_empty_batch_is_refused():
    with pytest.raises(ValueError, match="batch of 0"):
        sample_masks((8, 8), 0, MaskConfig(), rng(0))


@rules
def test_the_generator_alone_decides(rule):
    config = MaskConfig(rule=rule)
    torch.manual_seed(1)
    one = sample_masks((9, 11), 33, config, rng(7))
    state = torch.get_rng_state()
    torch.manual_seed(2)
    assert equal(one, sample_masks((9, 11), 33, config, rng(7))), "the same seed gave other masks"
    assert not equal(one, sample_masks((9, 11), 33, config, rng(8))), "another seed gave the same masks"
    assert one != sample_masks((9, 11), 33, config, rng(7)), "== compares no tensors, which would raise"
    torch.manual_seed(1)
    assert (torch.get_rng_state() == state).all(), "sampling drew from the global generator"


@rules
def test_changing_masks_changes_no_later_ones(rule):
    config = MaskConfig(rule=rule)
    fresh = [t.clone() for t in parts(sample_masks((9, 11), 33, config, rng(7)))]
    for tensor in parts(sample_masks((9, 11), 33, config, rng(7))):
        tensor.fill_(1)
    again = parts(sample_masks((9, 11), 33, config, rng(7)))
    assert all((a == b).all() for a, b in zip(fresh, again, strict=True)), "a cached table was changed"


@exact_rules
@given(grids, seeds, st.integers(1, 50), st.integers(1, 9))
@few
def test_groups_give_each_image_to_one_group_with_its_masks_unchanged(rule, grid, seed, batch, count):
    masks = sample_masks(grid, batch, MaskConfig(rule=rule), rng(seed))
    groups = masks.groups(count)
    assert sorted(torch.cat([rows for rows, _ in groups]).tolist()) == list(range(batch))
    assert len(groups) == min(count, batch), f"{len(groups)} groups of {count}, {batch} images"
    seen = contexts(masks)
    for rows, group in groups:
        assert_well_formed(group)
        assert (contexts(group) == seen[rows]).all(), "a context changed"
        assert (group.target_idx == masks.target_idx[rows]).all(), "a target changed"


OTHER_VALUES = {
    "num_targets": 3, "target_scale": (0.09, 0.11), "target_aspect": (2.0, 2.1), "context_scale": (0.6, 0.65),
    "min_keep": 40, "target_share": 0.45,
}  # fmt: skip


def drawn(config):
    """The masks on a grid of 80 patches, or why they are refused."""
    try:
        return sample_masks((8, 10), 60, config, rng(3))
    except ValueError as error:
        return str(error)


@rules
@pytest.mark.parametrize("name", list(OTHER_VALUES))
def test_a_rule_reads_the_fields_that_are_said_and_no_others(rule, name):
    usual, other = (drawn(MaskConfig(rule=rule, **v)) for v in ({}, {name: OTHER_VALUES[name]}))
    same = not isinstance(other, str) and equal(usual, other)
    assert same == (name not in MASK_RULES[rule]), f"{name} {'does not change' if same else 'changes'} {rule}"


def test_every_rule_and_every_field_is_among_them():
    fields = {field.name for field in dataclasses.fields(MaskConfig)}
    assert fields == {"rule", *OTHER_VALUES} == {"rule"}.union(*MASK_RULES.values())
    assert list(RULES) == list(MASK_RULES)


@pytest.mark.parametrize("grid", [(8, 8), (14, 14)])
def test_four_groups_pad_at_most_a_tenth(grid):
    """Tokens of the context encoder; one group would pad 0.3, the predictor's sequences pad less."""
    generator, tokens, real = rng(1), 0, 0
    for _ in range(100):
        for _, group in sample_masks(grid, 128, MaskConfig(), generator).groups(4):
            tokens, real = tokens + group.context_keep.numel(), real + int(group.context_keep.sum())
    assert 1 - real / tokens <= 0.10, f"{1 - real / tokens:.3f} of the tokens are padding"


@pytest.mark.parametrize("reach", [0, 1])
@pytest.mark.parametrize(("grid", "size"), [((5, 8), (2, 3)), ((7, 4), (1, 3)), ((6, 6), (5, 5))])
def test_places_are_the_blocks_of_their_corners(grid, size, reach):  # 12
    places, (rows, columns), (h, w) = Places(grid, size, reach), grid, size
    corners = [(y, x) for y in range(rows - h + 1 - reach) for x in range(columns - w + 1 - reach)]
    patches = [[(y + i) * columns + x + j for i in range(h) for j in range(w)] for y, x in corners]
    every = np.arange(len(places))
    assert len(places) == len(corners) and places.idx(every).tolist() == patches
    for place, covered in enumerate(places.covers(every)):
        assert covered.nonzero()[0].tolist() == patches[place], f"place {place}"
    pairs = np.stack([every, every[::-1]], 1)
    for pair, union in zip(pairs.tolist(), places.covers(pairs.T).any(0), strict=True):
        assert union.nonzero()[0].tolist() == sorted({*patches[pair[0]], *patches[pair[1]]}), f"places {pair}"


def kept_bytes():
    """Of the tensors that are alive, and of the arrays that are looked up."""
    gc.collect()
    found = gc.get_objects()
    tables = [value for places in found if type(places) is Places for value in vars(places).values()]
    arrays = {id(a): a.nbytes for a in tables if isinstance(a, np.ndarray)}
    return sum(t.nbytes for t in found if type(t) is torch.Tensor) + sum(arrays.values())


@pytest.mark.parametrize("rule", ["paper", "official", "block"])
def test_masks_of_large_grids_leave_nothing_large_behind(rule):  # 12
    before, config = kept_bytes(), MaskConfig(rule=rule)
    for seed in range(3):
        sample_masks((64, 48), 2, config, rng(seed))
    left = kept_bytes() - before
    assert left < 12 * 2**20, f"{left / 2**20:.0f} MB are kept after three batches of two images"
    places = Places((128, 128), (60, 50))
    held = sum(a.nbytes for a in vars(places).values() if isinstance(a, np.ndarray))
    assert held < 4 * 2**20, f"a block's places on a 128 x 128 grid take {held / 2**20:.0f} MB"
