"""What is claimed of the method, and tested here.

1. The loss equals a plain loop over images, blocks and patches written from the paper's definition, with
   smooth-L1 and L2, and every norm of the targets, "place" over the whole batch. An image's mean counts
   `target_image_mean` times in its targets.
2. Targets come from the whole image; the prediction comes from the context alone.
3. No gradient reaches the target encoder, and no optimiser moves it; context encoder and predictor get one.
4. `update_target` is the closed form of a moving average over parameters and buffers; 1 freezes, 0 copies.
5. Parts of a batch, weighted by their size, give the whole batch's loss and gradient.
6. Masks without padding give the same loss with and without the attention mask.
7. It learns: the loss falls on one batch. At the start, target and context encoder are one.
"""

import dataclasses

import pytest
import torch

from jepa_lite.config import MaskConfig, ModelConfig
from jepa_lite.method.ijepa import IJEPA
from jepa_lite.method.masks import sample_masks
from jepa_lite.method.patches import patchify, unpatchify
from jepa_lite.training.run import make_model

CONFIG = ModelConfig(
    image_size=(20, 28), patch_size=4, width=24, depth=2, heads=3, predictor_width=16
)  # 5 x 7
MASKS = MaskConfig(num_targets=3, context_scale=(0.5, 0.9))


def drawn(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def masks_for(batch, seed=0):
    masks = sample_masks(CONFIG.grid, batch, MASKS, torch.Generator().manual_seed(seed))
    assert masks.padded, "padding is part of what is tested"
    return masks


def model_with(**fields):
    """A model in float64 whose target encoder is not its context encoder."""
    model = make_model(dataclasses.replace(CONFIG, **fields), seed=1).double()
    other = make_model(CONFIG, seed=2).double()
    model.target_encoder.load_state_dict(other.encoder.state_dict())
    return model


def loss_by_the_definition(model, images, masks):
    """Image by image, block by block, patch by patch, value by value."""
    config = model.config
    tokens = model.target_encoder(images)  # (B, N, D)
    if config.target_norm == "layer":
        mean, variance = tokens.mean(-1, keepdim=True), tokens.var(-1, keepdim=True, correction=0)
        tokens = (tokens - mean) / (variance + 1e-5).sqrt()
    if config.target_norm == "place":
        mean, variance = tokens.mean(0, keepdim=True), tokens.var(0, keepdim=True, correction=0)
        tokens = (tokens - mean) / (variance.sqrt() + 1e-5)
    losses = []
    for b in range(len(images)):
        seen = masks.context_idx[b][masks.context_keep[b]][None]  # (1, K) of this image alone
        context = model.encoder(images[b : b + 1], seen)
        for block in masks.target_idx[b]:
            answers = model.predictor(context, seen, block[None, None])[0, 0]  # (T, D)
            for place, answer in zip(block.tolist(), answers, strict=True):
                off = (answer - tokens[b, place]).abs()
                smooth = torch.where(off < 1, off**2 / 2, off - 0.5)
                losses.append((smooth if config.loss == "smooth_l1" else off**2).mean())
    return torch.stack(losses).mean()


@pytest.mark.parametrize("loss", ["smooth_l1", "l2"])
@pytest.mark.parametrize("target_norm", ["layer", "place", "none"])
def test_the_loss_is_its_definition(loss, target_norm):
    model, images, masks = model_with(loss=loss, target_norm=target_norm), drawn(5, 3, 20, 28), masks_for(5)
    ours, plain = model.loss(images, masks), loss_by_the_definition(model, images, masks)
    assert ours.item() == pytest.approx(plain.item(), rel=1e-10)
    off = (model.targets(images)[:, :, None] - model.targets(images)[:, None]).abs()
    assert (off > 1).any() and (off < 1).any(), "both branches of smooth-L1 must occur"


def test_what_the_norms_promise():
    images = 3 * drawn(6, 3, 20, 28) + 0.5
    layer, place = (model_with(target_norm=norm).targets(images) for norm in ("layer", "place"))
    for tokens, axis in ((layer, -1), (place, 0)):
        assert tokens.mean(axis).abs().max() < 1e-6
        assert (tokens.var(axis, correction=0) - 1).abs().max() < 1e-3
    raw = model_with(target_norm="none")
    assert torch.equal(raw.targets(images), raw.target_encoder(images))


@pytest.mark.parametrize("factor", [0.0, 0.5, 4.0])
def test_the_mean_of_an_image_counts_as_often_as_it_is_told(factor):
    images = drawn(5, 3, 20, 28)
    tokens, changed = (
        model_with(target_norm="none", target_image_mean=f).targets(images) for f in (1.0, factor)
    )
    means, others = tokens.mean(1, keepdim=True), changed.mean(1, keepdim=True)
    torch.testing.assert_close(others, factor * means)
    torch.testing.assert_close(changed - others, tokens - means)


def change_outside(images, places):
    """The images with noise in every patch that is not among `places` (B, K)."""
    patches = patchify(images, 4)
    noise = drawn(*patches.shape, seed=9).scatter(1, places[..., None].expand(-1, -1, patches.shape[-1]), 0.0)
    return unpatchify(patches + noise, 4, CONFIG.grid)


def test_targets_come_from_the_whole_image_and_predictions_from_the_context_alone():
    model, images, masks = model_with(), drawn(4, 3, 20, 28), masks_for(4)
    padded_with = masks.context_idx.where(masks.context_keep, masks.context_idx[:, :1])
    changed = change_outside(images, padded_with)
    assert torch.equal(model.predict(images, masks), model.predict(changed, masks)), "the targets leak"
    elsewhere = change_outside(images, masks.target_idx.flatten(1))
    moved = (model.targets(images) - model.targets(elsewhere)).abs().amax(-1)  # (B, N)
    unmoved = int((moved.gather(1, masks.target_idx.flatten(1)) < 1e-9).sum())
    assert unmoved == 0, f"{unmoved} targets do not see the rest of their image"


def test_gradients_reach_context_encoder_and_predictor_alone():
    model, images = model_with(), drawn(4, 3, 20, 28)
    target_map = model.targets(images.clone().requires_grad_())
    assert not target_map.requires_grad and target_map.grad_fn is None
    model.loss(images, masks_for(4)).backward()
    for name, parameter in model.named_parameters():
        if name.startswith("target_encoder"):
            assert parameter.grad is None and not parameter.requires_grad, name
        else:
            assert parameter.grad is not None and parameter.grad.abs().max() > 0, f"{name} gets no gradient"


def test_no_optimiser_moves_the_target_encoder():
    model, images, masks = model_with(), drawn(4, 3, 20, 28), masks_for(4)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.5)  # all that it can find
    model.loss(images, masks).backward()
    optimizer.step()
    for name, value in model.state_dict().items():
        still = name.startswith("target_encoder") or name == "encoder.positions"
        assert torch.equal(value, before[name]) == still, name


