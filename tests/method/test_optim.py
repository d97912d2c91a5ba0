"""What is claimed of the schedules, and tested here.

1. Learning rate: `start_lr * lr` at the start, `lr` when the warm-up ends, `final_lr * lr` at the end, and
   the closed forms between: a line up, then half a cosine down, without a jump.
2. Weight decay and momentum run from their first value to their second, each on a line.
3. Each only rises or only falls where it should, and stays at its last value if a run goes on too long.
4. Warm-up of none or all of the run is no special case.
5. AdamW's averages forget at the config's betas.
"""

import dataclasses
import itertools
import math

import pytest
import torch

from jepa_lite.config import TrainConfig
from jepa_lite.method import optim

CONFIG = TrainConfig(
    lr=3e-3, warmup=0.2, start_lr=0.1, final_lr=0.01, weight_decay=(0.04, 0.4), momentum=(0.97, 0.999)
)
GRID = [i / 997 for i in range(998)]


def test_the_learning_rate_has_its_closed_form():
    for progress, expected in [
        (0.0, 0.1),
        (0.05, 0.1 + 0.9 * 0.25),
        (0.1, 0.55),
        (0.2, 1.0),
        (0.4, 0.01 + 0.99 * (1 + math.cos(math.pi / 4)) / 2),
        (0.6, 0.505),
        (1.0, 0.01),
    ]:
        assert optim.learning_rate(CONFIG, progress) == pytest.approx(3e-3 * expected, rel=1e-12), progress


def test_the_learning_rate_rises_then_falls_without_a_jump():
    rates = [optim.learning_rate(CONFIG, p) for p in GRID]
    peak = rates.index(max(rates))
    assert GRID[peak] == pytest.approx(0.2, abs=2e-3)
    assert all(a < b for a, b in itertools.pairwise(rates[: peak + 1])), "the warm-up falls"
    assert all(a > b for a, b in itertools.pairwise(rates[peak:])), "the decay rises"
    jump = max(abs(a - b) for a, b in itertools.pairwise(rates))
    assert jump < 0.01 * 3e-3, f"a jump of {jump:.2e}"


def test_weight_decay_and_momentum_rise_on_a_line():
    for progress in (0.0, 0.25, 0.5, 1.0):
        assert optim.weight_decay(CONFIG, progress) == pytest.approx(0.04 + 0.36 * progress, rel=1e-12), (
            progress
        )
        assert optim.momentum(CONFIG, progress) == pytest.approx(0.97 + 0.029 * progress, rel=1e-12), progress


@pytest.mark.parametrize("name", ["learning_rate", "weight_decay", "momentum"])
def test_a_run_that_goes_on_too_long_stays_at_the_last_value(name):
    schedule = getattr(optim, name)
    assert schedule(CONFIG, 1.7) == schedule(CONFIG, 1.0)


def test_equal_ends_mean_a_constant():
    constant = TrainConfig(weight_decay=(0.07, 0.07), momentum=(0.98, 0.98))
    for progress in GRID[::100]:
        assert optim.weight_decay(constant, progress) == pytest.approx(0.07, rel=1e-12)
        assert optim.momentum(constant, progress) == pytest.approx(0.98, rel=1e-12)


def test_warm_up_of_none_or_all_of_the_run():
    none, whole = TrainConfig(lr=2.0, warmup=0.0, final_lr=0.5), TrainConfig(lr=2.0, warmup=1.0, start_lr=0.5)
    assert [optim.learning_rate(none, p) for p in (0.0, 0.5, 1.0)] == pytest.approx([2.0, 1.5, 1.0])
    assert [optim.learning_rate(whole, p) for p in (0.0, 0.5, 1.0)] == pytest.approx([1.0, 1.5, 2.0])


@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.8, 0.95)])
def test_adamws_averages_forget_at_the_configs_betas(betas):
    model = torch.nn.Linear(3, 2)
    optimizer = optim.make_optimizer(model, dataclasses.replace(CONFIG, betas=betas), "cpu")
    for slope in (2.0, -3.0):
        for p in model.parameters():
            p.grad = torch.full_like(p, slope)
        optimizer.step()
    for p in model.parameters():
        first, second = (optimizer.state[p][name].unique().tolist() for name in ("exp_avg", "exp_avg_sq"))
        assert first == pytest.approx([(1 - betas[0]) * (betas[0] * 2 - 3)])
        assert second == pytest.approx([(1 - betas[1]) * (betas[1] * 4 + 9)])
