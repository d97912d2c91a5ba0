"""The claims that this file tests.

1. A run that was started, paused and resumed in an event loop is bit for bit one that never paused, in
   weights and in records; so is one trained by `train` in parts.
2. Everything else has its turn between two steps; pausing takes effect at once, and a click that comes on
   another thread is carried out on the thread that trains.
3. Stop ends it for good and leaves the run usable; a run that ends by itself is done, by run.stop() stopped.
   Start again begins a new run from where the first one stood, bit for bit the same; the first stays.
4. An error of a step is one sentence in `trouble`, in turns and in `train`, which raises it, each time; the
   steps before it stay. An interrupt leaves the run paused. Alarms of collapse are shown, and not printed;
   other warnings are printed.
5. The page is sent packed pairs of step and value, thinned beyond a thousand, at most a few times a second,
   and always when the state changes; what is sent can be sent (no NaN, no infinity).
6. The static figure is `curves` of the records; before the first step it says that nothing was trained.
7. Bad input, a nameless button and a missing event loop get one sentence.
"""

import asyncio
import json
import math
import threading
import warnings

import numpy as np
import pytest
import torch

from jepa_lite.baselines.switches import Switches
from jepa_lite.evaluation.measures import Diverged
from jepa_lite.figures import curves
from jepa_lite.training.collapse_alarms import CollapseWarning
from jepa_lite.widgets import LiveTraining, live
from jepa_lite.widgets.background_training import Home, Player
from jepa_lite.widgets.collapse_run import lab_run

pytestmark = pytest.mark.slow

STEPS = 7


def small(steps=STEPS, probe=None, **changes):
    run = lab_run(Switches(), steps=steps)
    run.config = run.config.with_values({"train.log_every": 2} | changes)
    run.probe = probe
    return run


def weights(run):
    return torch.cat([p.detach().flatten() for p in run.model.parameters()])


def untimed(records):
    """Records without what a clock says."""
    return [{k: v for k, v in record.items() if "second" not in k} for record in records]


async def until(holds, patience=60):
    """Let the loop turn until `holds()`."""
    for _ in range(patience * 100):
        if holds():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never came about")


@pytest.fixture(scope="module")
def whole():
    """A run that was never paused, and its records."""
    run = small()
    return run, list(run.steps())


def press(view, do):
    view._handle_custom_msg({"do": do}, [])


def test_paused_and_resumed_is_bit_for_bit_one_that_never_paused(whole):
    async def play():
        view = LiveTraining(small())
        assert view.now["state"] == "ready"
        press(view, "start")
        await until(lambda: view.player.run.step >= 3)
        press(view, "pause")
        at = view.player.run.step
        for _ in range(20):
            torch.rand(3)  # what a reader does meanwhile changes nothing
            await asyncio.sleep(0.01)
        assert view.player.run.step == at and view.now["state"] == "paused" and view.now["step"] == at
        press(view, "start")
        await until(lambda: view.now["state"] == "done")
        return view

    view = asyncio.run(play())
    assert untimed(view.records) == untimed(whole[1]) and len(view.records) == STEPS
    assert torch.equal(weights(view.player.run), weights(whole[0]))


def test_trained_in_parts_by_cells_is_bit_for_bit_the_same(whole):
    view = LiveTraining(small())
    assert len(view.train(2)) == 2 and view.now["state"] == "paused"
    assert len(view.train(0)) == 2 and len(view.train(1)) == 3
    assert view.train() is view.records and view.now["state"] == "done" and view.now["step"] == STEPS
    assert view.train() is view.records and len(view.records) == STEPS
    assert untimed(view.records) == untimed(whole[1])
    assert torch.equal(weights(view.player.run), weights(whole[0]))


def test_started_in_turns_and_ended_in_a_cell(whole):
    async def play():
        view = LiveTraining(small())
        view.start()
        await until(lambda: view.player.run.step >= 2)
        view.train()
        await asyncio.sleep(0.05)
        return view

    view = asyncio.run(play())
    assert untimed(view.records) == untimed(whole[1]) and view.now["state"] == "done"


def test_others_have_their_turn_between_two_steps():
    seen = []

    async def other(run):
        while run.step < STEPS:
            seen.append(run.step)
            await asyncio.sleep(0)

    async def play():
        run = small()
        view = LiveTraining(run)
        view.start()
        await other(run)
        await until(lambda: view.player.state == "done")

    asyncio.run(play())
    assert set(seen) >= set(range(1, STEPS)), seen


def test_pressing_fast_makes_no_second_player():
    async def play():
        run = small()
        view = LiveTraining(run)
        for do in ("start", "start", "pause", "start", "pause", "pause", "start"):
            press(view, do)
        before = run.step
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert run.step <= before + 2
        await until(lambda: view.player.state == "done")
        return view

    assert [r["step"] for r in asyncio.run(play()).records] == list(range(1, STEPS + 1))


