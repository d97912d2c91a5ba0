"""The mistakes that are known of each part: the reference solution with a line or two replaced.

An answer that gives the same numbers as such a variant is told what it did.
"""

import functools
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from .. import ijepa_in_one_file


@dataclass(frozen=True)
class Fault:
    """A mistake: what is said of it, and what of the reference's text becomes what: ((old, new), ...)."""

    message: str
    changes: tuple[tuple[str, str], ...]


def fault(message: str, *texts: str) -> Fault:
    """A `Fault` of old, new, old, new, ..."""
    return Fault(message, tuple(zip(texts[::2], texts[1::2], strict=True)))


@functools.lru_cache(maxsize=256)
def variant(name: str, wrong: Fault) -> ModuleType:
    """The reference solution with a fault in its part `name`. Raises ValueError if a text is not in it."""
    before, start, rest = SOURCE.partition(f"{_kind(name)} {name}(")
    end = rest.index("\n\n\n") if "\n\n\n" in rest else len(rest)
    body, after = rest[:end], rest[end:]
    for old, new in wrong.changes:
        if old not in body:
            raise ValueError(f"the reference's {name} does not hold {old!r}")
        body = body.replace(old, new)
    module = ModuleType(f"wrong_{name}")
    exec(compile(before + start + body + after, f"<{name} with a fault>", "exec"), module.__dict__)
    return module


SOURCE = Path(ijepa_in_one_file.__file__).read_text("utf-8")


def _kind(name):
    return "class" if f"\nclass {name}(" in SOURCE else "def"


