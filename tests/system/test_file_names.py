"""Claims about file names that are odd: as text for people (file_names.py), and in a run from end to end.

1. A shown name is one printable line, whatever it holds, and an ordinary one is shown as it is.
2. Files, classes and roots whose names are not UTF-8, or hold line breaks and escape sequences, are read,
   streamed and trained on; each is named on one line, in UTF-8, and no escape sequence reaches a terminal.
3. A folder for a run that weights cannot be written to is refused at once.
"""

import os
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from jepa_lite import data
from jepa_lite.config import Config, MaskConfig, ModelConfig, TrainConfig
from jepa_lite.data.readers import Files
from jepa_lite.system.file_names import shown
from jepa_lite.training.pretrain import pretrain

pytestmark = pytest.mark.usefixtures("private_cache")

MODEL = ModelConfig(
    image_size=(16, 24), patch_size=4, width=16, depth=1, heads=2, predictor_width=16, predictor_depth=1,
    predictor_heads=2,
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("plain-1_ü 猫.jpg", "plain-1_ü 猫.jpg"),
        (Path("a") / "b.jpg", os.path.join("a", "b.jpg")),
        ("two\nlines\r", r"two\nlines\r"),
        ("red\x1b[31m\x07\x9b", r"red\x1b[31m\x07\x9b"),
        ("a\u2028b\u2029c\x85", r"a\u2028b\u2029c\x85"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        (os.fsdecode(b"b\xe9b\xe9"), r"b\udce9b\udce9"),
    ],
)
def test_a_shown_name_is_one_printable_line(name, wanted):  # 1
    assert shown(name) == wanted
    assert len(shown(name).splitlines()) == 1 and shown(name).isprintable()
    shown(name).encode()


ODD = ("\udcff\udce9.png", "two\nlines\u2028.png", "red\x1b[31m.png")


@pytest.fixture
def odd(tmp_path):
    """A root, a class and files whose names are no UTF-8 or do not print; one is broken."""
    root = tmp_path / "root\udcff\x1b[31m"
    try:
        for kind in ("b\udce9b\udce9", "dog"):
            (root / kind).mkdir(parents=True)
            for i, name in enumerate((*ODD, *(f"{i}.png" for i in range(5)))):
                pixels = np.random.default_rng(i).integers(0, 256, (20, 30, 3), np.uint8)
                with open(root / kind / name, "wb") as file:
                    Image.fromarray(pixels).save(file, "PNG")
    except (OSError, ValueError):
        pytest.skip("this disk takes no such names")
    (root / "dog" / f"broken{''.join(ODD)}").write_bytes(b"broken")
    return root


def test_odd_names_are_read_and_streamed(odd):  # 2
    options = {"image_size": 8, "root": odd, "progress": False}
    loaded, again = (data.load("folder", **options) for _ in range(2))
    held = data.load("folder", "test", **options)
    assert len(loaded) + len(held) == 16 and loaded.classes == (r"b\udce9b\udce9", "dog")
    assert torch.equal(loaded.images, again.images) and loaded.skipped == again.skipped
    source = pickle.loads(pickle.dumps(data.stream("folder", **options, workers=0)))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        images = source.read(0, torch.arange(len(source)))
    assert len(images) == len(source) and len(source) + len(held) in (16, 17)
    for text in (*loaded.skipped, *held.skipped, *map(str, (w.message for w in said)), loaded.found):
        assert text.isprintable(), repr(text)


@pytest.mark.filterwarnings("ignore:skipped")
@pytest.mark.parametrize("stream", [False, True])
def test_a_run_over_odd_names_ends_well(odd, tmp_path, capfd, stream):  # 2
    train = TrainConfig(steps=3, batch_size=5, groups=1, stream=stream, workers=0, log_every=3)
    run = pretrain(Config(MODEL, MaskConfig(), train), "folder", root=odd, out=tmp_path / "out")
    lines = (tmp_path / "out" / "skipped.txt").read_text("utf-8").splitlines()
    assert run.step == 3 and lines == [
        r"dog/broken\udcff\udce9.pngtwo\nlines\u2028.pngred\x1b[31m.png: not an image"
    ]
    error = capfd.readouterr().err
    assert lines[0] in error and "\x1b[31m" not in error and "2 classes (b" in error


def test_a_cache_of_an_odd_name_costs_only_time(odd, tmp_path, monkeypatch):  # 2
    monkeypatch.setenv("JEPA_LITE_CACHE", str(tmp_path / "cache\udcff"))
    for _ in range(2):
        assert len(data.load("folder", image_size=8, root=odd, progress=False)) > 10


def test_a_folder_for_the_run_that_weights_cannot_take_is_refused(odd, tmp_path):  # 3
    with pytest.raises(ValueError, match="not a name in UTF-8") as error:
        pretrain(Config(MODEL), "folder", root=odd, out=tmp_path / "out\udcff")
    assert str(error.value).isprintable() and not list(tmp_path.glob("out*"))


def test_a_stream_takes_any_name():  # 2
    names = ["a/\udcff.png", "猫.png", "x" * 200 + ".png"]
    assert [os.fsdecode(path) for path in Files(Path("."), names, (8, 8)).paths] == names
