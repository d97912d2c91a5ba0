"""Claims tested here, of I-JEPA in one file (jepa_lite/course/ijepa_in_one_file.py):

1. It has the library's weights, by name and shape, and with equal weights it gives the library's numbers:
   each network, the targets, the loss and its gradient, on a grid that is not square, with padding.
2. Its sampler gives the library's masks, number for number, also where blocks are bent or images drawn again.
3. Its rates are the library's at every progress, without a warm-up and with nothing but one as well.
4. Twenty of its training steps equal the library's bare step, with AdamW; its loss falls when it is trained.
5. It imports PyTorch and Python alone, and has at most 150 lines of code.
6. Notebook 08's cells are this file: all its functions and classes stand there, and nothing else is defined.
7. The broken loop that notebook 08 shows has all five faults that its exercise knows.
"""

import ast
import json
import re
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from jepa_lite import Config, MaskConfig, ModelConfig, TrainConfig, take
from jepa_lite.baselines.pixel_target import make_model
from jepa_lite.course import capstone
from jepa_lite.course import ijepa_in_one_file as one
from jepa_lite.course.exercises import mended_loop
from jepa_lite.method import masks, optim
from jepa_lite.method.step import train_step
from jepa_lite.randomness import generator_for

CONFIG = Config(
    ModelConfig(image_size=(16, 24), patch_size=4, width=12, depth=2, heads=3, predictor_width=8,
                predictor_depth=2, predictor_heads=2, target_norm="place"),
    MaskConfig(num_targets=3, context_scale=(0.5, 0.8), min_keep=5),
    TrainConfig(steps=60, lr=0.01, warmup=0.2, weight_decay=(0.04, 0.4), momentum=(0.9, 1.0), clip_grad=0.5),
)  # fmt: skip
GRID = CONFIG.model.grid
NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks/08_ijepa_whole.ipynb"


@pytest.fixture
def pair():
    """The library's model and this one with the same weights, none of which is 0."""
    theirs = make_model(CONFIG.model, seed=3)
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for weights in theirs.parameters():
            weights += 0.1 * torch.randn(weights.shape, generator=generator)
    mine = one.IJEPA(CONFIG.model)
    mine.load_state_dict(theirs.state_dict())
    return theirs, mine


def images(count=6, seed=0):
    return torch.randn(count, 3, 16, 24, generator=torch.Generator().manual_seed(seed))


def cells():
    found = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    return [(cell["cell_type"], "".join(cell["source"])) for cell in found]


# 1 ----------------------------------------------------------------------------------------------------


def test_equal_weights_give_equal_numbers(pair):
    theirs, mine = pair
    drawn = masks.sample_masks(GRID, 6, CONFIG.masks, torch.Generator().manual_seed(2))
    idx, keep, asked, x = drawn.context_idx, drawn.context_keep, drawn.target_idx, images()
    assert drawn.padded, "the masks must have padding"
    tokens = theirs.encoder(x, idx, keep)
    torch.testing.assert_close(mine.encoder(x), theirs.encoder(x))
    torch.testing.assert_close(mine.encoder(x, idx, keep)[keep], tokens[keep])
    torch.testing.assert_close(
        mine.predictor(tokens, idx, asked, keep), theirs.predictor(tokens, idx, asked, keep)
    )
    torch.testing.assert_close(mine.targets(x), theirs.targets(x))
    losses = mine.loss(x, idx, keep, asked), theirs.loss(x, drawn)
    torch.testing.assert_close(*losses)
    for loss in losses:
        loss.backward()
    gradients = [{n: p.grad for n, p in model.named_parameters() if p.grad is not None} for model in pair]
    assert gradients[0].keys() == gradients[1].keys() and gradients[0]
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, rtol=1e-4, atol=1e-6)


