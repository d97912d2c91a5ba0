"""Claims about the README, benchmarks/README.md and the pages beside them.

1. The tables are the data under benchmarks/results, to the last digit.
2. Every relative link leads to a file, and every picture has alt text. A picture that was made by night, too,
   follows the reader's theme, and both are of one size.
3. The Python of the README runs, and the commands of `jepa-lite` that the pages name exist. It is short.
4. The benchmark data says how it was made: command, seed, versions, machine.
5. The scripts that make data and pictures still find what they import.
"""

import functools
import importlib.util
import itertools
import json
import re
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from benchmarks import tables
from benchmarks.card_parts import span
from benchmarks.real_images import BESIDE, DIALS, EVEN, done, evenly
from benchmarks.tables import RESULTS, percent, result, table
from jepa_lite import cli, normalize, patchify, pretrained
from jepa_lite.additions.stretched_positions import stretched
from jepa_lite.baselines.switches import Switches
from jepa_lite.course import pointing
from jepa_lite.data import find_image
from jepa_lite.figures.photographs import best_head, likeness, twin

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "benchmarks" / "README.md"]
PAGES += sorted((ROOT / "docs").glob("*.md"))
PHOTOGRAPHS = {  # how the README calls the rows of results/real_images.json, in its order
    "raw pixels": "raw pixels",
    "random weights": "random weights",
    "pixel baseline, equal seconds": "pixel baseline, 3,700 steps",
    "ten minutes": "**I-JEPA**, 2,500 steps",
    "an hour": "**I-JEPA**, an hour of two cores",
    "long, on a GPU": "**I-JEPA**, longer, on a GPU",
}
BOTH = re.compile(
    r'<picture><source media="\(prefers-color-scheme: dark\)" srcset="([^"]+)">'
    r'<img alt="([^"]+)" src="([^"]+)"></picture>'
)
PROBES = {"linear": "linear, %", "linear_last4": "last 4, %", "knn": "20-NN, %"}


def photographs_table():
    """What is reported of photographs: rows of PHOTOGRAPHS, the three probes of each set. Means of seeds."""
    data, rows = result("real_images"), []
    sets = {"imagenette": "Imagenette", "cifar10": "CIFAR-10"}
    for name, called in PHOTOGRAPHS.items():
        cells = []
        for kind, probe in itertools.product(sets, PROBES):
            found = [
                row
                for row in (*data["controls"], *data["runs"])
                if (row["data"], row["on"], row["name"]) == (kind, "report", name) and probe in row
            ]
            assert all("tolerance" in row for row in found) or probe != "linear_last4", "the earlier probe"
            cells.append(percent(sum(row[probe] for row in found) / len(found)) if found else "")
        rows.append([called, *cells])
    return table(["features", *(f"{sets[kind]}: {PROBES[probe]}" for kind in sets for probe in PROBES)], rows)


@pytest.mark.parametrize(
    ("page", "name", "make"),
    [
        ("README.md", "demo", tables.demo_table),
        ("docs/demo.md", "demo", tables.demo_table),
        ("README.md", "real_images", photographs_table),
        ("docs/models.md", "real_images", photographs_table),
        ("benchmarks/README.md", "shortcuts", tables.shortcuts_table),
        ("benchmarks/README.md", "step", tables.step_table),
        ("benchmarks/README.md", "masking", tables.masking_table),
        ("benchmarks/README.md", "scaling", tables.scaling_table),
        ("benchmarks/README.md", "checkpoints", tables.checkpoints_table),
        ("benchmarks/README.md", "plan", tables.plan_table),
        ("benchmarks/README.md", "alarms", tables.alarms_table),
        ("benchmarks/README.md", "explorer", tables.explorer_table),
        ("benchmarks/README.md", "collapse", tables.collapse_table),
        ("benchmarks/README.md", "ablations", tables.ablations_table),
        ("benchmarks/README.md", "course_run", tables.course_run_table),
        (
            "benchmarks/README.md",
            "ablations_cifar10",
            functools.partial(tables.ablations_table, "ablations_cifar10"),
        ),
    ],
)
def test_tables_are_the_data(page, name, make):
    text = (ROOT / page).read_text(encoding="utf-8")
    block = re.search(rf"<!-- results/{name}.json -->\n(.*?)\n<!-- end -->", text, re.S)
    assert block, f"{page} has no table of {name}"
    assert block[1].strip() == make(), f"{page} should hold:\n{make()}"


