"""What must hold of `load` and `stream` (jepa_lite/data/__init__.py), class_folders.py, image_files.py,
images.py and torchvision_sets.py; see also test_download.py, test_archives.py.

 1. Every impossible request is refused in one sentence that names it and the way out.
 2. `shapes` is the generator's own; its train and test images differ; a seed fixes them.
 3. `photos`: crops of eight real photographs; train and test crops share no pixel.
 4. A folder's train and test never overlap, are the same every time, and use test/ or val/ if there (which
    folders are understood: test_splits.py; which files: test_image_files.py).
 5. Images of any size are resized to cover and cut at the centre, as torchvision does it.
 6. Grey, 16-bit, palette, transparent, CMYK, turned and one-pixel files become the right RGB.
 7. Broken files are skipped, counted and named, shift no label and cost no second array.
 8. A second load reads no image; a changed file, another version of what reads it, a broken or unwritable
    cache never gives wrong images; nothing is written to the data's own folder.
 9. `stream` names the same images as `load`, of the same split (what it reads: test_readers.py).
10. An archive comes from the next address when one fails; what is corrupt or cut off is never taken.
11. Each of torchvision's sets arrives as RGB uint8 with the right labels.
12. `normalize` is ImageNet's, `denormalize` undoes it, `check_finite` names the image.
13. Without a usable home a temporary folder takes the cache's place, and it is said before any work; what a
    read-only cache holds is used; a folder that the user named is never exchanged for another.
14. The memory of a set is counted for all processes of the machine, against what is free: of the machine,
    or of the container around them. (Claims 13 and 14: caches.py and memory.py of jepa_lite/system/.)
"""

import hashlib
import io
import os
import pickle
import shutil
import struct
import tarfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from torchvision import datasets as tv
from torchvision.transforms.v2 import functional as TF

from jepa_lite import data
from jepa_lite.data import class_folders, image_files, torchvision_sets
from jepa_lite.data.shapes import CLASSES, shapes
from jepa_lite.data.splits import find
from jepa_lite.system import caches, memory


