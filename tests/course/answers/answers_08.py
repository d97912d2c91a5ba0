"""Answers to the exercises of notebook 08: RIGHT ones in several ways, WRONG ones with what each is told."""

import math

import numpy as np
import torch

# --- warmup_cosine ------------------------------------------------------------------------------------


def warmup_cosine(progress, lr, warmup, start, final):
    rise = start + (1 - start) * progress / max(warmup, 1e-9)  # (S,)
    q = (progress - warmup) / (1 - warmup)
    fall = final + (1 - final) * (1 + torch.cos(torch.pi * q)) / 2
    return lr * torch.where(progress < warmup, rise, fall)  # (S,)


def rates_in_loops(progress, lr, warmup, start, final):
    rates = []
    for p in progress.tolist():
        if p < warmup:
            rates.append(lr * start + (lr - lr * start) * p / warmup)
        else:
            q = (p - warmup) / (1 - warmup)
            rates.append(lr * final + lr * (1 - final) * math.cos(math.pi * q / 2) ** 2)
    return rates


def rates_in_numpy(progress, lr, warmup, start, final):
    p = progress.numpy().astype(np.float64)
    shares = final + (1 - final) * (0.5 + 0.5 * np.cos(np.pi * (p - warmup) / (1 - warmup)))
    early = p < warmup
    shares[early] = np.interp(p[early], [0, max(warmup, 1e-12)], [start, 1])
    return lr * shares


def from_zero(progress, lr, warmup, start, final):
    rates = warmup_cosine(progress, lr, warmup, start, final)
    early = progress < warmup
    rates[early] = lr * progress[early] / warmup
    return rates


def at_full_rate_at_once(progress, lr, warmup, start, final):
    rates = warmup_cosine(progress, lr, warmup, start, final)
    rates[progress < warmup] = lr
    return rates


def cosine_of_the_whole_run(progress, lr, warmup, start, final):
    rates = warmup_cosine(progress, lr, warmup, start, final)
    late = progress >= warmup
    rates[late] = lr * (final + (1 - final) * (1 + torch.cos(math.pi * progress[late])) / 2)
    return rates


def to_zero(progress, lr, warmup, start, final):
    return warmup_cosine(progress, lr, warmup, start, 0.0)


def in_a_straight_line(progress, lr, warmup, start, final):
    rates = []
    for p in progress.tolist():
        if p < warmup:
            rates.append(lr * (start + (1 - start) * p / warmup))
        else:
            rates.append(lr * (1 - (1 - final) * (p - warmup) / (1 - warmup)))
    return torch.tensor(rates)


def start_and_final_are_rates(progress, lr, warmup, start, final):
    rise = start + (lr - start) * progress / max(warmup, 1e-9)
    q = (progress - warmup) / (1 - warmup)
    fall = final + (lr - final) * (1 + torch.cos(torch.pi * q)) / 2
    return torch.where(progress < warmup, rise, fall)


def rising_for_ever(progress, lr, warmup, start, final):
    rise = start + (1 - start) * progress / max(warmup, 1e-9)
    q = (progress - warmup) / (1 - warmup)
    fall = final + (1 - final) * (1 - torch.cos(torch.pi * q)) / 2
    return lr * torch.where(progress < warmup, rise, fall)


def divides_by_no_warmup(progress, lr, warmup, start, final):
    q = (progress - warmup) / (1 - warmup)
    fall = final + (1 - final) * (1 + torch.cos(torch.pi * q)) / 2
    rise = start + (1 - start) * progress / warmup
    return lr * torch.where(progress <= warmup, rise, fall)


def a_whole_cosine(progress, lr, warmup, start, final):
    rise = start + (1 - start) * progress / max(warmup, 1e-9)
    q = (progress - warmup) / (1 - warmup)
    fall = final + (1 - final) * (1 + torch.cos(2 * torch.pi * q)) / 2
    return lr * torch.where(progress < warmup, rise, fall)


# --- decay_groups -------------------------------------------------------------------------------------


def decay_groups(model, weight_decay):
    learning = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    pulled = [p for name, p in learning if p.dim() >= 2 and "positions" not in name]
    free = [p for name, p in learning if p.dim() < 2 or "positions" in name]
    return [{"params": pulled, "weight_decay": weight_decay}, {"params": free, "weight_decay": 0.0}]


