"""The position explorer: point at a patch, and see whose position resembles its own (paper, section 3).

Python computes all cosines once, positions.js paints the row of the patch that is pointed at. The table may
be the fixed sin-cos one, a learned one of a predictor, or several to compare. Its static figure is
`position_similarity` of figures/positions.py.
"""

import torch
import traitlets
from torch import Tensor

from ..figures.positions import position_similarity, similarities
from ..figures.style import Picture
from .base import MOST_BYTES, Explorer, script


class PositionExplorer(Explorer):
    """Compare positions by pointing.

    positions: a table (N, E), such as `sincos_positions(grid, width)` or `model.predictor.positions`, or
    several as {name: table}. grid: (rows, columns) of patches. patch: the one to start with, the middle one
    if None. Raises ValueError for tables that do not fit the grid, or are too large for a page.
    """

    _esm = script("kit", "positions")
    grid = traitlets.List(traitlets.Int()).tag(sync=True)
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    widths = traitlets.List(traitlets.Int(), help="values in a vector of each table").tag(sync=True)
    table = traitlets.Bytes(help="cosines, float32 (tables, N, N)").tag(sync=True)
    patch = traitlets.Int(help="the patch that is kept in view").tag(sync=True)

    def __init__(
        self, positions: Tensor | dict[str, Tensor], grid: tuple[int, int], patch: int | None = None
    ) -> None:
        rows, columns = grid
        self._positions = positions if isinstance(positions, dict) else {"positions": positions}
        if 4 * len(self._positions) * (rows * columns) ** 2 > MOST_BYTES:
            raise ValueError(
                f"cosines of {rows * columns} positions are more than a page should hold; take a smaller grid"
            )
        found = similarities(self._positions, grid)
        super().__init__(
            grid=[rows, columns],
            names=list(found),
            widths=[table.shape[1] for table in self._positions.values()],
            table=torch.stack(list(found.values())).numpy().tobytes(),
            patch=rows // 2 * columns + columns // 2 if patch is None else patch,
        )
        self.keep_below("patch", rows * columns)

    def figure(self) -> Picture:
        """The row of the present patch: `position_similarity` of figures/positions.py."""
        return position_similarity(self._positions, tuple(self.grid), self.patch)
