"""What must hold of jepa_lite/data/augment.py.

1. A crop equals torchvision's resized_crop (bilinear), with and without antialias, square or not.
2. A crop of the whole image is the image.
3. Nothing outside a box reaches its crop.
4. A box's area and shape are those asked for, every place can be reached, and no box leaves the image.
5. A flip mirrors about half of the images exactly, and leaves the others and the input alone.
6. The same generator state gives the same images; another gives others; images are cropped one by one.
7. `augment` does what the config says, and nothing where the config asks for nothing.
8. No sample leaves the image, so that how pixels beyond it are padded does not matter.
"""

import pytest
import torch
import torch.nn.functional as F
from torchvision.transforms.functional import InterpolationMode, resized_crop

from jepa_lite.config import TrainConfig
from jepa_lite.data.augment import RATIO, augment, crop, draw_boxes

SIZES = [(32, 32), (13, 29), (31, 7), (64, 48)]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def cropped(images, seed, scale=(0.3, 1.0)):
    return augment(images, TrainConfig(crop_scale=scale, flip=False), seeded(seed))


def flipped(images, seed):
    return augment(images, TrainConfig(crop_scale=(1, 1), flip=True), seeded(seed))


def pictures(batch, size, seed=0):
    return torch.randn(batch, 3, *size, generator=seeded(seed))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("antialias", [True, False])
def test_crops_equal_torchvisions(size, antialias):  # 1
    images = pictures(40, size)
    corner, extent = draw_boxes(40, size, (0.05, 1.0), RATIO, seeded(1))
    ours = crop(images, corner, extent)
    for i in range(40):
        box = [*corner[i].tolist(), *extent[i].tolist()]
        theirs = resized_crop(images[i], *box, list(size), InterpolationMode.BILINEAR, antialias=antialias)
        error = (ours[i] - theirs).abs().max().item()
        assert error < 2e-5, f"box {box} of {size}: differs from torchvision by {error}"


@pytest.mark.parametrize("size", SIZES)
def test_a_crop_of_everything_is_the_image(size):  # 2
    images, corner = pictures(5, size), torch.zeros(5, 2, dtype=torch.long)
    error = (crop(images, corner, corner + torch.tensor(size)) - images).abs().max().item()
    assert error < 1e-5, f"{size}: the whole image came back changed by {error}"


def test_nothing_outside_a_box_reaches_its_crop():  # 3
    corner, size = draw_boxes(60, (19, 27), (0.1, 0.6), RATIO, seeded(2))
    images = torch.full((60, 1, 19, 27), 20.0)
    for i, ((y, x), (h, w)) in enumerate(zip(corner.tolist(), size.tolist(), strict=True)):
        images[i, :, y : y + h, x : x + w] = 3.0
    worst = (crop(images, corner, size) - 3).abs().max().item()
    assert worst < 1e-3, f"pixels from outside a box changed its crop by {worst}"


def test_boxes_have_the_area_and_shape_asked_for():  # 4
    _, size = draw_boxes(20_000, (200, 200), (0.3, 0.9), RATIO, seeded(3))
    share, ratio = size.prod(1) / 200**2, size[:, 1] / size[:, 0]
    assert 0.295 < share.min() < 0.305 and 0.89 < share.max() < 0.905, (share.min(), share.max())
    assert abs(share.mean() - 0.6) < 0.005, f"mean share {share.mean()}: not uniform from 0.3 to 0.9"
    small = ratio[share < 0.5]  # small enough that every shape fits
    assert 0.74 < small.min() < 0.76 and 1.31 < small.max() < 1.35, (small.min(), small.max())
    assert abs(small.log().mean()) < 0.01, f"wide and tall are not equally likely: {small.log().mean()}"
    assert abs((ratio > 1.0).float().mean() - 0.5) < 0.02


