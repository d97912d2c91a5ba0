"""Claims about effects and their intervals, and about the figures of notebook 12.

1. An interval is SciPy's own t interval; it covers the truth in 95% of tries, where 1.96 standard errors do
   not; one value has none, no value is refused.
2. An effect is a mean of differences within seeds, so what a seed does to both runs does not widen it; seeds
   without a reference are left out; rows without a seed, too. The controls are differences of the same kind.
3. The paper's effects are differences of its own numbers, and every change of ours that it made has one.
4. A verdict follows the interval: higher, lower, undecided, one seed.
5. The figures show every number, for one seed or several; what cannot be drawn is refused by name.
6. Every choice of the notebook's sliders is drawn.
7. Tested together, noise is called decided in at most 5% of tries, where tests of each alone fail most of
   them; a large effect is found; one seed decides nothing.
8. The table of verdicts has a row for every change, with the numbers of the figure, and says what is only in
   the paper and what is only here. Tables that were not measured are left out.
"""

import importlib.util
import math
from pathlib import Path

import pytest
import torch
from scipy import stats

from jepa_lite.course import effects as effects_module
from jepa_lite.course.effects import (
    LEVEL,
    PAPER,
    decided_together,
    effects,
    interval,
    standing,
    tables,
    verdict,
    verdicts,
)
from jepa_lite.course.figures.effects import (
    block_sizes,
    effects_beside_paper,
    live_beside_reference,
    one_ablation,
)
from jepa_lite.widgets.sliders import Choices

SHARED = {1: 0.0, 2: 0.2, 3: -0.15}  # what a seed does to all of its runs


def run(seed, linear, knn, loss):
    return {
        "seed": seed, "loss": loss, "rank": 3 + 10 * loss, "address_gain": 1 + loss,
        "ijepa": {"linear": linear, "knn": knn},
        "random": {"linear": 0.4 + seed / 100, "knn": 0.2}, "pixels": {"linear": 0.15, "knn": 0.3},
    }  # fmt: skip


def row(name, group, change, seeds=(1, 2, 3)):
    """Runs with `change` in accuracy, and a little more or less from seed to seed."""
    runs = []
    for seed in seeds:
        more = change + 0.01 * (seed - 2) if group != "reference" else 0.0
        runs.append(run(seed, 0.7 + SHARED[seed] + more, 0.5 + seed / 50 + more / 2, 0.2 + seed / 100 + more))
    return {"name": name, "group": group, "changes": {}, "runs": runs}


TABLE = {
    "rows": [
        row("as in the course", "reference", 0),
        row("random patches", "masking", -0.1),
        row("released collator", "masking", 0.004),
        row("pixels as targets", "what is predicted", 0.05, seeds=(1, 3)),
        row("momentum 0.9", "EMA", 0.03, seeds=(2,)),
    ]
}
OTHER = {
    "rows": [TABLE["rows"][0], row("no addresses", "masking", -0.2), row("random patches", "masking", 0)]
}
ONE = {"rows": [{**r, "runs": r["runs"][:1]} for r in TABLE["rows"][:4]]}
FOUND = {effect["name"]: effect for effect in effects(TABLE)}


def line(fig, gid):
    (found,) = [drawn for ax in fig.axes for drawn in ax.lines if drawn.get_gid() == gid]
    return found.get_xdata(), found.get_ydata()


# 1 ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [[3.1, 7.9], [81.3, 74.9, 90.2], [-3.0, 4.5, 0.7, 9.6, 2.5]], ids=len)
def test_an_interval_is_scipys(values):
    mean, half = interval(values)
    low, high = stats.t.interval(
        0.95, len(values) - 1, loc=sum(values) / len(values), scale=stats.sem(values)
    )
    assert (mean - half, mean + half) == pytest.approx((low, high))
    assert interval(torch.tensor(values, dtype=torch.float64)) == pytest.approx((mean, half))


def test_an_interval_covers_the_truth_as_often_as_it_says():
    draws = torch.randn(3000, 3, generator=torch.Generator().manual_seed(1)) * 4 + 7
    covered = sum(abs(mean - 7) <= half for mean, half in map(interval, draws)) / len(draws)
    naive = ((draws.mean(1) - 7).abs() <= 1.96 * draws.std(1) / 3**0.5).float().mean().item()
    assert 0.935 < covered < 0.965 and naive < 0.85, (covered, naive)


