"""The claims that this file tests, on reports of tiny models with random weights.

1. The page is whole: it parses, says its language, title and viewport, has every section and every number
   of the table of controls, and a caption and row and column headers in every table.
2. It is self-contained: no script, nothing fetched, every figure two PNGs inside it, by day and by
   night, with alt text; under 3 MB.
3. It is honest: where I-JEPA does not lead, it says that the claim fails; nothing is claimed without a rival.
4. What comes from outside is escaped. The same seed gives the same page; the model is left as it was.
5. It is written whole or not at all, and bad input is one sentence.
6. Non-square images, one target, one head, a pixel baseline, logs of one record or with NaN: all give a page.
7. `explain` draws the model's own masks and ranks, also when targets are normalised over the batch.
"""

import base64
import io
import re
from html.parser import HTMLParser

import pytest
import torch
from PIL import Image

from jepa_lite.baselines.pixel_target import PixelBaseline
from jepa_lite.config import Config, MaskConfig, ModelConfig
from jepa_lite.figures import html as html
from jepa_lite.figures import report, style
from jepa_lite.method.ijepa import IJEPA
from jepa_lite.training.checkpoints import load_model, save

SIZE = {"width": 16, "depth": 2, "heads": 2, "predictor_width": 8, "predictor_depth": 1, "predictor_heads": 2}
CONTROLS = [
    {"name": "chance", "linear": 0.1, "knn": 0.111},
    {"name": "pixels", "linear": 0.152, "knn": 0.517},
    {"name": "random", "linear": 0.683, "knn": 0.439, "knn_std": 0.013},
    {"name": "pixel_baseline", "linear": 0.702, "knn": 0.508},
    {"name": "ijepa", "linear": 0.752, "knn": 0.703, "linear_std": 0.008},
]
DPI = html.DPI  # of the pictures in a report
VOID = {"meta", "img", "source", "link", "br", "hr", "input"}


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def results_of(controls=CONTROLS, **more):
    return {"controls": controls, "steps": 1234, "seconds": 171.6, "seed": 5, "data": "shapes"} | more


def log_of(steps):
    log = [{"step": s, "loss": 0.4 / s, "lr": 1e-3} for s in range(1, steps + 1)]
    for record in log[::10]:
        record |= {"rank": 7.25, "position_share": 0.321, "gap": 0.0456, "std": 0.1, "knn": 0.5}
        record |= {"address_gain": 1.071, "own_image_rank": 9.25}
    return log


def make(folder, size=(16, 24), masks=None, kind=IJEPA, images=5, control=True, **inputs):
    """A report of a model with random weights; returns (text of the page, model)."""
    fields = SIZE | inputs.pop("fields", {})
    config = Config(model=ModelConfig(image_size=size, patch_size=4, **fields), masks=masks or MaskConfig())
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model, untrained = kind(config.model), IJEPA(config.model).encoder
    save(folder, model, config)
    pixels = torch.randint(0, 256, (images, 3, *size), generator=seeded(1), dtype=torch.uint8)
    inputs = {"results": results_of(), "log": log_of(40), "generator": seeded(2)} | inputs
    path = report.write_report(folder, model, pixels, control=untrained if control else None, **inputs)
    assert path == folder / "report.html"
    return path.read_text(encoding="utf-8"), model


class Page(HTMLParser):
    """Tags with their attributes, and the text, of a page whose tags must close in order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words, self.open = [], "", []
        self.feed(text)
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.open += [] if tag in VOID else [tag]

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()

    def handle_data(self, data):
        self.words += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(autouse=True, scope="module")
def coarse():
    """Pictures of few pixels, which are drawn sooner; the test that weighs a page takes those of a report."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(html, "DPI", 40)
        yield


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page") / "run"
    folder.mkdir()
    text, _ = make(folder)
    return text, Page(text)


def test_the_page_says_what_a_page_must(page):
    text, parsed = page
    assert text.startswith("<!doctype html>") and parsed.all("html") == [{"lang": "en"}]
    assert len(parsed.all("title")) == 1 and "JEPA Lite: what this run learned" in parsed.words
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in parsed.all("meta")
    assert "prefers-color-scheme: dark" in text


def test_every_section_is_there_in_order(page):
    found = re.findall(r"<h2>(.*?)</h2>", page[0])
    assert found == [
        "The table of controls",
        "Loss, rank and probe",
        "Masks",
        "Features",
        "Attention",
        "What it predicts",
        "Where the files are",
        "How it was measured",
    ]
    assert page[0].count("What would have shown it false.") == 6, "each figure says what would falsify it"


