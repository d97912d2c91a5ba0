"""Claims about the demo's order and what it keeps, on a tiny network; what it leaves is in test_cli.py:

1. The report is written when I-JEPA is probed, before the pixel baseline is begun, and says so; then with it.
2. The baseline has I-JEPA's steps, and its minutes as a limit.
3. A new demo that is stopped leaves all files of the last one; one that is measured replaces them, and no
   other file of the folder.
4. Stopped by a signal in either training, also in its last step, a demo is resumed: its end is that of one
   that never stopped, to the bit. It keeps its seed and its minutes.
5. What cannot be resumed or would replace another run is refused in a sentence; a complete one is left alone.
"""

import json
import signal

import pytest

from jepa_lite import data, demo
from jepa_lite.presets import preset
from jepa_lite.system.signals import Stopped
from jepa_lite.training.checkpoints import load_model
from jepa_lite.training.provenance import write_json
from jepa_lite.training.run import Run

pytestmark = pytest.mark.slow

STEPS = 5
SMALL = {
    "model.width": 16, "model.depth": 1, "model.heads": 2, "model.predictor_width": 16,
    "model.predictor_depth": 1, "train.steps": STEPS, "train.batch_size": 8, "train.log_every": 2,
}  # fmt: skip
PROBES = {"linear": 0.5, "knn": 0.25}


@pytest.fixture
def told(monkeypatch):
    """Small demos whose probes and pages cost nothing: the list of trainings begun and pages written."""
    told, recorded = [], demo.recorded
    monkeypatch.setattr(data, "COUNTS", {"train": 48, "test": 16})
    monkeypatch.setattr(demo, "preset", lambda name: preset(name).with_values(SMALL))
    monkeypatch.setattr(demo, "CURVE_IMAGES", 30)

    def table_of_controls(config, encoders, *_, controls, **__):
        names = [*["chance", "pixels", "random"] * controls, *encoders]
        return [{"name": name} | PROBES for name in names]

    def write_report(out, model, images, *, results, log, **_):
        names = [row["name"] for row in results["controls"]]
        told.append((names, results.get("note"), [record["step"] for record in log]))
        (out / "report.html").write_text(f"{names} of seed {results['seed']}")
        return out / "report.html"

    def begun(run, folder, title):
        told.append(title)
        yield from recorded(run, folder, title)

    for function in (table_of_controls, write_report):
        monkeypatch.setattr(demo, function.__name__, function)
    monkeypatch.setattr(demo, "recorded", begun)
    return told


@pytest.fixture
def stop_at(monkeypatch):
    """stop_at(title, step): Ctrl-C comes during that step of that training, once."""

    def arrange(title, step):
        begun = demo.recorded

        def stopping(run, folder, name):
            for record in begun(run, folder, name):
                yield record
                if (name, record["step"]) == (title, step):
                    signal.raise_signal(signal.SIGINT)

        monkeypatch.setattr(demo, "recorded", stopping)
        return lambda: monkeypatch.setattr(demo, "recorded", begun)

    return arrange


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def same(one, other):
    """Whether two demos have the same weights, of I-JEPA and of the baseline."""
    for name in (".", demo.BASELINE):
        a, b = (load_model(folder / name)[0].state_dict() for folder in (one, other))
        assert a.keys() == b.keys()
        if not all(a[key].equal(b[key]) for key in a):
            return False
    return True


# 1, 2 ----------------------------------------------------------------------------------------------------


def test_the_report_comes_before_the_baseline(told, tmp_path, capsys):
    results = demo.run_demo(tmp_path, minutes=2, seed=3)
    first = ["chance", "pixels", "random", "ijepa"]
    second = [*first[:-1], "pixel_baseline", "ijepa"]
    steps = list(range(1, STEPS + 1))
    assert told == ["I-JEPA", (first, demo.NOTE, steps), "pixel baseline", (second, None, steps)]
    assert json.loads((tmp_path / "results.json").read_text()) == json.loads(json.dumps(results))
    assert f"{tmp_path / 'report.html'} is there" in capsys.readouterr().out
    baseline, config = load_model(tmp_path / demo.BASELINE)[1], load_model(tmp_path)[1]
    assert (baseline.model.predicts, baseline.train.steps, baseline.train.seconds) == ("pixels", STEPS, 120)
    assert (config.train.seconds, config.train.seed, baseline.train.seed) == (120, 3, 3)
    assert not (tmp_path / demo.UNFINISHED).exists()


