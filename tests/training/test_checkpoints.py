"""What is claimed of checkpoints, and tested here. (A run that goes on from one, bit for bit: test_run.py;
values of other people's weights: test_references.py.)

 1. What is loaded is what was saved, bit for bit: weights, config, AdamW's state, nested numbers and tensors.
 2. `predicts` decides between `IJEPA` and `PixelBaseline`; loading draws no random number.
 3. A run folder (its newest checkpoint), a checkpoint folder and the weights file all do.
 4. A crash at any line of a save leaves the old checkpoint, or the new one, whole: weights, config and
    state of one save. The next save works, and leaves two checkpoints and nothing else.
 5. Every file and the folder are on the disk before the rename that makes the checkpoint exist.
 6. `load_encoder` gives the target encoder unless asked for the context encoder.
 7. A malicious pickle runs nothing. No file that we write is a pickle.
 8. Whatever is missing, cut short, damaged, nested without end, of another size or another format is refused
    in one sentence that names the file and says what to do. A run's newest checkpoint that is damaged, even
    in one bit, is named, and the one before is used, and kept; also where checksums are gone.
 9. Files are as readable to others as any other file.
"""

import dataclasses
import json
import os
import pickle
import re
import shutil
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load as from_bytes
from safetensors.torch import load_file, save_file

from jepa_lite.baselines.pixel_target import PixelBaseline
from jepa_lite.config import Config, MaskConfig, ModelConfig, TrainConfig
from jepa_lite.method.ijepa import IJEPA
from jepa_lite.method.masks import sample_masks
from jepa_lite.method.optim import make_optimizer
from jepa_lite.training import checkpoints
from jepa_lite.training.checkpoints import load_encoder, load_model, load_state, newest, save, set_aside
from jepa_lite.training.damage import checksum
from jepa_lite.training.packing import pack
from jepa_lite.training.run import make_model

CONFIG = Config(
    ModelConfig(
        image_size=(20, 28), patch_size=4, width=24, depth=2, heads=3, mlp_ratio=1.5,
        predictor_width=16, predictor_depth=1, loss="l2", norm_eps=1e-5,
    ),
    MaskConfig(num_targets=3, target_scale=(0.1, 0.19)),
    TrainConfig(steps=12, lr=1e-3),
)  # fmt: skip


def trained(seed=0, config=CONFIG, steps=2):
    """(model, optimizer) after some real steps, so that moments, steps and both encoders differ."""
    model = make_model(config.model, seed)
    optimizer = make_optimizer(model, config.train, "cpu")
    train(model, optimizer, range(steps), config)
    return model, optimizer


def train(model, optimizer, steps, config=CONFIG):
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        images = torch.randn(4, 3, 20, 28, generator=generator)
        model.loss(images, sample_masks(config.model.grid, 4, config.masks, generator)).backward()
        optimizer.step()
        optimizer.zero_grad()
        model.update_target(0.9)


def same(a, b):
    """Equal in value, type, order and, for tensors, in every bit."""
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and a.shape == b.shape and torch.equal(a, b)
    if isinstance(a, dict):
        return list(a) == list(b) and type(b) is type(a) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


def same_weights(a, b):
    return same(dict(a.state_dict()), dict(b.state_dict()))


# --- what comes back ---------------------------------------------------------------------------------


@pytest.mark.parametrize("predicts, network", [("latents", IJEPA), ("pixels", PixelBaseline)])
def test_weights_and_config_come_back(tmp_path, predicts, network):
    config = dataclasses.replace(CONFIG, model=dataclasses.replace(CONFIG.model, predicts=predicts))
    model, _ = trained(config=config)
    save(tmp_path, model, config)
    before = torch.get_rng_state()
    loaded, loaded_config = load_model(tmp_path)
    assert torch.equal(torch.get_rng_state(), before), "loading drew random numbers"
    assert type(loaded) is network and loaded_config == config
    assert same_weights(loaded, model)
    learns = {name: p.requires_grad for name, p in model.named_parameters()}
    assert {name: p.requires_grad for name, p in loaded.named_parameters()} == learns
    images = torch.randn(3, 3, 20, 28, generator=torch.Generator().manual_seed(7))
    masks = sample_masks(config.model.grid, 3, config.masks, torch.Generator().manual_seed(7))
    assert loaded.loss(images, masks).item() == model.loss(images, masks).item()
    assert load_state(tmp_path) is None


