"""What is claimed of `jepa-lite plan`, and tested here.

1. The number of steps is the real run's, also with fewer images than a batch; a limit of seconds cuts it.
2. The estimate of a small run is near what the run then takes: by ratio, alternating, so that whatever else
   the machine does hits both.
3. A network that memory or time has no room for is measured as a thin slice, in smaller batches, and the
   plan says so; what does not grow with the batch is not scaled by it.
4. The command prints the table, says when there is no GPU, and gives the command for one with its flags.
5. Bad input is one sentence and exit status 2.
"""

import re
import statistics
import time
from dataclasses import replace

import pytest
import torch
from test_cli import command

from jepa_lite.config import Config, MaskConfig, ModelConfig, TrainConfig
from jepa_lite.training import cost, plan
from jepa_lite.training.run import Run

pytestmark = pytest.mark.slow

SMALL = Config(
    ModelConfig(image_size=(24, 32), width=48, depth=2, heads=3, predictor_width=24),
    MaskConfig(context_scale=(0.4, 0.6)),
    TrainConfig(steps=12, batch_size=48, log_every=4),
)


def pixels(count, size=(24, 32)):
    return torch.randint(0, 256, (count, 3, *size), dtype=torch.uint8, generator=torch.Generator())


def trained(steps=None, epochs=None, seconds=None, **fields):
    return replace(SMALL.train, steps=steps, epochs=epochs, seconds=seconds, **fields)


@pytest.mark.parametrize(
    ("train", "images"),
    [
        (trained(steps=7), 100),
        (trained(epochs=3), 100),
        (trained(epochs=2.4), 130),
        (trained(steps=9, epochs=5), 100),
        (trained(steps=11, epochs=5), 100),
        (trained(epochs=4), 17),
    ],
)
def test_the_number_of_steps_is_the_runs(train, images):
    run = Run(replace(SMALL, train=train), pixels(images))
    assert plan.total_steps(train, images) == run.total_steps
    found = plan.plan(replace(SMALL, train=train), images, seconds=0.01)
    assert (found.steps, found.batch, found.images) == (run.total_steps, run.batch_size, images)
    assert found.seconds == pytest.approx(found.steps * found.step_seconds) and not found.limited


def test_a_limit_of_seconds_is_the_smaller():
    only = plan.plan(replace(SMALL, train=trained(seconds=100.0)), 100, seconds=0.01)
    assert only.seconds == 100 and only.steps == pytest.approx(100 / only.step_seconds, abs=1)
    both = plan.plan(replace(SMALL, train=trained(steps=10**6, seconds=100.0)), 100, seconds=0.01)
    assert both.seconds == 100 and both.steps < 10**6 and both.limited
    short = plan.plan(replace(SMALL, train=trained(steps=2, seconds=1000.0)), 100, seconds=0.01)
    assert short.steps == 2 and short.seconds < 1000 and not short.limited


def test_the_estimate_is_near_the_run():
    ratios = []
    for _ in range(3):
        estimate = plan.plan(SMALL, 300, seconds=1.0)
        started = time.perf_counter()
        steps = len(list(Run(SMALL, pixels(300)).steps()))
        ratios.append(estimate.seconds / (time.perf_counter() - started))
        assert steps == estimate.steps
    assert 0.4 < statistics.median(ratios) < 2.5, ratios


def timing(config, images=100, device="cpu", seconds=0.5):
    return plan.plan(config, images, device, seconds).timing


def test_what_has_no_room_is_measured_as_a_thin_slice(monkeypatch):
    whole = timing(SMALL, seconds=4.0)  # time enough also on a busy machine
    assert not whole.thin and whole.batch >= 8
    built, make = [], plan.Run
    monkeypatch.setattr(plan, "Run", lambda config, *rest: built.append(config) or make(config, *rest))
    monkeypatch.setattr(plan, "memory_of", lambda device: 1000)
    thin = timing(SMALL)
    assert thin.thin and {(c.model.depth, c.model.predictor_depth) for c in built} == {(1, 1)}
    assert 0.2 < thin.gradient / whole.gradient < 5, "scaled back to the whole network"
    draws = cost.draw_groups(SMALL, 48)
    half = sum(cost.static_memory(SMALL.model).values()) + cost.activation_bytes(SMALL, draws) // 2
    monkeypatch.setattr(plan, "memory_of", lambda device: 2 * half)  # half a micro-batch of eight
    part = timing(SMALL, seconds=4.0)
    assert not part.thin and part.batch == 4


def test_a_slice_keeps_the_proportions():
    for depth, predictor_depth, expected in ((12, 6, 2), (32, 12, 3), (4, 4, 1), (1, 3, 1)):
        part = plan._slice(replace(SMALL.model, depth=depth, predictor_depth=predictor_depth))
        assert part == replace(SMALL.model, depth=expected, predictor_depth=1)