@pytest.fixture(autouse=True)
def private_home(tmp_path, monkeypatch):
    """No test reads or writes the user's own data or cache."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.delenv("JEPA_LITE_DATA", raising=False)
    monkeypatch.delenv("JEPA_LITE_CACHE", raising=False)


def save(path, colour=(200, 30, 90), size=(11, 9), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)


@pytest.fixture
def tree(tmp_path):
    """Three classes of 25, 12 and 3 images; red = class, green = number within the class."""
    root = tmp_path / "tree"
    for label, (name, count) in enumerate({"ant": 25, "bee": 12, "cow": 3}.items()):
        for i in range(count):
            save(root / name / f"{i:03}.png", (50 * label + 10, i + 1, 77))
    return root


def load(root, split="train", size=8, **options):
    return data.load("folder", split, image_size=size, root=root, progress=False, **options)


def identities(images):
    return {tuple(image[:2, 0, 0].tolist()) for image in images.images}


# --- 1: refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("cifar", {}, ["'cifar'", "cifar10", "folder"]),
        ("shapes", {"split": "val"}, ["'val'", "train, test"]),
        ("shapes", {"limit": 0}, ["limit", "0"]),
        ("shapes", {"image_size": 0}, ["image_size", "0"]),
        ("shapes", {"image_size": (32, 32, 3)}, ["image_size", "(32, 32, 3)"]),
        ("shapes", {"image_size": 30_000, "limit": 10**6}, ["shapes", "GB", "limit"]),
        ("photos", {"image_size": 30_000, "limit": 10**6}, ["photos", "GB", "limit"]),
        ("folder", {}, ["folder", "--root", "JEPA_LITE_DATA"]),
    ],
)
def test_impossible_requests_are_refused(name, options, words):  # 1
    with pytest.raises(ValueError) as error:
        data.load(name, **{"image_size": 16} | options)
    assert_one_sentence(error.value, words)


def assert_one_sentence(error, words):
    message = str(error)
    assert "\n" not in message, message
    assert all(word in message for word in words), f"{words} are not all in: {message}"


def test_folders_that_are_none_are_refused(tmp_path):  # 1
    (tmp_path / "empty").mkdir()
    (tmp_path / "hollow" / "cat").mkdir(parents=True)
    save(tmp_path / "single" / "cat" / "a.png")
    for name, kind, words in (
        ("missing", FileNotFoundError, ["no folder", "missing"]),
        ("empty", ValueError, ["neither images nor folders", "<class>"]),
        ("hollow", ValueError, ["no image files", ".jpg"]),
    ):
        with pytest.raises(kind) as error:
            load(tmp_path / name)
        assert_one_sentence(error.value, [str(tmp_path / name), *words])
    with pytest.raises(ValueError) as error:
        load(tmp_path / "single", "test")
    assert_one_sentence(error.value, ["single", "test", "two images"])
    assert len(load(tmp_path / "single")) == 1


def test_a_folder_too_large_is_refused_before_it_is_read(tree, monkeypatch):  # 1
    monkeypatch.setattr(class_folders, "read", None)
    with pytest.raises(ValueError) as error:
        load(tree, size=10**6)
    assert_one_sentence(error.value, ["GB", "stream"])
    with pytest.raises(ValueError) as error:
        data.stream("shapes", image_size=8)
    assert_one_sentence(error.value, ["shapes", "load"])


# --- 2, 3: made on the spot -----------------------------------------------------------------------


def test_shapes_are_the_generators_and_never_repeat():  # 2
    train = data.load("shapes", image_size=(12, 20), seed=3, limit=40)
    expected, labels = shapes(40, (12, 20), seed=6)
    assert (train.images == expected).all() and (train.labels == labels).all()
    assert train.classes == CLASSES["texture"]
    others = [("test", 3), ("train", 4), ("test", 2)]
    for split, seed in others:
        other = data.load("shapes", split, image_size=(12, 20), seed=seed, limit=40)
        same = (train.images[:, None] == other.images).flatten(2).all(2).sum().item()
        assert same == 0, f"{same} images are in train of seed 3 and in {split} of seed {seed}"


def test_counts_are_the_defaults(monkeypatch):  # 2
    monkeypatch.setattr(data, "COUNTS", {"train": 33, "test": 17})
    for name in ("shapes", "photos"):
        sizes = [len(data.load(name, split, image_size=8)) for split in ("train", "test")]
        assert sizes == [33, 17], f"{name}: {sizes}"


@pytest.mark.parametrize("size", [(16, 16), (12, 30), (50, 9)])
def test_photo_crops_of_train_and_test_share_no_pixel(monkeypatch, size):  # 3
    ramp = np.repeat(np.arange(255, dtype=np.uint8)[None, :, None], 301, 0).repeat(3, 2)  # value = column
    monkeypatch.setattr(data.photos, "photo", lambda name: Image.fromarray(ramp))
    train, test = (data.load("photos", s, image_size=size, limit=800).images for s in ("train", "test"))
    assert int(train.max()) < int(test.min()), f"train reaches column {train.max()}, test begins {test.min()}"
    assert train.min() < 10 and train.max() > 165 and test.max() > 245, (
        "a part of the photograph is never seen"
    )


def test_photos_are_eight_real_and_different_photographs():  # 3
    one, two = (data.load("photos", image_size=24, limit=160, seed=s) for s in (0, 1))
    assert len(one.classes) == 8 and one.labels.bincount().tolist() == [20] * 8
    again = data.load("photos", image_size=24, limit=160, seed=0)
    assert (one.images == again.images).all() and (one.images != two.images).any()
    colour = one.images.float().mean((2, 3))
    means = torch.stack([colour[one.labels == c].mean(0) for c in range(8)])
    assert torch.pdist(means).min() > 4, f"two photographs look the same: {torch.pdist(means)}"
    spread = one.images.float().std((1, 2, 3))
    assert spread.median() > 10, f"the crops are flat: {spread.median()}"


def test_a_missing_photograph_is_named(monkeypatch):  # 1, 3
    monkeypatch.setattr(data.photos, "PHOTOS", {"yeti": ("skimage", "data/yeti.png")})
    with pytest.raises(FileNotFoundError) as error:
        data.load("photos", image_size=8)
    assert_one_sentence(error.value, ["yeti.png", "scikit-image", "shapes"])


# --- 4: splits ------------------------------------------------------------------------------------


def test_train_and_test_of_a_folder_are_a_partition(tree):  # 4
    train, test = load(tree), load(tree, "test")
    assert len(identities(train)) == len(train) and len(identities(test)) == len(test)
    assert not identities(train) & identities(test), "an image is in both splits"
    assert len(train) + len(test) == 40
    assert test.labels.bincount().tolist() == [2, 1, 1], "a tenth of each class, one at least"
    for part in (train, test):
        assert (part.images[:, 0, 0, 0] == 50 * part.labels + 10).all(), "labels do not belong to images"
    assert train.classes == ("ant", "bee", "cow")
    assert identities(load(tree, "test", seed=0)) == identities(test)
    drawn = {frozenset(identities(load(tree, "test", seed=s))) for s in range(6)}
    assert len(drawn) > 3, f"six seeds hold out only {len(drawn)} different sets"


@pytest.mark.parametrize("held", ["test", "val"])
def test_given_splits_are_used(tmp_path, held):  # 4
    save(tmp_path / "train" / "cat" / "a.png", (1, 2, 3))
    save(tmp_path / "train" / "eel" / "deep" / "er" / "b.JPG", (100, 100, 100))
    save(tmp_path / held / "cat" / "c.png", (7, 8, 9))
    save(tmp_path / held / "dog" / "d.png", (10, 11, 12))
    save(tmp_path / held / ".hidden" / "e.png")
    save(tmp_path / held / "dog" / ".e.png")
    train, test = load(tmp_path), load(tmp_path, "test")
    assert train.classes == test.classes == ("cat", "dog", "eel"), (train.classes, test.classes)
    assert train.labels.tolist() == [0, 2] and test.labels.tolist() == [0, 1]
    assert test.images[:, :, 0, 0].tolist() == [[7, 8, 9], [10, 11, 12]]


def test_a_train_folder_alone_is_split(tree, tmp_path):  # 4
    shutil.move(tree, tmp_path / "whole" / "train")
    test = load(tmp_path / "whole", "test")
    assert test.classes == ("ant", "bee", "cow") and len(test) == 4


def test_a_limit_keeps_a_nested_random_part(tree):  # 4
    small, large = load(tree, limit=6), load(tree, limit=15)
    assert (
        len(small) == 6
        and len(large) == 15
        and identities(small) < identities(large) < identities(load(tree))
    )
    assert len(set(large.labels.tolist())) > 1, "the first class alone was kept"


# --- 5, 6, 7: reading -----------------------------------------------------------------------------


@pytest.mark.parametrize(("source", "scale"), [((40, 96), 2), ((96, 40), 2), ((63, 39), 3), ((5, 7), 0.25)])
def test_resizing_is_torchvisions(source, scale):  # 5
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (*source, 3), np.uint8)
    side = int(min(source) / scale)
    ours = image_files.fit(Image.fromarray(pixels), (side, side)).astype(int)
    whole = torch.from_numpy(pixels).permute(2, 0, 1)
    covered = [round(s / scale) for s in source]
    reference = TF.center_crop(TF.resize(whole, covered, antialias=True), [side, side]).numpy().astype(int)
    error = np.abs(ours - reference)
    assert error[..., 2:-2, 2:-2].max() <= 1, f"differs by {error.max()} of 255"
    assert error.mean() < 1, f"differs by {error.mean()} on average"


def test_a_target_that_is_not_square_is_covered():  # 5
    pixels = np.zeros((60, 60, 3), np.uint8)
    pixels[20:40] = 200  # the middle third: what a 1 : 3 cut at the centre keeps
    cut = image_files.fit(Image.fromarray(pixels), (10, 30))
    assert cut.shape == (3, 10, 30) and cut[:, 1:-1].min() == 200, f"not cut at the centre: {cut[0, :, 0]}"


def test_large_jpegs_look_as_when_read_whole(tmp_path):  # 5
    y, x = np.mgrid[:411, :653]
    smooth = np.stack([y / 411, x / 653, (np.sin(x / 40) + 1) / 2], -1)
    Image.fromarray((smooth * 255).astype(np.uint8)).save(tmp_path / "large.jpg", quality=95)
    read = image_files.read(tmp_path / "large.jpg", (33, 47)).astype(int)
    with Image.open(tmp_path / "large.jpg") as image:
        error = np.abs(read - image_files.fit(image, (33, 47)))
    assert error.mean() < 2 and error.max() < 12, (
        f"differs by {error.mean()} on average, {error.max()} at most"
    )


def test_every_mode_becomes_the_right_rgb(tmp_path):  # 6
    images = tmp_path / "modes" / "all"
    images.mkdir(parents=True)
    wanted = {}

    def keep(name, image, rgb, **options):
        image.save(images / name, **options)
        wanted[name] = rgb

    keep("a_grey.png", Image.new("L", (9, 7), 90), (90, 90, 90))
    deep = Image.fromarray(np.full((7, 9), 200 * 257, np.uint16))
    keep("b_16bit.png", deep, (200, 200, 200))
    keep("b_16bit.tif", deep, (200, 200, 200))
    red = Image.new("RGB", (9, 7), (200, 30, 90))
    keep("c_palette.png", red.quantize(4), (200, 30, 90))
    keep("d_transparent.png", Image.new("RGBA", (9, 7), (200, 30, 90, 128)), (200, 30, 90))
    keep("e_palette_alpha.png", red.quantize(4), (200, 30, 90), transparency=b"\x80\xff")
    keep("f_grey_alpha.png", Image.new("LA", (9, 7), (90, 128)), (90, 90, 90))
    keep("g_cmyk.jpg", Image.new("CMYK", (9, 7), (0, 255, 255, 0)), (255, 0, 0))
    keep("h_bits.png", Image.new("1", (9, 7), 1), (255, 255, 255))
    keep("i_pixel.png", Image.new("RGB", (1, 1), (4, 5, 6)), (4, 5, 6))
    keep("j_line.gif", Image.new("RGB", (1, 300), (200, 30, 90)), (200, 30, 90))
    got = load(tmp_path / "modes", size=6, seed=1)
    held = load(tmp_path / "modes", "test", size=6, seed=1)
    assert not got.skipped and not held.skipped, got.skipped + held.skipped
    files = [find(tmp_path / "modes", seed=1).images(split)[0] for split in ("train", "test")]
    pairs = zip(files[0] + files[1], torch.cat([got.images, held.images]), strict=True)
    for (path, *_), image in pairs:
        name = Path(path).name
        error = (image.long() - torch.tensor(wanted.pop(name))[:, None, None]).abs().max().item()
        assert error <= 3, f"{name} is off by {error} of 255: {image[:, 0, 0].tolist()}"
    assert not wanted, f"never read: {wanted}"


def test_a_turned_photograph_is_set_upright(tmp_path):  # 6
    image, exif = Image.new("RGB", (16, 16), (0, 0, 0)), Image.Exif()
    image.paste((255, 255, 255), (0, 0, 8, 16))  # the left half is white
    exif[0x0112] = 6  # "turn by 90 degrees clockwise to look at it": left becomes top
    image.save(tmp_path / "turned.png", exif=exif)
    read = image_files.read(tmp_path / "turned.png", (16, 16))
    assert read[:, :8].min() == 255 and read[:, 8:].max() == 0, f"not upright: {read[0]}"


def break_files(tree):
    """Six files that cannot be read, spread among the good ones of class bee."""
    bee = tree / "bee"
    (bee / "000a.jpg").write_bytes(b"")
    (bee / "001a.jpg").write_text("this is no picture")
    noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)
    Image.fromarray(noise).save(bee / "002a.jpg")
    (bee / "002a.jpg").write_bytes((bee / "002a.jpg").read_bytes()[:1500])
    Image.fromarray(noise).save(bee / "003a.png")
    (bee / "003a.png").write_bytes((bee / "003a.png").read_bytes()[:3000])
    (bee / "004a.png").write_bytes(bomb(50_000))
    Image.new("F", (5, 5), 0.5).save(bee / "005a.tif")
    return {
        f"bee/{name}" for name in ("000a.jpg", "001a.jpg", "002a.jpg", "003a.png", "004a.png", "005a.tif")
    }


def bomb(side):
    """A PNG of a few bytes that says it is side x side pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 99)), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def test_broken_files_are_skipped_and_named(tree):  # 7
    good = identities(load(tree)) | identities(load(tree, "test"))
    broken = break_files(tree)
    train, test = load(tree), load(tree, "test")
    named = {line.split(": ")[0] for line in train.skipped + test.skipped}
    assert named == broken, f"named {named}"
    reasons = dict(line.split(": ", 1) for line in train.skipped + test.skipped)
    assert "empty" in reasons["bee/000a.jpg"] and "not an image" in reasons["bee/001a.jpg"], reasons
    assert "truncated" in reasons["bee/002a.jpg"] and "bomb" in reasons["bee/004a.png"], reasons
    assert all(len(reason) > 8 and "\n" not in reason for reason in reasons.values()), reasons
    assert identities(train) | identities(test) == good, "a broken file cost a good one"
    for part in (train, test):
        assert (part.images[:, 0, 0, 0] == 50 * part.labels + 10).all(), "a skipped file shifted the labels"
    assert load(tree).skipped == train.skipped, "the cache forgot what was skipped"