def test_state_comes_back_bit_for_bit(tmp_path):
    model, optimizer = trained()
    shared = torch.tensor(1e-3)
    state = {
        "step": 2,
        "elapsed": 0.1 + 0.2,
        "optimizer": optimizer.state_dict(),
        "generator": torch.Generator().manual_seed(3).get_state(),
        "nested": [
            {"a.b": (torch.tensor(2.5, dtype=torch.bfloat16), None)},
            {"a": {"b": torch.eye(3).T[1:]}},
            [],
            (),
        ],
        "one tensor twice": [shared, shared],
        7: True,
        "strings": 'a\n"b" ü',
        "large": 2**70,
        "tensor": {"tensor": "0", "dict": {}},
        "empty": torch.empty(0, 3),
    }
    assert len(state["optimizer"]["state"]) > 20 and float(state["optimizer"]["state"][0]["step"]) == 2
    save(tmp_path, model, CONFIG, state)
    assert same(load_state(tmp_path), state)


def test_a_state_that_json_cannot_hold_is_refused_and_nothing_is_touched(tmp_path):
    model, _ = trained(steps=1)
    save(tmp_path, model, CONFIG, {"step": 1})
    for bad in ({"a": {1.5: 2}}, {"a": object()}, {"a": {3}}, {"a": [b"bytes"]}):
        with pytest.raises(ValueError, match="a state may hold tensors, numbers"):
            save(tmp_path, model, CONFIG, bad)
    assert load_state(tmp_path) == {"step": 1} and [p.name for p in tmp_path.iterdir()] == [
        "checkpoint-000001"
    ]


def test_run_folder_checkpoint_folder_and_weights_file_all_do(tmp_path):
    models = [trained(seed)[0] for seed in range(3)]
    made = [save(tmp_path / "a" / "run", model, CONFIG, {"n": n}) for n, model in enumerate(models)]
    assert [p.name for p in made] == ["checkpoint-000001", "checkpoint-000002", "checkpoint-000003"]
    run = tmp_path / "a" / "run"
    assert sorted(p.name for p in run.iterdir()) == ["checkpoint-000002", "checkpoint-000003"]
    for path, n in [(run, 2), (str(run), 2), (made[2], 2), (made[1], 1), (made[1] / "model.safetensors", 1)]:
        assert same_weights(load_model(path)[0], models[n]), path
        assert load_state(path) == {"n": n}, path
        assert torch.equal(load_encoder(path)[0].embed.weight, models[n].target_encoder.embed.weight), path
    moved = made[2].rename(tmp_path / "elsewhere")
    (moved / "model.safetensors").rename(moved / "best.safetensors")
    assert same_weights(load_model(moved / "best.safetensors")[0], models[2])


def test_the_target_encoder_unless_asked_otherwise(tmp_path):
    model, _ = trained()
    save(tmp_path, model, CONFIG)
    for encoder, (loaded, config) in [
        (model.target_encoder, load_encoder(tmp_path)),
        (model.target_encoder, load_encoder(tmp_path, which="target")),
        (model.encoder, load_encoder(tmp_path, which="context")),
    ]:
        assert same_weights(loaded, encoder) and config == CONFIG.model
    assert not same_weights(model.encoder, model.target_encoder)
    with pytest.raises(ValueError, match="one of target, context, not 'targets'; did you mean 'target'"):
        load_encoder(tmp_path, which="targets")


# --- crashes -----------------------------------------------------------------------------------------


class Crash(BaseException):
    """Nothing catches it, and `save` cleans nothing up: the disk is as a power cut leaves it."""


WRITING = {part.__code__.co_filename for part in (save, checksum, pack)}


def crash_at(line, call):
    """Run `call`, stopping it dead before the `line`-th line that it runs of the files that write, if any."""
    count = 0

    def trace(frame, event, _):
        nonlocal count
        if frame.f_code.co_filename not in WRITING or frame.f_code.co_name.startswith("<"):
            return None
        if event == "line":
            count += 1
            if count == line:
                raise Crash
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
        return False
    except Crash:
        return True
    finally:
        sys.settrace(before)


