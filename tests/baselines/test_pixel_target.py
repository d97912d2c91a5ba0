"""What is claimed of the pixel baseline, and tested here.

1. A target is the patch's own pixels, C then rows, to mean 0 and standard deviation 1 (computed by hand).
2. A flat patch has target 0: nothing is divided by nothing.
3. From the same seed, its encoders start from the very weights of `IJEPA`'s.
4. Its targets do not hang on the network; its prediction comes from the context alone.
5. It learns, and its moving average moves.
"""

import dataclasses

import pytest
import torch

from jepa_lite.baselines.pixel_target import PixelBaseline
from jepa_lite.config import MaskConfig, ModelConfig
from jepa_lite.method.masks import sample_masks
from jepa_lite.method.patches import patchify, unpatchify
from jepa_lite.training.run import make_model

CONFIG = ModelConfig(
    image_size=(15, 21),
    patch_size=3,
    width=24,
    depth=2,
    heads=3,
    predictor_width=16,
    predicts="pixels",
)  # 5 x 7


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def masks_for(batch):
    return sample_masks(CONFIG.grid, batch, MaskConfig(num_targets=3), torch.Generator().manual_seed(0))


def test_targets_are_the_pixels_of_each_patch_normalised_by_hand():
    images = 40 * drawn(2, 3, 15, 21) + 7
    targets = make_model(CONFIG).targets(images)
    assert targets.shape == (2, 35, 27)
    for b, row, column in [(0, 0, 0), (1, 4, 6), (0, 2, 5), (1, 3, 0)]:
        pixels = [
            images[b, c, 3 * row + y, 3 * column + x].item()
            for c in range(3)
            for y in range(3)
            for x in range(3)
        ]
        mean = sum(pixels) / 27
        std = (sum((p - mean) ** 2 for p in pixels) / 26) ** 0.5
        expected = torch.tensor([(p - mean) / (std + 1e-3) for p in pixels])
        worst = (targets[b, 7 * row + column] - expected).abs().max()
        assert worst < 1e-4, f"image {b}, patch ({row}, {column}): {worst:.2e}"


def test_a_flat_patch_has_target_zero():
    targets = make_model(CONFIG).targets(torch.full((1, 3, 15, 21), 0.7))
    assert targets.abs().max() < 1e-2, f"{targets.abs().max():.2e}"


def test_the_same_seed_gives_the_baseline_the_same_start():
    baseline, ijepa = (
        make_model(CONFIG, seed=6),
        make_model(dataclasses.replace(CONFIG, predicts="latents"), seed=6),
    )
    assert type(baseline) is PixelBaseline and type(ijepa) is not PixelBaseline
    ours, theirs = baseline.state_dict(), ijepa.state_dict()
    assert ours.keys() == theirs.keys()
    for name in ours:
        if not name.startswith("predictor"):
            assert torch.equal(ours[name], theirs[name]), name
    assert ours["predictor.proj.weight"].shape == (27, 16)


def test_targets_do_not_hang_on_the_network_nor_predictions_on_the_targets():
    images, masks = drawn(3, 3, 15, 21), masks_for(3)
    baseline, other = make_model(CONFIG, seed=1), make_model(CONFIG, seed=2)
    assert torch.equal(baseline.targets(images), other.targets(images))
    context = masks.context_idx.where(masks.context_keep, masks.context_idx[:, :1])[..., None].expand(
        -1, -1, 27
    )
    noise = drawn(3, 35, 27, seed=9).scatter(1, context, 0.0)  # everywhere but in the context
    changed = unpatchify(patchify(images, 3) + noise, 3, CONFIG.grid)
    assert torch.equal(baseline.predict(images, masks), baseline.predict(changed, masks)), "the targets leak"


def test_the_loss_compares_each_answer_with_its_own_patch():
    images, masks, baseline = drawn(3, 3, 15, 21), masks_for(3), make_model(CONFIG, seed=1)
    answers, targets = baseline.predict(images, masks), baseline.targets(images)
    off = [
        (answers[b, m, t] - targets[b, place]).abs()
        for b in range(3)
        for m, block in enumerate(masks.target_idx[b].tolist())
        for t, place in enumerate(block)
    ]
    off = torch.stack(off)
    plain = torch.where(off < 1, off**2 / 2, off - 0.5).mean().item()
    assert baseline.loss(images, masks).item() == pytest.approx(plain, rel=1e-5)


def test_it_learns_and_its_moving_average_moves():
    ramp = torch.linspace(-1, 1, 21) * drawn(8, 3, 15, 1) + torch.linspace(-1, 1, 15)[:, None] * drawn(
        8, 3, 1, 21
    )
    baseline, masks = make_model(CONFIG, seed=1), masks_for(8)
    before = baseline.target_encoder.embed.weight.clone()
    optimizer = torch.optim.AdamW([p for p in baseline.parameters() if p.requires_grad], lr=3e-3)
    losses = []
    for _ in range(40):
        loss = baseline.loss(ramp, masks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        baseline.update_target(0.9)
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0], f"from {losses[0]:.3f} to {losses[-1]:.3f}"
    assert (baseline.target_encoder.embed.weight - before).abs().max() > 1e-3