def test_what_has_no_time_is_measured_in_smaller_batches():
    hurried = timing(SMALL, seconds=1e-4)
    assert hurried.thin and hurried.batch == plan.FEW
    patient = timing(SMALL)
    assert hurried.update < hurried.gradient / 4, "the update is not scaled by the batch"
    assert 0.1 < hurried.update / patient.update < 10


def test_the_update_and_the_measures_are_kept_apart(monkeypatch):
    """With a clock that costs a millisecond for every image of a gradient, two for an update."""
    monkeypatch.setattr(
        plan, "_timed_step", lambda run: (run.batch_size / 1000 + 0.002, 0.002, run.batch_size)
    )
    monkeypatch.setattr(plan, "_time_measures", lambda run: 0.003)
    monkeypatch.setattr(plan.cost, "tokens_read", lambda model, groups: sum(B for B, _ in groups[0]))
    found = plan.plan(SMALL, 100, seconds=4 * 0.051)
    whole = found.timing
    assert not whole.thin and whole.batch == 32, (
        "four times 8 take 40 ms of the 51 there are, four times 32 do not"
    )
    assert whole.update == 0.002
    assert whole.gradient == pytest.approx(0.048, rel=0.1), "FLOPs of a mean step are those of its images"
    assert found.step_seconds == pytest.approx(whole.gradient + 0.002 + whole.measures / 4)


# --- the command ----------------------------------------------------------------------------------


def test_the_command_prints_the_plan_and_the_way_to_a_gpu(capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    words = ["--preset", "cifar10", "--images", "1000", "--epochs", "3", "--seconds", "0.01"]
    status, out, err = command(
        capsys, "plan", *words, "--set", "model.depth=2", "masks.target_scale=[0.15,0.2]"
    )
    assert status == 0, err
    assert re.search(r"steps +3  3\.07 passes|steps +3  1\.54 passes", out), out
    for row in ("parameters", "tokens an image", "FLOPs a step", "memory", "time, estimated"):
        assert re.search(rf"^{row} +\d", out, re.M), row
    assert "a thin slice of the network" in out and "No GPU on this machine" in out
    flags = "--preset cifar10 --epochs 3.0 --set model.depth=2 'masks.target_scale=[0.15,0.2]'"
    assert f"    torchrun --nproc-per-node=N -m jepa_lite pretrain {flags}\n" in out
    assert re.search(r"An assumption, not a measurement: at 100 TFLOP/s .* GPU-hours", out)
    assert all(len(line) <= 120 for line in out.splitlines() if "torchrun" not in line)


def test_with_a_gpu_nothing_is_assumed(capsys, monkeypatch):
    found = plan.plan(SMALL, 100, seconds=0.01)
    monkeypatch.setattr(plan, "plan", lambda *_: found)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    status, out, _ = command(capsys, "plan", "--preset", "demo", "--device", "cpu")
    assert status == 0 and "GPU" not in out and re.search(r"steps +12 ", out)


def test_gpu_hours_are_plain_arithmetic():
    found = plan.plan(SMALL, 100, seconds=0.01)
    huge = replace(found, flops=1.8e15, steps=20_000)  # 18 s each at 100 TFLOP/s
    assert "100 GPU-hours" in plan.gpu_advice(huge, "--preset demo")
    assert "less than 0.01 GPU-hours" in plan.gpu_advice(found, "--preset demo")


def test_numbers_are_short():
    assert [plan._short(n, "B") for n in (0, 850, 27.04e6, 155e9, 1.899e15)] == [
        "0 B", "850 B", "27 MB", "155 GB", "1.9 PB",
    ]  # fmt: skip
    assert [plan._clock(s) for s in (0.5, 100, 150, 9000, 3e5, 1e9)] == [
        "500 ms", "100 s", "2.5 min", "2.5 h", "3.47 days", "31.7 years",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--preset", "vast"], "preset must be one of demo, laptop"),
        (["--images", "1"], "at least 2 images are needed to train on, not 1; give --images"),
        (["--seconds", "0"], "seconds must be above 0"),
        (["--seconds", "nan"], "seconds must be above 0"),
        (["--seconds", "inf"], "seconds must be above 0"),
        (["--set", "model.dept=3"], "no setting 'model.dept'"),
        (["--set", "train.epochs=None"], "nothing ends this run"),
        (["--minutes", "0"], "seconds must be a number above 0"),
        (["--device", "abacus"], "no device 'abacus'"),
    ],
)
def test_bad_input_is_one_sentence(words, sentence, capsys):
    status, out, err = command(capsys, "plan", *words)
    assert status == 2 and sentence in err and not out, err
    assert len(err.strip().splitlines()) == 1 and "Traceback" not in err