def by_the_kind_of_module(model, weight_decay):
    pulled = [m.weight for m in model.modules() if isinstance(m, torch.nn.Linear) and m.weight.requires_grad]
    ids = {id(p) for p in pulled}
    free = (p for p in model.parameters() if p.requires_grad and id(p) not in ids)
    return [{"params": free, "weight_decay": 0.0}, {"params": iter(pulled), "weight_decay": weight_decay}]


def a_group_for_each(model, weight_decay):
    groups = []
    for part in (model.encoder, model.predictor):
        for name, p in part.named_parameters():
            plain = name.endswith(("bias", "mask_token", "positions")) or "norm" in name
            if p.requires_grad:
                groups.append({"params": [p], "weight_decay": 0 if plain else weight_decay})
    return tuple(groups)


def split(model, weight_decay, decays, learns=lambda p: p.requires_grad):
    groups = [{"params": [], "weight_decay": weight_decay}, {"params": [], "weight_decay": 0.0}]
    for name, p in model.named_parameters():
        if learns(p):
            groups[0 if decays(name, p) else 1]["params"].append(p)
    return groups


def all_in_one_group(model, weight_decay):
    return split(model, weight_decay, lambda name, p: True)


def the_other_way_round(model, weight_decay):
    return split(model, weight_decay, lambda name, p: p.ndim < 2 or name.endswith("positions"))


def biases_decay(model, weight_decay):
    return split(
        model,
        weight_decay,
        lambda name, p: "norm" not in name and not name.endswith(("mask_token", "positions")),
    )


def norms_decay(model, weight_decay):
    return split(
        model, weight_decay, lambda name, p: "bias" not in name and not name.endswith(("token", "positions"))
    )


def positions_decay(model, weight_decay):
    return split(model, weight_decay, lambda name, p: p.ndim > 1)


def the_mask_token_decays(model, weight_decay):
    return split(
        model, weight_decay, lambda name, p: (p.ndim > 1 or "token" in name) and "positions" not in name
    )


def with_the_target_encoder(model, weight_decay):
    return split(
        model, weight_decay, lambda name, p: p.ndim > 1 and "positions" not in name, learns=lambda p: True
    )


def without_the_predictor(model, weight_decay):
    return split(model.encoder, weight_decay, lambda name, p: p.ndim > 1)


def embeddings_are_spared(model, weight_decay):
    return split(
        model, weight_decay, lambda name, p: p.ndim > 1 and "positions" not in name and "embed" not in name
    )


def twice(model, weight_decay):
    return decay_groups(model, weight_decay) + decay_groups(model, weight_decay)


def the_papers_value(model, weight_decay):
    return decay_groups(model, 0.04)


def names_only(model, weight_decay):
    names = [name for name, p in model.named_parameters() if p.requires_grad]
    return [{"params": names, "weight_decay": weight_decay}]


def two_lists(model, weight_decay):
    return [group["params"] for group in decay_groups(model, weight_decay)]


RIGHT = {
    "warmup_cosine": [warmup_cosine, rates_in_loops, rates_in_numpy],
    "decay_groups": [decay_groups, by_the_kind_of_module, a_group_for_each],
}
WRONG = {
    "warmup_cosine": [
        (from_zero, "begins at 0"),
        (at_full_rate_at_once, "no warm-up"),
        (cosine_of_the_whole_run, "counts from the start of the run"),
        (to_zero, "ends at 0"),
        (in_a_straight_line, "straight line"),
        (start_and_final_are_rates, "shares of lr"),
        (rising_for_ever, "it rises"),
        (divides_by_no_warmup, "0 / 0"),
        (a_whole_cosine, "whole cosine"),
    ],
    "decay_groups": [
        (all_in_one_group, "Everything decays"),
        (the_other_way_round, "wrong way round"),
        (biases_decay, "biases decay"),
        (norms_decay, "gains of layer norms"),
        (positions_decay, "list of addresses"),
        (the_mask_token_decays, "mask token decays"),
        (with_the_target_encoder, "without a gradient"),
        (without_the_predictor, "in no group"),
        (embeddings_are_spared, "are matrices"),
        (twice, "twice"),
        (the_papers_value, "was asked for"),
        (names_only, "not their names"),
        (two_lists, "list of dicts"),
    ],
}
