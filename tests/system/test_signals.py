"""Claims about being stopped (signals.py, and training/run.py between two steps). Signals are real, raised in
this process; whole processes that are killed: test_resume.py.

1. Inside `uninterrupted` all lines run, and signals take effect at its end; handlers come back whatever
   happens; it nests, and outside the main thread it does nothing.
2. An interrupt in the middle of an update leaves a run of one step, bit for bit; one in a forward or
   backward pass leaves the step before. Either run goes on exactly.
3. A run whose update failed half-way says so, and is not saved.
4. `StopSignals`: the first signal is a wish, the second Ctrl-C an interrupt, as is any signal before there
   is a run, whatever error the code below makes of it.
5. A run that is left and taken up again, or stopped, ends as one that went through, bit for bit.
6. Processes that read images end with the run, whether it is done, left or killed, also while they start;
   they hear no Ctrl-C; and a signal before the first step is made waits for none of them.
"""

import contextlib
import itertools
import multiprocessing
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from jepa_lite.config import Config, MaskConfig, ModelConfig, TrainConfig
from jepa_lite.data.readers import Files, _collate
from jepa_lite.system.signals import DEFERRED, Interrupted, StopSignals, unheard, uninterrupted
from jepa_lite.training import pretrain
from jepa_lite.training.checkpoints import load_state, newest
from jepa_lite.training.pretrain import recorded
from jepa_lite.training.run import Run

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def handlers():
    """The handlers that this process has, {number: handler}: found again after each test."""
    before = {number: signal.getsignal(number) for number in DEFERRED}
    yield before
    for number in (signal.SIGINT, signal.SIGTERM):  # SIGCHLD's is PyTorch's, from its first worker on
        left = signal.signal(number, before[number])
        assert left == before[number], f"the test left another handler of {number.name}"


@pytest.fixture
def notes(handlers):
    """What happened, in order: each signal adds its name."""
    happened = []
    note = {number: lambda n, frame: happened.append(signal.Signals(n).name) for number in DEFERRED}
    for number, handler in note.items():
        signal.signal(number, handler)
    yield happened
    left = {number: signal.getsignal(number) for number in DEFERRED}
    for number, handler in handlers.items():
        signal.signal(number, handler)
    assert left == note, "a handler did not come back"


# --- 1: uninterrupted -----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", DEFERRED)
def test_a_signal_takes_effect_at_the_end(notes, number):  # 1
    with uninterrupted():
        notes.append("before")
        signal.raise_signal(number)
        notes.append("after")
    assert notes == ["before", "after", number.name]
    signal.raise_signal(number)
    assert notes[3:] == [number.name], "and at once again outside"


def test_all_signals_take_effect_in_their_order(notes):  # 1
    with uninterrupted():
        for number in reversed(DEFERRED):
            signal.raise_signal(number)
    assert notes == [number.name for number in reversed(DEFERRED)]


def test_ctrl_c_interrupts_at_the_end():  # 1
    done = []
    with pytest.raises(KeyboardInterrupt):
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            done.append("inside")
        done.append("outside")
    assert done == ["inside"]


def test_an_error_inside_comes_out_and_no_signal_is_lost(notes):  # 1
    with pytest.raises(ValueError, match="mine"), uninterrupted():
        signal.raise_signal(signal.SIGTERM)
        raise ValueError("mine")
    assert notes == ["SIGTERM"]


@pytest.mark.parametrize("call", range(2 * len(DEFERRED)))
@pytest.mark.parametrize("when", ["before", "after"])
def test_handlers_come_back_from_a_signal_at_any_moment(monkeypatch, handlers, call, when):  # 1
    real, calls = signal.signal, itertools.count()

    def interrupted(number, handler):
        here = next(calls) == call
        if here and when == "before":
            signal.raise_signal(signal.SIGINT)
        result = real(number, handler)
        if here and when == "after":
            signal.raise_signal(signal.SIGINT)
        return result

    monkeypatch.setattr(signal, "signal", interrupted)
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        pass
    assert next(calls) > call, "the moment never came"
    monkeypatch.undo()
    assert {number: signal.getsignal(number) for number in DEFERRED} == handlers


