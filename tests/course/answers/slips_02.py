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


# --- pick_tokens -------------------------------------------------------------------------------------------


def _picked(tokens, idx):
    return torch.stack([t[i] for t, i in zip(tokens, idx, strict=True)])


def _shifts_its_indices(tokens, idx):
    idx += torch.arange(len(idx)).view(-1, *[1] * (idx.ndim - 1)) * tokens.shape[1]
    return tokens.flatten(0, 1)[idx]


# --- shift_matrix -----------------------------------------------------------------------------------


def _pairs(down, right, width, divisor=4.0, base=10000.0, unit=1.0, last=0, sign=-1.0):
    """The matrix, entry by entry: for each frequency one sine, one cosine, and what each gives the other."""
    matrix, quarter = torch.zeros(width, width), width // 4
    for start, step in ((0, right), (width // 2, down)):
        for i in range(quarter):
            exponent = 4 * i / (width * divisor / 4 - 4 * last) if i else 0.0
            angle = unit * step / base**exponent
            one, two = start + i, start + quarter + i
            matrix[one, one] = matrix[two, two] = math.cos(angle)
            matrix[one, two], matrix[two, one] = math.sin(angle), sign * math.sin(angle)
    return matrix


def _exchanged(down, right, width):
    """Sines on the diagonal: the quarter wave is in the wrong place."""
    matrix, q = _pairs(down, right, width), width // 4
    turned = torch.zeros(q, q)
    quarter_wave = torch.cat([torch.cat([turned, torch.eye(q)], 1), torch.cat([-torch.eye(q), turned], 1)])
    return torch.block_diag(quarter_wave, quarter_wave) @ matrix.T


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
    "shift_matrix": [
        ("transposed", lambda d, r, w: _pairs(d, r, w).T, "steps the other way"),
        ("row first", lambda d, r, w: _pairs(r, d, w), "halves are swapped"),
        ("no minus", lambda d, r, w: _pairs(d, r, w, sign=1.0), "has a minus"),
        ("minus twice", lambda d, r, w: _pairs(-d, -r, w, sign=1.0), "has a minus"),
        ("slow", lambda d, r, w: _pairs(d, r, w, divisor=8.0), "too slowly"),
        ("fast", lambda d, r, w: _pairs(d, r, w, divisor=2.0), "too fast"),
        ("two pi", lambda d, r, w: _pairs(d, r, w, unit=2 * math.pi), "factor of 2 pi"),
        ("linspace to 1", lambda d, r, w: _pairs(d, r, w, last=1) if w > 4 else _pairs(d, r, w),
         "exactly 1/10000"),
        ("sines first", lambda d, r, w: _pairs(d, r, w).view(2, 2, w // 4, 2, 2, w // 4)
         .permute(1, 0, 2, 4, 3, 5).reshape(w, w), "sines of both halves come first"),
        ("exchanged", _exchanged, "stand beside the diagonal"),
        ("column alone", lambda d, r, w: _pairs(0, r, w), "Only the column moves"),
        ("row alone", lambda d, r, w: _pairs(d, 0, w), "Only the row moves"),
        ("right twice", lambda d, r, w: _pairs(r, r, w), "same step"),
        ("identity", lambda d, r, w: torch.eye(w), "Nothing moves"),
        ("cosines alone", lambda d, r, w: _pairs(d, r, w).diag().diag(), "sines are missing"),
        ("one half", lambda d, r, w: _pairs(d, r, w)[: w // 2, : w // 2], "one half alone"),
        ("no step, nothing", lambda d, r, w: _pairs(d, r, w) * bool(d or r), "No step at all"),
        ("base 1000", lambda d, r, w: _pairs(d, r, w, base=1000.0), ""),
        ("half precision", lambda d, r, w: _pairs(d, r, w).half(), "float16"),
    ],
}  # fmt: skip
