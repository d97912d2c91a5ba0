"""Claims about image files that are read while training (readers.py, and what
image_files.py does for it).

1. The same bits with 0, 1 and 2 loading processes, and begun in the middle; `read` equals `batches`.
2. A crop is a pure function of seed, step and image, and different for each of them.
3. A crop is torchvision's resized_crop of the file itself, by the box that `draw_boxes` gives. A large
   JPEG is decoded smaller, but never to fewer pixels than the model will see.
4. Every kind of difficult file arrives in the right colours, or is named once with a reason and replaced
   by the next that can be read; a batch keeps its size. TRIES broken ones in a row are one sentence.
5. `pretrain` over such files ends well, and names them in one line and in skipped.txt, for good.
6. Reading leaves torch's global random state alone.
7. What is larger than memory is refused by `load`, which names the way out, and taken by `stream`.
8. Real photographs arrive as torchvision reads them, and a model trains on them.
9. Workers collate into shared memory themselves, so that too little of it is told and never a hang; what a
   failed worker means is one true sentence; a script without a main guard trains in no worker.
"""

import multiprocessing
import os
import re
import shutil
import signal
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.v2 import functional as TF

from jepa_lite import data
from jepa_lite.config import Config, MaskConfig, ModelConfig, TrainConfig
from jepa_lite.data import image_files, readers
from jepa_lite.data.augment import RATIO, draw_boxes
from jepa_lite.data.readers import Files
from jepa_lite.randomness import generator_for
from jepa_lite.system.signals import Stopped
from jepa_lite.training.pretrain import pretrain
from jepa_lite.training.run import Run
from jepa_lite.training.run_log import read_log

SIZE, SCALE = (12, 20), (0.3, 0.6)
TINY = {
    "width": 16, "depth": 1, "heads": 2, "predictor_width": 16, "predictor_depth": 1, "predictor_heads": 2,
}  # fmt: skip


