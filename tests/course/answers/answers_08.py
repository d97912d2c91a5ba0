"""Answers to the exercises of notebook 08: RIGHT ones in several ways, WRONG ones with what each is told."""

import torch
import torch.nn.functional as F

from jepa_lite import take
from jepa_lite.method.masks import Masks

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


# --- mended_loop --------------------------------------------------------------------------------------


def mended_loop(make, images, context_idx, target_idx, momentum):
    model, optimizer = make()
    losses = []
    for x, seen, asked in zip(images, context_idx, target_idx, strict=True):
        targets = take(model.as_targets(model.target_encoder(x)), asked)  # (B, M, T, D)
        context = model.encoder(x, seen)  # (B, K, D)
        predictions = model.predictor(context, seen, asked)  # (B, M, T, D)
        loss = F.smooth_l1_loss(predictions, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        model.update_target(momentum)
        losses.append(loss.item())
    return losses


def by_the_models_own_loss(make, images, context_idx, target_idx, momentum):
    model, optimizer = make()
    losses = torch.zeros(len(images))
    for s in range(len(images)):
        keep = torch.ones_like(context_idx[s]).bool()
        masks = Masks(model.config.grid, context_idx[s], keep, target_idx[s], None, padded=False)
        loss = model.loss(images[s], masks)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        model.update_target(momentum)
        losses[s] = loss.detach()
    return losses


def average_by_hand(make, images, context_idx, target_idx, momentum):
    model, optimizer = make()

    def step(x, seen, asked):
        with torch.no_grad():
            targets = take(model.targets(x), asked)
        loss = F.smooth_l1_loss(model.predictor(model.encoder(x, seen), seen, asked), targets)
        optimizer.zero_grad(set_to_none=False)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for slow, quick in zip(
                model.target_encoder.parameters(), model.encoder.parameters(), strict=True
            ):
                slow.copy_(momentum * slow + (1 - momentum) * quick)
        return loss.detach()

    return torch.stack([step(*batch) for batch in zip(images, context_idx, target_idx, strict=True)])


def broken(make, images, context_idx, target_idx, momentum):
    model, optimizer = make()
    losses = []
    for x, seen, asked in zip(images, context_idx, target_idx, strict=True):
        targets = model.as_targets(take(model.target_encoder(x), asked))
        context = take(model.encoder(x), seen)
        predictions = model.predictor(context, torch.arange(seen.shape[1]).expand_as(seen), asked)
        loss = F.smooth_l1_loss(predictions, targets)
        loss.backward()
        optimizer.step()
        model.update_target(1 - momentum)
        losses.append(loss.item())
    return losses


def with_one_fault(late=False, leak=False, lost=False, zero=True, swapped=False):
    def looped(make, images, context_idx, target_idx, momentum):
        model, optimizer = make()
        losses = []
        for x, seen, asked in zip(images, context_idx, target_idx, strict=True):
            tokens = model.target_encoder(x)
            targets = model.as_targets(take(tokens, asked)) if late else take(model.as_targets(tokens), asked)
            context = take(model.encoder(x), seen) if leak else model.encoder(x, seen)
            places = torch.arange(seen.shape[1]).repeat(len(seen), 1) if lost else seen
            loss = F.smooth_l1_loss(model.predictor(context, places, asked), targets)
            if zero:
                optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            model.update_target(1 - momentum if swapped else momentum)
            losses.append(loss.item())
        return losses

    looped.__name__ = f"{late}, {leak}, {lost}, {zero}, {swapped}"
    return looped


RIGHT = {
    "decay_groups": [decay_groups, by_the_kind_of_module, a_group_for_each],
    "mended_loop": [mended_loop, by_the_models_own_loss, average_by_hand],
}
WRONG = {
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
    "mended_loop": [
        (broken, "All five faults are left"),
        (with_one_fault(late=True), "One fault is left. The targets are normalised"),
        (with_one_fault(leak=True), "One fault is left. The context encoder reads"),
        (with_one_fault(lost=True), "One fault is left. The predictor is told"),
        (with_one_fault(zero=False), "One fault is left. Gradients add up"),
        (with_one_fault(swapped=True), "One fault is left. The weights of the moving"),
    ],
}
