"""Claims about how a command ends that does not end well (failures.py, __main__.py).

1. Memory that runs out, the processor's or a GPU's, is one sentence with the settings to turn, and the last
   checkpoint if there is one; the steps that were made are saved. What cannot fit is refused before any work.
2. An error that nobody foresaw ends with status 1, its type and its message, also if it is a ValueError of
   some other library; bad input ends with status 2. --debug or JEPA_LITE_DEBUG shows the traceback of any.
3. Ctrl-C ends with status 130 and SIGTERM with 143, quietly: while PyTorch is imported, before training, and
   where compiled code makes another error of them.
4. A broken environment or a missing stderr turns no error into a traceback.
"""

import json
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from jepa_lite import __main__ as entry
from jepa_lite import cli
from jepa_lite.arguments import configure
from jepa_lite.system import failures
from jepa_lite.system.distributed import join_processes, local_rank, restarted
from jepa_lite.system.failures import OutOfMemory, is_out_of_memory
from jepa_lite.training import pretrain
from jepa_lite.training.checkpoints import load_state, newest
from jepa_lite.training.run import Run

SMALL = ["model.width=32", "model.depth=1", "model.heads=2", "train.batch_size=16", "train.log_every=1"]
MEMORY = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has 7 GiB ..."),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:119] err == 0. DefaultCPUAllocator: can't allocate memory: you tried "
        "to allocate 4000000000 bytes. Error code 12 (Cannot allocate memory)"
    ),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:90] data. DefaultCPUAllocator: not enough memory: you tried ..."
    ),
    RuntimeError(
        "MPS backend out of memory (MPS allocated: 1 GB). Tried to allocate 1.20 GB on private pool."
    ),
    OSError(12, "Cannot allocate memory"),
]


