"""More wrong answers to the exercises of notebook 05: (the mistake, the answer, words of what it is told)."""

import torch

# --- predictor_input --------------------------------------------------------------------------------


def _joined(context, target):
    return torch.cat([context[:, None].repeat(1, target.shape[1], 1, 1), target], 2)


def _input(c, ci, ti, m, p):
    return _joined(c + p[ci], m + p[ti])


def _mask(ti, m):
    return m.expand(*ti.shape, -1)


def adds_in_place(c, ci, ti, m, p):
    c += p[ci]
    return _joined(c, m + p[ti])


def blocks_of_other_images(c, ci, ti, m, p):
    (B, M, _), K = ti.shape, c.shape[1]
    context = (c + p[ci]).repeat(M, 1, 1).view(B, M, K, -1)
    return torch.cat([context, m + p[ti]], 2)


def without_gradient(c, ci, ti, m, p):
    with torch.no_grad():
        return _input(c, ci, ti, m, p)


# --- rows_used --------------------------------------------------------------------------------------


def _flags(N, *rows):
    return torch.isin(torch.arange(N), torch.cat([r.flatten() for r in rows]))


def _used(ci, k, ti, N):
    return _flags(N, ci[k], ti)


def never_row_zero(ci, k, ti, N):
    used = _used(ci, k, ti, N)
    used[0] = False
    return used


def unless_padded(ci, k, ti, N):
    used = _used(ci, k, ti, N)
    used[0] &= bool(k.all())
    return used


def fills_in_place(ci, k, ti, N):
    ci[~k] = ti[0, 0, 0]
    return _flags(N, ci, ti)


def bool_minus_bool(ci, k, ti, N):
    return _flags(N, ci, ti) - _flags(N, ci[~k])


# --- expected_gain ----------------------------------------------------------------------------------


def _gain(p, t):
    return torch.cdist(p, t).square().mean() / t.shape[2] / _mse(p, t)


def _mse(p, t):
    return (p - t).square().mean()


def _var(x):
    return x.var(1, correction=min(1, x.shape[1] - 1))


def one_random_shuffle(p, t):
    order = torch.randperm(p.shape[1], generator=torch.Generator().manual_seed(0))
    return _mse(p[:, order], t) / _mse(p, t)


def subtracts_in_place(p, t):
    gain = _gain(p, t)
    p -= t
    return gain


def never_for_one_place(p, t):
    S = p.shape[1]
    losses = [_mse(p.roll(shift, 1), t) for shift in range(S)]
    return sum(losses[1:]) / (S - 1) / losses[0]


