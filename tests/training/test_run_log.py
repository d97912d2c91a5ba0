"""Claims about what a run writes while it trains (run_log.py); runs that are killed: test_resume.py.

1. Every record has the promised keys and no other, and its seconds and tokens are consistent.
2. On request alone TensorBoard shows the log's numbers at the measured steps, also after steps were redone or
   a run was killed; where it is missing or broken, by whatever, one warning says so.
3. Opening a log cuts what lies after the checkpoint, and what a crash has torn. A log that lacks steps, being
   damaged, shortened or deleted, is named, and what was damaged is kept; reading it names the line.
4. The log is on the disk before the checkpoint that follows it, which is never ahead of it.
5. Rank 0 alone writes.
6. A first checkpoint that cannot be written is one sentence, which names the folder.
"""

import importlib.util
import itertools
import json
import multiprocessing
import os
import sys
import time

import pytest
import torch

from jepa_lite.config import Config, MaskConfig, ModelConfig, TrainConfig
from jepa_lite.training import run_log
from jepa_lite.training.checkpoints import load_model, load_state, newest
from jepa_lite.training.pretrain import recorded
from jepa_lite.training.run import Run
from jepa_lite.training.run_log import Log, _cut, read_log

MODEL = ModelConfig(
    image_size=(24, 40), patch_size=4, width=16, depth=1, heads=2,
    predictor_width=16, predictor_depth=1, predictor_heads=2,
)  # fmt: skip
ALWAYS = {
    "step", "loss", "lr", "weight_decay", "momentum", "gradient", "tokens", "padding", "tokens_per_second",
    "seconds_data", "seconds_forward", "seconds_backward", "seconds_update", "seconds",
}  # fmt: skip
MEASURES = {"rank", "std", "position_share", "gap", "address_gain", "own_image_rank"}
PARTS = ("seconds_data", "seconds_forward", "seconds_backward", "seconds_update")

needs_tensorboard = pytest.mark.skipif(
    not importlib.util.find_spec("tensorboard") and os.environ.get("CI") != "true",
    reason="TensorBoard is not installed: pip install tensorboard",
)


def begin(**train):
    values = {"steps": 11, "batch_size": 5, "groups": 2, "log_every": 3, "probes": 2, "save_every": 600.0}
    config = Config(MODEL, MaskConfig(), TrainConfig(**values | train))
    pixels = torch.randint(1, 256, (17, 3, 24, 40), generator=torch.Generator().manual_seed(0))
    probe = (lambda encoder: {"knn": 0.25}) if config.train.probes else None
    return Run(config, pixels.to(torch.uint8), probe=probe)


def resume(out, **train):
    """A run that goes on from `out`; TensorBoard puts its files in order by the second they were made in."""
    made = int(time.time())
    while int(time.time()) == made:
        time.sleep(0.01)
    run = begin(**train)
    run.model.load_state_dict(load_model(out)[0].state_dict())
    run.load_state(load_state(out))
    return run


# --- 1: records ---------------------------------------------------------------------------------------


def test_every_record_has_the_promised_keys(tmp_path):  # 1
    seen = list(recorded(begin(), tmp_path))
    records = read_log(tmp_path)
    assert records == seen and [r["step"] for r in records] == list(range(1, 12))
    for record in records:
        step = record["step"]
        measured, probed = step in (3, 6, 9, 11), step in (1, 6, 11)
        wanted = ALWAYS | (MEASURES if measured else set()) | ({"knn"} if probed else set())
        assert record.keys() == wanted, f"step {step}: {record.keys() ^ wanted}"
        assert all(isinstance(value, int | float) for value in record.values()), record


def test_an_alarm_is_in_the_record(tmp_path, monkeypatch):  # 1
    run = begin()
    monkeypatch.setattr(run.watch, "see", lambda measures, step: ["it collapses"] if step == 6 else [])
    with_alarms = [r for r in recorded(run, tmp_path) if "alarms" in r]
    assert [(r["step"], r["alarms"]) for r in with_alarms] == [(6, ["it collapses"])]
    assert read_log(tmp_path)[5]["alarms"] == ["it collapses"]


def test_seconds_and_tokens_are_consistent(tmp_path):  # 1
    run = begin()
    records = list(recorded(run, tmp_path))
    for r in records:
        parts = [r[name] for name in PARTS]
        assert min(parts) > 0 and sum(parts) <= r["seconds"], r
        assert r["tokens_per_second"] * sum(parts) == pytest.approx(r["tokens"], rel=1e-6)
        assert 0 <= r["padding"] < 1 and r["tokens"] > 5 * 4, r
    assert sum(r["seconds"] for r in records) == pytest.approx(run.elapsed)


