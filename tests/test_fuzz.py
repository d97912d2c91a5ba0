"""Claims about bad input, of hundreds of kinds, to every command.

1. A command line that cannot be met ends with status 2 before any long work, whatever an option was given: no
   traceback, no other status, and what we say of it is one sentence of bounded length.
2. The same holds of every setting; a value that is taken is one that a network and its plan can be made of.
3. The same holds of the parts of config.json, state.json and weights from a hostile hand, ours or others'.
4. None of it hangs.
"""

import contextlib
import io
import json
import shutil
import signal
import threading

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from jepa_lite import cli
from jepa_lite.arguments import configure
from jepa_lite.config import Config, MaskConfig, ModelConfig, TrainConfig
from jepa_lite.method.ijepa import IJEPA
from jepa_lite.training.checkpoints import CHECKSUMS, CONFIG, STATE, WEIGHTS, load_encoder, load_model, save
from jepa_lite.training.pretrain import pretrain
from jepa_lite.training.provenance import write_json

pytestmark = pytest.mark.slow

LONGEST = 60  # seconds: a guard against hangs, for a refusal takes a fraction of one
DEEP = "[" * 20000
VALUES = [
    "", "0", "-1", "1e308", "nan", "-inf", "null", "true", "[]", "{}", "[[1]]", "abc", "9" * 400, "9" * 5000,
    DEEP, DEEP + "]" * 20000, '{"a":' * 3000, "2.5", "1e-320", "14000", "100000000", "4000000000", "[0,0]",
    "[NaN,1]", "[1,1e308]", "(1,2)", "\x1b[31m", "\u2028", "'",
]  # fmt: skip
OPTIONS = {
    "demo": ("minutes", "seed", "device"),
    "plan": ("preset", "images", "minutes", "steps", "epochs", "set", "device", "seconds"),
    "pretrain": ("preset", "data", "minutes", "steps", "epochs", "seed", "device", "set"),
    "probe run": ("data", "which", "heads", "last", "limit", "seed", "device"),
    "explain run a.png": ("out", "seed", "heads"),
    "explorer": ("image", "patch-size", "draws", "grid"),
    "settings": ("preset",),
}
DEVICES = ["meta", "cuda:99", "abacus", "xla", "mkldnn", "cpu:x"]
NAMES = [f"{part}.{name}" for part, values in Config().to_dict().items() for name in values]


class Hung(BaseException):
    """Not an Exception, so that nothing takes it for an error of its own."""


class Accepted(BaseException):
    """Raised where long work would begin."""


@contextlib.contextmanager
def guard():
    """Fail if what is inside takes for ever."""
    if not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def hung(number, frame):
        raise Hung(f"no answer after {LONGEST} s")

    before = signal.signal(signal.SIGALRM, hung)
    signal.alarm(LONGEST)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True)
def nothing_long(tmp_path, monkeypatch):
    """A folder to be in that holds only a.png; training, measuring and making images raise `Accepted`."""

    def long(*_, **__):
        raise Accepted

    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (20, 20)).save("a.png")
    for name in (
        "training.pretrain.Run",
        "training.plan.measure",
        "evaluation.comparison.table_of_controls",
    ):
        monkeypatch.setattr(f"jepa_lite.{name}", long)
    for name in ("data._drawn", "data._photos", "data._obtain", "widgets.standalone_page._tables"):
        monkeypatch.setattr(f"jepa_lite.{name}", long)
    for name in ("figures.report.explain", "training.cost.draw_groups"):
        monkeypatch.setattr(f"jepa_lite.{name}", long)
    monkeypatch.delenv("JEPA_LITE_DATA", raising=False)
    monkeypatch.delenv("JEPA_LITE_DEBUG", raising=False)


def said(words):
    """(exit status, stderr) of a command line; the status is None where long work would have begun."""
    err, status = io.StringIO(), 0
    with guard(), contextlib.redirect_stderr(err), contextlib.redirect_stdout(io.StringIO()):
        try:
            cli.main(words)
        except SystemExit as stop:
            status = stop.code
        except Accepted:
            status = None
    return status, err.getvalue()


def assert_one_sentence(err):
    assert err.startswith("jepa-lite: ") and err.endswith("\n") and len(err) < 2100, err[:300]
    assert err[:-1].isprintable(), f"more than a line, or orders to a terminal: {err[:300]!r}"
    assert "unexpected" not in err, err[:300]


@pytest.mark.parametrize(
    "command, option", [(command, option) for command, options in OPTIONS.items() for option in options]
)
def test_whatever_is_given_for_an_option_is_taken_or_refused(checkpoint, command, option):  # 1, 4
    if "run" in command.split():
        shutil.copytree(checkpoint, f"run/{checkpoint.name}")
        write_json("run/run.json", {"data": "shapes"})
    refused = 0
    for value in [*VALUES, *(DEVICES if option == "device" else ())]:
        values = [value, value] if option == "grid" else [value]
        status, err = said([*command.split(), f"--{option}", *values])
        assert status in (2, 0, None), (value[:50], status, err[-500:])
        refused += status == 2
        if status == 2 and err.startswith("jepa-lite"):
            assert_one_sentence(err)
        assert "Traceback" not in err, (value[:50], err[-500:])
    assert refused > 5, "so few were refused that this tests nothing"


