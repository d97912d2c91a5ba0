"""A run's folder belongs to one process at a time.

The lock is the operating system's own (filelock), so it ends with the process, also by `kill -9`.
"""

import contextlib
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

NAME = ".lock"


@contextlib.contextmanager
def held(out: str | Path) -> Iterator[None]:
    """Hold the folder `out`, made if need be, while inside; it goes again if nothing was left in it.

    Raises, in one sentence, OSError where it cannot be written, ValueError while another process holds it.
    """
    out = Path(out)
    new = not out.exists()
    _check_writable(out)
    lock = FileLock(out / NAME)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ValueError(
            f"another process is writing to {out}; wait for it, stop it, or choose another --out"
        ) from None
    except (OSError, NotImplementedError) as error:  # a file system without locks
        warnings.warn(f"{out} cannot be locked ({error}): see that no other run writes to it", stacklevel=3)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            if new and [path.name for path in out.iterdir()] == [NAME]:  # refused before it began
                (out / NAME).unlink()
                out.rmdir()
        lock.release()


def _check_writable(out):
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise OSError(f"{out} cannot be written ({error}); choose another --out") from error
