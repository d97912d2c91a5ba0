"""Images in any form, wherever one is taken (image_forms.py), and numbers of NumPy wherever one is.

1. A tensor, a numpy array with channels first or last, a PIL image and a list of these are one and the same
   image: for `Run`, `features`, `pixels`, `tokens`, `normalize`, `explain`, the figures and the widgets.
2. What is no image is refused in one sentence that says what an image is, and what was given.
3. Nothing is copied of a batch that needs no change, and a read-only array makes no warning.
4. A list of unlike images names the first that differs; floats beyond 0 to 1 are no picture.
5. Sizes, counts, seeds and rates of numpy are taken wherever Python's are, and saved as JSON.
6. Probes take features and labels as arrays and lists.
7. Encoders of half precision give features, attention, predictions and explanations.
8. No message of a command names a setting that it does not have.
"""

import json
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from jepa_lite import cli
from jepa_lite.baselines.pixel_target import make_model
from jepa_lite.baselines.switches import Switches
from jepa_lite.config import Config, MaskConfig, ModelConfig, TrainConfig
from jepa_lite.data import Images, find_image, load, normalize
from jepa_lite.data.image_forms import bytes_of, many_images, one_image
from jepa_lite.data.shapes import shapes
from jepa_lite.evaluation.comparison import table_of_controls
from jepa_lite.evaluation.probes import features, knn, linear, pixels, random_encoder, tokens
from jepa_lite.figures.encoder import attention, pca_features
from jepa_lite.figures.masks import masks as draw
from jepa_lite.figures.report import explain
from jepa_lite.method.masks import sample_masks
from jepa_lite.training.run import Run
from jepa_lite.widgets import AttentionExplorer, MaskExplorer, PredictionExplorer
from jepa_lite.widgets.collapse_run import lab_run
from jepa_lite.widgets.standalone_page import explorer_page

