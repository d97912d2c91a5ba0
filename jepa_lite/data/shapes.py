"""Procedural colour images whose every factor is known, and can be switched (no download, any size).

Each image is a "dead leaves" picture: overlapping discs, squares and triangles, each filled with
stripes. A factor is "shared" (drawn once for an image, so that every patch has it), "local" (drawn
anew for each leaf) or "off" (the same in all images). The label is a shared factor.

Why the default is as it is: I-JEPA learns first what the context and the target have in common. By
default that is the texture (the direction of the stripes), which is also the label; colour,
shape, size, place and phase are drawn for each leaf and tell nothing about the next one. Switch on a
shared light, a tint of the whole image, and it becomes the shortcut: any patch betrays every other one's
mean colour, which a linear layer sees at once (benchmarks/README.md measures what that costs).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..field_checks import plain

LEAVES = 250  # of an image; what is not covered by one is ground, filled like a leaf
RADIUS = (0.05, 0.08)  # of a leaf, as shares of the image's shorter side: about half a patch of 8 x 8
ORIENTATIONS = 8
WOBBLE = 0.25  # of the angle between two orientations: how far a leaf's stripes may be off
CYCLES = (6.0, 12.0)  # of a leaf's stripes, were they to cross the whole image
SHAPES = ("disc", "square", "triangle")
HUES = ("red", "yellow", "green", "cyan", "blue", "magenta")
MODES = ("shared", "local", "off")


@dataclass(frozen=True)
class ShapeFactors:
    """The switches. `noise` is the standard deviation of pixel noise, in units of full brightness."""

    texture: str = "shared"
    colour: str = "local"
    shape: str = "local"
    size: str = "local"
    place: str = "local"  # "off" puts the leaves on a fixed lattice
    light: str = "off"  # the mean colour: white, one tint for the image, or one for each leaf
    noise: float = 0.1
    label: str = "texture"  # which shared factor to name: texture, colour or shape

    def __post_init__(self) -> None:
        for name in ("texture", "colour", "shape", "size", "place", "light"):
            modes = ("local", "off") if name == "place" else MODES
            if getattr(self, name) not in modes:
                raise ValueError(f"{name} must be one of {', '.join(modes)}, not {getattr(self, name)!r}")
        if self.label not in CLASSES:
            raise ValueError(f"label must be one of {', '.join(CLASSES)}, not {self.label!r}")
        if getattr(self, self.label) != "shared":
            raise ValueError(
                f'the label must be a shared factor: set {self.label}="shared" or choose another label'
            )
        if not 0 <= self.noise <= 1:
            raise ValueError(f"noise must be from 0 to 1, not {self.noise}")


CLASSES = {
    "texture": tuple(f"{180 / ORIENTATIONS * i:g} degrees" for i in range(ORIENTATIONS)),
    "colour": HUES,
    "shape": SHAPES,
}
DEFAULT = ShapeFactors()


def shapes(
    count: int, image_size: int | tuple[int, int] = 64, seed: int = 0, factors: ShapeFactors = DEFAULT
) -> tuple[Tensor, Tensor]:
    """Draw `count` images: (uint8 (count, 3, H, W), labels int64 (count,)).

    `image_size` is an int or (height, width) in pixels. The same seed gives the same images.
    """
    count, image_size, seed = plain(count), plain(image_size), plain(seed)
    size = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    generator = torch.Generator().manual_seed(seed)
    chunks = [_draw(min(128, count - i), size, factors, generator) for i in range(0, count, 128)]
    images, labels = zip(*chunks, strict=True)
    return torch.cat(images), torch.cat(labels)


def _draw(n, size, factors, generator):
    """One chunk: choose every leaf's factors, find which leaf is on top, paint it."""
    texture, texture_label = _choose(n, len(CLASSES["texture"]), factors.texture, generator)  # (n, L)
    hue, hue_label = _choose(n, len(HUES), factors.colour, generator)
    shape, shape_label = _choose(n, len(SHAPES), factors.shape, generator)
    top = _top_leaf(n, size, shape, factors, generator)  # (n, H, W)
    wave = _stripes(n, size, texture, top, factors, generator)  # (n, H, W), from -1 to 1
    colour = _colours(hue, factors, generator)  # (n, L, 3)
    images = 0.5 + 0.35 * wave[:, None] * _seen(colour, top)  # (n, 3, H, W)
    if factors.light != "off":
        tint = [_uniform(n, -0.2, 0.2, factors.light, generator) for _ in range(3)]
        images = images + _seen(torch.stack(tint, -1), top)
    images = images + factors.noise * torch.randn(images.shape, generator=generator)
    labels = {"texture": texture_label, "colour": hue_label, "shape": shape_label}[factors.label]
    return (images.clamp(0, 1) * 255).round().to(torch.uint8), labels