KEEP_IS_LOST = (
    "Padding is attended to: a score of a key whose `keep` is False must become -inf before the softmax."
)
ORDER = "x.permute(0, 2, 4, 1, 3, 5)"
LINE = "for block in self.blocks:\n            x = block(x, keep)"
FAULTS = {
    "patchify": (
        fault("Within a patch the channels come last. The order is channel, row, column.",
              ORDER, "x.permute(0, 2, 4, 3, 5, 1)"),
        fault("The patches are numbered column by column. Patch 1 is to the right of patch 0.",
              ORDER, "x.permute(0, 4, 2, 1, 3, 5)"),
        fault("Each patch is transposed: within it, the row comes before the column.",
              ORDER, "x.permute(0, 2, 4, 1, 5, 3)"),
        fault("This only reshapes, so a patch is a piece of a line of pixels and not a square.",
              f"return {ORDER}.reshape", "return x.reshape"),
    ),
    "sincos_positions": (
        fault("The row's half comes before the column's. The column's comes first.",
              "[column.sin(), column.cos(), row.sin(), row.cos()]",
              "[row.sin(), row.cos(), column.sin(), column.cos()]"),
        fault("Both sines come before both cosines. One coordinate's sines and cosines stand together.",
              "[column.sin(), column.cos(), row.sin(), row.cos()]",
              "[column.sin(), row.sin(), column.cos(), row.cos()]"),
        fault("Cosines come before sines.",
              "[column.sin(), column.cos(), row.sin(), row.cos()]",
              "[column.cos(), column.sin(), row.cos(), row.sin()]"),
        fault("The frequencies fall too slowly: the exponent is i / (width / 4), from 0 towards 1.",
              "/ (width // 4))\n", "/ (width // 2))\n"),
        fault("The frequencies grow: they fall from 1 towards 1 / 10000.", "10000.0 ** -(", "10000.0 ** ("),
        fault("All frequencies are 1.", "10000.0 ** -(", "1.0 ** -("),
    ),
    "Attention": (
        fault("The scores are not divided by the square root of a head's width D / heads.",
              " / math.sqrt(q.shape[-1])", ""),
        fault("The scores are divided by sqrt(D). A head's queries have only D / heads values.",
              "math.sqrt(q.shape[-1])", "math.sqrt(x.shape[-1])"),
        fault("The scores are divided by D / heads; its square root is missing.",
              "math.sqrt(q.shape[-1])", "q.shape[-1]"),
        fault(KEEP_IS_LOST, "if keep is not None:", "if False:"),
        fault("`keep` is read the wrong way round: True is a real token, False is padding.",
              "~keep[:, None, None]", "keep[:, None, None]"),
        fault("The softmax runs over the queries. Each query shares out a weight of 1 over the KEYS, the "
              "last axis.",
              "scores.softmax(-1)", "scores.softmax(-2)"),
        fault("The last linear layer `proj` is not used.", "return self.proj((", "return (("),
        fault("Heads and q, k, v are mixed up: the last axis of qkv is (3, heads, D / heads), in this order.",
              "(3, self.heads, -1)).permute(2, 0, 3, 1, 4)", "(self.heads, 3, -1)).permute(3, 0, 2, 1, 4)"),
        fault("The heads are put together in the wrong order: move their axis back behind the tokens before "
              "you flatten.", ".transpose(1, 2).flatten(2))", ".reshape(x.shape))"),
    ),
    "Block": (
        fault("The norms come after the sums. Here they come first, on a copy, and the sum is left as it is.",
              "x = x + self.attn(self.norm1(x), keep)", "x = self.norm1(x + self.attn(x, keep))",
              "return x + self.mlp(self.norm2(x))", "return self.norm2(x + self.mlp(x))"),
        fault("The first sum is missing: attention is added to x.", "x = x + self.attn(", "x = self.attn("),
        fault("The second sum is missing: the MLP's output is added to x.", "return x + self.mlp(",
              "return self.mlp("),
        fault("Nothing is normalised.", "self.norm1(x)", "x", "self.norm2(x)", "x"),
        fault("Both norms are `norm1`.", "self.norm2(x)", "self.norm1(x)"),
        fault("`keep` is not handed to the attention, so padding is attended to.", "self.norm1(x), keep)",
              "self.norm1(x))"),
        fault("Between the two layers of the MLP stands a ReLU. It should be a GELU.",
              "nn.GELU()", "nn.ReLU()"),
        fault("Between the two layers of the MLP stands nothing that is not linear.", "nn.GELU()",
              "nn.Identity()"),
    ),
    "Encoder": (
        fault("The positions are the first K of the table. Take those of the patches that are seen.",
              "positions[idx]", "positions[: idx.shape[1]]"),
        fault("All patches go through the blocks, and the output is cut afterwards, so the context tokens "
              "hold what attention brought them from the targets. Drop patches from the input.",
              "if idx is not None:", "if False:", "block(x, keep)", "block(x)", "return self.norm(x)",
              "return self.norm(x) if idx is None else take(self.norm(x), idx)"),
        fault("The last norm is missing.", "return self.norm(x)", "return x"),
        fault("Positions are not added.", "self.embed(patches) + positions", "self.embed(patches)"),
        fault("`keep` is not handed to the blocks, so padding is attended to.", "block(x, keep)", "block(x)"),
    ),
    "Predictor": (
        fault("The context tokens get no positions. They need those of the predictor's own table.",
              "self.embed(context) + self.positions[context_idx]", "self.embed(context)"),
        fault("The mask tokens get no positions, so all of them ask the same.",
              "self.mask_token + self.positions[target_idx]",
              "self.mask_token + 0 * self.positions[target_idx]"),
        fault("The mask token is missing: a target token is the mask token plus its position.",
              "self.mask_token + self.positions[target_idx]", "self.positions[target_idx]"),
        fault("The context's positions are the first K of the table. Filter it by context_idx.",
              "self.positions[context_idx]", "self.positions[: context_idx.shape[1]]"),
        fault("It returns the first T tokens of each sequence, which are context. The targets stand at the "
              "end.",
              "x[:, -T:]", "x[:, :T]"),
        fault("Padding of the context is attended to: hand the blocks `keep`, with True for the T targets.",
              LINE, LINE.replace(", keep", "")),
        fault("The last norm is missing.", "self.norm(x[:, -T:])", "x[:, -T:]"),
        fault("All targets of an image stand in one sequence and attend to each other. Each of the M blocks "
              "has a sequence of its own.",
              "torch.cat([given[:, None].expand(-1, M, -1, -1), asked], 2).flatten(0, 1)",
              "torch.cat([given, asked.flatten(1, 2)], 1)",
              "keep.new_ones(B, T)], 1).repeat_interleave(M, 0)", "keep.new_ones(B, M * T)], 1)",
              "x[:, -T:])).unflatten(0, (B, M))", "x[:, -M * T :])).unflatten(1, (M, T))"),
    ),
    "IJEPA": (
        fault("The targets are not normalised over the batch.",
              "return (tokens - tokens.mean(0)) / (tokens.std(0, correction=0) + 1e-5)", "return tokens"),
        fault("The targets have the released code's norm, each token over its own D values. In a run as "
              "short as ours that collapses: take mean and standard deviation over the batch, at each place.",
              "return (tokens - tokens.mean(0)) / (tokens.std(0, correction=0) + 1e-5)",
              "return F.layer_norm(tokens, tokens.shape[-1:])"),
        fault("The standard deviation divides by B - 1. Divide by B (correction=0).", "correction=0",
              "correction=1"),
        fault("Mean and standard deviation run over all places together. Each place has its own.",
              "tokens.mean(0)", "tokens.mean((0, 1))", "tokens.std(0, correction=0)",
              "tokens.std((0, 1), correction=0)"),
        fault("The context encoder makes the targets. The target encoder should.",
              "self.target_encoder(images)", "self.encoder(images)"),
        fault("The loss is the squared distance (the paper's text). The specification takes smooth-L1, as "
              "the released code does.", "F.smooth_l1_loss", "F.mse_loss"),
        fault("The loss is the absolute distance. The specification takes smooth-L1.", "F.smooth_l1_loss",
              "F.l1_loss"),
        fault("The weights of the moving average are swapped: a share `momentum` of the target encoder "
              "stays.",
              "1 - momentum", "momentum"),
        fault("The target encoder does not follow: update_target changes nothing.", "target.lerp_(ours, ",
              "target.lerp(ours, "),
        fault("The target encoder's parameters still require a gradient, so an optimiser would train them.",
              ".requires_grad_(False)", ""),
        fault("The target encoder does not begin as a copy of the encoder.",
              "copy.deepcopy(self.encoder)", "Encoder(config)"),
        fault("The context encoder sees the whole image: hand it context_idx and keep.",
              "context = self.encoder(images, context_idx, keep)",
              "context = take(self.encoder(images), context_idx)"),
        fault("`keep` is not handed to the encoder, so it attends to padding.",
              "self.encoder(images, context_idx, keep)", "self.encoder(images, context_idx)"),
        fault("Of the predictions, no gradient reaches the encoder: only the targets are to be cut off.",
              "context = self.encoder(images, context_idx, keep)",
              "context = self.encoder(images, context_idx, keep).detach()"),
    ),
    "rates": (
        fault("The warm-up begins at 0. It begins at start_lr * lr.",
              "train.start_lr + (1 - train.start_lr) * progress", "progress"),
        fault("There is no warm-up.", "train.start_lr + (1 - train.start_lr) * progress / max(train.warmup, "
                                      "1e-9)",
              "1.0"),
        fault("The cosine counts from the start of the run. It begins where the warm-up ends: measure the "
              "share of the REST that is done.",
              "(progress - train.warmup) / max(1 - train.warmup, 1e-9)", "progress"),
        fault("The learning rate ends at 0. It ends at final_lr * lr.",
              "train.final_lr + (1 - train.final_lr) * (1 + math.cos(math.pi * q)) / 2",
              "(1 + math.cos(math.pi * q)) / 2"),
        fault("After the warm-up the learning rate falls in a straight line. It should be half a cosine.",
              "(1 + math.cos(math.pi * q)) / 2", "(1 - q)"),
        fault("The learning rate is a share: multiply it by lr.", "return train.lr * share", "return share"),
        fault("Weight decay and momentum stay at their first values.", "a + (b - a) * progress", "a"),
        fault("Weight decay and momentum are swapped: the order is learning rate, weight decay, momentum.",
              "share, decay, momentum", "share, momentum, decay"),
        fault("Weight decay and momentum follow a cosine, as the released code's weight decay does. Here "
              "they are lines.", "a + (b - a) * progress",
              "b + (a - b) * (1 + math.cos(math.pi * progress)) / 2"),
    ),
    "train_step": (
        fault("Gradients add up from step to step: set them to zero.", "    optimizer.zero_grad()\n", ""),
        fault("The gradient is not clipped to config.train.clip_grad.",
              "clip_grad_norm_(model.parameters(), config.train.clip_grad or math.inf)", "pass"),
        fault("The target encoder does not follow: call update_target after the optimiser's step.",
              "model.update_target(momentum)", "pass"),
        fault("The target encoder follows before the optimiser's step, so it is always a step late.",
              "    optimizer.step()\n    model.update_target(momentum)",
              "    model.update_target(momentum)\n    optimizer.step()"),
        fault("The rates are not written into the optimiser's groups.",
              "group.update(lr=lr, weight_decay=decay)", "pass"),
        fault("Every group decays. The last one holds biases, norms, the mask token and positions, and must "
              "not.",
              'group["weight_decay"] = 0.0', "pass"),
        fault("The optimiser makes no step.", "    optimizer.step()\n", ""),
        fault("The learning rate is written into one group alone; each of them needs it.",
              "for group in optimizer.param_groups:", "for group in optimizer.param_groups[-1:]:"),
    ),
}  # fmt: skip