def test_all_numbers_of_the_table_and_of_the_run_appear(page):
    rows = re.findall(r'<th scope="row">([^<]*)</th><td>([^<]*)</td><td>([^<]*)</td></tr>', page[0])
    assert rows[:5] == [
        ("chance", "0.100", "0.111"),
        ("raw pixels", "0.152", "0.517"),
        ("random weights", "0.683", "0.439 ± 0.013"),
        ("pixel baseline", "0.702", "0.508"),
        ("I-JEPA", "0.752 ± 0.008", "0.703"),
    ]
    for words in ("1,234 steps in 172 seconds, seed 5", "16 x 24 pixels", torch.__version__):
        assert words in page[1].words, words
    assert "(dotted: random weights, 0.439)" in page[0], (
        "the table of controls's level, when the log has none of its own"
    )
    for words in (
        "effective rank 7.25", "position share 0.321", "alignment gap 0.0456", "address gain 1.07",
        "own-image rank 9.25 of 24 (chance 12.5)", "An address gain of 1 means",
    ):  # fmt: skip
        assert words in page[1].words, words


def test_the_last_four_blocks_have_a_column_where_rows_have_them(tmp_path):
    more = [row | ({"linear_last4": 0.811} if row["name"] == "ijepa" else {}) for row in CONTROLS]
    text, _ = make(tmp_path, results=results_of(more))
    assert "linear probe, last 4 blocks" in text
    rows = re.findall(r'<th scope="row">([^<]*)</th><td>([^<]*)</td><td>([^<]*)</td><td>([^<]*)</td>', text)
    assert ("I-JEPA", "0.752 ± 0.008", "0.811", "0.703") in rows and ("chance", "0.100", "", "0.111") in rows


def test_tables_have_captions_and_headers(page):
    text, parsed = page
    assert len(parsed.all("table")) == len(parsed.all("caption")) == 3
    assert {attributes["scope"] for attributes in parsed.all("th")} == {"col", "row"}
    assert text.count("<tr") == text.count('scope="row"') + 3, "a body row without a row header"


