"""Where is kept what can be made again: data sets, resized images, the course's models. Delete it freely.

It is ~/.cache/jepa_lite, unless the environment names a folder. Where neither can be written (no home, a
read-only disk), a temporary folder takes its place, and a warning says so before any long work.
"""

import os
import tempfile
import warnings
from pathlib import Path


def cache_folder(below: str = "", variable: str | None = None, wanted: str | Path | None = None) -> Path:
    """The folder that the environment's `variable` names, else ~/.cache/jepa_lite/`below`.

    It can be written, or holds `wanted` already (a path in it); else it is a temporary one, with a warning.
    """
    named = os.environ.get(variable) if variable else None
    folder, why = Path(named or "~/.cache/jepa_lite") / ("" if named else below), None
    try:
        folder = folder.expanduser()
        if (wanted and os.path.exists(folder / wanted)) or not (why := unwritable(folder)):
            return folder
    except RuntimeError as error:  # a user without a home
        why = error
    spare = _temporary() / below
    spare.mkdir(parents=True, exist_ok=True)
    ways = f"set {variable} to another" if variable else "set HOME to a folder that can be written"
    warnings.warn(
        f"nothing can be kept in {folder} ({why}); {spare} is used, which the system may delete; {ways}",
        stacklevel=2,
    )
    return spare


def unwritable(folder: Path) -> str | None:
    """Why nothing can be written to `folder`, which is made if need be; None where it can."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return error.strerror


def _temporary():
    """This user's own temporary folder, the same in every process, and no one else's."""
    user = str(os.getuid()) if hasattr(os, "getuid") else "cache"
    folder = Path(tempfile.gettempdir()) / f"jepa_lite-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if user.isdigit() and folder.lstat().st_uid != os.getuid():  # put there by somebody else
        return Path(tempfile.mkdtemp(prefix="jepa_lite-"))
    return folder
