"""Claims about which images a run goes on with (fingerprint.py), and about its facts (provenance.py).

1. A resumed run refuses images that are not those it began with, whether it streams them or not: removed,
   added, changed, or of another folder; it says how many, and names one. So with the pixels of a fetched set.
2. The same tree in another place is taken, and said; archives that cut times to seconds do not matter.
3. A run of before, without a fingerprint, goes on, and has one from then on.
4. `trained_on` knows data and root from a run folder, a checkpoint and its weights file.
5. A damaged images.json or run.json is named in one sentence, and nothing is lost.
6. A checkpoint without the state of a run is named in one sentence.
"""

import os
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from test_locks import tiny

from jepa_lite import cli, data
from jepa_lite.data import Images
from jepa_lite.training.checkpoints import load_model, newest, save
from jepa_lite.training.pretrain import pretrain
from jepa_lite.training.provenance import read_facts, trained_on

MEMORY, STREAM = (), ("train.stream=true", "train.workers=0")
both = pytest.mark.parametrize("settings", [MEMORY, STREAM], ids=["memory", "stream"])


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Two classes of five bitmaps, all of the same size in bytes."""
    monkeypatch.setenv("JEPA_LITE_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    for name in ("dark", "light"):
        (tmp_path / "data" / "train" / name).mkdir(parents=True)
        (tmp_path / "data" / "test" / name).mkdir(parents=True)
        for i in range(5):
            split = "train" if i else "test"
            picture(rng.integers(256)).save(tmp_path / "data" / split / name / f"{i}.bmp")
    return tmp_path / "data"


def picture(shade):
    return Image.new("RGB", (20, 18), (int(shade), 90, 30))


def begin(root, out, settings):
    return pretrain(tiny(1, *settings), "folder", root=root, out=out)


def go_on(root, out, settings):
    return pretrain(tiny(2, *settings), "folder", root=root, out=out, resume=True)


def change(path):
    """Other pixels in as many bytes."""
    picture(255).save(path)


# 1 ----------------------------------------------------------------------------------------------------------

CHANGES = {
    "changed": (lambda train: change(train / "dark/1.bmp"), r"1 changed \('.*dark/1.bmp'\);"),
    "removed": (lambda train: (train / "dark/1.bmp").unlink(), r"1 removed \('.*dark/1.bmp'\);"),
    "added": (lambda train: change(train / "light/9\n.bmp"), r"1 added \('.*light/9\\n.bmp'\);"),
    "as many": (
        lambda train: [(train / "dark/1.bmp").rename(train / f"dark/{name}.bmp") for name in "7"],
        r"1 removed \('.*1.bmp'\), 1 added \('.*7.bmp'\);",
    ),
    "several": (
        lambda train: [change(train / f"light/{i}.bmp") for i in (2, 3, 4)],
        r"3 changed \('.*light/2.bmp' ...\);",
    ),
}


@both
@pytest.mark.parametrize("kind", CHANGES)
def test_other_images_of_any_number_are_refused(root, tmp_path, settings, kind):  # 1
    begin(root, tmp_path / "run", settings)
    make, words = CHANGES[kind]
    make(root / "train")
    with pytest.raises(ValueError, match=words) as refusal:
        go_on(root, tmp_path / "run", settings)
    assert str(root) in str(refusal.value) and "\n" not in str(refusal.value)
    assert len((tmp_path / "run" / "log.jsonl").read_text().splitlines()) == 1


@both
def test_another_folder_of_as_many_images_is_refused(root, tmp_path, settings):  # 1
    begin(root, tmp_path / "run", settings)
    other = shutil.copytree(root, tmp_path / "other", copy_function=shutil.copyfile)  # without the times
    with pytest.raises(ValueError, match=r"8 changed .* or start a new run") as refusal:
        go_on(other, tmp_path / "run", settings)
    assert f"{other} (before: {root})" in str(refusal.value)


def test_other_pixels_of_a_fetched_set_are_refused(tmp_path, monkeypatch):  # 1
    pixels = torch.randint(1, 256, (12, 3, 16, 16), generator=torch.Generator().manual_seed(0)).byte()
    monkeypatch.setattr(
        "jepa_lite.training.pretrain.load_data",
        lambda *_, **__: Images(pixels.clone(), torch.zeros(12, dtype=torch.long), ("a",), "cifar10"),
    )
    pretrain(tiny(1), "cifar10", out=tmp_path / "run")
    pretrain(tiny(2), "cifar10", out=tmp_path / "run", resume=True)
    pixels[7, 1, 3, 5] += 1
    with pytest.raises(ValueError, match="the pixels of cifar10 are not those"):
        pretrain(tiny(3), "cifar10", out=tmp_path / "run", resume=True)


# 2 ----------------------------------------------------------------------------------------------------------


@both
def test_the_same_tree_elsewhere_is_taken_and_said(root, tmp_path, settings, capsys):  # 2
    begin(root, tmp_path / "run", settings)
    for number, cut in enumerate((False, True), 1):
        moved = shutil.copytree(root, tmp_path / f"moved {number}")  # with the times
        for path in moved.rglob("*.bmp") if cut else ():
            seconds = int(path.stat().st_mtime)
            os.utime(path, (seconds, seconds))
        before = read_facts(tmp_path / "run")["root"]
        pretrain(
            tiny(1 + number, *settings), "folder", root=moved, out=tmp_path / "run", resume=True
        )  # fmt: skip
        said = capsys.readouterr().err
        assert f"the same images are now read from {moved}, before from {before}" in said
        assert trained_on(tmp_path / "run") == ("folder", str(moved))


# 3 ----------------------------------------------------------------------------------------------------------


@both
def test_a_run_of_before_goes_on_and_is_protected_from_then_on(root, tmp_path, settings):  # 3
    begin(root, tmp_path / "run", settings)
    (tmp_path / "run" / "images.json").unlink()
    change(root / "train" / "dark" / "1.bmp")
    assert go_on(root, tmp_path / "run", settings).step == 2
    change(root / "train" / "dark" / "2.bmp")
    with pytest.raises(ValueError, match=r"1 changed .*2\.bmp"):
        go_on(root, tmp_path / "run", settings)


# 4 ----------------------------------------------------------------------------------------------------------


def test_probe_finds_the_images_of_a_run_and_of_its_checkpoints(root, tmp_path, monkeypatch, capsys):  # 4
    monkeypatch.chdir(tmp_path)
    begin("data", "run", MEMORY)
    checkpoint = newest("run")
    monkeypatch.chdir(root)
    for path in (tmp_path / "run", tmp_path / checkpoint, tmp_path / checkpoint / "model.safetensors"):
        assert trained_on(path) == ("folder", str(root))
    asked = []

    def fetched(name, split, *, root, **_):
        asked.append((name, root))
        raise ValueError("enough")

    monkeypatch.setattr("jepa_lite.data.load", fetched)
    for place in (None, tmp_path):
        with pytest.raises(ValueError, match="enough"):
            cli.probe(tmp_path / checkpoint, root=place)
    with pytest.raises(ValueError, match="enough"):
        cli.probe(tmp_path / checkpoint, data="cifar10")
    assert asked == [("folder", str(root)), ("folder", tmp_path), ("cifar10", None)]


def test_a_place_from_the_environment_is_kept_for_folders_alone(root, tmp_path, monkeypatch):  # 4
    monkeypatch.setenv("JEPA_LITE_DATA", str(root))
    monkeypatch.setitem(data.COUNTS, "train", 16)
    begin(None, tmp_path / "run", MEMORY)
    assert trained_on(tmp_path / "run") == ("folder", str(root))
    pretrain(tiny(1), "shapes", out=tmp_path / "made")
    assert trained_on(tmp_path / "made") == ("shapes", None)


# 5 ----------------------------------------------------------------------------------------------------------

BROKEN = ["", "[]", "null", "5", '{"data": "fol', "[" * 100_000]


@pytest.mark.parametrize("content", BROKEN, ids=range(len(BROKEN)))
def test_a_damaged_run_json_costs_a_sentence(root, tmp_path, content, capsys):  # 5
    out = tmp_path / "run"
    begin(root, out, MEMORY)
    (out / "run.json").write_text(content)
    with pytest.raises(ValueError, match=r"run\.json is damaged .*; name the data set with --data"):
        trained_on(newest(out))
    with pytest.raises(ValueError, match="already holds a run; add --resume"):
        begin(root, out, MEMORY)
    with pytest.raises(ValueError, match="data was folder"):
        pretrain(tiny(2), "shapes", out=out, resume=True)
    (out / "run.json").write_text(content)
    assert go_on(root, out, MEMORY).step == 2
    assert "run.json is damaged" in capsys.readouterr().err and trained_on(out)[0] == "folder"
    assert (out / "damaged-run.json").read_text() == (out / "damaged-2-run.json").read_text() == content


@pytest.mark.parametrize("content", [*BROKEN, '{"files": 3}', '{"files": [["a", 1]]}'])
def test_a_damaged_list_of_images_is_named(root, tmp_path, content):  # 5
    out = tmp_path / "run"
    begin(root, out, MEMORY)
    (out / "images.json").write_text(content)
    with pytest.raises(ValueError, match=r"images\.json is damaged.*; delete it to go on") as refusal:
        go_on(root, out, MEMORY)
    assert "\n" not in str(refusal.value) and (out / "images.json").read_text() == content


# 6 ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [None, 5, [], {}, {"step": 1}, {"images": 8, "step": 1, "elapsed": 0.0}])
def test_a_checkpoint_without_the_state_of_a_run_is_named(root, tmp_path, state):  # 6
    out = tmp_path / "run"
    begin(root, out, MEMORY)
    new = save(out, *load_model(out), state)
    with pytest.raises(ValueError) as refusal:
        go_on(root, out, MEMORY)
    assert str(refusal.value).startswith(f"{new} holds no state of a run to go on from")