def test_one_value_has_no_interval_and_none_no_mean():
    mean, half = interval([4.25])
    assert mean == 4.25 and math.isnan(half)
    for nothing in ([], 3.0, [[1.0, 2.0]]):
        with pytest.raises(ValueError, match="one a seed"):
            interval(nothing)


# 2 ---------------------------------------------------------------------------------------------------


def test_what_a_seed_does_to_both_runs_cancels():
    effect = FOUND["random patches"]
    assert effect["seeds"] == [1, 2, 3] and effect["differences"] == pytest.approx([-11, -10, -9])
    assert effect["mean"] == pytest.approx(-10) and effect["half"] == pytest.approx(2.484, abs=1e-3)
    alone = interval([100 * r["ijepa"]["linear"] for r in TABLE["rows"][1]["runs"]])[1]
    assert alone > 10 * effect["half"], "the seeds' own spread is far larger than that of their differences"


def test_only_seeds_that_both_have_are_paired():
    assert FOUND["pixels as targets"]["seeds"] == [1, 3] and FOUND["momentum 0.9"]["seeds"] == [2]
    rows = [{**TABLE["rows"][0], "runs": TABLE["rows"][0]["runs"][:1]}, *TABLE["rows"][1:]]
    few = {effect["name"]: effect["seeds"] for effect in effects({"rows": rows})}
    assert few["random patches"] == few["pixels as targets"] == [1]
    assert "momentum 0.9" not in few, "its only seed has no reference"


def test_controls_and_the_other_probe():
    assert FOUND["random weights"]["differences"] == pytest.approx([-29, -48, -12])
    assert FOUND["raw pixels"]["differences"] == pytest.approx([-55, -75, -40])
    assert {e["group"] for e in (FOUND["random weights"], FOUND["raw pixels"])} == {"control"}
    knn = {effect["name"]: effect for effect in effects(TABLE, "knn")}
    assert knn["raw pixels"]["differences"] == pytest.approx([-22, -24, -26])


# 3, 4 ------------------------------------------------------------------------------------------------


def test_the_papers_effects(monkeypatch):
    names = ("reference", *PAPER, "momentum 0.9")
    run = {"seed": 0, "ijepa": {"linear": 0.5}, "random": {"linear": 0.2}, "pixels": {"linear": 0.3}}
    rows = [{"name": name, "group": "any", "runs": [run]} for name in names]
    paper = {effect["name"]: effect["paper"] for effect in effects({"rows": rows}, "linear")}
    assert paper["random patches"] == pytest.approx(-36.6) and paper["one block"] == pytest.approx(-34.0)
    assert paper["pixels as targets"] == pytest.approx(-26.2) and paper["momentum 0.9"] is None
    assert paper["context scale 0.85 to 1"] == pytest.approx(23.0)
    path = Path(__file__).resolve().parents[2] / "benchmarks/ablations.py"
    spec = importlib.util.spec_from_file_location("benchmark_ablations", path)
    monkeypatch.syspath_prepend(path.parent)  # where its neighbours are
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert set(PAPER) - set(module.ROWS) == {"targets masked at the input"}
    missing = [e["name"] for e in effects(TABLE) if e["group"] == "not run here"]
    assert "targets masked at the input" in missing and "random patches" not in missing


def test_a_verdict_follows_the_interval():
    assert [verdict(FOUND[name]) for name in ("random patches", "released collator", "momentum 0.9")] == [
        "lower", "undecided", "one seed",
    ]  # fmt: skip
    assert verdict(FOUND["targets masked at the input"]) == "not run"
    assert verdict({"mean": 3.0, "half": 2.9, "seeds": [1, 2]}) == "higher"
    assert verdict({"mean": 3.0, "half": 3.1, "seeds": [1, 2]}) == "undecided"


