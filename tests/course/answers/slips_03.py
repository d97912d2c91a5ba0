"""More wrong answers to the exercises of notebook 03: (the mistake, the answer, words of what it is told)."""

import torch

# --- place_block ------------------------------------------------------------------------------------


def _block(top, left, size, columns):
    return (top * columns + left + torch.arange(size[0])[:, None] * columns + torch.arange(size[1])).flatten()


def _corner(grid, size, g):
    return [int(torch.randint(n - s + 1, (), generator=g)) for n, s in zip(grid, size, strict=True)]


def _numbered(columns):
    return lambda grid, size, g: _block(*_corner(grid, size, g), size, columns(grid, size))


def _changed(change):
    return lambda grid, size, g: change(_block(*_corner(grid, size, g), size, grid[1]), size)


def _placed(draw):
    """A block whose corner is drawn by `draw(places, generator)`, for rows and for columns."""

    def place(grid, size, g):
        places = [n - s + 1 for n, s in zip(grid, size, strict=True)]
        return _block(*(int(draw(n, g)) for n in places), size, grid[1])

    return place


def spills_over(grid, size, g):
    top = int(torch.randint(grid[0] - size[0], (), generator=g)) if grid[0] > size[0] else 0
    return _block(top, int(torch.randint(grid[1], (), generator=g)), size, grid[1])


def reseeds(grid, size, g):
    g.manual_seed(0)
    return _block(*_corner(grid, size, g), size, grid[1])


def in_the_first_row(grid, size, g):
    return _block(0, _corner(grid, size, g)[1], size, grid[1])


def rows_for_columns(grid, size, g):
    top = int(torch.randint(grid[0] - size[0] + 1, (), generator=g))
    left = int(torch.randint(max(grid[0] - size[1] + 1, 1), (), generator=g))
    return _block(top, min(left, grid[1] - size[1]), size, grid[1])


# --- context_left -----------------------------------------------------------------------------------


def _hit(context, target_idx):
    return torch.stack([torch.isin(torch.arange(context.shape[1]), t) for t in target_idx])


def _times(context, target_idx):
    return torch.nn.functional.one_hot(target_idx.flatten(1), context.shape[1]).sum(1)


def takes_out_in_place(context, target_idx):
    return context.scatter_(1, target_idx.flatten(1), False)


def zero_is_padding(context, target_idx):
    left = context.clone()
    for image, targets in zip(left, target_idx, strict=True):
        image[targets[targets > 0]] = False
    return left


def minus(context, target_idx):
    return context - _hit(context, target_idx)


def minus_one(context, target_idx):
    return context * (1 - _hit(context, target_idx))


# --- patch_rate -------------------------------------------------------------------------------------


def _used(idx, keep, grid):
    used = torch.zeros(len(idx), grid[0] * grid[1])
    for row, i, k in zip(used, idx, keep, strict=True):
        row[i[k]] = 1
    return used


def _rate(idx, keep, grid):
    return _used(idx, keep, grid).mean(0).view(grid)


def loses_repeats(idx, keep, grid):
    rate = torch.zeros(grid[0] * grid[1])
    rate[idx[keep]] += 1 / len(idx)
    return rate.view(grid)


def weighs_images(idx, keep, grid):
    rate = torch.zeros(grid[0] * grid[1])
    for i, k in zip(idx, keep, strict=True):
        for patch in i[k]:
            rate[patch] += 1 / int(k.sum()) / len(idx)
    return rate.view(grid)


def fills_padding(idx, keep, grid):
    idx[~keep] = 0
    keep |= True
    return _rate(idx, keep, grid)


def _counts(idx, keep, grid):
    return torch.bincount(idx[keep], minlength=grid[0] * grid[1]).double().view(grid)


