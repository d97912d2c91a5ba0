"""Answers to the exercises of notebook 01: RIGHT ones in several ways, WRONG ones with what each is told."""

import numpy as np
import torch

# --- l2_minimiser ----------------------------------------------------------------------------------------


def l2_minimiser(worlds, odds):
    shares = odds / odds.sum()
    return torch.tensordot(shares, worlds, dims=1)


def mean_in_loops(worlds, odds):
    guess = torch.zeros_like(worlds[0])
    for world, chance in zip(worlds, odds, strict=True):
        guess = guess + world * chance / odds.sum()
    return guess


def mean_in_numpy(worlds, odds):
    return np.average(worlds.numpy(), axis=0, weights=odds.numpy())


def mean_by_least_squares(worlds, odds):
    root = odds.double().sqrt()[:, None]  # each world a row of a weighted fit of one constant
    fit = torch.linalg.lstsq(root, root * worlds.double().flatten(1)).solution
    return fit.view(worlds[0].shape)


def plain_mean(worlds, odds):
    return sum(worlds) / len(worlds)


def likeliest(worlds, odds):
    return max(zip(odds.tolist(), worlds, strict=True), key=lambda pair: pair[0])[1]


def middle_by_odds(worlds, odds):
    return torch.from_numpy(l1_in_loops(worlds, odds))


def odds_as_shares(worlds, odds):
    return sum(chance * world for chance, world in zip(odds, worlds, strict=True))


def one_number(worlds, odds):
    return l2_minimiser(worlds, odds).mean()


def softmax_of_odds(worlds, odds):
    return torch.tensordot(odds.softmax(0), worlds, dims=1)


def divides_the_callers_odds(worlds, odds):
    odds /= odds.sum()
    return torch.tensordot(odds, worlds, dims=1)


# --- least_loss ------------------------------------------------------------------------------------------


def least_loss(worlds, odds):
    shares = odds / odds.sum()
    guess = torch.tensordot(shares, worlds, dims=1)
    return torch.tensordot(shares, (worlds - guess) ** 2, dims=1).mean()


def by_mean_of_squares(worlds, odds):
    shares, worlds = (odds / odds.sum()).double(), worlds.double()
    return (torch.tensordot(shares, worlds**2, dims=1) - torch.tensordot(shares, worlds, dims=1) ** 2).mean()


def by_pairs_of_worlds(worlds, odds):
    shares, total = odds / odds.sum(), 0.0
    for i in range(len(worlds)):
        for j in range(i):
            total += float(shares[i] * shares[j] * ((worlds[i] - worlds[j]) ** 2).mean())
    return total


def by_covariance(worlds, odds):
    rows = worlds.flatten(1).numpy().T
    return float(np.mean(np.diag(np.atleast_2d(np.cov(rows, ddof=0, aweights=odds.numpy())))))


def loss_of_the_likeliest(worlds, odds):
    errors = ((worlds - likeliest(worlds, odds)) ** 2).flatten(1).mean(1)
    return (errors * odds).sum() / odds.sum()


def plain_variance(worlds, odds):
    return ((worlds - worlds.mean(0)) ** 2).mean()


def plain_guess(worlds, odds):
    errors = ((worlds - worlds.mean(0)) ** 2).flatten(1).mean(1)
    return (errors * odds).sum() / odds.sum()


def summed_over_values(worlds, odds):
    errors = ((worlds - l2_minimiser(worlds, odds)) ** 2).flatten(1).sum(1)
    return (errors * odds).sum() / odds.sum()


def root_of_it(worlds, odds):
    return by_mean_of_squares(worlds, odds) ** 0.5


def at_every_value(worlds, odds):
    shares = odds / odds.sum()
    return torch.tensordot(shares, (worlds - l2_minimiser(worlds, odds)) ** 2, dims=1)


def of_absolute_errors(worlds, odds):
    errors = (worlds - l2_minimiser(worlds, odds)).abs().flatten(1).mean(1)
    return (errors * odds).sum() / odds.sum()


# --- l1_minimiser ----------------------------------------------------------------------------------------


def l1_minimiser(worlds, odds):
    values, order = worlds.sort(0)
    below = (odds / odds.sum())[order].cumsum(0)  # the odds travel with their values
    return values.gather(0, (below < 0.5).sum(0, keepdim=True))[0]


def l1_in_loops(worlds, odds):
    flat, guess = worlds.flatten(1).numpy(), []
    for column in flat.T:
        reached = 0.0
        for i in np.argsort(column):
            reached += float(odds[i])
            if reached >= float(odds.sum()) / 2:
                guess.append(column[i])
                break
    return np.array(guess).reshape(worlds.shape[1:])


def l1_by_trying_every_value(worlds, odds):
    tried = (worlds[:, None] - worlds[None]).abs()  # (guesses, worlds, ...)
    errors = torch.einsum("n,gn...->g...", odds, tried)
    return worlds.gather(0, errors.argmin(0, keepdim=True))[0]


def l1_by_repeating(worlds, odds):
    copies = torch.repeat_interleave(worlds, (odds * 10).round().long(), dim=0)  # odds in tenths
    return copies.median(0).values


def middle_world(worlds, odds):
    return worlds.sort(0).values[(len(worlds) - 1) // 2]


def mean_instead(worlds, odds):
    return mean_in_loops(worlds, odds)


def odds_left_behind(worlds, odds):
    reached = (odds / odds.sum()).cumsum(0)
    return worlds.sort(0).values[int(torch.nonzero(reached >= 0.5)[0])]


def one_whole_world(worlds, odds):
    errors = (worlds[:, None] - worlds[None]).abs().flatten(2).mean(2) @ odds
    return worlds[errors.argmin()]


def likeliest_of_all(worlds, odds):
    return worlds[odds.topk(1).indices][0]


def highest(worlds, odds):
    return worlds.max(0).values


RIGHT = {
    "l2_minimiser": [l2_minimiser, mean_in_loops, mean_in_numpy, mean_by_least_squares],
    "least_loss": [least_loss, by_mean_of_squares, by_pairs_of_worlds, by_covariance],
    "l1_minimiser": [l1_minimiser, l1_in_loops, l1_by_trying_every_value, l1_by_repeating],
}
WRONG = {
    "l2_minimiser": [
        (plain_mean, "three times as hard"),
        (likeliest, "full squared distance"),
        (middle_by_odds, "asks for a mean"),
        (odds_as_shares, "divided by their sum"),
        (one_number, "over the values as well"),
        (softmax_of_odds, "EXPONENTIALS"),
        (divides_the_callers_odds, "changes its input"),
    ],
    "least_loss": [
        (loss_of_the_likeliest, "most likely world as a guess"),
        (plain_variance, "in the guess and in its error"),
        (plain_guess, "guess is the plain mean"),
        (summed_over_values, "sums over the values"),
        (root_of_it, "root of it"),
        (at_every_value, "error of each value"),
        (of_absolute_errors, "absolute errors"),
    ],
    "l1_minimiser": [
        (middle_world, "not half of the worlds"),
        (mean_instead, "best under the squared error"),
        (likeliest_of_all, "more than half of all odds"),
        (odds_left_behind, "travel with its value"),
        (one_whole_world, "picks one whole world"),
        (highest, "extreme"),
    ],
}