# 5, 6 ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", [TABLE, ONE], ids=["three seeds", "one seed"])
@pytest.mark.parametrize("probe", ["linear", "knn"])
def test_the_figure_to_keep_shows_every_number(table, probe):
    fig = effects_beside_paper({"ours": table, "other": OTHER}, probe)
    fig.canvas.draw()
    (ax,) = fig.axes
    bars = {container.lines[0].get_gid(): container for container in ax.containers}
    low, high = ax.get_xlim()
    rows = {images: effects(one, probe) for images, one in (("ours", table), ("other", OTHER))}
    names = [tick.get_text() for tick in ax.get_yticklabels()]
    assert set(names) == {effect["name"] for found in rows.values() for effect in found}
    assert names.index("no addresses") == names.index("released collator") + 1, "beside its group"
    for images, effect in ((images, effect) for images, found in rows.items() for effect in found):
        name = effect["name"]
        if effect["seeds"]:
            assert line(fig, f"{name} {images} seeds")[0] == pytest.approx(effect["differences"])
            drawn = bars[f"{name} {images}"]
            assert drawn.lines[0].get_xdata()[0] == pytest.approx(effect["mean"])
            assert abs(drawn.lines[0].get_ydata()[0] - names.index(name)) < 0.3
            assert drawn.has_xerr == (len(effect["seeds"]) > 1), f"{name}: one seed has no bar"
            assert f"{images} {effect['mean']:+.1f}" in fig.alt_text
            assert low < effect["mean"] < high
        if effect["paper"] is not None:
            assert bars[f"{name} paper"].lines[0].get_xdata()[0] == pytest.approx(effect["paper"])
            assert f"the paper {effect['paper']:+.1f}" in fig.alt_text and low < effect["paper"] < high
    assert "one seed" in fig.alt_text and "±" in fig.alt_text


@pytest.mark.slow
@pytest.mark.parametrize("table", [TABLE, ONE], ids=["three seeds", "one seed"])
def test_every_choice_of_the_sliders_is_drawn(table):
    names = [r["name"] for r in table["rows"][1:]]
    shown = Choices(
        lambda name, probe: one_ablation(table, name, probe),
        {"ablation": names, "probe": {"linear": "linear", "20 neighbours": "knn"}},
    )
    ablation, probe = shown.lists
    for name in reversed(names):
        for key in ("knn", "linear"):
            ablation.value, probe.value = name, key
            fig = shown.figure()
            fig.canvas.draw()
            assert not shown.trouble and fig.alt_text.startswith(name)
            effect = next(e for e in effects(table, key) if e["name"] == name)
            assert (
                f"{effect['mean']:+.1f}" in fig.alt_text and fig.alt_text.split(".")[0] in shown.picture.value
            )
            rows = table["rows"][0], next(r for r in table["rows"] if r["name"] == name)
            before, after = ({r["seed"]: r for r in row["runs"]} for row in rows)
            for seed in effect["seeds"]:
                both = [100 * runs[seed]["ijepa"][key] for runs in (before, after)]
                assert line(fig, f"accuracy {seed}")[1] == pytest.approx(both)
                for measure in ("loss", "rank", "address_gain"):
                    ends = [runs[seed][measure] for runs in (before, after)]
                    assert line(fig, f"{measure} {seed}")[1] == pytest.approx(ends)
                levels = [100 * before[seed][control][key] for control in ("pixels", "random")]
                assert line(fig, f"controls {seed}")[1] == pytest.approx(levels)
            said = PAPER[name][3] if name in PAPER else "not in the paper"
            assert said in fig.alt_text and said in fig.get_suptitle()


def test_what_is_no_ablation_is_refused():
    with pytest.raises(ValueError, match=r"no ablation 'as in the course'; there are: random patches"):
        one_ablation(TABLE, "as in the course")
    rows = [{**TABLE["rows"][0], "runs": TABLE["rows"][0]["runs"][:1]}, TABLE["rows"][4]]
    with pytest.raises(ValueError, match=r"no seed of 'momentum 0.9' was run for the reference"):
        one_ablation({"rows": rows}, "momentum 0.9")


