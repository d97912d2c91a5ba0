"""Masks drawn the slow and plain way, one image at a time: what the sampler is checked against.

`paper_masks` follows the paper's text (section 3 and appendix A.1). `official_masks` follows the table
of the released collator's behaviour, retries and cut included. The last three draw the rules of the paper's
Table 6. Nothing here uses `jepa_lite.method.masks`.
"""

import math

import torch


def paper_masks(grid, config, generator):
    """One image by the paper: context indices (K,) and M target index tensors (T,), in raster order.

    Scale and aspect ratio are drawn once per image, so that its targets stack. An image whose context
    keeps fewer than `min_keep` patches gets new places. A block that does not fit the grid is clipped
    (the paper is silent; the sampler keeps its area instead), so compare where all shapes fit.
    """
    target_size = paper_size(grid, config.target_scale, config.target_aspect, generator)
    context_size = paper_size(grid, config.context_scale, (1.0, 1.0), generator)
    while True:
        targets = [paper_block(grid, target_size, generator) for _ in range(config.num_targets)]
        context = paper_block(grid, context_size, generator)
        for target in targets:
            context &= ~target
        if context.sum() >= config.min_keep:
            return context.flatten().nonzero()[:, 0], [t.flatten().nonzero()[:, 0] for t in targets]


def paper_size(grid, scale, aspect, generator):
    rows, columns = grid
    area = rows * columns * uniform(*scale, generator)
    ratio = uniform(*aspect, generator)
    height, width = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
    return min(max(height, 1), rows), min(max(width, 1), columns)


def paper_block(grid, size, generator):
    """A block at a uniform place, as a boolean (rows, columns)."""
    top = torch.randint(grid[0] - size[0] + 1, (), generator=generator).item()
    left = torch.randint(grid[1] - size[1] + 1, (), generator=generator).item()
    block = torch.zeros(grid, dtype=torch.bool)
    block[top : top + size[0], left : left + size[1]] = True
    return block


def uniform(low, high, generator):
    return low + (high - low) * torch.rand((), generator=generator).item()


def official_masks(grid, batch, config, generator, tries=20):
    """A batch by the released collator: [(context before the cut, after it, targets)], lists of indices."""
    target_size = official_size(grid, config.target_scale, config.target_aspect, generator)
    context_size = official_size(grid, config.context_scale, (1.0, 1.0), generator)
    images = []
    for _ in range(batch):
        targets = [official_block(grid, target_size, generator) for _ in range(config.num_targets)]
        respected, failed = list(targets), 0
        while True:
            context = set(official_block(grid, context_size, generator)).difference(*respected)
            if len(context) > config.min_keep:
                break
            failed += 1
            if failed % tries == 0:
                respected.pop()
        images.append((sorted(context), targets))
    smallest = min(len(context) for context, _ in images)
    return [(context, context[:smallest], targets) for context, targets in images]


def official_size(grid, scale, aspect, generator):
    """One random number for both scale and aspect ratio; always smaller than the grid."""
    u = torch.rand((), generator=generator).item()
    area = math.floor(grid[0] * grid[1] * (scale[0] + u * (scale[1] - scale[0])))
    ratio = aspect[0] + u * (aspect[1] - aspect[0])
    height, width = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
    return min(height, grid[0] - 1), min(width, grid[1] - 1)


def official_block(grid, size, generator):
    """Indices of a block whose corner stops one place short of the last row and column."""
    top = torch.randint(grid[0] - size[0], (), generator=generator).item()
    left = torch.randint(grid[1] - size[1], (), generator=generator).item()
    return [r * grid[1] + c for r in range(top, top + size[0]) for c in range(left, left + size[1])]


def rasterized_masks(grid, generator):
    """One image: (context, three targets), lists of indices. The middle of an odd side is in no quadrant."""
    quadrants = [[], [], [], []]
    for r in range(grid[0]):
        for c in range(grid[1]):
            below, right = half(r, grid[0]), half(c, grid[1])
            if below is not None and right is not None:
                quadrants[2 * below + right].append(r * grid[1] + c)
    context = quadrants.pop(torch.randint(4, (), generator=generator).item())
    return context, quadrants


def half(i, n):
    """0 in the first half of n, 1 in the second, None in the middle of an odd n."""
    return None if 2 * i + 1 == n else int(2 * i >= n)


def block_masks(grid, config, generator):
    """One image: (context, target), lists of indices. Compare where no shape has to be clipped."""
    size = paper_size(grid, (config.target_share,) * 2, config.target_aspect, generator)
    block = paper_block(grid, size, generator).flatten().tolist()
    return [i for i, hidden in enumerate(block) if not hidden], [
        i for i, hidden in enumerate(block) if hidden
    ]


def random_masks(grid, config, generator):
    """One image: (context, target), lists of indices: lots drawn from a shrinking bag."""
    bag, target = list(range(grid[0] * grid[1])), []
    for _ in range(round(config.target_share * len(bag))):
        target.append(bag.pop(torch.randint(len(bag), (), generator=generator).item()))
    return bag, sorted(target)
