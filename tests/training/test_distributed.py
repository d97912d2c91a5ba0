"""Claims about several processes that train one model (gloo, on this machine).

1. Two processes give the gradients of one process with the same global batch, to 1e-6, also when it does not
   divide evenly and also with targets normed or whitened over the batch; so whole runs agree too.
2. Each sees other images, crops and masks; together, those of the one process.
3. All stop at the same step when one wishes to; what stops rank 0 stops all; rank 0 goes first, and however
   long it or another takes over the images, the others wait.
4. `torchrun -m jepa_lite pretrain` trains, speaks and writes once, with no warning but of a broken file.
5. A process that is killed comes back under --max-restarts from the last checkpoint, to the same weights.
6. A run goes on with another number of processes, says so, and ends with the same weights but for rounding.
7. A process that has left its group has no thread of gloo any more (each child asserts it), because one that
   outlives Python aborts the process.
8. What hangs under torchrun is ended by the time-out of the helper below, and none of its processes is left.
9. Each process of a machine has a GPU of its own; more processes than images are refused.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from processes_child import gradients, make_run
from test_resume import SETTINGS, assert_same, outcome

from jepa_lite import cli
from jepa_lite.training.checkpoints import load_model
from jepa_lite.training.pretrain import pretrain
from jepa_lite.training.run_log import read_log

pytestmark = pytest.mark.slow

CHILD = Path(__file__).with_name("processes_child.py")


def torchrun(*words, processes=2, options=(), seconds=300):
    """Run under torchrun; returns what it printed, once it has ended well. After `seconds` it is ended."""
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}",
        *options, *map(str, words),
    ]  # fmt: skip
    environment = os.environ | {"OMP_NUM_THREADS": "1", "USE_LIBUV": "0", "PYTHONPATH": os.getcwd()}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, start_new_session=True, **pipes) as process:
        try:
            out, err = process.communicate(timeout=seconds)
        except BaseException:  # Ctrl-C as well: a session of its own does not hear it
            end(process)
            raise
    assert process.returncode == 0, out[-2000:] + err[-4000:]
    return subprocess.CompletedProcess(command, 0, out, err)


def end(process):
    """End torchrun and all that it started.

    It gives each process a session of its own, out of reach of a signal to torchrun's group; on SIGTERM it
    ends them itself, after 30 seconds with SIGKILL. What is left of its own group is killed then.
    """
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=60)
    if hasattr(os, "killpg"):  # Windows has no groups
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()


# 1, 2 ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["layer", "place", "whiten"])
def two(request, tmp_path_factory):
    """(norm, what ranks 0 and 1 left)."""
    folder = tmp_path_factory.mktemp("two")
    torchrun(CHILD, "step", folder, request.param)
    return request.param, [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in (0, 1)]


def test_two_processes_have_the_gradients_of_one(two):
    norm, ranks = two
    expected = gradients(make_run(norm))
    for rank, found in enumerate(ranks):
        assert found["gradients"].keys() == expected.keys()
        worst = {n: (found["gradients"][n] - g).abs().max().item() for n, g in expected.items()}
        assert max(worst.values()) < 1e-6, f"rank {rank} is off by {max(worst.values())}"
    assert max(g.abs().max() for g in expected.values()) > 1e-2, "too small to tell apart"


def test_two_processes_train_as_one(two):
    norm, ranks = two
    run = make_run(norm)
    records = list(run.steps())
    for found in ranks:
        for mine, theirs in zip(records, found["records"], strict=True):
            for key in {"loss", "gradient", "rank", "std", "gap", "position_share"} & set(mine):
                assert theirs[key] == pytest.approx(mine[key], rel=1e-3, abs=1e-5), f"{key} of {mine['step']}"
            assert abs(theirs["tokens"] - mine["tokens"]) <= 0.2 * mine["tokens"], "of all processes"
        for name, weight in run.model.state_dict().items():  # AdamW grows what rounding has left
            assert (found["weights"][name] - weight).abs().max() < 2e-3, name
    assert all(torch.equal(w, ranks[1]["weights"][n]) for n, w in ranks[0]["weights"].items()), "ranks differ"


def test_each_process_sees_its_own_part_of_the_batch(two):
    norm, ranks = two
    images, _ = make_run(norm).batch(0)
    for rank, found in enumerate(ranks):
        assert torch.equal(found["images"], images[rank::2])
    rows = [tuple(row.tolist()) for found in ranks for row in found["targets"]]
    assert len(rows) == 11 and len(set(rows)) > 8, "masks repeat"
    sums = [image.sum().item() for found in ranks for image in found["images"]]
    assert len(set(sums)) == 11, "an image is seen twice"


# 3 ---------------------------------------------------------------------------------------------------------


def test_all_decide_alike(tmp_path):
    torchrun(CHILD, "agree", tmp_path)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    for found in (first, second):
        assert found["total"] == [2.0, 10.0] and found["world"] == 2
        assert found["steps"] == 3, "rank 1 wished to stop after step 2, while step 3 was not yet agreed on"
        assert found["error"] == "rank 0 has found something"
    assert first["order"] == 0


def test_the_others_wait_while_one_reads_images(tmp_path):
    torchrun(CHILD, "be_patient", tmp_path)
    for rank in (0, 1):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert found == {"turns": [rank, rank], "total": [2.0]}


# 4, 5, 6 ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    from test_resume import make_pictures

    return make_pictures(tmp_path_factory.mktemp("data"))


FEW = (*SETTINGS, "train.steps=14", "train.stream=true")  # the number of loading workers changes no bit


@pytest.fixture(scope="module")
def launched(root, tmp_path_factory):
    """(what torchrun printed, the folder) of a run of two processes that never stops."""
    out = tmp_path_factory.mktemp("launched") / "run"
    flags = ("--preset", "demo", "--data", "folder", "--root", root, "--out", out, "--device", "cpu")
    return torchrun("-m", "jepa_lite", "pretrain", *flags, "--set", *FEW, "train.workers=1"), out


def test_torchrun_trains_speaks_and_writes_once(launched):
    done, out = launched
    assert done.stdout.count("14 steps in") == 1 and done.stderr.count("could not be read") == 1
    warned = [line for line in done.stderr.splitlines() if "Warning" in line and "dark/06.png" not in line]
    assert not warned and "going on" not in done.stderr, done.stderr
    assert [record["step"] for record in read_log(out)] == list(range(1, 15))
    names = {path.name for path in out.iterdir()}
    checkpoints = {name for name in names if name.startswith("checkpoint-")}
    others = {".lock", "images.json", "log.jsonl", "run.json", "skipped.txt"}
    assert len(checkpoints) == 2 and names - checkpoints == others
    assert "dark/06.png: not an image" in (out / "skipped.txt").read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_killed_process_comes_back_from_the_last_checkpoint(root, launched, tmp_path):
    (tmp_path / "settings").write_text(" ".join((*FEW, "train.workers=0")))
    done = torchrun(CHILD, "die_once", tmp_path, root, options=["--max-restarts=2"])
    again = re.findall(r"going on from \S+checkpoint-(\d+)", done.stderr)
    assert len(again) == 1 and int(again[0]) > 1, (
        f"it did not come back from a checkpoint: {done.stderr[-2000:]}"
    )
    assert_same(outcome(tmp_path / "run"), outcome(launched[1]))


def test_a_restart_goes_on_with_the_run_of_its_own_launch_alone(root, tmp_path, monkeypatch):
    config = cli.configure("demo", None, None, None, 0, (*SETTINGS, "train.steps=2"))
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "monday")
    pretrain(config, "folder", root=root, out=tmp_path / "run")
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    assert pretrain(config, "folder", root=root, out=tmp_path / "run").step == 2
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "tuesday")
    with pytest.raises(ValueError, match="already holds a run; add --resume"):
        pretrain(config, "folder", root=root, out=tmp_path / "run")


def test_a_run_goes_on_with_another_number_of_processes(root, tmp_path, capsys):
    flags = ["--preset", "demo", "--data", "folder", "--root", root, "--device", "cpu"]
    run = "-m", "jepa_lite", "pretrain", *flags, "--out", tmp_path / "run"
    torchrun(*run, "--set", *SETTINGS, "train.steps=5")
    config = cli.configure("demo", None, None, None, 0, (*SETTINGS, "train.steps=8"))
    pretrain(config, "folder", root=root, out=tmp_path / "run", resume=True)
    said = capsys.readouterr().err
    assert "the run was on 2 processes and is now on 1: the same images, crops and masks" in said
    assert "train.steps was 5 and is now 8" in said
    torchrun(*run, "--resume", "--set", *SETTINGS, "train.steps=11", processes=3)
    # The same, on one process throughout.
    for steps in (5, 8, 11):
        config = cli.configure("demo", None, None, None, 0, (*SETTINGS, f"train.steps={steps}"))
        pretrain(config, "folder", root=root, out=tmp_path / "alone", resume=steps > 5)
    a, b = (load_model(tmp_path / name)[0].state_dict() for name in ("run", "alone"))
    off = max((a[n] - b[n]).abs().max().item() for n in a)
    assert off < 1e-2, f"weights differ by {off}"
    losses = [[record["loss"] for record in read_log(tmp_path / name)] for name in ("run", "alone")]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3) and len(losses[0]) == 11


# 8 ---------------------------------------------------------------------------------------------------------

SLEEPER = """
import os, pathlib, sys, time
pathlib.Path(sys.argv[1], os.environ["RANK"]).write_text(str(os.getpid()))
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no way to ask whether a process lives")
def test_a_timeout_leaves_no_process(tmp_path):
    script = tmp_path / "sleeper.py"
    script.write_text(SLEEPER)
    for seconds in (8, 30, 120):  # until both have begun, however busy the machine is
        with pytest.raises(subprocess.TimeoutExpired):
            torchrun(script, tmp_path, seconds=seconds)
        if len(pids := [int(path.read_text()) for path in tmp_path.glob("[01]")]) == 2:
            break
    left = [pid for pid in pids if lives(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert len(pids) == 2 and not left, f"{left} of {pids} live on"


def lives(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


# 9 ---------------------------------------------------------------------------------------------------------


def test_each_process_has_a_gpu_of_its_own(monkeypatch):
    asked = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "empty", lambda *_, device: asked.append(device) or torch.zeros(0))
    for rank in ("0", "3"):
        monkeypatch.setenv("LOCAL_RANK", rank)
        cli._device("auto"), cli._device("cuda")
    assert asked == ["cuda:0", "cuda:0", "cuda:3", "cuda:3"]


def test_more_processes_than_images_are_refused(monkeypatch):
    monkeypatch.setattr("jepa_lite.training.run.join_processes", lambda: (0, 12))
    with pytest.raises(ValueError, match="12 processes cannot share 11 images a step"):
        make_run()