SLIPS = {
    "expected_gain": [
        ("back to front", lambda p, t: _mse(p.flip(1), t) / _mse(p, t), "back to front"),
        ("turned the other way", lambda p, t: _mse(p, t.roll(1, 1)) / _mse(p, t), "by one place"),
        ("targets averaged", lambda p, t: _mse(p, t.mean(1, keepdim=True)) / _mse(p, t),
         "The targets are averaged"),
        ("answers averaged", lambda p, t: _mse(p.mean(1, keepdim=True), t) / _mse(p, t),
         "The answers are averaged"),
        ("absolute", lambda p, t: (p[:, None] - t[:, :, None]).abs().mean() / (p - t).abs().mean(),
         "absolute error"),
        ("difference", lambda p, t: (_gain(p, t) - 1) * _mse(p, t), "difference of the two"),
        ("growth", lambda p, t: _gain(p, t) - 1, "as a share"),
        ("one for each image", lambda p, t: (p[:, :, None] - t[:, None]).square().mean((1, 2, 3))
         / (p - t).square().mean((1, 2)), "a ratio for each image"),
        ("1 + V / L", lambda p, t: 1 + p.var(1, unbiased=False).mean() / _mse(p, t), "1 + V / L"),
        ("no means", lambda p, t: (p.var(1, correction=0) + t.var(1, correction=0)).mean() / _mse(p, t),
         "means are forgotten"),
        ("sample variance", lambda p, t: (_var(p) + _var(t) + (p.mean(1) - t.mean(1)) ** 2).mean()
         / _mse(p, t), "divided by S - 1"),
        ("answers with answers", lambda p, t: torch.cdist(p, p).square().mean() / t.shape[2] / _mse(p, t),
         "answers are compared with each other"),
        ("targets with targets", lambda p, t: torch.cdist(t, t).square().mean() / t.shape[2] / _mse(p, t),
         "targets are compared with each other"),
        ("one random shuffle", one_random_shuffle, None),
        ("in place", subtracts_in_place, "changes its input"),
        ("S - 1 for one place", never_for_one_place, "right answer is left out"),
        ("squeezed", lambda p, t: _gain(p.squeeze(), t.squeeze()), "one number (D = 1)"),
        ("flattened", lambda p, t: torch.cdist(p.flatten(0, 1), t.flatten(0, 1)).square().mean()
         / t.shape[2] / _mse(p, t), "places of other images"),
    ],
    "predictor_input": [
        ("no addresses", lambda c, ci, ti, m, p: _joined(c, _mask(ti, m)), "No token has an address"),
        ("context's address twice", lambda c, ci, ti, m, p: _joined(c + 2 * p[ci], m + p[ti]), "added twice"),
        ("target's rows cut", lambda c, ci, ti, m, p: _joined(c + p[ci], _mask(ti, m) + p[: ti.shape[2]]),
         "cut and not filtered"),
        ("context's rows cut", lambda c, ci, ti, m, p: _joined(c + p[: ci.shape[1]], m + p[ti]),
         "cut and not"),
        ("mask token on the context", lambda c, ci, ti, m, p: _input(c + m, ci, ti, m, p),
         "to the context as well"),
        ("multiplied", lambda c, ci, ti, m, p: _joined(c * p[ci], m * p[ti]), "multiplied"),
        ("subtracted", lambda c, ci, ti, m, p: _input(c, ci, ti, m, -p), "subtracted"),
        ("images mixed", blocks_of_other_images, "Images are mixed up"),
        ("context forgotten", lambda c, ci, ti, m, p: _joined(p[ci], m + p[ti]), "context's tokens are 0"),
        ("one block", lambda c, ci, ti, m, p: _input(c, ci, ti, m, p)[:, :1], "one block only"),
        ("one sequence", lambda c, ci, ti, m, p: torch.cat([c + p[ci], (m + p[ti]).flatten(1, 2)], 1),
         "in one sequence"),
        ("targets alone", lambda c, ci, ti, m, p: m + p[ti], "mask tokens alone"),
        ("B and M joined", lambda c, ci, ti, m, p: _input(c, ci, ti, m, p).flatten(0, 1), "on one axis"),
        ("addresses reversed", lambda c, ci, ti, m, p: _joined(c + p[ci], m + p[ti.flip(2)]), "reversed"),
        ("row before", lambda c, ci, ti, m, p: _input(c, ci - 1, ti - 1, m, p), "Off by one"),
        ("first image's targets", lambda c, ci, ti, m, p: _input(c, ci, ti[:1].repeat(len(ti), 1, 1), m, p),
         "addresses of the first one"),
        ("mask token and table detached", lambda c, ci, ti, m, p: _input(c, ci, ti, m.detach(), p.detach()),
         "the mask token and the positions"),
        ("table detached", lambda c, ci, ti, m, p: _input(c, ci, ti, m, p.data), "reaches the positions"),
        ("no_grad", without_gradient, "reaches the context and"),
        ("in place", adds_in_place, "changes its input"),
        ("squeezed", lambda c, ci, ti, m, p: _input(c, ci, ti, m, p).squeeze(), "one image"),
        ("squeezed M", lambda c, ci, ti, m, p: _input(c, ci, ti, m, p).squeeze(1), "one target block"),
        ("half precision", lambda c, ci, ti, m, p: _input(c, ci, ti, m, p).half(), "float16"),
    ],
    "rows_used": [
        ("last image", lambda ci, k, ti, N: _used(ci[-1], k[-1], ti[-1], N), "last image only"),
        ("first block", lambda ci, k, ti, N: _used(ci, k, ti[:, 0], N), "first target block"),
        ("unused", lambda ci, k, ti, N: ~_used(ci, k, ti, N), "NOT used"),
        ("numbers", lambda ci, k, ti, N: torch.cat([ci[k], ti.flatten()]).unique(), "numbers of the rows"),
        ("and", lambda ci, k, ti, N: _flags(N, ci[k]) & _flags(N, ti), "context AND target"),
        ("exclusive or", lambda ci, k, ti, N: _flags(N, ci[k]) ^ _flags(N, ti), "drop out"),
        ("keep turned", lambda ci, k, ti, N: _flags(N, ci[~k], ti), "turned round"),
        ("all images", lambda ci, k, ti, N: torch.stack(
            [_used(*x, N) for x in zip(ci, k, ti, strict=True)]).all(0), "ALL images use"),
        ("for each image", lambda ci, k, ti, N: torch.stack(
            [_used(*x, N) for x in zip(ci, k, ti, strict=True)]), "row for each image"),
        ("row after", lambda ci, k, ti, N: _used(ci + 1, k, ti + 1, N), "Off by one"),
        ("index 0 skipped", lambda ci, k, ti, N: _flags(N, ci[ci > 0], ti), "here a context keeps it"),
        ("row 0 never", never_row_zero, "Row 0 is a row like any other"),
        ("row 0 unless padded", unless_padded, "Row 0 is"),
        ("targets without 0", lambda ci, k, ti, N: _flags(N, ci[k], ti[ti > 0]), "here a target asks"),
        ("one row less", lambda ci, k, ti, N: _used(ci, k, ti, N - 1), "it gives (22,)"),
        ("bincount", lambda ci, k, ti, N: torch.bincount(torch.cat([ci[k], ti.flatten()])) > 0,
         "it gives (40,)"),
        ("in place", fills_in_place, "changes its input"),
        ("bool - bool", bool_minus_bool, "with two bool tensors is not supported"),
        ("counts with padding", lambda ci, k, ti, N: torch.bincount(
            torch.cat([ci.flatten(), ti.flatten()]), minlength=N), "how often"),
        ("last row lost", lambda ci, k, ti, N: _used(ci, k, ti, N) & (torch.arange(N) < N - 1), None),
    ],
}  # fmt: skip