def version(n):
    """A model, config and state that all say `n`; tiny, as it is saved a hundred times."""
    config = Config(
        ModelConfig(
            image_size=16, width=4, heads=1, depth=1, predictor_width=4, predictor_heads=1, predictor_depth=1
        ),
        train=TrainConfig(seed=n),
    )
    model = make_model(config.model)
    with torch.no_grad():
        model.predictor.mask_token.fill_(n)
    return model, config, {"n": n, "tensor": torch.tensor([n])}


def version_on_disk(folder):
    """Which versions the weights, the config, the state and its tensors are of."""
    (model, config), state = load_model(folder), load_state(folder)
    return {int(model.predictor.mask_token[0]), config.train.seed, state["n"], int(state["tensor"])}


@pytest.mark.slow
def test_a_crash_at_any_line_leaves_one_whole_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # slow, and tested below
    versions, start, folder, seen = (
        [version(n) for n in range(1, 5)],
        tmp_path / "start",
        tmp_path / "run",
        [],
    )
    for n in (0, 1):
        save(start, *versions[n])
    for line in range(1, 1000):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(start, folder)
        crashed = crash_at(line, lambda: save(folder, *versions[2]))
        found = version_on_disk(folder)
        assert found in ({2}, {3}), f"after a crash at line {line} the disk holds a mix of saves: {found}"
        seen.append(found.pop())
        if line % 5 == 0 or not crashed:
            save(folder, *versions[3])
            left = sorted(p.name for p in folder.iterdir())
            assert version_on_disk(folder) == {4}, f"no save after a crash at line {line}"
            assert len(left) == 2 and all(re.fullmatch(r"checkpoint-\d{6}", name) for name in left), left
        if not crashed:
            break
    assert line > 40 and seen == sorted(seen) and seen[0] == 2 and seen[-1] == 3, f"{line} lines: {seen}"


def test_a_crash_of_the_first_save_leaves_no_checkpoint_and_the_next_save_works(tmp_path):
    folder = tmp_path / "run"
    for line in (5, 15, 30):
        assert crash_at(line, lambda: save(folder, *version(1)))
        with pytest.raises(FileNotFoundError, match="checkpoint"):
            load_model(folder)
    save(folder, *version(2))
    assert version_on_disk(folder) == {2} and len(list(folder.iterdir())) == 1


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    save(tmp_path, *version(1))

    def full(tensors, path, metadata):
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "save_file", full)
    with pytest.raises(OSError, match="No space left"):
        save(tmp_path, *version(2))
    monkeypatch.undo()
    left = [p.name for p in tmp_path.iterdir()]
    assert version_on_disk(tmp_path) == {1} and left == ["checkpoint-000001"], f"{left} fill the disk"
    save(tmp_path, *version(3))
    assert version_on_disk(tmp_path) == {3}


def test_everything_is_flushed_before_the_rename_that_makes_it_exist(tmp_path, monkeypatch):
    events, flush, rename = [], os.fsync, Path.rename
    monkeypatch.setattr(
        os, "fsync", lambda handle: (events.append(os.fstat(handle).st_ino), flush(handle))[1]
    )
    monkeypatch.setattr(Path, "rename", lambda *paths: (events.append("rename"), rename(*paths))[1])
    new = save(tmp_path, *version(1))
    files = {p.stat().st_ino for p in new.iterdir()}
    at = events.index("rename")
    assert len(files) == 5 and files <= set(events[:at]), "a file was not flushed before the rename"
    if os.name == "posix":  # Windows cannot flush a folder
        assert events[at - 1] == new.stat().st_ino and events[at + 1 :] == [tmp_path.stat().st_ino]


def test_files_are_as_readable_as_any_other(tmp_path):
    before = os.umask(0o027)
    try:
        new, other = save(tmp_path / "run", *version(1)), tmp_path / "other"
        other.write_text("a file like any other")
    finally:
        os.umask(before)
    for path in new.iterdir():
        assert path.stat().st_mode == other.stat().st_mode, f"{path.name} has mode {path.stat().st_mode:o}"


# --- pickles -----------------------------------------------------------------------------------------


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def pickled(content, path, way):
    if way == "torch":
        torch.save(content, path)
    elif way == "old torch":
        torch.save(content, path, _use_new_zipfile_serialization=False)
    else:
        path.write_bytes(pickle.dumps(content))


