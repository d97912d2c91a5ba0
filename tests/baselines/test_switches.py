"""The claims that this file tests.

1. With all switches on, `SwitchedIJEPA` trains bit for bit as `IJEPA` does.
2. Stop-gradient off: the encoder's gradient is dL/dt + dL/du, by finite differences and by a plain
   computation; the values of the targets stay those of the target encoder, which itself gets no gradient.
3. EMA off: after a step the target encoder equals the encoder; on, it lies between.
4. Predictor off: every answer is the mean of the context's real tokens, padding left out, and has no weights.
   Addresses off: all targets of an image get one answer, and its positions never learn.
5. target_norm reaches the targets. A switch that is none, or no bool, is refused in one sentence.
6. With stop-gradient and norm off a run collapses and the alarms ring; with all on it does not, and learns.
7. The figure holds what the history holds, over empty, one-record, NaN and many-run histories; looks differ
   in dash and mark as well as in colour; the alt text has the numbers.
8. The lab: each switch, slider and button of the page does what it says; a moved one makes a new run, and the
   old one stays, six at most; a nameless button, an unknown switch and impossible sizes get a sentence. Its
   default length is one at which collapse was measured to be complete.
9. The lab's run takes other images and another class of model, and is otherwise the same run.
10. The table of sightings holds every value, hatches what is seen and nothing else, and says both in words;
   rows with other measures are refused.
"""

import dataclasses
import warnings

import numpy as np
import pytest
import torch

from jepa_lite.baselines.switches import SwitchedIJEPA, Switches
from jepa_lite.config import MaskConfig, ModelConfig
from jepa_lite.course import results
from jepa_lite.figures import collapse
from jepa_lite.method.ijepa import IJEPA
from jepa_lite.method.masks import sample_masks
from jepa_lite.training.collapse_alarms import CollapseWarning
from jepa_lite.training.run import Run
from jepa_lite.widgets import CollapseLab
from jepa_lite.widgets.collapse_run import lab_config, lab_run

pytestmark = pytest.mark.slow

CONFIG = ModelConfig(
    image_size=(12, 20), patch_size=4, width=8, depth=1, heads=2, predictor_width=8, predictor_depth=1,
    predictor_heads=2, target_norm="place", loss="l2",
)  # fmt: skip
ON = Switches()


def model(switches=ON, seed=3, config=CONFIG):
    """In double precision, with a target encoder that is not the encoder."""
    torch.manual_seed(seed)
    made = SwitchedIJEPA(dataclasses.replace(config, target_norm=switches.target_norm), switches).double()
    with torch.no_grad():
        for p in made.target_encoder.parameters():
            p.add_(0.1 * torch.randn(p.shape, dtype=p.dtype))
    return made


def batch(count=5):
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(count, 3, 12, 20, generator=generator).double()
    return images, sample_masks((3, 5), count, MaskConfig(num_targets=2, min_keep=2), generator)


def gradient(module):
    return torch.cat([p.grad.flatten() for p in module.parameters() if p.grad is not None])