def test_ijepa_stands_above_its_controls_by_more_than_the_spread():
    rows = {row["name"]: row for row in result("demo")["controls"]}
    for probe in ("linear", "knn"):
        for control in ("chance", "pixels", "random", "pixel_baseline"):
            spread = rows["ijepa"][f"{probe}_std"] + rows[control][f"{probe}_std"]
            gain = rows["ijepa"][probe] - rows[control][probe]
            assert gain > spread, f"{probe}: {gain:.3f} above {control}, spread {spread:.3f}"
            assert gain > 0.2, (probe, control, gain)
    used = [run["addresses"] for run in result("demo")["runs"]]
    assert len(used) >= 3 and min(one["gain"] for one in used) >= 1.5
    assert sum(one["own_image_rank"] for one in used) / len(used) <= 16


def test_the_courses_run_uses_addresses_and_stands_twenty_points_above_its_controls():
    data = result("course_run")
    ours, pixels = (row["runs"] for row in data["rows"][:2])
    assert [row["name"] for row in data["rows"][:2]] == ["as in the course", "pixels as targets"]
    assert len(ours) == len(pixels) == 5

    def mean(values):
        return sum(values) / len(values)

    assert min(run["address_gain"] for run in ours) >= 1.5
    assert mean([run["own_image_rank"] for run in ours]) <= 16
    for probe in ("linear", "knn"):
        rivals = [[run["ijepa"] for run in pixels], *data["controls"].values()]
        for rival in rivals:
            gain = mean([run["ijepa"][probe] for run in ours]) - mean([run[probe] for run in rival])
            assert gain > 0.2, (probe, gain)


def test_single_settings_were_compared_at_the_same_processor_time():
    data = result("real_images")
    cost = {row["name"]: row["cost"] for row in data["costs"] if row["data"] == "imagenette"}
    runs = [r for r in data["runs"] if (r["data"], r["on"]) == ("imagenette", "choose") and r["name"] in cost]
    assert set(cost) == {*DIALS, *BESIDE} and len(runs) == 3 * len(DIALS)
    for run in runs:
        assert abs(run["steps"] * cost[run["name"]] / 800 - 1) < EVEN, (run["name"], run["steps"])
    assert [evenly(800, each) for each in (1.0, 0.95, 2.06, 0.58)] == [800, 800, 390, 1380]
    for name, seed in itertools.product(DIALS, range(3)):  # so that `--dials` runs nothing a second time
        one = {"data": "imagenette", "on": "choose", "name": name, "seed": seed}
        assert done(one | {"steps": evenly(800, cost[name])}, runs)
        assert not done(one | {"steps": 4000}, runs)


def test_the_pixel_baseline_had_the_processor_time_of_i_jepa():
    data = result("real_images")
    cost = {row["name"]: row["cost"] for row in data["costs"]}
    for kind in ("imagenette", "cifar10"):
        name = "pixel baseline, equal seconds"
        (pixels,) = (r for r in data["runs"] if (r["data"], r["name"]) == (kind, name))
        ours = next(r for r in data["runs"] if (r["data"], r["name"], r["seed"]) == (kind, "ten minutes", 0))
        spent = pixels["steps"] * cost["pixel baseline, bfloat16"], ours["steps"] * cost["bfloat16"]
        assert abs(spent[0] / spent[1] - 1) < EVEN, (kind, spent)
        assert set(pixels["settings"]) - set(ours["settings"]) == {"model.predicts=pixels"}


