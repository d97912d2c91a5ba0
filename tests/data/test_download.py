"""What must hold of jepa_lite/data/download.py, against a real web server on this machine.

1. A download that was cut off asks for the rest only, at the same address or another, and is bit-identical.
2. It is whole also where a host ignores a range, refuses it, answers another one, or lies about it.
3. A beginning that is wrong, too long or of another file is dropped, and the same address asked from zero.
4. What is whole but for its name needs no connection; what is the wrong file is asked for once, and dropped.
5. An answer that is shorter than it says is noticed; one that falls silent ends, the next goes on.
6. Killed at any moments, by SIGKILL or Ctrl-C, a download goes on, ends whole and leaves nothing behind; so
   does an unpacking.
7. No more is taken than a file can have, and a redirect is followed to https alone.
8. One process at a time: several that want one file fetch it once; who waits is told so, once, and goes on
   when the other is killed.
"""

import hashlib
import io
import multiprocessing
import os
import random
import signal
import sys
import tarfile
import time

import pytest
from torchvision import datasets as tv

from jepa_lite.data import torchvision_sets
from jepa_lite.data.download import download

BODY = random.Random(7).randbytes(100_003)
SUM = hashlib.md5(BODY).hexdigest()
A, B = "/a/file.bin", "/b/file.bin"
forked = pytest.mark.skipif(sys.platform != "linux", reason="kills and locks are tested on forked processes")


@pytest.fixture
def get(host, tmp_path):
    """get(path, ...) downloads from those paths of the host to tmp_path/file.bin; returns the failures."""
    host.files = {A: (BODY, len(BODY)), B: (BODY, len(BODY))}
    return lambda *paths: download(
        tmp_path / "file.bin", SUM, [host.url + path[1:] for path in paths], progress=False
    )


def whole(folder):
    """The folder holds the file, bit for bit, and nothing else."""
    assert [p.name for p in folder.iterdir()] == ["file.bin"], list(folder.iterdir())
    return (folder / "file.bin").read_bytes() == BODY


# --- 1, 2: the rest -------------------------------------------------------------------------------


@pytest.mark.parametrize("second", [A, B])
def test_a_cut_download_asks_for_the_rest_only(get, host, tmp_path, second):  # 1
    host.cut[A] = 33_333
    (failure,) = get(A)
    assert (tmp_path / "file.bin.part").read_bytes() == BODY[:33_333], failure
    assert "33,333 of 100,003" in failure and A in failure, failure
    host.cut.clear()
    assert get(second) == [] and whole(tmp_path)
    assert host.asked == [A, second] and host.ranges_asked == [None, "bytes=33333-"], host.ranges_asked
    assert host.sent == [33_333, len(BODY) - 33_333], f"sent {host.sent} of {len(BODY)} bytes"


def test_the_next_address_gives_the_rest_at_once(get, host, tmp_path):  # 1
    host.cut[A] = 61_001
    assert get("/not/there", A, B) == [] and whole(tmp_path)
    assert host.ranges_asked == [None, None, "bytes=61001-"] and host.sent == [0, 61_001, 39_002], host.sent


def test_many_cuts_cost_no_byte_twice(get, host, tmp_path):  # 1
    host.cut[A] = 9_001
    for _ in range(11):
        assert len(get(A)) == 1
    assert get(A) == [] and whole(tmp_path)
    assert sum(host.sent) == len(BODY) and host.ranges_asked[3] == "bytes=27003-", host.ranges_asked


@pytest.mark.parametrize(
    ("ranges", "requests"),
    [
        ("ignored", ["bytes=40000-"]),
        ("refused", ["bytes=40000-", None]),
        ("elsewhere", ["bytes=40000-", None]),
        ("nonsense", ["bytes=40000-", None]),
        ("lie", ["bytes=40000-", None]),
    ],
)
def test_a_host_that_is_bad_at_ranges_still_gives_the_file(get, host, tmp_path, ranges, requests):  # 2
    (tmp_path / "file.bin.part").write_bytes(BODY[:40_000])
    host.ranges = ranges
    assert get(A) == [] and whole(tmp_path)
    assert host.ranges_asked == requests, host.ranges_asked


