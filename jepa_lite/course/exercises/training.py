"""Exercises of notebook 07: a schedule with a warm-up, and which parameters weight decay may pull at."""

from types import SimpleNamespace

import torch

from ...baselines.pixel_target import make_model
from ...config import ModelConfig
from ...method import optim
from ...method.optim import parameter_groups
from .engine import exercise

# --- warmup_cosine ------------------------------------------------------------------------------------


def _rates(progress, lr, warmup, start, final):
    config = SimpleNamespace(lr=lr, warmup=warmup, start_lr=start, final_lr=final)
    return torch.tensor([optim.learning_rate(config, p) for p in progress.tolist()])


def _cosine(start, end, q):
    return end + (start - end) * (1 + (torch.pi * q).cos()) / 2


def _bent(rise=None, fall=None):
    """A wrong `warmup_cosine`: as shares of lr, `rise(start, p)` and `fall(final, q, progress)` replaced."""
    rise = rise or (lambda start, p: start + (1 - start) * p)
    fall = fall or (lambda final, q, progress: _cosine(1.0, final, q))

    def wrong(progress, lr, warmup, start, final):
        first = rise(start, progress / max(warmup, 1e-9))
        then = fall(final, (progress - warmup) / (1 - warmup), progress)
        return lr * torch.where(progress < warmup, first, then)

    return wrong


def _absolute(progress, lr, warmup, start, final):
    return _bent()(progress, 1.0, warmup, start / lr, final / lr) * lr


def _upside_down(final, q, progress):
    return _cosine(final, 1.0, q)


def _warm_up_only(progress, lr, warmup, start, final):
    return lr * (start + (1 - start) * progress / warmup).clamp(max=1)


