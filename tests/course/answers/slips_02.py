"""More wrong answers to the exercises of notebook 02: (the mistake, the answer, words of what it is told)."""

import math

import torch

# --- unpatchify -------------------------------------------------------------------------------------


def _images(patches, P, grid, order=(0, 3, 1, 4, 2, 5)):
    x = patches.reshape(len(patches), *grid, -1, P, P).permute(order)
    return x.reshape(len(patches), -1, grid[0] * P, grid[1] * P)


def _of_three_channels(patches, P, grid):
    x = patches.reshape(len(patches), *grid, 3 if patches.shape[-1] % 3 == 0 else 2, P, P)
    return x.permute(0, 3, 1, 4, 2, 5).flatten(4, 5).flatten(2, 3)


def _three_channels(patches, P, grid):
    x = patches.reshape(len(patches), *grid, max(patches.shape[-1] // P**2, 2), P, P)
    return x.permute(0, 3, 1, 4, 2, 5).flatten(4, 5).flatten(2, 3)


def _as_if_square(patches, P, grid):
    side = math.isqrt(patches.shape[1])
    return _images(patches, P, (side, side))


def _blackens(patches, P, grid):
    images = _images(patches, P, grid)
    patches *= 0
    return images


# --- address_table -------------------------------------------------------------------------------


def _table(grid, width, steps=None, first=0, parts="xXyY", unit=1.0, base=10000.0):
    """Sines (small letters) and cosines (large ones) of column x and row y."""
    f = unit / base ** (torch.arange(width // 4) / (width / 4) if steps is None else steps(width))
    y, x = torch.meshgrid(*[torch.arange(n) + first for n in grid], indexing="ij")
    angles = {"x": x.reshape(-1, 1) * f, "y": y.reshape(-1, 1) * f}
    waves = [(torch.sin if p.islower() else torch.cos)(angles[p.lower()]) for p in parts]
    return torch.cat(waves, 1)


def _by_rows_for_columns(grid, width):
    f = 10000.0 ** -(torch.arange(width // 4) / (width / 4))
    n = torch.arange(grid[0] * grid[1])[:, None]
    x, y = n % grid[0] * f, n // grid[0] * f
    return torch.cat([x.sin(), x.cos(), y.sin(), y.cos()], 1)


# --- pick_tokens -------------------------------------------------------------------------------------------


def _picked(tokens, idx):
    return torch.stack([t[i] for t, i in zip(tokens, idx, strict=True)])


def _shifts_its_indices(tokens, idx):
    idx += torch.arange(len(idx)).view(-1, *[1] * (idx.ndim - 1)) * tokens.shape[1]
    return tokens.flatten(0, 1)[idx]


SLIPS = {
    "unpatchify": [
        ("both transposed", lambda p, P, g: _images(p, P, g, (0, 3, 2, 5, 1, 4)), "mirrored along"),
        ("grid rows inside", lambda p, P, g: _images(p, P, g, (0, 3, 4, 1, 2, 5)), "wrong way round"),
        ("rows within first", lambda p, P, g: _images(p, P, g, (0, 3, 4, 1, 5, 2)), "wrong way round"),
        ("grid then patch", lambda p, P, g: _images(p, P, g, (0, 3, 1, 2, 4, 5)),
         "each row of the image is cut"),
        ("BGR", lambda p, P, g: _images(p, P, g)[:, list(range(p.shape[-1] // P**2))[::-1]], "reverse order"),
        ("upside down", lambda p, P, g: torch.flipud(_images(p, P, g).transpose(0, 2)).transpose(0, 2),
         "mirrored"),
        ("mirrored", lambda p, P, g: torch.flip(_images(p, P, g), [3]), "mirrored"),
        ("last patch first", lambda p, P, g: _images(torch.flip(p, [1]), P, g), "mirrored"),
        ("channels last", lambda p, P, g: _images(p, P, g).permute(0, 2, 3, 1), "stand last"),
        ("H and W swapped", lambda p, P, g: _images(p, P, g).transpose(2, 3), "Height and width"),
        ("grid (columns, rows)", lambda p, P, g: _images(p, P, (g[1], g[0])), "Height and width"),
        ("two channels at least", _three_channels, "one channel"),
        ("square grid", _as_if_square, "RuntimeError"),
        ("squeezed", lambda p, P, g: _images(p, P, g).squeeze(), "does it squeeze"),
        ("only the first image", lambda p, P, g: _images(p, P, g)[:1], "it gives (1, 3, 8, 20)"),
        ("input emptied", _blackens, "changes its input"),
        ("half precision", lambda p, P, g: _images(p, P, g).half(), "float16"),
        ("scaled to bytes", lambda p, P, g: _images(p, P, g) * 255, "255 times"),
        ("moved a column", lambda p, P, g: _images(p, P, g).roll(1, 3), "wrong places"),
    ],
    "address_table": [
        ("exponent i / width", lambda g, w: _table(g, w, lambda w: torch.arange(w // 4) / w), "too slowly"),
        ("exponent 2i / quarter", lambda g, w: _table(g, w, lambda w: torch.arange(w // 4) * 8 / w),
         "too fast"),
        ("linspace to 1", lambda g, w: _table(g, w, lambda w: torch.linspace(0, 1, w // 4)),
         "exactly 1/10000"),
        ("frequencies grow", lambda g, w: _table(g, w, lambda w: -torch.arange(w // 4) / (w / 4)), "grow"),
        ("base 1000", lambda g, w: _table(g, w, base=1000.0), "base"),
        ("cosines first", lambda g, w: _table(g, w, parts="XxYy"), "Cosines come before"),
        ("sines only", lambda g, w: _table(g, w, parts="xxyy"), "sines only"),
        ("from 1", lambda g, w: _table(g, w, first=1), "count from 0"),
        ("two pi", lambda g, w: _table(g, w, unit=2 * math.pi), "factor of 2 pi"),
        ("column only", lambda g, w: _table(g, w, parts="xXxX"), "Only one of the two"),
        ("row only", lambda g, w: _table(g, w, parts="yYyY"), "Only one of the two"),
        ("divided by rows", _by_rows_for_columns, "wrong side of the grid"),
        ("sines then cosines", lambda g, w: _table(g, w, parts="xyXY"), "cosines of both afterwards"),
        ("rows first", lambda g, w: _table(g, w, parts="yYxX"), "halves are swapped"),
        ("on the grid", lambda g, w: _table(g, w).view(*g, w), "how they are arranged"),
        ("half the width", lambda g, w: _table(g, w, parts="xX"), "it gives (6, 6)"),
        ("transposed", lambda g, w: _table(g, w).T, "axes are swapped"),
        ("half precision", lambda g, w: _table(g, w).half(), "float16"),
        ("squeezed", lambda g, w: _table(g, w).squeeze(), "smallest table"),
    ],
    "pick_tokens": [
        ("last image's picks", lambda t, i: torch.stack([x[i[-1]] for x in t]), "picks of the last"),
        ("first image's tokens", lambda t, i: t[0, i], "from the first image only"),
        ("next image's tokens", lambda t, i: _picked(t.roll(-1, 0), i), "from another image"),
        ("from 1", lambda t, i: _picked(t, i - 1), "Off by one"),
        ("first K", lambda t, i: t[:, : i[0].numel()].reshape(*i.shape, -1), "first tokens"),
        ("flattened", lambda t, i: _picked(t, i).flatten(0, -2), "in one line"),
        ("axes moved", lambda t, i: _picked(t, i).movedim(-1, 1), "wrong axis"),

                ("blanked", lambda t, i: t * torch.stack([torch.isin(torch.arange(t.shape[1]),
         x) for x in i])[..., None],
         "what was not picked is 0"),
        ("along D", lambda t, i: t.gather(2, (i.flatten(1)[:, None] % t.shape[2]).expand(-1, t.shape[1], -1)),
         "along D"),
        ("every pair", lambda t, i: t[:, i, :], "every pair"),
        ("sorted", lambda t, i: _picked(t, i.flatten(1).sort(1)[0].view_as(i)), "ascending order"),
        ("squeezed", lambda t, i: _picked(t, i).squeeze(), "one image"),
        ("squeezed picks", lambda t, i: _picked(t, i).squeeze(1), "One pick"),
        ("indices changed", _shifts_its_indices, "changes its input"),
        ("values only", lambda t, i: t.gather(1, i.flatten(1)[..., None])[..., 0].view_as(i),
         "it gives (3, 5)"),
        ("negated", lambda t, i: -_picked(t, i), "wrong sign"),
        ("reversed picks", lambda t, i: _picked(t, i).flip(1), "wrong places"),
        ("a list of nothing", lambda t, i: [], "it gives (0,)"),
    ],
}  # fmt: skip