@pytest.mark.parametrize("ranges", ["ignored", "refused", "elsewhere", "nonsense"])
def test_what_a_bad_host_cuts_is_not_mixed_with_what_was_there(get, host, tmp_path, ranges):  # 2
    (tmp_path / "file.bin.part").write_bytes(b"?" * 40_000)
    host.ranges, host.cut = ranges, {A: 5_000}
    assert len(get(A)) == 1 and (tmp_path / "file.bin.part").read_bytes() == BODY[:5_000]


# --- 3, 4: what is wrong, and what is there already -------------------------------------------------


@pytest.mark.parametrize(
    "part",
    [BODY[:500] + b"?" + BODY[501:60_000], b"?" * len(BODY), BODY + b"more", b"", b"<html>log in</html>"],
    ids=["one byte", "all", "too long", "empty", "another file"],
)
def test_a_wrong_beginning_is_dropped_at_the_same_address(get, host, tmp_path, part):  # 3
    (tmp_path / "file.bin.part").write_bytes(part)
    assert get(A) == [] and whole(tmp_path)
    assert host.asked == [A, A][: 2 if part else 1] and host.ranges_asked[-1] is None, host.ranges_asked


def test_what_is_whole_but_for_its_name_needs_no_connection(get, host, tmp_path):  # 4
    (tmp_path / "file.bin.part").write_bytes(BODY)
    assert get(A) == [] and whole(tmp_path) and host.asked == []
    (tmp_path / "file.bin.part").write_bytes(BODY[:99])  # and the file was put there by hand
    assert get(A) == [] and whole(tmp_path) and host.asked == []


def test_a_wrong_file_is_asked_for_once_and_dropped(get, host, tmp_path):  # 4
    wrong = BODY[:-1] + b"?"
    host.files[A] = wrong, len(wrong)
    (failure,) = get(A)
    assert "md5" in failure and host.asked == [A] and list(tmp_path.iterdir()) == []
    assert get(A, B) == [] and whole(tmp_path) and host.asked[1:] == [A, B]
    assert host.ranges_asked[-1] is None, "the rest was asked for of a file that was known to be wrong"


# --- 5: short and silent answers --------------------------------------------------------------------


@pytest.mark.parametrize(("begin", "claim"), [(0, len(BODY) + 5), (0, None), (70_000, len(BODY))])
def test_a_short_answer_is_noticed(get, host, tmp_path, claim, begin):  # 5
    (tmp_path / "file.bin.part").write_bytes(BODY[:begin])
    host.files[A], host.cut[A] = (BODY, claim), 20_000
    (failure,) = get(A)
    assert not (tmp_path / "file.bin").exists()
    if claim is None:  # nothing says how long it should have been but the md5
        return
    ends = f"{begin + 20_000:,} of {claim:,} bytes"
    assert ends in failure and (tmp_path / "file.bin.part").read_bytes() == BODY[: begin + 20_000], failure


def test_a_host_that_falls_silent_is_left_for_the_next(get, host, tmp_path, monkeypatch):  # 5
    monkeypatch.setattr("jepa_lite.data.download.TIMEOUT", 1)
    host.cut[A], host.silent = 41_000, True
    assert get(A, B) == [] and whole(tmp_path)
    assert host.asked == [A, B] and host.ranges_asked == [None, "bytes=41000-"] and host.sent[1] == 59_003


def test_a_host_that_says_nothing_at_all_is_left_for_the_next(get, host, tmp_path, monkeypatch):  # 5
    monkeypatch.setattr("jepa_lite.data.download.TIMEOUT", 1)
    host.answer, answer = (
        lambda path, asked: host.open.wait() if path == A else answer(path, asked),
        host.answer,
    )
    assert get(A, B) == [] and whole(tmp_path) and host.asked == [A, B]