def test_nothing_is_fetched_and_nothing_runs(page):
    text, parsed = page
    assert "http:" not in text and "https:" not in text and "url(" not in text and "@import" not in text
    assert not parsed.all("script") and not parsed.all("link") and not parsed.all("iframe")
    assert not [a for _, a in parsed.tags if any(name.startswith("on") for name in a)]
    for _, attributes in parsed.tags:
        for name in ("src", "srcset", "href"):
            assert attributes.get(name, "data:").startswith(("data:", "#")), attributes[name][:80]
    policy = [a["content"] for a in parsed.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


def test_every_figure_is_inside_with_its_alt_text(page):
    images = page[1].all("img")
    nights = page[1].all("source")
    assert len(images) == len(nights) == 6
    assert {night["media"] for night in nights} == {"(prefers-color-scheme: dark)"}
    for image in images:
        assert len(image["alt"]) > 60 and re.search(r"\d", image["alt"]), image["alt"]
    for link in [*(image["src"] for image in images), *(night["srcset"] for night in nights)]:
        kind, _, data = link.partition(";base64,")
        assert kind == "data:image/png"
        with Image.open(io.BytesIO(base64.b64decode(data, validate=True))) as png:
            assert png.width == int(style.WIDTH * html.DPI) and len(png.convert("L").getcolors(256)) > 2
    assert len({image["alt"] for image in images}) == 6


@pytest.mark.slow
def test_the_widest_report_stays_under_three_megabytes(tmp_path, monkeypatch):
    monkeypatch.setattr(html, "DPI", DPI)
    text, _ = make(tmp_path, (64, 64), images=report.BANK)
    assert len(text.encode()) < 3e6, f"{len(text.encode()):,} bytes of images of pure noise"


@pytest.mark.slow
def test_a_claim_that_fails_is_said_to_fail(tmp_path):
    see, wrong = report._controls_claim({row["name"]: row for row in CONTROLS})
    assert "+0.069 (linear probe) and +0.186 (k-nearest neighbours)" in see and "FAILS" not in wrong
    behind = CONTROLS[:4] + [{"name": "ijepa", "linear": 0.752, "knn": 0.5}]
    text, _ = make(tmp_path, results=results_of(behind, curve_random={"knn": 0.287}))
    assert "-0.017 (k-nearest neighbours)" in text and "by k-nearest neighbours: the claim FAILS" in text
    assert "(dotted: random weights, 0.287)" in text, "the level is that of the log's own probe"


@pytest.mark.parametrize("rows", [slice(1), slice(4, 5), slice(3, 5)])
def test_nothing_is_claimed_without_a_rival(rows):
    see, wrong = report._controls_claim({row["name"]: row for row in CONTROLS[rows]})
    assert "Nothing is claimed" in wrong and "against" not in see


@pytest.mark.slow
def test_what_comes_from_outside_is_escaped(tmp_path):
    evil = '<script>alert("x")</script>&'
    controls = [*CONTROLS, {"name": evil, "linear": 0.5, "knn": 0.5}]
    (tmp_path / "a&b <i>.txt").write_text("x")
    text, _ = make(tmp_path, results=results_of(controls, data=evil, machine={evil: evil}))
    assert "<script" not in text and "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;" in text
    assert "a&amp;b &lt;i&gt;.txt" in text
    assert evil in Page(text).words


@pytest.mark.slow
def test_same_seed_same_page_and_an_untouched_model(tmp_path, page):
    (tmp_path / "run").mkdir()
    text, model = make(tmp_path / "run")
    assert text == page[0]
    saved = load_model(tmp_path / "run")[0].state_dict()
    assert all(torch.equal(value, saved[name]) for name, value in model.state_dict().items())


def test_files_of_the_folder_are_listed_with_their_sizes(tmp_path):
    (tmp_path / "checkpoint-000001").mkdir()
    (tmp_path / "checkpoint-000001" / "model.safetensors").write_bytes(b"x" * 12345)
    (tmp_path / "log.jsonl").write_text("{}")
    (tmp_path / "report.html.part").write_text("from a run that was killed")
    table = report._files(tmp_path)
    name = "checkpoint-000001/<br>model.safetensors"
    assert f'<th scope="row">{name}</th><td>weights</td><td>12,345</td>' in table
    assert '<th scope="row">log.jsonl</th>' in table and "<td>2</td>" in table and "killed" not in table
    assert "report.html" not in table


@pytest.mark.slow
def test_a_report_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    (tmp_path / "report.html").write_text("the old one")

    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(report.os, "replace", full)
    with pytest.raises(OSError, match="no space"):
        make(tmp_path)
    assert (tmp_path / "report.html").read_text() == "the old one"


def test_bad_input_is_one_sentence(tmp_path):
    inputs = {"results": results_of(), "log": log_of(3), "generator": seeded(2)}
    model = IJEPA(ModelConfig(image_size=(16, 24), patch_size=4, **SIZE))
    images = torch.zeros(3, 3, 16, 24, dtype=torch.uint8)
    with pytest.raises(FileNotFoundError, match="pass a run folder"):
        report.write_report(tmp_path, model, images, **inputs)
    with pytest.raises(ValueError, match="at least two, not 1"):
        make(tmp_path, images=1)


NAN_LOG = [{"step": 1, "loss": float("nan"), "rank": None}, {"step": 2, "loss": 0.3, "rank": float("nan")}]


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [
        {"masks": MaskConfig(num_targets=1), "fields": {"heads": 1, "depth": 1}, "control": False},
        {"kind": PixelBaseline, "fields": {"predicts": "pixels"}, "log": log_of(1)},
        {"size": (40, 16), "images": 2, "log": NAN_LOG, "masks": MaskConfig(num_targets=6, min_keep=2)},
        {"fields": {"target_norm": "place"}, "log": [{"step": 1, "loss": 0.5}]},
        *({"masks": MaskConfig(rule)} for rule in ("rasterized", "block", "random")),
    ],
)
def test_edge_cases_give_a_page(tmp_path, case):
    text, _ = make(tmp_path, **case)
    parsed = Page(text)
    assert len(parsed.all("img")) == 6
    assert ("random weights: the components" in text) == case.get("control", True)
    assert ("A pixel baseline" in parsed.words) == ("kind" in case)
    scattered = case.get("masks") == MaskConfig("random")
    assert ("Scattered targets" in parsed.words) == scattered != ("Targets too large" in parsed.words)
    assert "nan" not in re.sub(r"base64,[^\"]*", "", text).lower()


# --- explain


@pytest.mark.parametrize("target_norm", ["layer", "place"])
def test_explain_draws_the_model_s_own_numbers(target_norm):
    config = ModelConfig(image_size=(16, 24), patch_size=4, target_norm=target_norm, **SIZE)
    with torch.random.fork_rng():
        torch.manual_seed(4)
        model = IJEPA(config)
    image = torch.randint(0, 256, (3, 16, 24), generator=seeded(5), dtype=torch.uint8)
    fig = report.explain(model, image, seeded(6), MaskConfig(num_targets=3))
    fig.canvas.draw()
    assert "targets: 3;" in fig.alt_text and "of 24 patches as context" in fig.alt_text
    axes = fig.axes
    shown = torch.as_tensor(axes[0].images[0].get_array()).permute(2, 0, 1)
    assert torch.allclose(shown, image / 255, atol=1e-5), "the image shown is not the image given"
    weights = model.target_encoder.attention_maps(report.normalize(image[None]))[0, -1, :, 2 * 6 + 3].mean(0)
    drawn = torch.as_tensor(axes[6].images[0].get_array()).float().flatten() / 24
    assert torch.allclose(drawn, weights.detach(), atol=1e-6), "layer 2 is not this model's attention"
    similarity = [torch.as_tensor(ax.images[0].get_array()) for ax in axes[8:11]]
    assert all(s.std() > 0.01 for s in similarity), "predictions are compared to targets that do not vary"
    again = report.explain(model, image, seeded(6), MaskConfig(num_targets=3))
    assert again.alt_text == fig.alt_text
