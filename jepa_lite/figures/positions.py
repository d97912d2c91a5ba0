"""Figures of positional embeddings: whose address resembles whose (paper, section 3; Vaswani et al. 2017).

A position is a vector, and what it says of a place is what it has in common with the others: their cosine.
Pure functions from tensors to a Figure with `alt_text`, as in style.py. Not a measure of how well a model
uses its positions.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from .style import HEAT, WIDTH, Picture, figure, frame, picture, styled


def _similarity(positions: Tensor) -> Tensor:
    """Cosine of every position of a table (N, E) to every other: (N, N) float32. A zero vector is 0 to all.

    Raises ValueError for a table that is no matrix or holds NaN or infinity.
    """
    if positions.ndim != 2:
        raise ValueError(f"a table of positions has shape (N, E), not {tuple(positions.shape)}")
    if not positions.isfinite().all():
        raise ValueError("the positions hold NaN or infinity; use weights from before the run diverged")
    unit = F.normalize(positions.detach().cpu().double(), dim=-1)
    return (unit @ unit.T).clamp(-1, 1).float()  # (N, N)


def similarities(positions: Tensor | dict[str, Tensor], grid: tuple[int, int]) -> dict[str, Tensor]:
    """{name: cosines (N, N)} of one table (N, E), or of several as {name: table}, for a (rows, columns) grid.

    Raises ValueError for tables that do not fit the grid, and for a grid without two places to compare.
    """
    tables, N = positions if isinstance(positions, dict) else {"positions": positions}, grid[0] * grid[1]
    if N < 2 or not tables:
        raise ValueError("positions are compared: give at least one table and a grid of two patches or more")
    for name, table in tables.items():
        if len(table) != N:
            raise ValueError(
                f"{name} has {len(table)} rows, but a grid of {grid[0]} x {grid[1]} has {N} patches; give "
                "the grid that the table was made for"
            )
    return {name: _similarity(table) for name, table in tables.items()}


def _neighbours(patch: int, grid: tuple[int, int]) -> list[int]:
    """The patches above, below, left and right of one, where the grid has them."""
    row, column = divmod(int(patch), grid[1])
    around = ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1))
    return [r * grid[1] + c for r, c in around if 0 <= r < grid[0] and 0 <= c < grid[1]]


def _near_and_all(cosines: Tensor, patch: int, grid: tuple[int, int]) -> tuple[float, float]:
    """Mean cosine (N,) of a patch to its neighbours, and to all others."""
    others = torch.arange(len(cosines)) != patch
    return cosines[_neighbours(patch, grid)].mean().item(), cosines[others].mean().item()


@styled
def position_similarity(positions: Tensor | dict[str, Tensor], grid: tuple[int, int], patch: int) -> Picture:
    """Whom the position of `patch` resembles: one table (N, E), or several as {name: table}, side by side."""
    found, tall = similarities(positions, grid), grid[0] / grid[1]
    columns = min(len(found), 4)
    lines = -(-len(found) // columns)
    map_width = WIDTH / max(columns, 2) - 0.73  # inches, beside a colour bar with its label
    fig = figure(lines * (map_width * tall + 0.4))
    axes = fig.subplots(lines, columns, squeeze=False)
    told = []
    for ax in axes.flat[len(found) :]:
        ax.set_axis_off()
    for ax, (name, cosines) in zip(axes.flat, found.items(), strict=False):
        values, low = cosines[patch], cosines.min().item()
        near, others = _near_and_all(values, patch, grid)
        heat = picture(ax, values.reshape(grid), name, cmap=HEAT, vmin=low, vmax=1)
        frame(ax, patch, grid, 1)
        fig.colorbar(heat, ax=ax, label="cosine", shrink=0.7, aspect=20)
        told.append(f"{name}, from {low:.2f}: {near:.2f} to its neighbours, {others:.2f} to all others")
    row, column = divmod(int(patch), grid[1])
    fig.alt_text = (
        f"Heat maps over a grid of {grid[0]} by {grid[1]} patches: how much the position of row {row}, "
        f"column {column}, framed, resembles every other, as cosine up to 1. On average, "
        f"{'; '.join(told)}."
    )
    return fig