@pytest.fixture(autouse=True)
def plain(monkeypatch, tmp_path):
    for name in ("JEPA_LITE_DEBUG", "RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def ended(capsys, work, debug=False):
    """(exit status, stderr) of a command that is the function `work`."""
    with pytest.raises(SystemExit) as stop:
        failures.run(work, debug)
    return stop.value.code, capsys.readouterr().err


def raising(error):
    def work(*_, **__):
        raise error

    return work


# --- 1: memory -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", MEMORY, ids=lambda error: str(error)[:20] or type(error).__name__)
def test_memory_that_runs_out_is_a_sentence_with_the_dial(error, capsys):  # 1
    status, err = ended(capsys, raising(error))
    assert status == 2 and err.startswith("jepa-lite: out of memory") and err.count("\n") == 1
    assert all(dial in err for dial in ("train.batch_size", "train.groups", "model.image_size")), err
    if amount := re.search("ocate ([0-9.]+ [a-zA-Z]+)", str(error)):
        assert amount[1] in err, "how much was wanted"


def test_what_pytorch_really_raises_is_known():  # 1
    with pytest.raises(RuntimeError) as real:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(real.value)
    with pytest.raises(MemoryError) as real:
        np.empty(2**62, np.uint8)
    assert is_out_of_memory(real.value)
    for other in (
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        ValueError("out of memory"),
        OSError(),
    ):
        assert not is_out_of_memory(other)


@pytest.mark.parametrize("error", MEMORY[:3], ids=["processor", "gpu", "allocator"])
def test_the_steps_that_were_made_are_saved_and_named(error, monkeypatch, tmp_path):  # 1
    config = configure("demo", None, 5, None, 0, SMALL)
    pixels = torch.randint(1, 255, (32, 3, 64, 64), dtype=torch.uint8)
    monkeypatch.setattr(pretrain, "_images", lambda *_, **__: (pixels, None, ()))
    real = Run._backward

    def short(run, *rest):
        if run.step == 2:
            raise error
        return real(run, *rest)

    monkeypatch.setattr(Run, "_backward", short)
    with pytest.raises(OutOfMemory) as stop:
        pretrain.pretrain(config, "shapes", out=tmp_path / "run")
    kept = newest(tmp_path / "run")
    assert f"the last good checkpoint is that of step 2, {kept}" in str(stop.value)
    assert load_state(kept)["step"] == 2
    monkeypatch.setattr(Run, "_backward", real)
    more = config.with_values({"train.groups": 12})
    assert pretrain.pretrain(more, "shapes", out=tmp_path / "run", resume=True).step == 5, (
        "the dial that it names"
    )


def test_a_network_beyond_all_memory_is_refused_before_any_work(monkeypatch, capsys):  # 1
    monkeypatch.setattr(pretrain, "memory_of", lambda device: 10**5)
    monkeypatch.setattr(pretrain, "_images", raising(AssertionError("images were read")))
    words = ["pretrain", "--data", "shapes", "--steps", "1", "--set", *SMALL]
    with pytest.raises(SystemExit) as stop:
        cli.main(words)
    assert stop.value.code == 2 and "lower model.width or model.depth" in capsys.readouterr().err


# --- 2: what nobody foresaw ------------------------------------------------------------------------------


def too_deep():
    return too_deep()


@pytest.mark.parametrize(
    ("work", "sentence"),
    [
        (raising(TypeError("a\nb")), "unexpected TypeError: a b (the same command with --debug"),
        (raising(ValueError("not ours")), "unexpected ValueError: not ours"),
        (lambda: json.loads("{"), "unexpected JSONDecodeError: Expecting"),
        (lambda: {}["key"], "unexpected KeyError: 'key'"),
        (lambda: torch.zeros(2) @ torch.zeros(3), "unexpected RuntimeError: inconsistent tensor size"),
        (too_deep, "unexpected RecursionError: maximum recursion"),
    ],
)
def test_an_error_that_nobody_foresaw_says_what_it_is(work, sentence, capsys, monkeypatch):  # 2
    status, err = ended(capsys, work)
    assert status == 1 and sentence in err and err.count("\n") == 1, err
    for debug in (True, False):
        monkeypatch.setenv("JEPA_LITE_DEBUG", "0" if debug else "1")
        status, err = ended(capsys, work, debug)
        assert status == 1 and sentence in err and "Traceback (most recent call last)" in err


def test_a_slip_in_our_own_code_is_no_input_error(capsys, monkeypatch):  # 2
    """A ValueError that a line of ours causes, without having been written for anyone to read."""
    code = compile("def slip():\n    return int('x')\n", failures.__file__, "exec")
    exec(code, ours := {})
    status, err = ended(capsys, ours["slip"])
    assert status == 1 and "unexpected ValueError: invalid literal" in err


@pytest.mark.parametrize("place", ["config.py", "data/x.py", "training/x.py", "course/exercises/x.py"])
def test_what_any_folder_of_the_package_refuses_is_bad_input(place, capsys):  # 2
    package = os.path.dirname(cli.__file__)
    for folder, status in ((package, 2), (f"{package}_of_others", 1)):
        exec(
            compile("def refuse():\n    raise ValueError('no')\n", os.path.join(folder, place), "exec"),
            found := {},
        )
        assert ended(capsys, found["refuse"])[0] == status


@pytest.mark.parametrize("words", [["pretrain", "--preset", "vast"], ["explain", "nowhere", "a.jpg"]])
def test_bad_input_stays_a_sentence_and_debug_shows_more(words, capsys):  # 2
    for more, tracebacks in (([], 0), (["--debug"], 1)):
        with pytest.raises(SystemExit) as stop:
            cli.main([*words, *more])
        err = capsys.readouterr().err
        assert stop.value.code == 2 and err.count("Traceback") == tracebacks and "unexpected" not in err


def test_a_message_gives_a_terminal_no_orders_and_ends(capsys):  # 2
    status, err = ended(capsys, raising(OSError("\x1b[31mred\u2028line\udcff" + "x" * 10**5)))
    assert status == 2 and err[:-1].isprintable() and len(err) < 2100


# --- 3: signals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_quietly_with_a_shells_status(number, capsys):  # 3
    before = signal.getsignal(number)
    status, err = ended(capsys, lambda: signal.raise_signal(number))
    assert (status, err) == (128 + number, "jepa-lite: stopped\n") and signal.getsignal(number) == before

    def compiled():
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt:
            raise ImportError("numpy failed to import") from None

    assert ended(capsys, compiled) == (128 + number, "jepa-lite: stopped\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_training_ends_with_its_status(number, monkeypatch, capsys):  # 3
    monkeypatch.setattr(pretrain, "_images", lambda *_, **__: signal.raise_signal(number))
    with pytest.raises(SystemExit) as stop:
        cli.main(["pretrain", "--data", "shapes", "--steps", "1"])
    assert stop.value.code == 128 + number and capsys.readouterr().err == "jepa-lite: stopped\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send itself these signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_pytorch_is_imported_ends_quietly(tmp_path, number):  # 3
    (tmp_path / "torch.py").write_text(  # stands in for the real one, and is found first
        f"import os, time\nos.kill(os.getpid(), {int(number)})\ntime.sleep(60)\n"
    )
    paths = [str(tmp_path), *filter(None, sys.path)]
    done = subprocess.run(
        [sys.executable, "-m", "jepa_lite", "--help"], capture_output=True, text=True, timeout=50,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)}, cwd=tmp_path,
    )  # fmt: skip
    assert (done.returncode, done.stderr.strip()) == (128 + number, "jepa-lite: stopped")


def test_a_signal_that_is_ignored_stays_ignored(monkeypatch):  # 3
    """As a shell does for what runs in the background."""
    monkeypatch.setattr(cli, "main", lambda words: None)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        entry.main("settings")
        assert all(signal.getsignal(number) == signal.SIG_IGN for number in before)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# --- 4: surroundings -------------------------------------------------------------------------------------


def test_an_empty_rank_is_none(monkeypatch, capsys):  # 4
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "TORCHELASTIC_RESTART_COUNT"):
        monkeypatch.setenv(name, "")
    assert join_processes() == (0, 1) and local_rank() == 0 and not restarted()
    assert ended(capsys, raising(OSError("full"))) == (2, "jepa-lite: full\n")


def test_an_environment_that_makes_no_sense_is_named(monkeypatch, capsys):  # 4
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "two")
    status, err = ended(capsys, join_processes)
    assert status == 2 and "WORLD_SIZE must be a whole number, not 'two'" in err


def test_without_a_stderr_the_status_is_the_same(monkeypatch):  # 4
    monkeypatch.setattr(sys, "stderr", None)
    for error, status in ((OSError("full"), 2), (TypeError("slip"), 1)):
        with pytest.raises(SystemExit) as stop:
            failures.run(raising(error), debug=True)
        assert stop.value.code == status
