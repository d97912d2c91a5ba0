"""What a command does when nobody reads its output any more: `jepa-lite plan | head -1`.

Python would raise BrokenPipeError wherever the program is, or complain at its very end. A tool ends quietly.
"""

import contextlib
import os
import select
import sys


def reader_left() -> bool:
    """Whether somebody who read our output or our messages has closed them."""
    return any(map(_is_broken, (sys.stdout, sys.stderr)))


def let_go() -> None:
    """Flush what was printed; what nobody takes goes nowhere, so that Python's own last flush cannot fail."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except (OSError, ValueError):  # ValueError: it is closed
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _is_broken(stream):
    try:
        stream.flush()
        poll = select.poll()  # of an unbuffered stream a flush says nothing
        poll.register(stream, 0)
        return any(happened & select.POLLERR for _, happened in poll.poll(0))
    except BrokenPipeError:
        return True
    except (AttributeError, OSError, ValueError):  # no stream, no poll (Windows), or a stream without a file
        return False
