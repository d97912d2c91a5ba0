"""Unpack an archive that came from a network: nothing of it can land outside the folder it goes to.

An archive is a list of names, and nothing stops a name from being "../.bashrc", "/etc/passwd" or, in two
steps, a link out of the folder and a file written through it. A tar goes through Python's own "data"
filter, and links are refused as well: data sets need none, and before Python 3.11.13, 3.12.11 and 3.13.4
the filter lost track of links on long paths (CVE-2025-4517).
"""

import gzip
import shutil
import stat
import sys
import tarfile
import zipfile
from pathlib import PurePosixPath, PureWindowsPath


def extract(archive, into):
    """Unpack `archive`, a .tar, .tgz, .tar.gz, .zip or bare .gz file, into the folder `into`.

    Raises ValueError, in one sentence that names archive and member, for a member that is a link or a
    device or would land outside; what came before it is then in `into`, for the caller to delete.
    """
    if archive.name.endswith((".tar", ".tgz", ".tar.gz")):
        _extract_tar(archive, into)
    elif archive.suffix == ".zip":
        _extract_zip(archive, into)
    elif archive.suffix == ".gz":
        with gzip.open(archive) as source, open(into / archive.stem, "wb") as file:
            shutil.copyfileobj(source, file)
    else:
        raise ValueError(f"{archive} is no .tar, .tgz, .tar.gz, .zip or .gz file; unpack it yourself")


def check_python():
    """Refuse a Python whose tarfile has no filters, before anything is downloaded for it."""
    if not hasattr(tarfile, "data_filter"):
        version = sys.version.split()[0]
        raise ValueError(f"Python {version} cannot unpack an archive safely; update it to 3.11.4 or newer")


def _extract_tar(archive, into):
    check_python()

    def inside(member, folder):
        if not (member.isfile() or member.isdir()) or _leaves(member.name):
            raise _refusal(archive, member.name)
        return tarfile.data_filter(member, folder)

    try:
        with tarfile.open(archive) as tar:
            tar.extractall(into, filter=inside)
    except tarfile.FilterError as error:  # what only the file system knows
        raise _refusal(archive, error.tarinfo.name) from error


def _extract_zip(archive, into):
    with zipfile.ZipFile(archive) as source:
        for member in source.infolist():  # extractall would put these elsewhere without a word
            if _leaves(member.filename) or stat.S_ISLNK(member.external_attr >> 16):
                raise _refusal(archive, member.filename)
        source.extractall(into)


def _leaves(name):
    """Whether a member's name is absolute or climbs, as any system reads it."""
    windows = PureWindowsPath(name)  # "/" and "\\" both part its names
    return bool(PurePosixPath(name).is_absolute() or windows.drive or windows.root or ".." in windows.parts)


def _refusal(archive, member):
    return ValueError(
        f"{archive} holds {member!r}, a link, a device or a path out of its folder, and was not unpacked; "
        "delete it and get the archive from an address that you trust"
    )