# --- 2: TensorBoard -----------------------------------------------------------------------------------


def on_the_board(out):
    """{name: [(step, value)]}, as TensorBoard shows it."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(out / "tensorboard"), size_guidance={"scalars": 0}).Reload()
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def assert_the_board_shows_the_log(out):
    measured = [r for r in read_log(out) if "rank" in r]
    found = on_the_board(out)
    names = {name for r in measured for name in r} - {"step"}
    assert found.keys() == names and {"loss", "rank", "lr", "seconds", "knn"} <= names
    for name in sorted(names):
        wanted = [(r["step"], r[name]) for r in measured if name in r]
        assert [step for step, _ in found[name]] == [step for step, _ in wanted], name
        assert [v for _, v in found[name]] == pytest.approx([v for _, v in wanted], rel=1e-6), name


@needs_tensorboard
def test_tensorboard_shows_the_log(tmp_path):  # 2
    list(recorded(begin(tensorboard=True), tmp_path))
    assert_the_board_shows_the_log(tmp_path)


@needs_tensorboard
def test_tensorboard_shows_steps_that_were_redone_once(tmp_path):  # 2, 3
    run = begin(tensorboard=True)
    log = Log(tmp_path, run)
    for record in itertools.islice(run.steps(), 10):
        redone = record["step"] > 4
        log.write(record | {"loss": record["loss"] + 100 * redone})
        if record["step"] == 4:
            log.save()
    log.file.close()  # no more is saved: it was killed
    log.board.flush()
    assert max(value for _, value in on_the_board(tmp_path)["loss"]) > 100
    run = resume(tmp_path, tensorboard=True)
    assert run.step == 4
    list(recorded(run, tmp_path))
    assert [r["step"] for r in read_log(tmp_path)] == list(range(1, 12))
    assert max(r["loss"] for r in read_log(tmp_path)) < 100
    assert_the_board_shows_the_log(tmp_path)


def killed_at_step_8(out):
    run = begin(tensorboard=True)
    log = Log(out, run)
    for record in run.steps():
        log.write(record)
        if record["step"] == 7:
            log.save()
        if record["step"] == 8:
            os._exit(9)


@pytest.mark.slow
@needs_tensorboard
def test_tensorboard_misses_no_step_of_a_run_that_was_killed(tmp_path):  # 2
    process = multiprocessing.get_context("spawn").Process(target=killed_at_step_8, args=(tmp_path,))
    process.start()
    process.join(120)
    assert process.exitcode == 9
    list(recorded(resume(tmp_path, tensorboard=True), tmp_path))
    assert_the_board_shows_the_log(tmp_path)


def test_without_a_wish_tensorboard_is_not_even_imported(tmp_path, monkeypatch):  # 2
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", Broken(AssertionError("imported")))
    list(recorded(begin(steps=3), tmp_path))
    assert not (tmp_path / "tensorboard").exists()


class Broken:
    """Stands for torch.utils.tensorboard: raises `error` when it is imported from, or where it says."""

    def __init__(self, error, when="import"):
        self.error, self.when = error, when

    def __getattr__(self, name):
        if name == "SummaryWriter" and self.when != "import":
            return lambda *_, **__: Broken(self.error, self.when) if self.when != "open" else self.fail()
        if name in ("SummaryWriter", self.when):
            self.fail()
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *_: None

    def fail(self):
        raise self.error


@pytest.mark.parametrize("broken", [
    None, Broken(TypeError("Descriptors cannot be created directly")), Broken(RuntimeError("two\nlines")),
    Broken(OSError("disk full"), "open"), Broken(OSError("disk full"), "add_scalar"),
    Broken(ValueError("closed"), "flush"),
], ids=["missing", "import", "lines", "open", "write", "flush"])  # fmt: skip
def test_a_broken_tensorboard_is_one_warning(tmp_path, monkeypatch, broken):  # 2
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", broken)
    with pytest.warns(UserWarning, match="nothing is written for TensorBoard any more") as said:
        for _ in itertools.islice(recorded(begin(tensorboard=True), tmp_path), 4):
            pass
    assert len(said) == 1 and "\n" not in str(said[0].message), [str(w.message) for w in said]
    list(recorded(resume(tmp_path), tmp_path))
    assert [r["step"] for r in read_log(tmp_path)] == list(range(1, 12))
    assert load_state(newest(tmp_path))["step"] == 11


# --- 3: what is cut -----------------------------------------------------------------------------------


def lines(*steps):
    return b"".join(json.dumps({"step": step, "loss": 1 / 3}).encode() + b"\n" for step in steps)


@pytest.mark.parametrize(
    ("content", "step", "kept"),
    [
        (lines(1, 2, 3), 3, lines(1, 2, 3)),
        (lines(1, 2, 3, 4, 5), 3, lines(1, 2, 3)),
        (lines(1, 2, 3) + b'{"step": 4, "lo', 3, lines(1, 2, 3)),
        (lines(1, 2, 3) + b'{"step": 4, "lo', 2, lines(1, 2)),
        (lines(1, 2, 3, 4)[:-1], 3, lines(1, 2, 3)),
        (lines(1, 2) + b"3", 2, lines(1, 2)),
        (lines(1, 2) + bytes(50), 2, lines(1, 2)),
        (lines(1, 2) + bytes(50) + lines(4), 2, lines(1, 2)),
        (lines(1, 2) + b'{"step": 3, "loss\n' + lines(4), 2, lines(1, 2)),
        (b"", 0, b""),
        (b'{"st', 0, b""),
        (lines(1, 2), 0, b""),
    ],
    ids=[
        "whole", "beyond the checkpoint", "torn", "torn beyond the checkpoint", "torn before its newline",
        "torn to a number", "zeros, as a crash leaves them", "zeros and a line", "a hole", "empty",
        "torn at once", "a run that begins",
    ],
)  # fmt: skip
def test_what_is_redone_or_torn_is_cut(tmp_path, content, step, kept):  # 3
    path = tmp_path / "log.jsonl"
    path.write_bytes(content)
    _cut(path, step)
    assert path.read_bytes() == kept


def test_a_log_that_is_not_there_is_not_made_by_cutting(tmp_path):  # 3
    _cut(tmp_path / "log.jsonl", 0)
    assert not list(tmp_path.iterdir())


DEEP = b"[" * 100_000 + b"\n"


@pytest.mark.parametrize(
    ("content", "step", "kept", "damaged"),
    [
        (lines(1, 2) + b'{"step": 3, "loss\n' + lines(4, 5, 6), 5, lines(1, 2, 4, 5), True),
        (lines(1) + b'{"loss": 3}\n' + lines(3), 3, lines(1, 3), True),
        (lines(1) + b"null\n[]\n5\n" + lines(3), 3, lines(1, 3), True),
        (lines(1) + b'{"step": "2"}\n' + lines(3), 3, lines(1, 3), True),
        (lines(1) + bytes(50) + b"\n" + lines(3), 3, lines(1, 3), True),
        (lines(1) + DEEP + lines(3), 3, lines(1, 3), True),
        (lines(1, 2, 1, 2, 3, 3), 4, lines(1, 2, 3), True),
        (lines(1, 2, 3)[:-5], 3, lines(1, 2), True),
        (lines(1, 2), 5, lines(1, 2), False),
        (lines(3, 4, 5), 5, lines(3, 4, 5), False),
        (b"", 5, b"", False),
        (None, 5, None, False),
    ],
    ids=[
        "a damaged line", "no step", "no record", "no number", "zeros", "nested", "interleaved",
        "torn before the checkpoint", "shortened", "the beginning is gone", "emptied", "deleted",
    ],
)  # fmt: skip
def test_a_log_that_lacks_steps_is_named_and_nothing_of_it_is_lost(
    tmp_path, content, step, kept, damaged
):  # 3
    path, aside = tmp_path / "log.jsonl", tmp_path / "damaged-log.jsonl"
    if content is not None:
        path.write_bytes(content)
    lacking = step - (kept or b"").count(b"\n")
    with pytest.warns(UserWarning, match=f"log.jsonl lacks {lacking} of {step} steps") as said:
        _cut(path, step)
    assert len(said) == 1 and (str(aside) in str(said[0].message)) == damaged
    assert (path.read_bytes() if path.exists() else None) == kept
    assert aside.exists() == damaged and (not damaged or aside.read_bytes() == content)


def test_a_line_that_is_no_step_is_kept_aside_also_where_no_step_is_missing(tmp_path):  # 3
    path, content = tmp_path / "log.jsonl", lines(1) + b'{"loss": 3}\n' + lines(2, 3)
    path.write_bytes(content)
    with pytest.warns(UserWarning, match="holds lines that are no steps.*damaged-log.jsonl"):
        _cut(path, 3)
    assert path.read_bytes() == lines(1, 2, 3) and (tmp_path / "damaged-log.jsonl").read_bytes() == content


def test_a_second_damaged_log_does_not_replace_the_first(tmp_path):  # 3
    path = tmp_path / "log.jsonl"
    for name in ("damaged-log.jsonl", "damaged-2-log.jsonl", "damaged-3-log.jsonl"):
        path.write_bytes(lines(1) + name.encode() + b"\n" + lines(3))
        with pytest.warns(UserWarning, match=name):
            _cut(path, 3)
        assert name.encode() in (tmp_path / name).read_bytes()


@pytest.mark.parametrize("bad", [b"null\n", b'{"loss": 1}\n', b'{"step": 2, "lo\n', b"\xff\n", DEEP])
def test_reading_a_damaged_log_names_the_line(tmp_path, bad):  # 3
    (tmp_path / "log.jsonl").write_bytes(lines(1) + bad + lines(3))
    with pytest.raises(ValueError, match=r"line 2 of .*log\.jsonl is damaged; .*--resume"):
        read_log(tmp_path)


def test_a_first_save_that_fails_is_one_clean_sentence(tmp_path, monkeypatch):  # 6
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run_log, "save", full)
    with pytest.raises(OSError) as refusal:
        list(recorded(begin(), tmp_path))
    problem = "cannot be written ([Errno 28] No space left on device); make room, or choose another --out"
    assert str(refusal.value) == f"{tmp_path} {problem}"


# --- 4: the order on the disk ---------------------------------------------------------------------------


class Board:
    """Stands for TensorBoard's writer, and notes when it is flushed."""

    def __init__(self, events):
        self.flush = lambda: events.append(("board",))
        self.add = self.close = lambda *_: None


