"""Masks side by side, on several images or under several rules: pure functions, a Figure with `alt_text`.

figures/masks.py draws one image at length; here panels are small, so that they can be compared.
"""

import numpy as np
from torch import Tensor

from ...figures.masks import draw_masks, draw_seen, mask_sets
from ...figures.style import TARGETS, WIDTH, Picture, aspect, figure, hatched, styled
from ...method.masks import Masks


def _told(masks: Masks, row: int) -> str:
    """What an image's masks hide and leave, in words."""
    context, targets, dropped = mask_sets(masks, row)
    size = "{} by {} patches".format(*masks.target_size) if masks.target_size else "scattered patches"
    unused = f", {len(dropped)} are neither" if len(dropped) else ""
    return (
        f"{len(np.unique(targets))} of {masks.grid[0] * masks.grid[1]} patches lie in the {len(targets)} "
        f"hatched target{'s' if len(targets) > 1 else ''} of {size}, {len(context)} are seen{unused}"
    )


@styled
def pairs(panels: dict[str, tuple[Tensor, Masks, int]]) -> Picture:
    """What is hidden, beside what the context encoder sees: {name: (image (C, H, W), masks, its row)}."""
    tallest = max(aspect(image) for image, _, _ in panels.values())
    fig = figure(WIDTH / (2 * max(len(panels), 2)) * tallest + 0.2)
    axes = fig.subplots(1, 2 * len(panels), squeeze=False)[0]
    for (name, (image, masks, row)), left, right in zip(panels.items(), axes[::2], axes[1::2], strict=True):
        draw_masks(left, image, masks, row, name)
        draw_seen(right, image, masks, row, f"{len(mask_sets(masks, row)[0])} patches seen")
    told = "; ".join(f"{name}: {_told(masks, row)}" for name, (_, masks, row) in panels.items())
    fig.alt_text = f"Images under their masks, each beside the patches that the context encoder sees. {told}."
    return fig


@styled
def rules(lines: list[list[Tensor]], drawn: dict[str, Masks], notes: dict[str, str]) -> Picture:
    """One column a rule of masking, one line an image of each: lines[row][column] is (C, H, W) in [0, 1].

    `drawn` is {rule: the masks of as many images as there are lines}, `notes` {rule: what its title adds}.
    What is hidden does not show, so that a reader can try to tell what lies there.
    """
    tall = max(aspect(image) for line in lines for image in line)
    fig = figure(len(lines) * (WIDTH / len(drawn) * tall + 0.3) + 0.15)
    axes, told = fig.subplots(len(lines), len(drawn), squeeze=False), []
    for column, (rule, masks) in enumerate(drawn.items()):
        for row, line in enumerate(lines):
            seen = f"{len(mask_sets(masks, row)[0])} seen"
            title = f"{rule}: {seen}\n{notes[rule]}" if row == 0 else seen
            draw_seen(axes[row, column], line[column], masks, row, title)
            for m, target in enumerate(mask_sets(masks, row)[1]):
                grid, look = masks.grid, TARGETS[m % len(TARGETS)]
                side = line[column].shape[-2] // grid[0]
                hatched(axes[row, column], target, grid, side, f"target {m + 1}", look, 0.2)
        told.append(f"{rule} ({notes[rule]}): {_told(masks, 0)}")
    fig.alt_text = (
        f"{len(lines) * len(drawn)} images, {len(lines)} under each rule of masking, one column a rule; "
        f"hatched targets cover what lies there. In the first line: {'; '.join(told)}."
    )
    return fig
