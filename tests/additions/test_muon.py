"""Claims about the optimiser "muon" (jepa_lite/additions/muon.py).

1. Muon gets the matrices within blocks and nothing else; AdamW gets the rest, each parameter once.
2. Muon's step moves every direction of a matrix by about the same amount, whatever the gradient's spectrum.
3. Rates reach both, and what must not decay does not.
4. A run that was stopped and resumed is the run that never stopped, bit for bit.
"""

import dataclasses

import pytest
import torch

from jepa_lite import Run
from jepa_lite.baselines.pixel_target import make_model
from jepa_lite.config import Config, ModelConfig, TrainConfig
from jepa_lite.data.shapes import shapes
from jepa_lite.method.optim import make_optimizer, set_rates
from jepa_lite.training.checkpoints import load_model, load_state, save

CONFIG = Config(
    ModelConfig(image_size=32, patch_size=8, width=32, depth=2, heads=2, predictor_width=16),
    train=TrainConfig(steps=6, batch_size=8, groups=2, optimizer="muon", lr=1e-2, weight_decay=(0.1, 0.3)),
)
PIXELS = shapes(24, 32, seed=2)[0]


def test_muon_gets_the_matrices_within_blocks():
    model = make_model(CONFIG.model)
    optimizer = make_optimizer(model, CONFIG.train, "cpu")
    names = {id(p): name for name, p in model.named_parameters()}
    muon = {names[id(p)] for p in optimizer.parts["muon"].param_groups[0]["params"]}
    parts = ("attn.qkv.weight", "attn.proj.weight", "mlp.fc1.weight", "mlp.fc2.weight")
    depths = {"encoder": CONFIG.model.depth, "predictor": CONFIG.model.predictor_depth}
    assert muon == {
        f"{net}.blocks.{i}.{part}" for net in depths for i in range(depths[net]) for part in parts
    }
    given = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(given) == sorted(id(p) for p in model.parameters() if p.requires_grad), (
        "lost or given twice"
    )


def test_every_direction_of_a_matrix_moves_alike():
    model = make_model(CONFIG.model)
    weight = model.encoder.blocks[0].mlp.fc1.weight  # (128, 32)
    moved = {}
    for name in ("muon", "adamw"):
        train = dataclasses.replace(CONFIG.train, optimizer=name, weight_decay=(0.0, 0.0))
        copy = make_model(CONFIG.model)
        optimizer = make_optimizer(copy, train, "cpu")
        for p in copy.parameters():
            p.grad = torch.zeros_like(p)
        one, rest = torch.linalg.qr(torch.randn(128, 32, generator=torch.Generator().manual_seed(0)))
        spectrum = torch.logspace(0, -2, 32)
        mine = copy.encoder.blocks[0].mlp.fc1.weight
        mine.grad = (one * spectrum) @ rest
        optimizer.step()
        moved[name] = torch.linalg.svdvals((mine - weight).detach())
    ratio = {name: (s[0] / s[-1]).item() for name, s in moved.items()}
    assert ratio["muon"] < 2.5 < 5 < ratio["adamw"], f"largest over smallest movement: {ratio}"
    rms = moved["muon"].square().sum().sqrt() / weight.numel() ** 0.5 / CONFIG.train.lr
    assert 0.1 < rms < 0.5, f"a step of {rms} times the learning rate, where AdamW's has 0.2 to 0.4"


def test_rates_reach_both_and_vectors_never_decay():
    model = make_model(CONFIG.model)
    optimizer = make_optimizer(model, CONFIG.train, "cpu")
    rates = set_rates(optimizer, CONFIG.train, 0.5)
    assert [group["lr"] for group in optimizer.param_groups] == [rates["lr"]] * 3
    assert rates["weight_decay"] == pytest.approx(0.2)
    assert [g["weight_decay"] for g in optimizer.param_groups] == [rates["weight_decay"]] * 2 + [0.0]
    last = {id(p) for p in optimizer.param_groups[-1]["params"]}
    flat = [p for n, p in model.named_parameters() if p.requires_grad and (p.ndim < 2 or "positions" in n)]
    assert last == {id(p) for p in flat}


def test_a_resumed_run_is_the_run_that_never_stopped(tmp_path):
    whole, part = Run(CONFIG, PIXELS), Run(CONFIG, PIXELS)
    for _ in whole.steps():
        pass
    for record in part.steps():
        if record["step"] == 3:
            break
    save(tmp_path, part.model, CONFIG, part.state())
    again = Run(CONFIG, PIXELS, model=load_model(tmp_path)[0])
    again.load_state(load_state(tmp_path))
    for _ in again.steps():
        pass
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name]), name