def test_a_click_on_another_thread_is_done_where_it_trains():
    threads = []

    async def play():
        view = LiveTraining(small(steps=40))
        view.observe(lambda change: threads.append(threading.get_ident()), "now")
        click = threading.Thread(target=press, args=(view, "start"))
        click.start()
        await until(lambda: view.player.run.step >= 2)
        click = threading.Thread(target=press, args=(view, "pause"))
        click.start()
        await until(lambda: view.player.state == "paused")
        return view

    view = asyncio.run(play())
    assert set(threads) == {threading.get_ident()} and 2 <= len(view.records) < 40


def test_stop_ends_it_and_leaves_the_run():
    async def play():
        view = LiveTraining(small())
        press(view, "start")
        await until(lambda: view.player.run.step >= 3)
        press(view, "stop")
        assert view.now["state"] == "stopped"
        before = len(view.records)
        press(view, "start")
        await asyncio.sleep(0.1)
        assert len(view.records) == before and view.now["state"] == "stopped"
        return view

    view = asyncio.run(play())
    run, at = view.player.run, len(view.records)
    assert run.step == at and view.train() is view.records and len(view.records) == at
    assert [record["step"] for record in run.steps()] == list(range(at + 1, STEPS + 1))


def test_start_again_begins_anew_and_is_bit_for_bit_the_first_run(whole):
    async def play():
        view = LiveTraining(small())
        first = view.run
        press(view, "start")
        await until(lambda: first.step >= 3)
        press(view, "stop")
        press(view, "again")
        assert view.run is not first and view.now["step"] == 0 and view.now["state"] == "training"
        await until(lambda: view.now["state"] == "done")
        press(view, "again")  # also when it has ended by itself
        await until(lambda: view.now["state"] == "done")
        return view, first

    view, first = asyncio.run(play())
    assert not view.trouble and 3 <= first.step < STEPS
    assert untimed(view.records) == untimed(whole[1]) and torch.equal(weights(view.run), weights(whole[0]))


def test_start_again_keeps_a_model_of_ones_own_and_where_it_stood():
    run = small()
    run.train_step()
    view, at = LiveTraining(run), weights(run)
    view.train()
    assert run.step == STEPS
    press(view, "again")
    assert "no event loop" in view.trouble and view.run.step == 1 and torch.equal(weights(view.run), at)
    assert type(view.run.model) is type(run.model) and view.run.model is not run.model


def test_a_run_stopped_from_elsewhere_is_stopped():
    run = small()
    view = LiveTraining(run)
    view.train(2)
    run.stop()
    view.train()
    assert view.now["state"] == "stopped" and run.step == 3 and len(view.records) == 3


def broken(run, error, at=3):
    """A run whose step `at` raises."""
    step = run.train_step

    def train_step():
        if run.step + 1 == at:
            raise error
        return step()

    run.train_step = train_step
    return run


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            Diverged("the loss is nan", 3, [4, 5]),
            "the loss is nan at step 3; the batch held images [4, 5]: lower train.lr or look at them",
        ),
        (KeyError("key"), "KeyError: 'key'"),
        (CollapseWarning("it collapses"), "CollapseWarning: it collapses"),
    ],
)
def test_an_error_is_one_sentence_and_is_kept(error, words):
    async def play():
        view = LiveTraining(broken(small(), error))
        view.start()
        await until(lambda: view.player.state == "failed")
        press(view, "start")
        await asyncio.sleep(0.05)
        return view

    in_turns, in_cell = asyncio.run(play()), LiveTraining(broken(small(), error))
    for view in (in_turns, in_cell):
        for _ in range(2):
            with pytest.raises(type(error)) as raised:
                view.train()
            assert raised.value is error is view.error
        assert view.trouble == f"The training has ended at step 2: {words}."
        assert view.now["state"] == "failed" and [r["step"] for r in view.records] == [1, 2]
        assert view.figure().alt_text.startswith("Steps 1 to 2")