def test_all_switches_on_is_ijepa_bit_for_bit():
    ours = lab_run(ON, seed=5, steps=4)
    torch.manual_seed(5)
    theirs = Run(lab_config(ON, 5, 4), ours.source.images, model=IJEPA(lab_config(ON).model))
    losses = [[record["loss"] for record in run.steps()] for run in (ours, theirs)]
    assert losses[0] == losses[1] and len(losses[0]) == 4
    for a, b in zip(ours.model.parameters(), theirs.model.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("norm", ["place", "layer", "none"])
def test_without_stop_gradient_the_target_branch_is_differentiated_too(norm):
    images, masks = batch()
    grads = {}
    for stop in (True, False):
        net = model(Switches(stop_gradient=stop, target_norm=norm))
        net.loss(images, masks).backward()
        grads[stop] = gradient(net.encoder)
        assert all(p.grad is None for p in net.target_encoder.parameters())
    # Plainly: let the target encoder learn, and read off dL/du.
    net = model(Switches(target_norm=norm))
    net.target_encoder.requires_grad_(True)
    targets = IJEPA.targets.__wrapped__(net, images)
    net.loss(images, masks, targets).backward()
    through = gradient(net.target_encoder)
    assert through.norm() > 1e-3 * grads[True].norm()
    assert torch.allclose(grads[False], grads[True] + through, rtol=1e-9, atol=1e-12)


def test_the_gradient_without_stop_gradient_is_that_of_twin_branches():
    """With target = encoder, L(t, t) by finite differences along a random direction."""
    images, masks = batch()
    net = model(Switches(stop_gradient=False, ema=False))

    def loss(shift):
        with torch.no_grad():
            for p, d in zip(net.encoder.parameters(), direction, strict=True):
                p.add_(shift * d)
            net.update_target(0.7)
        return net.loss(images, masks)

    generator = torch.Generator().manual_seed(2)
    direction = [torch.randn(p.shape, generator=generator).double() for p in net.encoder.parameters()]
    loss(0.0).backward()
    slope = sum((p.grad * d).sum() for p, d in zip(net.encoder.parameters(), direction, strict=True)).item()
    h = 1e-5
    up, down = loss(h).item(), loss(-2 * h).item()
    assert slope == pytest.approx((up - down) / (2 * h), rel=1e-4) and abs(slope) > 1e-3


def test_targets_have_the_values_of_the_target_encoder_whatever_the_gradient():
    images, _ = batch()
    net = model(Switches(stop_gradient=False))
    free = net.targets(images)
    assert free.requires_grad and torch.equal(free, IJEPA.targets(net, images))
    assert not torch.allclose(free, model(Switches(stop_gradient=False, target_norm="none")).targets(images))
    assert not model().targets(images).requires_grad
    with torch.no_grad():
        assert torch.allclose(net.targets(images, parts=3), free, rtol=1e-9)
    with pytest.raises(ValueError, match=r"train\.groups=1"):
        net.targets(images, parts=2)


def test_without_ema_the_target_encoder_is_the_encoder():
    for ema in (True, False):
        net = model(Switches(ema=ema))
        before = [p.clone() for p in net.target_encoder.parameters()]
        net.update_target(0.75)
        for old, t, u in zip(before, net.encoder.parameters(), net.target_encoder.parameters(), strict=True):
            assert torch.equal(u, t) if not ema else torch.allclose(u, 0.75 * old + 0.25 * t)
            assert ema is False or torch.equal(u, t) == torch.equal(old, t)


def test_without_predictor_the_answer_is_the_mean_of_the_real_context():
    images, masks = batch()
    assert masks.padded
    net = model(Switches(predictor=False))
    answers = net.predict(images, masks)
    context = net.encoder(images, masks.context_idx, masks.context_keep)
    for b, keep in enumerate(masks.context_keep):
        expected = torch.stack([context[b, k] for k in range(len(keep)) if keep[k]]).mean(0)
        assert torch.allclose(answers[b], expected.expand_as(answers[b]))
    assert answers.shape[:3] == masks.target_idx.shape
    assert not list(net.predictor.parameters()) and list(model().predictor.parameters())
    tokens, place = torch.tensor([[[1.0], [4.0]]]), torch.tensor([[3, 5]])
    assert net.predictor(tokens, place, torch.zeros(1, 2, 3, dtype=int)).unique().item() == 2.5


def test_without_addresses_every_target_of_an_image_gets_one_answer():
    images, masks = batch()
    for config in (CONFIG, dataclasses.replace(CONFIG, init="mimetic")):
        net = model(Switches(addresses=False), config=config)
        answers = net.predict(images, masks).flatten(1, 2)  # (B, M*T, D)
        assert torch.allclose(answers, answers[:, :1].expand_as(answers), rtol=1e-9)
        assert not torch.allclose(model(config=config).predict(images, masks).flatten(1, 2), answers)
        net.loss(images, masks).backward()
        assert net.predictor.positions.grad is None and not net.predictor.positions.any()


@pytest.mark.parametrize(
    ("switches", "words"),
    [
        ({"stop_gradient": 1}, "stop_gradient must be True or False, not 1"),
        ({"ema": "off"}, "ema must be True or False, not 'off'"),
        ({"predictor": None}, "predictor must be True or False, not None"),
        ({"target_norm": "batch"}, "target_norm must be one of place, layer, none, not 'batch'"),
    ],
)
def test_a_switch_that_is_none_is_refused(switches, words):
    with pytest.raises(ValueError) as error:
        Switches(**switches)
    assert str(error.value) == words


def test_the_settings_have_names():
    assert str(ON) == "all on, place norm"
    assert str(Switches(False, False, False, "none")) == "no stop-gradient, no EMA, no predictor, no norm"
    assert str(Switches(ema=False, target_norm="layer")) == "no EMA, layer norm"
    assert str(Switches(addresses=False)) == "no addresses, place norm"


def test_everything_off_collapses_and_everything_on_learns():
    ends = {}
    for switches in (ON, Switches(False, False, False, "none")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CollapseWarning)
            run = lab_run(switches, seed=1, steps=80)
            first, log = run.measures(), list(run.steps())
        ends[switches] = first, log[-1], [alarm for record in log for alarm in record.get("alarms", ())]
    first, last, alarms = ends[ON]
    assert not alarms and last["rank"] > 6 and last["std"] > 0.9 * first["std"] and last["gap"] > 0.2, last
    first, last, alarms = ends[Switches(False, False, False, "none")]
    assert len(alarms) == 2 and last["std"] < 0.2 * first["std"] and last["rank"] < 3, last
    assert last["loss"] < 0.02 < ends[ON][1]["loss"]


# --- the figure --------------------------------------------------------------------------------------


def history(count, steps=30, spoil=()):
    logs = [
        [{"step": s, "loss": 0.5 / (s + i), "rank": 9.0 - i, "std": 0.1 + i,
          "position_share": 0.2, "gap": i / 7}
         for s in range(1, steps + 1)]
        for i in range(1, count + 1)
    ]  # fmt: skip
    for step, key, value in spoil:
        logs[0][step][key] = value
    return [{"number": i + 1, "switches": ON, "log": log} for i, log in enumerate(logs)]


def lines(fig):
    return {line.get_gid(): line for ax in fig.axes for line in ax.lines}


@pytest.mark.parametrize("count", [1, 2, 6, 9])
def test_the_figure_has_a_line_a_run_and_quantity(count):
    fig = collapse.runs(history(count))
    fig.canvas.draw()
    shown = range(max(count - 5, 1), count + 1)
    keys = ("loss", "rank", "std", "position_share")
    assert set(lines(fig)) == {f"{key} {n}" for key in keys for n in shown}
    for n in shown:
        log = history(count)[n - 1]["log"]
        assert np.allclose(lines(fig)[f"loss {n}"].get_ydata(), [r["loss"] for r in log])
        assert f"Run {n}, all on, place norm, 30 steps" in fig.alt_text
        assert f"effective rank from {9 - n} to {9 - n}, " in fig.alt_text
        assert f"alignment gap from {n / 7:.3g} to {n / 7:.3g}." in fig.alt_text
    looks = {(lines(fig)[f"rank {n}"].get_color(), lines(fig)[f"rank {n}"].get_marker()) for n in shown}
    dashes = {str(lines(fig)[f"rank {n}"]._unscaled_dash_pattern) for n in shown}
    assert len(looks) == len(dashes) == len(shown)
    assert lines(fig)[f"rank {count}"].get_color() == collapse.BLACK


def test_the_figure_survives_what_is_missing():
    for nothing in ([], [{"number": 1, "switches": ON, "log": []}]):
        fig = collapse.runs(nothing)
        fig.canvas.draw()
        assert "not trained yet" in fig.alt_text
    one = [{"number": 4, "switches": ON, "log": [{"step": 0, "rank": 7.0, "std": 0.1}]}]
    fig = collapse.runs(one)
    fig.canvas.draw()
    assert "loss (only a proxy) from not measured to not measured, effective rank from 7 to 7" in fig.alt_text
    assert "not measured" in [text.get_text() for text in fig.axes[0].texts]
    spoilt = history(2, spoil=[(29, "loss", float("nan")), (4, "loss", None)])
    fig = collapse.runs(spoilt)
    fig.canvas.draw()
    values = lines(fig)["loss 1"].get_ydata()
    assert np.isnan(values[[4, 29]]).all() and np.isfinite(np.delete(values, [4, 29])).all()
    assert f"to {0.5 / 30:.3g}, effective" in fig.alt_text


# --- the lab -----------------------------------------------------------------------------------------


def press(lab, **message):
    lab._handle_custom_msg(message, [])


def test_every_switch_of_the_page_moves_what_it_says():
    lab = CollapseLab(Switches(ema=False), steps=3)
    assert lab.switches == Switches(ema=False) and lab.now["state"] == "ready"
    for name, value in [
        ("stop_gradient", False),
        ("ema", True),
        ("predictor", False),
        ("target_norm", "layer"),
    ]:
        before = dataclasses.asdict(lab.switches)
        press(lab, do="set", name=name, value=value)
        assert dataclasses.asdict(lab.switches) == before | {name: value} and not lab.trouble
    lab.train(1)
    assert lab.player.run.model.switches == Switches(False, True, False, "layer")
    assert lab.player.run.config.model.target_norm == "layer"


def test_a_moved_switch_begins_a_new_run_and_the_old_one_stays():
    lab = CollapseLab(steps=3)
    assert "not trained yet" in lab.figure().alt_text
    assert [r["step"] for r in lab.train(2)] == [0, 1, 2] and lab.now["state"] == "paused"
    assert [r["step"] for r in lab.train()] == [0, 1, 2, 3] and lab.now["state"] == "done"
    first = lab.records
    press(lab, do="set", name="predictor", value=False)
    lab.train(1)  # from here on the present run is paused, not done
    assert lab.records is not first and [run["number"] for run in lab.history] == [1, 2]
    assert [run["number"] for run in lab.earlier] == [1]
    assert np.frombuffer(lab.earlier[0]["series"]["loss"], np.float32)[::2].tolist() == [1, 2, 3]
    assert [row[:3] for row in lab.rows] == [
        ["1", "all on, place norm", "3"],
        ["2", "no predictor, place norm", "1"],
    ]
    assert lab.rows[0][3] == f"{first[-1]['loss']:.3g}" and lab.rows[0][4] == f"{first[-1]['rank']:.3g}"
    assert "Run 2, no predictor, place norm, 1 step:" in lab.figure().alt_text
    press(lab, do="set", name="ema", value=False)
    press(lab, do="set", name="steps", value=5)
    lab.train(1)
    assert lab.player.run.model.switches == Switches(ema=False, predictor=False) and len(lab.history) == 3
    assert lab.now["total"] == lab.player.run.total_steps == 5
    press(lab, do="set", name="steps", value=4)  # which alone begins a new run
    lab.train(1)
    assert lab.now["total"] == 4 and len(lab.history) == 4
    lab.history = lab.history[:2]
    press(lab, do="reset")
    assert lab.player is None and lab.now["state"] == "ready" and len(lab.earlier) == 2
    press(lab, do="reset")
    press(lab, do="pause")
    assert len(lab.history) == 2 and not lab.trouble
    for _ in range(6):
        lab.reset()
        lab.train(1)
    assert [run["number"] for run in lab.history] == [3, 4, 5, 6, 7, 8] and len(lab.earlier) == 5


def test_the_default_length_is_enough_to_collapse():
    measured = results("collapse")
    assert CollapseLab().steps == measured["steps"], "nothing was measured at the default length"
    ends = {row["name"]: [run["rank"] for run in row["runs"]] for row in measured["rows"]}
    gone = [name for name, ranks in ends.items() if max(ranks) < 1.6]
    assert "no stop-gradient, layer norm" in gone and len(gone) == 3, ends
    assert min(ends["all on, place norm"]) > 6


def test_a_run_of_no_step_leaves_nothing():
    lab = CollapseLab(steps=3)
    lab.train(0)
    assert [r["step"] for r in lab.records] == [0] and lab.now["state"] == "paused"
    lab.reset()
    assert lab.history == [] and lab.rows == []


def test_bad_input_gets_a_sentence():
    with pytest.raises(ValueError, match="from 2 to 2000 steps, not 1"):
        CollapseLab(steps=1)
    with pytest.raises(ValueError, match="a seed is at least 0, not -1"):
        CollapseLab(seed=-1)
    lab = CollapseLab(steps=3)
    for message, words in [
        ({"do": "dance"}, "a button does one of start, pause, reset, not 'dance'."),
        ({"do": "set", "name": "lr", "value": 1}, "there is no switch 'lr'; there are: stop_gradient, ema, "),
        (
            {"do": "set", "name": "steps", "value": 10**9},
            "a run of the lab has from 2 to 2000 steps, not 1",
        ),
        ({"do": "set", "name": "steps", "value": "x"}, "a run of the lab has from 2 to 2000 steps, not 'x'."),
        ({"do": "set", "name": "ema", "value": "x"}, "ema must be True or False, not 'x'."),
        ({"do": "start"}, "no event loop runs here"),
    ]:
        press(lab, **message)
        assert lab.trouble.startswith(words) and lab.switches == ON


# 9, 10 -----------------------------------------------------------------------------------------------


class Halved(SwitchedIJEPA):
    def targets(self, images, parts=1):
        return super().targets(images, parts) / 2


def test_the_labs_run_takes_other_images_and_models():
    images = torch.randint(0, 256, (70, 3, 32, 32), generator=torch.Generator().manual_seed(2)).byte()
    usual, other = lab_run(ON, seed=1), lab_run(ON, seed=1, images=images, kind=Halved)
    assert type(other.model) is Halved and other.config == usual.config
    for mine, theirs in zip(usual.model.parameters(), other.model.parameters(), strict=True):
        assert torch.equal(mine, theirs), "the first weights must not depend on images or model"
    batch, _ = other.batch(0)
    theirs, _ = usual.batch(0)
    assert not torch.equal(batch, theirs)
    torch.testing.assert_close(other.model.targets(batch), usual.model.targets(batch) / 2)
    assert other.train_step()["loss"] > 0


def test_sightings_hatch_what_is_seen_and_say_it():
    table = {
        "well": {"loss": (0.25, False), "how far": (7.5, False)},
        "ill": {"loss": (0.125, False), "how far": (1.25, True)},
    }
    fig = collapse.sightings(table)
    hatched = {patch.get_gid(): bool(patch.get_hatch()) for patch in fig.axes[0].patches}
    assert hatched == {"well loss": False, "well how far": False, "ill loss": False, "ill how far": True}
    assert [text.get_text() for text in fig.axes[0].texts] == ["0.25", "7.5", "0.12", "1.2"]
    assert "well: loss 0.25, how far 7.5; seen by none. ill: loss 0.125, how far 1.25; seen by how far." in (
        fig.alt_text
    )
    with pytest.raises(ValueError, match="'ill' has the measures loss"):
        collapse.sightings({**table, "ill": {"loss": (1.0, False)}})
