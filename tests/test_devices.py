"""A training step on another device than the CPU, tested here on a machine that has none.

Fake tensors know their device, shape and type but hold no numbers, and an operation on tensors of two
devices is an error. So a forgotten `.to(device)` fails here. The other device is "meta": on fake "cuda"
tensors, autograd asks for a driver. Not seen: indices on the CPU for a table on the device, and what needs
numbers (the check of the positions at another resolution).

1. A whole step runs there, by the very pieces that training uses: masks drawn on the CPU, images augmented
   on the device, loss by groups, gradients, clipping, AdamW, moving average.
2. All that it makes lies on that device; stages and attention maps too.
3. All but the gradient's own computation runs on fake "cuda" as well: loss, clipping, fused AdamW, average.
4. This test can fail: masks, images or a network that were left on the CPU are refused.
"""

import contextlib

import pytest
import torch
from packaging.version import Version
from torch._subclasses import FakeTensorMode
from torch.nn.utils import clip_grad_norm_

from jepa_lite.augment import augment
from jepa_lite.config import Config, MaskConfig, ModelConfig, TrainConfig
from jepa_lite.data import normalize
from jepa_lite.masking import sample_masks
from jepa_lite.optimizer import make_optimizer
from jepa_lite.train import make_model

DEVICE = torch.device("meta")
TRAIN = TrainConfig(steps=2, flip=True, groups=3)


@contextlib.contextmanager
def fake_tensors():
    """Inside, all tensors are fake; what was made outside becomes fake when it is used or moved."""
    before = torch.__future__.get_overwrite_module_params_on_conversion()
    torch.__future__.set_overwrite_module_params_on_conversion(
        True
    )  # a real parameter cannot hold a fake tensor
    try:
        with FakeTensorMode(allow_non_fake_inputs=True):
            yield
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(before)


def model_and_groups(**fields):
    """A model, and masks of 6 images in groups, on the CPU."""
    sizes = {"image_size": (20, 28), "width": 24, "depth": 2, "heads": 3, "predictor_width": 16}
    config = Config(ModelConfig(**(sizes | fields)), MaskConfig(num_targets=3), TRAIN)
    masks = sample_masks(config.model.grid, 6, config.masks, torch.Generator().manual_seed(0))
    assert masks.padded
    return make_model(config.model), masks.groups(TRAIN.groups)


def step(model, groups, *, images_on=DEVICE, masks_on=DEVICE):
    """One step of training inside `fake_tensors`; returns the optimizer and the loss."""
    optimizer = make_optimizer(model, TRAIN, DEVICE)
    images = torch.zeros(6, 3, 20, 28, dtype=torch.uint8, device=images_on)
    images = augment(normalize(images), TRAIN, torch.Generator().manual_seed(0))
    target_map, total = model.targets(images), torch.zeros((), device=DEVICE)
    for rows, part in groups:
        part, rows = part.to(masks_on), rows.to(DEVICE)
        loss = model.loss(images[rows], part, target_map[rows]) * (len(rows) / len(images))
        loss.backward()
        total += loss.detach()
    clip_grad_norm_([p for p in model.parameters() if p.requires_grad], TRAIN.clip_grad)
    optimizer.step()
    optimizer.zero_grad()
    model.update_target(0.99)
    return optimizer, total


def devices(tensors):
    return {tensor.device for tensor in tensors}


@pytest.mark.parametrize("fields", [
    {}, {"target_norm": "place", "loss": "l2"}, {"predictor_positions": "sincos"}, {"predicts": "pixels"},
], ids=["default", "place, l2", "sincos", "pixels"])  # fmt: skip
def test_a_training_step_stays_on_its_device(fields):
    model, groups = model_and_groups(**fields)
    with fake_tensors():
        optimizer, loss = step(model.to(DEVICE), groups)
        assert devices([loss, *model.state_dict().values()]) == {DEVICE}
        moments = [value for state in optimizer.state.values() for value in state.values() if value.ndim]
        assert len(moments) > 40 and devices(moments) == {DEVICE}


def test_what_is_shown_lies_on_the_device_too():
    encoder = model_and_groups()[0].target_encoder
    with fake_tensors():
        images = torch.zeros(2, 3, 20, 28, device=DEVICE)
        encoder.to(DEVICE)
        assert devices([encoder(images), encoder.attention_maps(images), *encoder.stages(images)]) == {DEVICE}


@pytest.mark.parametrize("left", ["masks_on", "images_on", "predictor", "target_encoder"])
def test_what_was_left_on_the_cpu_is_refused(left):
    model, groups = model_and_groups()
    with fake_tensors(), pytest.raises(RuntimeError, match=r"[Dd]evice"):
        for name, network in model.named_children():
            if name != left:
                network.to(DEVICE)
        step(model, groups, **({left: "cpu"} if left.endswith("_on") else {}))


@pytest.mark.skipif(
    Version(torch.__version__).release < (2, 15),
    reason="torch 2.6 asks for a driver as soon as fake CUDA is used",
)
def test_all_but_autograd_runs_on_fake_cuda():
    model, groups = model_and_groups()
    cuda = torch.device("cuda", 0)
    with fake_tensors(), torch.no_grad():
        model.to(cuda)
        images = augment(normalize(torch.zeros(6, 3, 20, 28, dtype=torch.uint8, device=cuda)), TRAIN)
        target_map = model.targets(images)
        losses = [model.loss(images[r.to(cuda)], part.to(cuda), target_map[r.to(cuda)]) for r, part in groups]
        assert devices(losses) == {cuda}
        optimizer = make_optimizer(model, TRAIN, cuda)
        trained = [p for p in model.parameters() if p.requires_grad]
        for parameter in trained:
            parameter.grad = torch.zeros_like(parameter)
        clip_grad_norm_(trained, TRAIN.clip_grad)
        optimizer.step()
        model.update_target(0.99)
        assert devices(model.state_dict().values()) == {cuda} and optimizer.defaults["fused"]
        with pytest.raises(RuntimeError, match=r"[Dd]evice"):
            model.loss(images, groups[0][1], target_map)  # its masks were left on the CPU
