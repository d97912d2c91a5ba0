"""Claims about a run's folder (system/locks.py, and pretrain.py before there is a run).

1. One process at a time trains into a folder; a second hears one sentence and changes nothing. The lock goes
   with the process that holds it, also by SIGKILL.
2. A file system without locks costs a warning.
3. A folder that cannot be written, or a path that is empty, is refused before any image is read.
4. A run that was refused leaves no folder behind that was not there.
"""

import multiprocessing
import os
import signal
import sys
import tempfile

import pytest

from jepa_lite import cli, data
from jepa_lite.cli import configure
from jepa_lite.system import locks
from jepa_lite.system.locks import held
from jepa_lite.training import pretrain

TINY = (
    "model.image_size=16", "model.patch_size=4", "model.width=8", "model.depth=1", "model.heads=1",
    "model.predictor_width=8", "model.predictor_depth=1", "model.predictor_heads=1",
    "train.batch_size=8", "train.groups=1",
)  # fmt: skip


def tiny(steps=1, *changes):
    return configure("demo", None, steps, None, 0, (*TINY, *changes))


@pytest.fixture
def no_images(monkeypatch):
    def load(*_, **__):
        raise AssertionError("images were read")

    monkeypatch.setattr(pretrain, "load_data", load)


def hold_and_wait(out, ready):
    with held(out):
        ready.set()
        signal.pause()


# 1 ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_second_process_hears_one_sentence_and_a_killed_one_lets_go(tmp_path, no_images):
    context = multiprocessing.get_context("spawn")
    ready, out = context.Event(), tmp_path / "run"
    process = context.Process(target=hold_and_wait, args=(out, ready))
    process.start()
    assert ready.wait(60)
    with pytest.raises(ValueError) as refusal:
        pretrain.pretrain(tiny(), "shapes", out=out)
    assert str(refusal.value) == (
        f"another process is writing to {out}; wait for it, stop it, or choose another --out"
    )
    assert [path.name for path in out.iterdir()] == [".lock"]
    os.kill(process.pid, signal.SIGKILL)
    process.join(60)
    with held(out):
        pass


def test_a_run_holds_its_folder_while_it_trains_and_no_longer(tmp_path, monkeypatch):
    monkeypatch.setitem(data.COUNTS, "train", 16)
    asked = []

    def watch(record):
        asked.append(record["step"])
        with pytest.raises(ValueError, match="another process is writing"):
            held(tmp_path / "run").__enter__()

    pretrain.pretrain(tiny(), "shapes", out=tmp_path / "run", watch=watch)
    assert asked == [1], "nobody asked for the folder while it trained"
    pretrain.pretrain(tiny(2), "shapes", out=tmp_path / "run", resume=True)


# 2 ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [OSError(95, "Operation not supported"), NotImplementedError("no flock")])
def test_a_file_system_without_locks_costs_a_warning(tmp_path, monkeypatch, error):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(locks.FileLock, "acquire", refuse)
    cost = pytest.warns(UserWarning, match=r"cannot be locked .*: see that no other process writes to it")
    with cost as said, held(tmp_path / "run"):
        (tmp_path / "run" / "log.jsonl").touch()
    assert len(said) == 1


# 3 ----------------------------------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_written_is_found_first(tmp_path, no_images, monkeypatch):
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(OSError, match=r"cannot be written .*; choose another --out") as refusal:
            pretrain.pretrain(tiny(), "shapes", out=out)
        assert str(refusal.value).count("cannot be written") == 1 and str(out) in str(refusal.value)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(OSError, match=r"cannot be written .*Permission denied.*; choose another --out"):
        pretrain.pretrain(tiny(), "shapes", out=tmp_path / "run")


def test_an_empty_path_is_refused(tmp_path, no_images, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for places in ({"out": ""}, {"out": "run", "root": ""}):
        with pytest.raises(ValueError, match="is empty; name a folder"):
            pretrain.pretrain(tiny(), "shapes", **places)
    for words in (["--out", ""], ["--root", ""], ["--out="], ["--root=", "--steps", "3"]):
        for command in (["jepa-lite", "pretrain"], ["jepa-lite", "explain", "run", "a.png"]):
            monkeypatch.setattr(sys, "argv", [*command, *words])
            with pytest.raises(SystemExit, match="2"):
                cli.main()
            assert f"{words[0]} is given nothing; name a value" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


# 4 ----------------------------------------------------------------------------------------------------------


def test_a_refused_run_leaves_no_folder(tmp_path):
    (tmp_path / "there").mkdir()
    for out in (tmp_path / "new", tmp_path / "there"):
        with pytest.raises(FileNotFoundError):
            pretrain.pretrain(tiny(), "folder", root=tmp_path / "nowhere", out=out)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
