"""jepa_lite.evaluation.probes and controls: the probes against independent ones, their controls, no leak
from the test set.

1. kNN equals sklearn's, with the same weights, in one chunk or in many, and for labels with gaps.
2. The linear probe equals a plain sklearn pipeline at its penalty, chooses that penalty on train alone, and
   finds what lies in small differences of features that are nearly alike.
3. The attentive probe finds a class that sits in one patch, where probes of the mean token fail; it is
   cross-attention with one query, and a pure function of its generator.
4. No leak: other test images, their order and their number never change an image's label; train labels
   permuted give chance; the held-out part is a fifth of every class.
5. Features are the mean over tokens of the last layer, or of the last four, joined; batching does not matter.
6. Raw pixels are the image, shrunk by averaging when large; random weights depend on their seed alone.
7. The table of controls has chance, pixels and random in every case; its numbers are those of the probes, and
   random weights get the whitened input that the network beside them has.
8. Features that never vary, or NaN, one class, too few images, a wrong `last`: a sentence, or no harm.
9. The attentive probe makes no copy of a set of tokens, and is refused where they do not fit in memory.
"""

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.overrides import TorchFunctionMode

from jepa_lite.config import ModelConfig
from jepa_lite.data import Images, normalize
from jepa_lite.evaluation import comparison, probes
from jepa_lite.evaluation.comparison import table_of_controls
from jepa_lite.method.vit import Encoder

CONFIG = ModelConfig(image_size=(12, 20), patch_size=4, width=16, depth=5, heads=2)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def task(n=240, m=90, D=7, classes=3, spread=1.0, seed=0):
    """Clusters that overlap, with features of very different scale: train_x, train_y, test_x, test_y."""
    g = generator(seed)
    centres = torch.randn(classes, D, generator=g)
    y = torch.arange(n + m) % classes
    scale, offset = 10.0 ** (torch.arange(D) % 7 - 3), torch.randn(D, generator=g) * 5
    x = (centres[y] + spread * torch.randn(n + m, D, generator=g)) * scale + offset
    order = torch.randperm(n + m, generator=g)
    x, y = x[order], y[order] * 3 + 2  # labels 2, 5, 8: not 0 to classes - 1
    return x[:n], y[:n], x[n:], y[n:]


def pictures(n, seed=0, size=(12, 20)):
    """Images whose class is their brightness, under noise that makes some of them ambiguous."""
    g = generator(seed)
    y = torch.randint(3, (n,), generator=g)
    bright = 70 + 50 * y + 25 * torch.randn(n, generator=g)
    x = bright[:, None, None, None] + 60 * torch.randn(n, 3, *size, generator=g)
    return Images(x.clamp(0, 255).to(torch.uint8), y, ("dark", "grey", "light"), "pictures")


# --- kNN ---


@pytest.mark.parametrize("k", [1, 20])
def test_knn_equals_sklearn(k):
    train_x, train_y, test_x, _ = task(spread=1.5)
    scaler = StandardScaler().fit(train_x.numpy())
    reference = KNeighborsClassifier(k, metric="cosine", weights=lambda d: np.exp((1 - d) / 0.07))
    reference.fit(scaler.transform(train_x.numpy()), train_y.numpy())
    expected = torch.from_numpy(reference.predict(scaler.transform(test_x.numpy())))
    differ = (probes.predict_knn(train_x, train_y, test_x, k) != expected).sum().item()
    assert differ == 0, f"{differ} of {len(test_x)} labels differ from sklearn's"


def test_near_neighbours_outvote_many_far_ones():
    train_x = torch.tensor([[1.0, 0.02], [-1.0, 0.1]] + [[0.3, 1.0]] * 3 + [[-1.0, -1.0]] * 3)
    train_y = torch.tensor([7, 4, 4, 4, 4, 4, 4, 4])
    flat, sharp = (probes.predict_knn(train_x, train_y, train_x[:1], 4, t).item() for t in (100.0, 0.07))
    assert (flat, sharp) == (4, 7), f"votes at temperature 100 gave {flat}, at 0.07 {sharp}"


