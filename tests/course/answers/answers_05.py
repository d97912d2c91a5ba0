"""Answers to the exercises of notebook 05: RIGHT ones in several ways, WRONG ones with what each is told."""

import itertools

import torch

# --- predictor_input --------------------------------------------------------------------------------


def predictor_input(context, context_idx, target_idx, mask_token, positions):
    M = target_idx.shape[1]
    context = context + positions[context_idx]  # (B, K, E)
    target = mask_token + positions[target_idx]  # (B, M, T, E)
    return torch.cat([context[:, None].expand(-1, M, -1, -1), target], 2)  # (B, M, K+T, E)


def input_in_loops(context, context_idx, target_idx, mask_token, positions):
    images = []
    for b in range(len(context)):
        blocks = []
        for m in range(target_idx.shape[1]):
            tokens = [context[b, k] + positions[context_idx[b, k]] for k in range(len(context_idx[b]))]
            tokens += [mask_token + positions[place] for place in target_idx[b, m]]
            blocks.append(torch.stack(tokens))
        images.append(torch.stack(blocks))
    return torch.stack(images)


def positions_after_joining(context, context_idx, target_idx, mask_token, positions):
    (B, M, T), K = target_idx.shape, context.shape[1]
    what = torch.cat([context.repeat_interleave(M, 0).view(B, M, K, -1), mask_token.expand(B, M, T, -1)], 2)
    where = torch.cat([context_idx[:, None].repeat(1, M, 1), target_idx], 2)  # (B, M, K+T)
    return what + positions[where]


def input_by_one_hot(context, context_idx, target_idx, mask_token, positions):
    where = torch.cat([context_idx[:, None].expand(-1, target_idx.shape[1], -1), target_idx], 2)
    one_hot = torch.nn.functional.one_hot(where, len(positions)).double()
    x = torch.einsum("bmsn,ne->bmse", one_hot, positions.double())
    K = context.shape[1]
    x[:, :, :K] += context[:, None]
    x[:, :, K:] += mask_token
    return x.numpy()


def targets_first(context, context_idx, target_idx, mask_token, positions):
    K = context.shape[1]
    right = predictor_input(context, context_idx, target_idx, mask_token, positions)
    return torch.cat([right[:, :, K:], right[:, :, :K]], 2)


def bare_context(context, context_idx, target_idx, mask_token, positions):
    M = target_idx.shape[1]
    return torch.cat([context[:, None].repeat(1, M, 1, 1), mask_token + positions[target_idx]], 2)


def bare_mask_tokens(context, context_idx, target_idx, mask_token, positions):
    (B, M, T), E = target_idx.shape, len(mask_token)
    context = context + positions[context_idx]
    return torch.cat([context[:, None].repeat(1, M, 1, 1), mask_token.expand(B, M, T, E)], 2)


def added_before_and_after(context, context_idx, target_idx, mask_token, positions):
    x = predictor_input(context, context_idx, target_idx, mask_token, positions)
    where = torch.cat([context_idx[:, None].expand(-1, target_idx.shape[1], -1), target_idx], 2)
    return x + positions[where]


def cut_not_filtered(context, context_idx, target_idx, mask_token, positions):
    (B, M, T), K = target_idx.shape, context.shape[1]
    x = torch.cat([context[:, None].repeat(1, M, 1, 1), mask_token.expand(B, M, T, -1)], 2)
    return x + positions[: K + T]


def first_block_for_all(context, context_idx, target_idx, mask_token, positions):
    M = target_idx.shape[1]
    one = torch.cat([context + positions[context_idx], mask_token + positions[target_idx[:, 0]]], 1)
    return one[:, None].repeat(1, M, 1, 1)


def first_image_for_all(context, context_idx, target_idx, mask_token, positions):
    B, M = target_idx.shape[:2]
    target = (mask_token + positions[target_idx[0]]).expand(B, -1, -1, -1)
    context = context + positions[context_idx[0]]
    return torch.cat([context[:, None].repeat(1, M, 1, 1), target], 2)


def addresses_alone(context, context_idx, target_idx, mask_token, positions):
    M = target_idx.shape[1]
    context = context + positions[context_idx]
    return torch.cat([context[:, None].repeat(1, M, 1, 1), positions[target_idx]], 2)


