"""A training step on another device than the CPU, tested here on a machine that has none.

Fake tensors know their device, shape and type but hold no numbers, and an operation on tensors of two
devices is an error. So a forgotten `.to(device)` fails here. The other device is "meta": on fake "cuda"
tensors, autograd asks for a driver. Not seen: indices on the CPU for a table on the device, and what needs
numbers (the check of the positions at another resolution).

1. A whole step runs there, by the very pieces that training uses: masks drawn on the CPU, images augmented
   on the device, loss by groups, gradients, clipping, AdamW, moving average.
2. All that it makes lies on that device; stages and attention maps too.
3. All but the gradient's own computation runs on fake "cuda" as well: loss, clipping, fused AdamW, average.
4. `Run.train_step` itself, as it is, runs on fake CUDA, in single and in half precision, from images in
   memory, on the GPU or read from files. Only three things that no fake has are replaced: numbers that are
   read back (`item`), PyTorch's autograd engine, and CUDA's clock.
5. This test can fail: masks, images or a network that were left on the CPU are refused.
"""

import contextlib
from dataclasses import replace
from types import MappingProxyType

import pytest
import torch
from packaging.version import Version
from torch._subclasses import FakeTensor, FakeTensorMode
from torch._subclasses.fake_tensor import unset_fake_temporarily
from torch.nn.utils import clip_grad_norm_

from jepa_lite.config import Config, MaskConfig, ModelConfig, TrainConfig
from jepa_lite.data import normalize
from jepa_lite.data.augment import augment
from jepa_lite.data.readers import Files
from jepa_lite.method.masks import Masks, sample_masks
from jepa_lite.method.optim import make_optimizer
from jepa_lite.training import run as run_module
from jepa_lite.training.run import Run, make_model

DEVICE = torch.device("meta")
old_torch = pytest.mark.skipif(
    Version(torch.__version__).release < (2, 14), reason="torch 2.6 needs a driver as soon as CUDA is faked"
)
TRAIN = TrainConfig(steps=2, flip=True, groups=3, clip_grad=3.0)
ADDITIONS = {"target_norm": "whiten", "patch_embedding": "whitened"}


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


def step(model, groups, *, images_on=DEVICE, masks_on=DEVICE, optimizer="adamw"):
    """One step of training inside `fake_tensors`; returns the optimizer and the loss."""
    optimizer = make_optimizer(model, replace(TRAIN, optimizer=optimizer), DEVICE)
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


@pytest.mark.parametrize(("fields", "optimizer"), [
    ({}, "adamw"), ({"target_norm": "place", "loss": "l2"}, "adamw"),
    ({"predictor_positions": "sincos"}, "adamw"), ({"predicts": "pixels"}, "adamw"),
    ({"target_norm": "whiten"}, "adamw"), ({"patch_embedding": "whitened"}, "adamw"),
    ({}, "muon"),
], ids=["default", "place, l2", "sincos", "pixels", "whiten", "whitened patches", "muon"])  # fmt: skip
def test_a_training_step_stays_on_its_device(fields, optimizer):
    model, groups = model_and_groups(**fields)
    with fake_tensors():
        optimizer, loss = step(model.to(DEVICE), groups, optimizer=optimizer)
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


@old_torch
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


# --- the loop's own step on fake CUDA -------------------------------------------------------------------


class Event:
    """CUDA's clock: the second look is always 5 ms after the first."""

    def __init__(self, enable_timing):
        assert enable_timing

    def record(self, stream):
        pass

    def elapsed_time(self, other):
        return 5.0