@pytest.mark.parametrize("device", DEVICES)
def test_nothing_trains_where_nothing_can_be_trained(device):  # 1
    status, err = said(["pretrain", "--data", "shapes", "--device", device])
    assert status == 2 and "use --device cpu" in err


@pytest.mark.parametrize("name", NAMES)
def test_whatever_is_given_for_a_setting_is_taken_or_refused(name):  # 2, 4
    taken = []
    for value in [*VALUES, "[1,2]", "true", "1", "[4,8]", "0.5", "[0.5,1]"]:
        with guard():
            try:
                taken.append(configure("demo", None, 2, None, 0, [f"{name}={value}"]))
            except ValueError as refusal:
                assert len(str(refusal)) < 2000 and "\n" not in str(refusal), (value[:50], str(refusal)[:300])
    for config in taken:
        with guard(), torch.device("meta"):
            IJEPA(config.model)
        json.dumps(config.to_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("model.image_size=100000", "image_size must be at most 4,096 a side"),
        ("model.image_size=4096 model.patch_size=4", "make 1,048,576 patches, and 16,384 are the most"),
        ("model.depth=100000000", "depth must be at most 256"),
        ("model.width=4000000000", "width must be at most 32,768"),
        ("model.width=32768 model.depth=100", "width 32768 and depth 100 make 1.3e+12 weights"),
        ("model.predictor_width=32768 model.predictor_depth=9", "use a smaller predictor_width"),
        ("model.mlp_ratio=1e-9", "mlp_ratio 1e-09 leaves no hidden unit"),
        ("train.epochs=1e308", "epochs must be a number above 0 to 1e"),
        ("train.workers=100000", "workers must be at most 256"),
        ("masks.num_targets=1000000", "num_targets must be at most 100"),
        (f"model.depth={DEEP}", "depth must be at least 1 and whole, not '[[["),
        (f"train.steps={'9' * 400}", "steps must be at most 1,000,000,000,000, not 9999"),
    ],
)
def test_a_number_beyond_all_runs_is_refused_by_its_name(change, sentence):  # 2
    with guard(), pytest.raises(ValueError) as refusal:
        configure("demo", None, None, None, 0, change.split())
    assert sentence in str(refusal.value)


# --- 3: files --------------------------------------------------------------------------------------------

SMALL = Config(
    ModelConfig(
        image_size=16, patch_size=4, width=8, depth=1, heads=2, predictor_width=8, predictor_depth=1,
        predictor_heads=2,
    ),
    MaskConfig(min_keep=1),
    TrainConfig(steps=2, batch_size=4, log_every=1),
)  # fmt: skip
HOSTILE = [None, 5, -1, [], {}, "", "x", [[]], {"a": 1}, True, 1e308, 10**400, [None], 10**9]


def places(value, path=()):
    """The path of every part of nested dicts and lists, the whole included."""
    yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from places(part, (*path, key))


