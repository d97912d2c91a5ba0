"""What belongs to one process at a time: a run's folder, a download, a model that the course keeps.

The lock is the operating system's own (filelock), so it ends with the process, also by `kill -9`. Its empty
file stays where it is: deleting it would let a process lock a file that has gone.
"""

import contextlib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from .caches import unwritable

NAME = ".lock"


@contextlib.contextmanager
def locked(file: Path, busy: Callable[[], object]) -> Iterator[None]:
    """Hold the lock file `file` while inside, once no other process does.

    busy: called once if another process holds it; unless it raises, that process is waited for. Where the
    file system has no locks, a warning says so and nothing is held.
    """
    lock = FileLock(file)
    if not _acquired(lock, timeout=0):
        busy()
        _acquired(lock, timeout=-1)
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def held(out: str | Path) -> Iterator[None]:
    """Hold the folder `out`, made if need be, while inside; it goes again if nothing was left in it.

    Raises, in one sentence, OSError where it cannot be written, ValueError while another process holds it.
    """
    out = Path(out)
    new = not out.exists()
    if why := unwritable(out):
        raise OSError(f"{out} cannot be written ({why}); choose another --out")

    def refuse():
        raise ValueError(
            f"another process is writing to {out}; wait for it, stop it, or choose another --out"
        )

    with locked(out / NAME, busy=refuse):
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                if new and [path.name for path in out.iterdir()] == [NAME]:  # refused before it began
                    (out / NAME).unlink()
                    out.rmdir()


def _acquired(lock, timeout):
    """Whether no other process holds the lock, which is then ours, unless the file system has none."""
    try:
        lock.acquire(timeout)
    except Timeout:
        return False
    except (OSError, NotImplementedError) as error:
        folder = Path(lock.lock_file).parent
        told = f"{folder} cannot be locked ({error}): see that no other process writes to it"
        warnings.warn(told, stacklevel=3)
    return True
