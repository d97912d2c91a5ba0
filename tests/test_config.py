"""What is claimed of the settings, and tested here. (Masks that do not fit the model's grid: test_masks.py.)

1. Every impossible value is refused when the object is made, in one sentence that names the field.
2. A value of the wrong kind is refused in the same way: 2.5 blocks, a word for a number, one number for two.
3. `to_dict` is plain JSON and `from_dict` its inverse; a config is hashable and cannot be changed.
4. An unknown field is refused by name, with the names there are; so is an unknown encoder.
5. `with_values` changes just the fields that are named, and checks them; one that the rule of masking does
   not read is refused by name, and a change of rule alone is that rule with its own numbers.
"""

import dataclasses
import json

import pytest

from jepa_lite.config import ENCODERS, MASK_RULES, Config, MaskConfig, ModelConfig, TrainConfig

PARTS = {"model": ModelConfig, "masks": MaskConfig, "train": TrainConfig}
NAN, INF = float("nan"), float("inf")

IMPOSSIBLE = [
    (
        "model",
        "image_size",
        [0, -8, (32, 0), (32, 32, 32), (32,), 30],
    ),  # 30: the patch of 4 does not divide it
    ("model", "patch_size", [0, -4, 5, 64]),
    ("model", "width", [0, -64, 66, 30]),  # heads 4; 4 must divide it
    ("model", "depth", [0, -1]),
    ("model", "heads", [0, -4, 5]),
    ("model", "mlp_ratio", [0, -1.0, NAN]),
    ("model", "predictor_width", [0, 30, 34]),
    ("model", "predictor_depth", [0]),
    ("model", "predictor_heads", [0, 3]),
    ("model", "predictor_mlp_ratio", [0, -1.0, NAN, "x"]),
    ("model", "predictor_positions", ["fixed", "", None]),
    ("model", "predictor_sequences", ["per_batch", 1, None]),
    ("model", "predicts", ["pixel", None]),
    ("model", "target_norm", ["batch", None, True]),
    ("model", "target_image_mean", [-0.1, 101, NAN]),
    ("model", "patch_embedding", ["white", None]),
    ("model", "init", ["normal", None]),
    ("model", "init_mlp_gain", [0, -1.0, NAN, 2.0]),  # 2.0: without init="mimetic"
    ("model", "loss", ["l1", None]),
    ("model", "norm_eps", [0.0, -1e-6, NAN]),
    ("masks", "rule", ["papers", None]),
    ("masks", "num_targets", [0, -4]),
    ("masks", "min_keep", [0, -1]),
    ("masks", "target_scale", [(0.2, 0.15), (0.0, 0.2), (0.15, 1.2), (0.1,), (NAN, 0.2), (0.1, 0.2, 0.3)]),
    ("masks", "target_aspect", [(1.5, 0.75), (0.0, 1.5), (-1.0, 1.0), (0.75, INF)]),
    ("masks", "target_share", [0.0, -0.6, 1.01, NAN]),
    ("masks", "context_scale", [(0.9, 0.8), (0.5, 1.01), (NAN, NAN)]),
    ("train", "steps", [0, -1]),
    ("train", "epochs", [0, -0.5, NAN]),
    ("train", "seconds", [0, -1.0, NAN]),
    ("train", "batch_size", [0, -128]),
    ("train", "groups", [0]),
    ("train", "lr", [0, -1e-3, NAN, INF]),
    ("train", "warmup", [-0.1, 1.1, NAN]),
    ("train", "start_lr", [-0.1, 2]),
    ("train", "final_lr", [-0.1, 2]),
    ("train", "weight_decay", [(-0.1, 0.4), (0.4,), (NAN, 0.4), (0.04, INF)]),
    ("train", "momentum", [(1.0, 0.996), (0.9, 1.1), (0.0, 1.0)]),
    ("train", "optimizer", ["sgd", None]),
    ("train", "betas", [(0.9, 1.0), (-0.1, 0.9), (0.9,)]),
    ("train", "clip_grad", [0, -3, NAN]),
    ("train", "crop_scale", [(0.0, 1.0), (0.5, 1.5), (1.0, 0.5)]),
    ("train", "log_every", [0]),
    ("train", "probes", [-1]),
    ("train", "workers", [-1]),
    ("train", "save_every", [0.0, -1]),
]
NOT_WHOLE, NO_NUMBER = [2.5, "many", None, (1, 2), True], ["fast", None, (0.1, 0.2), True]
NO_PAIR = [0.2, "wide", None, ("a", "b"), (True, True)]
WRONG_KIND = [
    *[("model", name, NOT_WHOLE) for name in ("patch_size", "width", "depth", "heads")],
    *[("model", name, NOT_WHOLE) for name in ("predictor_width", "predictor_depth", "predictor_heads")],
    *[("masks", name, NOT_WHOLE) for name in ("num_targets", "min_keep")],
    *[("train", name, NOT_WHOLE) for name in ("batch_size", "groups", "log_every")],
    *[("train", name, NOT_WHOLE) for name in ("seed", "probes", "workers")],
    *[("train", name, NO_NUMBER) for name in ("lr", "warmup", "start_lr", "final_lr")],
    ("train", "save_every", NO_NUMBER),
    ("train", "clip_grad", ["fast", (0.1, 0.2), True]),
    ("model", "target_image_mean", NO_NUMBER),
    *[("model", name, NO_NUMBER) for name in ("mlp_ratio", "norm_eps")],
    ("masks", "target_share", NO_NUMBER),
    *[("masks", name, NO_PAIR) for name in ("target_scale", "target_aspect", "context_scale")],
    *[("train", name, NO_PAIR) for name in ("weight_decay", "momentum", "crop_scale", "betas")],
    *[("train", name, ["yes", 1, None]) for name in ("flip", "amp", "compile", "stream", "tensorboard")],
    ("train", "steps", [2.5, "many", True]),
    ("train", "seconds", ["long", (1, 2)]),
    ("model", "image_size", [3.5, "large", None, (32.0, 32.0), True]),
]  # fmt: skip