@pytest.mark.parametrize("way", ["torch", "old torch", "plain"])
@pytest.mark.parametrize("name", ["model.pth.tar", "model.safetensors"])
def test_a_malicious_pickle_runs_nothing(tmp_path, monkeypatch, way, name):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")  # which would undo torch's mere default
    trap = tmp_path / "the trap"
    pickled({"target_encoder": {"norm.weight": Malicious(trap)}}, tmp_path / name, way)
    for loader in (load_model, load_encoder):
        with pytest.raises(ValueError) as refusal:
            loader(tmp_path / name)
        assert_one_sentence(refusal, tmp_path / name)
    assert not trap.exists(), "the pickle's code ran"
    pickle.loads(pickle.dumps(Malicious(trap))).close()
    assert trap.exists(), "this trap never snaps"


def test_no_file_of_ours_is_a_pickle(tmp_path):
    model, optimizer = trained(steps=1)
    new = save(tmp_path, model, CONFIG, {"optimizer": optimizer.state_dict()})
    assert sorted(p.name for p in new.iterdir()) == [
        "checksums.json",
        "config.json",
        "model.safetensors",
        "state.json",
        "state.safetensors",
    ]
    for path in new.iterdir():
        if path.suffix == ".json":
            json.loads(path.read_text("utf-8"))
        else:
            load_file(path)
        assert not zipfile.is_zipfile(path)
    assert load_file(new / "model.safetensors").keys() == model.state_dict().keys()


# --- bad input ----------------------------------------------------------------------------------------


def assert_one_sentence(refusal, *names):
    message = str(refusal.value)
    assert "\n" not in message and len(message) < 900, message
    for name in names:
        assert str(name) in message, f"{name} is not named in: {message}"
    ways_out = ("pass ", "load ", "copy", "choose", "download", "put ", "update", "use ")
    assert any(way in message for way in ways_out), f"no way out in: {message}"


@pytest.fixture
def run(tmp_path):
    """A run folder with two checkpoints."""
    model, optimizer = trained(steps=1)
    for n in (1, 2):
        save(tmp_path / "run", model, CONFIG, {"n": n, "optimizer": optimizer.state_dict()})
    return tmp_path / "run"


def read(path):
    """The tensors of a file, not a map of it: older safetensors would see what is then written there."""
    return from_bytes(path.read_bytes())


def test_nothing_there(tmp_path):
    (tmp_path / "empty").mkdir()
    for loader in (load_model, load_state, load_encoder):
        for name, problem in (("nowhere", "does not exist"), ("empty", "no checkpoint")):
            with pytest.raises(FileNotFoundError, match=problem) as refusal:
                loader(tmp_path / name)
            assert_one_sentence(refusal, tmp_path / name)