def test_a_live_run_is_shown_up_to_the_same_step():
    long = [
        {"step": s, "loss": 1 / s, "rank": 3.0 + s, **({"knn": s / 20} if s % 3 == 0 else {})}
        for s in range(1, 13)
    ]
    short = [{**record, "loss": 2 / record["step"]} for record in long[:7]]
    fig = live_beside_reference(long, short, {"raw pixels": 0.4, "random weights": 0.25}, "a=b")
    fig.canvas.draw()
    for name, times in (("as in the course", 1), ("a=b", 2)):
        steps, losses = line(fig, f"{name} loss")
        assert list(steps) == list(range(1, 8)) and losses == pytest.approx([times / s for s in range(1, 8)])
        assert list(line(fig, f"{name} knn")[0]) == [3, 6]
    assert line(fig, "raw pixels")[1] == [0.4, 0.4]
    assert "at step 7" in fig.alt_text and "a=b: knn 0.3, loss 0.286, rank 10" in fig.alt_text


def test_a_table_without_address_gain_has_no_panel_for_it():
    def without(run):
        return {key: value for key, value in run.items() if key != "address_gain"}

    before = {"rows": [{**r, "runs": [without(run) for run in r["runs"]]} for r in TABLE["rows"]]}
    panels = [len(one_ablation(table, "random patches").axes) for table in (before, TABLE)]
    assert panels == [3, 4]


def test_sizes_are_shown_with_their_shares():
    shares = {"two numbers": {(5, 6): 0.25, (7, 3): 0.75}, "one number": {(5, 6): 1.0}}
    fig = block_sizes(shares, (14, 9))
    fig.canvas.draw()
    left, right = fig.axes[:2]
    assert left.images[0].get_array()[7, 3] == 0.75 and left.images[0].get_array().sum() == 1
    assert right.images[0].get_array()[5, 6] == 1 and right.images[0].get_array()[7, 3] == 0
    assert {text.get_text() for text in left.texts} == {"25", "75"}
    assert "14 x 9 grid" in fig.alt_text and "7 x 3 75%" in fig.alt_text
    assert LEVEL == 0.95


# 7, 8 ------------------------------------------------------------------------------------------------


def test_noise_is_rarely_decided_when_tested_together():
    generator, tries = torch.Generator().manual_seed(2), 400
    noise = torch.randn(tries, 20, 5, generator=generator).double()
    together = sum(bool(decided_together(rows).any()) for rows in noise) / tries
    alone = sum(any(abs(mean) > half for mean, half in map(interval, rows)) for rows in noise) / tries
    assert together < 0.08 < 0.5 < alone, (together, alone)
    noise[:, 3] += 20
    assert all(decided_together(rows)[3] for rows in noise)
    assert not decided_together(noise[0, :, :1]).any(), "one seed decides nothing"
    assert decided_together(noise[0, 3:4]).tolist() == [abs(noise[0, 3].mean()) > interval(noise[0, 3])[1]]


def test_every_change_has_a_verdict_in_words(monkeypatch):
    lines = {line.split(" | ")[0].strip("| "): line for line in verdicts(TABLE).splitlines()[2:]}
    names = {e["name"] for e in effects(TABLE) if e["group"] != "control"}
    assert (
        set(lines) == names | {"as in the course"} and len({line.count("|") for line in lines.values()}) == 1
    )
    assert "| the reference | the reference | 1.22 |" in lines["as in the course"]
    assert "| -10.0 ± 2.5, lower" in lines["random patches"]
    assert lines["random patches"].endswith("same sign |")
    _, _, linear, neighbours, *_ = lines["random patches"].split("|")
    (knn,) = (e for e in effects(TABLE, "knn") if e["name"] == "random patches")
    assert f"{knn['mean']:+.1f} ± {knn['half']:.1f}, {verdict(knn)}" in neighbours != linear
    assert "Table 6, ViT-B/16" in lines["random patches"] and "-36.6" in lines["random patches"]
    assert "undecided" in lines["released collator"] and "not in the paper" in lines["released collator"]
    assert "one seed" in lines["momentum 0.9"]
    assert (
        "opposite sign" in lines["pixels as targets"]
        and standing(FOUND["pixels as targets"]) == "opposite sign"
    )
    assert lines["targets masked at the input"].endswith("| -11.2 | not run |")
    monkeypatch.setattr(effects_module, "TABLES", {"synthetic images": "ablations", "none": "never measured"})
    assert list(tables()) == ["synthetic images"] and tables()["synthetic images"]["rows"]