# --- 7: too much, and elsewhere ---------------------------------------------------------------------


@pytest.mark.parametrize("begin", [0, 90_000])
def test_an_endless_answer_ends(get, host, tmp_path, monkeypatch, begin):  # 7
    monkeypatch.setattr("jepa_lite.data.download.LARGEST", 500_000)
    (tmp_path / "file.bin.part").write_bytes(BODY[:begin])
    host.files[A] = BODY * 20, None  # an answer without a length
    host.ranges = "ignored"
    (failure,) = get(A)
    assert "too long" in failure and not list(tmp_path.iterdir()), failure
    assert host.sent[-1] < 1_500_000 and not (tmp_path / "file.bin").exists()
    assert get(A, B) == [] and whole(tmp_path), "what it left was taken for a beginning"


def test_more_than_a_data_set_can_have_is_not_begun(get, host, tmp_path, monkeypatch):  # 7
    monkeypatch.setattr("jepa_lite.data.download.LARGEST", len(BODY))
    host.files[A] = BODY, len(BODY) + 1
    (failure,) = get(A)
    assert "announced" in failure and not (tmp_path / "file.bin.part").exists(), failure
    assert get(B) == [] and whole(tmp_path)


@pytest.mark.parametrize(
    "scheme", ["http://127.0.0.1:1/", "ftp://127.0.0.1/", "file:///etc/hostname", "//[x/"]
)
def test_a_redirect_to_another_scheme_is_not_followed(get, host, tmp_path, scheme):  # 7
    host.redirects[A] = scheme if scheme != "http://127.0.0.1:1/" else host.url + B[1:]
    (failure,) = get(A)
    assert A in failure and host.asked == [A] and not list(tmp_path.iterdir()), failure
    assert ("not https" in failure) == (scheme[:4] in ("http", "ftp:")), failure
    assert get(A, B) == [] and whole(tmp_path)


def test_a_redirect_to_https_is_followed(get, host):  # 7
    host.redirects[A] = host.url.replace("http:", "https:") + "b/file.bin"
    (failure,) = get(A)
    assert "SSL" in failure, f"nothing here speaks TLS, so that following it must fail so: {failure}"


# --- 6: killed ------------------------------------------------------------------------------------


def fork(function, *args):
    process = multiprocessing.get_context("fork").Process(target=function, args=args)
    process.start()
    return process


def wait_until(holds, process):
    for _ in range(60_000):  # fail rather than wait for ever
        if holds():
            return
        assert process.is_alive(), "the process ended too early"
        time.sleep(0.001)
    process.kill()
    pytest.fail("what was waited for never came")


@pytest.fixture
def cifar(host, monkeypatch):
    """A CIFAR-10 of 100 KB at the host, in an archive with one file; returns the archive."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        entry = tarfile.TarInfo("cifar-10-batches-py/noise")
        entry.size = len(BODY)
        tar.addfile(entry, io.BytesIO(BODY))
    body = made.getvalue()
    host.files[PATH] = body, len(body)

    class Cifar:
        """As torchvision's class: it reads the files, and knows their address and md5."""

        url, tgz_md5 = host.url + PATH[1:], hashlib.md5(body).hexdigest()
        base_folder = "cifar-10-batches-py"

        def __init__(self, root, **choice):
            if not (root / self.base_folder / "noise").exists():
                raise RuntimeError("Dataset not found or corrupted.")
            self.data = (root / self.base_folder / "noise").read_bytes()

    monkeypatch.setitem(torchvision_sets.KINDS, "cifar10", Cifar)
    monkeypatch.setitem(torchvision_sets.MIRRORS, "cifar10", ())
    return body


PATH = "/c/cifar-10-python.tar.gz"
LOCK = ".cifar10.lock"  # an empty file; the lock itself is free once its holder has ended
FINISHED = [LOCK, "cifar-10-batches-py", "cifar-10-python.tar.gz"]


def names(root):
    return sorted(p.name for p in root.iterdir())