def test_what_is_shipped_stands_above_its_controls_and_is_what_the_run_was():
    data = result("real_images")
    shipped = {row["data"]: row for row in data["shipped"] if row["on"] == "report"}
    assert set(shipped) == {"cifar10", "imagenette"}
    took, page = [], " ".join((ROOT / "docs" / "models.md").read_text("utf-8").split())
    told = float(re.search(r"no accuracy changes by more than ([\d.]+) points", page)[1]) / 100
    for name, row in shipped.items():
        facts = json.loads((ROOT / "jepa_lite" / "weights" / name / "run.json").read_text())
        same = [r for r in data["runs"] if (r["data"], r["on"], r["name"]) == (name, "report", "ten minutes")]
        (run,) = (r for r in same if r["seed"] == facts["result"]["seed"])
        assert facts["result"]["steps"] == run["steps"] and len(same) == 3
        controls = [r for r in data["controls"] if (r["data"], r["on"]) == (name, "report")]
        for probe in PROBES:
            assert abs(row[probe] - run[probe]) <= told <= 0.006, (name, probe)
            rivals = [control[probe] for control in controls if probe in control]
            assert all(row[probe] > rival + 0.02 for rival in rivals), (name, probe)
            assert len(rivals) >= 3
        numbers = [f"{run['address_gain']:.2f} times", f"{run['own_image_rank']:.1f}"]
        numbers += [f"{run['cpu_seconds']:,.0f}", f"{facts['images']:,}", f"{run['steps']:,} steps"]
        assert all(number in page for number in numbers), numbers
        readme = " ".join((ROOT / "README.md").read_text("utf-8").split())
        assert f"saw {run['images']:,} images" in readme and facts["config"]["train"]["batch_size"] == 64
        took.append(run["cpu_seconds"] / 60)
        assert run["address_gain"] > 1.1 and run["own_image_rank"] < run["patches"] / 5
    assert f"{span(took, '.0f')} minutes of one core" in readme


@pytest.fixture(scope="module")
def pictures():
    """images/photographs.py, as a module."""
    spec = importlib.util.spec_from_file_location("pictures", ROOT / "images" / "photographs.py")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "images"))
        spec.loader.exec_module(module)
    return module


def quoted(pattern, page="docs/models.md"):
    """The numbers that a page quotes where `pattern` matches, as shares."""
    (found,) = re.finditer(pattern, " ".join((ROOT / page).read_text("utf-8").split()))
    return [int(number) / 100 for number in found.groups()]


def test_the_patch_most_like_one_eye_of_the_cat_is_in_the_other_but_not_before_training():
    _, tokens, control, grid, patches = pointing.seen(pretrained("imagenette"))
    cat = list(pointing.POINTED).index("cat")
    found = []
    for values in (tokens, control):
        row, column = divmod(twin(likeness(values, patches)[cat], patches[cat], grid), grid[1])
        found.append(9 <= row <= 14 and 23 <= column <= 29)  # where the eye on the right is
    assert found == [True, False]


def test_from_most_patches_of_one_eye_that_patch_is_in_the_other():
    _, tokens, control, grid, _ = pointing.seen(pretrained("imagenette"))
    cat = list(pointing.POINTED).index("cat")
    one, other = (pointing.within([ellipse], grid) for ellipse in pointing.LOOKED_FOR["cat"][1])
    pixels = patchify(normalize(find_image("cat", pointing.SIZE)[None]), 8)
    asked, hits = one.nonzero().flatten().tolist(), []
    for values in (tokens[cat : cat + 1], pixels, control[cat : cat + 1]):
        found = [twin(likeness(values, [patch])[0], patch, grid) for patch in asked]
        hits.append(int(other[found].sum()))
    assert hits[0] > hits[1] + 4 and hits[1] > hits[2] + 10, (hits, len(asked))
    told = quoted(
        r"For (\d+) of the (\d+) patches of that eye, .*? raw pixels .*? for (\d+) .*? weights for (\d+)"
    )
    assert [round(100 * one) for one in told] == [hits[0], len(asked), *hits[1:]], hits


def test_a_head_looks_at_the_face_of_the_astronaut_and_no_head_does_before_training():
    (face, cat, wheel), more = (
        [list(pointing.LOOKED_FOR).index(name) for name in ("astronaut", "cat", "motorcycle")],
        [],
    )
    for seed in range(3):
        _, looks, control, _, _, regions = pointing.looks(pretrained("imagenette"), seed)
        trained, random = (
            [best_head(one, region).share for one, region in zip(kind, regions, strict=True)]
            for kind in (looks, control)
        )
        more.append(sum(one > other + 0.15 for one, other in zip(trained, random, strict=True)))
        assert trained[face] > 0.6 and random[face] < 0.2, (trained, random)
    assert min(more) >= len(regions) - 1, more
    area = float(regions[face].float().mean())
    for page in ("README.md", "docs/models.md"):
        told = quoted(r"(\d+)% of its attention is on her face, which is (\d+)% of the image", page)
        assert told == pytest.approx([trained[face], area], abs=0.05), (
            "quote what images/photographs.py prints"
        )
    told = quoted(r"Before training it is (\d+)%", "README.md")
    assert told == pytest.approx([random[face]], abs=0.03)
    for pattern, which in (
        ("the cat's nose, {0} is on the eyes", cat),
        ("of the motorcycle, {0} is on the other", wheel),
    ):
        told = quoted(pattern.format(r"(\d+)%") + r", against (\d+)% before training")
        assert told == pytest.approx([trained[which], random[which]], abs=0.03)