SLIPS = {
    "place_block": [
        ("numbered by rows", _numbered(lambda grid, size: grid[0]), "number of ROWS"),
        ("seven columns", _numbered(lambda grid, size: 14), "14 numbers apart"),
        ("spills over", spills_over, "wraps around"),
        ("floats", _changed(lambda b, size: b.float()), "float32: no index"),
        ("as a rectangle", _changed(lambda b, size: b.view(size)), "in one line"),
        ("one axis more", _changed(lambda b, size: b[None]), "in one line"),
        ("from 1", _changed(lambda b, size: b + 1), "begin with 1"),
        ("corner alone", _changed(lambda b, size: b[0]), "patch numbers in one line"),
        ("twice the corner", _changed(lambda b, size: b.clamp(max=int(b[-2]))), "different"),
        ("reseeds", reseeds, "Every draw gives the same"),
        ("row fixed", in_the_first_row, "row of the corner never changes"),
        ("rounded", _placed(lambda n, g: round(float(torch.rand(1, generator=g)) * (n - 1))),
         "half as often"),
        ("never last", _placed(lambda n, g: torch.rand((), generator=g) * max(n - 1, 1)), "never touches"),
        ("without generator", _placed(lambda n, g: torch.randint(n, ())), "Two generators"),
        ("clamped normal", _placed(lambda n, g: (torch.randn((), generator=g) + n / 2).clamp(0, n - 0.5)),
         "not equally often"),
        ("columns by rows", rows_for_columns, "never the corner's"),
        ("as text", lambda grid, size, g: "block", "must give patch numbers"),
    ],
    "context_left": [
        ("all images' targets", lambda c, t: c & ~_hit(c, t).any(0), "targets of ALL images"),
        ("last target", lambda c, t: c & ~_hit(c, t[:, -1]), "Only the last target"),
        ("first patch", lambda c, t: c & ~_hit(c, t[:, :, 0]), "first patch of each"),
        ("in every target", lambda c, t: c & ~torch.stack([_hit(c, x) for x in t.unbind(1)]).all(0), "EVERY"),
        ("toggled", lambda c, t: c ^ (c & (_times(c, t) % 2 == 1)), "toggle"),
        ("counts subtracted", lambda c, t: c.float() - _times(c, t), "becomes -1"),
        ("table subtracted", lambda c, t: c.float() - _hit(c, t).float(), "becomes -1"),
        ("or", lambda c, t: c | ~_hit(c, t), "joined with `or`"),
        ("added", lambda c, t: c | _hit(c, t), "added to the context"),
        ("context inverted", lambda c, t: ~(c | _hit(c, t)), "turned round"),
        ("off by one", lambda c, t: c & ~_hit(c, t + 1), "Off by one"),
        ("zero is padding", zero_is_padding, "Index 0 is a patch"),
        ("in place", takes_out_in_place, "changes its input"),
        ("bool - bool", minus, "with two bool tensors is not supported"),
        ("1 - bool", minus_one, "with a bool tensor is not supported"),
        ("squeezed", lambda c, t: (c & ~_hit(c, t)).squeeze(), "one image"),
        ("patch numbers", lambda c, t: (c & ~_hit(c, t)).nonzero(), "and the patches that are left"),
        ("hidden ones", lambda c, t: c & _hit(c, t), "turn it round"),
    ],
    "patch_rate": [
        ("zero dropped", lambda i, k, g: _rate(i, i != 0, g), "Patch 0 is dropped"),
        ("counts", _counts, "adds two"),
        ("keep turned", lambda i, k, g: _rate(i, ~k, g), "turned round"),
        ("divided by K", lambda i, k, g: _used(i, k, g).sum(0).view(g) / i.shape[1], "divided by K"),
        ("divided by N", lambda i, k, g: _counts(i, k, g) / g[0] / g[1], "number of patches N"),
        ("to sum 1", lambda i, k, g: _rate(i, k, g) / _rate(i, k, g).sum(), "stretched"),
        ("to largest 1", lambda i, k, g: _rate(i, k, g) / _rate(i, k, g).max(), "stretched"),
        ("images weighed", weighs_images, "how many it lists"),
        ("repeats lost", loses_repeats, "Counts are lost"),
        ("any", lambda i, k, g: _used(i, k, g).any(0).view(g), "any image uses"),
        ("one image", lambda i, k, g: _used(i, k, g)[0].view(g), "one image alone"),
        ("unused", lambda i, k, g: 1 - _rate(i, k, g), "do NOT use"),
        ("percent", lambda i, k, g: 100 * _rate(i, k, g), "100 times"),
        ("for each image", lambda i, k, g: _used(i, k, g).view(-1, *g), "it gives (7, 3, 5)"),
        ("in place", fills_padding, "changes its input"),
        ("squeezed", lambda i, k, g: _rate(i, k, g).squeeze(), "one row"),
        ("columns first", lambda i, k, g: _rate(i, k, g).T, "axes are swapped"),
        ("half precision", lambda i, k, g: _rate(i, k, g).bfloat16(), "bfloat16"),
    ],
}  # fmt: skip
