"""Claims about the training loop (run.py).

1. Two identical runs produce bitwise identical parameters and losses; another seed does not.
2. A run that is saved and resumed is bitwise the run that never stopped.
3. Measuring does not touch the training's random state; nor does a probe, which is made `probes` + 1 times
   at most, at the beginning, at the end and evenly between, by rank 0 alone.
4. An epoch shows every image at most once, in a new order each time; two ranks share a batch out.
5. A run ends at the first of steps, epochs and seconds, where its schedules would reach their end too.
6. It learns, under every rule of masking: the loss falls, and the target encoder follows the context encoder
   without a gradient, as its moving average with the momenta that the log shows.
7. At most a tenth of the tokens is padding, and the gathered loss and gradient are those of the whole batch,
   also when its groups are of unequal size.
8. NaN stops the run before it touches the weights, and says where; images that do not fit, too.
9. Half precision and torch.compile, with its real C++ compiler, change the loss by no more than rounding.
"""

import itertools
import math
import os
import shutil
import sys
from dataclasses import replace

import pytest
import torch

from jepa_lite.config import Config, MaskConfig, ModelConfig, TrainConfig
from jepa_lite.data import normalize
from jepa_lite.data.augment import augment
from jepa_lite.data.shapes import shapes
from jepa_lite.method.masks import sample_masks
from jepa_lite.training.checkpoints import load_model, load_state, save
from jepa_lite.training.cost import count_tokens
from jepa_lite.training.run import Run, generator_for, make_model
from jepa_lite.training.step_timer import Clock

MODEL = ModelConfig(
    image_size=(32, 48),
    patch_size=8,
    width=32,
    depth=2,
    heads=2,
    predictor_width=16,
    predictor_depth=1,
    predictor_heads=2,
)


@pytest.fixture(scope="module")
def images():
    return shapes(44, (32, 48), seed=3)[0]


def config(**train):
    values = {"steps": 6, "batch_size": 8, "groups": 3, "lr": 2e-3, "log_every": 2, "flip": True}
    return Config(MODEL, MaskConfig(), TrainConfig(**values | train))


def finished(run):
    return [record["loss"] for record in run.steps()], [p.clone() for p in run.model.parameters()]


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_two_identical_runs_are_bitwise_identical(images):
    (loss_a, a), (loss_b, b), (_, c) = (finished(Run(config(seed=s), images)) for s in (1, 1, 2))
    assert loss_a == loss_b and same(a, b)
    assert not same(a, c)


def test_resume_is_exact(images, tmp_path):
    losses, expected = finished(Run(config(), images))
    stopped = Run(config(), images)
    first = [r["loss"] for r in itertools.islice(stopped.steps(), 3)]
    save(tmp_path, stopped.model, stopped.config, stopped.state())
    model, saved = load_model(tmp_path)
    resumed = Run(saved, images, model=model)
    resumed.load_state(load_state(tmp_path))
    rest, weights = finished(resumed)
    assert first + rest == losses
    assert same(weights, expected)


def test_measuring_changes_nothing(images):
    (_, often), (_, never) = (finished(Run(config(log_every=n), images)) for n in (1, 1000))
    assert same(often, never)


class Probe:
    """Reads features, draws random numbers of its own, and remembers when it was asked."""

    def __init__(self, images):
        self.images, self.run, self.steps, self.seen = normalize(images[:7]), None, [], []
        self.generator = torch.Generator().manual_seed(5)

    def __call__(self, encoder):
        assert encoder is self.run.model.target_encoder
        with torch.no_grad():
            pooled = encoder(self.images).mean(1)  # (7, D)
        answer = (pooled @ torch.randn(pooled.shape[1], generator=self.generator)).mean().item()
        self.steps.append(self.run.step)
        self.seen.append(answer)
        return {"knn": answer}


def probed(images, **train):
    probe = Probe(images)
    probe.run = Run(config(**train), images, probe=probe)
    return probe.run, probe