def test_it_nests(notes):  # 1
    with uninterrupted():
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            notes.append("inner")
        notes.append("outer")
        with uninterrupted():
            notes.append("inner again")
    assert notes == ["inner", "outer", "inner again", "SIGINT"]


def test_outside_the_main_thread_it_does_nothing(notes):  # 1
    before = {number: signal.getsignal(number) for number in DEFERRED}

    def body():
        with uninterrupted():
            notes.append({number: signal.getsignal(number) for number in DEFERRED} == before)
        with StopSignals() as signals:
            notes.append(signals.signal)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert notes == [True, None]


def test_a_handler_that_is_not_pythons_is_left_alone(monkeypatch, notes):  # 1, 4
    real = signal.getsignal
    for block in (uninterrupted, StopSignals):
        with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
            patch.setattr(signal, "getsignal", lambda n: None if n == signal.SIGTERM else real(n))
            with block():
                signal.raise_signal(signal.SIGTERM)
                notes.append("inside")
        assert notes == ["SIGTERM", "inside"], f"{block} took over what it could not give back"
        notes.clear()


# --- 2, 3: in a step ------------------------------------------------------------------------------------

MODEL = ModelConfig(
    image_size=(24, 40), patch_size=4, width=16, depth=1, heads=2,
    predictor_width=16, predictor_depth=1, predictor_heads=2,
)  # fmt: skip


def begin(images=None, **train):
    values = {"steps": 9, "batch_size": 5, "groups": 2, "log_every": 4, "momentum": (0.9, 1.0)}
    if images is None:
        images = torch.randint(1, 256, (17, 3, 24, 40), generator=torch.Generator().manual_seed(0))
        images = images.to(torch.uint8)
    return Run(Config(MODEL, MaskConfig(), TrainConfig(**values | train)), images)


def bits(run):
    """All tensors of a run: weights, target, moments."""
    tensors = dict(run.model.state_dict())
    for i, moments in run.optimizer.state_dict()["state"].items():
        tensors |= {f"{i}.{name}": value for name, value in moments.items()}
    return {name: tensor.clone() for name, tensor in tensors.items()}


def assert_same_bits(run, expected):
    found = bits(run)
    assert found.keys() == expected.keys()
    differing = [name for name in expected if not torch.equal(found[name], expected[name])]
    assert not differing, f"{len(differing)} of {len(expected)} differ: {differing[:4]}"


@pytest.fixture(scope="module")
def undisturbed():
    """The bits of an undisturbed run: [those after each step], and its losses."""
    run = begin()
    found = [(record["loss"], bits(run)) for record in run.steps()]
    return [tensors for _, tensors in found], [loss for loss, _ in found]


def disturb(monkeypatch, run, place, step, error=None):
    """At `place` of step `step`, once: Ctrl-C, or `error`."""

    def strike(*_):
        if run.step == step - 1 and left.pop("once", None):
            if error:
                raise error
            signal.raise_signal(signal.SIGINT)

    left = {"once": True}
    if place == "before the update":
        run.optimizer.register_step_pre_hook(strike)
    elif place == "after the optimizer":
        run.optimizer.register_step_post_hook(strike)
    else:
        owner, name = {
            "in the target": (run.model, "update_target"), "after the gradient": (run, "_backward"),
            "before the gradient": (run, "batch"),
        }[place]  # fmt: skip
        real = getattr(owner, name)

        def struck(*arguments):
            result = real(*arguments)
            strike()
            return result

        monkeypatch.setattr(owner, name, struck)
    return left


@pytest.mark.parametrize(
    ("place", "made"),
    [
        ("before the gradient", 2), ("after the gradient", 2), ("before the update", 3),
        ("after the optimizer", 3), ("in the target", 3),
    ],
)  # fmt: skip
def test_ctrl_c_at_any_place_leaves_a_whole_step(monkeypatch, undisturbed, place, made):  # 2
    after, losses = undisturbed
    run = begin()
    left = disturb(monkeypatch, run, place, step=3)
    with pytest.raises(KeyboardInterrupt):
        list(run.steps())
    assert not left and run.step == made and run.whole
    assert_same_bits(run, after[made - 1])
    assert [record["loss"] for record in run.steps()] == losses[made:]
    assert_same_bits(run, after[-1])