def cases(table):
    return [pytest.param(p, n, v, id=f"{p}.{n}={v!r}") for p, n, values in table for v in values]


@pytest.mark.parametrize("part, name, value", cases(IMPOSSIBLE))
def test_an_impossible_value_is_refused_by_name(part, name, value):
    with pytest.raises(ValueError) as refusal:
        PARTS[part](**{name: value})
    message = str(refusal.value)
    assert name in message or (name == "image_size" and "image" in message), message
    assert "\n" not in message and ". " not in message, f"one sentence, please: {message}"


@pytest.mark.parametrize("part, name, value", cases(WRONG_KIND))
def test_a_value_of_the_wrong_kind_is_refused_by_name(part, name, value):
    with pytest.raises(ValueError, match=name) as refusal:
        PARTS[part](**{name: value})
    assert "\n" not in str(refusal.value)


def test_every_field_is_among_the_impossible_values():
    tried = {(part, name) for part, name, _ in IMPOSSIBLE + WRONG_KIND}
    fields = {(part, field.name) for part, kind in PARTS.items() for field in dataclasses.fields(kind)}
    assert tried == fields, f"not tried: {fields - tried}; no such field: {tried - fields}"


UNUSUAL = Config(
    ModelConfig(
        image_size=(20, 28), patch_size=4, width=48, depth=3, heads=6, mlp_ratio=48 / 11,
        predictor_width=24, predictor_depth=1, predictor_heads=2, predictor_mlp_ratio=1.5,
        predictor_positions="sincos", predictor_sequences="per_image",
        predicts="pixels", target_norm="none", loss="l2", norm_eps=1e-5,
        patch_embedding="whitened", init="mimetic", init_mlp_gain=2.0, target_image_mean=0.5,
    ),
    MaskConfig("paper", 2, (0.1, 0.21), (0.8, 1.3), (0.7, 0.9), 3, 0.55),
    TrainConfig(
        7, 1.5, 12.25, 33, 3, 3e-4, 0.15, 0.3, 0.02, "muon", (0.8, 0.9), (0.01, 0.02), (0.9, 0.95), 1.5,
        (0.4, 0.8), True, 11, True, True, 5, 3, 1.5, True, 0, True,
    ),
)  # fmt: skip


@pytest.mark.parametrize("config", [Config(), UNUSUAL], ids=["defaults", "unusual"])
def test_json_and_back(config):
    back = Config.from_dict(json.loads(json.dumps(config.to_dict())))
    assert back == config and hash(back) == hash(config)


def test_a_config_of_before_said_that_its_images_have_three_channels():
    values = UNUSUAL.to_dict()
    assert "channels" not in values["model"] and UNUSUAL.model.channels == 3
    values["model"]["channels"] = 3
    assert Config.from_dict(values) == UNUSUAL
    for channels in (1, 4, None, [3]):
        values["model"]["channels"] = channels
        with pytest.raises(ValueError, match="takes RGB images, of 3 channels"):
            Config.from_dict(values)
    with pytest.raises(ValueError, match=r"there is no setting 'model\.channels'"):
        Config().with_values({"model.channels": 1})


@pytest.mark.parametrize("part", [None, 5, [], "depth"])
def test_a_part_that_is_no_object_is_refused(part):
    with pytest.raises(ValueError, match="model must be fields and their values"):
        Config.from_dict({"model": part})
    with pytest.raises(ValueError, match="config must be fields and their values"):
        Config.from_dict(part)


