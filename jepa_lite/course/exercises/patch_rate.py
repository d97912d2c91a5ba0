"""Exercise of notebook 03: how often each place of the grid is used."""

import torch

from ...evaluation.measures import mask_coverage
from .engine import exercise


def _rate(idx, keep, grid):
    """`mask_coverage` for index tensors: an index counts once an image, and only where `keep` says so."""
    hit = torch.zeros(len(idx), grid[0] * grid[1])
    hit.scatter_reduce_(1, idx, keep.float(), "amax")
    return hit.mean(0).view(grid)


def _counted(idx, keep, grid):
    """How often each index is listed, the same image's repeats included: (N,)."""
    return torch.bincount(idx[keep], minlength=grid[0] * grid[1]).float()


def _counted_on_the_grid(idx, keep, grid):
    return _counted(idx, keep, grid).view(grid)


def _shared_out(idx, keep, grid):
    shares = keep / keep.sum(1, keepdim=True)
    return torch.zeros(len(idx), grid[0] * grid[1]).scatter_add_(1, idx, shares).mean(0).view(grid)


def _padded(B, K, grid, seed):
    """Indices (B, K), some twice in an image, with padding of index 0 on the right."""
    generator = torch.Generator().manual_seed(seed)
    idx = torch.randint(1, grid[0] * grid[1], (B, K), generator=generator)
    idx[0, 0] = 0  # the patch 0 is not only padding
    keep = torch.arange(K) < torch.randint((K + 1) // 2, K + 1, (B, 1), generator=generator)
    return idx * keep, keep, grid


exercise(
    name="patch_rate",
    notebook="03",
    answer=_rate,
    cases=lambda: [_padded(7, 9, (3, 5), 0), _padded(11, 12, (6, 2), 1), _padded(5, 8, (4, 3), 2)],
    traps=lambda: {
        "A batch may hold one image.": _padded(1, 5, (2, 4), 3),
        "A context may be one patch, and a grid one row.": _padded(3, 1, (1, 4), 4),
        "Without any padding, every index counts.": (
            torch.tensor([[0, 1, 1], [4, 0, 5]]),
            torch.ones(2, 3, dtype=torch.bool),
            (2, 3),
        ),
    },
    returns="the share of images (rows, columns)",
    hint="An image either uses a patch or does not: make a table (B, N) of zeros and ones first, where only "
    "the indices with keep write a one. The mean over images is the rate; view(grid) makes it a picture.",
    source=(mask_coverage,),
    mistakes=(
        (
            "Padding is counted: where keep is False the index 0 is a filler, and the corner seems popular.",
            lambda idx, keep, grid: _rate(idx, torch.ones_like(keep), grid),
        ),
        (
            "This divides by patches, so that the rates sum to one: divide by the number of images.",
            lambda idx, keep, grid: (_counted(idx, keep, grid) / keep.sum()).view(grid),
        ),
        (
            "Where blocks overlap an image is counted twice: it uses a patch or it does not.",
            lambda idx, keep, grid: (_counted(idx, keep, grid) / len(idx)).view(grid),
        ),
        (
            "The rates are right, but still in one line: patches are numbered row by row, so view(grid).",
            lambda idx, keep, grid: _rate(idx, keep, grid).flatten(),
        ),
        (
            "Rows and columns are mixed up: patches are numbered row by row.",
            lambda idx, keep, grid: _rate(idx, keep, grid).flatten().view(grid[1], grid[0]).T,
        ),
        (
            "These are counts: a share lies between 0 and 1, so divide by the number of images.",
            lambda idx, keep, grid: _rate(idx, keep, grid) * len(idx),
        ),
        (
            "Patch 0 is dropped wherever it stands: index 0 is padding only where keep is False.",
            lambda idx, keep, grid: _rate(idx, idx > 0, grid),
        ),
        (
            "These are counts, and an image that lists a patch twice adds two: make a table of zeros and "
            "ones first, then take the mean over images.",
            _counted_on_the_grid,
        ),
        (
            "keep is turned round: this counts the padding, and nothing else.",
            lambda idx, keep, grid: _rate(idx, ~keep, grid),
        ),
        (
            "The rates are divided by K, the length of a context; a share of images divides by B.",
            lambda idx, keep, grid: _counted_on_the_grid(idx, keep, grid) / idx.shape[1],
            lambda idx, keep, grid: _rate(idx, keep, grid) * len(idx) / idx.shape[1],
        ),
        (
            "The rates are divided by the number of patches N; a share of images divides by B.",
            lambda idx, keep, grid: _rate(idx, keep, grid) * len(idx) / (grid[0] * grid[1]),
            lambda idx, keep, grid: _counted_on_the_grid(idx, keep, grid) / (grid[0] * grid[1]),
        ),
        (
            "The rates are stretched to sum to 1, or to reach 1: a share of images is a count over B.",
            lambda idx, keep, grid: (r := _rate(idx, keep, grid)) / r.sum(),
            lambda idx, keep, grid: (r := _rate(idx, keep, grid)) / r.max(),
        ),
        (
            "Each image's patches are weighed by how many it lists: every image counts the same for every "
            "patch that it uses.",
            lambda idx, keep, grid: _shared_out(idx, keep, grid),
        ),
        (
            "Counts are lost: `rate[idx] += ...` counts a repeated index once, also that of ANOTHER image. "
            "Make a table with a row for each image.",
            lambda idx, keep, grid: (_counted(idx, keep, grid) > 0).float().view(grid) / len(idx),
        ),
        (
            "This says whether any image uses a patch at all: yes or no. Wanted is by what share of them.",
            lambda idx, keep, grid: (_counted(idx, keep, grid) > 0).float().view(grid),
        ),
        (
            "This looks at one image alone.",
            lambda idx, keep, grid: _rate(idx[:1], keep[:1], grid),
            lambda idx, keep, grid: _rate(idx[-1:], keep[-1:], grid),
        ),
        (
            "These are the shares of images that do NOT use a patch.",
            lambda idx, keep, grid: 1 - _rate(idx, keep, grid),
        ),
    ),
)