@torch.no_grad()
def test_a_head_looks_at_the_eyes_from_everywhere():
    image = normalize(find_image("cat", pointing.SIZE)[None])
    encoder = stretched(pretrained("imagenette").target_encoder, pointing.SIZE)
    region = pointing.within(pointing.LOOKED_FOR["cat"][1], encoder.grid)
    there = encoder.attention_maps(image)[0][..., region].sum(-1)  # (depth, heads, N)
    everywhere = float(there.mean(-1).max())
    (told,) = quoted(r"one head puts (\d+)% of its attention on the eyes on average")
    assert everywhere > 0.5 and told == pytest.approx(everywhere, abs=0.05)


def test_what_the_prediction_finds_but_for_the_place_the_mean_of_the_visible_finds_too(pictures):
    found = pictures.predicted(pretrained("imagenette"))
    (right, rank), (control, blind) = found["prediction"], found["mean of the visible"]
    assert right < control + 0.05 and rank < 10 and blind > 30, found
    pattern = r"prediction, (\d+)% come .*?, (\d+)% do\. .*? ranks (\d+) of 64 .*? and (\d+) by that mean"
    told = quoted(pattern)
    assert told[:2] == pytest.approx([right, control], abs=0.05)
    assert [100 * one for one in told[2:]] == pytest.approx([rank, blind], abs=1.5)


def test_near_crops_are_of_the_same_photograph_more_often_than_before_training(pictures):
    queries, bank, found = pictures.crops(pretrained("imagenette"))
    right = [
        float((bank.labels[one] == queries.labels[:, None]).float().mean())
        for one in (found["trained"], found["untrained"], found["raw pixels"])
    ]
    assert right[0] > right[1] + 0.03 and right[1] > right[2] > 1 / len(bank.classes), right
    hits = [bank.labels[found[name]] == queries.labels[:, None] for name in ("trained", "untrained")]
    gains = (hits[0].float() - hits[1].float()).mean(1)
    by_photograph = [float(gains[queries.labels == c].mean()) for c in range(len(bank.classes))]
    most = sorted(zip(by_photograph, bank.classes, strict=True))[-2:]
    assert {name for _, name in most} == {"motorcycle", "astronaut"}, by_photograph
    told = quoted(r"(\d+)% of the five nearest .*? against (\d+)% .*? and (\d+)% for raw pixels")
    assert told == pytest.approx(right, abs=0.05), "quote what images/photographs.py prints"


def test_the_plan_is_within_a_quarter_of_the_run():
    for r in result("plan")["rows"]:
        assert abs(r["ratio"] - 1) < 0.25, (r["name"], r["ratios"])


def test_what_is_said_of_the_collapse_lab_is_the_data():
    rows = {r["name"]: r["runs"] for r in result("collapse")["rows"]}
    assert list(rows) == [str(Switches(**r["switches"])) for r in result("collapse")["rows"]]
    collapsed = [name for name, runs in rows.items() if all(run["alarms"] for run in runs)]
    assert all(not run["alarms"] for name, runs in rows.items() if name not in collapsed for run in runs)
    assert len(collapsed) == 3
    assert all("no stop-gradient" in name and "place" not in name for name in collapsed)
    for name, runs in rows.items():
        for run in runs:
            assert (run["rank"] < 2 and run["std"] < 0.01 and run["loss"] < 0.01) == (name in collapsed), name
            assert (abs(run["gap"]) < 0.01) == (name in collapsed), (name, run["gap"])
    for free, kept in zip(rows["no stop-gradient, place norm"], rows["all on, place norm"], strict=True):
        assert free["rank"] < 0.7 * kept["rank"] and free["std"] > kept["std"]
    for without, kept in zip(rows["no EMA, place norm"], rows["all on, place norm"], strict=True):
        assert abs(without["rank"] - kept["rank"]) < 0.7