@pytest.mark.parametrize(
    ("steps", "probes", "expected"),
    [
        (19, 3, [1, 7, 13, 19]),
        (13, 4, [1, 4, 7, 10, 13]),
        (19, 1, [1, 19]),
        (3, 7, [1, 2, 3]),
        (1, 3, [1]),
        (19, 0, []),
    ],
)
def test_probes_are_spread_evenly_and_change_nothing(images, steps, probes, expected):
    plain, weights = finished(Run(config(steps=steps), images))
    run, probe = probed(images, steps=steps, probes=probes)
    torch.manual_seed(1)
    state, records = torch.get_rng_state(), list(run.steps())
    assert torch.equal(torch.get_rng_state(), state), "the caller's random state is left alone"
    assert [r["loss"] for r in records] == plain and same(run.model.parameters(), weights)
    assert probe.steps == expected and len(expected) <= probes + 1
    assert [(r["step"], r["knn"]) for r in records if "knn" in r] == list(
        zip(expected, probe.seen, strict=True)
    )
    assert len(set(probe.seen)) == len(expected), "the probe sees each time what was learned"


def test_a_run_that_goes_on_makes_the_probes_that_are_left(images, tmp_path):
    run, probe = probed(images, steps=19, probes=3)
    list(itertools.islice(run.steps(), 7))
    save(tmp_path, run.model, run.config, run.state())
    again, rest = probed(images, steps=19, probes=3)
    again.model.load_state_dict(load_model(tmp_path)[0].state_dict())
    again.load_state(load_state(tmp_path))
    list(again.steps())
    assert probe.steps == [1, 7] and rest.steps == [13, 19]


def test_seconds_spread_the_probes_too(images):
    run, probe = probed(images, steps=None, seconds=60.0, probes=3)
    run._agree = lambda seconds: setattr(run, "elapsed", 4.0 * run.step)  # a step takes four seconds
    list(run.steps())
    assert probe.steps == [1, 5, 10, 15], "at 0, 20, 40 and 60 seconds"


def test_other_ranks_make_no_probe(images):
    run, probe = probed(images, steps=5, probes=3, groups=1)
    run.rank, run.world = 1, 2
    records = list(run.steps())
    assert len(records) == 5 and not probe.steps and not any("knn" in r for r in records)


def test_measures_are_in_the_log(images):
    records = list(Run(config(log_every=2), images).steps())
    assert [("rank" in r) for r in records] == [False, True] * 3
    assert all(0 <= r["position_share"] <= 1 and 0 < r["rank"] <= 32 for r in records if "rank" in r)


def test_an_epoch_is_a_permutation_and_ranks_share_it(images):
    run = Run(config(), images)
    epochs = [torch.cat([run.batch_indices(5 * e + s) for s in range(5)]) for e in range(2)]
    assert all(len(e.unique()) == 40 for e in epochs), "44 images make 5 whole batches of 8"
    assert not torch.equal(*epochs)
    run.world = 3
    shares = []
    for run.rank in range(3):
        shares.append(run.batch_indices(3))
    assert [len(share) for share in shares] == [3, 3, 2]
    assert torch.equal(torch.cat(shares).sort().values, epochs[0][24:32].sort().values)


def drawn(run):
    """The images, contexts and targets of step 3, in the order of this process's images."""
    pixels, groups = run.batch(3)
    seen = {}
    for rows, part in groups:
        for row, idx, keep, targets in zip(
            rows.tolist(), part.context_idx, part.context_keep, part.target_idx, strict=True
        ):
            seen[row] = idx[keep].tolist(), targets.tolist()
    return [(pixels[row], *seen[row]) for row in range(len(pixels))]