def test_a_dead_link_is_named(tree):  # 7
    os.symlink(tree / "nowhere.png", tree / "cow" / "link.png")
    skipped = load(tree).skipped + load(tree, "test").skipped
    assert len(skipped) == 1 and skipped[0].startswith("cow/link.png: "), skipped


def test_nothing_but_broken_files_is_refused(tmp_path):  # 1, 7
    for name in ("a.jpg", "b.jpg"):
        save(tmp_path / "cat" / name)
        (tmp_path / "cat" / name).write_bytes(b"\xff\xd8 no more")
    with pytest.raises(ValueError) as error:
        load(tmp_path)
    assert_one_sentence(error.value, ["none of the 1", "cat/", "not an image"])


# --- 8: the cache ---------------------------------------------------------------------------------


def cached_files():
    return sorted((Path.home() / ".cache" / "jepa_lite" / "folders").glob("*"))


def test_a_second_load_reads_no_image(tree, monkeypatch):  # 8
    first = load(tree)
    monkeypatch.setattr(class_folders, "read", None)
    second = load(tree)
    assert (first.images == second.images).all() and (first.labels == second.labels).all()
    assert [path.suffix for path in cached_files()] == [".safetensors"], cached_files()


@pytest.mark.parametrize("change", ["repaint", "add", "remove", "size", "split", "pillow", "code"])
def test_the_cache_never_answers_for_other_images(tree, change, monkeypatch):  # 8
    first = load(tree)
    size, split = (6 if change == "size" else 8), "test" if change == "split" else "train"
    if change == "repaint":  # the same number of bytes, later
        path = tree / find(tree).images("train")[0][0][0]
        before = path.stat()
        save(path, (10, 99, 77))
        assert path.stat().st_size == before.st_size
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 5_000_000))
    elif change == "add":
        save(tree / "ant" / "0000.png", (10, 99, 77))
    elif change == "remove":
        (tree / "ant" / "010.png").unlink()
    elif change in ("pillow", "code"):  # another version of either makes other pixels of the same file
        monkeypatch.setattr(class_folders.PIL, "__version__", "0") if change == "pillow" else None
        monkeypatch.setattr(class_folders, "RESIZING", 99) if change == "code" else None
        monkeypatch.setattr(class_folders, "read", lambda path, size: np.zeros((3, *size), np.uint8))
        assert (load(tree).images == 0).all() and len(first) == 36, "what an older one made was taken"
    now = load(tree, split, size)
    for path in cached_files():
        path.unlink()
    fresh = load(tree, split, size)
    assert now.images.shape == fresh.images.shape, f"{now.images.shape} is old, {fresh.images.shape} is true"
    assert (now.images == fresh.images).all() and (now.labels == fresh.labels).all()


