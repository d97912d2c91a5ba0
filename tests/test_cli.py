"""Claims about the command line and the main job.

1. `demo` leaves what it promises: weights, config, log, results.json with five rows, report.html.
2. What demo wrote can be probed, explained, and told apart from another seed's.
3. `pretrain` on a folder of pictures: what was interrupted goes on exactly; an old run is not overwritten.
   `--set masks.rule` trains with that rule, and `explain` and `plan` follow it.
4. Each --help fits a screen, and opens with what a user wants. Bad input is one sentence on stderr, exit
   status 2, and nothing is lost; a misspelt name comes with the name that was meant.
5. All that follows any `--set` counts; `settings` lists what there is to set.
6. A file to write is seen to be possible before any work, and has the name that is said; `~` is the home
   folder in every path, of commands and of functions. A seed that one command refuses every command refuses.
"""

import json
import re
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

import jepa_lite
from jepa_lite import cli, data, demo
from jepa_lite.arguments import merged
from jepa_lite.data.image_files import read_image
from jepa_lite.figures import html
from jepa_lite.presets import preset
from jepa_lite.training.checkpoints import load_model, newest
from jepa_lite.training.pretrain import pretrain
from jepa_lite.training.provenance import trained_on, write_json
from jepa_lite.training.run_log import read_log

SMALL = ("model.width=32", "model.depth=1", "model.heads=2", "train.batch_size=16", "train.log_every=2")
UNREAD = ["masks.target_share"]  # of rule "paper"


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """A demo of six steps of a small network."""
    out = tmp_path_factory.mktemp("runs") / "demo"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "COUNTS", {"train": 192, "test": 160})
        patch.setattr(demo, "PROBE", 128)
        patch.setattr(html, "DPI", 40)
        small = {"model.width": 32, "model.heads": 2, "train.batch_size": 16}
        short = preset("demo").with_values(small | {"train.steps": 6, "train.log_every": 4})
        patch.setattr(demo, "preset", lambda name: short)
        demo.run_demo(out, seed=3)
    return out


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A tree of two class folders, 20 noisy pictures each."""
    root, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for name, centre in (("dark", 60), ("light", 190)):
        (root / name).mkdir()
        for i in range(20):
            pixels = np.clip(rng.normal(centre, 30, (36, 40, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{i}.png")
    return root


def command(capsys, *words):
    """Run `jepa-lite words`: (exit status, stdout, stderr)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["jepa-lite", *map(str, words)])
        status = 0
        try:
            cli.main()
        except SystemExit as stop:
            status = stop.code or 0
    return status, *capsys.readouterr()


