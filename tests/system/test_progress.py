"""Claims about what is shown of a run (progress.py), and about output that nobody reads (pipes.py):

1. Counts have their plural, times no sixtieth second, and what is not known is not shown as 0.
2. On a terminal a bar; in a file or a pipe some ten lines and no carriage return; nothing for other ranks.
3. The rows and columns of a printed table are named as in the README, and fit 50 columns.
4. A reader who leaves ends any command quietly, with no traceback and no "Exception ignored"; a full disk is
   said; an error of another pipe is an error.
"""

import errno
import io
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from jepa_lite import cli
from jepa_lite.figures.style import NAMES
from jepa_lite.system import pipes, progress

ROOT = Path(__file__).resolve().parents[2]


def status_of(*words):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["jepa-lite", *words])
        try:
            cli.main()
        except SystemExit as stop:
            return stop.code or 0
    return 0


def line(monkeypatch, loss, rank, done, elapsed):
    """What a pipe is told of a step, in a run that is `done` (0 to 1) after so many seconds."""
    monkeypatch.setattr(sys, "stderr", stream := io.StringIO())
    display = progress.Progress(SimpleNamespace(progress=done, elapsed=elapsed), "I-JEPA")
    display.show({"loss": loss} | ({} if rank is None else {"rank": rank}))
    return stream.getvalue().rstrip("\n")


# 1 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "seconds, said",
    [(0, "0:00"), (0.4, "0:00"), (9, "0:09"), (59.4, "0:59"), (59.6, "1:00"), (60, "1:00"), (119.7, "2:00"),
     (3599.6, "1:00:00"), (3600, "1:00:00"), (7384.2, "2:03:04"), (360000, "100:00:00"), (-1, "0:00"),
     (float("inf"), "?"), (float("nan"), "?")],
)  # fmt: skip
def test_a_clock_has_no_sixtieth_second(monkeypatch, seconds, said):
    assert line(monkeypatch, 0.5, None, 0.5, seconds) == f"I-JEPA 50%, loss 0.500, {said} left"


def test_counts_have_their_plural():
    numbers = ((0, "step"), (1, "step"), (1200, "step"), (2, "process"))
    said = [progress.counted(number, noun) for number, noun in numbers]
    assert said == ["0 steps", "1 step", "1,200 steps", "2 processes"]


def test_what_is_not_known_is_not_zero(monkeypatch):
    assert line(monkeypatch, 0.5, 1.2, 0.25, 60) == "I-JEPA 25%, loss 0.500, rank 1, 3:00 left"
    assert line(monkeypatch, 0.5, None, 0.0, 3) == "I-JEPA 0%, loss 0.500, ? left"
    assert line(monkeypatch, 0.5, 7, 1.0, 3) == "I-JEPA 100%, loss 0.500, rank 7, 0:00 left"


# 2 -------------------------------------------------------------------------------------------------------


def run_past(stream, monkeypatch, steps=40, **options):
    """Show a run of that many steps, whose rank is measured at every fifth, on `stream`."""
    monkeypatch.setattr(sys, "stderr", stream)
    run = SimpleNamespace(progress=0.0, elapsed=0.0)
    display = progress.Progress(run, "I-JEPA", **options)
    for step in range(1, steps + 1):
        run.progress, run.elapsed = step / steps, 1.5 * step
        display.show({"loss": 0.25, "step": step} | ({"rank": 12.0} if step % 5 == 0 else {}))
    display.bar.refresh()
    display.close()


@pytest.mark.skipif(os.name != "posix", reason="a terminal is made otherwise on Windows")
@pytest.mark.parametrize("columns", [50, 80])
def test_a_terminal_has_a_bar_that_fits_it(monkeypatch, columns):
    import fcntl
    import pty
    import struct
    import termios

    here, there = pty.openpty()
    fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with open(there, "w") as terminal:
        run_past(terminal, monkeypatch)
        said = b""
        while not said.endswith(b"\n"):  # the bar's last word; a terminal gives piece by piece
            said += os.read(here, 4096)
        text = said.decode()
    os.close(here)
    lines = [line.strip("\n") for line in text.split("\r") if line.strip()]
    assert re.fullmatch(r"I-JEPA █+ 100%, loss 0\.250, rank 12, 0:00 left", lines[-1]), lines
    assert " ," not in text and "rank 0" not in text
    assert max(map(len, lines)) <= columns, lines


