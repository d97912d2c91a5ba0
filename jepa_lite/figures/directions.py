"""What lies where: the directions of hidden tiles, true and read from predictions, for `fields`.

Pure functions of what evaluation/directions.py finds: a figure with `alt_text`, and the report's section.
"""

import math

from matplotlib.axes import Axes
from torch import Tensor

from ..evaluation.directions import median_error
from . import html
from .style import BLUE, ORANGE, WIDTH, Picture, figure, show, square, styled

SHOWN = 4  # images in the report
VEIL = 0.82  # how much of a hidden patch is covered
ROWS = {
    "true": ("#111111", "true directions"),
    "right": (BLUE, "predicted, right addresses"),
    "wrong": (ORANGE, "predicted, wrong addresses"),
}


@styled
def directions(images: Tensor, grid: tuple[int, int], hidden: Tensor, found: dict[str, Tensor]) -> Picture:
    """One column an image: itself, and its hidden patches under a veil with a stroke for each direction.

    images (n, C, H, W) in [0, 1]; hidden (n, K), patches; found: what `hidden_directions` returns for these,
    {"true", "right", "wrong"} to radians (n, K), a row of the picture each.
    """
    n, P = len(images), images.shape[-2] // grid[0]
    fig = figure(WIDTH / n * (1 + len(found)) + 0.3 * (1 + len(found)))
    rows = fig.subfigures(1 + len(found), 1)
    for row, name in zip(rows, ("", *found), strict=True):
        colour, title = ROWS.get(name, ("", "the images"))
        row.suptitle(title)
        for i, ax in enumerate(row.subplots(1, n, squeeze=False)[0]):
            show(ax, images[i])
            for patch, angle in zip(
                hidden[i].tolist(), found[name][i].tolist() if name else (), strict=bool(name)
            ):
                square(ax, patch, grid, P, "hidden", fc=("white", VEIL), ec="none")
                stroke(ax, patch, grid, P, angle, colour, name)
    errors = (f"{median_error(found, name):.0f} degrees with {name} addresses" for name in ("right", "wrong"))
    fig.alt_text = (
        f"{n} images with hidden tiles, and a stroke for the direction of each, true and predicted. The "
        f"predictions are off, in the median, by {' and '.join(errors)}."
    )
    return fig


def stroke(
    ax: Axes,
    patch: int,
    grid: tuple[int, int],
    P: int,
    angle: float,
    colour: str,
    gid: str,
    width: float = 2.2,
    dashes: str | tuple = "-",
) -> None:
    """A line through the middle of a patch, along a direction in radians."""
    y, x = (P * (place + 0.5) - 0.5 for place in divmod(patch, grid[1]))
    dy, dx = 0.42 * P * math.sin(angle), 0.42 * P * math.cos(angle)
    ax.plot([x - dx, x + dx], [y - dy, y + dy], color=colour, lw=width, ls=dashes, gid=gid)


def section(images: Tensor, grid: tuple[int, int], hidden: Tensor, found: dict[str, Tensor]) -> str:
    """The report's section with the picture of the first images (n, C, H, W), uint8, and its claim."""
    right, wrong = (median_error(found, name) for name in ("right", "wrong"))
    few = {name: angle[:SHOWN] for name, angle in found.items()}
    return html.section(
        "What lies where",
        directions(images[:SHOWN] / 255, grid, hidden[:SHOWN], few),
        f"The direction that a linear map reads from a prediction is {right:.0f} degrees off in the median, "
        f"and {wrong:.0f} if the addresses are shuffled within the image. Guesses would be 45 degrees off.",
        "An error near 45 degrees with the right addresses, or one as small with wrong ones.",
    )
