"""Unpack an archive that came from a network: nothing of it can land outside the folder it goes to.

An archive is a list of names, and nothing stops a name from being "../.bashrc", "/etc/passwd" or, in two
steps, a link out of the folder and a file written through it. A tar goes through Python's own "data"
filter, and links are refused as well: data sets need none, and before Python 3.11.13, 3.12.11 and 3.13.4
the filter lost track of links on long paths (CVE-2025-4517). An archive of kilobytes cannot fill the disk
either, and one that is damaged does not pass for whole.
"""

import errno
import gzip
import lzma
import stat
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath

LIMIT = 20 * 2**30  # bytes that an archive may unpack to; STL-10, the largest set here, has 3 GB
BLOCK = 4096  # bytes that a member counts at least: empty files fill a disk as well
DEPTH = 64  # folders in a member's path
# What reading a damaged archive raises (zipfile: RuntimeError where a password is needed).
DAMAGED = (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError)
DAMAGED += (RuntimeError, NotImplementedError, ValueError, LookupError, OverflowError)
# Errors of the system for which a member's name is to blame (too long, a file below a file), not the disk.
NAMES = (errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.EINVAL)


class _Refused(ValueError):
    """Why an archive was not unpacked, in one sentence that names it."""


def extract(archive: Path, into: Path, limit: int = LIMIT) -> None:
    """Unpack `archive`, a .tar, .tgz, .tar.gz, .zip or bare .gz file, into the folder `into`.

    Raises ValueError, in one sentence that names the archive: for a member that is a link or a device, would
    land outside or lies too deep; for more than `limit` bytes; for an archive that is cut short, damaged or
    encrypted. What came before is then in `into`, for the caller to delete. A full disk is an OSError.
    """
    unpack = _unpacker(archive)
    try:
        unpack(archive, into, limit)
    except (_Refused, MemoryError):
        raise
    except (*DAMAGED, OSError) as error:
        if isinstance(error, OSError) and not isinstance(error, DAMAGED) and error.errno not in NAMES:
            raise
        reason = " ".join(str(error).split())
        raise _Refused(
            f"{archive} is cut short, damaged, encrypted or of an unknown kind ({reason}), and was not "
            "unpacked; delete it and get it again"
        ) from error


def _unpacker(archive):
    if archive.name.endswith((".tar", ".tgz", ".tar.gz")):
        check_python()
        return _extract_tar
    kinds = {".zip": _extract_zip, ".gz": _extract_gz}
    if archive.suffix not in kinds:
        raise ValueError(f"{archive} is no .tar, .tgz, .tar.gz, .zip or .gz file; unpack it yourself")
    return kinds[archive.suffix]


def check_python() -> None:
    """Refuse a Python whose tarfile has no filters, before anything is downloaded for it."""
    if not hasattr(tarfile, "data_filter"):
        version = sys.version.split()[0]
        raise ValueError(f"Python {version} cannot unpack an archive safely; update it to 3.11.4 or newer")


def _extract_tar(archive, into, limit):
    left = limit

    def inside(member, folder):
        nonlocal left
        left -= max(member.size, BLOCK)
        _check_size(archive, left, limit)
        if not (member.isfile() or member.isdir()) or _leaves(member.name):
            raise _refusal(archive, member.name)
        return tarfile.data_filter(member, folder)

    try:
        with tarfile.open(archive) as tar:
            tar.extractall(into, filter=inside)
            _check_end(tar)
    except tarfile.FilterError as error:  # what only the file system knows
        raise _refusal(archive, error.tarinfo.name) from error


def _check_end(tar):
    """tarfile takes a tar that is cut between two members for whole, and does not read gzip's checksum."""
    tar.fileobj.seek(tar.offset)
    if tar.fileobj.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
        raise tarfile.ReadError("its end is missing")
    while tar.fileobj.read(2**20):
        pass


def _extract_zip(archive, into, limit):
    with zipfile.ZipFile(archive) as source:
        _check_size(archive, limit - sum(max(m.file_size, BLOCK) for m in source.infolist()), limit)
        for member in source.infolist():  # extractall would put these elsewhere without a word
            if _leaves(member.filename) or stat.S_ISLNK(member.external_attr >> 16):
                raise _refusal(archive, member.filename)
        source.extractall(into)  # no member gives more bytes than it declared


def _extract_gz(archive, into, limit):
    if not archive.stat().st_size:
        raise EOFError("the file is empty")  # gzip takes it for a whole file of nothing
    with gzip.open(archive) as source, open(into / archive.stem, "wb") as file:
        while part := source.read(2**20):
            file.write(part)
            _check_size(archive, limit - file.tell(), limit)


def _check_size(archive, left, limit):
    if left < 0:
        raise _Refused(
            f"{archive} unpacks to more than {limit / 1e9:.3g} GB, more than any data set here has; delete "
            "it, or unpack it yourself"
        )


def _leaves(name):
    """Whether a member's name is absolute, climbs or lies too deep, as any system reads it."""
    windows = PureWindowsPath(name)  # "/" and "\\" both part its names
    climbs = PurePosixPath(name).is_absolute() or windows.drive or windows.root or ".." in windows.parts
    return bool(climbs or len(windows.parts) > DEPTH)


def _refusal(archive, member):
    name = member if len(member) <= 200 else f"{member[:200]}..."
    return _Refused(
        f"{archive} holds {name!r}, a link, a device or a path out of its folder (or too deep in it), and "
        "was not unpacked; delete it and get the archive from an address that you trust"
    )