# 2 ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grid", [(8, 8), (5, 9), (12, 4), (4, 12)])
@pytest.mark.parametrize(
    "config", [CONFIG.masks, MaskConfig(min_keep=2), MaskConfig(context_scale=(0.4, 0.6))]
)
def test_the_same_generator_gives_the_same_masks(grid, config):
    for seed in range(20):
        theirs = masks.sample_masks(grid, 16, config, torch.Generator().manual_seed(seed))
        mine = one.sample_masks(grid, 16, config, torch.Generator().manual_seed(seed))
        for a, b in zip(mine, (theirs.context_idx, theirs.context_keep, theirs.target_idx), strict=True):
            assert torch.equal(a, b)


# 3 ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("warmup", [0.0, 0.2, 1.0])
def test_rates_are_the_librarys(warmup):
    train = TrainConfig(steps=9, lr=0.3, warmup=warmup, start_lr=0.1, final_lr=0.05, weight_decay=(0.04, 0.4))
    for p in (0.0, 0.1, 0.2, 0.55, 0.999):
        ours = [schedule(train, p) for schedule in (optim.learning_rate, optim.weight_decay, optim.momentum)]
        assert one.rates(train, p) == pytest.approx(ours)


# 4 ----------------------------------------------------------------------------------------------------


def test_twenty_steps_equal_the_librarys(pair):
    optimizers = [optim.make_adamw(model, CONFIG.train, "cpu") for model in pair]
    for step in range(20):
        x, progress = images(seed=step), step / 20
        theirs = train_step(pair[0], optimizers[0], x, CONFIG, progress, generator_for(1, step))["loss"]
        mine = one.train_step(pair[1], optimizers[1], x, CONFIG, progress, generator_for(1, step))
        assert mine == pytest.approx(theirs, rel=1e-3), f"step {step}"
    for name, weights in pair[0].state_dict().items():
        # No loss depends on the keys' biases: AdamW makes full steps of what rounding leaves of a gradient.
        least = 0.05 if name.endswith("qkv.bias") else 2e-3
        torch.testing.assert_close(pair[1].state_dict()[name], weights, rtol=0, atol=least)


def test_it_learns_from_its_own_first_weights():
    torch.manual_seed(0)  # its networks draw from the global generator
    x = (
        images(16).repeat_interleave(4, 2)[:, :, :16] * 2
    )  # rows of pixels come in fours: something to predict
    model = one.IJEPA(CONFIG.model)
    optimizer = optim.make_adamw(model, CONFIG.train, "cpu")
    losses = [one.train_step(model, optimizer, x, CONFIG, s / 60, generator_for(2, s)) for s in range(60)]
    assert sum(losses[-5:]) < 0.85 * sum(losses[:5]), losses


# 5, 6 -------------------------------------------------------------------------------------------------


def test_it_is_short_and_needs_pytorch_alone():
    tree = ast.parse(capstone.SOLUTION.read_text("utf-8"))
    names = [n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    names += [alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names]
    assert {name.split(".")[0] for name in names} <= {"copy", "math", "collections", "torch"}
    assert capstone.lines_of(capstone.SOLUTION) <= 150


def test_notebook_08_writes_this_file():
    def defined(text):
        code = re.sub(r"(?m)^( *)%.*$", r"\1pass", text)
        return {
            n.name: ast.unparse(n)
            for n in ast.parse(code).body
            if isinstance(n, ast.FunctionDef | ast.ClassDef)
        }

    written = {}
    for kind, text in cells():
        if kind == "code" and "check." not in text:
            written |= defined(text)
    assert written == defined(capstone.SOLUTION.read_text("utf-8"))


# 7 ----------------------------------------------------------------------------------------------------


def test_the_loop_that_is_shown_has_all_five_faults():
    (shown,) = [m[1] for kind, text in cells() if (m := re.search(r"```python\n(.*?)```", text, re.S))]
    text = "def shown(make, images, context_idx, target_idx, momentum):\n" + re.sub("(?m)^", "    ", shown)
    scope = {"torch": torch, "F": F, "take": take}
    exec(text, scope)
    for case in mended_loop.CASES.values():
        wrong = mended_loop.loop(*mended_loop.FAULTS)(*case)
        torch.testing.assert_close(torch.tensor(scope["shown"](*case)), wrong)
