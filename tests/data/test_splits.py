"""Claims about finding the images of a folder (splits.py, scan.py), and about what a run says of them.

1. The usual layouts are understood: names of splits in any case, a root one level too high, a test set among
   classes, flat test folders, images without classes. One line says what was found and what was ignored.
2. What can be read in two ways, or holds test images alone, is refused in one sentence with the way out.
3. A loop of links, a folder that cannot be looked into and a dead link end nothing and are named; linked
   folders are followed. Files come in the order of their names.
4. Images without labels can be trained on; what needs labels says so before it reads an image.
"""

import errno
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from jepa_lite import cli, data
from jepa_lite.config import Config, MaskConfig, ModelConfig, TrainConfig
from jepa_lite.data import image_files, scan
from jepa_lite.data.splits import find
from jepa_lite.training.pretrain import curve_probe, pretrain

pytestmark = pytest.mark.usefixtures("private_cache")

MODEL = ModelConfig(
    image_size=(16, 24), patch_size=4, width=16, depth=1, heads=2, predictor_width=16, predictor_depth=1,
    predictor_heads=2,
)  # fmt: skip


def put(root, files, real=False):
    """Make files below `root`: "cat/{}.jpg 12" is twelve of them. Only `real` ones hold a picture."""
    for words in files.split(", "):
        name, _, count = words.partition(" ")
        for i in range(int(count or 1)):
            path = root / name.format(i)
            path.parent.mkdir(parents=True, exist_ok=True)
            if real:
                with open(path, "wb") as file:  # Pillow cannot encode every name
                    pixels = np.random.default_rng(i).integers(0, 256, (20, 30, 3), np.uint8)
                    Image.fromarray(pixels).save(file, "PNG")
            else:
                path.write_bytes(b"x")
    return root


# --- 1: layouts -----------------------------------------------------------------------------------