def changed(value, path, new):
    """A copy of nested dicts and lists, with `new` at the path."""
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = changed(value[path[0]], path[1:], new)
    return copy


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A run of two steps, whose checksums a hostile hand has removed."""
    from jepa_lite.training.run import Run

    run = Run(SMALL, torch.randint(1, 255, (9, 3, 16, 16), dtype=torch.uint8))
    list(run.steps())
    kept = save(tmp_path_factory.mktemp("run"), run.model, SMALL, run.state())
    (kept / CHECKSUMS).unlink()
    return kept


@pytest.fixture
def copied(checkpoint, tmp_path):
    """A copy that a test may spoil."""
    return shutil.copytree(checkpoint, tmp_path / "run" / checkpoint.name)


def refused(work, *where):
    """Whether `work()` refuses in a sentence that names one of `where`; it must take or refuse, no more."""
    try:
        with guard():
            work()
    except (ValueError, FileNotFoundError) as refusal:
        assert any(str(name) in str(refusal) for name in where), str(refusal)[:300]
        assert len(str(refusal)) < 2000 and "\n" not in str(refusal), str(refusal)[:300]
        return True
    except Accepted:
        pass
    return False


def test_a_hostile_config_is_refused_whatever_part_of_it_is_hostile(copied):  # 3
    file, count = copied / CONFIG, 0
    values = json.loads(file.read_text())
    for path in places(values):
        for new in HOSTILE:
            file.write_text(json.dumps(changed(values, path, new)))
            count += refused(lambda: load_model(copied), copied)
    assert count > 300


def test_a_hostile_state_is_refused_whatever_part_of_it_is_hostile(copied, monkeypatch):  # 3
    from jepa_lite.training.run import Run

    monkeypatch.setattr("jepa_lite.training.pretrain.Run", Run)
    pixels = torch.ones(9, 3, 16, 16, dtype=torch.uint8)
    monkeypatch.setattr("jepa_lite.training.pretrain._images", lambda *_, **__: (pixels, None, ()))
    monkeypatch.setattr("jepa_lite.training.pretrain.recorded", lambda *_: (_ for _ in ()).throw(Accepted()))
    file, count = copied / STATE, 0
    values = json.loads(file.read_text())
    every = list(places(values))[::7]  # a run is made for each
    for i, path in enumerate(every):
        new = HOSTILE[i % len(HOSTILE)]
        file.write_text(json.dumps(changed(values, path, new)))
        count += refused(
            lambda: pretrain(SMALL, "shapes", out=copied.parent, resume=True), copied, "the run began with"
        )
    assert count > len(every) / 2, f"{count} of {len(every)}"


PUBLISHED = {
    "patch_embed.proj.weight": (8, 3, 4, 4), "patch_embed.proj.bias": (8,), "pos_embed": (1, 16, 8),
    "blocks.0.norm1.weight": (8,), "blocks.0.norm1.bias": (8,), "blocks.0.attn.qkv.weight": (24, 8),
    "blocks.0.attn.qkv.bias": (24,), "blocks.0.attn.proj.weight": (8, 8), "blocks.0.attn.proj.bias": (8,),
    "blocks.0.norm2.weight": (8,), "blocks.0.norm2.bias": (8,), "blocks.0.mlp.fc1.weight": (32, 8),
    "blocks.0.mlp.fc1.bias": (32,), "blocks.0.mlp.fc2.weight": (8, 32), "blocks.0.mlp.fc2.bias": (8,),
    "norm.weight": (8,), "norm.bias": (8,),
}  # fmt: skip


def test_an_official_file_of_impossible_shape_is_refused(tmp_path):  # 3
    file = tmp_path / "weights.pth.tar"

    def write(shapes):
        torch.save({"target_encoder": {n: torch.zeros(s) for n, s in shapes.items()}}, file)
        return lambda: load_encoder(file, heads=2)

    assert not refused(write(PUBLISHED), file)
    for name, shape in PUBLISHED.items():
        for axis in range(len(shape)):
            other = (*shape[:axis], 0, *shape[axis + 1 :])
            assert refused(write(PUBLISHED | {name: other}), file), (name, other)
    assert refused(write({n: s for n, s in PUBLISHED.items() if n != "pos_embed"}), file)


def test_a_hostile_config_of_hugging_face_is_refused_or_taken(tmp_path):  # 3
    shapes = {name: shape for name, shape in PUBLISHED.items() if "qkv" not in name}
    shapes |= {f"blocks.0.attn.{part}.weight": (8, 8) for part in "qkv"}
    shapes |= {f"blocks.0.attn.{part}.bias": (8,) for part in "qkv"}
    save_file({name: torch.zeros(shape) for name, shape in shapes.items()}, tmp_path / WEIGHTS)
    values = {"model_type": "ijepa", "num_attention_heads": 2, "image_size": 16, "layer_norm_eps": 1e-6}
    values |= {"hidden_act": "gelu", "qkv_bias": True}
    for path in places(values):
        for new in HOSTILE:
            (tmp_path / CONFIG).write_text(json.dumps(changed(values, path, new)))
            refused(lambda: load_encoder(tmp_path), tmp_path)
    (tmp_path / CONFIG).write_text(json.dumps(values | {"image_size": 10**9}))
    with guard(), pytest.raises(ValueError, match=r"says image_size 1000000000"):
        load_encoder(tmp_path)
    (tmp_path / CONFIG).write_text(json.dumps(values))
    assert load_encoder(tmp_path)[1].heads == 2, "the honest one is taken"


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda w: w.to(torch.complex64), "as torch.complex64; weights are real numbers"),
        (lambda w: w.to(torch.int64), "as torch.int64; weights are real numbers"),
        (lambda w: w.to(torch.float8_e4m3fn), "as torch.float8_e4m3fn; weights are real numbers"),
        (lambda w: w.index_fill(0, torch.tensor(0), float("nan")), "a NaN or an infinity in"),
        (lambda w: w.half().fill_(float("inf")), "a NaN or an infinity in"),
    ],
    ids=["complex", "whole", "8 bits", "NaN", "infinity"],
)
def test_weights_that_are_no_real_numbers_are_refused(copied, spoil, sentence):  # 3
    tensors = load_file(copied / WEIGHTS)
    name = "target_encoder.blocks.0.attn.qkv.weight"
    save_file(tensors | {name: spoil(tensors[name])}, copied / WEIGHTS)
    for reader in (load_model, load_encoder):
        with pytest.raises(ValueError, match=sentence) as refusal:
            reader(copied)
        assert str(copied) in str(refusal.value) and "qkv.weight" in str(refusal.value)
