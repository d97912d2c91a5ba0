"""A file from the first of several addresses that gives it whole, going on where the last try ended.

What has come so far lies in one `<file>.part`, which outlives Ctrl-C, kill -9 and a dead host. All the
addresses hold the same bytes, so any of them may give the rest; only the md5 decides what gets the file's
name. Two processes must not work on one file at once: the caller holds a lock (system/locks.py).
"""

import http.client
import os
import re
import urllib.error
import urllib.request
from pathlib import Path

from torchvision.datasets.utils import check_integrity
from tqdm import tqdm

from ..system.progress import hidden

TIMEOUT = 30  # seconds of silence before the next address is tried
LARGEST = 8 * 2**30  # bytes after which no more is taken; STL-10, the largest set here, has 2.6 GB
AGENT = {"User-Agent": "jepa-lite"}


def download(path: Path, md5: str, addresses: list[str], progress: bool = True) -> list[str]:
    """Have the file at `path`, whole and with this md5; call it under a lock.

    Returns [] once it is there, else for each of `addresses` a clause that says why not. What came from
    them then waits in `<path>.part` for the next call, unless its md5 was found to be wrong.
    """
    part = path.with_name(path.name + ".part")
    if check_integrity(path, md5):
        part.unlink(missing_ok=True)  # somebody put the file there by hand
        return []
    killed_before_the_rename = check_integrity(part, md5)
    failures = [] if killed_before_the_rename else _gather(part, md5, addresses, progress)
    if not failures:
        os.replace(part, path)
    return failures


def _gather(part, md5, addresses, progress):
    """Have the whole file in `part`: [], or why each of the addresses could not complete it."""
    failures = []
    for address in addresses:
        try:
            if _complete(part, md5, address, progress):
                return []
            failures.append(f"{address} (what came is cut off, too long or another file: its md5 differs)")
        except (OSError, ValueError, http.client.HTTPException) as error:  # ValueError: a senseless redirect
            failures.append(f"{address} ({error})")
    return failures


def _complete(part, md5, address, progress):
    """Whether `part` is the file, once `address` has given what it lacks; a wrong one is deleted."""
    while True:
        begin = _add_rest(part, address, progress)
        if check_integrity(part, md5):
            return True
        part.unlink()
        if begin == 0:  # all of it came from here; else its beginning may be to blame: once more, without
            return False


def _add_rest(part, address, progress):
    """Append what `part` lacks, as it comes in; returns the byte that `address` began with."""
    response, begin, total = _ask(address, part.stat().st_size if part.exists() else 0)
    most = LARGEST if total is None else total
    if most > LARGEST:
        response.close()
        raise ConnectionError(f"{total / 1e9:.3g} GB were announced, more than any data set here has")
    bar = tqdm(desc=address, total=total, initial=begin, unit="B", unit_scale=True, disable=hidden(progress))
    with response, bar, open(part, "ab" if begin else "wb") as file:
        while chunk := response.read1(2**18):  # what is there, so that a cut or a kill loses none of it
            file.write(chunk)
            file.flush()
            bar.update(len(chunk))
            if file.tell() > most:
                break  # this is not the file, as its md5 will say
        if total is not None and file.tell() < total:  # http.client lets a short answer pass for whole
            raise ConnectionError(f"the connection ended after {file.tell():,} of {total:,} bytes")
    return begin


class _OnlyToHttps(urllib.request.HTTPRedirectHandler):
    """Follows a redirect to https alone: urllib would also go to http and ftp."""

    def redirect_request(self, request, response, code, message, headers, address):
        if not address.lower().startswith("https://"):
            raise urllib.error.URLError(f"it redirects to {address}, which is not https")
        return super().redirect_request(request, response, code, message, headers, address)


def _open(address, **headers):
    request = urllib.request.Request(address, headers=AGENT | headers)
    return urllib.request.build_opener(_OnlyToHttps).open(request, timeout=TIMEOUT)


def _ask(address, have):
    """(response, the byte it begins with, length of the whole file or None): from `have` on, if possible."""
    if have:
        try:
            response = _open(address, Range=f"bytes={have}-")
        except urllib.error.HTTPError as error:
            if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise
            error.close()
        else:
            told = re.fullmatch(rf"bytes {have}-\d+/(\d+)", response.headers.get("Content-Range", ""))
            if response.status == http.HTTPStatus.PARTIAL_CONTENT and told:
                return response, have, int(told[1])
            if response.status == http.HTTPStatus.OK:  # this host always begins at the beginning
                return response, 0, response.length
            response.close()
    response = _open(address)
    return response, 0, response.length
