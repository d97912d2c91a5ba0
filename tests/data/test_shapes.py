"""Claims about `shapes`, the embedded data set.

1. The same seed gives the same images; another seed gives others.
2. A switched-off factor does not vary; a shared one is the same all over an image; a local one is not.
3. The label is what its name says: the stripes of an image labelled "45 degrees" do run that way.
4. Labels are balanced and no colour, brightness or place gives them away.
5. An impossible choice of factors is refused in a sentence that names the way out.
"""

import pytest
import torch

from jepa_lite.data.shapes import CLASSES, HUES, ShapeFactors, shapes


def spectrum(images):
    """Power of the grey image by direction of its waves, in 8 bins: (n, 8)."""
    n, size = len(images), images.shape[-1]
    grey = images.float().mean(1)
    power = torch.fft.fft2(grey - grey.mean((1, 2), keepdim=True)).abs() ** 2
    f = torch.fft.fftfreq(size) * size
    fy, fx = torch.meshgrid(f, f, indexing="ij")
    radius, angle = (fx**2 + fy**2).sqrt(), torch.rad2deg(torch.atan2(fy, fx)) % 180
    bins = ((angle + 11.25) % 180 / 22.5).long()
    inside = (radius > 5) & (radius < 14)
    return torch.stack([power[:, inside & (bins == b)].mean(1) for b in range(8)], 1).view(n, 8)


def test_same_seed_same_images():
    a, b, c = shapes(130, 32, seed=5), shapes(130, 32, seed=5), shapes(130, 32, seed=6)
    assert torch.equal(a[0], b[0]) and torch.equal(a[1], b[1])
    assert (a[0] != c[0]).float().mean() > 0.9, "another seed draws other images"


def test_the_label_is_the_direction_of_the_stripes():
    grey = ShapeFactors(colour="off", noise=0.0)
    images, labels = shapes(128, 64, seed=1, factors=grey)
    found = spectrum(images).argmax(1)
    assert (found == labels).float().mean() > 0.88, (found == labels).float().mean()


def test_a_local_texture_has_no_direction_and_a_shared_one_has():
    def peak(mode):
        label = "colour" if mode == "local" else "texture"
        factors = ShapeFactors(
            texture=mode, colour="shared" if mode == "local" else "off", label=label, noise=0.0
        )
        s = spectrum(shapes(64, 64, seed=2, factors=factors)[0])
        return (s.max(1).values / s.mean(1)).mean()

    assert peak("shared") > 2 * peak("local"), (peak("shared"), peak("local"))


def test_a_shared_colour_is_one_hue_and_its_label_names_it():
    factors = ShapeFactors(colour="shared", label="colour", noise=0.0)
    images, labels = shapes(120, 32, seed=3, factors=factors)
    contrast = images.float().std((2, 3))  # (n, 3): the channel of the hue swings the most
    for name, channel in (("red", 0), ("green", 1), ("blue", 2)):
        rows = labels == HUES.index(name)
        assert rows.any() and (contrast[rows].argmax(1) == channel).all(), name
    local = shapes(120, 32, seed=3, factors=ShapeFactors(noise=0.0))[0].float().std((2, 3))
    assert local.std(1).mean() < contrast.std(1).mean() / 3, "local colours leave no channel ahead"


def test_factors_that_are_off_do_not_vary():
    fixed = ShapeFactors(colour="off", shape="off", size="off", place="off", noise=0.0)
    images, _ = shapes(8, 48, seed=4, factors=fixed)
    assert (images[:, 0] == images[:, 1]).all() and (images[:, 1] == images[:, 2]).all(), "grey"
    flat = ShapeFactors(texture="off", colour="shared", label="colour", noise=0.0)
    images, labels = shapes(64, 32, seed=4, factors=flat)
    assert images.float().std((2, 3)).max() == 0, "no texture, one colour: a flat image"
    assert len({tuple(i[:, 0, 0].tolist()) for i in images}) == len(labels.unique())


def test_shape_is_visible_and_named():
    factors = ShapeFactors(shape="shared", colour="local", texture="off", label="shape", noise=0.0)
    images, labels = shapes(150, 64, seed=5, factors=factors)
    step = (images[:, 0, :, 1:] != images[:, 0, :, :-1]).float()  # where a row crosses an outline
    straight = (step[:, 1:] * step[:, :-1]).mean((1, 2)) / step.mean((1, 2))  # outlines that run down
    square, others = labels == CLASSES["shape"].index("square"), labels != CLASSES["shape"].index("square")
    assert straight[square].min() > straight[others].max(), (straight[square].min(), straight[others].max())


def test_a_shared_light_tints_the_whole_image_and_a_local_one_each_leaf():
    def spread(mode):
        images = shapes(40, 64, seed=8, factors=ShapeFactors(light=mode, noise=0.0))[0].float()
        return images.mean((2, 3)).std(0).mean()  # of the images' mean colours

    off, local, shared = (spread(mode) for mode in ("off", "local", "shared"))
    assert shared > 20 > 2 * local and local > off, (off, local, shared)


def test_nothing_simple_gives_the_label_away():
    images, labels = shapes(800, 48, seed=6)
    counts = labels.bincount(minlength=8)
    assert counts.min() > 70 and counts.max() < 130, counts
    colour = images.float().mean((2, 3))  # (n, 3)
    means = torch.stack([colour[labels == c].mean(0) for c in range(8)])
    standard_error = colour.std(0) / 100**0.5
    assert ((means - colour.mean(0)).abs() < 4 * standard_error).all(), means


def test_any_size():
    images, _ = shapes(3, (40, 72), seed=7)
    assert images.shape == (3, 3, 40, 72) and images.float().std((2, 3)).min() > 20


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"colour": "bright"}, "colour must be one of shared, local, off"),
        ({"place": "shared"}, "place must be one of local, off"),
        ({"label": "colour"}, 'set colour="shared"'),
        ({"label": "noise"}, "label must be one of texture, colour, shape"),
        ({"noise": -0.1}, "noise must be from 0 to 1"),
    ],
)
def test_impossible_factors_are_refused(values, words):
    with pytest.raises(ValueError, match=words):
        ShapeFactors(**values)