def test_ranks_take_their_rows_of_the_very_batch_of_one_process(images):
    run = Run(config(), images)
    whole, shares = drawn(run), []
    run.world = 3
    for run.rank in range(3):
        shares.append(drawn(run))
    for row, (pixels, context, targets) in enumerate(whole):
        mine = shares[row % 3][row // 3]
        assert torch.equal(mine[0], pixels), f"image {row} is cropped or flipped otherwise"
        assert mine[1:] == (context, targets), f"image {row} is masked otherwise"
    sums = [pixels.sum().item() for share in shares for pixels, *_ in share]
    places = [str(targets) for share in shares for *_, targets in share]
    assert len(set(sums)) == len(set(places)) == 8, "two images are alike"


@pytest.mark.parametrize(
    ("limits", "steps"), [({"steps": 4}, 4), ({"steps": None, "epochs": 2}, 10), ({"epochs": 0.4}, 2)]
)
def test_the_first_limit_ends_the_run(images, limits, steps):
    run = Run(config(**limits), images)
    records = list(run.steps())
    assert len(records) == steps and run.done and run.progress == 1.0
    assert records[-1]["momentum"] == pytest.approx(0.996 + 0.004 * (1 - 1 / steps)), "1 comes after the last"


def test_seconds_end_the_run(images):
    run = Run(config(steps=None, seconds=0.5), images)
    records = list(run.steps())
    assert sum(r["seconds"] for r in records[:-1]) < 0.5 <= run.elapsed


@pytest.mark.parametrize("rule", ["paper", "rasterized", "block", "random"])  # "official" needs a larger grid
def test_it_learns_and_the_target_follows(images, rule):
    plain = config(steps=60, groups=2, momentum=(0.9, 0.9), warmup=0.0, crop_scale=(1, 1), flip=False)
    run = Run(replace(plain, masks=MaskConfig(rule)), images)
    before = [p.clone() for p in run.model.target_encoder.parameters()]
    losses, _ = finished(run)
    early, late = sum(losses[:6]) / 6, sum(losses[-6:]) / 6
    assert late < 0.8 * early, (early, late)
    assert not same(before, run.model.target_encoder.parameters())
    assert all(p.grad is None for p in run.model.target_encoder.parameters())


def test_the_target_is_the_moving_average_with_the_logged_momenta(images):
    run, momenta = Run(config(momentum=(0.5, 0.9)), images), []
    expected = {name: value.double() for name, value in run.model.target_encoder.state_dict().items()}
    for record in run.steps():
        momenta.append(m := record["momentum"])
        for name, value in run.model.encoder.state_dict().items():
            expected[name] = m * expected[name] + (1 - m) * value.double()
    found = run.model.target_encoder.state_dict()
    off = {name: (found[name] - value).abs().max().item() for name, value in expected.items()}
    assert momenta == pytest.approx([0.5 + 0.4 * step / 6 for step in range(6)])
    assert max(off.values()) < 1e-6, f"the target is off by {max(off.values()):.1e}"


def test_groups_of_unequal_size_give_the_whole_batchs_loss_and_gradient(images):
    run = Run(config(batch_size=11, groups=4, clip_grad=1e9), images)
    batch, groups = run.batch(0)
    assert [len(rows) for rows, _ in groups] == [3, 3, 3, 2], "equal groups cannot be weighed wrongly"
    gathered_loss = run._backward(batch, groups, Clock("cpu"))
    gathered = [p.grad.clone() for p in run.model.parameters() if p.grad is not None]
    run.model.zero_grad()
    generator = generator_for(run.config.train.seed, "batch", 0)
    again = augment(normalize(images[run.batch_indices(0)]), run.config.train, generator)
    whole = sample_masks(MODEL.grid, 11, run.config.masks, generator)
    assert torch.equal(batch, again)
    loss = run.model(again, whole)
    loss.backward()
    assert gathered_loss == pytest.approx(loss.item(), rel=1e-5)
    for a, b in zip(gathered, (p.grad for p in run.model.parameters() if p.grad is not None), strict=True):
        assert (a - b).abs().max() < 1e-6 * max(1, b.abs().max()), (a - b).abs().max()


@pytest.mark.parametrize("scale", [(0.85, 1.0), (0.4, 0.6)])
@pytest.mark.parametrize("size", [64, 112])
def test_a_tenth_of_the_tokens_at_most_is_padding(size, scale):
    model = replace(MODEL, image_size=size)
    blank = torch.zeros(128, 3, size, size, dtype=torch.uint8)
    run = Run(Config(model, MaskConfig(context_scale=scale), TrainConfig(steps=9)), blank)
    counts = [count_tokens(run.config.model, run.batch(step)[1]) for step in range(20)]
    shares = [1 - real / tokens for tokens, real in counts]
    assert sum(shares) / len(shares) <= 0.10, shares


def test_nan_stops_the_run_and_keeps_the_weights(images):
    run = Run(config(), images)
    next(run.steps())
    run.model.predictor.proj.bias.data[0] = math.nan
    before = [value.clone() for value in run.model.state_dict().values()]
    with pytest.raises(FloatingPointError, match=r"the loss is nan at step 2; the batch held images \[\d+"):
        run.train_step()
    pairs = zip(before, run.model.state_dict().values(), strict=True)
    assert run.step == 1 and all(torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in pairs)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda i: i.float(), "images must be uint8"),
        (lambda i: i[:, :1], r"the images are 1 x 32 x 48 but .* grey ones as RGB: images\.expand"),
        (lambda i: i[:, :, :16], "the images are 3 x 16 x 48 but the model takes 3 x 32 x 48"),
        (lambda i: i[:1], "at least 2 images are needed to train on, not 1"),
    ],
)
def test_images_that_do_not_fit_are_refused(images, change, words):
    with pytest.raises(ValueError, match=words):
        Run(config(), change(images))