def _seen(values, top):
    """Each leaf's RGB (n, LEAVES, 3) at the pixels where it is on top (n, H, W): (n, 3, H, W)."""
    return (
        values.gather(1, top.flatten(1)[..., None].expand(-1, -1, 3))
        .unflatten(1, top.shape[1:])
        .movedim(-1, 1)
    )


def _choose(n, values, mode, generator):
    """A value for each leaf (n, LEAVES), and the label (n,): the first leaf's value."""
    if mode == "off":
        chosen = torch.zeros(n, LEAVES, dtype=torch.long)
    else:
        chosen = torch.randint(values, (n, LEAVES if mode == "local" else 1), generator=generator)
    return chosen.expand(n, LEAVES), chosen[:, 0]


def _uniform(n, low, high, mode, generator):
    """A number for each leaf, (n, LEAVES): its own, the image's, or the middle of the range."""
    u = torch.rand(n, LEAVES if mode == "local" else 1, generator=generator)
    return (low + (high - low) * (u if mode != "off" else torch.full_like(u, 0.5))).expand(n, LEAVES)


def _pixels(size):
    """Pixel centres as shares of the shorter side: y (H, 1) and x (1, W)."""
    y, x = (torch.arange(s) + 0.5 for s in size)
    return y[:, None] / min(size), x[None, :] / min(size)


def _top_leaf(n, size, shape, factors, generator):
    """Which leaf is seen at each pixel: (n, H, W), 0 being the ground under all leaves."""
    radius = _uniform(n, *RADIUS, factors.size, generator)
    side = math.ceil(math.sqrt(LEAVES))
    lattice = torch.stack([torch.arange(LEAVES) // side, torch.arange(LEAVES) % side], -1) / (side - 1)
    place = torch.rand(n, LEAVES, 2, generator=generator)
    place = place if factors.place == "local" else lattice.expand(n, LEAVES, 2)
    top = torch.zeros(n, *size, dtype=torch.long)
    reach = math.ceil(RADIUS[1] * min(size)) + 1
    box = torch.arange(-reach, reach + 1)  # the pixels that a leaf can cover, around its centre
    extent = torch.tensor(size) / min(size)  # of the image, in shorter sides
    for leaf in range(1, LEAVES):
        r, kind = radius[:, leaf, None, None], shape[:, leaf, None, None]
        centre = place[:, leaf] * extent * min(size)  # (n, 2), in pixels
        row = centre[:, 0:1].long() + box  # (n, R)
        column = centre[:, 1:2].long() + box
        dy = ((row + 0.5 - centre[:, 0:1]) / min(size))[:, :, None] / r  # (n, R, 1)
        dx = (((column + 0.5 - centre[:, 1:2]) / min(size))[:, None, :] / r).abs()  # (n, 1, R)
        disc, square = dx**2 + dy**2 < 1, (dx < 0.87) & (dy.abs() < 0.87)
        triangle = (dy < 0.75) & (dy > 1.75 * dx - 1)
        inside = torch.where(kind == 0, disc, torch.where(kind == 1, square, triangle))
        inside &= ((row >= 0) & (row < size[0]))[:, :, None] & ((column >= 0) & (column < size[1]))[
            :, None, :
        ]
        image, i, j = inside.nonzero(as_tuple=True)
        top[image, row[image, i], column[image, j]] = leaf
    return top


def _stripes(n, size, texture, top, factors, generator):
    """The stripe pattern seen at each pixel: (n, H, W). Phase is always local."""
    y, x = _pixels(size)
    angle = (texture + _uniform(n, -WOBBLE, WOBBLE, "local", generator)) * (math.pi / ORIENTATIONS)
    cycles = _uniform(n, *CYCLES, "local", generator)
    amplitude = 0.0 if factors.texture == "off" else 1.0
    phase = 2 * math.pi * torch.rand(n, LEAVES, generator=generator)

    def seen(values):
        return values.gather(1, top.flatten(1)).view_as(top)

    along = x * seen(cycles * angle.cos()) + y * seen(cycles * angle.sin())
    wave = torch.sin(2 * math.pi * along + seen(phase))
    return amplitude * wave + (1 - amplitude)


def _colours(hue, factors, generator):
    """RGB of each leaf's stripes (n, LEAVES, 3), of equal strength; grey when colour is off."""
    if factors.colour == "off":
        return torch.ones(*hue.shape, 3)
    angle = hue[..., None] * (2 * math.pi / len(HUES)) - torch.arange(3) * (2 * math.pi / 3)
    return 0.35 + 0.85 * angle.cos()
