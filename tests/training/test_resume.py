"""Claims about runs that are stopped, by whatever, and resumed. The processes, signals and files are real.

1. Killed at random moments, many times, by SIGKILL, SIGTERM or Ctrl-C, in a step, in a save, at the start:
   what comes out in the end is bit for bit a run that never stopped: weights, optimizer, log, probes.
2. SIGTERM ends a run after its step, saved, with one line and a shell's exit status. So does Ctrl-C.
3. A full disk, a dead loading worker, images that went away: one sentence that says what was saved and what
   to do; resumed, the run is again the one that never stopped.
4. A loss that is no number names step, images and last good checkpoint; broken weights are never saved.
5. Checkpoints take no more than a fiftieth of the time, however slow the disk.
"""

import json
import os
import random
import re
import signal
import sys
import time

import numpy as np
import pytest
import torch
from PIL import Image
from training_child import start

from jepa_lite.cli import configure
from jepa_lite.evaluation.measures import Diverged
from jepa_lite.training import run_log
from jepa_lite.training.checkpoints import load_model, load_state, newest
from jepa_lite.training.pretrain import pretrain
from jepa_lite.training.run import Run
from jepa_lite.training.run_log import Log, read_log

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has neither these signals nor limits"
)
slow = pytest.mark.slow  # what starts processes

STEPS = 40
SETTINGS = (
    "model.image_size=[24,40]", "model.patch_size=4", "model.width=16", "model.depth=1", "model.heads=2",
    "model.predictor_width=16", "model.predictor_depth=1", "model.predictor_heads=2",
    f"train.steps={STEPS}", "train.seconds=null", "train.batch_size=9", "train.groups=2", "train.log_every=5",
    "train.crop_scale=[0.4,1.0]", "train.flip=true", "train.optimizer=adamw", "train.probes=3",
    "train.save_every=0.02",
)  # fmt: skip
STREAM = ("train.stream=true", "train.workers=0")


