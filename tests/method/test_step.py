"""Claims about one bare training step (jepa_lite/method/step.py).

1. It is the run's step: on the same images and draws it gives the same record and weights, but for rounding,
   because a run sorts the images of a batch by the size of their contexts.
2. It is the paper's: rates for the progress, a gradient scaled to the limit, AdamW, then the moving average.
   The limit is the config's, in a run too.
3. Only `update` changes weights, and the target encoder follows the encoder that has moved already.
"""

import dataclasses

import pytest
import torch

from jepa_lite import Run, normalize
from jepa_lite.baselines.pixel_target import make_model
from jepa_lite.config import Config, ModelConfig, TrainConfig
from jepa_lite.data.shapes import shapes
from jepa_lite.method.optim import make_optimizer
from jepa_lite.method.step import clip_gradient, train_step, update
from jepa_lite.randomness import generator_for

CONFIG = Config(
    ModelConfig(image_size=(32, 48), patch_size=8, width=32, depth=2, heads=2, predictor_width=16),
    train=TrainConfig(steps=5, batch_size=6, groups=1, lr=3e-3, crop_scale=(1.0, 1.0), momentum=(0.9, 0.97)),
)
PIXELS = shapes(24, (32, 48), seed=4)[0]


def fresh(config=CONFIG):
    model = make_model(config.model, config.train.seed)
    return model, make_optimizer(model, config.train, "cpu")


def test_it_is_the_step_of_a_run():
    run, (model, optimizer) = Run(CONFIG, PIXELS), fresh()
    for step in range(3):
        images, progress = normalize(PIXELS[run.batch_indices(step)]), run.progress
        generator = generator_for(CONFIG.train.seed, "batch", step)
        record = train_step(model, optimizer, images, CONFIG, progress, generator)
        theirs = run.train_step()
        assert record == pytest.approx({name: theirs[name] for name in record}, rel=1e-4), f"step {step}"
        pairs = zip(model.state_dict().values(), run.model.state_dict().values(), strict=True)
        off = torch.cat([(mine - other).flatten() for mine, other in pairs]).abs().mean().item()
        assert off < 0.01 * record["lr"], f"weights after step {step} are off by {off:.1e} on average"


def test_its_parts_do_what_they_say():
    model, optimizer = fresh()
    images = normalize(PIXELS[:6])
    before = {name: value.clone() for name, value in model.state_dict().items()}
    tight = dataclasses.replace(CONFIG, train=dataclasses.replace(CONFIG.train, clip_grad=1e-3))
    record = train_step(model, optimizer, images, tight, 0.5, torch.Generator().manual_seed(1))
    assert record["gradient"] > 1e-3, "the norm before it was scaled, or the limit bites nothing"
    assert record["momentum"] == pytest.approx(0.935) and optimizer.param_groups[0]["lr"] == record["lr"]
    after = model.state_dict()
    moved = [name for name in before if not torch.equal(before[name], after[name])]
    assert any(name.startswith("predictor") for name in moved)
    for name in [name for name in before if name.startswith("target_encoder.")]:
        encoder = after[name.replace("target_encoder.", "encoder.")]
        wanted = torch.lerp(before[name], encoder, 1 - record["momentum"])
        torch.testing.assert_close(after[name], wanted, rtol=0, atol=1e-7)


def bare(config):
    model, optimizer = fresh(config)
    images = normalize(PIXELS[: config.train.batch_size])
    record = train_step(model, optimizer, images, config, 0.0, torch.Generator().manual_seed(1))
    return optimizer, record["gradient"]


def of_a_run(config):
    run = Run(config, PIXELS)
    return run.optimizer, run.train_step()["gradient"]


@pytest.mark.parametrize("step", [bare, of_a_run])
@pytest.mark.parametrize("limit", [1e-3, 2e-2, 1e9])
def test_the_limit_of_the_gradient_is_the_configs(step, limit):
    train = dataclasses.replace(CONFIG.train, clip_grad=limit)
    optimizer, norm = step(dataclasses.replace(CONFIG, train=train))
    assert 2e-2 < norm < 1e9, "the two small limits bite, and the large one does not"
    moments = torch.cat([state["exp_avg"].flatten() for state in optimizer.state.values()])
    # AdamW's first average holds a tenth of the gradient after one step. (The weights hardly show its norm.)
    assert 10 * moments.norm().item() == pytest.approx(min(norm, limit), rel=1e-4)


def test_a_gradient_is_scaled_to_the_limit_and_no_further():
    model, _ = fresh()
    weights = [p for p in model.parameters() if p.requires_grad]
    for p in weights:
        p.grad = torch.ones_like(p)
    norm = sum(p.numel() for p in weights) ** 0.5
    assert clip_gradient(model, 2.0) == pytest.approx(norm, rel=1e-5)
    assert sum(p.grad.square().sum() for p in weights).sqrt().item() == pytest.approx(2.0, rel=1e-4)
    assert clip_gradient(model, 5.0) == pytest.approx(2.0, rel=1e-4)
    assert sum(p.grad.square().sum() for p in weights).sqrt().item() == pytest.approx(2.0, rel=1e-4)


def test_update_leaves_no_gradient():
    model, optimizer = fresh()
    model.encoder.embed.weight.grad = torch.ones_like(model.encoder.embed.weight)
    update(model, optimizer, 0.9)
    assert all(p.grad is None for p in model.parameters())
