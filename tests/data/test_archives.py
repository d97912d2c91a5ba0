"""What must hold of jepa_lite/data/archives.py.

1. A good tar, zip or bare .gz arrives whole: names, folders and bytes.
2. A member that is absolute, climbs out, is a link or a device is refused in one sentence that names archive
   and member, and nothing is written outside: neither in one step nor through a link that came before it.
3. Python's own "data" filter stops a file that is written through a link, so two things stand in its way.
4. A data set whose archive is hostile leaves nothing but that archive.
5. A Python without that filter, and a file of no known kind, are refused in one sentence.
6. An archive that is cut anywhere, has a byte flipped, is encrypted or holds impossible names is a ValueError
   of one sentence, and never passes for whole; a full disk stays an OSError.
7. What unpacks to more than the limit, in bytes or in files, is refused before the disk is full.
"""

import errno
import gzip
import hashlib
import io
import os
import random
import re
import stat
import sys
import tarfile
import zipfile

import pytest

from jepa_lite.data import archives, torchvision_sets
from jepa_lite.data.archives import extract

GOOD = {
    "set/a.bin": b"\x01\x02" * 999,
    "set/deep/er/b.txt": b"two\n",
    "set/..dots../c..": b"3",
    "set/empty": b"",
}


def tar_of(path, members, mode="w:gz"):
    """A tar of (name, content), (name, b"", type) or (name, link target, type)."""
    with tarfile.open(path, mode) as tar:
        for name, content, *kind in members:
            entry = tarfile.TarInfo(name)
            entry.type = kind[0] if kind else tarfile.REGTYPE
            if kind:
                entry.linkname = content if isinstance(content, str) else ""
            entry.size = 0 if kind else len(content)
            tar.addfile(entry, None if kind else io.BytesIO(content))
    return path


def zip_of(path, members):
    with zipfile.ZipFile(path, "w") as made:
        for name, content, *mode in members:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (mode[0] if mode else stat.S_IFREG | 0o644) << 16
            made.writestr(entry, content)
    return path


@pytest.fixture
def into(tmp_path):
    """The folder to unpack into, two levels below the one that holds everything of the test."""
    (tmp_path / "data" / "into").mkdir(parents=True)
    return tmp_path / "data" / "into"