def test_a_run_without_an_end_is_refused(images):
    with pytest.raises(ValueError, match=r"set train\.steps, train\.epochs or train\.seconds"):
        Run(config(steps=None), images)


@pytest.mark.parametrize("seed", range(3))
def test_autocast_really_runs_and_agrees_with_plain(images, seed):
    plain, half = (Run(config(steps=3, seed=seed, amp=amp), images) for amp in (False, True))
    seen = []
    half.model.predictor.proj.register_forward_hook(lambda *call: seen.append(call[2].dtype))
    expected, found = finished(plain)[0], finished(half)[0]
    assert torch.bfloat16 in seen and found == pytest.approx(expected, rel=2e-2)
    assert found != expected, "nothing was rounded: was it half precision?"
    assert all(p.dtype == torch.float32 for p in half.model.parameters())


@pytest.mark.skipif(
    sys.platform != "linux" or not (shutil.which("g++") or os.environ.get("CI") == "true"),
    reason="torch.compile needs a C++ compiler: apt install g++ python3-dev",
)
@pytest.mark.slow
def test_compile_really_compiles_and_agrees_with_plain(images):
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    small = replace(config(steps=6, groups=1), model=replace(MODEL, depth=1))  # compiling costs by the graph
    trains = (replace(small.train, compile=compiled) for compiled in (False, True))
    runs = [Run(replace(small, train=train), images) for train in trains]
    (expected, weights), (found, compiled) = map(finished, runs)
    counters = torch._dynamo.utils.counters
    assert counters["stats"]["unique_graphs"] >= 1 and not counters["graph_break"], counters
    assert found == pytest.approx(expected, rel=1e-4)
    # AdamW divides by small moments: rounding shows larger in weights than in the loss
    assert all((a - b).abs().max() < 1e-3 for a, b in zip(weights, compiled, strict=True))
    assert counters["stats"]["unique_graphs"] <= 4, "sizes that change must not be compiled again and again"


@pytest.mark.skipif(os.name == "nt", reason="the compiler of Windows is not on the path")
def test_compile_without_a_compiler_is_one_sentence(images, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(ValueError, match=r"train\.compile needs a C\+\+ compiler .* or leave it out"):
        Run(config(compile=True), images)
    Run(config(compile=False), images)


def test_weights_come_from_the_seed_alone():
    state = torch.get_rng_state()
    a, b, c = make_model(MODEL, 1), make_model(MODEL, 1), make_model(MODEL, 2)
    assert torch.equal(torch.get_rng_state(), state), "the caller's random state is left alone"
    assert same(a.parameters(), b.parameters()) and not same(a.parameters(), c.parameters())
