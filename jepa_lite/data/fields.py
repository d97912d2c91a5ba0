"""Synthetic images in which what lies at a place depends on the place and on the rest of the image.

Each image is a mosaic of tiles, about one a patch, and each tile is hatched in one direction. The directions
follow a field over the whole image: parallel lines, circles, a spiral or a loop, about a centre that is drawn
for each image. The label is the kind of field. A tile alone says little about it, and so does the average
direction: it is in how the directions turn from place to place. A predictor that sees some of the tiles can
infer the direction of any other, but only if it is told where that one lies.

The colour of a tile, its hue, and the phase and width of its hatching are its own. They tell nothing about
any other tile, so pixels remain the wrong target. shapes.py has images in which one direction holds for the
whole image, and with them the shortcuts that a model may take.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..field_checks import plain

KINDS = ("parallel", "circles", "spiral", "loop")
WINDING = (0.0, 1.0, 1.0, 0.5)  # turns of the direction on one way round the centre
TURN = (None, 90.0, 45.0, None)  # degrees between the radius and the direction; None: any
CENTRE = (0.05, 0.95)  # range of the centre, as shares of the image
TILES = 8  # along the shorter side
JITTER = 0.25  # of a tile, how far its centre may be off the lattice in all
WOBBLE = 0.1  # radians that a tile's direction may be off, to either side
CYCLES = (8.0, 12.0)  # of a tile's hatching, were it to cross the shorter side
HATCHING, HUE, TINT = 0.28, 0.2, 0.22  # contrast of the hatching, its share of colour, tiles' colours
NOISE = 0.01  # standard deviation, in units of full brightness
CHUNK = 128  # images drawn at a time


@dataclass(frozen=True)
class Fields:
    """Fields of directions, one for each of n images: `kind` (n,) an index into KINDS, `centre` (n, 2) as
    shares of the height and the width, and `turn` (n,) in radians."""

    kind: Tensor
    centre: Tensor
    turn: Tensor

    def directions(self, y: Tensor, x: Tensor) -> Tensor:
        """The direction at the places y, x (n, L), in shares of the image: radians from 0 to pi, (n, L).

        It is counted from rightwards towards downwards, as an image's axes go, and has no sign."""
        around = torch.atan2(y - self.centre[:, :1], x - self.centre[:, 1:])
        winding = torch.tensor(WINDING)[self.kind, None]
        return (winding * around + self.turn[:, None]).remainder(math.pi)


def draw_fields(count: int, seed: int = 0) -> Fields:
    """The fields of the images of `fields(count, ..., seed)`. More of them begin with the same ones."""
    u = torch.rand(count, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    kind = (u[:, 0] * len(KINDS)).long()
    fixed = torch.tensor([math.nan if turn is None else math.radians(turn) for turn in TURN])[kind]
    turn = torch.where(fixed.isnan(), math.pi * u[:, 1], fixed)
    return Fields(kind, (CENTRE[0] + (CENTRE[1] - CENTRE[0]) * u[:, 2:]).float(), turn.float())


def directions_of(fields: Fields, grid: tuple[int, int]) -> Tensor:
    """The direction at the middle of every patch of a (rows, columns) grid: radians, (n, N)."""
    y, x = _middles(grid)
    n = len(fields.kind)
    return fields.directions(y.expand(n, -1), x.expand(n, -1))


def fields(count: int, image_size: int | tuple[int, int] = 64, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Draw `count` images: (uint8 (count, 3, H, W), labels int64 (count,), indices into KINDS).

    `image_size` is an int or (height, width) in pixels. The same seed gives the same images, and more of
    them begin with the same ones.
    """
    count, image_size, seed = plain(count), plain(image_size), plain(seed)
    size = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    drawn, images = draw_fields(count, seed), []
    for start in range(0, count, CHUNK):
        part = slice(start, start + CHUNK)
        chunk = Fields(drawn.kind[part], drawn.centre[part], drawn.turn[part])
        images.append(_paint(chunk, size, torch.Generator().manual_seed(seed * 1_000_003 + start + 1)))
    return torch.cat(images), drawn.kind


def _middles(grid):
    """The middles of a grid's cells, row by row: y and x (N,), as shares of the image."""
    y, x = torch.meshgrid(*((torch.arange(n) + 0.5) / n for n in grid), indexing="ij")
    return y.flatten(), x.flatten()


def _paint(chunk, size, generator):
    """Lay the tiles, hatch each along its direction, and colour it: (n, 3, H, W)."""
    n, (height, width) = len(chunk.kind), size
    shorter = min(size)
    rows, columns = (max(round(TILES * side / shorter), 1) for side in size)
    y, x = _middles((rows, columns))
    L = len(y)

    def uniform(low, high, *more):  # of a whole chunk, so that fewer images begin with the same ones
        return low + (high - low) * torch.rand(CHUNK, L, *more, generator=generator)[:n]

    y = y + uniform(-0.5, 0.5) * JITTER / rows  # (n, L)
    x = x + uniform(-0.5, 0.5) * JITTER / columns
    angle = chunk.directions(y, x) + uniform(-WOBBLE, WOBBLE)
    cycles, phase, hue = uniform(*CYCLES), uniform(0, 1), uniform(0, 1)
    tint = uniform(-TINT, TINT, 3)
    noise = torch.randn(n, 3, *size, generator=generator)

    py, px = _middles(size)
    pixels = torch.stack([py * height, px * width], -1) / shorter  # (H*W, 2), in shorter sides
    centres = torch.stack([y * height, x * width], -1) / shorter  # (n, L, 2)
    tile = torch.cdist(pixels.expand(n, -1, -1), centres).argmin(-1)  # (n, H*W): which one is seen

    def seen(values):
        return values.gather(1, tile)

    across = pixels[:, 0] * seen(angle.cos()) - pixels[:, 1] * seen(angle.sin())
    wave = torch.sin(2 * math.pi * (seen(cycles) * across + seen(phase)))  # (n, H*W)
    colour = 1 - HUE + HUE * torch.cos(2 * math.pi * (hue[..., None] - torch.arange(3) / 3))  # (n, L, 3)
    rgb = [0.5 + HATCHING * wave * seen(colour[..., c]) + seen(tint[..., c]) for c in range(3)]
    images = torch.stack(rgb, 1).unflatten(-1, size) + NOISE * noise
    return (images.clamp(0, 1) * 255).round().to(torch.uint8)
