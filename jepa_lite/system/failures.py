"""How a command ends that does not end well: one sentence on stderr, and an exit status.

2: the input, the disk or the memory, with the way out. 128 + n: signal n. 1: an error that nobody foresaw,
with its type, and `--debug` (or JEPA_LITE_DEBUG=1) for the traceback, which that shows of every error.
"""

import dis
import os
import re
import sys
import textwrap
import traceback
from collections.abc import Callable

import torch
from safetensors import SafetensorError

from . import pipes
from .distributed import leave_processes
from .signals import Interrupted, Stopped, StopSignals

# OSError: a full disk, too. ModuleNotFoundError: what only an extra installs.
FORESEEN = (ValueError, OSError, FloatingPointError, SafetensorError, ModuleNotFoundError)
NO_MEMORY = re.compile("out of memory|not enough memory|(can't|cannot) allocate memory", re.IGNORECASE)
PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LONGEST = 2000  # characters of a sentence: it may quote what was given
DIALS = (
    "lower train.batch_size or model.image_size, or raise train.groups, which makes micro-batches smaller "
    "and may be changed with --resume"
)


class OutOfMemory(RuntimeError):
    """Memory ran out, the processor's or the GPU's; says which setting to turn, and what was saved."""


def run(command: Callable[[], object], debug: bool = False) -> None:
    """command(), all of whose errors and signals become a sentence and an exit status.

    debug: show the whole traceback of an error as well.
    """
    if sys.stderr is None:  # as under pythonw
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - for as long as the process lives
    try:
        with StopSignals():
            command()
            print(end="", flush=True)  # here, where a full disk is told like any other error
    except BrokenPipeError as error:
        sys.exit(141 if pipes.reader_left() else _fail(error, 2))  # 141: as other tools end, by SIGPIPE
    except Interrupted as interrupted:
        sys.exit(_fail("stopped", 128 + interrupted.signal))  # as a shell counts an end by a signal
    except KeyboardInterrupt:
        sys.exit(_fail("stopped", 130))
    except Stopped as stopped:
        sys.exit(_fail(stopped, 128 + stopped.signal))
    except Exception as error:
        if debug or os.environ.get("JEPA_LITE_DEBUG", "") not in ("", "0"):
            traceback.print_exc()
        sys.exit(_fail(*_told(error)))
    finally:
        pipes.let_go()
        leave_processes()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether this is one of the many errors that say that no memory is left."""
    known = isinstance(error, MemoryError | torch.OutOfMemoryError)
    return known or (isinstance(error, RuntimeError | OSError) and bool(NO_MEMORY.search(str(error))))


def out_of_memory(error: BaseException, saved: str = "") -> OutOfMemory:
    """An `OutOfMemory` that says what `error` means; `saved`: a phrase on what was."""
    amount = re.search(r"tried to allocate ([\d.]+ ?\w+)", str(error), re.IGNORECASE)
    tried = f" (another {amount[1]} were needed)" if amount else ""
    return OutOfMemory(f"out of memory{tried}; {DIALS}" + (f"; {saved}" if saved else ""))


def is_ours(error: BaseException) -> bool:
    """Whether a `raise` of this package or the operating system made the error, and not a slip of ours."""
    if isinstance(error, OSError | SafetensorError):
        return True
    frame = error.__traceback__
    while frame.tb_next:
        frame = frame.tb_next
    code = frame.tb_frame.f_code
    ours = code.co_filename.startswith(PACKAGE + os.sep)
    return ours and dis.opname[code.co_code[frame.tb_lasti]] == "RAISE_VARARGS"


def _told(error):
    """(sentence, exit status) for an error."""
    if is_out_of_memory(error) and not isinstance(error, OutOfMemory):
        error = out_of_memory(error)
    if isinstance(error, OutOfMemory) or (isinstance(error, FORESEEN) and is_ours(error)):
        return error, 2
    what = textwrap.shorten(f"{type(error).__name__}: {error}", 500)
    return f"unexpected {what} (the same command with --debug shows where; please report it)", 1


def _fail(message, status):
    if os.environ.get("RANK", "") in ("", "0"):  # else every process would say it
        print(f"jepa-lite: {_line(str(message))}", file=sys.stderr)
    return status


def _line(text):
    """Text as one line that ends, and that gives a terminal no orders: file names may hold anything."""
    text = " ".join(text.split())
    text = text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
