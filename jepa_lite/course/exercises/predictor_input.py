"""Exercise of notebook 05: the predictor's input, context and mask tokens with their addresses."""

import torch

from ...method.patches import look_up
from ...method.predictor import Predictor
from .engine import exercise


def _parts(B, K, M, T, N, E, seed):
    """Embedded context (B, K, E), context_idx (B, K), target_idx (B, M, T), mask token (E,), table (N, E)."""
    generator = torch.Generator().manual_seed(seed)
    context_idx, target_idx = [], []
    for _ in range(B):
        order = torch.randperm(N, generator=generator)
        context_idx.append(order[:K].sort().values)
        block = order[K:]  # what is no context; blocks may overlap
        picks = [torch.randperm(len(block), generator=generator)[:T] for _ in range(M)]
        target_idx.append(torch.stack([block[pick].sort().values for pick in picks]))
    context, mask_token = torch.randn(B, K, E, generator=generator), torch.randn(E, generator=generator)
    table = torch.randn(N, E, generator=generator)
    return context, torch.stack(context_idx), torch.stack(target_idx), mask_token, table


def predictor_input(context, context_idx, target_idx, mask_token, positions):
    """`Predictor.sequences` with its weights as arguments, for a context that is embedded already."""
    return _joined(context + look_up(positions, context_idx), mask_token + look_up(positions, target_idx))


def _joined(context, target, targets_first=False):
    context = context.unsqueeze(1).expand(-1, target.shape[1], -1, -1)  # (B, M, K, E)
    return torch.cat([target, context] if targets_first else [context, target], 2)


def _mixed(c=None, t=None, join=_joined):
    """A wrong `predictor_input`: other tokens `c(x, idx, table)` or `t(token, idx, table)`, or `join`."""
    c, t = c or (lambda x, idx, table: x + table[idx]), t or (lambda token, idx, table: token + table[idx])

    def wrong(context, context_idx, target_idx, mask_token, positions):
        return join(c(context, context_idx, positions), t(mask_token, target_idx, positions))

    return wrong


def _first_rows(context, context_idx, target_idx, mask_token, positions):
    x = _joined(context, mask_token.expand(*target_idx.shape, -1))
    return x + positions[: x.shape[2]]


def _first_targets(token, idx, table):
    return (token + table[: idx.shape[2]]).expand(*idx.shape, -1)


def _shuffled(context, target):
    """The context is repeated image after image and read as if it lay block after block."""
    (B, M), K = target.shape[:2], context.shape[1]
    return torch.cat([context.repeat(M, 1, 1).view(B, M, K, -1), target], 2)


def _without_target(token, idx, table):
    return token.expand(*idx.shape, -1)


def _reached(context, mask_token, positions):
    """What is wrong with where the gradient goes, or None."""
    reached = {"the context": context, "the mask token": mask_token, "the positions": positions}
    lost = [name for name, is_there in reached.items() if not is_there]
    return lost and (
        f"The values are right, but no gradient reaches {' and '.join(lost)}: that would never be trained. "
        "Leave out detach, no_grad and torch.tensor, which cut the way back."
    )


