"""Claims about the embedding of whitened patches (jepa_lite/additions/whitened_patches.py).

1. What the trained layer reads is white: no correlation between pixels, equal variance.
2. Both maps together are one linear map, and its gradient is that of a linear layer behind a fixed whitening.
3. It is fitted once, before the first step, to images from all over the set; both encoders get the same.
4. It travels with the weights: a saved model reads patches as it did.
"""

import dataclasses

import pytest
import torch
import torch.nn.functional as F

from jepa_lite import Run
from jepa_lite.additions.whitened_patches import WhitenedLinear, fit_whitening
from jepa_lite.config import Config, ModelConfig, TrainConfig
from jepa_lite.data.images import normalize
from jepa_lite.data.shapes import shapes
from jepa_lite.method.patches import patchify
from jepa_lite.training.checkpoints import load_encoder, load_model, save

CONFIG = Config(
    ModelConfig(image_size=32, patch_size=4, width=32, depth=1, heads=2, predictor_width=16,
                patch_embedding="whitened"),
    train=TrainConfig(steps=3, batch_size=16, crop_scale=(1.0, 1.0)),
)  # fmt: skip
PIXELS = shapes(300, 32, seed=2)[0]


def fitted():
    layer, patches = WhitenedLinear(48, 32), patchify(normalize(PIXELS), 4).flatten(0, 1)
    layer.fit(patches)
    return layer, patches


def test_what_the_trained_layer_reads_is_white():
    layer, patches = fitted()
    white = ((patches - layer.mean) @ layer.whitening.T).double()
    covariance = white.T.cov(correction=0)
    off, raw = covariance - covariance.diag().diag(), patches.T.corrcoef()
    assert white.mean(0).abs().max() < 1e-4
    assert off.abs().max() < 0.5 * (raw - raw.diag().diag()).abs().max()
    # Directions above the floor have variance 1: of the mean eigenvalue, a hundredth was added to each.
    values = torch.linalg.eigvalsh(covariance)
    assert values.max() < 1 + 1e-3 and values.max() > 0.9


def test_it_is_a_linear_layer_behind_a_fixed_map():
    layer, patches = fitted()
    x = patches[:50].clone()
    expected = F.linear((x - layer.mean) @ layer.whitening.T, layer.weight, layer.bias)
    torch.testing.assert_close(layer(x), expected, rtol=1e-3, atol=1e-3)
    wanted = torch.autograd.grad(expected.square().sum(), layer.weight)[0]
    found = torch.autograd.grad(layer(x).square().sum(), layer.weight)[0]
    torch.testing.assert_close(found, wanted, rtol=1e-2, atol=1e-2 * wanted.abs().max().item())
    assert {name for name, _ in layer.named_parameters()} == {"weight", "bias"}, "the whitening is trained"


def test_a_run_fits_both_encoders_before_its_first_step():
    run = Run(CONFIG, PIXELS)
    ours, theirs = run.model.encoder.embed, run.model.target_encoder.embed
    assert (
        ours.fitted and torch.equal(ours.whitening, theirs.whitening) and torch.equal(ours.mean, theirs.mean)
    )
    before = ours.whitening.clone()
    for _ in run.steps():
        pass
    assert torch.equal(before, ours.whitening) and torch.equal(before, theirs.whitening), "it was trained"
    assert not torch.equal(ours.weight, theirs.weight)


def test_it_sees_images_from_all_over_the_set():
    dark_first = torch.cat([torch.zeros_like(PIXELS).repeat(9, 1, 1, 1), PIXELS])
    whitening = Run(CONFIG, dark_first).model.encoder.embed
    assert whitening.mean.std() > 0.01, "only the first images were looked at, which are all black"


def test_a_fitted_encoder_is_left_alone_and_a_plain_one_asks_for_nothing():
    run = Run(CONFIG, PIXELS)
    plain = dataclasses.replace(CONFIG.model, patch_embedding="linear")
    for model in (run.model, Run(dataclasses.replace(CONFIG, model=plain), PIXELS).model):
        fit_whitening(model, lambda count: pytest.fail("images were asked for"))


def test_it_travels_with_the_weights(tmp_path):
    run = Run(CONFIG, PIXELS)
    save(tmp_path, run.model, CONFIG)
    images = normalize(PIXELS[:4])
    with torch.no_grad():
        assert torch.equal(load_model(tmp_path)[0].encoder(images), run.model.encoder(images))
        assert torch.equal(load_encoder(tmp_path)[0](images), run.model.target_encoder(images))