def test_the_moving_average_is_its_closed_form_over_parameters_and_buffers():
    model, start = model_with(), {}
    model.encoder.positions += 0.25  # a buffer that differs
    for name, value in model.target_encoder.state_dict().items():
        start[name] = value.clone()
    momenta = (0.9, 0.99, 0.5)
    for momentum in momenta:
        model.update_target(momentum)
    kept = 0.9 * 0.99 * 0.5
    for name, value in model.encoder.state_dict().items():
        expected = kept * start[name] + (1 - kept) * value
        worst = (model.target_encoder.state_dict()[name] - expected).abs().max()
        assert worst < 1e-12, f"{name} is off by {worst:.2e}"


def test_momentum_one_freezes_and_zero_copies():
    model = model_with()
    before = {name: value.clone() for name, value in model.target_encoder.state_dict().items()}
    model.update_target(1.0)
    assert all(torch.equal(v, before[n]) for n, v in model.target_encoder.state_dict().items())
    model.update_target(0.0)
    worst = max(
        (v - model.encoder.state_dict()[n]).abs().max() for n, v in model.target_encoder.state_dict().items()
    )
    assert worst < 1e-12, f"{worst:.2e}"
    assert all(not p.requires_grad for p in model.target_encoder.parameters())


@pytest.mark.parametrize("target_norm", ["layer", "place"])
def test_parts_of_a_batch_weighted_by_size_are_the_whole_batch(target_norm):
    images, masks = drawn(7, 3, 20, 28), masks_for(7)
    whole, parts = model_with(target_norm=target_norm), model_with(target_norm=target_norm)
    loss = whole.loss(images, masks)
    loss.backward()
    total, target_map = 0.0, parts.targets(images)
    groups = masks.groups(3)
    assert [len(rows) for rows, _ in groups] == [3, 2, 2], "parts of unlike size"
    for rows, part in groups:
        share = parts.loss(images[rows], part, target_map[rows]) * (len(rows) / 7)
        share.backward()
        total += share.item()
    assert total == pytest.approx(loss.item(), rel=1e-12)
    for (name, p), q in zip(whole.named_parameters(), parts.parameters(), strict=True):
        if p.grad is not None:
            assert (p.grad - q.grad).abs().max() < 1e-12, name


def test_masks_without_padding_need_no_attention_mask():
    model, images = model_with(), drawn(7, 3, 20, 28)
    rows = masks_for(7).groups(7)[0][0]
    masks = masks_for(7).rows(rows)
    assert not masks.padded
    masked = dataclasses.replace(masks, padded=True)
    assert model.loss(images[rows], masks).item() == pytest.approx(
        model.loss(images[rows], masked).item(), rel=1e-12
    )


def test_at_the_start_target_and_context_encoder_are_one():
    model = make_model(CONFIG, seed=4)
    pairs = zip(model.encoder.parameters(), model.target_encoder.parameters(), strict=True)
    assert all(torch.equal(p, q) and p.data_ptr() != q.data_ptr() for p, q in pairs)


def test_calling_the_model_is_its_loss():
    model, images, masks = model_with(), drawn(3, 3, 20, 28), masks_for(3)
    assert model(images, masks).item() == model.loss(images, masks).item()


@pytest.mark.parametrize("positions", ["learned", "sincos"])
def test_it_learns(positions):
    model = make_model(dataclasses.replace(CONFIG, predictor_positions=positions), seed=1)
    images, masks = drawn(16, 3, 20, 28, dtype=torch.float32), masks_for(16)
    assert isinstance(model, IJEPA)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-3)
    losses = []
    for _ in range(40):
        loss = model.loss(images, masks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        model.update_target(0.999)
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0], f"from {losses[0]:.3f} to {losses[-1]:.3f}"