LAYOUTS = {  # name: (files, classes, training and test images, words of the line)
    "classes": (
        "ant/{}.jpg 20, bee/{}.jpg 11", "ant bee", 28, 3, ["2 classes (ant, bee)", "a tenth of each class"],
    ),
    "split names in any case": (
        "Training/cat/{}.jpg 12, Training/dog/{}.jpg 3, TESTING/cat/{}.JPG 4, TESTING/dog/1.png",
        "cat dog", 15, 5, ["15 images from Training/", "5 images from TESTING/"],
    ),
    "valid": ("train/cat/{}.jpg 9, train/dog/1.jpg, valid/cat/1.jpg", "cat dog", 10, 1, ["from valid/"]),
    "Validation": ("TRAIN/cat/{}.jpg 9, Validation/cat/{}.jpg 2", "cat", 9, 2, ["from Validation/"]),
    "test before val": (
        "train/cat/{}.jpg 9, val/cat/{}.jpg 2, test/cat/1.jpg", "cat", 9, 1, ["from test/", "ignored: val/"],
    ),
    "a flat val": (
        "train/cat/{}.jpg 9, train/dog/{}.jpg 9, val/{}.JPEG 40", "cat dog", 16, 2,
        ["held out", "ignored: val/ (40 images in none of the classes)"],
    ),
    "a flat test and a val": (
        "train/cat/{}.jpg 9, test/{}.jpg 7, val/cat/{}.jpg 2", "cat", 9, 2,
        ["from val/", "ignored: test/ (7 images in none of the classes)"],
    ),
    "other classes in val": (  # as in Tiny ImageNet
        "train/n1/images/{}.JPEG 9, train/n2/images/{}.JPEG 9, val/images/{}.JPEG 5, val/labels.txt",
        "n1 n2", 16, 2,
        ["held out", "ignored: val/ (5 images in none of the classes), 1 .txt file"],
    ),
    "one level too high": (
        "data/train/cat/{}.jpg 9, data/val/cat/{}.jpg 2, __MACOSX/data/._1.jpg", "cat", 9, 2,
        ["from data/train/", "from data/val/"],
    ),
    "two levels too high": ("a/b/cat/{}.jpg 20, a/b/dog/{}.jpg 20", "cat dog", 36, 4, ["from a/b/"]),
    "a test set among classes": (
        "bus/{}.jpg 9, car/{}.jpg 9, Test/bus/{}.jpg 2, Test/car/1.jpg", "bus car", 18, 3, ["from Test/"],
    ),
    "a class of trains": ("bus/{}.jpg 20, train/{}.jpg 20", "bus train", 36, 4, ["2 classes (bus, train)"]),
    "no classes": ("{}.jpg 40, notes.txt 1, y.psd", "unlabelled", 36, 4,
                   ["no labels", "a tenth of them", "1 .txt file, 1 .psd file"]),
    "no classes, and a folder": ("{}.jpg 35, old/{}.jpg 5", "unlabelled", 36, 4, ["no labels"]),
    "splits without classes": (
        "train/{}.jpg 9, test/{}.jpg 3", "unlabelled", 9, 3,
        ["no labels", "9 images from train/", "from test/"],
    ),
    "more folders": (
        "train/cat/{}.jpg 9, test/cat/{}.jpg 2, extra/{}.jpg 30, docs/a.pdf", "cat", 9, 2,
        ["ignored: docs/, extra/"],
    ),
    "images beside classes, an empty class": (
        "cat/{}.jpg 20, dog/{}.jpg 20, eel/x.heic 1, {}.jpg 3", "cat dog", 36, 4,
        ["ignored: eel/ without images, 3 images beside the class folders, 1 .heic file"],
    ),
    "images beside the splits": (
        "train/cat/{}.jpg 9, test/cat/{}.jpg 2, {}.jpg 3", "cat", 9, 2, ["ignored: 3 images beside train/"],
    ),
    "classes named like splits": (
        "train_station/{}.jpg 20, test_tube/{}.jpg 20, train_car/x/{}.jpg 10",
        "test_tube train_car train_station", 45, 5, ["3 classes"],
    ),
    "a class for testing only": (
        "train/cat/{}.jpg 9, test/cat/1.jpg, test/dog/1.jpg", "cat dog", 9, 2, ["no training images of dog"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_is_understood_and_told(tmp_path, layout):  # 1
    files, classes, train, test, words = LAYOUTS[layout]
    found = find(put(tmp_path, files))
    parts = {split: found.images(split) for split in ("train", "test")}
    for split, count in (("train", train), ("test", test)):
        names, labels, of = parts[split]
        assert (len(names), of) == (count, tuple(classes.split())), f"{split}: {len(names)} images of {of}"
        if found.labelled:
            assert all(
                f"/{of[i]}/" in f"/{path}" for (path, *_), i in zip(names, labels.tolist(), strict=True)
            )
    taken = Counter(path for names, *_ in parts.values() for path, *_ in names)
    assert max(taken.values()) == 1, "an image is in both splits"
    line = str(found)
    assert line.startswith(str(tmp_path)) and "\n" not in line
    assert all(word in line for word in (*words, f"train: {train}", f"test: {test}")), line


def test_a_line_names_no_more_than_can_be_read(tmp_path):  # 1
    put(tmp_path, "train/c{}/1.jpg 30, more{}/1.jpg 30, train/x.t{} 30")
    line = str(find(tmp_path))
    assert len(line) < 500 + len(str(tmp_path)) and "30 classes (c0, c1, c10, c11, c12, 25 more)" in line, (
        line
    )


def test_files_are_in_the_order_of_the_names(tmp_path):  # 3
    put(tmp_path, "all/b.jpg, all/a/2.jpg, all/a/1.jpg, all/a.jpg, all/a-b/1.jpg, all/.h/1.jpg, all/.x.jpg")
    names = [path for path, *_ in scan.Scan(tmp_path).walk("all/")]
    assert names == ["all/a/1.jpg", "all/a/2.jpg", "all/a-b/1.jpg", "all/a.jpg", "all/b.jpg"]


# --- 2: refusals ----------------------------------------------------------------------------------

REFUSED = {  # name: (files, words of the sentence, with R for the root)
    "test sets alone": ("test/cat/1.jpg, val/cat/1.jpg", ["R holds test, val but no train", "R/test as"]),
    "one test set": ("Testing/cat/1.jpg", ["R holds Testing but no train", "R/Testing as the root"]),
    "a flat test beside classes": ("bus/1.jpg, car/1.jpg, test/1.jpg", ["test in R may be", "bus, car"]),
    "whole data sets": (
        "a/train/x/1.jpg, a/val/x/1.jpg, b/train/y/1.jpg, b/test/y/1.jpg", ["a, b in R", "the root"],
    ),
    "splits in the classes": (
        "cat/Train/1.jpg, cat/Val/1.jpg, dog/Train/1.jpg", ["cat in R", "R/train/<class>"],
    ),
    "splits with longer names": (
        "training_set/cat/1.jpg, training_set/dog/1.jpg, test_set/cat/1.jpg, test_set/dog/1.jpg",
        ["training_set, test_set in R look like splits", "R/train and R/test"],
    ),
    "splits in folders of the same name": (
        "seg_train/seg_train/cat/1.jpg, seg_test/seg_test/cat/1.jpg, seg_pred/seg_pred/1.jpg",
        ["seg_train, seg_test in R look like splits"],
    ),
    "a split of folders and a flat one": ("img_train/n1/1.JPEG, img_val/1.JPEG", ["img_train, img_val in R"]),
    "two training folders": ("train/a/1.jpg, Training/a/1.jpg", ["Training, train", "only one"]),
    "other files": ("a/b.txt", ["no image files", ".jpg", ".png"]),
    "nothing": ("a.txt", ["neither images nor folders", "R/<class>"]),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_be_read_in_two_ways_is_refused(tmp_path, case):  # 2
    files, words = REFUSED[case]
    with pytest.raises(ValueError) as error:
        find(put(tmp_path, files))
    message = str(error.value).replace(str(tmp_path), "R")
    assert "\n" not in message and all(word in message for word in words), message


# --- 3: links and locks ---------------------------------------------------------------------------


def link(path, target):
    try:
        path.symlink_to(target, target_is_directory=True)
    except OSError:
        pytest.skip("links cannot be made here")


def test_linked_folders_are_followed_and_loops_end(tmp_path):  # 3
    tree, elsewhere = (
        put(tmp_path / "tree", "cat/{}.jpg 3, dog/in/1.jpg"),
        put(tmp_path / "pool", "x/{}.jpg 2"),
    )
    link(tree / "cat" / "more", elsewhere / "x")
    link(tree / "cat" / "again", "more")
    link(tree / "cat" / "up", "..")
    link(tree / "dog" / "in" / "loop", "../..")
    link(tree / "dog" / "self.jpg", "self.jpg")
    link(tree / "dog" / "dead.jpg", "nowhere")
    link(tree / "eel", elsewhere)
    found = find(tree)
    files = [file for split in ("train", "test") for file in found.images(split)[0]]
    assert {path for path, *_ in files} == {
        "cat/0.jpg", "cat/1.jpg", "cat/2.jpg", "cat/again/0.jpg", "cat/again/1.jpg", "dog/in/1.jpg",
        "dog/dead.jpg", "eel/x/0.jpg", "eel/x/1.jpg",
    }  # fmt: skip
    assert found.unread.keys() == {"cat/more", "cat/up", "dog/in/loop", "dog/self.jpg"}, found.unread
    assert "taken already" in found.unread["cat/up"] and "could not be looked into: " in str(found)


def test_a_root_that_is_a_loop_ends(tmp_path):  # 3
    link(tmp_path / "a", ".")
    with pytest.raises(ValueError, match="no image files"):
        find(tmp_path)


def lock(monkeypatch, name):
    """Folders of this name cannot be looked into."""
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == name:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(scan.os, "scandir", refuse)


def test_a_folder_that_cannot_be_looked_into_is_named(tmp_path, monkeypatch):  # 3
    root = put(tmp_path, "cat/{}.png 5, cat/locked/{}.png 5, dog/{}.png 5", real=True)
    lock(monkeypatch, "locked")
    wanted = "cat/locked: Permission denied"
    loaded = data.load("folder", image_size=8, root=root, progress=False)
    assert (
        len(loaded) == 8 and loaded.skipped == (wanted,) and "cat/locked (Permission denied)" in loaded.found
    )
    source = data.stream("folder", image_size=8, root=root, progress=False, workers=0)
    assert len(source) == 8 and source.skipped == {"cat/locked": "Permission denied"}
    put(root, "more/Train/cat/1.png, more/extra/1.png")
    lock(monkeypatch, "Train")
    with pytest.raises(ValueError, match=r"more.Train could not be looked into \(Permission denied\)"):
        find(root / "more")
    lock(monkeypatch, root.name)
    with pytest.raises(ValueError, match=r"could not be looked into: \. \(Permission denied\)"):
        find(root)


@pytest.mark.skipif(not hasattr(os, "fork") or os.geteuid() != 0, reason="only root can become nobody")
def test_nobody_reads_what_nobody_may():  # 3
    with tempfile.TemporaryDirectory() as folder:
        root = put(Path(folder), "cat/{}.png 5, cat/locked/1.png, cat/listed/1.png, dog/{}.png 5")
        root.chmod(0o755)
        (root / "cat" / "locked").chmod(0o700)
        (root / "cat" / "listed").chmod(0o744)  # its names can be read, and nothing else
        if not (child := os.fork()):
            status = 1
            try:
                os.setuid(65534)
                found = find(root)
                files = {file for split in ("train", "test") for file in found.images(split)[0]}
                if found.unread == {"cat/locked": "Permission denied"} and len(files) == 11:
                    status = int(("cat/listed/1.png", 0, 0) not in files)
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0


# --- 4: no labels ---------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
def test_images_without_labels_are_trained_on(tmp_path, capsys, stream):  # 1, 4
    root = put(tmp_path / "flat", "{}.png 20", real=True)
    train = TrainConfig(steps=2, batch_size=5, groups=1, stream=stream, workers=0, log_every=2, probes=2)
    assert pretrain(Config(MODEL, MaskConfig(), train), "folder", root=root, out=tmp_path / "out").step == 2
    error = capsys.readouterr().err
    assert error.count("holds no labels; train: 18 images; test: 2 images") == 1, error
    assert error.count("train.probes measures nothing, because the images have no labels") == 1, error


@pytest.mark.parametrize("files", ["{}.png 20", "all/{}.png 20"])
def test_a_probe_without_labels_is_refused_before_it_reads(tmp_path, capsys, monkeypatch, files):  # 4
    root = put(tmp_path / "root", files)
    monkeypatch.setattr("jepa_lite.training.checkpoints.load_encoder", lambda *_: (None, MODEL))
    monkeypatch.setattr(image_files, "read", None)
    words = ["jepa-lite", "probe", tmp_path, "--data", "folder", "--root", root, "--device", "cpu"]
    monkeypatch.setattr(sys, "argv", list(map(str, words)))
    with pytest.raises(SystemExit) as end:
        cli.main()
    told = capsys.readouterr().err.strip().splitlines()
    assert end.value.code == 2 and len(told) == 2, told
    assert told[1].startswith(f"jepa-lite: {root} has no labels to tell apart"), told


def test_a_curve_needs_two_classes():  # 4
    images = torch.zeros(8, 3, 8, 8, dtype=torch.uint8)
    for labels, there in ((torch.zeros(8), False), (torch.arange(8), True)):
        labelled = data.Images(images, labels.long(), ("a", "b"), "made")
        assert (curve_probe(labelled) is not None) == there