def files(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# --- 1: good ones ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["good.tar", "good.tgz", "good.tar.gz", "good.zip"])
def test_a_good_archive_arrives_whole(tmp_path, into, name):  # 1
    members = list(GOOD.items())
    if name.endswith(".zip"):
        extract(zip_of(tmp_path / name, members), into)
    else:
        folder = [("set", b"", tarfile.DIRTYPE)]
        extract(tar_of(tmp_path / name, folder + members, "w" if name.endswith("tar") else "w:gz"), into)
    assert files(into) == GOOD, files(into).keys()


def test_a_bare_gz_loses_its_ending_and_keeps_its_bytes(tmp_path, into):  # 1
    with (
        open(tmp_path / "images-idx3-ubyte.gz", "wb") as file,
        gzip.GzipFile("../../evil", "wb", 9, file) as gz,
    ):
        gz.write(GOOD["set/a.bin"])
    extract(tmp_path / "images-idx3-ubyte.gz", into)
    assert files(into) == {"images-idx3-ubyte": GOOD["set/a.bin"]}, "the name inside the file was used"


# --- 2: hostile ones ------------------------------------------------------------------------------

OUT = "../../outside.txt"


def long_path():
    """A tar that led Python's own filter out of its folder before mid-2025 (CVE-2025-4517).

    Links to folders of long names make a path that is short to write and too long to resolve, beyond which
    the filter saw no link any more.
    """
    members, path, long = [], "", "d" * (247 if sys.platform == "linux" else 55)
    for step in "abcdefghijklmnop":
        members += [(path + long, b"", tarfile.DIRTYPE), (path + step, long, tarfile.SYMTYPE)]
        path += long + "/"
    link = "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/" + "l" * 254
    members += [(link, "../" * 16, tarfile.SYMTYPE), ("escape", link + "/../..", tarfile.SYMTYPE)]
    return [*members, ("escape/outside.txt", b"evil")]


HOSTILE_TARS = {
    "climbs": [("set/a", b"1"), (OUT, b"evil")],
    "climbs in the middle": [("set/../../../outside.txt", b"evil")],
    "absolute": [("{top}/outside.txt", b"evil")],
    "windows": [("C:\\outside.txt", b"evil")],
    "backslashes": [("..\\..\\outside.txt", b"evil")],
    "a folder outside": [("../../outside", b"", tarfile.DIRTYPE)],
    "symlink": [("link", OUT, tarfile.SYMTYPE)],
    "absolute symlink": [("link", "{top}/outside.txt", tarfile.SYMTYPE)],
    "hard link": [("link", OUT, tarfile.LNKTYPE)],
    "hard link to a secret": [("link", "../../secret.txt", tarfile.LNKTYPE)],
    "write through a symlink": [("link", "../..", tarfile.SYMTYPE), ("link/outside.txt", b"evil")],
    "write through an absolute one": [("link", "{top}", tarfile.SYMTYPE), ("link/outside.txt", b"evil")],
    "write through two": [
        ("deep/one", "..", tarfile.SYMTYPE),
        ("two", "deep/one/../..", tarfile.SYMTYPE),
        ("two/outside.txt", b"evil"),
    ],
    "write onto a link": [("link", OUT, tarfile.SYMTYPE), ("link", b"evil")],
    "a path too long to resolve": long_path(),
    "too deep": [("d/" * 2000 + "x", b"evil")],
    "fifo": [("pipe", b"", tarfile.FIFOTYPE)],
    "character device": [("device", b"", tarfile.CHRTYPE)],
    "block device": [("device", b"", tarfile.BLKTYPE)],
}
HOSTILE_ZIPS = {
    "climbs": [("set/a", b"1"), (OUT, b"evil")],
    "absolute": [("{top}/outside.txt", b"evil")],
    "windows": [("C:/outside.txt", b"evil")],
    "backslashes": [("..\\..\\outside.txt", b"evil")],
    "symlink": [("link", OUT, stat.S_IFLNK | 0o777)],
    "too deep": [("d/" * 2000 + "x", b"evil")],
}
HOSTILE = [("tar", name) for name in HOSTILE_TARS] + [("zip", name) for name in HOSTILE_ZIPS]


def hostile(folder, kind, name, members, top):
    """The archive at folder/name, with the test's own folder where a member says {top}."""
    put = [
        [part.replace("{top}", str(top)) if isinstance(part, str) else part for part in m] for m in members
    ]
    return (tar_of if kind == "tar" else zip_of)(folder / name, put)


@pytest.mark.parametrize(("kind", "name"), HOSTILE)
def test_a_hostile_member_is_refused_and_nothing_lands_outside(tmp_path, into, kind, name):  # 2
    (tmp_path / "secret.txt").write_bytes(b"secret")
    members = (HOSTILE_TARS if kind == "tar" else HOSTILE_ZIPS)[name]
    archive = hostile(tmp_path, kind, f"bad.{kind}", members, tmp_path)
    with pytest.raises(ValueError) as error:
        extract(archive, into)
    message = str(error.value)
    assert str(archive) in message and "\n" not in message and "delete it" in message, message
    named = re.search(r"holds '(.*)', a link", message)[1].replace("\\\\", "/")
    written = [m[0].replace("{top}", str(tmp_path)).replace("\\", "/") for m in members]
    assert any(name.startswith(named.removesuffix("...")) for name in written), f"{named} is none of them"
    everything = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if into not in p.parents}
    assert everything == {"data", "data/into", "secret.txt", archive.name}, everything
    assert (tmp_path / "secret.txt").stat().st_nlink == 1 and not any(p.is_symlink() for p in into.rglob("*"))


