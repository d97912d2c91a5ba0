"""More wrong answers to the exercises of notebook 08: (the mistake, the answer, words of what it is told)."""

import torch
import torch.nn.functional as F

from jepa_lite import take

# --- decay_groups -------------------------------------------------------------------------------------


def _split(model, weight_decay, pulled, learns=lambda p: p.requires_grad):
    groups = [{"params": [], "weight_decay": weight_decay}, {"params": [], "weight_decay": 0.0}]
    for name, p in model.named_parameters():
        if learns(p):
            groups[not pulled(name, p)]["params"].append(p)
    return groups


def _right(name, p):
    return p.ndim > 1 and not name.endswith("positions")


def freezes(model, weight_decay):
    for p in model.parameters():
        if p.ndim < 2:
            p.requires_grad_(False)
    return _split(model, weight_decay, _right)


def zeroes(model, weight_decay):
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(1 - weight_decay)
    return _split(model, weight_decay, _right)


def _second_only(model, weight_decay):
    return _split(model, weight_decay, _right)[:1]


def _pairs(model, weight_decay):
    named = [x for x in model.named_parameters() if x[1].requires_grad]
    return [{"params": named, "weight_decay": weight_decay}]


def _copies(model, weight_decay):
    groups = _split(model, weight_decay, _right)
    return groups + [{"params": [torch.zeros(3)], "weight_decay": 0.0}]


# --- mended_loop --------------------------------------------------------------------------------------


def _targets(model, x, asked):
    return take(model.targets(x), asked)


def _seen(model, x, seen):
    return model.encoder(x, seen)


def _move(model, optimizer, loss, momentum):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    model.update_target(momentum)


def _mended(targets=_targets, context=_seen, move=_move, distance=F.smooth_l1_loss, more=0.0, places=None):
    """A right loop, of which the caller replaces a part."""

    def loop(make, images, context_idx, target_idx, momentum):
        model, optimizer = make()
        losses = []
        for x, seen, asked in zip(images, context_idx, target_idx, strict=True):
            given = seen if places is None else places.expand_as(seen)
            predictions = model.predictor(context(model, x, seen), given, asked)
            loss = distance(predictions, targets(model, x, asked))
            move(model, optimizer, loss, momentum)
            losses.append(loss.item() + more)
        return losses

    return loop


def _by_the_encoder(model, x, asked):
    return take(model.as_targets(model.encoder(x)), asked)


def _by_the_encoder_without_gradient(model, x, asked):
    with torch.no_grad():
        return _by_the_encoder(model, x, asked)


def _normed_late(model, x, asked):
    return model.as_targets(take(model.target_encoder(x), asked))


def _never_normed(model, x, asked):
    return take(model.target_encoder(x), asked)


def _cut_afterwards(model, x, seen):
    return take(model.encoder(x), seen)


def _adding_up(model, optimizer, loss, momentum):
    loss.backward()
    optimizer.step()
    model.update_target(momentum)


def _following_at_once(model, optimizer, loss, momentum):
    _move(model, optimizer, loss, 1 - momentum)


def _following_early(model, optimizer, loss, momentum):
    optimizer.zero_grad()
    loss.backward()
    model.update_target(momentum)
    optimizer.step()


def _adding_up_and_following_at_once(model, optimizer, loss, momentum):
    _adding_up(model, optimizer, loss, 1 - momentum)


def _zero_before_the_step(model, optimizer, loss, momentum):
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    model.update_target(momentum)


def _last_loss(*given):
    return _mended()(*given)[-1]


def _in_place(make, images, context_idx, target_idx, momentum):
    images -= images.mean()
    return _mended()(make, images, context_idx, target_idx, momentum)


SLIPS = {
    "decay_groups": [
        ("nothing decays", lambda m, d: _split(m, d, lambda n, p: False), "Nothing decays"),

                ("biases and norms", lambda m, d: _split(m, d, lambda n,
         p: (p.ndim < 2 and "token" not in n) or _right(n, p)),
         "gains of layer norms decay"),
        ("everything named weight", lambda m, d: _split(m, d, lambda n, p: n.endswith("weight")),
         "gains of layer"),
        ("by dimension", lambda m, d: _split(m, d, lambda n, p: p.dim() > 1), "list of addresses"),
        ("only attention", lambda m, d: _split(m, d, lambda n, p: _right(n, p) and "attn" in n),
         "are matrices"),
        ("model decays wholly", lambda m, d: [{"params": [p for p in m.parameters() if p.requires_grad],
                                               "weight_decay": d}], "Everything decays"),
        ("target encoder too", lambda m, d: _split(m, d, _right, lambda p: True), "without a gradient"),
        ("parameters()", lambda m, d: [{"params": m.parameters(), "weight_decay": d}], "without a gradient"),
        ("second group missing", _second_only, "in no group"),
        ("names and parameters", _pairs, "not their names or pairs"),

                ("rate as text", lambda m,
         d: [g | {"weight_decay": str(g["weight_decay"])} for g in _split(m, d, _right)],
         "should be a number"),
        ("half the rate", lambda m, d: _split(m, d / 2, _right), "was asked for"),
        ("other keys", lambda m, d: [{"parameters": g["params"], "decay": 0.0} for g in _split(m, d, _right)],
         "list of dicts"),
        ("one dict", lambda m, d: _split(m, d, _right)[0], "list of dicts"),
        ("an optimiser", lambda m, d: torch.optim.AdamW(_split(m, d, _right)), "list of dicts"),
        ("foreign tensors", _copies, "no parameters of the model"),
        ("freezes", freezes, "changes its input"),
        ("shrinks", zeroes, "changes its input"),
        ("mirror image", lambda m, d: _split(m, d, lambda n, p: not _right(n, p)), "wrong way round"),
    ],
    "mended_loop": [
        ("two left, addresses and sums", _mended(move=_adding_up, places=torch.arange(9)),
         "Two faults are left. For example: The predictor is told"),
        ("two left, leak and late norm", _mended(_normed_late, _cut_afterwards),
         "Two faults are left. For example: The targets are normalised"),
        ("two left, both in the weights", _mended(move=_adding_up_and_following_at_once),
         "Two faults are left. For example: Gradients add up"),
        ("three left", _mended(_normed_late, _cut_afterwards, _adding_up), "Three faults are left"),
        ("four left", _mended(_normed_late, _cut_afterwards, _adding_up_and_following_at_once),
         "Four faults are left"),
        ("targets that learn", _mended(_by_the_encoder), "the gradient reaches them"),
        ("the encoder, detached", _mended(_by_the_encoder_without_gradient), "although without a gradient"),
        ("a step late", _mended(move=_following_early), "always a step late"),
        ("moves at once", _mended(move=_following_at_once), "weights of the moving average are swapped"),
        ("no norm at all", _mended(_never_normed), None),
        ("zero before the step", _mended(move=_zero_before_the_step), None),
        ("squared distance", _mended(distance=F.mse_loss), None),
        ("the last loss alone", _last_loss, "it gives ()"),
        ("changes the images", _in_place, "changes its input"),
        ("one too large", _mended(more=1.0), "1 too large"),
    ],
}  # fmt: skip