def test_chunks_of_test_images_do_not_matter():
    train_x, train_y, test_x, test_y = task(n=40_000, m=500, spread=2.0)  # 419 test images a chunk
    whole = probes.predict_knn(train_x, train_y, test_x, 5)
    parts = torch.cat([probes.predict_knn(train_x, train_y, part, 5) for part in test_x.split(100)])
    assert torch.equal(whole, parts)
    assert probes.knn(train_x, train_y, test_x, test_y, 5) == (whole == test_y).double().mean().item()


# --- linear ---


def test_linear_equals_a_sklearn_pipeline_at_its_penalty(monkeypatch):
    train_x, train_y, test_x, _ = task(spread=2.0)
    for penalty in (1.0, 0.01):
        monkeypatch.setattr(probes, "PENALTIES", (penalty,))
        fit = LogisticRegression(C=1 / (penalty * len(train_x)), tol=1e-8, max_iter=5000)
        reference = make_pipeline(StandardScaler(), fit).fit(train_x.double().numpy(), train_y.numpy())
        expected = torch.from_numpy(reference.predict(test_x.double().numpy()))
        agree = (probes.predict_linear(train_x, train_y, test_x) == expected).double().mean().item()
        assert agree >= 0.98, f"{agree:.3f} of the labels are sklearn's at penalty {penalty}"


@pytest.mark.parametrize("spread", [0.3, 2.0, 4.0, 8.0])
def test_the_penalty_is_the_best_on_the_held_out_part(spread):
    train_x, train_y, _, _ = task(n=600, D=100, spread=spread)
    x, y, held = probes._standardise(train_x, train_x)[0].numpy(), train_y.numpy(), probes._held_out(train_y)
    accuracy = {}
    for penalty in probes.PENALTIES:  # the same choice, made the slow way: nothing warm, nothing cut short
        fit = LogisticRegression(C=1 / (penalty * int((~held).sum())), max_iter=5000)
        accuracy[penalty] = fit.fit(x[~held], y[~held]).score(x[held], y[held])
    model = LogisticRegression(solver="newton-cg", tol=probes.TOLERANCE, max_iter=200)
    chosen = probes._choose_penalty(model, x, y, held.numpy())
    best = max(accuracy.values())
    assert accuracy[chosen] >= best - 0.02, f"chose {chosen} of {accuracy}"
    assert spread < 4 or accuracy[0.0001] < best - 0.03, f"the penalty should matter here: {accuracy}"


def test_a_class_may_lie_in_small_differences_of_features_that_are_nearly_alike():
    """As in the last four blocks side by side, each of which is mostly the one before."""
    g, y = generator(5), torch.arange(5000) % 4
    shared, centres = torch.randn(5000, 5, generator=g), torch.randn(4, 5, generator=g)
    change = centres[y] + 1.5 * torch.randn(5000, 5, generator=g)
    of = {"the change": change, "both": torch.cat([shared, shared + 0.005 * change], 1)}
    found = {name: probes.linear(x[:4000], y[:4000], x[4000:], y[4000:]) for name, x in of.items()}
    assert found["both"] > found["the change"] - 0.02 > 0.55, f"a fit that ended too early: {found}"