@pytest.fixture
def pretend_cuda(monkeypatch):
    """What a fake tensor cannot do, done without numbers; returns the memory that the GPU says it has."""
    memory = [10**12]
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (memory[0], memory[0]))
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: None)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
    monkeypatch.setattr(torch.cuda.amp.common, "amp_definitely_not_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_: True)
    for name in ("item", "__float__"):
        real = getattr(torch.Tensor, name)
        pretend = lambda self, real=real: 0.5 if isinstance(self, FakeTensor) else real(self)  # noqa: E731
        monkeypatch.setattr(torch.Tensor, name, pretend)
    for name, draw in (("sample_masks", run_module.sample_masks), ("_order", run_module._order.__wrapped__)):
        monkeypatch.setattr(run_module, name, really(draw))
    monkeypatch.setattr(Masks, "groups", really(Masks.groups))
    # On the CPU, before the network moves, and after a look at numbers.
    monkeypatch.setattr(run_module, "fit_whitening", lambda model, sample: None)
    monkeypatch.setattr(run_module, "count_tokens", really(run_module.count_tokens))
    return memory


def really(draw):
    """Draw outside the fake mode: masks and orders are made on the CPU, of real numbers."""

    def drawn(*args):
        with unset_fake_temporarily():
            return draw(*args)

    return drawn


def fake_run(device, images, monkeypatch, fields=MappingProxyType({}), **settings):
    """A `Run` on a fake device; on CUDA its backward only leaves gradients where autograd would."""
    model = ModelConfig((20, 28), width=24, depth=2, heads=3, predictor_width=16, **fields)
    config = Config(model, MaskConfig(num_targets=3), replace(TRAIN, batch_size=6, **settings))
    with unset_fake_temporarily():
        network = make_model(model)
    run = Run(config, images, device, network)
    if torch.device(device).type == "cuda":

        def backward(loss):
            assert loss.device == torch.device(device) and loss.requires_grad
            for parameter in run.model.parameters():
                if parameter.requires_grad:
                    parameter.grad = torch.zeros_like(parameter)

        monkeypatch.setattr(torch.Tensor, "backward", backward)
    return run


@old_torch
@pytest.mark.parametrize("amp", [False, True], ids=["single", "half"])
@pytest.mark.parametrize("source", ["on the GPU", "in memory", "files"])
@pytest.mark.parametrize(("fields", "optimizer"), [
    ({}, "adamw"), ({"target_norm": "place"}, "adamw"), (ADDITIONS, "muon"),
], ids=["default", "place", "additions"])  # fmt: skip
def test_the_loops_own_step_runs_on_fake_cuda(
    pretend_cuda, monkeypatch, tmp_path, source, amp, fields, optimizer
):
    images, pinned = torch.zeros(8, 3, 20, 28, dtype=torch.uint8), []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: pinned.append(self.device.type) or self)
    if source == "files":
        images = Files(tmp_path, [f"{i}.png" for i in range(8)], (20, 28), (0.3, 1.0), workers=0)
        monkeypatch.setattr(Files, "read", lambda self, step, idx: torch.zeros(len(idx), 3, 20, 28).byte())
        monkeypatch.setattr(Files, "batches", lambda self, orders: (self.read(*order) for order in orders))
    elif source == "in memory":
        pretend_cuda[0] = 4 * images.nbytes  # a quarter of which it would take, and that is too much
    torch.backends.cuda.enable_cudnn_sdp(True)
    with fake_tensors():
        run = fake_run("cuda:0", images, monkeypatch, fields, amp=amp, optimizer=optimizer)
        seen, precisions = [], set()
        run.model.register_forward_hook(lambda *call: seen.extend([call[1][0], call[2]]))
        fc1 = run.model.encoder.blocks[0].mlp.fc1
        fc1.register_forward_hook(lambda *call: precisions.add(call[2].dtype))
        record = run.train_step()
        cuda = torch.device("cuda", 0)
        assert devices([*run.model.state_dict().values(), *seen]) == {cuda}
        moments = [value for state in run.optimizer.state.values() for value in state.values() if value.ndim]
        assert len(moments) > 40 and devices(moments) == {cuda}
        assert precisions == {torch.bfloat16 if amp else torch.float32}
        assert all(group["fused"] for group in run.optimizer.param_groups if "betas" in group)
        if source != "files":
            assert run.source.images.device.type == ("cuda" if source == "on the GPU" else "cpu")
    assert not torch.backends.cuda.cudnn_sdp_enabled(), "it would plan anew for the sizes of every batch"
    assert pinned == (["cpu"] if source == "in memory" else []), "only what lies on the host is pinned"
    assert record["seconds_forward"] == pytest.approx(3 * 0.005) and record["step"] == 1
    assert record["tokens"] > 6 * 3 * 30 and 0 < record["padding"] < 0.5


@old_torch
def test_the_loops_own_step_can_fail_on_fake_cuda(pretend_cuda, monkeypatch):
    images = torch.zeros(8, 3, 20, 28, dtype=torch.uint8)
    monkeypatch.setattr(Masks, "to", lambda self, device: self)
    with fake_tensors(), pytest.raises(RuntimeError, match=r"[Dd]evice"):
        fake_run("cuda:0", images, monkeypatch).train_step()


def test_the_loops_own_step_runs_with_autograd_on_another_device(pretend_cuda, monkeypatch):
    images = torch.zeros(8, 3, 20, 28, dtype=torch.uint8)
    with fake_tensors():
        run = fake_run("meta", images, monkeypatch)
        run.train_step()
        assert devices(run.model.state_dict().values()) == {DEVICE} and run.step == 1