FILES = ["model.safetensors", "config.json", "state.json", "state.safetensors"]
CHANGES = {
    "emptied": lambda content: b"",
    "cut in half": lambda content: content[: len(content) // 2],
    "cut by a byte": lambda content: content[:-1],
    "a bit flipped": lambda content: content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
    "overwritten": lambda content: bytes(len(content)),
    "gone": None,
}


def damage(file, change):
    if CHANGES[change] is None:
        file.unlink()
    else:
        file.write_bytes(CHANGES[change](file.read_bytes()))


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(run, name, change):
    damage(run / "checkpoint-000002" / name, change)
    for loader in (newest, load_model, load_encoder, load_state):
        with pytest.warns(
            UserWarning, match=f"checkpoint-000002 is damaged: {name} .*checkpoint-000001"
        ) as w:
            loaded = loader(run)
        assert len(w) == 1, [str(warning.message) for warning in w]
    assert loaded["n"] == 1, "the state is not that of the whole checkpoint"
    for loader in (load_state,) if name.startswith("state") else (load_model, load_encoder):
        with pytest.raises((ValueError, FileNotFoundError)) as refusal:
            loader(run / "checkpoint-000002")
        assert_one_sentence(refusal, run / "checkpoint-000002")
    damage(run / "checkpoint-000001" / name, "a bit flipped")
    with pytest.raises(ValueError, match=r"no checkpoint of .* is whole: .*000002.*000001") as refusal:
        newest(run)
    assert_one_sentence(refusal, name)


DEEP = '{"a":' * 100_000


@pytest.mark.parametrize("change", ["emptied", "cut in half", "cut by a byte", "overwritten", "gone"])
@pytest.mark.parametrize("name", FILES)
def test_without_checksums_a_checkpoint_that_cannot_be_opened_is_skipped(run, name, change):
    damage(run / "checkpoint-000002" / name, change)
    (run / "checkpoint-000002" / "checksums.json").unlink()
    with pytest.warns(UserWarning, match=f"checkpoint-000002 is damaged: {name} .*checkpoint-000001") as said:
        assert load_state(run)["n"] == 1
    assert "\n" not in str(said[0].message)


def test_what_only_has_the_name_of_a_checkpoint_is_skipped(run):
    newer = run / "checkpoint-000003"
    for make, problem in (
        (newer.mkdir, "model.safetensors is missing"), (lambda: newer.write_bytes(b""), "it is no folder"),
        (lambda: newer.symlink_to("nowhere"), "it is no folder"),
    ):  # fmt: skip
        make()
        for loader in (newest, load_model, load_encoder, load_state):
            with pytest.warns(UserWarning, match=f"checkpoint-000003 is damaged: {problem}"):
                loader(run)
        with pytest.warns(UserWarning, match="is damaged"):
            set_aside(run, after=newest(run))
        assert not os.path.lexists(newer) and load_state(run)["n"] == 2


@pytest.mark.parametrize("name", ["config.json", "state.json", "checksums.json"])
def test_nested_without_end_is_damage(run, name):
    path = run / "checkpoint-000002" / name
    path.write_text(DEEP)
    with pytest.warns(UserWarning, match="checkpoint-000002 is damaged"):
        assert load_state(run)["n"] == 1
    if name != "checksums.json":
        (path.parent / "checksums.json").unlink()
    with pytest.raises(ValueError) as refusal:
        (load_state if name == "state.json" else load_model)(path.parent)
    assert_one_sentence(refusal, name)


@pytest.mark.parametrize("content", ["", "[]", '{"config.json": 3}', '{"config.json": [1, "a"]}', "{"])
def test_damaged_checksums_are_damage(run, content):
    (run / "checkpoint-000002" / "checksums.json").write_text(content)
    with pytest.warns(UserWarning, match="checkpoint-000002 is damaged"):
        assert load_state(run)["n"] == 1


def test_a_checkpoint_set_aside_is_never_the_one_before(run):
    damage(run / "checkpoint-000002" / "model.safetensors", "a bit flipped")
    for n in (7, 8):
        with pytest.warns(UserWarning, match="is damaged"):
            set_aside(run, after=newest(run))
        new = save(run, *version(n))
        kept = sorted(p.name for p in run.iterdir())
        assert kept == ["checkpoint-000001", "checkpoint-000002", "damaged-checkpoint-000002"], kept
        damage(new / "state.json", "emptied")
    with pytest.warns(UserWarning, match="is damaged"):
        assert load_state(run)["n"] == 1, "the good one was deleted in favour of a damaged one"


@pytest.fixture
def unchecked(run):
    """The newest of two checkpoints, without checksums, so that it is read before it is found damaged."""
    (run / "checkpoint-000002" / "checksums.json").unlink()
    return run / "checkpoint-000002"


@pytest.mark.parametrize("share", [0.0, 0.0005, 0.5, 0.999])
@pytest.mark.parametrize("name", FILES)
def test_files_that_are_cut_short_name_the_checkpoint_before(unchecked, name, share):
    path = unchecked / name
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    for loader in (load_state,) if name.startswith("state") else (load_model, load_encoder):
        with pytest.raises(ValueError, match="cut short") as refusal:
            loader(unchecked)
        assert_one_sentence(refusal, path, unchecked.with_name("checkpoint-000001"))


def test_a_missing_file_of_the_state_is_named(unchecked):
    (unchecked / "state.safetensors").unlink()
    with pytest.raises(ValueError) as refusal:
        load_state(unchecked)
    assert_one_sentence(refusal, "state.safetensors", unchecked.with_name("checkpoint-000001"))


@pytest.mark.parametrize(
    "content", ['{"tensor": "9999"}', '{"set": []}', '{"dict": 3}', '{"a": 1, "b": 2}', "{}"]
)
def test_a_state_of_another_form_is_refused(unchecked, content):
    (unchecked / "state.json").write_text(content)
    with pytest.raises(ValueError) as refusal:
        load_state(unchecked)
    assert_one_sentence(refusal, "state.json", unchecked.with_name("checkpoint-000001"))


@pytest.mark.parametrize("change, named", [
    (lambda t: t.pop("target_encoder.norm.bias"), "norm.bias"),
    (lambda t: t.update({"target_encoder.register": torch.ones(2)}), "register"),
    (lambda t: t.update({"target_encoder.embed.weight": torch.ones(24, 49)}), "embed.weight"),
    (lambda t: [t.pop(name) for name in list(t)], "embed.weight"),
])  # fmt: skip
def test_weights_that_do_not_fit_their_config_are_named(unchecked, change, named):
    path = unchecked / "model.safetensors"
    tensors = read(path)
    change(tensors)
    save_file(tensors, path)
    for loader in (load_model, load_encoder):
        with pytest.raises(ValueError, match="does not fit its config") as refusal:
            loader(unchecked)
        assert_one_sentence(refusal, path, named)


def test_the_context_encoder_does_not_need_the_targets_tensors(unchecked):
    path = unchecked / "model.safetensors"
    tensors = read(path)
    del tensors["target_encoder.norm.bias"]
    save_file(tensors, path)
    assert torch.equal(load_encoder(unchecked, "context")[0].norm.bias, tensors["encoder.norm.bias"])


def test_another_config_is_refused(unchecked):
    path = unchecked / "config.json"
    values = json.loads(path.read_text())
    for change, error in [
        ({"format": 2}, "has format 2, not 1; update jepa-lite"),
        ({"modle": {}}, "unknown field modle"),
        ({"model": {"depth": 0}}, "depth must be at least 1"),
        ({"format": None}, "has format None"),
    ]:
        path.write_text(json.dumps(values | change))
        for loader in (load_model, load_encoder):
            with pytest.raises(ValueError, match=error):
                loader(unchecked)
    path.write_text("[1, 2]")
    with pytest.raises(ValueError) as refusal:
        load_model(unchecked)
    assert_one_sentence(refusal, path)


def test_without_its_config_a_checkpoint_is_refused(unchecked):
    path = unchecked / "config.json"
    path.unlink()
    for loader in (load_model, load_encoder):
        with pytest.raises(ValueError) as refusal:
            loader(unchecked)
        assert_one_sentence(refusal, path.with_name("model.safetensors"), "config.json")


# --- other people's files that will not do -----------------------------------------------------------


def official(width=192, places=16, depth=1):
    """One encoder of an official file, tiny tensors."""
    shapes = {"patch_embed.proj.weight": (width, 3, 2, 2), "patch_embed.proj.bias": (width,)}
    shapes |= {"pos_embed": (1, places, width), "norm.weight": (width,), "norm.bias": (width,)}
    for i in range(depth):
        for layer, shape in {
            "norm1": (width,), "attn.qkv": (3 * width, width), "attn.proj": (width, width), "norm2": (width,),
            "mlp.fc1": (2 * width, width), "mlp.fc2": (width, 2 * width),
        }.items():  # fmt: skip
            shapes |= {f"blocks.{i}.{layer}.weight": shape, f"blocks.{i}.{layer}.bias": shape[:1]}
    return {name: torch.full(shape, 0.5) for name, shape in shapes.items()}


def test_official_files_that_will_not_do(tmp_path):
    path, good = tmp_path / "a.pth.tar", official()
    torch.save({"encoder": good, "target_encoder": good}, path)
    assert load_encoder(path)[1].mlp_ratio == 2  # so that what follows fails for its own reason
    lacks = {name: value for name, value in good.items() if name != "blocks.0.attn.qkv.bias"}
    for content, error in [
        ({"encoder": good}, "no 'target_encoder', it holds: encoder"),
        ({"net": good}, "it holds: net"),
        ({"model": {"fc.weight": torch.ones(2)}}, "it holds: fc.weight"),
        ([good], "it holds: list"),
        (good["pos_embed"], "it holds: Tensor"),
        ({"target_encoder": lacks}, "Missing key.*blocks.0.attn.qkv.bias"),
        ({"target_encoder": good | {"cls_token": torch.ones(1, 1, 192)}}, "Unexpected key.*cls_token"),
        ({"target_encoder": good | {"norm.bias": torch.ones(7)}}, "size mismatch for norm.bias"),
        ({"target_encoder": good | {"norm.bias": "zero"}}, "norm.bias"),
        ({"target_encoder": good | {"pos_embed": torch.ones(1, 15, 192)}}, "size mismatch for positions"),
        ({"target_encoder": good | {"pos_embed": torch.ones(16, 192)}}, "no 3-dimensional pos_embed"),
        ({"target_encoder": good | {"pos_embed": None}}, "no 3-dimensional pos_embed"),
        (
            {"target_encoder": good | {"patch_embed.proj.weight": torch.ones(192, 1, 2, 2)}},
            "images of 1 channels",
        ),
        ({"target_encoder": official(width=0)}, "no 4-dimensional patch_embed.proj.weight"),
        ({"target_encoder": {}}, "no 4-dimensional patch_embed.proj.weight"),
        ({"target_encoder": official(depth=0)}, "no 2-dimensional blocks.0.mlp.fc1.weight"),
        (
            {"target_encoder": official(width=200)},
            "does not say how many heads its width of 200 has; pass heads=",
        ),
    ]:
        torch.save(content, path)
        with pytest.raises(ValueError, match=error) as refusal:
            load_encoder(path)
        assert_one_sentence(refusal, path)
    with pytest.raises(ValueError, match="heads"):
        load_encoder(path, heads=7)


def test_only_the_encoder_of_other_peoples_weights_can_be_loaded(tmp_path):
    torch.save({"target_encoder": official()}, tmp_path / "a.pth.tar")
    with pytest.raises(ValueError, match="use load_encoder") as refusal:
        load_model(tmp_path / "a.pth.tar")
    assert_one_sentence(refusal, tmp_path / "a.pth.tar")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.6, 0.99])