@pytest.mark.parametrize("name", ["write through a symlink", "write through two", "climbs", "hard link"])
def test_pythons_own_filter_stops_it_too(tmp_path, into, name):  # 3
    archive = hostile(tmp_path, "tar", "bad.tar", HOSTILE_TARS[name], tmp_path)
    with tarfile.open(archive) as tar, pytest.raises(tarfile.FilterError):
        tar.extractall(into, filter="data")
    assert not (tmp_path / "outside.txt").exists()


def test_pythons_filter_follows_links_that_are_there(tmp_path, into):  # 3
    os.symlink(tmp_path, into / "link")  # as if the first step of the attack had worked
    archive = tar_of(tmp_path / "bad.tar", [("link/outside.txt", b"evil")])
    with pytest.raises(ValueError) as error:
        extract(archive, into)
    assert "link/outside.txt" in str(error.value) and not (tmp_path / "outside.txt").exists()


# --- 4, 5 -----------------------------------------------------------------------------------------


def test_a_hostile_data_set_leaves_nothing_behind(host, tmp_path, monkeypatch):  # 4
    root, kind = tmp_path / "root", torchvision_sets.KINDS["cifar10"]
    members = [("cifar-10-batches-py/data_batch_1", b"1"), (OUT, b"evil")]
    body = tar_of(tmp_path / "made.tar.gz", members).read_bytes()
    host.files["/c/cifar-10-python.tar.gz"] = body, len(body)
    monkeypatch.setattr(kind, "tgz_md5", hashlib.md5(body).hexdigest())
    monkeypatch.setitem(torchvision_sets.MIRRORS, "cifar10", (host.url + "c/",))
    with pytest.raises(ValueError, match=r"cifar-10-python\.tar\.gz holds .*outside\.txt"):
        torchvision_sets.obtain("cifar10", root, progress=False, train=True)
    left = {p.name for p in root.iterdir()}
    assert left == {".cifar10.lock", "cifar-10-python.tar.gz"}, left
    assert {p.name for p in tmp_path.iterdir()} == {"root", "made.tar.gz"}


def test_a_python_without_filters_is_refused_before_the_download(host, tmp_path, into, monkeypatch):  # 5
    archive = tar_of(tmp_path / "good.tar.gz", GOOD.items())
    monkeypatch.delattr(archives.tarfile, "data_filter")
    monkeypatch.setitem(torchvision_sets.MIRRORS, "cifar10", (host.url,))
    for call in (
        lambda: extract(archive, into),
        lambda: torchvision_sets.obtain("cifar10", tmp_path / "x", False, train=True),
    ):
        with pytest.raises(
            ValueError, match=r"^Python 3\S+ cannot unpack an archive safely; update it to 3\.11\.4"
        ):
            call()
    assert host.asked == [] and not (tmp_path / "x").exists() and files(into) == {}


def test_a_file_of_another_kind_is_refused(tmp_path, into):  # 5
    (tmp_path / "set.rar").write_bytes(b"Rar!")
    with pytest.raises(ValueError, match=r"set\.rar is no \.tar.*unpack it yourself"):
        extract(tmp_path / "set.rar", into)


# --- 6, 7: damaged, impossible and endless ones ---------------------------------------------------------


def one_sentence(archive, into, words="", **options):
    with pytest.raises(ValueError) as error:
        extract(archive, into, **options)
    message = str(error.value)
    assert str(archive) in message and "\n" not in message and words in message, message


def noise(size):
    return random.Random(3).randbytes(size)