def test_the_explorer_follows_a_key_within_a_frame_and_a_setting_within_a_tenth_of_a_second():
    rows = {(r["what"], r["where"]): r["median"] for r in result("explorer")["rows"]}
    assert rows["next draw", "JupyterLab"] <= 16 and rows["next draw", "page without a kernel"] <= 16, rows
    assert rows["another rule", "JupyterLab"] <= 100, rows


def test_counted_memory_is_what_tensors_hold():
    for r in result("scaling")["rows"]:
        assert abs(r["memory_counted"] / r["memory_held"] - 1) < 0.25, r


def test_checkpoints_cost_at_most_two_percent():
    for r in result("checkpoints")["rows"]:
        assert r["share"] <= 0.02, (r["preset"], r["share"])


def test_a_step_is_quicker_than_the_plain_one_and_by_more_where_groups_save_padding():
    for r in result("step")["rows"]:
        for times in r["times"].values():
            assert times["6"] > 1.1 and times["6"] > times["1"], (r["width"], r["context"], times)
            assert times["one sequence"] > times["3"], (r["width"], r["context"], times)
            assert times["bfloat16"] > 1.5, (r["width"], r["context"], times)


def test_masks_are_drawn_a_hundred_times_as_fast_as_by_loops_in_torch():
    for r in result("masking")["results"]:
        for loop in ("plain_loop", "collator_loop"):
            assert r["times_faster_than"][loop] >= 100, (r["grid"], r["batch"], r["times_faster_than"])


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for alt, target in re.findall(r"(!?\[[^\]]*\])\(([^)]+)\)", text):
        assert target.startswith("http") or (page.parent / target).exists(), f"{page.name}: {target}"
        assert not alt.startswith("![]"), f"{page.name}: {target} has no alt text"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_pictures_follow_the_readers_theme(page):
    text = page.read_text("utf-8")
    shown = BOTH.findall(text)
    assert len(shown) == text.count("<picture") == text.count("<img"), "as the site and PyPI expect them"
    for night, alt, day in shown:
        assert night == day.replace(".png", "_dark.png") and len(alt) > 14, (night, alt)
        white, dark = (Image.open(page.parent / path).convert("RGB") for path in (day, night))
        assert white.size == dark.size, f"{night} was made of another figure than {day}"
        assert min(white.getpixel((0, 0))) > 200 and max(dark.getpixel((0, 0))) < 60, (day, night)
    for alone in re.findall(r"!\[[^\]]*\]\(([^)]+)\.png\)", text):
        assert not (page.parent / f"{alone}_dark.png").exists(), f"{alone}.png has a picture by night, too"


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) < 180, "the rest belongs into docs/"


def test_the_python_of_the_readme_runs():
    code = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    assert code
    for block in code:
        names = {}
        exec(compile(block, "README.md", "exec"), names)
        assert torch.isfinite(names["loss"])


def test_the_commands_of_the_pages_exist():
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    named = set(re.findall(r"^    jepa-lite (\w+)", text, re.M))
    assert named >= {"pretrain", "plan", "probe", "explain", "settings"}
    for command in named:
        assert callable(getattr(cli, command)), command


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.json")), ids=lambda p: p.name)
def test_data_says_how_it_was_made(path):
    facts = json.loads(path.read_text())
    assert facts["command"].startswith("python benchmarks/")
    assert (ROOT / facts["command"].split()[1]).exists()
    assert {"python", "torch"} <= set(facts["versions"]) and facts["machine"]["processor"]
    assert "seed" in json.dumps(facts)


@pytest.mark.parametrize(
    "path",
    sorted([*ROOT.glob("benchmarks/*.py"), *ROOT.glob("images/*.py")]),
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_scripts_find_what_they_import(path, monkeypatch):
    monkeypatch.setattr("sys.path", [str(path.parent), *sys.path])
    spec = importlib.util.spec_from_file_location(f"script_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)  # raises what an import raises; the work is below "__main__"