def make_pictures(folder):
    """Two classes of 20 noisy pictures of several sizes, one of which is broken."""
    root, rng = folder / "pictures", np.random.default_rng(0)
    for name, centre in (("dark", 60), ("light", 190)):
        (root / name).mkdir(parents=True)
        for i in range(20):
            pixels = np.clip(rng.normal(centre, 30, (26 + i, 44 + 2 * i, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{i:02}.png")
    (root / "dark" / "06.png").write_bytes(b"broken")
    return root


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return make_pictures(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def unbroken(root, tmp_path_factory):
    """What a run with some settings leaves that never stops."""
    kept = {}

    def made(settings):
        if settings not in kept:
            out = tmp_path_factory.mktemp("unbroken") / "run"
            finish(out, root, settings)
            kept[settings] = outcome(out)
        return kept[settings]

    return made


def outcome(out):
    """All that must not depend on having been stopped."""
    checkpoint = newest(out)
    state = load_state(checkpoint)
    tensors = dict(load_model(checkpoint)[0].state_dict())
    for i, moments in state["optimizer"]["state"].items():
        tensors |= {f"{i}.{name}": value for name, value in moments.items()}
    log = [{k: v for k, v in r.items() if "second" not in k} for r in read_log(out)]
    plain = {key: state[key] for key in ("step", "watch", "images")}
    return {"tensors": tensors, "log": log, "state": plain}


def assert_same(found, expected):
    for a, b in zip(found["log"], expected["log"], strict=True):
        assert a == b, f"step {b['step']} of the log differs"
    assert found["state"] == expected["state"] and found["tensors"].keys() == expected["tensors"].keys()
    differing = [n for n, t in expected["tensors"].items() if not torch.equal(t, found["tensors"][n])]
    assert not differing, f"other bits in {differing[:5]}"


def said(error):
    """What the runs said in the end, without their progress bars."""
    return "\n".join(line for line in error.splitlines() if "jepa-lite:" in line or "Error" in line)


def steps_logged(out):
    log = out / "log.jsonl"
    return log.read_bytes().count(b"\n") if log.exists() else 0


def finish(out, root, settings):
    process = start(out, root, settings)
    process.join(120)
    assert process.exitcode == 0, (out.parent / f"{out.name}.err").read_text()[-2000:]


# 1 ---------------------------------------------------------------------------------------------------------


@slow
@pytest.mark.parametrize("trial", range(3))
def test_killed_at_random_moments_it_ends_as_if_it_had_never_stopped(root, unbroken, tmp_path, trial):
    settings = (*SETTINGS, *STREAM) if trial % 2 else SETTINGS
    expected, rng, kills = unbroken(settings), random.Random(trial), 0
    for attempt in range(9):  # on a busy machine a run may end before anybody has killed it often enough
        out = tmp_path / f"run {attempt}"
        ends = kill_at_random_moments(out, root, settings, rng)
        error = out.with_name(f"{out.name}.err").read_text()
        assert all(code in (0, -9, -15, -2, 1, 130, 143) for *_, code in ends), f"{ends}\n{said(error)}"
        if (kills := sum(code != 0 for *_, code in ends)) >= 4:
            break
    finish(out, root, settings)
    assert kills >= 4, f"too few kills to mean anything: {ends}"
    assert_same(outcome(out), expected)


def kill_at_random_moments(out, root, settings, rng):
    """Begin and go on with a run until it is done; returns [(steps, signal, exit status)] of its ends."""
    ends = []
    while len(ends) < 20 and steps_logged(out) < STEPS:
        process = start(out, root, settings)
        moment = steps_logged(out) + rng.choice([-1, 1, 2, 3, 5, 8])  # -1: while it starts
        while steps_logged(out) < moment and process.is_alive():
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.05))
        number = rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
        if process.is_alive():
            os.kill(process.pid, number)
        process.join(60)
        ends.append((steps_logged(out), number.name, process.exitcode))
    return ends


@slow
def test_the_claim_above_could_fail(root, unbroken, tmp_path):
    other = [s for s in SETTINGS if "crop_scale" not in s] + ["train.crop_scale=[0.5,1.0]"]
    finish(tmp_path / "run", root, tuple(other))
    with pytest.raises(AssertionError, match="step 1 of the log differs"):
        assert_same(outcome(tmp_path / "run"), unbroken(SETTINGS))


# 2 ---------------------------------------------------------------------------------------------------------


@slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_after_its_step_with_one_line(root, unbroken, tmp_path, number):
    out, settings = tmp_path / "run", (*SETTINGS[:-1], "train.save_every=600")
    process = start(out, root, settings)
    while not (out / "log.jsonl").exists() or not (out / "log.jsonl").read_bytes():
        time.sleep(0.01)
        assert process.is_alive(), (tmp_path / "run.err").read_text()
    os.kill(process.pid, number)
    process.join(60)
    error = (tmp_path / "run.err").read_text()
    said = re.findall(rf"jepa-lite: stopped by {number.name} after step (\d+), and saved; .*--resume", error)
    assert process.exitcode == 128 + number and len(said) == 1 and "Traceback" not in error, error
    step = int(said[0])
    assert 1 <= step < STEPS and load_state(out)["step"] == step == read_log(out)[-1]["step"]
    assert len(list(out.glob("checkpoint-*"))) == 2, "save_every was 600 seconds: the first, and the last"
    finish(out, root, settings)
    assert f"going on from {out / 'checkpoint-000002'}" in (tmp_path / "run.err").read_text()
    assert_same(outcome(out), unbroken(SETTINGS))


# 3 ---------------------------------------------------------------------------------------------------------


@slow
@pytest.mark.parametrize(
    ("accident", "extra", "sentence"),
    [
        ("fill_the_disk", (), r"cannot be written \(.*\); make room and go on with --resume: the last good "),
        (
            "kill_a_worker",
            ("train.stream=true", "train.workers=1"),
            "a process that reads images died .*, and --resume goes on",
        ),
        ("lose_the_images", STREAM, r"files in a row could not be read.*; is .*pictures still there\?"),
    ],
)
def test_an_accident_costs_one_sentence_and_no_bit(root, unbroken, tmp_path, accident, extra, sentence):
    settings, out = (*SETTINGS, *extra), tmp_path / "run"
    process = start(out, root, settings, at_step=17, accident=accident)
    process.join(120)
    if accident == "lose_the_images":
        root.with_name("pictures.away").rename(root)
    error = (tmp_path / "run.err").read_text()
    assert process.exitcode == 2 and re.search(f"jepa-lite: .*{sentence}", error), error[-2000:]
    assert "Traceback" not in error, error
    assert 0 < load_state(newest(out))["step"] < STEPS
    finish(out, root, settings)
    streamed = (*SETTINGS, *STREAM)  # the number of workers changes no bit
    assert_same(outcome(out), unbroken(streamed if extra else SETTINGS))


def test_other_images_are_not_taken_for_the_same(root, tmp_path):
    config = configure("demo", None, None, None, 0, (*SETTINGS, *STREAM))

    def stop(record):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), pytest.warns(UserWarning, match="skipped dark/06.png"):
        pretrain(config, "folder", root=root, out=tmp_path / "run", watch=stop)
    other = tmp_path / "other"
    for name in ("dark", "light"):
        (other / name).mkdir(parents=True)
        for i in range(9):
            (other / name / f"{i}.png").write_bytes((root / name / "10.png").read_bytes())
    with pytest.raises(ValueError, match=r"36 removed .*, 16 added"):
        pretrain(config, "folder", root=other, out=tmp_path / "run", resume=True)
    with pytest.raises(ValueError, match="data was folder"):
        pretrain(config, "photos", out=tmp_path / "run", resume=True)


# 4 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lr", "log_every", "problem", "good"),
    [
        (1e30, 50, "the loss is (nan|inf) at step 2", 1),
        (1e39, 50, "the loss is nan at step 2", 0),
        (1e39, 1, "the features are no numbers at step 1", 0),
    ],
    ids=["finite weights", "infinite weights", "seen by a measure"],
)
def test_a_loss_that_is_no_number_names_what_is_needed(root, tmp_path, lr, log_every, problem, good):
    changes = (f"train.lr={lr}", "train.warmup=0", f"train.log_every={log_every}", "train.probes=0")
    config = configure("demo", None, None, None, 0, (*SETTINGS, *changes, "train.save_every=600"))
    with pytest.raises(Diverged, match=f"{problem}; the batch held images") as stop:
        pretrain(config, "folder", root=root, out=tmp_path)
    checkpoint, message = newest(tmp_path), str(stop.value)
    assert f"the last good checkpoint is that of step {good}, {checkpoint}" in message, message
    assert load_state(checkpoint)["step"] == good
    assert all(torch.isfinite(t).all() for t in load_model(checkpoint)[0].state_dict().values())
    trouble = json.loads((tmp_path / "trouble.json").read_text())
    blank = Run(config, torch.zeros(load_state(checkpoint)["images"], 3, 24, 40, dtype=torch.uint8))
    step = int(problem[-1])
    assert trouble["step"] == step and trouble["images"] == blank.batch_indices(step - 1).tolist()
    assert len(trouble["images"]) == 9 and trouble["checkpoint"] == str(checkpoint)
    assert len(read_log(tmp_path)) == step - 1


# 5 ---------------------------------------------------------------------------------------------------------


def test_checkpoints_on_a_slow_disk_become_rarer(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(run_log.time, "monotonic", lambda: now[0])
    saves = []

    def slow(*_):
        now[0] += 40.0
        saves.append(now[0])
        return tmp_path / "checkpoint"

    monkeypatch.setattr(run_log, "save", slow)
    config = configure("demo", None, None, None, 0, (*SETTINGS[:-1], "train.save_every=600"))
    run = Run(config, torch.zeros(9, 3, 24, 40, dtype=torch.uint8))
    log = Log(tmp_path, run)
    for step in range(1, 4001):
        now[0] += 5.0
        run.step = step
        log.write({"step": step})
    log.file.close()
    assert len(saves) > 5 and 40 * len(saves) <= 0.02 * now[0] + 40, f"{len(saves)} saves in {now[0]} s"
    monkeypatch.setattr(run_log, "save", lambda *_: saves.append(now[0]))
    saves.clear()
    log = Log(tmp_path, run)
    began = now[0]
    for step in range(4001, 4501):
        now[0] += 5.0
        log.write({"step": step})
    log.file.close()
    assert len(saves) == pytest.approx((now[0] - began) / 600, abs=1), "a quick disk: every ten minutes"