@pytest.mark.parametrize("name", ["cut.tar", "cut.tgz", "cut.zip", "cut.gz"])
def test_a_cut_archive_is_refused_wherever_it_is_cut(tmp_path, into, name):  # 6
    members = [("set/a", noise(700)), ("set/b", noise(512)), ("set/c", b"")]
    if name == "cut.gz":
        (tmp_path / name).write_bytes(gzip.compress(noise(700)))
    elif name == "cut.zip":
        zip_of(tmp_path / name, members)
    else:
        tar_of(tmp_path / name, members, "w" if name == "cut.tar" else "w:gz")
    whole = (tmp_path / name).read_bytes()
    extract(tmp_path / name, into)
    last = 6 * 512 if name == "cut.tar" else len(whole) - 1  # what pads a tar may be missing
    for end in {0, 1, 100, 511, 512, 513, 1024, 1536, 2048, 2560, last - 8, last} & set(range(last + 1)):
        (tmp_path / name).write_bytes(whole[:end])
        one_sentence(tmp_path / name, into, "get it again")


@pytest.mark.parametrize("name", ["bent.tgz", "bent.zip", "bent.gz"])
def test_a_flipped_byte_is_noticed(tmp_path, into, name):  # 6
    if name == "bent.gz":
        (tmp_path / name).write_bytes(gzip.compress(noise(700)))
    else:
        (zip_of if name == "bent.zip" else tar_of)(tmp_path / name, [("set/a", noise(700))])
    body = bytearray((tmp_path / name).read_bytes())
    body[len(body) // 2 if name != "bent.zip" else 300] ^= 0x10
    (tmp_path / name).write_bytes(body)
    one_sentence(tmp_path / name, into, "get it again")


def test_encrypted_foreign_and_impossible_archives_are_refused(tmp_path, into):  # 6
    locked = bytearray(zip_of(tmp_path / "locked.zip", [("set/a", b"secret")]).read_bytes())
    locked[6] |= 1  # the bits that say "encrypted", in the member's header and in the list of members
    locked[locked.index(b"PK\1\2") + 8] |= 1
    (tmp_path / "locked.zip").write_bytes(locked)
    one_sentence(tmp_path / "locked.zip", into, "encrypted")
    odd = bytearray(zip_of(tmp_path / "odd.zip", [("set/a", b"packed")]).read_bytes())
    odd[8] = odd[odd.index(b"PK\1\2") + 10] = 97  # a method of compression that Python does not know
    (tmp_path / "odd.zip").write_bytes(odd)
    for name in ("text.tgz", "text.zip", "text.gz", "text.tar"):
        (tmp_path / name).write_text("<html>log in first</html>")
        one_sentence(tmp_path / name, into, "get it again")
    one_sentence(tmp_path / "odd.zip", into, "get it again")
    for number, members in enumerate(([("a", b"1"), ("a/b", b"2")], [("x" * 300, b"1")], [("é\0/x", b"1")])):
        one_sentence(tar_of(tmp_path / f"{number}.tar", members, "w"), into)


@pytest.mark.parametrize("name", ["big.tgz", "big.zip", "big.gz"])
@pytest.mark.parametrize("kind", ["one large file", "many empty ones"])
def test_what_unpacks_to_too_much_is_refused(tmp_path, into, name, kind):  # 7
    members = (
        [("zeros", bytes(3_000_000))] if kind == "one large file" else [(f"{i}", b"") for i in range(300)]
    )
    if name == "big.gz":
        (tmp_path / name).write_bytes(gzip.compress(bytes(3_000_000)))
    else:
        (zip_of if name == "big.zip" else tar_of)(tmp_path / name, members)
    one_sentence(tmp_path / name, into, "more than 0.001 GB", limit=1_000_000)
    assert sum(len(content) for content in files(into).values()) <= 2**20 and len(files(into)) <= 244
    extract(tmp_path / name, into, limit=4_000_000)


def test_a_full_disk_is_not_blamed_on_the_archive(tmp_path, into, monkeypatch):  # 6
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    archive = tar_of(tmp_path / "good.tgz", GOOD.items())
    monkeypatch.setattr(tarfile.TarFile, "makefile", full)
    with pytest.raises(OSError, match="No space left"):
        extract(archive, into)
    with pytest.raises(FileNotFoundError):
        extract(tmp_path / "none.zip", into)