def test_wide_features_and_collinear_ones_are_fitted_without_a_warning():
    train_x, train_y, test_x, test_y = task(D=5, spread=0.5)
    blown_up = torch.randn(5, 900, generator=generator(3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        accuracy = probes.linear(train_x @ blown_up, train_y, test_x @ blown_up, test_y)
    assert accuracy > 0.6, f"accuracy {accuracy} on 900 features of rank 5"


def test_a_fit_that_does_not_converge_is_not_the_user_s_warning(monkeypatch):
    train_x, train_y, test_x, _ = task(spread=2.0)
    hasty = lambda **settings: LogisticRegression(**settings | {"max_iter": 1})  # noqa: E731
    with pytest.warns(ConvergenceWarning):
        hasty(C=1e4).fit(train_x.numpy(), train_y.numpy())
    monkeypatch.setattr("sklearn.linear_model.LogisticRegression", hasty)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        probes.predict_linear(train_x, train_y, test_x)


class Scripted:
    """A classifier whose accuracies on the held-out part are written down."""

    def __init__(self, *accuracies):
        self.left = list(accuracies)

    def set_params(self, **_):
        return self

    def fit(self, x, y):
        return self

    def score(self, x, y):
        return self.left.pop(0)


def test_the_search_goes_on_past_a_dip_of_chance_and_stops_after_a_clear_fall():
    y = torch.arange(2).repeat(75)
    x, held = np.zeros((150, 1)), probes._held_out(y).numpy()  # 30 held out: one image is 3 points
    dip = Scripted(0.5, 0.6, 0.57, 0.63, 0.63, *[0.6] * len(probes.PENALTIES))
    assert probes._choose_penalty(dip, x, y.numpy(), held) == probes.PENALTIES[3], (
        "a dip of one image ended it"
    )
    slow = Scripted(0.5, 0.6, 0.6, 0.5, 0.5)  # asked for a sixth, it would raise: no better, then worse
    assert probes._choose_penalty(slow, x, y.numpy(), held) == probes.PENALTIES[1]
    fall = Scripted(0.5, 0.5, 0.6, 0.6, 0.8, 0.4)  # asked for a seventh, it would raise
    assert probes._choose_penalty(fall, x, y.numpy(), held) == probes.PENALTIES[4]


def test_strong_penalties_are_all_tried_because_accuracy_may_fall_before_it_rises():
    y = torch.arange(4).repeat(250)
    x, held = np.zeros((1000, 1)), probes._held_out(y).numpy()
    course = Scripted(
        0.507, 0.542, 0.527, 0.493, 0.602, 0.617, 0.622, 0.647
    )  # the course's model, so measured
    assert probes._choose_penalty(course, x, y.numpy(), held) == probes.PENALTIES[-1]


# --- attentive ---


def hidden_class(n, N=12, D=12, classes=3, seed=0):
    """The class is said by the one patch that bears a mark; the others say random classes, unmarked."""
    g = generator(seed)
    said = torch.randint(classes, (n, N), generator=g)
    marked = torch.randint(N, (n,), generator=g)
    tokens = torch.zeros(n, N, D)
    tokens[..., :classes] = 3 * F.one_hot(said, classes)
    tokens[torch.arange(n), marked, classes] = 3
    tokens += 0.5 * torch.randn(n, N, D, generator=g)
    return tokens, said[torch.arange(n), marked] + 4


def test_the_attentive_probe_finds_a_class_in_one_patch():
    train, test = hidden_class(600), hidden_class(300, seed=1)
    found = probes.attentive(*train, *test, generator=generator())
    pooled = probes.linear(train[0].mean(1), train[1], test[0].mean(1), test[1])
    assert found > 0.9 > 0.6 > pooled, f"attentive {found}, linear on the mean token {pooled}"


def test_the_attentive_probe_is_a_function_of_its_generator():
    train, test = hidden_class(100), hidden_class(80, seed=1)
    state = torch.get_rng_state()
    runs = [probes.predict_attentive(*train, test[0], generator=generator(s), epochs=2) for s in (5, 5, 6)]
    assert torch.equal(runs[0], runs[1]), "the same generator gave other labels"
    assert not torch.equal(runs[0], runs[2]), "the generator does not reach the weights or batches"
    assert torch.equal(torch.get_rng_state(), state), "the global generator was used"


def test_the_attentive_probe_is_cross_attention_with_folded_matrices():
    D, h, g = 8, 2, generator()
    attention = torch.nn.MultiheadAttention(D, h, bias=False, batch_first=True)
    query, read = torch.randn(1, 1, D, generator=g), torch.randn(D, 3, generator=g)
    for weight in attention.parameters():
        weight.data = torch.randn(weight.shape, generator=g) * 0.5
    q, k, v = attention.in_proj_weight.detach().view(3, h, D // h, D)  # each (h, D/h, D)
    out = attention.out_proj.weight.detach().view(D, h, D // h)
    folded = probes._AttentiveProbe(D, 3, h, g)
    folded.query.data = torch.einsum("hed,d,hef->fh", q, query[0, 0], k) * (D // h) ** -0.5
    folded.weight.data = torch.einsum("hed,ohe,oc->hdc", v, out, read).reshape(h * D, 3)
    tokens = torch.randn(5, 7, D, generator=g)
    expected = attention(query.expand(5, -1, -1), tokens, tokens)[0][:, 0] @ read
    worst = (folded(tokens) - expected).abs().max().item()
    assert worst < 1e-4, f"logits differ by {worst} from torch's MultiheadAttention"


# --- no leak ---

PREDICT = {
    "knn": lambda a, b, c: probes.predict_knn(a, b, c, 5),
    "linear": probes.predict_linear,
    "attentive": lambda a, b, c: probes.predict_attentive(
        a[:, None].expand(-1, 3, -1), b, c[:, None].expand(-1, 3, -1), generator=generator()
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PREDICT)
def test_other_test_images_never_change_a_label(name):
    train_x, train_y, test_x, _ = task(spread=2.0)
    whole = PREDICT[name](train_x, train_y, test_x)
    assert len(whole.unique()) == 3, "the claim would be empty if one label were given to all"
    others = torch.cat([test_x[:30], 1000 * test_x[30:] - 1e5])
    labels = {
        "others huge": PREDICT[name](train_x, train_y, others)[:30],
        "fewer": PREDICT[name](train_x, train_y, test_x[:30]),
        "reversed": PREDICT[name](train_x, train_y, test_x.flip(0)).flip(0)[:30],
    }
    for change, given_ in labels.items():
        assert torch.equal(given_, whole[:30]), (
            f"{name}: {(given_ != whole[:30]).sum()} labels changed: {change}"
        )


@pytest.mark.parametrize("name", PREDICT)
def test_permuted_labels_give_chance(name):
    train_x, train_y, test_x, test_y = task(m=300, spread=0.7)
    accuracy = []
    for seed in range(4):
        permuted = torch.randperm(240, generator=generator(seed))
        by_class = permuted[train_y[permuted].argsort(stable=True)]
        labels = torch.empty_like(train_y)
        labels[by_class] = torch.arange(240) % 3 * 3 + 2  # each class gets as many of each label
        accuracy.append((PREDICT[name](train_x, labels, test_x) == test_y).double().mean().item())
    true = (PREDICT[name](train_x, train_y, test_x) == test_y).double().mean().item()
    mean = sum(accuracy) / len(accuracy)
    assert true > 0.8 and abs(mean - 1 / 3) < 0.1, f"{name}: {true} with true labels, permuted {accuracy}"


@settings(max_examples=30)
@given(st.lists(st.integers(1, 23), min_size=2, max_size=6))
def test_a_fifth_of_each_class_is_held_out_and_each_class_stays(counts):
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts)) * 2
    labels = labels[torch.randperm(len(labels), generator=generator())]
    held = probes._held_out(labels)
    for i, count in enumerate(counts):
        kept_out = int(held[labels == 2 * i].sum())
        assert kept_out == (count + 3) // 5 < count, f"{kept_out} of a class of {count} held out"


def test_the_table_ignores_how_other_test_images_look():
    train, test = pictures(120), pictures(60, seed=1)
    encoder = {"ours": probes.random_encoder(CONFIG, 9)}
    whole = table_of_controls(CONFIG, encoder, train, test, seed=0, k=5)
    halves = [
        table_of_controls(CONFIG, encoder, train, part, seed=0, k=5)
        for part in (
            Images(test.images[:30], test.labels[:30], test.classes, "first"),
            Images(test.images[30:], test.labels[30:], test.classes, "second"),
        )
    ]
    for i, row in enumerate(whole):
        for name in ("linear", "knn"):
            mean = (halves[0][i][name] + halves[1][i][name]) / 2
            assert row[name] == pytest.approx(mean), (
                f"{row['name']} {name}: {row[name]} whole, {mean} in halves"
            )


# --- features, pixels, random weights ---


def test_features_are_mean_tokens_of_the_last_layer_or_the_last_four():
    encoder, images = probes.random_encoder(CONFIG, 1), pictures(9).images
    with torch.no_grad():
        stages = encoder.stages(normalize(images))
    one, four = (probes.features(encoder, images, last=n, batch=4) for n in (1, 4))
    assert torch.allclose(one, encoder(normalize(images)).mean(1).detach(), atol=1e-5)
    assert torch.allclose(four, torch.cat([s.mean(1) for s in stages[1:]], 1), atol=1e-5)
    assert torch.allclose(probes.tokens(encoder, images, batch=2), stages[-1], atol=1e-5)
    same = probes.features(encoder, normalize(images))
    assert torch.allclose(same, one, atol=1e-5), "float images should be taken as they are"
    assert not one.requires_grad


def test_features_leave_the_encoder_and_its_mode_alone():
    encoder, images = probes.random_encoder(CONFIG, 1).train(), pictures(5).images
    before = [p.clone() for p in encoder.parameters()]
    probes.features(encoder, images, device="cpu")
    assert encoder.training and all(
        torch.equal(a, b) for a, b in zip(before, encoder.parameters(), strict=True)
    )


def test_pixels_are_the_image_and_large_ones_are_averaged():
    images = pictures(3, size=(12, 20)).images
    assert torch.allclose(probes.pixels(images), images.flatten(1) / 255)
    large = torch.randint(256, (2, 3, 130, 199), generator=generator(), dtype=torch.uint8)  # 77610 values
    by_hand = large[..., :129, :198].float().view(2, 3, 43, 3, 66, 3).mean((3, 5)).flatten(1) / 255
    assert by_hand.shape[1] <= probes.PIXELS
    assert torch.allclose(probes.pixels(large), by_hand, atol=1e-6)


def test_random_weights_are_those_of_their_seed_alone():
    torch.rand(3)
    state = torch.get_rng_state()
    a, b, other = (probes.random_encoder(CONFIG, s) for s in (4, 4, 5))
    assert torch.equal(torch.get_rng_state(), state), "drawing weights moved the global generator"
    assert torch.equal(a.blocks[2].mlp.fc1.weight, b.blocks[2].mlp.fc1.weight)
    assert not torch.equal(a.blocks[2].mlp.fc1.weight, other.blocks[2].mlp.fc1.weight)


# --- the table of controls ---


def test_random_weights_get_the_whitened_input_of_the_network_beside_them():
    config, train, test = replace(CONFIG, patch_embedding="whitened"), pictures(90), pictures(50, seed=1)
    encoders = {"ours": probes.random_encoder(config, 9, train.images)}
    seen, features = [], probes.features

    def spied(encoder, *args, **named):
        seen.append(encoder)
        return features(encoder, *args, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(probes, "features", spied)
        table_of_controls(config, encoders, train, test, seed=3, k=7)
    control = next(encoder for encoder in seen if encoder is not encoders["ours"])
    assert control.embed.fitted, "the control reads raw patches, and its network whitened ones"
    assert torch.equal(control.embed.whitening, encoders["ours"].embed.whitening)
    assert not torch.equal(control.embed.weight, encoders["ours"].embed.weight)


def test_the_table_stands_on_its_controls():
    train, test = pictures(90), pictures(50, seed=1)
    ours, other = probes.random_encoder(CONFIG, 9), Encoder(CONFIG)
    rows = table_of_controls(
        CONFIG, {"ours": ours, "other": other}, train, test, seed=3, last=4, attentive=True, k=7
    )
    assert [r["name"] for r in rows] == ["chance", "pixels", "random", "ours", "other"]
    for row in rows:
        assert (row["n_train"], row["n_test"]) == (90, 50)
        assert all(0 <= row[p] <= 1 for p in ("linear", "knn", "attentive")), f"{row}"
    most = (test.labels == train.labels.bincount().argmax()).double().mean().item()
    assert [rows[0][p] for p in ("linear", "knn", "attentive")] == [most] * 3
    for name, see in (
        ("pixels", lambda x: x.flatten(1) / 255),
        ("random", lambda x: probes.features(probes.random_encoder(CONFIG, 3), x, last=4)),
        ("ours", lambda x: probes.features(ours, x, last=4)),
    ):
        row = next(r for r in rows if r["name"] == name)
        sets = see(train.images), train.labels, see(test.images), test.labels
        assert row["linear"] == probes.linear(*sets) and row["knn"] == probes.knn(*sets, k=7), f"{row}"
        assert row["linear"] > most + 0.2, f"brightness should be easy for {name}: {row}, chance {most}"
    plain = table_of_controls(CONFIG, {}, train, test, seed=3, last=4, k=7)
    assert plain == [{k: v for k, v in row.items() if k != "attentive"} for row in rows[:3]]


def test_the_last_four_blocks_are_a_column_where_all_encoders_have_them():
    train, test = pictures(60), pictures(40, seed=1)
    encoders = {"ours": probes.random_encoder(CONFIG, 9)}
    rows = {row["name"]: row for row in table_of_controls(CONFIG, encoders, train, test, seed=3)}
    assert [name for name in rows if "linear_last4" in rows[name]] == ["random", "ours"]
    for last, column in ((1, "linear"), (4, "linear_last4")):
        x, z = (probes.features(encoders["ours"], side.images, last=last) for side in (train, test))
        assert rows["ours"][column] == probes.linear(x, train.labels, z, test.labels), column
    alone = table_of_controls(CONFIG, encoders, train, test, seed=3, last=2)
    assert not any("linear_last4" in row for row in alone), "what was asked for is shown alone"
    shallow = {"shallow": Encoder(replace(CONFIG, depth=3))}
    assert not any("linear_last4" in row for row in table_of_controls(CONFIG, shallow, train, test, seed=3))


def test_chance_is_the_most_frequent_training_class_not_the_test_set_s():
    train, test = pictures(60), pictures(50, seed=1)
    train.labels[:40], test.labels[:35] = 2, 0
    row = table_of_controls(CONFIG, {}, train, test, seed=0)[0]
    share = (test.labels == 2).double().mean().item()
    assert row["linear"] == share < 0.3, f"chance {row['linear']}, share of the training set's class {share}"


# --- bad or odd input ---


@pytest.mark.parametrize("predict", PREDICT.values(), ids=PREDICT)
def test_features_that_never_vary_do_no_harm(predict):
    train_x, train_y, test_x, _ = task()
    constant = torch.tensor([0.1, 3e7, 0.0]).repeat_interleave(5) * (
        1 + 6e-8 * torch.randn(240, 15, generator=generator())
    )
    dead = torch.cat([train_x, constant], 1), train_y, torch.cat([test_x, torch.full((90, 15), 5e7)], 1)
    agree = (predict(*dead) == predict(train_x, train_y, test_x)).double().mean().item()
    assert agree > 0.8, f"{agree} of the labels survive 15 features of rounding noise"
    predict(torch.ones(30, 4), torch.arange(30) % 2, torch.ones(3, 4))  # total collapse is no crash


def test_bad_sets_are_refused_in_a_sentence():
    x, y, z, _ = task()
    for arguments, message in (
        ((x, torch.ones(240).long(), z), "fewer than two classes"),
        ((x, y[:-1], z), "with 239 labels and test features .* do not belong together"),
        ((x, y, z[:, :6]), r" 6\) do not belong together"),
        ((x, y, z[:0]), r"\(0, .* do not belong together"),
    ):
        for predict in PREDICT.values():
            with pytest.raises(ValueError, match=message):
                predict(*arguments)
    with pytest.raises(ValueError, match="k = 20 needs at least 20 training images, not 19"):
        probes.predict_knn(x[:19], y[:19], z)
    with pytest.raises(ValueError, match="last must be from 1 to 5, the encoder's depth, not 6"):
        probes.features(Encoder(CONFIG), pictures(2).images, last=6)


@pytest.mark.parametrize("where, name", [(0, "training"), (2, "test")])
def test_features_that_are_not_numbers_are_named(where, name):
    sets = list(task()[:3])
    sets[where] = sets[where].clone()
    sets[where][17, 2] = math.nan
    for predict in PREDICT.values():
        with pytest.raises(
            ValueError, match=rf"1 of \d+ {name} images hold NaN or infinity \(numbers \[17\]\)"
        ):
            predict(*sets)


def test_the_table_refuses_before_any_fit(monkeypatch):
    monkeypatch.setattr(probes, "linear", lambda *_: pytest.fail("a probe was fitted first"))
    train, test = pictures(30), pictures(10, seed=1)
    one = Images(train.images, torch.ones(30).long(), train.classes, "one")
    renamed = Images(test.images, test.labels, ("a", "b", "c"), "renamed")
    empty = Images(test.images[:0], test.labels[:0], test.classes, "none")
    small = Images(test.images[..., :8], test.labels, test.classes, "small")
    encoder = Encoder(CONFIG)
    for sets, encoders, options, message in (
        ((one, test), {}, {}, "one holds fewer than two classes"),
        ((train, renamed), {}, {}, "pictures and renamed have different classes"),
        ((train, empty), {}, {}, "the test set of none is empty"),
        ((train, small), {}, {}, r"\(3, 12, 20\) and test images \(3, 12, 8\)"),
        ((train, test), {}, {"k": 31}, "k = 31 needs at least 31 training images, not 30"),
        ((train, test), {"random": encoder}, {}, "a row random of its own"),
        ((train, test), {"ours": encoder}, {"last": 6}, "last must be from 1 to 5"),
        ((train, test), {}, {"last": 0}, "last must be from 1 to 5"),
    ):
        with pytest.raises(ValueError, match=message):
            table_of_controls(CONFIG, encoders, *sets, seed=0, **options)


def test_a_nan_among_the_images_is_named_before_anything_is_encoded():
    images = torch.rand(5, 3, 12, 20, generator=generator())
    images[3, 1, 2, 2] = math.nan
    with pytest.raises(ValueError, match="image 3 of the images holds a NaN"):
        probes.features(probes.random_encoder(CONFIG, 0), images)


def test_the_attentive_probe_copies_no_set_of_tokens(monkeypatch):
    train, test = tokens_of(900, 0), tokens_of(300, 1)
    largest, most = max(train[0].numel(), test[0].numel()), []

    class Watch(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            result = function(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor) and result.data_ptr() not in held:
                most.append((result.numel() * result.element_size() / 4, function))
            return result

    held = {train[0].data_ptr(), test[0].data_ptr()}
    with Watch():
        probes.predict_attentive(*train, test[0], generator=generator(), epochs=1)
    size, function = max(most, key=lambda pair: pair[0])
    assert size < largest / 3, f"{function} made a tensor of {size:.0f} values; the set has {largest}"


def tokens_of(n, seed):
    drawn = torch.Generator().manual_seed(seed)
    return torch.randn(n, 50, 4, generator=drawn), torch.arange(n) % 2


def test_tokens_of_all_images_must_fit_in_memory(monkeypatch):
    train, test = pictures(30), pictures(20, seed=1)
    N, D = math.prod(CONFIG.grid), max(CONFIG.width, 3 * CONFIG.patch_size**2)
    free = 4 * N * D * 50 / comparison.MEMORY_SHARE
    monkeypatch.setattr(comparison, "free_memory", lambda: free * 1.01)
    assert len(table_of_controls(CONFIG, {}, train, test, seed=0, attentive=True, k=7)) == 3
    monkeypatch.setattr(comparison, "free_memory", lambda: free * 0.99)
    monkeypatch.setattr(probes, "features", None)  # it is refused before anything is computed
    with pytest.raises(ValueError, match=r"attentive would take .* GB .*free; take fewer images with limit"):
        table_of_controls(CONFIG, {}, train, test, seed=0, attentive=True, k=7)