@pytest.mark.parametrize("place", ["after the optimizer", "in the target"])
def test_an_update_that_failed_half_way_is_not_saved(monkeypatch, tmp_path, place):  # 3
    run = begin(save_every=600.0)
    disturb(monkeypatch, run, place, step=3, error=RuntimeError("out of memory"))
    with pytest.raises(RuntimeError, match="out of memory"):
        list(recorded(run, tmp_path))
    assert not run.whole and load_state(newest(tmp_path))["step"] == 0, "half of an update was saved"


def test_an_error_between_two_updates_is_saved_up_to_there(monkeypatch, tmp_path):  # 3
    run = begin(save_every=600.0)
    disturb(monkeypatch, run, "after the gradient", step=3, error=RuntimeError("out of memory"))
    with pytest.raises(RuntimeError, match="out of memory"):
        list(recorded(run, tmp_path))
    assert run.whole and load_state(newest(tmp_path))["step"] == 2


# --- 4: StopSignals ---------------------------------------------------------------------------------------


class Wishes:
    """Stands for a run: counts how often it was asked to stop."""

    def __init__(self, rank=0):
        self.rank, self.count = rank, 0

    def stop(self):
        self.count += 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("becomes", [None, RuntimeError("from compiled code"), KeyError("x")])
def test_before_there_is_a_run_any_signal_interrupts(notes, number, becomes):  # 4
    with pytest.raises(KeyboardInterrupt, match=number.name), StopSignals() as signals:
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt as interrupt:
            raise (becomes or interrupt) from None
    assert signals.signal == number and not notes


def test_an_error_that_is_no_interrupt_stays_what_it_is(notes):  # 4
    with pytest.raises(RuntimeError, match="mine"), StopSignals():
        raise RuntimeError("mine")
    with pytest.raises(RuntimeError, match="after a wish"), StopSignals() as signals:
        signals.run = Wishes()
        signal.raise_signal(signal.SIGTERM)
        raise RuntimeError("after a wish")
    assert not notes


@pytest.mark.parametrize(
    ("came", "interrupts"),
    [("T", False), ("I", False), ("TT", False), ("TI", False), ("IT", False), ("II", True), ("TII", True)],
)
def test_the_first_signal_is_a_wish_and_the_second_ctrl_c_interrupts(notes, capfd, came, interrupts):  # 4
    numbers = [{"T": signal.SIGTERM, "I": signal.SIGINT}[letter] for letter in came]
    signals = StopSignals()
    try:
        with signals:
            signals.run = Wishes()
            for number in numbers[:-1]:
                signal.raise_signal(number)
            wishes = signals.run.count
            signal.raise_signal(numbers[-1])
        interrupted = False
    except KeyboardInterrupt:
        interrupted = True
    assert interrupted == interrupts and wishes == len(came) - 1
    assert signals.run.count == len(came) - interrupts and signals.signal == numbers[-1] and not notes
    said = capfd.readouterr().err
    assert said.count("finishing this step, then saving") == len(came) - interrupts
    assert ("once more to stop at once" in said) == ("I" in came[: len(came) - interrupts])


def test_one_process_of_many_speaks(notes, capfd):  # 4
    with StopSignals() as signals:
        signals.run = Wishes(rank=1)
        signal.raise_signal(signal.SIGINT)
    assert signals.run.count == 1 and not capfd.readouterr().err


# --- 5: left, stopped, and taken up again -----------------------------------------------------------------


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    root, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for i in range(17):
        pixels = rng.integers(1, 256, (31 + i, 61 - i, 3), np.uint8)
        Image.fromarray(pixels).save(root / f"{i:02}.png")
    return root


def source(kind, pictures):
    """None: the images in memory. A number: files, read by so many processes."""
    if kind is None:
        return None
    return Files(pictures, [f"{i:02}.png" for i in range(17)], (24, 40), (0.3, 0.9), seed=0, workers=kind)


@pytest.mark.parametrize("kind", [None, 0, 1], ids=["memory", "files", "files read ahead"])
def test_a_run_that_is_left_and_taken_up_again_is_the_same_run(pictures, kind):  # 5
    whole = begin(source(kind and 0, pictures))
    losses = [record["loss"] for record in whole.steps()]
    run, found = begin(source(kind, pictures)), []
    for record in run.steps():
        found.append(record["loss"])
        if record["step"] == 2:
            break
    assert run.step == 2 and not run.done
    found += [record["loss"] for record in itertools.islice(run.steps(), 4)]
    run.batch(0)  # a look at another batch moves nothing
    found += [record["loss"] for record in run.steps()]
    assert found == losses and run.done and not list(run.steps())
    assert_same_bits(run, bits(whole))