def test_a_baseline_that_was_cut_short_is_told(told, monkeypatch, tmp_path, capsys):
    done = Run.done

    def cut(run):
        return run.step >= 3 if run.config.model.predicts == "pixels" else done.fget(run)

    monkeypatch.setattr(Run, "done", property(cut))
    results = demo.run_demo(tmp_path)
    assert (results["steps"], results["baseline_steps"]) == (STEPS, 3)
    assert f"the pixel baseline had time for 3 of {STEPS} steps" in capsys.readouterr().out


# 3 -------------------------------------------------------------------------------------------------------


def test_the_last_demo_stays_until_the_new_one_is_measured(told, stop_at, tmp_path):
    demo.run_demo(tmp_path, seed=1)
    (tmp_path / "mine.txt").write_text("not a demo's")
    before = files(tmp_path)
    go_on = stop_at("I-JEPA", 2)
    with pytest.raises(Stopped, match="SIGINT after step 3, and saved; the same command with --resume"):
        demo.run_demo(tmp_path, seed=2)
    after = files(tmp_path)
    assert before.items() <= after.items(), "the last demo was touched"
    assert {path.parts[0] for path in after.keys() - before.keys()} == {demo.UNFINISHED}
    go_on()
    results = demo.run_demo(tmp_path, seed=2, resume=True)
    assert results["seed"] == 2 and (tmp_path / "mine.txt").read_text() == "not a demo's"
    assert "seed 2" in (tmp_path / "report.html").read_text()
    assert load_model(tmp_path)[1].train.seed == load_model(tmp_path / demo.BASELINE)[1].train.seed == 2
    fresh = demo.run_demo(tmp_path / "fresh", seed=2)
    assert fresh["controls"] == results["controls"] and same(tmp_path, tmp_path / "fresh")


# 4 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("title", ["I-JEPA", "pixel baseline"])
@pytest.mark.parametrize("step", [2, STEPS])
def test_a_stopped_demo_goes_on_to_the_same_end(title, step, told, stop_at, tmp_path):
    go_on = stop_at(title, step)
    with pytest.raises(Stopped, match="SIGINT after step"):
        demo.run_demo(tmp_path / "parts", minutes=7, seed=4)
    assert (tmp_path / "parts" / "report.html").exists() == (title == "pixel baseline")
    go_on()
    told.clear()
    results = demo.run_demo(tmp_path / "parts", resume=True)
    assert ("I-JEPA" in told) == (title == "I-JEPA"), f"done again: {told}"
    whole = demo.run_demo(tmp_path / "whole", minutes=7, seed=4)
    assert same(tmp_path / "parts", tmp_path / "whole") and results["controls"] == whole["controls"]
    parts = (json.loads(json.dumps(found["config"])) for found in (results, whole))
    assert next(parts) == next(parts) and results["config"]["train"]["seconds"] == 420
    logs = [(tmp_path / name / "log.jsonl").read_text().splitlines() for name in ("parts", "whole")]
    assert [json.loads(line)["loss"] for line in logs[0]] == [json.loads(line)["loss"] for line in logs[1]]


# 5 -------------------------------------------------------------------------------------------------------


def test_what_cannot_go_on_is_refused(told, stop_at, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere holds no demo to resume; leave out --resume"):
        demo.run_demo(tmp_path / "nowhere", resume=True)
    write_json(tmp_path / "other" / "run.json", {"data": "cifar10"})
    with pytest.raises(ValueError, match=r"other holds a run that is no demo, .* choose another --out"):
        demo.run_demo(tmp_path / "other")
    stop_at("I-JEPA", 2)
    with pytest.raises(Stopped):
        demo.run_demo(tmp_path / "one", seed=1)
    with pytest.raises(ValueError, match="one was begun with seed 1 and keeps it"):
        demo.run_demo(tmp_path / "one", seed=2, resume=True)
    assert [what for what in told if isinstance(what, str)] == ["I-JEPA"]


def test_a_complete_demo_is_left_alone(told, tmp_path):
    results = demo.run_demo(tmp_path, seed=1)
    before = files(tmp_path)
    told.clear()
    assert demo.run_demo(tmp_path, resume=True) == json.loads(json.dumps(results))
    assert not told and files(tmp_path) == before
