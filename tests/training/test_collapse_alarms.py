"""Claims about the collapse alarms (collapse_alarms.py), with limits from benchmarks/results/alarms.json.

1. In the measured runs that learn no alarm rings; of the others each rings that should, before its end.
2. An alarm names its measure, both its values and a dial that exists, once; again only after a recovery.
3. An untrained network is not alarming; each limit is a limit.
4. What the watch remembers goes through a checkpoint.
5. A real run that collapses warns, and its record says so.
6. Once, and in a run's second half alone, it is noted that predictions tell images apart and ignore the
   address: at the limits, without a warning, not for pixels, and not for logs that do not hold the measure.
"""

import json
import re
import warnings
from pathlib import Path

import pytest

from jepa_lite.data.shapes import shapes
from jepa_lite.presets import preset
from jepa_lite.training.collapse_alarms import (
    CEILING,
    FLOOR,
    GAIN,
    GAP,
    HIGH,
    LOW,
    CollapseWarning,
    Watch,
)
from jepa_lite.training.run import Run

pytestmark = pytest.mark.slow

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results" / "alarms.json"
FINE = {"rank": 20.0, "std": 0.05, "position_share": 0.1}


def see(watch, step=10, **changes):
    """Which measures ring."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        said = watch.see(FINE | changes, step)
    assert [str(w.message) for w in caught] == said and all(w.category is CollapseWarning for w in caught)
    return [re.search(r": (\w+) is", sentence)[1] for sentence in said]


def test_measured_runs_ring_when_they_should_and_only_then():  # 1
    facts = json.loads(RESULTS.read_text())
    limits = {"low": LOW, "floor": FLOOR, "high": HIGH, "ceiling": CEILING, "gap": GAP, "gain": GAIN}
    assert facts["limits"] == limits, "measure again"
    for row in facts["rows"]:
        watch, first, steps = Watch(), {}, row["curve"][-1]["step"]
        see(watch, 0, **row["at_first"])
        for point in row["curve"]:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", CollapseWarning)
                told = watch.told(point, point["step"], point["step"] / steps)
            for sentence in (*told.get("alarms", ()), *told.get("notes", ())):
                first.setdefault(re.search(r": (\w+) is", sentence)[1], point["step"])
        assert row["alarms"] == first, row["name"]
    rows = {row["name"]: row for row in facts["rows"]}
    for row in rows.values():
        learns = row.get("knn_ijepa", 0) > row.get("knn_random", 1) + 0.05
        assert not (learns and row["alarms"].keys() - {"address_gain"}), row["name"]
        assert not row["alarms"] or min(row["alarms"].values()) < 0.6 * row["curve"][-1]["step"], row["name"]
    lost = rows["layer norm, AdamW, no moving average"]
    assert lost["alarms"].keys() == {"rank", "std"} and lost["knn_ijepa"] < lost["knn_random"]
    blind = {name for name, row in rows.items() if "address_gain" in row["alarms"]}
    assert {"random first weights", "images of `shapes`"} <= blind and "the demo" not in blind


def test_an_alarm_comes_once_and_again_after_a_recovery():  # 2
    watch = Watch()
    assert see(watch) == []
    assert see(watch, std=0.004) == ["std"] and see(watch, std=0.003) == []
    assert see(watch, std=0.03) == [] and see(watch, std=0.001) == ["std"]


@pytest.mark.parametrize("changes", [{"std": 0.0049}, {"rank": 2.4}, {"position_share": 0.51}])
def test_an_alarm_names_measure_values_and_dial(changes):  # 2
    watch, (name, value) = Watch(), *changes.items()
    see(watch)
    with pytest.warns(CollapseWarning) as caught:
        (sentence,) = watch.see(FINE | changes, 70)
    for word in ("step 70", f"{name} is {value:.3g}", f"was {FINE[name]:.3g}"):
        assert word in sentence, sentence
    dials = re.findall(r"(model|train)\.(\w+)", sentence)
    assert dials and all(name in preset("demo").to_dict()[part] for part, name in dials), sentence
    assert str(caught[0].message) == sentence


@pytest.mark.parametrize(
    ("first", "then", "rings"),
    [
        ({}, {"std": 0.0051}, False), ({}, {"std": 0.0049}, True),
        ({}, {"rank": 2.6}, False), ({}, {"rank": 2.4}, True),
        ({"rank": 4.0}, {"rank": 2.1}, False), ({"rank": 4.0}, {"rank": 1.9}, True),
        ({"rank": 1.5}, {"rank": 1.5}, True),
        ({}, {"position_share": 0.49}, False), ({}, {"position_share": 0.51}, True),
        ({"position_share": 0.4}, {"position_share": 0.79}, False),
        ({"position_share": 0.4}, {"position_share": 0.81}, True),
        ({"position_share": 0.8}, {"position_share": 0.89}, False),
        ({"position_share": 0.8}, {"position_share": 0.91}, True),
    ],
)  # fmt: skip
def test_each_limit_is_a_limit(first, then, rings):  # 3
    watch = Watch()
    assert see(watch, **first) == [], "an untrained network is not collapsing"
    assert see(watch, **then) == (list(then) if rings else [])


def test_the_best_so_far_counts():  # 3
    watch = Watch()
    for std in (0.05, 0.2, 0.03):
        assert see(watch, std=std) == []
    assert see(watch, std=0.019) == ["std"]


def test_the_watch_goes_through_a_checkpoint():  # 4
    watch, resumed = Watch(), Watch()
    see(watch)
    see(watch, std=0.001)
    resumed.load_state(json.loads(json.dumps(watch.state())))
    assert see(resumed, std=0.001) == [] and see(resumed, rank=1.0) == ["rank"]


def test_a_run_that_collapses_warns():  # 5
    changes = {"model.target_norm": "layer", "train.momentum": (0.0001, 0.0001), "train.steps": 40}
    changes |= {"model.init": "xavier", "model.init_mlp_gain": 1.0, "train.optimizer": "adamw"}
    changes |= {"train.seconds": None, "train.lr": 0.01, "train.batch_size": 64, "train.final_lr": 0.001}
    config = preset("demo").with_values(
        changes | {"train.log_every": 10, "model.image_size": 32, "model.patch_size": 4}
    )
    run = Run(config, shapes(256, 32, seed=0)[0])
    with pytest.warns(CollapseWarning, match="whatever the loss says"):
        records = list(run.steps())
    rung = [record for record in records if "alarms" in record]
    assert rung and records[-1]["loss"] < 0.2 * records[0]["loss"], "collapse makes the loss fall"
    assert rung[0]["std"] < 0.1 * run.watch.best["std"] or rung[0]["rank"] < 0.125 * run.watch.best["rank"]


@pytest.mark.parametrize(
    ("progress", "changes", "noted"),
    [
        (0.51, {}, True), (0.5, {}, False), (1.0, {"gap": 0.1}, True), (1.0, {"gap": 0.0999}, False),
        (1.0, {"address_gain": 1.0099}, True), (1.0, {"address_gain": 1.01}, False),
    ],
)  # fmt: skip
def test_predictions_that_ignore_the_address_are_noted_at_the_limits(progress, changes, noted):  # 6
    blind = FINE | {"gap": 0.3, "address_gain": 1.0} | changes
    watch = Watch()
    assert see(watch, **blind) == [] and bool(watch.note(blind, 10, progress)) == noted
    assert see(watch, **blind) == [], "it rings as an alarm"
    resumed = Watch()
    resumed.load_state(json.loads(json.dumps(watch.state())))
    assert bool(resumed.note(blind | {"gap": 0.3, "address_gain": 1.0}, 20, 1.0)) == (not noted), "once"
    assert Watch().note(FINE, 10, 1.0) == [], "a log without the measure"


def test_the_log_has_alarms_and_notes_where_there_are_any():  # 6
    watch, blind = Watch(), FINE | {"gap": 0.31, "address_gain": 1.004}
    assert watch.told(FINE, 0, 0.0) == watch.told(blind, 10, 0.4) == {}
    assert [*watch.told(blind, 20, 0.6)] == ["notes"]
    with pytest.warns(CollapseWarning):
        assert [*watch.told(blind | {"std": 0.0}, 30, 0.7)] == ["alarms"]


def test_the_note_names_both_numbers_and_dials_that_exist():  # 6
    (sentence,) = Watch().note(FINE | {"gap": 0.31, "address_gain": 1.004}, 70, 0.6)
    assert "step 70" in sentence and "address_gain is 1.004" in sentence and "gap is 0.31" in sentence
    assert "ignore which patch is asked for" in sentence and "model.target_image_mean below 1" in sentence
    assert "model.init=mimetic" in sentence
    changed = preset("laptop").with_values({"model.target_image_mean": 0.5, "model.init": "mimetic"}).model
    assert (changed.target_image_mean, changed.init) == (0.5, "mimetic")


@pytest.mark.parametrize(("predicts", "count"), [("pixels", 0), ("latents", 1)])
def test_addresses_of_pixels_are_not_watched(predicts, count):  # 6
    config = preset("demo").with_values({"model.predicts": predicts})
    watch = Run(config, shapes(8, 64, seed=0)[0]).watch
    assert len(watch.note(FINE | {"gap": 0.3, "address_gain": 1.0}, 10, 1.0)) == count