MODEL = ModelConfig(image_size=(16, 24), width=16, depth=2, heads=2, predictor_width=8, predictor_heads=2)
CONFIG = Config(MODEL, train=TrainConfig(steps=2, batch_size=8))
BATCH = torch.randint(0, 256, (9, 3, 16, 24), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
LAST = BATCH.permute(0, 2, 3, 1)  # (n, H, W, C)
FORMS = {
    "array": BATCH.numpy(),
    "channels last": LAST.numpy(),
    "tensor, channels last": LAST,
    "PIL": [Image.fromarray(image) for image in LAST.numpy()],
    "list of arrays": list(LAST.numpy()),
    "tuple of tensors": tuple(BATCH),
    "alpha": np.concatenate([LAST.numpy(), np.full((9, 16, 24, 1), 7, np.uint8)], -1),
    "data set": Images(BATCH, [0] * 9, ("a",), "mine"),
    "backwards in memory": BATCH.numpy()[::-1].copy()[::-1],
}


@pytest.fixture(scope="module")
def model():
    return make_model(MODEL, 1).eval()


def generator():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_batch_is_the_batch(form, model):
    images = FORMS[form]
    assert torch.equal(many_images(images), BATCH)
    assert torch.equal(normalize(images), normalize(BATCH))
    assert torch.equal(features(model.encoder, images), features(model.encoder, BATCH))
    assert torch.equal(tokens(model.encoder, images), tokens(model.encoder, BATCH))
    assert torch.equal(pixels(images), pixels(BATCH))
    assert torch.equal(Run(CONFIG, images).source.images, BATCH)
    made = Images(images, [0] * 9, ("a",), "mine")
    assert torch.equal(made.images, BATCH)
    assert made != Images(images, [0] * 9, ("a",), "mine"), "two data sets are compared pixel by pixel"
    assert (
        PredictionExplorer(model, images, hole=(1, 1)).sprite
        == PredictionExplorer(model, BATCH, hole=(1, 1)).sprite
    )
    maps = torch.zeros(9, 24, 16)
    told = [pca_features(x, maps, (4, 6)).alt_text for x in (images, BATCH)]
    assert told[0] == told[1]


def test_a_run_on_arrays_is_the_run_on_tensors():
    losses = [[r["loss"] for r in Run(CONFIG, x).steps()] for x in (BATCH, LAST.numpy())]
    assert losses[0] == losses[1]


ONE = {
    "array": BATCH[0].numpy(),
    "channels last": LAST[0].numpy(),
    "PIL": Image.fromarray(LAST[0].numpy()),
    "alpha": Image.fromarray(LAST[0].numpy()).convert("RGBA"),
    "floats": BATCH[0].numpy() / 255,
    "half": (BATCH[0].double() / 255).half(),
}


@pytest.mark.parametrize("form", ONE)
def test_every_form_of_an_image_is_the_image(form, model):
    image = ONE[form]
    assert torch.equal(bytes_of(image), BATCH[0])
    assert torch.equal(find_image(image, (16, 24)), BATCH[0])
    assert MaskExplorer(image, (4, 6), 4).photo == MaskExplorer(BATCH[0], (4, 6), 4).photo
    encoder = model.target_encoder
    assert AttentionExplorer(encoder, image).photo == AttentionExplorer(encoder, BATCH[0]).photo
    assert explain(model, image, generator()).alt_text == explain(model, BATCH[0], generator()).alt_text
    masks = sample_masks((4, 6), 1, MaskConfig(), generator())
    shown = [draw(x, masks).axes[0].images[0].get_array() for x in (image, BATCH[0] / 255)]
    assert np.allclose(*shown, atol=1e-3)
    maps = torch.rand(2, 2, 24, 24)
    shown = [attention(x, maps, (4, 6), 3).axes[0].images[0].get_array() for x in (image, BATCH[0] / 255)]
    assert np.allclose(*shown, atol=1e-3)


def test_grey_images_are_images():
    grey = BATCH[0, :1]
    for image in (
        grey,
        grey[0],
        grey[0].numpy(),
        grey[0, :, :, None].numpy(),
        Image.fromarray(grey[0].numpy()),
    ):
        assert torch.equal(find_image(image, (16, 24)), grey.expand(3, -1, -1))


def test_nothing_is_copied_and_nothing_is_warned_of():
    assert many_images(BATCH) is BATCH
    array = BATCH.numpy().copy()
    array.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert many_images(array).data_ptr() == array.ctypes.data


@pytest.mark.parametrize("image, error", [
    ("words", "a PIL image, not str"),
    ([[1, 2], [3, 4]], "a PIL image, not list"),
    (None, "not NoneType"),
    (np.array([["a"]]), "not ndarray of <U1"),
    (np.zeros((16, 24, 3), complex), "uint8 from 0 to 255, or floats, not complex128"),
    (np.zeros((16, 24, 3), int), "uint8 from 0 to 255, or floats, not int64"),
    (np.zeros((2, 3, 16, 24), np.uint8), r"must be \(3, H, W\) or \(H, W, 3\), not \(2, 3, 16, 24\)"),
])  # fmt: skip
def test_what_is_no_image_is_told_what_one_is(image, error):
    with pytest.raises(ValueError, match=error) as refusal:
        one_image(image)
    assert "\n" not in str(refusal.value)


def test_batches_that_will_not_do(model):
    for take in (lambda x: Run(CONFIG, x), lambda x: features(model.encoder, x), normalize):
        with pytest.raises(ValueError, match=r"images must be \(n, 3, H, W\).*not \(3, 16, 24\)"):
            take(BATCH[0].numpy())
        with pytest.raises(ValueError, match="uint8 from 0 to 255, or floats, not int32"):
            take(BATCH.numpy().astype(np.int32))
        with pytest.raises(
            ValueError, match="image 2 is 3 x 8 x 24 of uint8 and image 0 is 3 x 16 x 24 of uint8"
        ):
            take([BATCH[0].numpy(), LAST[1].numpy(), BATCH[2, :, :8].numpy()])
    with pytest.raises(ValueError, match=r"images must be uint8 from 0 to 255, not torch.float64"):
        Run(CONFIG, BATCH.numpy() / 255)


@pytest.mark.parametrize("image", [BATCH[0].float(), normalize(BATCH)[0], torch.full((3, 8, 8), torch.nan)])
def test_floats_beyond_0_to_1_are_no_picture(image):
    with pytest.raises(ValueError, match=r"a float image go from 0 to 1, not from .* to "):
        find_image(image, (8, 8))


def test_numbers_of_numpy_are_numbers():
    size, n = np.int64(16), np.int32(3)
    theirs = Config(
        ModelConfig(
            image_size=np.array([16, 24]), depth=n, mlp_ratio=np.float32(1.5), width=torch.tensor(32)
        ),
        MaskConfig(num_targets=n, target_scale=np.array([0.125, 0.25])),
        TrainConfig(steps=n, lr=np.float32(0.25), flip=np.bool_(True), crop_scale=(np.float64(0.5), 1)),
    )
    ours = Config(
        ModelConfig(image_size=(16, 24), depth=3, mlp_ratio=1.5, width=32),
        MaskConfig(num_targets=3, target_scale=(0.125, 0.25)),
        TrainConfig(steps=3, lr=0.25, flip=True, crop_scale=(0.5, 1)),
    )
    assert theirs == ours and json.dumps(theirs.to_dict()) == json.dumps(ours.to_dict())
    assert ModelConfig(image_size=size).image_size == (16, 16)
    with pytest.raises(ValueError, match=r"depth must be at least 1 and whole, not 2.5"):
        ModelConfig(depth=np.float64(2.5))
    for image_size in (size, np.array([16, 16]), (size, size)):
        for name in ("shapes", "photos"):
            found = load(name, image_size=image_size, limit=np.int64(4), seed=np.int64(2))
            assert torch.equal(found.images, load(name, image_size=16, limit=4, seed=2).images)
        assert torch.equal(shapes(np.int64(2), image_size, seed=n)[0], shapes(2, 16, seed=3)[0])
    masks = [
        sample_masks(g, b, MaskConfig(), generator())
        for g, b in (((8, 8), 4), ((np.int64(8),) * 2, np.int64(4)))
    ]
    assert torch.equal(masks[0].target_idx, masks[1].target_idx)
    widget = MaskExplorer("cat", (np.int64(8), np.int64(6)), np.int64(8), batch=n, seed=n)
    assert (
        json.dumps([widget.rows, widget.columns, widget.patch, widget.seed, widget.drawn])
        and widget.seed == 3
    )
    assert torch.equal(random_encoder(MODEL, n).embed.weight, random_encoder(MODEL, 3).embed.weight)
    assert explorer_page(grid=np.array([8, 8]), patch_size=np.int64(8), draws=np.int64(1))
    assert lab_run(Switches(), seed=n, steps=n).total_steps == 3
    found = features(random_encoder(MODEL, n), BATCH, batch=np.int64(4), last=np.int64(2))
    assert torch.equal(found, features(random_encoder(MODEL, 3), BATCH, last=2, batch=4))
    json.dumps(
        AttentionExplorer(random_encoder(MODEL, 3), patch=n, layers=[np.int64(1)]).get_state(
            ["patch", "layers"]
        )
    )


def test_probes_take_arrays_and_lists():
    x, y = torch.randn(60, 5, generator=generator()), torch.arange(60) % 3
    x[:, 0] += 4 * y
    for probe in (knn, linear):
        wanted = probe(x[:40], y[:40], x[40:], y[40:])
        found = probe(x[:40].numpy(), y[:40].numpy(), x[40:].numpy(), y[40:].tolist())
        assert found == wanted > 0.6
    assert knn(x[:40], y[:40], x[40:], y[40:], k=np.int64(5)) > 0.6
    sets = [
        Images(LAST[rows].numpy(), np.arange(len(BATCH[rows])) % 2, ("a", "b"), "mine")
        for rows in (slice(6), slice(6, 9))
    ]
    assert table_of_controls(MODEL, {}, *sets, seed=0, k=2)[0]["name"] == "chance"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_encoders_of_half_precision(dtype, model):
    half = make_model(MODEL, 1).to(dtype)
    for x in (BATCH, normalize(BATCH)):
        for last in (1, 2):
            found, wanted = features(half.encoder, x, last=last), features(model.encoder, x, last=last)
            assert found.dtype == torch.float32 and (found - wanted).abs().max() < 0.05
    assert tokens(half.encoder, BATCH).dtype == torch.float32
    maps = [AttentionExplorer(m.target_encoder, BATCH[0])._maps for m in (half, model)]
    assert (maps[0] - maps[1]).abs().max() < 0.01
    assert PredictionExplorer(half, BATCH, hole=(1, 1)).nearest
    assert "Predictions" in explain(half, BATCH[0], generator()).alt_text


def test_messages_name_only_what_the_command_has(tmp_path):
    few = [
        Images(BATCH[rows], torch.arange(len(BATCH[rows])) % 2, ("a", "b"), "mine")
        for rows in (slice(6), slice(6, 9))
    ]
    with pytest.raises(ValueError, match=r"needs at least 20 training images, not 6; use more of them$"):
        table_of_controls(MODEL, {}, *few, seed=0)
    for call in (explorer_page, lambda **grid: cli.explorer(tmp_path / "a.html", **grid)):
        with pytest.raises(ValueError, match=r"3 x 3 grid.*; give a larger grid$") as refusal:
            call(grid=(3, 3))
        assert "min_keep;" not in str(refusal.value) and "use a smaller" not in str(refusal.value)