def test_an_official_file_that_is_cut_short_is_refused(tmp_path, share):
    path = tmp_path / "a.pth.tar"
    torch.save({"target_encoder": official()}, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match="cut short") as refusal:
        load_encoder(path)
    assert_one_sentence(refusal, path)


@pytest.mark.parametrize("change, error", [
    ({"model_type": "vit"}, "is a vit model"),
    ({"hidden_act": "relu"}, "relu"),
    ({"num_attention_heads": 5}, "heads"),
    ({"image_size": 12}, "positions for 16 patches of 2 pixels, but its config.json says image_size 12"),
    ({"image_size": 10**9}, "config.json says image_size 1000000000"),
    ({"image_size": [8]}, "image_size"),
    ({"image_size": "x"}, "image_size"),
    ({"num_attention_heads": 10**400}, "heads"),
    ({"layer_norm_eps": None}, "norm_eps must be a number"),
])  # fmt: skip
def test_hugging_face_configs_that_will_not_do(tmp_path, change, error):
    save_file(official(), tmp_path / "model.safetensors")  # official names mean the same there
    good = {"model_type": "ijepa", "num_attention_heads": 3, "image_size": 8, "layer_norm_eps": 1e-3}
    (tmp_path / "config.json").write_text(json.dumps(good))
    assert load_encoder(tmp_path)[1].norm_eps == 1e-3
    (tmp_path / "config.json").write_text(json.dumps(good | change))
    with pytest.raises(ValueError, match=error) as refusal:
        load_encoder(tmp_path)
    assert "\n" not in str(refusal.value)


def test_hugging_face_weights_with_half_an_attention_are_refused(tmp_path):
    tensors = official()
    q, k, _ = tensors.pop("blocks.0.attn.qkv.weight").chunk(3)
    tensors |= {"encoder.layer.0.attention.attention.query.weight": q.clone()}
    tensors |= {"encoder.layer.0.attention.attention.key.weight": k.clone()}
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=r"qkv\.weight") as refusal:
        load_encoder(tmp_path)
    assert_one_sentence(refusal, tmp_path / "model.safetensors")