exercise(
    name="predictor_input",
    notebook="05",
    answer=predictor_input,
    # No two sizes are equal, and every image and block has patches of its own.
    cases=lambda: [_parts(2, 5, 3, 4, 13, 6, 0), _parts(3, 7, 2, 5, 20, 4, 1)],
    traps=lambda: {
        "A batch may hold one image.": _parts(1, 4, 2, 3, 11, 5, 2),
        "There may be one target block, and it may be one patch.": _parts(3, 4, 1, 1, 9, 5, 3),
        "A context may be one patch, and a token one number.": _parts(2, 1, 2, 3, 8, 1, 4),
    },
    returns="the sequences (B, M, K+T, E)",
    hint="positions[idx] filters the table: it has the shape of idx and one axis more. Add it to the context "
    "and to the mask token, each with its own idx. Then give the context an axis of blocks (unsqueeze, "
    "expand) and concatenate along the tokens.",
    source=(Predictor.sequences, look_up),
    gradients=_reached,
    mistakes=(
        (
            "The mask tokens come before the context. Attention would not mind, but whoever reads the "
            "answers does: they are taken from the last T tokens.",
            _mixed(join=lambda context, target: _joined(context, target, targets_first=True)),
        ),
        (
            "The context has no address here. Its tokens must say where they are in the same language as the "
            "mask tokens: add the table's rows of context_idx.",
            _mixed(c=lambda x, idx, table: x),
        ),
        (
            "The mask tokens have no address, so all T of a block are the same token and get the same "
            "answer: add the table's rows of target_idx.",
            _mixed(t=_without_target),
        ),
        (
            "No token has an address: add the table's rows of context_idx, and of target_idx.",
            _mixed(c=lambda x, idx, table: x, t=_without_target),
        ),
        (
            "Every address is added twice. Once, before or after the concatenation, is enough.",
            _mixed(c=lambda x, idx, table: x + 2 * table[idx], t=lambda x, idx, table: x + 2 * table[idx]),
            _mixed(c=lambda x, idx, table: x + 2 * table[idx]),
            _mixed(t=lambda x, idx, table: x + 2 * table[idx]),
        ),
        (
            "The table is cut and not filtered: token 0 of the sequence gets row 0. A row belongs to a place "
            "of the image, whatever the token's place in the sequence: positions[context_idx].",
            _first_rows,
            _mixed(c=lambda x, idx, table: x + table[: idx.shape[1]]),
            _mixed(t=_first_targets),
            _mixed(c=lambda x, idx, table: x + table[: idx.shape[1]], t=_first_targets),
        ),
        (
            "All blocks ask for the patches of the first one: block m wants target_idx[:, m].",
            _mixed(t=lambda x, idx, table: (x + table[idx])[:, :1].expand(*idx.shape, -1)),
        ),
        (
            "All images get the addresses of the first one: each has its own row of context_idx and of "
            "target_idx.",
            _mixed(
                c=lambda x, idx, table: x + table[idx[0]],
                t=lambda x, idx, table: x + table[idx[:1]].expand(*idx.shape, -1),
            ),
            _mixed(c=lambda x, idx, table: x + table[idx[0]]),
            _mixed(t=lambda x, idx, table: x + table[idx[:1]].expand(*idx.shape, -1)),
        ),
        (
            "The mask token is missing: a target's token is the mask token plus its address.",
            _mixed(t=lambda x, idx, table: table[idx]),
        ),
        (
            "The mask token is added to the context as well: it stands for what is asked, not for what is "
            "known.",
            lambda context, context_idx, target_idx, mask_token, positions: predictor_input(
                context + mask_token, context_idx, target_idx, mask_token, positions
            ),
        ),
        (
            "Addresses are multiplied with the tokens; they are added.",
            _mixed(c=lambda x, idx, table: x * table[idx], t=lambda x, idx, table: x * table[idx]),
            _mixed(t=lambda x, idx, table: x * table[idx]),
        ),
        (
            "Addresses are subtracted; they are added.",
            _mixed(c=lambda x, idx, table: x - table[idx], t=lambda x, idx, table: x - table[idx]),
            _mixed(t=lambda x, idx, table: x - table[idx]),
        ),
        (
            "Images are mixed up: repeat(M, 1, 1) lays the whole batch M times one after the other, so the "
            "blocks of an image get the contexts of others. unsqueeze(1) and expand do not.",
            _mixed(join=_shuffled),
        ),
        (
            "The context's tokens are 0, and only their addresses are there: add the addresses to context.",
            _mixed(c=lambda x, idx, table: table[idx]),
        ),
        (
            "This is the sequence of one block only: M of them are wanted, one for each.",
            _mixed(join=lambda context, target: _joined(context, target)[:, 0]),
            _mixed(join=lambda context, target: _joined(context, target)[:, :1]),
        ),
        (
            "All blocks lie in one sequence: each block is a question of its own, (B, M, K+T, E).",
            _mixed(join=lambda context, target: torch.cat([context, target.flatten(1, 2)], 1)),
        ),
        (
            "These are the mask tokens alone: the context is what they have to be answered from.",
            _mixed(join=lambda context, target: target),
        ),
        (
            "Images and blocks lie on one axis; keep them apart, (B, M, K+T, E).",
            _mixed(join=lambda context, target: _joined(context, target).flatten(0, 1)),
        ),
        (
            "Addresses and tokens do not belong together: those of a block, or of the context, are reversed.",
            _mixed(t=lambda x, idx, table: x + table[idx].flip(2)),
            _mixed(t=lambda x, idx, table: x + table[idx].flip(1)),
            _mixed(c=lambda x, idx, table: x + table[idx].flip(1)),
        ),
        (
            "Off by one: row n of the table is for patch n.",
            _mixed(c=lambda x, idx, table: x + table[idx - 1], t=lambda x, idx, table: x + table[idx - 1]),
        ),
    ),
)