@forked
@pytest.mark.parametrize("how", ["SIGKILL", "SIGINT"])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_download_killed_at_random_moments_goes_on(cifar, host, tmp_path, how, seed):  # 6
    part, begins = tmp_path / "cifar-10-python.tar.gz.part", []
    moments = sorted(random.Random(seed).sample(range(1, len(cifar)), 5))
    host.pace, host.silent, host.cut = 0.001, True, {PATH: -1}  # the last byte comes to none of those killed
    for moment in moments:
        process = fork(torchvision_sets.obtain, "cifar10", tmp_path, False)
        wait_until(lambda: len(host.sent) > len(begins), process)
        wait_until(lambda m=moment: part.exists() and part.stat().st_size >= m, process)
        os.kill(process.pid, getattr(signal, how))
        process.join()
        begins.append(part.stat().st_size)
        assert part.read_bytes() == cifar[: begins[-1]] and begins[-1] < len(cifar), begins
        assert names(tmp_path) == [LOCK, part.name], names(tmp_path)
    host.cut.clear()
    assert torchvision_sets.obtain("cifar10", tmp_path, False).data == BODY
    assert host.ranges_asked == [None, *(f"bytes={begin}-" for begin in begins)], host.ranges_asked
    assert names(tmp_path) == FINISHED and (tmp_path / FINISHED[2]).read_bytes() == cifar


@forked
def test_a_killed_unpacking_is_done_again(cifar, host, tmp_path, monkeypatch):  # 6
    def killed(archive, into):
        (into / "cifar-10-batches-py").mkdir()
        (into / "cifar-10-batches-py" / "noise").write_bytes(BODY[:9])
        os.kill(os.getpid(), signal.SIGKILL)

    with monkeypatch.context() as patch:
        patch.setattr(torchvision_sets, "extract", killed)
        fork(torchvision_sets.obtain, "cifar10", tmp_path, False).join()
    assert ".unpacking-cifar10" in names(tmp_path) and not (tmp_path / FINISHED[1]).exists()
    assert torchvision_sets.obtain("cifar10", tmp_path, False).data == BODY
    assert names(tmp_path) == FINISHED and len(host.asked) == 1, (names(tmp_path), host.asked)


# --- 8: one at a time -------------------------------------------------------------------------------


@forked
def test_several_that_want_one_file_fetch_it_once(cifar, host, tmp_path):  # 8
    host.pace = 0.001
    processes = [fork(torchvision_sets.obtain, "cifar10", tmp_path, False) for _ in range(4)]
    [process.join() for process in processes]
    assert [process.exitcode for process in processes] == [0] * 4
    assert host.sent == [len(cifar)], f"the host sent {host.sent} bytes for a file of {len(cifar)}"
    assert names(tmp_path) == FINISHED and (tmp_path / FINISHED[1] / "noise").read_bytes() == BODY


@forked
def test_a_killed_download_frees_the_one_that_waits_for_it(cifar, host, tmp_path, monkeypatch):  # 8
    host.silent, host.cut = True, {PATH: 900}
    process, told = fork(torchvision_sets.obtain, "cifar10", tmp_path, False), []
    part = tmp_path / "cifar-10-python.tar.gz.part"
    wait_until(lambda: part.exists() and part.stat().st_size == 900, process)

    def kill(words):
        assert process.is_alive(), "nothing was waited for"
        told.append(words)
        host.cut.clear()
        process.kill()

    monkeypatch.setattr(torchvision_sets.tqdm, "write", kill)
    assert torchvision_sets.obtain("cifar10", tmp_path).data == BODY
    assert process.exitcode == -signal.SIGKILL and host.ranges_asked == [None, "bytes=900-"]
    assert len(told) == 1 and "another process" in told[0] and str(tmp_path) in told[0], told


def test_cifars_real_class_still_has_what_is_read_of_it():  # keeps the stand-in above honest
    assert all(isinstance(getattr(tv.CIFAR10, name), str) for name in ("url", "tgz_md5", "base_folder"))
