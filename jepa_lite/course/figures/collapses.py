"""Figures of the notebooks on collapse (06 and 07): training images, the course of measures, spectra of
targets, who prevents what, and the linear toy.

Pure functions from numbers to a Figure with `alt_text`. figures/collapse.py has those of the laboratory.
"""

import numpy as np
import torch
from matplotlib.patches import Patch
from torch import Tensor

from ...figures.collapse import LOOKS
from ...figures.curves import series
from ...figures.style import BLACK, BLUE, GREY, ORANGE, VERMILION, Picture, figure, listed, picture, styled
from ..linear_toy import RATE, Flow, rest_points

NORMS = {  # of the targets: the field's term, and ours in brackets
    "place": "batch norm at each place",
    "layer": "layer norm",
    "none": "no norm",
}


@styled
def training_images(pixels: Tensor, words: str) -> Picture:
    """A row of images, uint8 (n, C, H, W), as they are; `words` says what is to be seen."""
    fig = figure(1.1)
    for ax, image in zip(fig.subplots(1, len(pixels)), pixels, strict=True):
        picture(ax, image.permute(1, 2, 0), interpolation="nearest")  # other ways make the file larger
    fig.alt_text = f"{len(pixels)} training images in a row: {words}"
    return fig


@styled
def courses(
    logs: dict[str, list[dict]], measures: dict[str, str], ends: dict[str, float], across: int = 2
) -> Picture:
    """A panel for each measure {key: title}, a line for each run {name: log}; `ends` {key: value} marks what
    a collapsed run would reach. `across` panels stand in a row."""
    rows = -(-len(measures) // across)
    fig, told = figure(2.1 * rows + 0.7), []
    axes = fig.subplots(rows, across, squeeze=False, sharex=True)
    for ax, (key, title) in zip(axes.flat, measures.items(), strict=False):
        for (name, log), (colour, dashes, mark) in zip(logs.items(), LOOKS, strict=False):
            steps, values = series(log, key)
            ax.plot(
                steps, values, color=colour, ls=dashes, lw=1.7, marker=mark, ms=4.5, label=name,
                markevery=max(len(steps) // 5, 1), gid=f"{key} {name}",
            )  # fmt: skip
            known = values[np.isfinite(values)]
            told.append(f"{title}, {name}: from {known[0]:.2f} to {known[-1]:.3g}")
        if key in ends:
            ax.axhline(ends[key], color=GREY, lw=1, ls=":", gid=f"{key} end")
        ax.set_title(title, loc="left")
        ax.grid(axis="y", color="#DDDDDD", lw=0.6)
    for ax in list(axes.flat)[len(measures) :]:
        ax.set_axis_off()
    for ax in list(axes.flat)[max(len(measures) - across, 0) : len(measures)]:  # the lowest of each column
        ax.set_xlabel("step")
        ax.tick_params(labelbottom=True)
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    fig.alt_text = f"{len(measures)} panels against step, {len(logs)} runs. {'; '.join(told)}."
    return fig


@styled
def spectra(values: dict[str, Tensor]) -> Picture:
    """Eigenvalues {norm: (D,)} of the targets' covariance as shares of their sum, the largest first."""
    fig, told = figure(2.9), []
    ax = fig.subplots()
    for (name, found), (colour, dashes, mark) in zip(values.items(), LOOKS, strict=False):
        share = (found / found.sum()).sort(descending=True).values  # (D,)
        ax.semilogy(
            range(1, len(share) + 1), share.clamp(min=1e-7), color=colour, ls=dashes, marker=mark, ms=4.5,
            markevery=max(len(share) // 8, 1), lw=1.7, label=name, gid=name,
        )  # fmt: skip
        most = int((share.cumsum(0) < 0.9).sum()) + 1
        told.append(f"{name}: the first has {share[0]:.0%}, {most} of {len(share)} have 90%")
    ax.set(xlabel="direction, by variance", ylabel="share of the variance", ylim=(1e-6, 1))
    ax.grid(axis="y", color="#DDDDDD", lw=0.6)
    fig.legend(loc="outside upper center", ncols=len(values), frameon=False)
    fig.alt_text = f"Share of the variance in each direction of the targets, log scale. {'; '.join(told)}."
    return fig


@styled
def who_prevents(rows: list[dict]) -> Picture:
    """Loss and rank of results("collapse")["rows"]: bars are means, points seeds, hatched is without
    stop-gradient; runs with the same norm of the targets stand together."""
    fig, told = figure(0.3 * len(rows) + 1.5), []
    left, right = fig.subplots(1, 2, sharey=True)
    heights, names, y, norm = [], [], -0.6, None
    for row in rows:
        switches = row["switches"]
        y, norm = y + (1.0 if switches["target_norm"] == norm else 1.6), switches["target_norm"]
        stopped = switches["stop_gradient"]
        look = {"fc": BLUE if stopped else ORANGE, "hatch": "" if stopped else "////", "ec": "#333333"}
        for ax, key in ((left, "loss"), (right, "rank")):
            found = [one[key] for one in row["runs"]]
            ax.barh(y, sum(found) / len(found), 0.7, lw=0.6, gid=f"{row['name']} {key}", **look)
            ax.plot(found, [y] * len(found), "o", color=BLACK, ms=3)
        heights.append(y)
        names.append(f"{NORMS[norm]}: {_without(switches)}")
        told.append(f"{names[-1]}, rank {sum(found) / len(found):.1f}")
    left.set_yticks(heights, names)
    left.set_xlabel("loss of the last ten steps")
    right.set_xlabel("effective rank")
    right.axvline(1, color=GREY, ls=":", lw=1)
    left.invert_yaxis()
    marks = [Patch(fc=ORANGE, hatch="////", ec="#333333"), Patch(fc=BLUE, ec="#333333")]
    fig.legend(
        marks, ["without stop-gradient", "with it"], loc="outside lower center", ncols=2, frameon=False
    )
    fig.alt_text = f"Bars of loss and rank, points for each seed. {'; '.join(told)}."
    return fig


def _without(switches):
    off = [name for name in ("stop_gradient", "ema", "predictor") if not switches[name]]
    if len(off) == 3:
        return "all off"
    words = {"stop_gradient": "stop-grad.", "ema": "EMA", "predictor": "predictor"}
    return f"no {' and no '.join(words[name] for name in off)}" if off else "all on"


@styled
def toy(flows: dict[str, Flow], correlations: Tensor, decays: dict[float, Tensor]) -> Picture:
    """The linear toy: the encoder's gains against time, a panel for each of `flows`, and where the
    predictor's eigenvalues came to rest, {decay: (D,)}, against the correlations (D,) of the views."""
    fig, told = figure(2.9), []
    *panels, last = fig.subplots(1, len(flows) + 1, width_ratios=[1] * len(flows) + [1.35])
    for ax, (name, flow) in zip(panels, flows.items(), strict=True):
        gains = flow.gains()  # (steps + 1, D)
        time = torch.arange(len(gains)) * RATE
        for i, (colour, dashes, _) in zip(range(gains.shape[1]), LOOKS, strict=False):
            ax.semilogy(
                time, gains[:, i].clamp(min=1e-12), color=colour, ls=dashes, lw=1.4, gid=f"{name} {i}"
            )
        ax.set(ylim=(1e-3, 3), xlabel="time")
        ax.set_title(name, fontsize=9)
        told.append(f"{name}, gains end from {gains[-1].min():.2g} to {gains[-1].max():.2g}")
    panels[0].set_ylabel("singular values of the encoder")
    for ax in panels[1:]:
        ax.set_yticklabels([])
    fine = torch.linspace(0, 1, 200)
    looks = zip(decays.items(), ((BLUE, "-", "o"), (VERMILION, (0, (5, 2)), "s")), strict=True)
    for (decay, found), (colour, dashes, mark) in looks:
        last.plot(fine, rest_points(fine, decay), color=colour, ls=dashes, lw=1.2, gid=f"rule {decay}")
        last.plot(correlations, found, mark, color=colour, ms=6, label=f"decay {decay:g}", gid=f"at {decay}")
        told.append(f"with weight decay {decay:g} the eigenvalues end at {listed(found.tolist(), '{:.2f}')}")
    last.set(xlabel="correlation of the views", xlim=(0, 1), ylim=(-0.03, 1))
    last.set_title("eigenvalues of the predictor", fontsize=9)
    last.legend(frameon=False, fontsize=8.5, loc="lower right", handletextpad=0)
    known = listed(correlations.tolist())
    fig.alt_text = (
        f"The linear toy with correlations {known}: {'; '.join(told)}. Lines are what the sum says."
    )
    return fig
