"""More wrong answers to the exercises of notebook 04: (the mistake, the answer, words of what it is told)."""

import torch
import torch.nn.functional as F

# --- attention --------------------------------------------------------------------------------------


def _attend(q, k, v, keep, scale=None, fill=-1e9, share=lambda s: s.softmax(-1), after=lambda w, keep: w):
    scores = torch.einsum("bhid,bhjd->bhij", q, k) / (q.shape[-1] ** 0.5 if scale is None else scale)
    scores = torch.where(keep[:, None, None], scores, torch.tensor(fill))
    return after(share(scores), keep) @ v


def _with(**changes):
    return lambda q, k, v, keep: _attend(q, k, v, keep, **changes)


def masks_queries(q, k, v, keep):
    scores = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(~keep[:, None, :, None], -1e9)
    return scores.softmax(-1) @ v


def masks_both(q, k, v, keep):
    scores = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(
        ~(keep[:, None, None] & keep[:, None, :, None]), -1e9
    )
    return scores.softmax(-1) @ v


def upside_down(q, k, v, keep):
    return _attend(q, k, v, ~keep)


def scales_in_place(q, k, v, keep):
    q /= q.shape[-1] ** 0.5
    return (q @ k.mT).masked_fill(~keep[:, None, None], -torch.inf).softmax(-1) @ v


def minus_keep(q, k, v, keep):
    return (q @ k.mT / q.shape[-1] ** 0.5 + (1 - keep)[:, None, None] * -1e9).softmax(-1) @ v


def softmax_of_bools(q, k, v, keep):
    return keep[:, None, None].softmax(-1) * v


def one_image_at_a_time(q, k, v, keep):
    return torch.stack(
        [_attend(*(x[None] for x in image)).squeeze() for image in zip(q, k, v, keep, strict=True)]
    )


# --- kept_tokens ------------------------------------------------------------------------------------


def _kept(patches, positions, weight, idx, where=None):
    picked = torch.stack([p[i] for p, i in zip(patches, idx, strict=True)])
    return F.linear(picked, weight) + positions[idx if where is None else where]


def drops_zero(patches, positions, weight, idx):
    tokens = _kept(patches, positions, weight, idx)
    return tokens * (idx > 0)[..., None]


def embeds_in_place(patches, positions, weight, idx):
    patches -= patches.mean()
    return _kept(patches, positions, weight, idx)


SLIPS = {
    "attention": [
        ("softmax over queries", _with(share=lambda s: s.softmax(-2)), "runs over the queries"),
        ("the same, with minus infinity", _with(share=lambda s: s.softmax(2), fill=-torch.inf),
         "over the queries"),
        ("softmax over heads", _with(share=lambda s: s.softmax(1)), "over the heads"),
        ("softmax over all", _with(share=lambda s: s.flatten(2).softmax(-1).view_as(s)),
         "all queries and keys"),
        ("multiplied by the root", lambda q, k, v, m: _attend(q, k, v, m, scale=q.shape[-1] ** -0.5),
         "scores grow"),
        ("root of N", lambda q, k, v, m: _attend(q, k, v, m, scale=q.shape[-2] ** 0.5),
         "another number than d"),
        ("no softmax", _with(share=lambda s: s, fill=0.0), "no softmax"),
        ("exp alone", _with(share=torch.exp), "not divided by their sum"),
        ("sigmoid", _with(share=torch.sigmoid), "sigmoids"),
        ("k and v swapped", lambda q, k, v, m: _attend(q, v, k, m), "Values and keys are swapped"),
        ("keys to keys", lambda q, k, v, m: _attend(k, k, v, m), "keys to keys"),
        ("keys out", lambda q, k, v, m: _attend(q, k, k, m), "wanted are the VALUES"),
        ("first image's padding", lambda q, k, v, m: _attend(q, k, v, m[[0]].repeat(len(m), 1)),
         "first one's padding"),
        ("padded queries 0", lambda q, k, v, m: torch.where(m[:, None, :, None], _attend(q, k, v, m), 0.0),
         "A padded query gets 0"),
        ("causal", lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, is_causal=True), "for text"),
        ("plus a billion", _with(fill=1e9), "LARGE score"),
        ("minus one", _with(fill=-1.0), "small number"),
        ("minus ten", _with(fill=-10.0), "Real scores may be low"),
        ("queries masked", masks_queries, "lies on the queries"),
        ("both masked", masks_both, "hidden beside"),
        ("mask upside down", upside_down, "upside down"),
        ("squeezed", lambda q, k, v, m: _attend(q, k, v, m).squeeze(), "one image"),
        ("squeezed image by image", one_image_at_a_time, "one head"),
        ("in place", scales_in_place, "changes its input"),
        ("1 - bool", minus_keep, "with a bool tensor is not supported"),
        ("softmax of bools", softmax_of_bools, "not implemented for 'Bool'"),
        ("all nan", lambda q, k, v, m: _attend(q, k, v, m) * torch.nan, "nothing but nan"),
        ("heads joined", lambda q, k, v, m: _attend(q, k, v, m).transpose(1, 2).flatten(2),
         "it gives (2, 5, 12)"),
        ("half precision", lambda q, k, v, m: _attend(q, k, v, m).half(), "float16"),
        ("late mask", _with(fill=0.0, share=lambda s: s.softmax(-1)), "score 0"),
    ],
    "kept_tokens": [
        ("positions sorted", lambda p, t, w, i: _kept(p, t, w, i, i.sort(1)[0]), "another order than theirs"),
        ("tokens sorted", lambda p, t, w, i: _kept(p, t, w, i.sort(1)[0]), "ascending order"),
        ("first K patches", lambda p, t, w, i: F.linear(p[:, : i.shape[1]], w) + t[i], "first K patches"),
        ("positions[:K]", lambda p, t, w, i: _kept(p, t, w, i, torch.arange(i.shape[1])),
         "positions 0 to K - 1"),
        ("no patches", lambda p, t, w, i: t[i], "positions alone"),
        ("subtracted", lambda p, t, w, i: _kept(p, -t, w, i), "taken off"),
        ("multiplied", lambda p, t, w, i: (_kept(p, t, w, i) - t[i]) * t[i], "multiplied"),
        ("position before", lambda p, t, w, i: _kept(p, t, w, i, i - 1), "Off by one"),
        ("other image", lambda p, t, w, i: p[0, i] @ w.T + t[i], "ANOTHER image"),
        ("all tokens", lambda p, t, w, i: F.linear(p, w) + t, "All N tokens"),
        ("mean position", lambda p, t, w, i: _kept(p, t * 0, w, i) + t.mean(0), "same position"),
        ("leak", lambda p, t, w, i: _kept(p - p.mean(1, keepdim=True), t, w, i), "It leaks"),
        ("zero dropped", drops_zero, "Index 0 is a patch"),
        ("squeezed", lambda p, t, w, i: _kept(p, t, w, i).squeeze(), "one image"),
        ("squeezed K", lambda p, t, w, i: _kept(p, t, w, i).squeeze(1), "may keep one patch"),
        ("input centred in place", embeds_in_place, "changes its input"),

                ("weight not turned when square", lambda p, t, w, i: _kept(p, t,
         w.T if w.shape[0] == w.shape[1] else w, i),
         "F and D may be equal"),

                ("weight not turned", lambda p, t, w, i: p.gather(1, i[..., None].expand(-1, -1,
         p.shape[-1])) @ w + t[i],
         "RuntimeError, in the line"),
        ("half precision", lambda p, t, w, i: _kept(p, t, w, i).bfloat16(), "bfloat16"),
    ],
}  # fmt: skip
