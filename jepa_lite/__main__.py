"""`jepa-lite` and `python -m jepa_lite`: an answer to Ctrl-C first, for PyTorch takes seconds to import.

What the commands do is cli.py's affair.
"""

import contextlib
import os
import signal
import sys


def main(*command: str) -> None:
    """Run the command line, of which `command` are the first words if they are given already.

    Until it is imported, Ctrl-C and SIGTERM end the process with one quiet line.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) in (
            signal.SIG_DFL,
            signal.default_int_handler,
        ):  # not where it is ignored
            signal.signal(number, _leave)
    from .cli import main as run

    run([*command, *sys.argv[1:]])


def _leave(number, frame):
    # At once: an exception that is raised amid an import may be taken for a failure of that import.
    if os.environ.get("RANK", "") in ("", "0"):
        with contextlib.suppress(OSError):  # nobody may be listening
            os.write(2, b"\njepa-lite: stopped\n")
    os._exit(128 + number)


if __name__ == "__main__":
    main()
