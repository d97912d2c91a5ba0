"""Claims about one real GPU. A machine without one skips them, and so does CI.

1. Some steps on the GPU give the losses, the weights and the measures of the CPU, up to rounding: the paper's
   settings, targets normed by place, and the two presets for a laptop, with Muon.
2. Half precision learns, in bfloat16, with losses near those of single precision.
3. Images held on the GPU, pinned in main memory or read from files by workers make equal batches.
4. A run that was stopped ends as one that was not, up to rounding; bit for bit with deterministic algorithms.
   Its checkpoint opens on the CPU, and the run can go on there.
5. Features are those of the CPU; fused attention under a padding mask is the explicit softmax, gradients too.
6. `--device auto` takes the GPU, `plan` measures on it, and full memory of a GPU is one sentence.
7. DistributedDataParallel over NCCL, with a single process, trains as a process without.
8. A compiled loss trains as the uncompiled one.
"""

import contextlib
import gc
import json
import os

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read once; deterministic algorithms need it

import pytest
import torch
import torch.distributed as dist
from test_resume import SETTINGS, make_pictures

from jepa_lite import cli
from jepa_lite.data import readers
from jepa_lite.data.image_files import read_image
from jepa_lite.evaluation.probes import features
from jepa_lite.method.vit import Attention, _weights
from jepa_lite.presets import preset
from jepa_lite.system.distributed import averaging
from jepa_lite.training.checkpoints import load_model
from jepa_lite.training.pretrain import recorded, run_in
from jepa_lite.training.run import Run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU that PyTorch can use"),
]
PRESETS = {"paper": "vit-b16", "place": "cifar10", "whiten, Muon": "laptop", "mimetic, Muon": "demo"}
SMALL = {
    "model.image_size": (24, 40), "model.patch_size": 4, "model.width": 32, "model.depth": 2,
    "model.heads": 4, "model.predictor_width": 16, "model.predictor_depth": 2, "model.predictor_heads": 2,
    "train.steps": 6, "train.epochs": None, "train.seconds": None, "train.batch_size": 24,
    "train.groups": 3, "train.amp": False, "train.stream": False, "train.log_every": 3,
}  # fmt: skip
# Between two devices, as a share of how far training moves the weights. Muon rounds to bfloat16 within.
ROUNDING = {"adamw": 0.02, "muon": 0.05}


@pytest.fixture(scope="module")
def images():
    """Blurred noise of many brightnesses, uint8 (60, 3, 24, 40)."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(60, 3, 6, 10, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, (24, 40), mode="bilinear")
    return (255 * smooth * torch.rand(60, 1, 1, 1, generator=generator)).byte()


@pytest.fixture
def device():
    return "cuda"


def config(name="paper", **train):
    return preset(PRESETS[name]).with_values(SMALL | {f"train.{key}": value for key, value in train.items()})


def weights(run):
    """The weights of encoder, predictor and target encoder as one vector, on the CPU."""
    return torch.cat([p.detach().flatten().cpu() for p in run.model.parameters()])


def trained(config, images, device):
    """(run, its losses) after all of its steps."""
    run = Run(config, images, device)
    return run, [record["loss"] for record in run.steps()]


def apart(run, other, config, images):
    """How far two runs' weights are from each other, as a share of how far those of `other` have moved."""
    start = weights(Run(config, images))
    return float((weights(run) - weights(other)).norm() / (weights(other) - start).norm())


@pytest.mark.parametrize("name", PRESETS)
def test_a_gpu_trains_as_the_cpu(name, device, images):
    here, losses = trained(config(name), images, "cpu")
    there, found = trained(config(name), images, device)
    assert {p.device.type for p in there.model.state_dict().values()} == {device}
    assert found == pytest.approx(losses, rel=1e-3)
    distance = apart(there, here, config(name), images)
    assert distance < ROUNDING[config(name).train.optimizer], f"the weights are {distance:.1%} apart"
    assert there.measures() == pytest.approx(here.measures(), rel=0.02, abs=0.01)


@pytest.mark.parametrize("name", ["paper", "whiten, Muon"])
def test_half_precision_trains(name, device, images):
    _, losses = trained(config(name), images, device)
    run, precisions = Run(config(name, amp=True), images, device), set()
    run.model.encoder.blocks[0].mlp.fc1.register_forward_hook(lambda *call: precisions.add(call[2].dtype))
    found = [run.train_step()["loss"] for _ in losses]
    assert precisions == {torch.bfloat16} and found != losses
    assert found == pytest.approx(losses, rel=0.05)
    assert {p.dtype for p in run.model.parameters()} == {torch.float32}


def test_batches_do_not_depend_on_where_images_lie(device, tmp_path, monkeypatch):
    root = make_pictures(tmp_path)
    paths = [str(p.relative_to(root)) for p in sorted(root.glob("*/*.png")) if p.name != "06.png"]
    images = torch.stack([torch.as_tensor(read_image(root / path, (24, 40))) for path in paths])
    kinds = {"on the GPU": images, "files": readers.Files(root, paths, (24, 40), workers=2)}
    runs = {kind: Run(config(batch_size=9), held, device) for kind, held in kinds.items()}
    monkeypatch.setattr(readers, "ON_GPU", 0)
    runs["pinned"] = Run(config(batch_size=9), images, device)
    batches, losses = {}, {}
    for kind, run in runs.items():
        read = list(run.source.batches([(step, run.batch_indices(step)) for step in range(3)]))
        assert all(x.is_cuda if kind == "on the GPU" else x.is_pinned() for x in read)
        batches[kind] = torch.stack([run.batch(step, x)[0] for step, x in enumerate(read)])
        losses[kind] = [run.train_step()["loss"] for _ in range(3)]  # reading ahead, copies under way
        run._reader = None
        assert torch.equal(batches[kind], batches["on the GPU"])
        assert losses[kind] == pytest.approx(losses["on the GPU"], rel=1e-4)


