"""What is claimed of the counts in cost.py, and tested here.

1. Parameters, and bytes of weights, gradients, moments and moving average, are those of a real run's step.
2. Tokens are those of the masks drawn, padding as training's own log counts it.
3. FLOPs equal a count by hand, attention included, under every rule of masking, and FlopCounterMode's on a
   real step of the whole network.
4. FLOPs grow with the batch and nothing else; the pixel baseline, with no target encoder to run, costs less.
5. Activations are the bytes that autograd saves in a real step, in float32 and under autocast.
6. ViT-H/14 is counted without a real parameter and without its memory.
"""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from jepa_lite.config import Config, MaskConfig, ModelConfig, TrainConfig
from jepa_lite.training import cost
from jepa_lite.training.run import Run
from jepa_lite.training.step_timer import Clock

pytestmark = pytest.mark.slow

MODEL = ModelConfig(
    image_size=(20, 28), width=48, depth=3, heads=3, mlp_ratio=3.0, predictor_width=24, predictor_depth=4,
    predictor_heads=2,
)  # fmt: skip
JOINT = replace(MODEL, predictor_sequences="per_image")
CONFIG = Config(MODEL, MaskConfig(num_targets=3), TrainConfig(steps=2, batch_size=11, groups=2))


@pytest.fixture(scope="module")
def run():
    """A real run after a step, its gradients kept."""
    images = torch.randint(0, 256, (11, 3, 20, 28), dtype=torch.uint8, generator=torch.Generator())
    run = Run(CONFIG, images)
    run.train_step()
    return run


def by_hand(model, K, T, M):
    """FLOPs of an image: two for each multiplication in a matrix product."""

    def block(n, width):
        hidden = round(width * model.mlp_ratio)
        return 2 * n * (4 * width**2 + 2 * width * hidden) + 2 * 2 * n * n * width  # q @ k and map @ v

    if model.predictor_sequences == "per_image":
        T, M = M * T, 1
    N, D, E = model.grid[0] * model.grid[1], model.width, model.predictor_width
    pixels = model.channels * model.patch_size**2
    target = 2 * N * pixels * D + model.depth * block(N, D)
    context = 2 * K * pixels * D + model.depth * block(K, D)
    whole = (model.predictor_depth - 1) * block(K + T, E)
    qkv, hidden = 2 * (K + T) * 3 * E * E, round(E * model.mlp_ratio)  # in the last block only targets go on
    last = qkv + 2 * T * (E * E + 2 * E * hidden) + 2 * 2 * T * (K + T) * E
    predictor = 2 * K * D * E + M * (whole + last + 2 * T * E * D)
    # Backward is twice forward, but nobody asks for the gradient of the pixels.
    return target + 3 * (context + predictor) - 2 * K * pixels * D


def test_parameters_and_their_bytes_are_those_of_a_real_run(run):
    model = run.model
    assert cost.parameters(MODEL) == {
        "encoder": sum(p.numel() for p in model.encoder.parameters()),
        "predictor": sum(p.numel() for p in model.predictor.parameters()),
        "trained": sum(p.numel() for group in run.optimizer.param_groups for p in group["params"]),
        "averaged": sum(p.numel() for p in model.target_encoder.parameters()),
    }
    run._backward(*run.batch(1), Clock("cpu"))
    moments = [s[name] for s in run.optimizer.state.values() for name in ("exp_avg", "exp_avg_sq")]
    assert cost.static_memory(MODEL) == {
        "weights": sum(p.nbytes for p in model.parameters() if p.requires_grad),
        "gradients": sum(p.grad.nbytes for p in model.parameters() if p.grad is not None),
        "moments": sum(m.nbytes for m in moments),
        "average": sum(p.nbytes for p in model.target_encoder.parameters()),
    }


