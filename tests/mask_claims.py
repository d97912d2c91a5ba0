"""What is true of all masks, and how samples are compared: shared by the tests of the masking rules."""

import itertools
import math

import torch
from hypothesis import settings
from hypothesis import strategies as st

grids = st.tuples(st.integers(4, 32), st.integers(4, 32))
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=40, deadline=None, derandomize=True)


def rng(seed):
    return torch.Generator().manual_seed(seed)


def contexts(masks):
    """(B, N) bool, from the indices."""
    count = torch.zeros(len(masks), math.prod(masks.grid), dtype=torch.long)
    return count.scatter_add_(1, masks.context_idx, masks.context_keep.long()) > 0


def targets(masks):
    """(B, N) bool: patches in any target."""
    hidden = torch.zeros(len(masks), math.prod(masks.grid), dtype=torch.bool)
    return hidden.scatter_(1, masks.target_idx.flatten(1), True)


def assert_well_formed(masks):
    """Whole rectangles of the size that is said, or scattered; indices in raster order; padding right."""
    keep = masks.context_keep
    count = keep.sum(1)
    assert (keep == (torch.arange(keep.shape[1]) < count[:, None])).all(), "padding is not on the right"
    assert keep.shape[1] == count.max(), f"{keep.shape[1]} columns for at most {count.max()} patches"
    assert masks.padded == bool((~keep).any()), f"padded is {masks.padded}"
    assert (masks.context_idx[~keep] == 0).all(), "padding does not repeat index 0"
    rising = masks.context_idx.diff(dim=1) > 0
    assert rising[keep[:, 1:]].all(), "context indices are not in raster order, each once"
    assert masks.context_idx.min() >= 0 and masks.context_idx.max() < math.prod(masks.grid), "beyond"
    assert_whole_blocks(masks) if masks.target_size else assert_scattered(masks)


def assert_whole_blocks(masks):
    (rows, columns), (h, w) = masks.grid, masks.target_size
    top, left = masks.target_idx[..., 0] // columns, masks.target_idx[..., 0] % columns
    inside = (top >= 0) & (top + h <= rows) & (left >= 0) & (left + w <= columns)
    assert inside.all(), f"a {h} x {w} target leaves the {rows} x {columns} grid"
    for i, (r, c) in enumerate(itertools.product(range(h), range(w))):
        assert (masks.target_idx[..., i] == (top + r) * columns + left + c).all(), f"patch {i} is elsewhere"
    assert masks.target_idx.shape[-1] == h * w, f"{masks.target_idx.shape[-1]} patches in {h} x {w}"


def assert_scattered(masks):
    assert (masks.target_idx.diff(dim=-1) > 0).all(), "target indices are not in raster order, each once"
    assert masks.target_idx.min() >= 0 and masks.target_idx.max() < math.prod(masks.grid), "beyond the grid"


def assert_same_distribution(ours, loop):
    """Chi-square of two samples of one size, without cells too rare for it; 5 standard deviations."""
    cells = [k for k in ours | loop if ours[k] + loop[k] >= 10]
    chi2 = sum((ours[k] - loop[k]) ** 2 / (ours[k] + loop[k]) for k in cells)
    assert chi2 < len(cells) + 5 * math.sqrt(2 * len(cells)), f"chi-square {chi2:.0f} on {len(cells)} cells"


def assert_same_mean(ours, loop, what):
    """Means over batches (n, ...), or over independent images, within 5 standard errors everywhere."""
    error = (ours.var(0) / len(ours) + loop.var(0) / len(loop)).sqrt()
    z = (ours.mean(0) - loop.mean(0)).abs() / error.clamp(min=1e-4)
    assert z.max() < 5, f"{what}: {z.max():.1f} standard errors apart"


def parts(masks):
    return masks.context_idx, masks.context_keep, masks.target_idx


def equal(one, other):
    return all(a.shape == b.shape and (a == b).all() for a, b in zip(parts(one), parts(other), strict=True))
