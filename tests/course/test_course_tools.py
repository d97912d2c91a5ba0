"""Claims tested here, of what the notebooks share (jepa_lite/course/__init__.py):

1. The small image is the cat among the eight photographs, all uint8 of the size that is asked for; made
   images are the same at every call, and those to measure on are others.
2. Guesses are drawn as long as they are, beside what was measured; None is no bar and no word, so that a
   notebook that runs without a guess shows what was measured alone; the alt text holds what is drawn; a guess
   that is no finite number is refused by its label.
3. The recipe is that of `demo`, cut; a double underscore reaches any setting; a misspelled one is an
   error.
4. A model is trained once: the second call loads the same weights and log from the folder that
   JEPA_LITE_COURSE names, without a step. Another config has a folder of its own, another seed other weights.
5. A run that was interrupted is not taken for a finished one. Of several kernels that ask for a model at once
   one trains it and the others wait, say so, and get the same; one that is killed holds nobody up, and what
   it left is not taken for a model.
6. Results are the file; an error names those that there are. The probe of a run sees no test image.
"""

import dataclasses
import json
import math
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from jepa_lite import course
from jepa_lite.data import PHOTOS


def bars(fig):
    return {patch.get_gid(): patch.get_width() for patch in fig.axes[0].patches if patch.get_gid()}


# 1 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [64, 24])
def test_the_cat_is_one_of_eight(size):
    cat, photos = course.small_image(size), course.photographs(size)
    assert cat.shape == (3, size, size) and cat.dtype == torch.uint8
    assert photos.shape == (len(PHOTOS), 3, size, size) and photos.dtype == torch.uint8
    assert torch.equal(photos[list(PHOTOS).index("cat")], cat)
    assert len({photo.float().mean().item() for photo in photos}) == 8, "two photographs are the same"


@pytest.fixture
def few(monkeypatch, tmp_path):
    """Few synthetic images, four steps of a tiny network, and an empty folder for models: its path."""
    monkeypatch.setattr(course, "IMAGES", 24)
    monkeypatch.setattr(course, "HELD_OUT", 10)
    monkeypatch.setattr(course, "STEPS", 4)
    monkeypatch.setenv("JEPA_LITE_COURSE", str(tmp_path / "models"))
    course.made_images.cache_clear()
    yield tmp_path / "models"
    course.made_images.cache_clear()  # the few must not be taken for all by another test


def test_made_images_are_the_same_and_the_test_is_others(few):
    train, test = course.made_images("train"), course.made_images("test")
    assert (len(train), len(test)) == (24, 10) and train.images.shape == (24, 3, 64, 64)
    course.made_images.cache_clear()
    assert torch.equal(course.made_images("train").images, train.images)
    for image in test.images:
        assert not (train.images == image).flatten(1).all(1).any(), "a test image is also trained on"


# 2 -------------------------------------------------------------------------------------------------------

ROWS = {"steps": (3, 7.25), "share": (-0.5, torch.tensor(0.125)), "nothing": (None, 2)}


def test_guesses_are_as_long_as_they_are():
    fig = course.guesses(ROWS, unit=" s")
    fig.canvas.draw()
    found = bars(fig)
    assert found["steps your guess"] == 3 and found["steps measured"] == 7.25
    assert found["share your guess"] == -0.5 and found["share measured"] == 0.125
    assert "nothing your guess" not in found and found["nothing measured"] == 2
    said = [text.get_text() for text in fig.axes[0].texts]
    assert len(said) == 5 and "your guess: 3 s" in said and "measured: 7.25 s" in said
    assert "steps: your guess 3 s, measured 7.25 s" in fig.alt_text
    assert "nothing: measured 2 s" in fig.alt_text
    assert fig.alt_text in fig._repr_mimebundle_()["text/plain"]


def test_without_a_guess_none_is_spoken_of():
    fig = course.guesses({label: (None, measured) for label, (_, measured) in ROWS.items()})
    said = [text.get_text() for text in fig.axes[0].texts]
    assert [words.split(":")[0] for words in said] == ["measured"] * 3 and len(bars(fig)) == 3
    assert "guess" not in fig.alt_text and "None" not in fig.alt_text


@pytest.mark.parametrize("low, high", [(0, 0), (-3, -1), (0, 1e-6), (2, 5e6)])
def test_every_bar_is_within_the_figure(low, high):
    fig = course.guesses({"one": (low, high)})
    fig.canvas.draw()
    left, right = fig.axes[0].get_xlim()
    assert left <= min(low, high, 0) and max(low, high, 0) < right


@pytest.mark.parametrize("guess", [math.nan, math.inf, "7", [3], 1j])
def test_a_guess_that_is_no_number_is_refused_by_its_label(guess):
    with pytest.raises(ValueError, match="the guess for 'second' must be a number, or None"):
        course.guesses({"first": (1, 2), "second": (guess, 3)})


# 3 -------------------------------------------------------------------------------------------------------


def test_the_recipe_is_the_preset_cut():
    usual, baseline = course.recipe(), course.recipe(model__predicts="pixels", train__steps=7)
    whole = course.preset("demo")
    assert usual.model == whole.model and usual.masks == whole.masks
    assert usual.train.steps == course.STEPS < whole.train.steps and usual.train.seconds is None
    ours = ("steps", "seconds", "seed", "probes", "log_every")
    same = {name: getattr(whole.train, name) for name in ours}
    assert dataclasses.replace(usual.train, **same) == whole.train
    assert (baseline.model.predicts, baseline.train.steps, baseline.train.lr) == ("pixels", 7, usual.train.lr)
    with pytest.raises((ValueError, TypeError, AttributeError, KeyError), match="stepps"):
        course.recipe(train__stepps=7)