def test_muon_keeps_one_moment_of_a_matrix_in_a_block(run):
    muon = Run(replace(CONFIG, train=replace(CONFIG.train, optimizer="muon")), run.source.images)
    muon._backward(*muon.batch(0), Clock("cpu"))
    muon.optimizer.step()
    moments = [value for state in muon.optimizer.state.values() for value in state.values() if value.ndim]
    counted = cost.static_memory(MODEL, "muon")
    assert counted["moments"] == sum(m.nbytes for m in moments)
    assert counted | {"moments": None} == cost.static_memory(MODEL) | {"moments": None}


def test_what_the_paper_does_not_have_is_counted_too():
    more = replace(MODEL, target_norm="whiten", patch_embedding="whitened")
    config, draws = replace(CONFIG, model=more), cost.draw_groups(CONFIG, 11, 2)
    assert cost.mean_flops(config, draws) > cost.mean_flops(CONFIG, draws)
    assert cost.activation_bytes(config, draws) > 0


def test_fixed_positions_are_not_trained():
    fixed = replace(MODEL, predictor_positions="sincos")
    learned, table = cost.parameters(MODEL)["trained"], 5 * 7 * MODEL.predictor_width
    assert cost.parameters(fixed)["trained"] == learned - table


@pytest.mark.parametrize("model, contexts", [(MODEL, 3), (JOINT, 1)])
def test_tokens_are_those_of_the_masks(model, contexts):
    draws = cost.draw_groups(CONFIG, 11, 5)
    found = cost.tokens(model, draws)
    context = [n for step in draws for _, part in step for n in part.context_keep.sum(1).tolist()]
    target = [part.target_idx.shape[2] for step in draws for _, part in step for _ in range(len(part))]
    assert len(context) == 5 * 11
    assert found["context_tokens"] == pytest.approx(sum(context) / len(context))
    assert found["target_tokens"] == pytest.approx(sum(target) / len(target))
    assert found["predictor_tokens"] == pytest.approx(
        sum(contexts * k + 3 * t for k, t in zip(context, target, strict=True)) / len(context)
    )
    real = sum((1 + contexts) * k + 3 * t for k, t in zip(context, target, strict=True))
    padding = sum(int((~part.context_keep).sum()) for step in draws for _, part in step)
    read = real + (1 + contexts) * padding
    assert cost.tokens_read(model, draws) == pytest.approx(read / 5)
    assert found["padding"] == pytest.approx(1 - real / read) and real < read


@pytest.mark.parametrize("model, contexts", [(MODEL, 3), (JOINT, 1)])
def test_the_log_of_a_run_counts_what_was_read(run, model, contexts):
    other = Run(replace(CONFIG, model=model), run.source.images)
    parts = [part for _, part in other.batch(0)[1]]  # those of its first step
    log = other.train_step()
    targets = sum(part.target_idx.numel() for part in parts)
    read = (1 + contexts) * sum(part.context_keep.numel() for part in parts) + targets
    real = (1 + contexts) * sum(int(part.context_keep.sum()) for part in parts) + targets
    assert log["tokens"] == read and log["padding"] == pytest.approx(1 - real / read)


@pytest.mark.parametrize(
    "model",
    [MODEL, replace(MODEL, depth=1, predictor_depth=1), replace(MODEL, target_norm="place"), JOINT],
)
def test_flops_equal_a_count_by_hand(model):
    draws = cost.draw_groups(CONFIG, 11, 4)
    steps = [
        sum(B * by_hand(model, part.context_idx.shape[1], part.target_idx.shape[2], 3) for B, part in step)
        for step in draws
    ]
    found = cost.mean_flops(replace(CONFIG, model=model), draws)
    assert found == pytest.approx(sum(steps) / 4, rel=1e-6), "equal, not only near"


@pytest.mark.parametrize("rule, M", [("rasterized", 3), ("block", 1), ("random", 1)])
def test_other_rules_are_counted_by_the_targets_they_have(rule, M):
    config = Config(replace(MODEL, image_size=(28, 28)), MaskConfig(rule, num_targets=5), CONFIG.train)
    draws = cost.draw_groups(config, 11, 3)
    sizes = [(B, part.context_idx.shape[1], part.target_idx.shape[2]) for step in draws for B, part in step]
    steps = sum(B * by_hand(config.model, K, T, M) for B, K, T in sizes) / 3
    assert cost.mean_flops(config, draws) == pytest.approx(steps, rel=1e-6)
    found = cost.tokens(config.model, draws)
    assert found["padding"] == 0 and found["predictor_tokens"] == pytest.approx(
        sum(B * M * (K + T) for B, K, T in sizes) / 33
    )
    assert cost.activation_bytes(config, draws) > 0