def test_the_log_is_on_the_disk_before_the_checkpoint(tmp_path, monkeypatch):  # 4
    events, real_fsync, real_save = [], os.fsync, run_log.save
    path = tmp_path / "log.jsonl"

    def fsync(descriptor):
        real_fsync(descriptor)
        if path.exists() and os.path.sameopenfile(descriptor, log.file.fileno()):
            events.append(("flushed", path.stat().st_size))

    def save(folder, model, config, state):
        events.append(("saving", path.stat().st_size if path.exists() else 0, state["step"]))
        if state["step"]:
            assert read_log(folder)[-1]["step"] == state["step"], "the checkpoint is ahead of the log"
        return real_save(folder, model, config, state)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(run_log, "save", save)
    monkeypatch.setattr(run_log, "COST", 1e9)
    run = begin(save_every=1e-9)
    log = Log(tmp_path, run)
    monkeypatch.setattr(log, "board", Board(events))
    for record in run.steps():
        log.write(record)
    log.close()
    assert events[0] == ("saving", 0, 0), "there is a checkpoint before the first step"
    assert [e[0] for e in events[1:]] == ["flushed", "board", "saving"] * 11, events
    assert [e[2] for e in events[3::3]] == list(range(1, 12))
    assert all(flush[1] == saving[1] > 0 for flush, saving in zip(events[1::3], events[3::3], strict=True))