def test_an_interrupt_leaves_it_paused(whole):
    run = small()
    view = LiveTraining(broken(run, KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        view.train()
    assert view.now["state"] == "paused" and not view.trouble and view.error is None
    del run.train_step
    view.train()
    assert untimed(view.records) == untimed(whole[1])


def test_alarms_are_shown_and_other_warnings_printed():
    run = small()
    run.watch.see = lambda measures, step: alarm(step)

    def alarm(step):
        warnings.warn("step 2: rank is low", CollapseWarning, stacklevel=1)
        warnings.warn("mind the gap", UserWarning, stacklevel=1)
        return ["step 2: rank is low"] if step == 2 else []

    view = LiveTraining(run)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        view.train()
    assert view.trouble == "Step 2: rank is low." and view.now["state"] == "done"
    assert {str(w.message) for w in caught} == {"mind the gap"}
    strict = LiveTraining(small())
    strict.player.run.watch.see = lambda measures, step: alarm(step)
    with warnings.catch_warnings():
        warnings.simplefilter("error", CollapseWarning)
        with pytest.raises(CollapseWarning):
            strict.train()
    assert strict.trouble == "The training has ended at step 0: CollapseWarning: step 2: rank is low."


# --- what the page gets ------------------------------------------------------------------------------


def pairs(packed, key):
    return np.frombuffer(packed[key], np.float32).reshape(-1, 2)


def test_the_page_gets_all_values_of_a_short_run():
    view = LiveTraining(small(probe=lambda encoder: {"knn": 0.25}, **{"train.probes": 2}))
    log = view.train()
    assert pairs(view.series, "loss")[:, 0].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert np.allclose(pairs(view.series, "loss")[:, 1], [r["loss"] for r in log])
    assert pairs(view.series, "rank").tolist() == [
        pytest.approx([r["step"], r["rank"]], rel=1e-6) for r in log if "rank" in r
    ]
    assert pairs(view.series, "rank")[:, 0].tolist() == [2, 4, 6, 7]
    assert pairs(view.series, "knn").tolist() == [[1, 0.25], [4, 0.25], [7, 0.25]] and view.probed
    assert len(pairs(view.series, "linear")) == 0 and not LiveTraining(small()).probed


@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1001, 4320])
def test_long_curves_are_thinned_and_keep_their_ends(count):
    log = [{"step": s, "loss": s / 7} for s in range(1, count + 1)]
    kept = pairs(live.packed(log, ("loss", "rank")), "loss")
    assert len(kept) == count if count <= live.MOST else live.MOST / 2 < len(kept) <= live.MOST + 1
    if count:
        assert kept[0, 0] == 1 and kept[-1, 0] == count and np.allclose(kept[:, 0] / 7, kept[:, 1])
        assert len(set(np.diff(kept[:-1, 0]))) <= 1


def test_updates_are_few_while_it_trains_and_come_with_every_change_of_state(monkeypatch):
    sent = []
    view = LiveTraining(small())
    view.observe(lambda change: sent.append((change["new"]["state"], change["new"]["step"])), "now")
    monkeypatch.setattr(live, "PAUSE", 1e9)
    view.train(5)
    assert sent == [("cell", 0), ("paused", 5)]
    monkeypatch.setattr(live, "PAUSE", -1.0)
    view.train()
    assert [step for state, step in sent[2:] if state == "cell"] == [5, 6, 7] and sent[-1] == ("done", 7)


def test_what_is_sent_is_finite():
    view = LiveTraining(small(**{"train.steps": None, "train.seconds": 1e-9}))
    for _ in range(2):
        assert view.now["total"] is None and json.dumps(view.now, allow_nan=False)
        view.train()
    assert view.now["state"] == "done" and view.now["step"] == 1 and view.now["left"] == 0


def test_pace_and_time_left():
    run = small(steps=100)
    run.step, run.elapsed = 25, 50.0
    log = [{"seconds": 9.0}] * 30 + [{"seconds": 0.5}] * 20
    now = live._whereabouts(run, log, "paused")
    assert now == {"state": "paused", "step": 25, "total": 100, "pace": 2.0, "left": pytest.approx(150.0)}
    assert live._whereabouts(small(), [], "ready") == {
        "state": "ready", "step": 0, "total": STEPS, "pace": None, "left": None,
    }  # fmt: skip


def test_the_static_figure_is_the_curves():
    probed = small(probe=lambda encoder: {"knn": 0.4}, **{"train.probes": 2})
    view = LiveTraining(probed, random={"knn": 0.3})
    assert view.figure().alt_text.startswith("No curves: not trained yet.")
    view.figure().canvas.draw()
    view.train(3)
    assert view.figure().alt_text == curves.curves(view.records, {"knn": 0.3}).alt_text
    assert "random weights, 0.300" in view.figure().alt_text
    data, about = view._repr_mimebundle_()
    assert "not trained" not in data["text/plain"] and about["image/jpeg"]["alt"] == view.figure().alt_text


def test_bad_input_gets_a_sentence():
    with pytest.raises(TypeError, match=r"shows a jepa_lite.Run, not a dict"):
        LiveTraining({})
    view = LiveTraining(small())
    press(view, "start")
    assert view.trouble.startswith("no event loop runs here") and view.trouble.endswith("has trained.")
    assert view.now["state"] == "ready"
    press(view, "fly")
    assert view.trouble == "a button does one of start, pause, stop, again, not 'fly'."
    with pytest.raises(RuntimeError, match="no event loop"):
        view.start()


def test_nothing_but_wishes_that_fit_changes_the_state():
    player = Player(small(), Home(), lambda record: None, lambda: states.append(player.state))
    states = []
    player.pause()
    assert states == []
    player.train(1)
    player.pause()
    player.stop()
    player.stop()
    player.pause()
    assert states == ["cell", "paused", "stopped"] and math.isfinite(player.run.elapsed)