# 4, 5 ----------------------------------------------------------------------------------------------------

TINY = {"model__width": 16, "model__depth": 1, "model__predictor_width": 16, "model__predictor_depth": 1,
        "train__batch_size": 8}  # fmt: skip


def same(one, other):
    return all(
        torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    )


def test_a_model_is_trained_once(few, monkeypatch, capsys):
    first = course.trained(**TINY)
    assert "training once" in capsys.readouterr().out
    assert first.folder.parent == few and [record["step"] for record in first.log] == [1, 2, 3, 4]
    assert first.config == course.recipe(**TINY)

    def never(*_, **__):
        raise AssertionError("it trains again")

    monkeypatch.setattr(course, "Run", never)
    again = course.trained(**TINY)
    assert again.folder == first.folder and again.log == first.log and again.config == first.config
    assert same(again.model, first.model), "other weights came back"
    with pytest.raises(AssertionError, match="it trains again"):
        course.trained(**TINY, train__seed=6)


def test_the_probe_of_a_run_sees_no_test_image(few, monkeypatch):
    asked, made = [], course.made_images

    def asking(split="train"):
        asked.append(split)
        return made(split)

    asking.cache_clear = made.cache_clear
    monkeypatch.setattr(course, "made_images", asking)
    monkeypatch.setattr(course, "PROBED", 24)
    accuracy = course.training_probe()(course.trained(**TINY).model.target_encoder)["knn"]
    assert set(asked) == {"train"} and 0 <= accuracy <= 1, f"it asked for {asked}"


def test_another_config_has_another_folder(few):
    usual, baseline = course.trained(**TINY), course.trained(**TINY, model__predicts="pixels")
    other = course.trained(**TINY, train__seed=6)
    kept = {path for path in few.iterdir() if path.is_dir()}
    assert {usual.folder, baseline.folder, other.folder} == kept and len(kept) == 3
    assert (usual.config.model.predicts, baseline.config.model.predicts) == ("latents", "pixels")
    assert not same(usual.model, other.model)


def test_fewer_images_are_another_run(few, monkeypatch):
    usual = course.trained(**TINY)
    monkeypatch.setattr(course, "IMAGES", 16)
    course.made_images.cache_clear()
    assert course.trained(**TINY).folder != usual.folder


def test_an_interrupted_run_is_not_a_finished_one(few, monkeypatch):
    steps = course.Run.steps

    def interrupted(run):
        for number, record in enumerate(steps(run)):
            if number == 2:
                raise KeyboardInterrupt
            yield record

    monkeypatch.setattr(course.Run, "steps", interrupted)
    with pytest.raises(KeyboardInterrupt):
        course.trained(**TINY)
    monkeypatch.setattr(course.Run, "steps", steps)
    assert len(course.trained(**TINY).log) == 4


def test_of_two_kernels_one_trains_and_both_load(few, monkeypatch):
    runs, run = [], course.Run

    def counted(*given, **named):
        runs.append(given)
        return run(*given, **named)

    monkeypatch.setattr(course, "Run", counted)
    course.made_images()
    together = threading.Barrier(3)

    def kernel(_):
        together.wait(60)
        return course.trained(**TINY)

    with ThreadPoolExecutor(3) as kernels:
        first, *others = kernels.map(kernel, range(3))
    assert len(runs) == 1, f"{len(runs)} of three kernels trained it"
    for other in others:
        assert same(first.model, other.model) and other.log == first.log
    assert [path.name for path in few.iterdir() if path.is_dir()] == [first.folder.name]


def test_a_killed_kernel_holds_nobody_up(few, capsys):
    folder = course.trained(**TINY).folder
    (folder / "log.json").rename(folder / "log")  # no finished model any more
    part = few / f"{folder.name}.part"
    part.mkdir()
    (part / "log.json").write_text("half")
    holds = "import filelock, sys; lock = filelock.FileLock(sys.argv[1]); lock.acquire(); print(); input()"
    command = [sys.executable, "-c", holds, str(few / f"{folder.name}.lock")]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    other.stdout.readline()
    with ThreadPoolExecutor(1) as kernel:
        waiting = kernel.submit(course.trained, **TINY)
        with pytest.raises(TimeoutError):
            waiting.result(0.3)
        assert "another kernel is training this model now" in capsys.readouterr().out
        other.kill()
        other.communicate()
        assert len(waiting.result(60).log) == 4
    assert not part.exists() and not (folder / "log").exists(), "what was left is still there"


# 6 -------------------------------------------------------------------------------------------------------


def test_results_are_the_file():
    found = course.results("demo")
    assert found["command"] == "python benchmarks/demo.py" and found["controls"]
    with pytest.raises(FileNotFoundError, match=r"no results 'dmeo'; there are: .*\bdemo, ") as error:
        course.results("dmeo")
    assert "step" in str(error.value)


def test_a_model_that_is_kept_can_be_read_by_hand(few):
    folder = course.trained(**TINY).folder
    log = json.loads((folder / "log.json").read_text("utf-8"))
    assert all(math.isfinite(record["loss"]) for record in log)
    assert list(folder.rglob("*.safetensors"))
