"""Claims about trees of class folders (trees.py).

1. A tree is found whether it is the folder itself or lies in it, with train/ or without; what is none is
   left out; small pictures come first.
2. What is written is read again by `folder`: as many images, the same classes and splits, nearly the same
   pixels.
3. A folder that is not there is an error that names it.
"""

import pytest
from PIL import Image

from jepa_lite.data import PHOTOS, load
from jepa_lite.data.trees import class_trees, write_crops, write_photographs


def put(path, size):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (200, 30, 30)).save(path)


# 1 -------------------------------------------------------------------------------------------------------


def test_trees_are_found_small_pictures_first(tmp_path):
    put(tmp_path / "a-large/dog/1.JPG", (90, 70))
    put(tmp_path / "small/train/cat/1.png", (20, 30))
    put(tmp_path / "middle/cat/1.png", (40, 30))
    put(tmp_path / "deep/a/b/c/1.png", (5, 5))
    put(tmp_path / "hidden/.thumbnails/1.png", (5, 5))
    (tmp_path / "readme.txt").write_text("no folder")
    (tmp_path / "empty/class").mkdir(parents=True)
    assert [tree.name for tree in class_trees(tmp_path)] == ["small", "middle", "a-large"]
    for name in ("small", "middle", "a-large"):
        assert class_trees(tmp_path / name) == [tmp_path / name]
    assert class_trees(tmp_path / "empty") == []
    put(tmp_path / "empty/2.png", (5, 5))
    assert class_trees(tmp_path / "empty") == [], "pictures without a class"


def test_a_broken_picture_hides_no_tree(tmp_path):
    (tmp_path / "tree/class").mkdir(parents=True)
    (tmp_path / "tree/class/1.jpg").write_text("no picture")
    assert class_trees(tmp_path) == [tmp_path / "tree"]


# 2 -------------------------------------------------------------------------------------------------------


def test_photographs_become_files(tmp_path):
    crops = write_crops(tmp_path / "crops", image_size=20, train=24, test=16)
    for split, count in (("train", 24), ("test", 16)):
        read = load("folder", split, image_size=20, root=crops, progress=False)
        assert len(read) == count and set(read.classes) == set(PHOTOS)
        made = load("photos", split, image_size=20, limit=count)
        for name in PHOTOS:
            found, given = (each.images[each.labels == each.classes.index(name)] for each in (read, made))
            assert (found.float() - given.float()).abs().mean() < 6, f"{split}: {name} is another picture"
    whole = load("folder", image_size=32, root=write_photographs(tmp_path / "whole"), progress=False)
    assert len(whole) == len(PHOTOS) and set(whole.classes) == set(PHOTOS)
    assert [tree.name for tree in class_trees(tmp_path)] == ["crops", "whole"]


# 3 -------------------------------------------------------------------------------------------------------


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        class_trees(tmp_path / "nowhere")