def log_of(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_demo_leaves_what_it_promises(run_folder):
    results = json.loads((run_folder / "results.json").read_text())
    assert [row["name"] for row in results["controls"]] == [
        "chance",
        "pixels",
        "random",
        "pixel_baseline",
        "ijepa",
    ]
    assert all(0 <= row[probe] <= 1 for row in results["controls"] for probe in ("linear", "knn"))
    log = log_of(run_folder)
    assert results["seed"] == 3 and results["steps"] == len(log) == log[-1]["step"] == 6
    assert results["seconds"] == pytest.approx(sum(record["seconds"] for record in log), abs=0.1)
    assert "knn" in log[0] and "knn" in log[-1], "the curve has a beginning and an end"
    assert "rank" in log[-1]
    config = load_model(run_folder)[1]
    assert json.loads(json.dumps(config.to_dict())) == results["config"]
    page = (run_folder / "report.html").read_text()
    assert page.count("<img") >= 6 and f"{results['controls'][-1]['linear']:.3f}" in page


@pytest.mark.slow
def test_what_demo_wrote_can_be_probed_and_explained(run_folder, tmp_path, capsys):
    rows = tmp_path / "sub" / "rows.json"
    status, out, _ = command(
        capsys, "probe", run_folder, "--limit", 120, "--out", rows, "--last", 4, "--which", "context"
    )
    written = json.loads(rows.read_text())
    assert status == 0 and written["data"] == "fields" and written["encoder"] == "context"
    assert re.search(
        rf"I-JEPA +{written['controls'][-1]['linear']:.1%} +{written['controls'][-1]['knn']:.1%}", out
    ), out
    picture = tmp_path / "picture.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 70, 3), dtype=np.uint8)).save(picture)
    status, out, err = command(capsys, "explain", run_folder, picture, "--out", tmp_path / "explained.png")
    assert status == 0, err
    with Image.open(tmp_path / "explained.png") as drawn:
        assert drawn.size[0] > 400 and len(drawn.convert("L").getcolors(256)) > 50


ADDITIONS = ("train.optimizer=muon", "model.patch_embedding=whitened", "model.target_norm=whiten")


@pytest.mark.parametrize("more", [(), ADDITIONS], ids=["plain", "additions"])
def test_pretrain_goes_on_where_it_stopped(pictures, tmp_path, capsys, more):
    small = (*SMALL, *more)
    flags = ["--preset", "demo", "--data", "folder", "--root", pictures, "--steps", 5, "--set", *small]
    status, out, err = command(capsys, "pretrain", *flags, "--out", tmp_path / "whole")
    assert status == 0 and "5 steps" in out, err
    config = cli.configure("demo", None, 5, None, 0, small)

    def interrupt(record):
        if record["step"] == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain(config, "folder", root=pictures, out=tmp_path / "parts", watch=interrupt)
    status, _, err = command(capsys, "pretrain", *flags, "--out", tmp_path / "parts")
    assert status == 2 and "add --resume" in err, "an old run is not overwritten"
    other = [*flags, "train.lr=0.1"]
    status, _, err = command(capsys, "pretrain", *other, "--out", tmp_path / "parts", "--resume")
    assert status == 2 and "train.lr was 0.006" in err, "a run is not bent half-way"
    status, _, err = command(capsys, "pretrain", *flags, "--out", tmp_path / "parts", "--resume")
    assert status == 0, err
    losses = [[r["loss"] for r in log_of(tmp_path / name)] for name in ("whole", "parts")]
    assert losses[0] == losses[1]
    a, b = (load_model(tmp_path / name)[0].state_dict() for name in ("whole", "parts"))
    assert all(a[key].equal(b[key]) for key in a)
    assert ("encoder.embed.whitening" in a) == bool(more)


@pytest.mark.parametrize("rule, targets", [("rasterized", 3), ("block", 1), ("random", 1)])
def test_a_rule_of_masking_is_set_by_name(pictures, tmp_path, capsys, rule, targets):
    settings = ("--set", *SMALL, f"masks.rule={rule}")
    words = ("--data", "folder", "--root", pictures, "--out", tmp_path / "run", "--steps", 2)
    status, _, err = command(capsys, "pretrain", *words, *settings)
    assert status == 0, err
    assert load_model(tmp_path / "run")[1].masks.rule == rule and len(log_of(tmp_path / "run")) == 2
    picture = next(pictures.rglob("*.png"))
    status, out, err = command(capsys, "explain", tmp_path / "run", picture, "--out", tmp_path / "seen.png")
    assert status == 0 and f"targets: {targets};" in out and (tmp_path / "seen.png").exists(), err


@pytest.mark.slow
def test_the_plan_follows_the_rule_of_masking(capsys):
    words = ("--steps", 2, "--images", 40, "--seconds", 0.1, "--set", *SMALL)
    for rule, none in (("paper", False), ("random", True)):
        status, out, err = command(capsys, "plan", *words, f"masks.rule={rule}")
        found = re.search(r"([\d.]+)% +of what both read is padding", out)
        assert status == 0 and (found[1] == "0.0") == none, err or out


def test_help_opens_with_what_a_user_wants(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    status, out, _ = command(capsys, "--help")
    assert status == 0 and "usage: jepa-lite" in out and "Train an I-JEPA on a laptop" in out
    assert "jepa-lite pretrain --data folder --root photos/" in out and "--debug" in out
    assert command(capsys)[:2] == (0, out), "no command at all asks for help"
    assert "`jepa-lite settings` lists" in " ".join(command(capsys, "pretrain", "--help")[1].split())
    assert command(capsys, "--version") == (0, f"jepa-lite {jepa_lite.__version__}\n", "")


def test_all_that_follows_any_set_counts(capsys):  # 5
    words = [
        "pretrain",
        "--set",
        "a=1",
        "b=2",
        "--seed",
        "3",
        "--set=c=4",
        "--debug",
        "--set",
        "d=5",
        "--resume",
    ]
    assert merged(words) == ["pretrain", "--seed", "3", "--resume", "--set", "a=1", "b=2", "c=4", "d=5"]
    assert merged(["plan"]) == ["plan"]
    for first, second in (("model.depth=0", "model.depth=3"), ("model.depth=3", "model.width=0")):
        status, _, err = command(
            capsys, "plan", "--steps", 1, "--set", first, "--set", second, "--device", "none"
        )
        refused = "no device" if second == "model.depth=3" else "width must be at least 1"
        assert status == 2 and refused in err, "the later of two wins, and both are read"


def test_settings_lists_what_there_is_to_set(capsys):  # 5
    status, out, _ = command(capsys, "settings", "--preset", "demo")
    found = {name: json.loads(value) for name, value in (line.split(None, 1) for line in out.splitlines())}
    assert status == 0 and found["train.steps"] == 1800 and found["model.image_size"] == [64, 64]
    assert preset("demo") == cli.configure(
        "demo", None, None, None, 0, [f"{n}={json.dumps(v)}" for n, v in found.items() if n not in UNREAD]
    )


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["plan", "--preset", "cifra10"], "cifar10"),
        (["pretrain", "--data", "fashion-mnist"], "fashion_mnist"),
        (["pretrain", "--set", "model.dept=3"], "model.depth"),
        (["pretrain", "--set", "masks.rule=randm"], "random"),
        (["pretrain", "--set", "model.target_norm=layers"], "layer"),
    ],
)
def test_a_misspelt_name_comes_with_the_one_that_was_meant(words, meant, capsys):  # 4
    status, _, err = command(capsys, *words)
    assert status == 2 and err.endswith(f"; did you mean '{meant}'?\n"), err