def only_the_first_block(context, context_idx, target_idx, mask_token, positions):
    return predictor_input(context, context_idx, target_idx, mask_token, positions)[:, 0]


def one_sequence_for_all_blocks(context, context_idx, target_idx, mask_token, positions):
    return torch.cat([context + positions[context_idx], mask_token + positions[target_idx.flatten(1)]], 1)


def mask_token_on_everything(context, context_idx, target_idx, mask_token, positions):
    return predictor_input(context + mask_token, context_idx, target_idx, mask_token, positions)


# --- rows_used --------------------------------------------------------------------------------------


def rows_used(context_idx, context_keep, target_idx, N):
    used = torch.zeros(N, dtype=torch.bool)
    used[context_idx[context_keep]] = True
    used[target_idx.flatten()] = True
    return used  # (N,)


def rows_by_sets(context_idx, context_keep, target_idx, N):
    used = set(target_idx.flatten().tolist())
    for places, keeps in zip(context_idx.tolist(), context_keep.tolist(), strict=True):
        used |= {place for place, real in zip(places, keeps, strict=True) if real}
    return [n in used for n in range(N)]


def rows_by_counting(context_idx, context_keep, target_idx, N):
    count = torch.bincount(target_idx.flatten(), minlength=N)
    count += torch.bincount(context_idx.flatten(), context_keep.flatten().double(), minlength=N).long()
    return count > 0


def rows_by_gradient(context_idx, context_keep, target_idx, N):
    table = torch.zeros(N, 1, requires_grad=True)
    (table[context_idx][context_keep].sum() + table[target_idx].sum()).backward()
    return (table.grad != 0).any(1).numpy()


def rows_of_targets(context_idx, context_keep, target_idx, N):
    return torch.isin(torch.arange(N), target_idx)


def rows_of_context(context_idx, context_keep, target_idx, N):
    return torch.isin(torch.arange(N), context_idx[context_keep])


def rows_with_padding(context_idx, context_keep, target_idx, N):
    return torch.isin(torch.arange(N), torch.cat([context_idx.flatten(), target_idx.flatten()]))


def every_row(context_idx, context_keep, target_idx, N):
    return [True] * N


def rows_counted(context_idx, context_keep, target_idx, N):
    count = torch.zeros(N)
    for place in [*context_idx[context_keep].tolist(), *target_idx.flatten().tolist()]:
        count[place] += 1
    return count


def rows_of_one_image(context_idx, context_keep, target_idx, N):
    return rows_by_sets(context_idx[:1], context_keep[:1], target_idx[:1], N)


def the_other_way_round(context_idx, context_keep, target_idx, N):
    return ~rows_used(context_idx, context_keep, target_idx, N)


def indices_not_flags(context_idx, context_keep, target_idx, N):
    return rows_used(context_idx, context_keep, target_idx, N).nonzero()[:, 0]


# --- expected_gain ----------------------------------------------------------------------------------


def expected_gain(predictions, targets):
    wrong = (predictions[:, :, None] - targets[:, None]).square()  # (B, S, S, D)
    return wrong.mean() / (predictions - targets).square().mean()


def gain_in_loops(predictions, targets):
    B, S, D = targets.shape
    wrong = right = 0.0
    for b in range(B):
        for i in range(S):
            right += float((predictions[b, i] - targets[b, i]).square().sum()) / (B * S * D)
            for j in range(S):
                wrong += float((predictions[b, j] - targets[b, i]).square().sum()) / (B * S * S * D)
    return wrong / right


def gain_by_distances(predictions, targets):
    wrong = torch.cdist(predictions, targets).square().mean() / targets.shape[2]
    return wrong / torch.nn.functional.mse_loss(predictions, targets)


def gain_by_variances(predictions, targets):
    spread = predictions.var(1, correction=0).mean() + targets.var(1, correction=0).mean()
    offset = (predictions.mean(1) - targets.mean(1)).square().mean()
    return (spread + offset) / (predictions - targets).square().mean()