def test_the_unusual_config_differs_from_the_defaults_in_every_field():
    same = [
        f"{part}.{name}"
        for part, values in UNUSUAL.to_dict().items()
        for name, value in values.items()
        if value == Config().to_dict()[part][name]
    ]
    assert same in ([], ["model.patch_size", "masks.rule"]), same


def test_missing_parts_and_fields_are_the_defaults():
    assert Config.from_dict({}) == Config()
    assert Config.from_dict({"model": {"depth": 7}}).model == ModelConfig(depth=7)


def test_a_config_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ModelConfig().depth = 5


@pytest.mark.parametrize(
    "values, unknown",
    [({"modle": {}}, "modle"), ({"model": {"dept": 3}}, "dept"), ({"train": {"lr_": 1}}, "lr_")],
)
def test_an_unknown_field_is_refused_by_name(values, unknown):
    with pytest.raises(ValueError, match=f"unknown field {unknown} in .* it knows: "):
        Config.from_dict(values)


def test_with_values_changes_what_is_named_and_checks_it():
    changed = UNUSUAL.with_values({"model.depth": 6, "train.lr": 2e-3, "masks.target_scale": [0.12, 0.18]})
    expected = UNUSUAL.to_dict()
    expected["model"]["depth"], expected["train"]["lr"] = 6, 2e-3
    expected["masks"]["target_scale"] = (0.12, 0.18)
    assert changed.to_dict() == expected and UNUSUAL.model.depth == 3
    for name in ("model.dept", "depth", "model", "", "models.depth", "model.depth.x"):
        with pytest.raises(ValueError, match=f"no setting {name!r}; there are: .*model.depth"):
            UNUSUAL.with_values({name: 6})
    with pytest.raises(ValueError, match="depth must be at least 1"):
        UNUSUAL.with_values({"model.depth": 0})


@pytest.mark.parametrize(
    "changes, unread, reads",
    [
        ({"masks.rule": "random", "masks.target_scale": [0.3, 0.4]}, "masks.target_scale", "target_share"),
        ({"masks.target_share": 0.5}, "masks.target_share", "masks.num_targets, masks.target_scale"),
        ({"masks.num_targets": 3, "masks.rule": "block"}, "masks.num_targets", "masks.target_aspect"),
        (
            {"masks.rule": "rasterized", "masks.target_aspect": [1, 2], "masks.target_share": 0.5},
            "masks.target_aspect, masks.target_share",
            "masks.min_keep",
        ),
    ],
)
def test_a_change_that_the_rule_does_not_read_is_refused(changes, unread, reads):
    with pytest.raises(ValueError, match=f"does not read {unread}; it reads: .*{reads}") as refusal:
        Config().with_values(changes)
    told, way_out = str(refusal.value).rsplit("; ", 1)
    rule = way_out.removeprefix("masks.rule=").removesuffix(" reads all that you set")
    assert "\n" not in told
    Config().with_values({name: changes[name] for name in unread.split(", ")} | {"masks.rule": rule})


@pytest.mark.parametrize("rule", [rule for rule in MASK_RULES if rule != "paper"])
def test_a_change_of_rule_alone_is_that_rule_with_its_own_numbers(rule):
    assert Config().with_values({"masks.rule": rule}).masks == MaskConfig(rule=rule)
    reads = {f"masks.{name}": value for name, value in dataclasses.asdict(MaskConfig(rule=rule)).items()}
    kept = {name: reads[name] for name in reads if name.removeprefix("masks.") in MASK_RULES[rule]}
    assert Config().with_values(kept | {"masks.rule": rule}).masks == MaskConfig(rule=rule)


def test_an_unknown_rule_is_refused_though_fields_are_named():
    with pytest.raises(ValueError, match="rule must be one of paper, official, rasterized, block, random"):
        Config().with_values({"masks.rule": "boxes", "masks.num_targets": 3})
    with pytest.raises(ValueError, match=r"rule must be one of paper, .*random, not \['random'\]"):
        Config().with_values({"masks.rule": ["random"]})


def test_a_named_encoder_is_its_size_and_takes_other_fields():
    config = ModelConfig.sized("giant", image_size=(224, 448), patch_size=16, depth=2)
    assert (config.width, config.depth, config.heads, config.grid) == (1408, 2, 16, (14, 28))
    assert round(config.width * config.mlp_ratio) == 6144  # as published
    for name in ENCODERS:
        assert ModelConfig.sized(name).width == ENCODERS[name][0]
    with pytest.raises(ValueError, match=r"encoder must be one of pico, .*giant, not 'gigantic'"):
        ModelConfig.sized("gigantic")