@pytest.mark.parametrize("name", ["demo", "plan", "pretrain", "probe", "explain", "explorer", "settings"])
def test_help_fits_a_screen(name, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    status, out, _ = command(capsys, name, "--help")
    lines = out.strip().splitlines()
    assert status == 0 and len(lines) <= 40, f"{len(lines)} lines"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["pretrain", "--preset", "vast"], "preset must be one of demo, laptop"),
        (["pretrain", "--data", "folder", "--root", "nowhere"], "nowhere"),
        (["pretrain", "--data", "imagenets"], "imagenets"),
        (["pretrain", "--set", "model.dept=3"], "no setting 'model.dept'"),
        (["pretrain", "--set", "model.patch_size=5"], "patch sizes that do: 1, 2, 4, 8, 16, 32"),
        (
            ["pretrain", "--set", "masks.rule=paper", "masks.target_scale=[0.9,1.0]"],
            "masks do not fit a 8 x 8 grid",
        ),
        (["pretrain", "--set", "masks.rule=boxes"], "one of paper, official, rasterized, block, random"),
        (
            ["pretrain", "--set", "masks.rule=random", "masks.num_targets=2"],
            "does not read masks.num_targets",
        ),
        (["pretrain", "--set", "fast"], "NAME=VALUE"),
        (["pretrain", "--minutes", "0"], "seconds must be a number above 0"),
        (["pretrain", "--device", "abacus"], "no device 'abacus'"),
        (["probe", "nowhere"], "nowhere"),
        (["explain", "nowhere", "picture.png"], "nowhere"),
    ],
)
def test_bad_input_is_one_sentence(words, sentence, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, _, err = command(capsys, *words)
    assert status == 2 and sentence in err, err
    assert len(err.strip().splitlines()) == 1 and "Traceback" not in err
    assert not list(tmp_path.rglob("*.safetensors")), "nothing was written"


@pytest.mark.slow
def test_a_broken_picture_is_named(run_folder, tmp_path, capsys):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8 no picture")
    status, _, err = command(capsys, "explain", run_folder, tmp_path / "broken.jpg")
    assert status == 2 and "broken.jpg" in err and len(err.strip().splitlines()) == 1


@pytest.mark.parametrize("seed", [-1, 2**32])
@pytest.mark.parametrize("words", [["demo"], ["pretrain"], ["probe", "run"], ["explain", "run", "a.png"]])
def test_a_seed_that_one_command_refuses_every_command_refuses(
    words, seed, capsys, tmp_path, monkeypatch
):  # 6
    monkeypatch.chdir(tmp_path)
    status, _, err = command(capsys, *words, "--seed", seed)
    assert status == 2 and err.startswith("jepa-lite: seed must be at "), err


@pytest.mark.parametrize("words", [["probe", "run"], ["explain", "run", "a.png"]])
def test_heads_that_no_model_has_are_refused(words, capsys, tmp_path, monkeypatch):  # 6
    monkeypatch.chdir(tmp_path)
    for heads in (0, -3):
        status, _, err = command(capsys, *words, "--heads", heads)
        assert status == 2 and f"heads must be at least 1 and whole, not {heads}" in err


@pytest.mark.slow
def test_a_file_has_the_name_that_is_said(run_folder, tmp_path, capsys, monkeypatch):  # 6
    Image.new("RGB", (70, 90), "teal").save(tmp_path / "a.png")
    for given, written in (("new/noext", "new/noext.png"), ("b.svg", "b.svg")):
        status, out, err = command(
            capsys, "explain", run_folder, tmp_path / "a.png", "--out", tmp_path / given
        )
        assert status == 0 and out.endswith(f"Written to {tmp_path / written}\n"), err
        assert (tmp_path / written).stat().st_size > 1000
    monkeypatch.setattr(
        "jepa_lite.training.checkpoints.load_model", lambda *_: pytest.fail("the work was begun")
    )
    monkeypatch.setattr(
        "jepa_lite.training.checkpoints.load_encoder", lambda *_: pytest.fail("the work was begun")
    )
    (tmp_path / "folder.png").mkdir()
    for out, sentence in (
        ("c.xyz", "ends in .png, .jpg"),
        ("folder.png", "Is a directory"),
        ("a.png/c", "a.png"),
    ):
        status, _, err = command(capsys, "explain", run_folder, tmp_path / "a.png", "--out", tmp_path / out)
        assert status == 2 and sentence in err, err
    status, _, err = command(capsys, "probe", run_folder, "--out", tmp_path / "a.png" / "rows.json")
    assert status == 2 and "a.png" in err, err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.svg", "folder.png", "new"], (
        "nothing is left"
    )


def test_the_home_folder_has_its_short_name_everywhere(pictures, tmp_path, capsys, monkeypatch):  # 6
    home = tmp_path / "home"
    shutil.copytree(pictures, home / "pictures")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.chdir(tmp_path)
    config = cli.configure("laptop", None, 1, None, 0, SMALL)
    pretrain(config, "folder", root="~/pictures", out="~/run")
    assert load_model("~/run")[1] == config and newest("~/run").parent == home / "run"
    assert len(read_log("~/run")) == 1 and trained_on("~/run")[0] == "folder"
    assert read_image("~/pictures/dark/0.png", (16, 16)).shape == (3, 16, 16)
    picture, out = "~/pictures/dark/0.png", "~/seen/it.png"
    status, _, err = command(capsys, "explain", "~/run", picture, "--out", out)
    assert status == 0 and (home / "seen" / "it.png").exists(), err
    words = ("--image", picture, "--grid", 8, 8, "--patch-size", 4, "--draws", 1)
    status, _, err = command(capsys, "explorer", *words, "--out", "~/page.html")
    assert status == 0 and (home / "page.html").exists(), err
    write_json("~/facts.json", {})
    assert (home / "facts.json").exists() and not list(tmp_path.rglob("~"))
