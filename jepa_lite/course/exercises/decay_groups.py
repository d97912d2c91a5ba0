"""Exercise of notebook 08: which parameters weight decay may pull at."""

import torch

from ...baselines.pixel_target import make_model
from ...config import ModelConfig
from ...method.optim import parameter_groups
from .engine import exercise

DECAY = 0.07
KINDS = (  # (what is asked of a name, what is said when such a one decays)
    (
        lambda name: name.endswith("mask_token"),
        "the mask token decays ({}): it is one vector that says 'unknown', and 0 is no better place for it",
    ),
    (
        lambda name: name.endswith("positions"),
        "the positions decay ({}): they are a matrix in shape only, a list of addresses; pulled to 0 all "
        "places become one",
    ),
    (
        lambda name: ".norm" in name and name.endswith("weight"),
        "gains of layer norms decay ({}): they start at 1, and decay pulls them to 0, which mutes the block",
    ),
    (
        lambda name: name.endswith("bias"),
        "biases decay ({}): they cannot make a function steep, so there is nothing to hold down",
    ),
)


def _networks():
    size = {"image_size": (24, 16), "width": 8, "depth": 1, "heads": 2, "predictor_width": 12}
    size |= {"predictor_depth": 1, "predictor_heads": 3, "patch_size": 4}
    yield make_model(ModelConfig(**size))
    yield make_model(ModelConfig(**size, predictor_positions="sincos", predicts="pixels"))


def _judge_groups(calls):
    for one in calls:
        (model, _), groups = one.args, one.result
        if problem := _shape_of(groups) or _membership(model, groups) or _rates_of(model, groups):
            return problem
    return None


def _shape_of(groups):
    good = isinstance(groups, list | tuple) and groups and all(
        isinstance(group, dict) and {"params", "weight_decay"} <= set(group) for group in groups
    )  # fmt: skip
    if not good:
        return (
            "It should return what torch.optim.AdamW takes: a list of dicts, each with 'params', a list of "
            "parameters, and 'weight_decay', a number."
        )
    tensors = all(isinstance(p, torch.Tensor) for group in groups for p in _listed(group))
    if not tensors:
        return "'params' should hold the parameters themselves, not their names or pairs."
    numbers = all(isinstance(group["weight_decay"], int | float) for group in groups)
    return None if numbers else "'weight_decay' should be a number: what was handed in, or 0.0."


def _listed(group):
    params = group["params"]
    group["params"] = [params] if isinstance(params, torch.Tensor) else list(params)  # a generator ends
    return group["params"]


def _membership(model, groups):
    """Every parameter that learns, once; none that does not."""
    given = [id(p) for group in groups for p in _listed(group)]
    if len(set(given)) < len(given):
        return "A parameter is in the groups twice: AdamW would refuse it."
    named = dict(model.named_parameters())
    frozen = [name for name, p in named.items() if not p.requires_grad and id(p) in given]
    if frozen:
        return (
            f"Parameters without a gradient are handed to the optimiser, {frozen[0]} for one: the target "
            "encoder follows by its moving average alone, so look at requires_grad."
        )
    lost = [name for name, p in named.items() if p.requires_grad and id(p) not in given]
    if lost:
        return f"These are in no group, so they would never learn: {_some(lost)}."
    known = {id(p) for p in named.values()}
    return None if set(given) <= known else "It hands over tensors that are no parameters of the model."


def _rates_of(model, groups):
    """Matrices decay, and by the weight decay that was given; the rest does not."""
    named = {id(p): name for name, p in model.named_parameters()}
    right = {id(p) for p in parameter_groups(model, DECAY)[0]["params"]}
    rates = {id(p): float(group["weight_decay"]) for group in groups for p in _listed(group)}
    wrong = [named[i] for i, rate in rates.items() if i not in right and rate != 0]
    if right and wrong and len(wrong) == len(rates) - len(right):
        free = [named[i] for i in right if rates[i] == 0]
        if len(free) == len(right):
            return "It is the wrong way round: matrices should decay, and everything else should not."
        return (
            "Everything decays, as with one group for all: biases, norms, the mask token and the positions "
            "should be left alone."
        )
    kinds = [(said, [name for name in wrong if holds(name)]) for holds, said in KINDS]
    if told := [said.format(_some(found)) for said, found in kinds if found]:
        return f"Nearly: {'; '.join(told)}."
    free = [named[i] for i in right if rates[i] == 0]
    if free and len(free) == len(right):
        return "Nothing decays: the matrices should, by the weight_decay that is handed in."
    if free:
        return f"These are matrices and do not decay: {_some(free)}."
    other = {rates[i] for i in right} - {DECAY}
    return f"The matrices decay by {other.pop():g}, and {DECAY:g} was asked for." if other else None


def _some(names):
    return ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")


exercise(
    name="decay_groups",
    notebook="08",
    answer=parameter_groups,
    cases=lambda: [(model, DECAY) for model in _networks()],
    judge=_judge_groups,
    returns="the groups, as torch.optim.AdamW takes them",
    hint="Walk through model.named_parameters(). Leave out what does not learn (requires_grad). Of the rest, "
    "a parameter of one dimension is a bias, a gain or the mask token. One table has two dimensions and "
    "still is no weight: print the names to find it.",
    source=(parameter_groups,),
)