def test_a_run_that_is_stopped_can_go_on(undisturbed):  # 5
    after, losses = undisturbed
    run, found = begin(), []
    for record in run.steps():
        found.append(record["loss"])
        if record["step"] == 4:
            run.stop()
    assert run.step == 5 and run.stopped and not run.done, "the step at hand: the next"
    run.stop()  # before it begins
    found += [record["loss"] for record in run.steps()]
    assert run.step == 6 and run.stopped
    found += [record["loss"] for record in run.steps()]
    assert run.done and not run.stopped and found == losses
    assert_same_bits(run, after[-1])


# --- 6: processes that read images --------------------------------------------------------------------


def readers():
    return [process for process in multiprocessing.active_children() if process.daemon]


def test_readers_end_with_the_run(pictures):  # 6
    run = begin(source(1, pictures))
    for record in run.steps():
        assert len(readers()) == 1
        if record["step"] == 2:
            break
    assert not readers(), "left"
    for _ in run.steps():
        pass
    assert run.done and not readers(), "done"


def test_a_signal_before_the_first_step_waits_for_no_reader(pictures, tmp_path, monkeypatch):  # 6
    """The readers here would take a minute to start."""
    monkeypatch.setattr("jepa_lite.data.readers._collate", Slow())
    config = begin().config.with_values({"train.stream": True, "train.workers": 2})
    files = source(2, pictures)
    monkeypatch.setattr(pretrain, "_images", lambda *_, **__: (files, None, ()))
    started = Files._next

    def interrupted(self, iterator):
        assert len(readers()) == 2
        signal.raise_signal(signal.SIGTERM)
        return started(self, iterator)

    monkeypatch.setattr(Files, "_next", interrupted)
    began = time.monotonic()
    with pytest.raises(Interrupted, match="SIGTERM"):
        pretrain.pretrain(config, "folder", root=pictures, out=tmp_path / "run")
    assert not readers() and time.monotonic() - began < 50, "it waited for the readers"
    assert load_state(newest(tmp_path / "run"))["step"] == 0


class Slow:
    """Collates as ever, but takes a minute to arrive in another process."""

    collate = staticmethod(_collate)

    def __call__(self, items):
        return self.collate(items)

    def __reduce__(self):
        return time.sleep, (60,)


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="Windows has no signal masks")
def test_what_is_started_unheard_hears_no_ctrl_c():  # 6
    tell = "import signal; print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    with unheard():
        inside = subprocess.check_output([sys.executable, "-S", "-c", tell], text=True)
    outside = subprocess.check_output([sys.executable, "-S", "-c", tell], text=True)
    assert (inside.strip(), outside.strip()) == ("True", "False")
    with pytest.raises(KeyboardInterrupt), unheard():
        signal.raise_signal(signal.SIGINT)
        outside = None  # only the start of processes is covered, and then the signal counts
    assert outside is None


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_readers_end_when_the_run_is_killed(pictures):  # 6
    """Killed where PyTorch's own watch is blind: before its readers have begun to watch."""
    program = f"""
import multiprocessing, os, signal, sys, torch
from jepa_lite.data.readers import Files
files = Files({str(pictures)!r}, ["00.png"] * 50, (24, 40), workers=1)
steps = files.batches((step, torch.arange(4)) for step in range(100))
real = torch.utils.data.DataLoader.__iter__
def started(loader):
    iterator = real(loader)
    print(*(worker.pid for worker in iterator._workers), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
torch.utils.data.DataLoader.__iter__ = started
if __name__ == "__main__":
    next(steps)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100)
    assert done.returncode == -signal.SIGKILL, done.stderr
    pids, until = done.stdout.split(), time.monotonic() + 100
    while alive := [pid for pid in pids if Path("/proc", pid).exists()]:
        assert time.monotonic() < until, f"{alive} outlived the run"
        time.sleep(0.05)