@pytest.mark.parametrize("exactly", [False, True], ids=["as it is", "deterministic"])
@pytest.mark.parametrize("name", ["paper", "whiten, Muon"])
def test_a_stopped_run_goes_on(name, exactly, device, images, tmp_path):
    torch.use_deterministic_algorithms(exactly)
    try:
        whole, _ = trained(config(name), images, device)
        stopped = run_in(tmp_path, config(name), images, device)
        with contextlib.closing(recorded(stopped, tmp_path)) as records:
            for record in records:
                if record["step"] == 3:
                    break
        model, _ = load_model(tmp_path)
        assert all(torch.equal(w, stopped.model.state_dict()[n].cpu()) for n, w in model.state_dict().items())
        on_cpu = run_in(tmp_path, config(name), images, "cpu")
        resumed = run_in(tmp_path, config(name), images, device)
        for run in (on_cpu, resumed):
            assert run.step == 3 and len(list(run.steps())) == 3
    finally:
        torch.use_deterministic_algorithms(False)
    if exactly:
        assert torch.equal(weights(resumed), weights(whole))
    for run in (on_cpu, resumed):
        assert apart(run, whole, config(name), images) < ROUNDING[config(name).train.optimizer]


def test_features_are_those_of_the_cpu(device, images):
    encoder = Run(config("whiten, Muon"), images).model.target_encoder
    here, there = (features(encoder, images, last=2, device=place) for place in ("cpu", device))
    assert encoder.positions.device.type == device and here.std() > 0.05
    torch.testing.assert_close(there, here, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16], ids=["single", "half"])
@pytest.mark.parametrize("last", [0, 7])
def test_fused_attention_is_the_softmax(precision, last, device):
    generator = torch.Generator().manual_seed(0)
    attention = Attention(96, 3).to(device, precision)
    x = torch.randn(5, 131, 96, generator=generator).to(device, precision).requires_grad_()
    keep = torch.rand(5, 131, generator=generator) < 0.7
    keep[:, -7:] = True
    assert len(set(keep.sum(1).tolist())) > 1
    keep, results = keep.to(device), []

    def explicit(attention, x, keep, last):
        q, k, v = attention._heads(x)
        y = _weights(q[:, :, -last:], k, keep[:, None, None, :]) @ v
        return attention.proj(y.transpose(1, 2).flatten(2))

    for computed in (Attention.forward, explicit):
        y = computed(attention, x, keep, last)
        results.append([y.detach(), *torch.autograd.grad(y.square().sum(), [x, *attention.parameters()])])
    for fused, plain in zip(*results, strict=True):
        error = (fused - plain).abs().max() / plain.abs().max()
        assert error < (1e-4 if precision is torch.float32 else 0.05)


def pretrain(tmp_path, *settings):
    root = tmp_path / "pictures" if (tmp_path / "pictures").exists() else make_pictures(tmp_path)
    words = ["pretrain", "--preset", "demo", "--data", "folder", "--root", root, "--out", tmp_path / "run"]
    cli.main([*map(str, words), "--set", *SETTINGS, "train.steps=4", "train.save_every=600", *settings])


def test_auto_takes_the_gpu(device, tmp_path, capsys):
    pretrain(tmp_path)
    facts = json.loads((tmp_path / "run/run.json").read_text())
    assert facts["machine"]["device"] == torch.cuda.get_device_name()
    cli.main(["plan", "--preset", "demo", "--seconds", "0.5"])
    said = capsys.readouterr().out
    assert "4 steps in" in said and "time, estimated" in said and "No GPU" not in said


WHOLE = ("train.batch_size=39", "train.groups=1")  # all pictures at once


def test_a_full_gpu_is_one_sentence(device, tmp_path, capsys):
    gc.collect()
    torch.cuda.empty_cache()
    room = torch.cuda.memory_reserved() + 2**26
    torch.cuda.set_per_process_memory_fraction(room / torch.cuda.get_device_properties(0).total_memory)
    try:
        with pytest.raises(SystemExit) as end:  # a layer's tokens of all images take 38 MB
            pretrain(tmp_path, "model.patch_size=1", "model.width=64", *WHOLE)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert end.value.code == 2 and "out of memory (another" in said and "lower train.batch_size" in said


@pytest.mark.parametrize("name", ["paper", "whiten, Muon"])
def test_nccl_with_one_process_changes_nothing(name, device, images):
    alone, losses = trained(config(name), images, device)
    dist.init_process_group("cpu:gloo,cuda:nccl", store=dist.HashStore(), rank=0, world_size=1)
    try:
        run = Run(config(name), images, device)
        run.loss = averaging(run.model)
        found = [record["loss"] for record in run.steps()]
        assert apart(run, alone, config(name), images) < ROUNDING[config(name).train.optimizer]
    finally:
        run = None
        gc.collect()
        dist.destroy_process_group()
    assert found == pytest.approx(losses, rel=1e-3)


def test_a_compiled_loss_trains_as_the_other(device, images):
    few = config(steps=4, groups=1).with_values({"model.depth": 1, "model.predictor_depth": 1})
    plain, losses = trained(few, images, device)
    compiled, found = trained(few.with_values({"train.compile": True}), images, device)
    assert type(compiled.loss).__name__ == "OptimizedModule" and found == pytest.approx(losses, rel=1e-3)
    assert apart(compiled, plain, few, images) < ROUNDING["adamw"]