def test_flops_equal_those_of_a_real_step_of_the_whole_network(run):
    draws = cost.draw_groups(CONFIG, 11, 1)
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        for B, part in draws[0]:
            run.model.loss(torch.randn(B, 3, 20, 28), part).backward()
    run.model.zero_grad()
    counts = counter.get_flop_counts()["Global"]
    assert sum(n for name, n in counts.items() if "bmm" in str(name)) > 0, "attention is counted"
    assert cost.mean_flops(CONFIG, draws) == pytest.approx(counter.get_total_flops(), rel=1e-6)


def test_flops_grow_with_the_batch():
    one = replace(CONFIG, train=replace(CONFIG.train, groups=100))  # an image a micro-batch: no padding
    small, large = (cost.mean_flops(one, cost.draw_groups(one, batch)) for batch in (20, 80))
    assert large / small == pytest.approx(4, rel=0.02)
    baseline = replace(CONFIG, model=replace(MODEL, predicts="pixels"))
    draws = cost.draw_groups(CONFIG, 11, 2)
    assert cost.mean_flops(baseline, draws) < 0.9 * cost.mean_flops(CONFIG, draws)


@pytest.mark.parametrize("amp", [False, True], ids=["float32", "bfloat16"])
def test_activations_are_what_a_real_step_saves(amp, run):
    config = replace(CONFIG, train=replace(CONFIG.train, amp=amp))
    draws = cost.draw_groups(config, 11, 1)
    weights = {p.untyped_storage().data_ptr() for p in run.model.parameters()}
    found = []
    for B, part in draws[0]:
        saved = []
        hooks = torch.autograd.graph.saved_tensors_hooks(lambda t, s=saved: s.append(t) or t, lambda t: t)
        with hooks, torch.autocast("cpu", torch.bfloat16, enabled=amp):
            loss = run.model.loss(torch.randn(B, 3, 20, 28), part)
        sizes = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in saved}
        found.append(sum(size for place, size in sizes.items() if place not in weights))
        assert loss.requires_grad
    assert cost.activation_bytes(config, draws) == pytest.approx(max(found), rel=0.02)


def test_autocast_saves_activations():
    wide = replace(MODEL, width=96, predictor_width=96)
    sizes = []
    for amp in (False, True):
        config = Config(wide, CONFIG.masks, replace(CONFIG.train, batch_size=64, amp=amp))
        sizes.append(cost.activation_bytes(config, cost.draw_groups(config, 64, 1)))
    assert 0.5 < sizes[1] / sizes[0] < 0.9, "half precision, but not of everything"


def test_vit_h14_is_counted_without_its_memory():
    resource = pytest.importorskip("resource")  # not on Windows
    assert resource
    code = """
import resource, sys
from jepa_lite.training import cost
from jepa_lite.presets import preset
unit = 1024 if sys.platform == "linux" else 2**20
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
tiny = preset("demo")
cost.activation_bytes(tiny, cost.draw_groups(tiny, 8, 1))  # what torch itself loads for this
before, config = peak(), preset("vit-h14")
draws = cost.draw_groups(config, 64, 4)
print(cost.parameters(config.model)["trained"], cost.mean_flops(config, draws) / 64)
print(all(p.is_meta for p in cost.bare(config.model).parameters()), cost.activation_bytes(config, draws))
print(peak() - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    trained, flops, bare, activations, grown = done.stdout.split()
    assert int(trained) > 640e6 and 0.3e12 < float(flops) < 3e12 and bare == "True"
    assert int(activations) > 1e9
    assert float(grown) < 300, f"{grown} MB more, where the weights alone would be 2,600"