def test_a_pipe_has_lines(monkeypatch):
    stream = io.StringIO()
    run_past(stream, monkeypatch)
    text, lines = stream.getvalue(), stream.getvalue().splitlines()
    assert "\r" not in text and 10 <= len(lines) <= 11, text
    assert lines[0] == "I-JEPA 2%, loss 0.250, 0:58 left" and lines[-1].endswith("rank 12, 0:00 left")


def test_other_ranks_and_a_missing_stderr_show_nothing(monkeypatch):
    stream = io.StringIO()
    run_past(stream, monkeypatch, shown=False)
    assert stream.getvalue() == ""
    run_past(None, monkeypatch)


# 3 -------------------------------------------------------------------------------------------------------

ROWS = [{"name": name} | dict.fromkeys(cli.PROBES, 1.0) for name in NAMES if name not in cli.PROBES]


def test_a_table_has_the_names_of_the_readme():
    readme = (ROOT / "README.md").read_text("utf-8")
    block = re.search(r"<!-- results/demo.json -->\n(.*?)<!-- end -->", readme, re.S)[1].replace("*", "")
    head, _, *rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in block.splitlines()]
    columns = [name.removesuffix(", %") for name in head[1:]]
    kept = {"name", *(probe for probe, heading in cli.PROBES.items() if heading in columns)}
    printed = cli._table([{k: v for k, v in row.items() if k in kept} for row in ROWS]).splitlines()
    assert [line[:14].strip() for line in printed] == [head[0], *(row[0] for row in rows)]
    assert [printed[0][i : i + 11].strip() for i in range(14, len(printed[0]), 11)] == columns
    assert max(map(len, cli._table(ROWS).splitlines())) <= 60


def test_a_row_that_lacks_a_probe_leaves_its_place_empty():
    rows = [
        {"name": "pixels", "linear": 0.5, "knn": 0.25},
        {"name": "ijepa"} | dict.fromkeys(cli.PROBES, 1.0),
    ]
    head, pixels, ijepa = (line[14:] for line in cli._table(rows).splitlines())
    assert head.split() == ["linear", "last", "4", "20-NN", "attentive"] and ijepa.split() == ["100.0%"] * 4
    assert [pixels[i : i + 11].strip() for i in (0, 11, 22, 33)] == ["50.0%", "", "25.0%", ""]


@pytest.mark.slow
def test_fifty_columns_are_enough_for_a_plan(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "50")
    assert status_of("plan", "--seconds", "0.1", "--steps", "1", "--images", "300", "--device", "cpu") == 0
    lines = capsys.readouterr().out.split("Time was measured")[0].splitlines()
    assert not [line for line in lines if len(line) > 50]
    assert any(line.startswith("parameters ") for line in lines)


# 4 -------------------------------------------------------------------------------------------------------


@pytest.fixture
def unread(monkeypatch):
    """A stdout whose reader has left."""
    reading, writing = os.pipe()
    os.close(reading)
    stream = open(writing, "w")  # noqa: SIM115
    monkeypatch.setattr(sys, "stdout", stream)
    yield stream
    stream.close()  # raises where something is left that nobody takes


@pytest.mark.skipif(os.name != "posix", reason="closed pipes are told otherwise on Windows")
@pytest.mark.parametrize("words", [["--help"], ["demo", "--help"], ["settings"]])
@pytest.mark.parametrize("buffered", [True, False])
def test_a_reader_who_leaves_ends_a_command_quietly(words, buffered, unread, monkeypatch, capfd):
    if not buffered:
        unread.reconfigure(write_through=True)
    monkeypatch.setattr(sys, "stdout", unread)
    assert status_of(*words) in (0, 141)
    assert capfd.readouterr().err == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk_is_said(monkeypatch, capsys):
    full = open("/dev/full", "w")  # noqa: SIM115
    monkeypatch.setattr(sys, "stdout", full)
    assert status_of("settings") == 2
    full.close()
    assert re.fullmatch(r"jepa-lite: .*No space left on device.*\n", capsys.readouterr().err)


def test_the_error_of_another_pipe_is_said(monkeypatch, capsys):
    def broken(*_, **__):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr("jepa_lite.training.plan.plan", broken)
    assert not pipes.reader_left() and status_of("plan") == 2
    assert "Broken pipe" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
def test_the_real_command_into_a_head_that_has_left():
    command = f"'{sys.executable}' -m jepa_lite.cli --help | head -n 0; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 141) and done.stderr == done.stdout == "", done