@pytest.mark.parametrize("moment", ["measures", "probe"])
def test_an_interrupt_before_a_step_is_logged_leaves_no_hole(tmp_path, monkeypatch, moment):  # 4
    expected = [r["loss"] for r in recorded(begin(log_every=6), tmp_path / "unbroken")]
    run, out = begin(log_every=6), tmp_path / "run"
    look = getattr(run, moment)

    def interrupted(*arguments):
        if run.step == 6:
            raise KeyboardInterrupt
        return look(*arguments)

    monkeypatch.setattr(run, moment, interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(recorded(run, out))
    assert load_state(newest(out))["step"] <= len(read_log(out)), "the checkpoint is ahead of the log"
    list(recorded(resume(out, log_every=6), out))
    records = read_log(out)
    assert [r["step"] for r in records] == list(range(1, 12))
    assert [r["loss"] for r in records] == expected and {"rank", "knn"} <= records[5].keys()


# --- 5: processes -------------------------------------------------------------------------------------


def test_rank_0_alone_writes(tmp_path):  # 5
    run = begin(steps=3, groups=1)
    run.rank, run.world = 1, 2
    records = list(recorded(run, tmp_path / "run"))
    assert [r["step"] for r in records] == [1, 2, 3] and not list(tmp_path.iterdir())
    list(recorded(begin(steps=3), None))
    assert not list(tmp_path.iterdir())