def noise(seed, width, height):
    pixels = np.random.default_rng(seed).integers(1, 256, (height, width, 3), np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """(folder, 23 names) of noisy pictures, all of other sizes; the seventh is broken."""
    root = tmp_path_factory.mktemp("pictures")
    paths = [f"{i:02}.png" for i in range(23)]
    for i, path in enumerate(paths):
        noise(i, 25 + 2 * i, 61 - i).save(root / path)
    (root / paths[7]).write_bytes(b"broken")
    return root, paths


def orders():
    """Four batches of five images, of steps that are not 0, in no order."""
    order = torch.randperm(20, generator=torch.Generator().manual_seed(1))
    return [(step, order[5 * i : 5 * i + 5]) for i, step in enumerate((6, 7, 8, 31))]


def files(pictures, **options):
    options = {"crop_scale": SCALE, "seed": 3, "workers": 0} | options
    return Files(*pictures, SIZE, **options)


@pytest.fixture
def quiet():
    """For tests that meet broken files and are about something else."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


# --- 1, 2: the same bits ----------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2))])
def test_the_number_of_processes_changes_no_bit(pictures, quiet, workers):  # 1, 6
    one, many = files(pictures), files(pictures, workers=workers)
    expected = [one.read(step, idx) for step, idx in orders()]
    torch.manual_seed(5)
    state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    found = list(many.batches(orders()))
    assert torch.equal(torch.get_rng_state(), state), "reading drew from the caller's random numbers"
    assert (np.random.get_state()[1] == numpy_state).all()
    assert len(found) == 4 and all(map(torch.equal, found, expected)), "other bits"
    assert many.skipped == one.skipped == {"07.png": "not an image"}


def test_begun_in_the_middle_it_goes_on_the_same(pictures, quiet):  # 1
    whole, rest = (list(files(pictures).batches(part)) for part in (orders(), orders()[2:]))
    assert all(map(torch.equal, whole[2:], rest)) and len(rest) == 2
    assert not torch.equal(whole[1], rest[0])


def test_a_crop_is_of_its_seed_step_and_image_alone(pictures, quiet):  # 2
    source, alone = files(pictures), torch.tensor([4])
    crop = source.read(9, alone)[0]
    assert torch.equal(source.read(9, torch.tensor([11, 2, 4]))[2], crop), "the company it is in counts"
    assert torch.equal(files(pictures).read(9, alone)[0], crop)
    assert not torch.equal(source.read(10, alone)[0], crop), "the same crop at another step"
    assert not torch.equal(files(pictures, seed=4).read(9, alone)[0], crop), "the same crop by another seed"


def test_two_images_are_cropped_at_different_places(tmp_path):  # 2
    for name in "ab":
        noise(0, 70, 50).save(tmp_path / f"{name}.png")
    source = Files(tmp_path, ["a.png", "b.png"], SIZE, SCALE, workers=0)
    assert not torch.equal(*source.read(0, torch.tensor([0, 1]))), "equal files get equal crops"
    source.crop_scale = None
    assert torch.equal(*source.read(0, torch.tensor([0, 1])))


# --- 3: the file's own pixels -------------------------------------------------------------------------


def test_a_crop_is_torchvisions_of_the_file_itself(pictures):  # 3
    root, paths = pictures
    for i in (0, 3, 12, 22):
        for step in range(5):
            image = Image.open(root / paths[i])
            generator = generator_for(3, "file", step, i)
            corner, sides = draw_boxes(1, (image.height, image.width), SCALE, RATIO, generator)
            expected = TF.resized_crop(image, *corner[0].tolist(), *sides[0].tolist(), list(SIZE))
            found = files(pictures).read(step, torch.tensor([i]))[0]
            error = (found.int() - TF.pil_to_tensor(expected).int()).abs().max().item()
            assert error <= 1, f"image {i}, step {step}: off by {error}"


@pytest.mark.parametrize("turned", [False, True], ids=["upright", "turned"])
@pytest.mark.parametrize("scale", [(0.3, 1.0), (0.12, 0.13)])
@pytest.mark.parametrize("size", [(24, 40), (40, 24), (33, 33)])
def test_a_smaller_decoding_leaves_a_pixel_for_each_that_is_asked_for(
    tmp_path, monkeypatch, size, scale, turned
):  # 3
    exif, boxes = Image.Exif(), []
    exif[0x0112] = 6 if turned else 1

    def spy(batch, image_size, *rest):
        boxes.append((image_size, draw_boxes(batch, image_size, *rest)))
        return boxes[-1][1]

    monkeypatch.setattr(image_files, "draw_boxes", spy)
    # The sides at which a quarter is only just enough, or would be if one looked at one side alone.
    short, long = (4 * (1 + int(side / (scale[0] * RATIO[0]) ** 0.5)) for side in sorted(size))
    smaller = 0
    for file_size in ((short, long), (long, short), (long, long), (long, 3 * long), (3 * long, long)):
        noise(0, *file_size).save(tmp_path / "large.jpg", exif=exif)
        for step in range(40):
            image_files.read(tmp_path / "large.jpg", size, scale, generator_for(1, step))
            image_size, (_, sides) = boxes[-1]
            if sorted(image_size) != sorted(file_size):
                smaller += 1
                height, width = sides[0].tolist()
                assert height >= size[0] and width >= size[1], (
                    f"{height} x {width} pixels, of {image_size}, were blown up to {size}"
                )
    assert smaller >= 120, f"only {smaller} of {len(boxes)} were decoded smaller"


def test_a_large_photograph_looks_the_same_decoded_smaller(tmp_path):  # 3
    photo = data.photo("coffee").resize((2403, 1601), Image.Resampling.BICUBIC)
    photo.save(tmp_path / "large.jpg", quality=95)
    Image.open(tmp_path / "large.jpg").save(tmp_path / "large.png", compress_level=1)  # is decoded whole
    for step in range(4):
        found, whole = (
            image_files.read(tmp_path / name, (48, 80), (0.3, 0.6), generator_for(1, step)).astype(int)
            for name in ("large.jpg", "large.png")
        )
        assert abs(found - whole).mean() < 6, f"differs by {abs(found - whole).mean()} on average"
        sharp, reference = (abs(np.diff(pixels, axis=2)).mean() for pixels in (found, whole))
        assert sharp > 0.9 * reference, f"blurred: {sharp} against {reference}"


# --- 4: difficult files -------------------------------------------------------------------------------


def bomb(side):
    """A PNG of a few bytes that says it is side x side pixels."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(b"\0"))]
    parts = [struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def make_good(root):
    """{name: (r, g, b)} of difficult files that can be read."""
    wanted = {}

    def keep(name, image, colour, **options):
        image.save(root / name, **options)
        wanted[name] = colour

    red = Image.new("RGB", (31, 23), (200, 30, 90))
    keep("a_plain.png", red, (200, 30, 90))
    keep("c_grey.jpg", Image.new("L", (31, 23), 90), (90, 90, 90))
    keep("e_cmyk.jpg", Image.new("CMYK", (31, 23), (0, 255, 255, 0)), (255, 0, 0))
    keep("g_palette.png", red.quantize(4), (200, 30, 90))
    keep("i_palette_alpha.png", red.quantize(4), (200, 30, 90), transparency=b"\x80\xff")
    keep("k_alpha.png", Image.new("RGBA", (31, 23), (200, 30, 90, 128)), (200, 30, 90))
    keep("m_deep.png", Image.fromarray(np.full((23, 31), 200 * 257, np.uint16)), (200, 200, 200))
    keep("n_pixel.png", Image.new("RGB", (1, 1), (4, 105, 206)), (4, 105, 206))
    keep("o_line.png", Image.new("RGB", (301, 1), (4, 105, 206)), (4, 105, 206))
    keep("p_wide.jpg", Image.new("RGB", (4000, 10), (4, 105, 206)), (4, 105, 206))
    keep("r_column.gif", Image.new("RGB", (1, 301), (4, 105, 206)), (4, 105, 206))
    return wanted


def make_broken(root):
    """{name: a word of the reason} of files that cannot be read; their names lie among the good ones."""
    (root / "b_empty.jpg").write_bytes(b"")
    noise(0, 60, 60).save(root / "d_cut.jpg")
    (root / "d_cut.jpg").write_bytes((root / "d_cut.jpg").read_bytes()[:1500])
    noise(0, 60, 60).save(root / "f_cut.png")
    (root / "f_cut.png").write_bytes((root / "f_cut.png").read_bytes()[:3000])
    (root / "h_text.jpg").write_text("this is no picture")
    (root / "j_bomb.png").write_bytes(bomb(50_000))
    os.symlink(root / "nowhere.png", root / "l_link.png")
    Image.new("F", (5, 5), 0.5).save(root / "b_floats.tif")
    return {
        "b_empty.jpg": "empty", "d_cut.jpg": "truncated", "f_cut.png": "", "h_text.jpg": "not an image",
        "j_bomb.png": "bomb", "l_link.png": "No such file", "b_floats.tif": "floats",
    }  # fmt: skip


def folders(root):
    """The folder of one class, in a tree that has a test split of its own."""
    for split in ("train", "test"):
        (root / split / "all").mkdir(parents=True)
        noise(0, 30, 30).save(root / split / "all" / "x.png")
    (root / "train" / "all" / "x.png").unlink()
    return root / "train" / "all"


@pytest.fixture
def difficult(tmp_path):
    root = folders(tmp_path)
    return root, make_good(root), make_broken(root)


def assert_colour(image, colour, name):
    error = (image.long() - torch.tensor(colour)[:, None, None]).abs().max().item()
    assert error <= 3, f"{name} is off by {error} of 255: {image[:, 0, 0].tolist()} for {colour}"


@pytest.mark.parametrize("scale", [None, (0.3, 1.0), (0.02, 0.05)])
def test_difficult_files_arrive_and_broken_ones_are_replaced(difficult, scale):  # 4
    root, good, broken = difficult
    paths = sorted([*good, *broken])
    source = Files(root, paths, SIZE, scale, workers=0)
    with pytest.warns(UserWarning, match="^skipped ") as said:
        for step in range(3):
            images = source.read(step, torch.arange(len(paths)))
            assert len(images) == len(paths) == 18
            for i, path in enumerate(paths):
                after = paths[i:] + paths[:i]
                name = next(other for other in after if other in good)
                assert_colour(images[i], good[name], f"{name} in the place of {path}")
    assert source.skipped.keys() == broken.keys()
    for name, reason in source.skipped.items():
        assert broken[name] in reason and len(reason) > 8 and "\n" not in reason, f"{name}: {reason}"
    names = sorted(str(w.message).split(" ")[1].rstrip(":") for w in said if "skipped" in str(w.message))
    assert names == sorted(broken), "each is named once"


def test_a_turned_photograph_is_cropped_upright(tmp_path):  # 4
    image, exif = Image.new("RGB", (60, 40), (9, 9, 9)), Image.Exif()
    image.paste((250, 250, 250), (0, 0, 30, 40))  # the left half is light
    exif[0x0112] = 6  # "turn by 90 degrees clockwise to look at it": left becomes top
    image.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    source = Files(tmp_path, ["turned.jpg"], (30, 20), (0.9, 0.9), workers=0)
    crop = source.read(0, torch.tensor([0]))[0].int()
    assert crop[:, :10].min() > 230 and crop[:, 20:].max() < 30, f"not upright: {crop[0]}"


def test_many_broken_files_in_a_row_are_one_sentence(tmp_path, quiet, monkeypatch):  # 4
    for i in range(9):
        (tmp_path / f"{i}.jpg").write_bytes(b"broken" if i < 4 else b"")
    noise(0, 30, 30).save(tmp_path / "9.jpg")
    source = Files(tmp_path, [f"{i}.jpg" for i in range(10)], SIZE, workers=0)
    monkeypatch.setattr(Files, "TRIES", 9)
    sentence = r"^9 files in a row .* 8\.jpg: the file is empty; is .* still there\?$"
    with pytest.raises(OSError, match=sentence):
        source.read(0, torch.tensor([9, 0]))
    with pytest.raises(OSError, match=re.escape(f"is {tmp_path} still there?")):
        list(source.batches([(0, torch.tensor([0, 9]))]))
    assert len(source.read(0, torch.tensor([1]))) == 1, "eight in a row are not too many"
    monkeypatch.setattr(Files, "TRIES", 100)
    assert len(source.read(0, torch.tensor([0]))) == 1
    (tmp_path / "9.jpg").unlink()
    with pytest.raises(OSError, match=r"^10 files in a row"):  # no file is tried twice
        source.read(0, torch.tensor([5]))


def test_a_sample_is_whole_and_always_the_same(pictures, quiet):  # 2, 4
    source = files(pictures)
    sample = source.sample(9)
    wanted = [image_files.read(pictures[0] / f"{i:02}.png", SIZE) for i in (0, 2, 5, 8, 10, 12, 15, 17, 20)]
    assert (sample.numpy() == np.stack(wanted)).all() and source.skipped.keys() == {"07.png"}
    source.read(3, torch.arange(5))
    assert torch.equal(source.sample(9), sample) and len(source.sample(99)) == 23


# --- 5: pretrain --------------------------------------------------------------------------------------


def config(**train):
    values = {"steps": 6, "batch_size": 5, "groups": 2, "stream": True, "workers": 0, "log_every": 3}
    return Config(ModelConfig(image_size=(24, 40), **TINY), MaskConfig(), TrainConfig(**values | train))


def test_pretrain_over_difficult_files_ends_well_and_names_them(difficult, tmp_path, capsys):  # 5
    (_, good, broken), out = difficult, tmp_path / "run"
    with pytest.warns(UserWarning, match="skipped train/all/") as said:
        run = pretrain(config(), "folder", root=tmp_path, out=out)
    assert len(said) == len(broken), [str(w.message) for w in said]
    assert run.step == 6 and len(run.source) == len(good) + len(broken)
    assert [r["step"] for r in read_log(out)] == [1, 2, 3, 4, 5, 6]
    error = capsys.readouterr().err
    lines = [line for line in error.splitlines() if "could not be read and were left out" in line]
    assert len(lines) == 1 and "7 files" in lines[0], lines
    for words in ("train/all/b_empty.jpg: the file is empty", str(out / "skipped.txt")):
        assert words in lines[0], lines[0]
    kept = dict(line.split(": ", 1) for line in (out / "skipped.txt").read_text("utf-8").splitlines())
    assert kept.keys() == {f"train/all/{name}" for name in broken}
    assert all(broken[Path(path).name] in reason for path, reason in kept.items()), kept


def test_a_resumed_run_keeps_the_names_found_before(difficult, tmp_path, quiet):  # 5
    root, _, broken = difficult
    out = tmp_path / "run"

    def stop(record):
        if record["step"] == 2:
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(Stopped):
        pretrain(config(), "folder", root=tmp_path, out=out, watch=stop)
    before = (out / "skipped.txt").read_text("utf-8")
    assert len(before.splitlines()) == len(broken)
    plain = root / "a_plain.png"
    about = plain.stat()  # the disk spoils it: by size and time it is the file that the run began with
    plain.write_bytes(b"broken now".ljust(about.st_size))
    os.utime(plain, ns=(about.st_atime_ns, about.st_mtime_ns))
    pretrain(config(), "folder", root=tmp_path, out=out, resume=True)
    after = (out / "skipped.txt").read_text("utf-8").splitlines()
    assert set(after) == {*before.splitlines(), "train/all/a_plain.png: not an image"}
    assert after == sorted(after)


def test_a_run_over_good_files_says_nothing(tmp_path, capsys):  # 5
    make_good(folders(tmp_path))
    pretrain(config(steps=2), "folder", root=tmp_path, out=tmp_path / "run")
    assert "left out" not in capsys.readouterr().err and not (tmp_path / "run" / "skipped.txt").exists()


# --- 7: memory ----------------------------------------------------------------------------------------


def test_a_set_that_is_larger_than_memory_is_streamed(tmp_path, monkeypatch):  # 7
    root = folders(tmp_path)
    for i in range(7):
        noise(i, 41, 25).save(root / f"{i}.png")
    monkeypatch.setattr(data, "free_memory", lambda: 3 * 24 * 40 * 6.5 / data.MEMORY_SHARE)
    monkeypatch.setenv("JEPA_LITE_CACHE", str(tmp_path / "cache"))
    options = {"image_size": (24, 40), "root": tmp_path, "progress": False}
    with pytest.raises(ValueError, match=r"folder would take .* GB .*; use --set train\.stream=true,"):
        data.load("folder", **options)
    assert len(data.load("folder", limit=6, **options)) == 6, "six fit"
    assert len(data.stream("folder", **options)) == 7
    run = pretrain(config(steps=2), "folder", root=tmp_path, out=tmp_path / "run")
    assert run.step == 2 and isinstance(run.source, Files)
    with pytest.raises(ValueError, match=r"shapes is loaded whole: leave out train\.stream"):
        data.stream("shapes", image_size=24)


# --- 8: real images -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """A tree of real photographs: a piece of ImageNet where there is one, else those of the installed
    packages."""
    real = Path(os.environ.get("JEPA_LITE_DATA", "")) / "imagenet-sample"
    root = tmp_path_factory.mktemp("photographs") / "tree"
    if real.is_dir():  # a copy: the tests leave no file in it
        shutil.copytree(real, root, ignore=shutil.ignore_patterns(".*"))
        return root
    for name in data.PHOTOS:
        (root / name).mkdir(parents=True)
        data.photo(name).save(root / name / "1.jpg", quality=90)
    return root


def test_real_photographs_arrive_as_torchvision_reads_them(photographs):  # 8
    source = data.stream("folder", image_size=224, root=photographs, progress=False, workers=0)
    there = sorted(p for p in photographs.rglob("*") if p.suffix.lower() in image_files.EXTENSIONS)
    assert len(source) == len(there) in (250, len(data.PHOTOS)) and not source.skipped
    images = source.read(0, torch.arange(len(source)))
    assert not source.skipped and images.shape == (len(there), 3, 224, 224)
    errors = []
    for path, image in zip(there, images, strict=True):
        expected = TF.center_crop(TF.resize(Image.open(path).convert("RGB"), 224), [224, 224])
        both = torch.stack([TF.pil_to_tensor(expected), image]).float()
        ours, theirs = torch.nn.functional.avg_pool2d(both, 4)  # the two centres may be half a pixel apart
        errors.append((ours - theirs).abs().mean().item())
    worst = int(np.argmax(errors))
    assert errors[worst] < 10 and np.mean(errors) < 3, f"{there[worst]}: {errors[worst]}, {np.mean(errors)}"
    thumbs = torch.nn.functional.avg_pool2d(images.float(), 28).flatten(1).round()
    assert len({tuple(thumb.tolist()) for thumb in thumbs}) == len(there), "two photographs are alike"


def test_a_model_trains_on_real_photographs(photographs):  # 8
    train = TrainConfig(steps=2, batch_size=8, groups=2, crop_scale=(0.3, 1.0), seed=2, log_every=2)
    model = ModelConfig(image_size=224, patch_size=32, **TINY)
    options = {"crop_scale": train.crop_scale, "crop_seed": train.seed, "workers": 0, "progress": False}
    source = data.stream("folder", image_size=224, root=photographs, **options)
    run = Run(Config(model, MaskConfig(), train), source)
    before = [p.clone() for p in run.model.encoder.parameters()]
    records = list(run.steps())
    assert [r["step"] for r in records] == [1, 2] and all(0 < r["loss"] < 2 for r in records)
    assert records[-1]["rank"] > 1.5 and records[-1]["std"] > 0.01, records[-1]
    changed = [not torch.equal(a, b) for a, b in zip(before, run.model.encoder.parameters(), strict=True)]
    assert sum(changed) > 0.8 * len(changed), f"{sum(changed)} of {len(changed)} weights moved"
    assert not source.skipped


# --- 9: loading processes that fail ---------------------------------------------------------------------


def test_a_worker_puts_its_batch_into_shared_memory_itself(pictures, monkeypatch, quiet):  # 9
    items = [files(pictures)[0, i] for i in (3, 7, 9)]
    images, failures = readers._collate(items)
    assert not images.is_shared() and torch.equal(images, torch.stack([image for image, _ in items]))
    assert failures == [("07.png", "not an image")]
    monkeypatch.setattr(torch.utils.data._utils.worker, "_worker_info", object())  # as if in a worker
    shared, _ = readers._collate(items)
    assert shared.is_shared(), "the batch is copied when the worker can no longer tell what went wrong"
    assert torch.equal(shared, images)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("Caught RuntimeError in DataLoader worker process 0.\nOriginal Traceback:\nRuntimeError: unable to "
         "allocate shared memory(shm) for file </torch_7_1_2>: No space left on device (28)", "--shm-size"),
        ("unable to write to file </torch_7_1_2>: No space left on device (28)", "train.workers=0"),
        ("DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that "
         "dataloader's workers are out of shared memory.", "--shm-size"),
        ("DataLoader worker (pid(s) 7) exited unexpectedly", 'if __name__ == "__main__"'),
        ("DataLoader timed out after 3600 seconds", "no image came for 3600 seconds"),
        ("DataLoader worker (pid 7) is killed by signal: Killed.", "if memory ran out, lower train.workers"),
    ],
)  # fmt: skip
def test_what_a_failed_worker_means_is_one_true_sentence(said, words):  # 9
    message = str(readers.worker_died(RuntimeError(said)))
    assert words in message and "\n" not in message and "--resume goes on" in message, message
    assert ("memory" in message) == ("memory" in said or "torch_" in said or "Killed" in said), message


def test_a_script_without_a_main_guard_trains_in_no_worker(tmp_path, monkeypatch):  # 9
    monkeypatch.setattr(multiprocessing.current_process(), "_inheriting", True, raising=False)
    for start in (
        lambda: Files(tmp_path, [], SIZE),
        lambda: pretrain(config(), "folder", out=tmp_path / "run"),
    ):
        with pytest.raises(SystemExit, match='below if __name__ == "__main__":'):
            start()
    assert not list(tmp_path.iterdir()), "a worker wrote to the run's folder"


class Ended:
    """A DataLoader that has nothing, and no workers."""

    _workers = ()

    def __iter__(self):
        return self

    def __next__(self):
        raise StopIteration

    def _shutdown_workers(self):
        pass


def test_no_wait_for_a_worker_is_endless(pictures, monkeypatch):  # 9
    options = []

    def loader(source, **given):
        options.append(given)
        return Ended()

    monkeypatch.setattr(readers, "DataLoader", loader)
    for workers in (0, 2):
        list(files(pictures, workers=workers).batches([]))
    assert [o["timeout"] for o in options] == [0, readers.PATIENCE] and readers.PATIENCE > 0