@pytest.mark.parametrize("size", SIZES)
def test_boxes_stay_inside_and_reach_every_border(size):  # 4
    corner, extent = draw_boxes(5000, size, (0.1, 1.0), RATIO, seeded(4))
    end, whole = corner + extent, torch.tensor(size)
    assert (corner >= 0).all() and (extent >= 1).all() and (end <= whole).all()
    for axis, side in enumerate(("row", "column")):
        part = extent[:, axis] < whole[axis]
        assert (corner[part, axis] == 0).any(), f"{size}: the first {side} is never reached"
        assert (end[part, axis] == whole[axis]).any(), f"{size}: the last {side} is never reached"
    share = (extent.prod(1) / (size[0] * size[1])).mean().item()
    assert abs(share - 0.55) < 0.02, f"{size}: mean share {share}; a box that does not fit must keep its area"


def test_a_flip_mirrors_half_of_the_images():  # 5
    images = pictures(400, (5, 7))
    before = images.clone()
    made = flipped(images, 5)
    mirrored = (made == images.flip(-1)).flatten(1).all(1)
    kept = (made == images).flatten(1).all(1)
    assert (mirrored ^ kept).all(), "an image is neither itself nor its mirror image"
    assert 160 < mirrored.sum() < 240, f"{mirrored.sum()} of 400 were mirrored"
    assert (images == before).all(), "the input was changed"


def test_the_generator_decides_everything():  # 6
    images = pictures(8, (16, 12))
    torch.manual_seed(1)
    one = cropped(images, 6)
    torch.manual_seed(2)
    assert (cropped(images, 6) == one).all(), "the global seed leaks in"
    assert (cropped(images, 7) != one).any()
    same = cropped(images[:1].expand(8, -1, -1, -1), 6)
    assert len({tuple(image.flatten().tolist()) for image in same}) == 8, "images share a box"


def test_augment_does_what_the_config_says():  # 7
    images = pictures(16, (16, 12))
    idle = augment(images, TrainConfig(crop_scale=(1, 1), flip=False), seeded(8))
    assert (idle == images).all()
    assert (flipped(images, 8) != images).any()
    boxes = draw_boxes(16, (16, 12), (0.2, 0.4), RATIO, seeded(8))
    only = cropped(images, 8, (0.2, 0.4))
    assert (only == crop(images, *boxes)).all()
    both = augment(images, TrainConfig(crop_scale=(0.2, 0.4), flip=True), seeded(8))
    same, mirrored = ((both == made).flatten(1).all(1) for made in (only, only.flip(-1)))
    assert (same ^ mirrored).all() and same.any() and mirrored.any()


@pytest.mark.parametrize("size", [*SIZES, (96, 96), (1, 5)])
def test_padding_does_not_matter(monkeypatch, size):  # 8
    images, boxes = pictures(40, size), draw_boxes(40, size, (0.05, 1.0), RATIO, seeded(9))
    corner, extent = (torch.cat([drawn, whole]) for drawn, whole in zip(boxes, edges(size), strict=True))
    images, sampled, modes = torch.cat([images, images[:4]]), F.grid_sample, []

    def padded(mode):
        def sample(images, grid, **options):
            modes.append(options["padding_mode"])
            return sampled(images, grid, **options | {"padding_mode": mode})

        monkeypatch.setattr(F, "grid_sample", sample)
        return crop(images, corner, extent)

    zeros, border = padded("zeros"), padded("border")
    error = (zeros - border).abs().max().item()
    assert error < 2e-5, f"{size}: padding changes a crop by {error}"
    assert modes == ["zeros"] * 2, "MPS knows no other padding"


def edges(size):
    """Boxes (corner, size) that touch each corner of the image, and one that is all of it."""
    whole = torch.tensor(size)
    half = (whole + 1) // 2
    low = torch.zeros(2, dtype=torch.long)
    corner = torch.stack([low, whole - half, torch.stack([low[0], (whole - half)[1]]), low])
    return corner, torch.stack([half, half, half, whole])