def gain_by_turning(predictions, targets):
    S = targets.shape[1]
    losses = [(predictions.roll(shift, 1) - targets).square().mean() for shift in range(S)]
    return sum(losses) / S / losses[0]


def gain_by_all_shuffles(predictions, targets):
    orders = list(itertools.permutations(range(targets.shape[1])))
    losses = [(predictions[:, list(order)] - targets).square().mean() for order in orders]
    return torch.stack(losses).mean() / losses[0]


def own_answer_left_out(predictions, targets):
    S = targets.shape[1]
    losses = [(predictions.roll(shift, 1) - targets).square().mean() for shift in range(S)]
    return sum(losses[1:]) / max(S - 1, 1) / losses[0]


def across_images(predictions, targets):
    return gain_in_loops(predictions.reshape(1, -1, predictions.shape[2]), targets.flatten(0, 1)[None])


def images_shuffled(predictions, targets):
    return gain_by_distances(predictions.transpose(0, 1), targets.transpose(0, 1))


def upside_down(predictions, targets):
    return 1 / gain_by_distances(predictions, targets)


def turned_once(predictions, targets):
    wrong = torch.cat([predictions[:, -1:], predictions[:, :-1]], 1)
    return (wrong - targets).square().sum() / (predictions - targets).square().sum()


def mean_answer(predictions, targets):
    wrong = (predictions.mean(1, keepdim=True) - targets).square()
    return wrong.mean() / (predictions - targets).square().mean()


def not_squared(predictions, targets):
    return torch.cdist(predictions, targets).mean() / (predictions - targets).norm(dim=2).mean()


def loss_alone(predictions, targets):
    return torch.cdist(predictions, targets).square().mean() / targets.shape[-1]


def sums_of_one_and_means_of_the_other(predictions, targets):
    return torch.cdist(predictions, targets).square().mean() / (predictions - targets).square().mean()


def mean_of_ratios(predictions, targets):
    return sum(gain_in_loops(p[None], t[None]) for p, t in zip(predictions, targets, strict=True)) / len(
        targets
    )


def by_the_spread_of_answers(predictions, targets):
    return 1 + 2 * predictions.var(1, correction=0).mean() / (predictions - targets).square().mean()


RIGHT = {
    "predictor_input": [predictor_input, input_in_loops, positions_after_joining, input_by_one_hot],
    "expected_gain": [
        expected_gain,
        gain_in_loops,
        gain_by_distances,
        gain_by_variances,
        gain_by_turning,
        gain_by_all_shuffles,
    ],
    "rows_used": [rows_used, rows_by_sets, rows_by_counting, rows_by_gradient],
}
WRONG = {
    "expected_gain": [
        (own_answer_left_out, "right answer is left out"),
        (across_images, "places of other images"),
        (images_shuffled, "Images are shuffled"),
        (upside_down, "upside down"),
        (turned_once, "by one place"),
        (mean_answer, "The answers are averaged"),
        (not_squared, "not their squares"),
        (loss_alone, "the loss of shuffled addresses. The gain"),
        (sums_of_one_and_means_of_the_other, "D times too large"),
        (mean_of_ratios, "image by image"),
        (by_the_spread_of_answers, "1 + 2V / L"),
    ],
    "predictor_input": [
        (targets_first, "come before the context"),
        (bare_context, "context has no address"),
        (bare_mask_tokens, "mask tokens have no address"),
        (added_before_and_after, "added twice"),
        (cut_not_filtered, "cut and not filtered"),
        (first_block_for_all, "All blocks ask"),
        (first_image_for_all, "addresses of the first one"),
        (addresses_alone, "mask token is missing"),
        (only_the_first_block, "one block only"),
        (one_sequence_for_all_blocks, "in one sequence"),
        (mask_token_on_everything, "to the context as well"),
    ],
    "rows_used": [
        (rows_of_targets, "Only the targets' rows"),
        (rows_of_context, "Only the context's rows"),
        (rows_with_padding, "Padding is counted"),
        (every_row, "All rows are called used"),
        (rows_counted, "how often"),
        (rows_of_one_image, "first image only"),
        (the_other_way_round, "NOT used"),
        (indices_not_flags, "numbers of the rows"),
    ],
}
