"""Claims about `fields`, the synthetic images in which place matters.

1. The same seed gives the same images, more of them begin with the same ones, and another seed gives others.
2. A field is what its name says: its direction at any place is that of the geometry, and turns around the
   centre as often as it should.
3. The hatching of every tile follows the field.
4. The label is in how directions turn from place to place: not in one tile, not in their average, not in
   colours.
5. Any size is drawn, square or not, with tiles of about the same size.
"""

import math

import pytest
import torch

from jepa_lite.data import load
from jepa_lite.data.fields import CENTRE, KINDS, Fields, directions_of, draw_fields, fields
from jepa_lite.evaluation.directions import degrees_between, vectors
from jepa_lite.evaluation.probes import knn
from jepa_lite.method.patches import patchify


def hatched(images, grid):
    """The direction of the hatching in every patch, from the brightness's gradients (n, N), in radians."""
    grey = images.float().mean(1)
    gy = (grey[:, 2:, 1:-1] - grey[:, :-2, 1:-1])[:, None]
    gx = (grey[:, 1:-1, 2:] - grey[:, 1:-1, :-2])[:, None]
    side = images.shape[-1] // grid[1]

    def mean(values):
        return patchify(torch.nn.functional.pad(values, (1, 1, 1, 1)), side).mean(-1)

    steepest = 0.5 * torch.atan2(mean(2 * gx * gy), mean(gx * gx - gy * gy))
    return (steepest + math.pi / 2).remainder(math.pi)  # stripes run across the steepest way


def test_the_same_seed_gives_the_same_images():
    a, b, c = fields(130, 32, seed=5), fields(200, 32, seed=5), fields(130, 32, seed=6)
    assert torch.equal(a[0], b[0][:130]) and torch.equal(a[1], b[1][:130])
    assert (a[0] != c[0]).float().mean() > 0.9, "another seed draws other images"
    assert torch.equal(fields(3, 32, seed=5)[0], a[0][:3])


def test_training_and_test_images_never_meet():
    train, test = (
        load("fields", split, image_size=32, limit=40, progress=False) for split in ("train", "test")
    )
    assert train.classes == KINDS and not (train.images[:, None] == test.images[None]).flatten(2).all(2).any()


def test_a_field_is_what_its_name_says():
    centre, right, below = (0.4, 0.3), (0.4, 0.7), (0.9, 0.3)
    for kind, at_right, at_below in (("circles", 90, 0), ("spiral", 45, 135)):
        one = Fields(torch.tensor([KINDS.index(kind)]), torch.tensor([centre]),
                     torch.tensor([math.radians({"circles": 90, "spiral": 45}[kind])]))  # fmt: skip
        y, x = torch.tensor([[right[0], below[0]]]), torch.tensor([[right[1], below[1]]])
        wanted = torch.deg2rad(torch.tensor([[at_right, at_below]]).float())
        assert degrees_between(one.directions(y, x), wanted).max() < 0.01, kind
    drawn = draw_fields(400, seed=3)
    assert sorted(drawn.kind.unique()) == list(range(len(KINDS)))
    assert drawn.centre.min() >= CENTRE[0] and drawn.centre.max() <= CENTRE[1]


@pytest.mark.parametrize(("kind", "turns"), [*zip(KINDS, (0, 1, 1, 0.5), strict=True)])
def test_directions_turn_around_the_centre_as_often_as_they_should(kind, turns):
    drawn = draw_fields(200, seed=1)
    rows = (drawn.kind == KINDS.index(kind)).nonzero()[:, 0]
    some = Fields(drawn.kind[rows], drawn.centre[rows], drawn.turn[rows])
    way = torch.linspace(0, 2 * math.pi, 101)
    y, x = some.centre[:, :1] + 0.2 * way.sin(), some.centre[:, 1:] + 0.2 * way.cos()
    steps = some.directions(y, x).diff(dim=1)
    steps = (steps + math.pi / 2).remainder(math.pi) - math.pi / 2  # the shorter way, a direction has no sign
    assert torch.allclose(steps.sum(1) / (2 * math.pi), torch.tensor(float(turns)), atol=1e-3)


def test_the_hatching_follows_the_field():
    images, _ = fields(64, 64, seed=2)
    off = degrees_between(hatched(images, (8, 8)), directions_of(draw_fields(64, seed=2), (8, 8)))
    assert off.median() < 8, f"the median tile is {off.median():.0f} degrees off its field"


def test_neither_the_average_direction_nor_one_tile_nor_colour_tells_the_kind():
    drawn = draw_fields(3000, seed=4)
    curved = drawn.kind > 0  # parallel lines alone are told by their average, which is as long as it can be
    lines, kind = vectors(directions_of(drawn, (8, 8)))[curved], drawn.kind[curved]
    half = len(kind) // 2

    def accuracy(features):
        return knn(features[:half], kind[:half], features[half:], kind[half:])

    chance = 1 / (len(KINDS) - 1)
    assert accuracy(lines.flatten(1)) > 0.95, "all directions together do not tell the kind"
    for place in (0, 27, 63):
        assert accuracy(lines[:, place]) < 2 * chance, f"the tile {place} tells the kind"
    assert accuracy(lines.mean(1)) < chance + 0.2, "the average direction tells the kind"
    images, labels = fields(1500, 32, seed=4)
    colour = images.float().mean((2, 3))
    assert knn(colour[:1000], labels[:1000], colour[1000:], labels[1000:]) < 1 / len(KINDS) + 0.07


@pytest.mark.parametrize("size", [(96, 64), (48, 160), 224])
def test_any_size_is_drawn(size):
    images, _ = fields(2, size, seed=1)
    height, width = (size, size) if isinstance(size, int) else size
    assert images.shape == (2, 3, height, width) and images.dtype == torch.uint8
    assert images.float().std() > 30