def test_a_broken_cache_is_made_again(tree):  # 8
    first = load(tree)
    (cache,) = cached_files()
    whole = cache.read_bytes()
    for broken in (whole[: len(whole) // 2], b"", b"\0" * 64, b"not it"):
        cache.unlink()
        cache.write_bytes(broken)
        assert (load(tree).images == first.images).all()
        assert cached_files() == [cache] and len(cache.read_bytes()) == len(whole)


def test_writing_to_loaded_images_leaves_the_cache_alone(tree):  # 8
    first = load(tree).images.clone()
    load(tree).images.zero_()
    assert (load(tree).images == first).all(), "what was written to the images went to the disk"


def test_where_the_cache_lies(tree, tmp_path, monkeypatch):  # 8
    (tree / ".jepa_lite").mkdir()  # an older version's, where torchvision's ImageFolder stumbles over it
    (tree / ".jepa_lite" / "old.png").write_bytes(b"old")
    before = {path: path.stat().st_mtime_ns for path in tree.rglob("*")}
    load(tree)
    assert {path: path.stat().st_mtime_ns for path in tree.rglob("*")} == before, "the data was touched"
    assert len(cached_files()) == 1
    (tree / ".jepa_lite" / "old.png").unlink()
    (tree / ".jepa_lite").rmdir()
    assert tv.ImageFolder(tree).classes == ["ant", "bee", "cow"]
    monkeypatch.setenv("JEPA_LITE_CACHE", str(tmp_path / "elsewhere"))
    load(tree)
    assert len(list(tmp_path.glob("elsewhere/*.safetensors"))) == 1


def test_an_impossible_cache_costs_only_time(tree, monkeypatch):  # 8
    def full(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(class_folders, "save_file", full)
    with pytest.warns(UserWarning, match="could not keep .*No space left"):
        first = load(tree)
    assert len(first) == 36 and not cached_files()


def test_a_broken_file_costs_no_second_array(tree, monkeypatch):  # 7
    break_files(tree)
    made, empty = [], np.empty
    monkeypatch.setattr(class_folders.np, "empty", lambda *args: made.append(empty(*args)) or made[-1])
    images, rows, skipped = class_folders._read_all("x", tree, *some_paths(tree), False)
    assert len(images) == len(rows) == 40 and len(skipped) == 6
    assert np.shares_memory(images.numpy(), made[0]), "the images that could be read were copied"


def some_paths(tree):
    return sorted(path.relative_to(tree).as_posix() for path in tree.rglob("*.*")), (8, 8)


# --- 13: without a usable home ------------------------------------------------------------------------


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The temporary folder of this test."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(caches.tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path / "temporary"


def no_home(kind, tmp_path, monkeypatch):
    """Take the user's home away: nobody knows one, or it is a file, or below a file."""
    monkeypatch.delenv("USERPROFILE", raising=False)
    if kind == "unknown":  # a user id that a container was given, without an entry among the users
        monkeypatch.delenv("HOME")
        monkeypatch.setattr("os.path.expanduser", lambda path: path)
    else:
        (tmp_path / "file").write_text("in the way")
        monkeypatch.setenv("HOME", str(tmp_path / "file" / ("below" if kind == "below a file" else "")))


@pytest.mark.parametrize("kind", ["unknown", "a file", "below a file"])
def test_without_a_home_a_temporary_folder_is_used_and_said(
    tree, tmp_path, temporary, monkeypatch, kind
):  # 13
    no_home(kind, tmp_path, monkeypatch)
    with pytest.warns(UserWarning, match="nothing can be kept in .*is used.*JEPA_LITE_CACHE"):
        first = load(tree)
    (kept,) = temporary.glob("jepa_lite-*/folders/*.safetensors")
    with pytest.warns(UserWarning, match="nothing can be kept"):
        monkeypatch.setattr(class_folders, "read", None)
        assert (load(tree).images == first.images).all(), f"{kept} was not found again"
    if os.name == "posix":
        assert kept.parents[1].stat().st_mode & 0o077 == 0, "others can write what we will read"


def test_a_temporary_folder_of_someone_else_is_not_used(temporary, monkeypatch):  # 13
    theirs = temporary / f"jepa_lite-{os.getuid() + 1}"
    theirs.mkdir()
    monkeypatch.setattr(caches.os, "getuid", lambda: theirs.stat().st_uid + 1)
    ours = caches._temporary()
    assert ours != theirs and ours.parent == temporary and ours.is_dir()


def test_what_a_read_only_cache_holds_is_used(tmp_path, temporary, monkeypatch, recwarn):  # 13
    monkeypatch.setattr(caches, "unwritable", lambda folder: "Read-only file system")
    (tmp_path / "named" / "part").mkdir(parents=True)
    monkeypatch.setenv("THERE", str(tmp_path / "named"))
    assert caches.cache_folder("x", "THERE", wanted="part") == tmp_path / "named" and not recwarn.list
    with pytest.warns(UserWarning, match=r"nothing can be kept in .*named \(Read-only .*set THERE"):
        found = caches.cache_folder("x", "THERE", wanted="other")
    assert found.parent.parent == temporary and found.name == "x"


def test_a_data_set_is_fetched_to_where_it_can_be_kept(cifar, host, tmp_path, temporary, monkeypatch):  # 13
    body, pixels, _ = cifar
    host.files[PATH] = body, len(body)
    no_home("a file", tmp_path, monkeypatch)
    with pytest.warns(UserWarning, match="nothing can be kept in .*set HOME"):
        assert (load_cifar(None).images.numpy() == pixels[:20]).all()
    assert list(temporary.glob("jepa_lite-*/cifar-10-batches-py"))
    with pytest.raises(PermissionError) as error:  # a folder that was asked for is not exchanged for another
        load_cifar(tmp_path / "file")
    assert_one_sentence(error.value, ["cifar10", str(tmp_path / "file"), "--root"])


# --- 14: memory ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("processes", "fits"), [(None, 6), ("", 6), ("1", 6), ("3", 2)])
def test_memory_is_counted_for_all_processes_of_the_machine(monkeypatch, processes, fits):  # 14
    monkeypatch.setattr(data, "free_memory", lambda: 6.5 * 3 * 12 * 20 / data.MEMORY_SHARE)
    for name, value in (("LOCAL_WORLD_SIZE", processes), ("LOCAL_RANK", "0")):
        monkeypatch.delenv(name, raising=False) if processes is None else monkeypatch.setenv(name, value)
    assert len(data.load("shapes", image_size=(12, 20), limit=fits)) == fits
    with pytest.raises(ValueError) as error:
        data.load("shapes", image_size=(12, 20), limit=fits + 1)
    assert_one_sentence(error.value, ["shapes", "GB", "free", "limit"])
    assert ("in each of 3 processes" in str(error.value)) == (processes == "3")
    monkeypatch.setenv("LOCAL_RANK", "1")  # by its turn the first has taken its part, which was counted
    assert len(data.load("shapes", image_size=(12, 20), limit=9)) == 9


def test_memory_of_a_container_is_not_the_machines(tmp_path, monkeypatch):  # 14
    def put(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("DOT", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    monkeypatch.setattr(memory, "ROOT", tmp_path)
    monkeypatch.setattr(
        memory.os, "sysconf", lambda name: {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 10**6}[name]
    )
    assert (memory.main_memory(), memory.free_memory()) == (4096 * 10**6, 2048 * 10**6), "half, if none says"
    put(proc__meminfo="MemTotal: 9 kB\nMemFree: 5 kB\nMemAvailable:  3000000 kB\n")
    assert (memory.main_memory(), memory.free_memory()) == (4096 * 10**6, 3000000 * 1024)
    put(proc__self__cgroup="0::/job/step\n", sys__fs__cgroup__job__memoryDOTmax="2000000000\n")
    put(
        sys__fs__cgroup__job__step__memoryDOTmax="max\n", sys__fs__cgroup__job__memoryDOTcurrent="700000000\n"
    )
    put(sys__fs__cgroup__job__memoryDOTstat="anon 1\ninactive_file 200000000\n")
    assert (memory.main_memory(), memory.free_memory()) == (2 * 10**9, 15 * 10**8), "version 2"
    put(proc__self__cgroup="5:cpu:/x\n4:hugetlb,memory:/docker/x\n0::/\n")
    put(sys__fs__cgroup__memory__memoryDOTlimit_in_bytes="1000000000\n")
    put(sys__fs__cgroup__memory__memoryDOTusage_in_bytes="1100000000\n")
    assert (memory.main_memory(), memory.free_memory()) == (10**9, 0), "version 1"
    put(sys__fs__cgroup__memory__memoryDOTlimit_in_bytes=f"{2**63 - 4096}\n")  # its way to say: no limit
    assert memory.main_memory() == 4096 * 10**6


def test_memory_of_windows_is_windows_own_word(monkeypatch):  # 14
    class Kernel:
        def GlobalMemoryStatusEx(self, reference):
            assert reference._obj.length == 64, "Windows refuses a structure of another size"
            reference._obj.total, reference._obj.free = 8 * 10**9, 3 * 10**9

    monkeypatch.setattr(memory.ctypes, "windll", type("Dll", (), {"kernel32": Kernel()}), raising=False)
    assert memory._windows() == (8 * 10**9, 3 * 10**9)


def test_a_stream_is_of_the_split_and_limit_that_load_gives(tree):  # 9
    for split, options in (("train", {}), ("test", {}), ("train", {"limit": 7, "seed": 3})):
        whole = load(tree, split, size=(6, 10), **options)
        files = data.stream("folder", split, image_size=(6, 10), root=tree, **options)
        assert (files.read(0, torch.arange(len(files))) == whole.images).all(), (split, options)


# --- 10, 11: fetching -----------------------------------------------------------------------------


def md5(content):
    return hashlib.md5(content).hexdigest()


def archive(files, mode="w:gz"):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return made.getvalue()


@pytest.fixture
def cifar(monkeypatch, host):
    """A CIFAR-10 of 5 x 4 + 6 images at host/mirror/, torchvision's own address dead; returns its parts."""
    rng = np.random.default_rng(1)
    pixels, labels = rng.integers(0, 256, (26, 3, 32, 32), np.uint8), rng.integers(0, 3, 26).tolist()
    parts = {f"data_batch_{i + 1}": slice(4 * i, 4 * i + 4) for i in range(5)} | {"test_batch": slice(20, 26)}
    files = {
        name: pickle.dumps({"data": pixels[part].reshape(-1, 3072), "labels": labels[part]})
        for name, part in parts.items()
    }
    files["batches.meta"] = pickle.dumps({"label_names": ["ape", "bat", "cat"]})
    body = archive({f"cifar-10-batches-py/{name}": content for name, content in files.items()})
    sums = [[name, md5(files[name])] for name in parts]
    monkeypatch.setattr(tv.CIFAR10, "train_list", sums[:5])
    monkeypatch.setattr(tv.CIFAR10, "test_list", sums[5:])
    monkeypatch.setattr(tv.CIFAR10, "meta", tv.CIFAR10.meta | {"md5": md5(files["batches.meta"])})
    monkeypatch.setattr(tv.CIFAR10, "tgz_md5", md5(body))
    monkeypatch.setattr(tv.CIFAR10, "url", "http://127.0.0.1:1/own/cifar-10-python.tar.gz")
    monkeypatch.setitem(
        torchvision_sets.MIRRORS, "cifar10", ("http://127.0.0.1:1/dead/", f"{host.url}mirror/")
    )
    return body, pixels, labels


PATH = "/mirror/cifar-10-python.tar.gz"


def load_cifar(root, split="train", **options):
    return data.load("cifar10", split, root=root, progress=False, **{"image_size": 32} | options)


def test_a_mirror_answers_for_a_dead_address(cifar, host, tmp_path, monkeypatch):  # 10, 11
    body, pixels, labels = cifar
    host.files[PATH] = body, len(body)
    train = load_cifar(tmp_path / "new" / "root")
    assert train.classes == ("ape", "bat", "cat") and train.labels.tolist() == labels[:20]
    assert (train.images.numpy() == pixels[:20]).all()
    monkeypatch.setenv("JEPA_LITE_DATA", str(tmp_path / "new" / "root"))
    test = load_cifar(None, "test")
    assert (test.images.numpy() == pixels[20:]).all() and host.asked == [PATH], host.asked
    small = load_cifar(None, image_size=(16, 24), limit=7)
    assert small.images.shape == (7, 3, 16, 24)
    few = load_cifar(None, limit=7)
    rows = [int((pixels == image.numpy()).all((1, 2, 3)).argmax()) for image in few.images]
    assert len(set(rows)) == 7 and rows != list(range(7)), f"not 7 images drawn at random: {rows}"
    assert few.labels.tolist() == small.labels.tolist() == [labels[row] for row in rows]


@pytest.mark.parametrize("fault", ["cut off", "corrupt", "absent"])
def test_what_is_not_whole_is_never_taken(cifar, host, tmp_path, fault):  # 10
    body, pixels, _ = cifar
    half = body[: len(body) // 2]
    if fault != "absent":
        host.files[PATH] = (half, len(body)) if fault == "cut off" else (half[::-1], len(half))
    with pytest.raises(FileNotFoundError) as error:
        load_cifar(tmp_path)
    place = str(tmp_path / "cifar-10-python.tar.gz")
    assert_one_sentence(error.value, ["cifar10", "/dead/", host.url, "/own/", place, md5(body), "shapes"])
    left = {p.name: p.read_bytes() for p in tmp_path.glob("*")}
    assert left.pop(".cifar10.lock") == b""
    assert left == ({Path(place).name + ".part": half} if fault == "cut off" else {}), f"left: {list(left)}"
    Path(place).write_bytes(body)  # the sentence's advice works
    assert (load_cifar(tmp_path).images.numpy() == pixels[:20]).all()


def test_a_broken_archive_and_a_broken_folder_are_replaced(cifar, host, tmp_path):  # 10
    body, pixels, _ = cifar
    host.files[PATH] = body, len(body)
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(body[:99])
    (tmp_path / "cifar-10-batches-py").mkdir()
    (tmp_path / "cifar-10-batches-py" / "data_batch_1").write_bytes(b"cut off")
    assert (load_cifar(tmp_path).images.numpy() == pixels[:20]).all()
    assert (tmp_path / "cifar-10-python.tar.gz").read_bytes() == body


def test_an_unpacking_that_is_cut_off_starts_again(cifar, host, tmp_path, monkeypatch):  # 10
    body, pixels, _ = cifar
    host.files[PATH] = body, len(body)

    def full(source, into):
        (Path(into) / "cifar-10-batches-py").mkdir()
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(torchvision_sets, "extract", full)
        with pytest.raises(OSError, match="no space"):
            load_cifar(tmp_path)
    assert {p.name for p in tmp_path.glob("*")} == {".cifar10.lock", "cifar-10-python.tar.gz"}
    assert (load_cifar(tmp_path).images.numpy() == pixels[:20]).all() and host.asked == [PATH]


def test_fashion_mnist_arrives_in_rgb(host, tmp_path, monkeypatch):  # 11
    import gzip

    rng = np.random.default_rng(2)
    made = {}
    for split, count in (("train", 9), ("t10k", 5)):
        pixels, labels = rng.integers(0, 256, (count, 28, 28), np.uint8), rng.integers(0, 10, count, np.uint8)
        made[split] = pixels, labels
        for kind, dims, content in (
            ("images-idx3", (count, 28, 28), pixels),
            ("labels-idx1", (count,), labels),
        ):
            body = struct.pack(f">BBBB{len(dims)}i", 0, 0, 8, len(dims), *dims) + content.tobytes()
            body = gzip.compress(body)
            host.files[f"/f/{split}-{kind}-ubyte.gz"] = body, len(body)
    sums = [(path.removeprefix("/f/"), md5(body)) for path, (body, _) in host.files.items()]
    monkeypatch.setattr(tv.FashionMNIST, "resources", sums)
    monkeypatch.setitem(torchvision_sets.MIRRORS, "fashion_mnist", (f"{host.url}f/",))
    for split, name in (("train", "train"), ("test", "t10k")):
        got = data.load("fashion_mnist", split, image_size=28, root=tmp_path, progress=False)
        assert (got.images.numpy() == made[name][0][:, None]).all() and got.images.shape[1] == 3
        assert got.labels.tolist() == made[name][1].tolist() and got.classes[9] == "Ankle boot"


def test_stl10_is_the_right_way_up(host, tmp_path, monkeypatch):  # 11
    rng = np.random.default_rng(3)
    pixels, labels = rng.integers(0, 256, (7, 3, 96, 96), np.uint8), np.array([1, 2, 3, 1, 2, 3, 2], np.uint8)
    turned = pixels.transpose(0, 1, 3, 2)  # the archive stores columns first
    files = {"train_X.bin": turned[:4], "train_y.bin": labels[:4], "unlabeled_X.bin": turned[:1]}
    files |= {"test_X.bin": turned[4:], "test_y.bin": labels[4:]}
    files = {name: content.tobytes() for name, content in files.items()}
    sums = [[name, md5(content)] for name, content in files.items()]
    files["class_names.txt"] = b"airplane\nbird\ncar\n"
    body = archive({f"stl10_binary/{name}": content for name, content in files.items()})
    host.files["/s/stl10_binary.tar.gz"] = body, len(body)
    monkeypatch.setattr(tv.STL10, "train_list", sums[:3])
    monkeypatch.setattr(tv.STL10, "test_list", sums[3:])
    monkeypatch.setattr(tv.STL10, "tgz_md5", md5(body))
    monkeypatch.setitem(torchvision_sets.MIRRORS, "stl10", (f"{host.url}s/",))
    for split, part in (("train", slice(4)), ("test", slice(4, 7))):
        got = data.load("stl10", split, image_size=96, root=tmp_path, progress=False)
        assert (got.images.numpy() == pixels[part]).all() and got.classes == ("airplane", "bird", "car")
        assert got.labels.tolist() == (labels[part] - 1).tolist()


def test_imagenette_arrives_with_its_names_and_splits(host, tmp_path, monkeypatch):  # 11
    wanted, files = {}, {}
    for i, wnid in enumerate(("n01440764", "n02102040")):
        for split, count in (("train", 3), ("val", 2)):
            for k in range(count):
                made = io.BytesIO()
                Image.new("RGB", (20, 16), (90 * i + 20, 100, 60)).save(made, "JPEG")
                files[f"imagenette2-160/{split}/{wnid}/{k}.JPEG"] = made.getvalue()
            wanted[split] = [0] * count + [1] * count
    body = archive(files)
    host.files["/i/imagenette2-160.tgz"] = body, len(body)
    monkeypatch.setitem(torchvision_sets.MIRRORS, "imagenette", (f"{host.url}i/",))
    monkeypatch.setitem(tv.Imagenette._ARCHIVES, "160px", (tv.Imagenette._ARCHIVES["160px"][0], md5(body)))
    for split, inside in (("train", "train"), ("test", "val")):
        got = data.load("imagenette", split, image_size=12, root=tmp_path, progress=False)
        assert got.labels.tolist() == wanted[inside] and got.classes == ("tench", "English springer")
        assert ((got.images[:, 0, 5, 5].long() - 90 * got.labels - 20).abs() <= 4).all()
    streamed = data.stream("imagenette", "test", image_size=12, root=tmp_path, progress=False)
    assert (streamed.read(0, torch.arange(len(streamed))) == got.images).all()


def test_the_real_table_of_archives_is_torchvisions():  # 10
    for name, kind in torchvision_sets.KINDS.items():
        files, own, inside = torchvision_sets._archives(name, {"size": "160px"})
        assert all(len(checksum) == 32 for _, checksum in files), (
            f"{name}: {files} in torchvision {torchvision.__version__}"
        )
        assert own.startswith("http") and own.endswith("/") and inside, f"{name}: {own}, {inside}"
        assert all(m.startswith("https://") and m.endswith("/") for m in torchvision_sets.MIRRORS[name]), name
        assert kind.__name__.lower() == name.replace("_", "")


# --- 12: numbers ----------------------------------------------------------------------------------


def test_normalize_is_imagenets_and_denormalize_undoes_it():  # 12
    images = torch.randint(0, 256, (5, 3, 7, 11), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    before = images.clone()
    ours = data.normalize(images)
    theirs = TF.normalize(
        TF.to_dtype(images, torch.float32, scale=True), [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    )
    assert (ours - theirs).abs().max() < 1e-5, f"differs by {(ours - theirs).abs().max()}"
    assert (images == before).all(), "the input was changed"
    back = data.denormalize(ours)
    assert (back * 255 - images).abs().max() < 1e-3, f"comes back off by {(back * 255 - images).abs().max()}"
    assert data.denormalize(ours * 9).max() <= 1 and data.denormalize(ours * 9).min() >= 0
    for wrong in (images[:, :1], images[0], images.float()):
        with pytest.raises(ValueError, match=r"uint8 images|images must be \(n, 3, H, W\)"):
            data.normalize(wrong)


def test_a_nan_is_named_by_its_image():  # 12
    images = torch.randn(9, 3, 4, 6, generator=torch.Generator().manual_seed(0))
    data.check_finite(images, "mine")
    images[4, 1, 2, 3], images[7, 0, 0, 0] = float("nan"), float("inf")
    with pytest.raises(ValueError) as error:
        data.check_finite(images, "mine")
    assert_one_sentence(error.value, ["image 4 of mine", "2 of 9", "NaN"])