exercise(
    name="warmup_cosine",
    notebook="07",
    answer=_rates,
    # Uneven steps, both ends, and a point on each side of the warm-up's end.
    cases=lambda: [
        (torch.tensor([0.0, 0.04, 0.09, 0.1, 0.13, 0.41, 0.77, 1.0]), 3e-3, 0.1, 0.2, 0.05),
        (torch.tensor([0.0, 0.11, 0.29, 0.35, 0.6, 0.93, 1.0]), 0.5, 0.3, 0.05, 0.11),
    ],
    traps=lambda: {
        "Without a warm-up (warmup = 0) it begins at lr; 0 / 0 is nan. At progress 0 the warm-up is over "
        "already, so compare with <, not <=, and do not divide by 0.": (
            *(torch.tensor([0.0, 0.2, 0.7, 1.0]), 2.0, 0.0, 0.3, 0.02),
        ),
        "A single step is a tensor (1,) as well.": (torch.tensor([0.37]), 0.1, 0.2, 0.1, 0.05),
        "Steps may come in any order.": (torch.tensor([0.8, 0.05, 1.0, 0.0, 0.4]), 0.1, 0.2, 0.1, 0.05),
    },
    returns="the learning rates (S,)",
    hint="Two lines and a choice. While progress < warmup: from start to 1, as progress goes from 0 to "
    "warmup. After it: how far is it through the REST of the run, from 0 to 1? Half a cosine of that, "
    "(1 + cos(pi * q)) / 2, goes from 1 to 0; stretch it to end at final. torch.where chooses.",
    source=(optim.learning_rate, optim.cosine, optim.linear),
    mistakes=(
        (
            "The warm-up begins at 0 and not at start * lr: the first step of the run would change nothing.",
            _bent(rise=lambda start, p: p),
        ),
        (
            "There is no warm-up: at progress 0 it is at full lr already, while Adam's moments have seen "
            "nothing yet.",
            _bent(rise=lambda start, p: torch.ones_like(p)),
        ),
        (
            "The cosine counts from the start of the run, so the rate jumps down where the warm-up ends. It "
            "should begin at its top there: measure it by (progress - warmup) / (1 - warmup).",
            _bent(fall=lambda final, q, progress: _cosine(1.0, final, progress)),
        ),
        (
            "It ends at 0 and not at final * lr: the last steps would learn nothing.",
            _bent(fall=lambda final, q, progress: _cosine(1.0, 0.0, q)),
        ),
        (
            "After the warm-up it falls in a straight line; a cosine stays high at first, and lands softly.",
            _bent(fall=lambda final, q, progress: 1 + (final - 1) * q),
        ),
        (
            "start and final are taken as learning rates; they are shares of lr, so that one dial moves all.",
            _absolute,
        ),
        (
            "After the warm-up it rises: half a cosine goes from 1 to 0 as (1 + cos(pi * q)) / 2, not (1 - "
            "cos) / 2.",
            _bent(fall=_upside_down),
        ),
        (
            "The cosine is not halved: 1 + cos goes from 2 to 0, so the rate jumps up after the warm-up.",
            _bent(fall=lambda final, q, progress: final + (1 - final) * (1 + (torch.pi * q).cos())),
            _bent(fall=lambda final, q, progress: 1 + (torch.pi * q).cos()),
        ),
        (
            "There is no 1 + before the cosine, and the rate becomes negative: take (1 + cos) / 2.",
            _bent(fall=lambda final, q, progress: final + (1 - final) * (torch.pi * q).cos()),
            _bent(fall=lambda final, q, progress: final + (1 - final) * (torch.pi * q).cos() / 2),
        ),
        (
            "It is a whole cosine: down and up again. Half of one, cos(pi * q), goes down once.",
            _bent(fall=lambda final, q, progress: _cosine(1.0, final, 2 * q)),
        ),
        (
            "It is a quarter of a cosine, or less: cos(pi * q) has to reach its lowest point at the end.",
            _bent(fall=lambda final, q, progress: _cosine(1.0, final, q / 2)),
            _bent(fall=lambda final, q, progress: final + (1 - final) * (torch.pi * q / 2).cos()),
            _bent(fall=lambda final, q, progress: _cosine(1.0, final, q / torch.pi)),
        ),
        (
            "final is added on top: it goes from 1 + final to final. Stretch the cosine by 1 - final first.",
            _bent(fall=lambda final, q, progress: final + _cosine(1.0, 0.0, q)),
        ),
        (
            "The cosine is not allowed to fall below final, which cuts it off: stretch it, to END at final.",
            _bent(fall=lambda final, q, progress: _cosine(1.0, 0.0, q).clamp(min=final)),
        ),
        (
            "start is taken as a learning rate; it is a share of lr.",
            lambda progress, lr, warmup, start, final: _bent(rise=lambda s, p: s / lr + (1 - s / lr) * p)(
                progress, lr, warmup, start, final
            ),
        ),
        (
            "final is taken as a learning rate; it is a share of lr.",
            lambda progress, lr, warmup, start, final: _rates(progress, lr, warmup, start, final / lr),
        ),
        (
            "start and final are swapped.",
            lambda progress, lr, warmup, start, final: _rates(progress, lr, warmup, final, start),
        ),
        (
            "start is added on top of the line, which then ends at 1 + start: stretch it by 1 - start.",
            _bent(rise=lambda start, p: start + p),
        ),
        (
            "The warm-up is steeper or flatter than it should be: it is through at progress = warmup, so "
            "the share of it is progress / warmup.",
            lambda progress, lr, warmup, start, final: _bent(rise=lambda s, p: s + (1 - s) * p * warmup)(
                progress, lr, warmup, start, final
            ),
            lambda progress, lr, warmup, start, final: _bent(
                rise=lambda s, p: s + (1 - s) * p * warmup / (1 - warmup)
            )(progress, lr, warmup, start, final),
        ),
        (
            "The warm-up is a curve; it goes in a straight line.",
            _bent(rise=lambda start, p: _cosine(start, 1.0, p)),
            _bent(rise=lambda start, p: start + (1 - start) * p * p),
            _bent(rise=lambda start, p: start ** (1 - p)),
        ),
        (
            "After the warm-up it stays at lr: the cosine is missing.",
            _bent(fall=lambda final, q, progress: torch.ones_like(q)),
            _warm_up_only,
        ),
        (
            "The rest of the run is not measured from 0 to 1: it is (progress - warmup) / (1 - warmup).",
            lambda progress, lr, warmup, start, final: _bent(
                fall=lambda f, q, p: _cosine(1.0, f, p - warmup)
            )(progress, lr, warmup, start, final),
            lambda progress, lr, warmup, start, final: _bent(
                fall=lambda f, q, p: _cosine(1.0, f, p / (1 - warmup))
            )(progress, lr, warmup, start, final),
        ),
        (
            "The two parts have changed places: the line is for progress below warmup.",
            lambda progress, lr, warmup, start, final: (
                lr
                * torch.where(
                    progress >= warmup,
                    start + (1 - start) * progress / warmup,
                    _cosine(1.0, final, (progress - warmup) / (1 - warmup)),
                )
            ),
        ),
        (
            "These are shares of lr: multiply by lr.",
            lambda progress, lr, warmup, start, final: _rates(progress, 1.0, warmup, start, final),
        ),
        (
            "It falls exponentially, or as a power; wanted is half a cosine.",
            _bent(fall=lambda final, q, progress: final**q),
            _bent(fall=lambda final, q, progress: final + (1 - final) * (1 - q) ** 2),
        ),
    ),
)


# --- decay_groups -------------------------------------------------------------------------------------


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
    notebook="07",
    answer=parameter_groups,
    cases=lambda: [(model, DECAY) for model in _networks()],
    judge=_judge_groups,
    returns="the groups, as torch.optim.AdamW takes them",
    hint="Walk through model.named_parameters(). Leave out what does not learn (requires_grad). Of the rest, "
    "a parameter of one dimension is a bias, a gain or the mask token. One table has two dimensions and "
    "still is no weight: print the names to find it.",
    source=(parameter_groups,),
)
