"""Claims about the weights that come with the package (jepa_lite/training/shipped_weights.py).

1. What is shipped of a run is loaded by `pretrained:NAME` wherever a checkpoint is: within the rounding of
   half precision, and the whitening to the last bit. Its context encoder is the target encoder.
2. It says how it was trained, and nothing of where it lay.
3. An unknown name is refused with those that there are.
4. All that is shipped takes at most 8 MB of a wheel, is named in docs/models.md, and loads without a network.
"""

import zlib
from pathlib import Path

import pytest
import torch

from jepa_lite import Run, cli, pretrained
from jepa_lite.config import Config, ModelConfig, TrainConfig
from jepa_lite.data.images import normalize
from jepa_lite.data.shapes import shapes
from jepa_lite.training import shipped_weights
from jepa_lite.training.checkpoints import load_encoder, load_model, newest, save
from jepa_lite.training.provenance import describe, read_facts

ROOT = Path(__file__).resolve().parents[2]
CONFIG = Config(
    ModelConfig(image_size=32, patch_size=4, width=32, depth=4, heads=2, predictor_width=16,
                patch_embedding="whitened"),
    train=TrainConfig(steps=1, batch_size=8),
)  # fmt: skip
PIXELS = shapes(64, 32, seed=2)[0]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """(a run, the folder of its files)."""
    out, run = tmp_path_factory.mktemp("run"), Run(CONFIG, PIXELS)
    run.train_step()
    describe(out, run, data="shapes", root="/srv/somebody/images")
    save(out, run.model, CONFIG, run.state())
    return run, out


@pytest.fixture
def shipped(run, tmp_path, monkeypatch):
    """The folder of one shipped model, "small", that there is."""
    monkeypatch.setattr(shipped_weights, "FOLDER", tmp_path / "weights")
    return shipped_weights.ship(newest(run[1]), run[1], "small", tmp_path / "weights", accuracy=0.5)


def test_what_is_shipped_is_the_model(run, shipped):
    ours, images = run[0].model, normalize(PIXELS[:5])
    theirs = pretrained("small")
    for name, value in ours.state_dict().items():
        if name.startswith("encoder."):
            value = ours.state_dict()[f"target_{name}"]
        exact = name.endswith(("whitening", "embed.mean"))
        torch.testing.assert_close(
            theirs.state_dict()[name], value, rtol=0 if exact else 1e-3, atol=0 if exact else 1e-6
        )
    with torch.no_grad():
        torch.testing.assert_close(
            theirs.target_encoder(images), ours.target_encoder(images), rtol=0, atol=0.02
        )
        encoder, config = load_encoder("pretrained:small")
        assert torch.equal(encoder(images), theirs.target_encoder(images)) and config == CONFIG.model
        context, _ = load_encoder("pretrained:small", which="context")
        assert torch.equal(context(images), theirs.encoder(images))
        theirs.encoder.positions += 1  # two encoders, and not one by two names
        assert not torch.equal(theirs.encoder(images), theirs.target_encoder(images))
    assert load_model("pretrained:small")[1] == CONFIG
    assert (shipped / "model.safetensors").stat().st_size < 0.4 * (
        newest(run[1]) / "model.safetensors"
    ).stat().st_size


def test_it_says_how_it_was_trained_and_not_where(shipped):
    facts = read_facts(shipped)
    assert facts["data"] == "shapes" and facts["accuracy"] == 0.5 and "torch" in str(facts)
    assert not any("somebody" in path.read_text("utf-8") for path in shipped.glob("*.json"))


def test_an_unknown_name_is_refused_with_those_that_there_are(shipped):
    with pytest.raises(ValueError, match="pretrained must be one of small, not 'smaller'"):
        pretrained("smaller")


def test_the_commands_take_it(shipped, capsys, tmp_path):
    cli.main(["probe", "pretrained:small", "--limit", "200"])
    assert "I-JEPA" in capsys.readouterr().out
    cli.main(
        ["explain", "pretrained:small", str(ROOT / "images/masks.png"), "--out", str(tmp_path / "cat.png")]
    )
    assert (tmp_path / "cat.png").exists()


def test_all_that_is_shipped_is_small_and_described():
    files = [path for path in shipped_weights.FOLDER.rglob("*") if path.is_file()]
    assert sum(len(zlib.compress(path.read_bytes())) for path in files) <= 8e6  # as a wheel packs them
    for name in shipped_weights.names():
        assert f"pretrained:{name}" in (ROOT / "docs" / "models.md").read_text("utf-8")
        assert pretrained(name).config.target_norm == "whiten"
