"""Claims tested here, of the position explorer and its figure, without a browser:

1. Cosines equal a plain loop; a zero vector is 0 to all; tables that diverged or do not fit say so.
2. The figure shows the row of its patch, in every corner, on every border and on thin grids, one table or
   several, collapsed ones too; its alt text holds the means over neighbours and over all others.
3. The table of the widget is those cosines, table after table.
4. Every patch can be shown; any other number is undone and said, and the next good one clears the sentence.
5. Without a front end the static figure shows: a JPEG with alt text, small enough for a notebook.
"""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from jepa_lite.figures.positions import position_similarity, similarities
from jepa_lite.method.patches import sincos_positions
from jepa_lite.widgets import PositionExplorer

GRIDS = [(3, 5), (1, 2), (4, 1), (1, 7), (6, 4)]


def table(N, E=6, seed=1):
    return torch.randn(N, E, generator=torch.Generator().manual_seed(seed))


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True)) / (
        sum(x * x for x in a) ** 0.5 * sum(y * y for y in b) ** 0.5
    )


# 1 -------------------------------------------------------------------------------------------------------


def test_cosines_are_those_of_a_loop():
    positions = torch.nn.Parameter(table(7) * torch.linspace(0.1, 9, 7)[:, None])
    found, rows = similarities(positions, (1, 7))["positions"], positions.tolist()
    for i in range(7):
        for j in range(7):
            assert found[i, j].item() == pytest.approx(cosine(rows[i], rows[j]), abs=1e-6), (i, j)


def test_a_zero_vector_is_like_none():
    positions = table(4)
    positions[2] = 0
    found = similarities(positions, (2, 2))["positions"]
    assert found[2].tolist() == [0] * 4 and found[:, 2].tolist() == [0] * 4
    assert found[0, 1].item() == pytest.approx(cosine(positions[0].tolist(), positions[1].tolist()), abs=1e-6)


BAD = [
    (table(12), (3, 5), "12 rows, but a grid of 3 x 5 has 15"),
    (table(15)[:, 0], (3, 5), r"shape \(N, E\), not \(15,\)"),
    (table(15).fill_(torch.nan), (3, 5), "NaN or infinity"),
    ({"a": table(15), "the second": table(14)}, (3, 5), "the second has 14 rows"),
    ({}, (3, 5), "at least one table"),
    (table(1), (1, 1), "two patches or more"),
    (table(54 * 54, 1), (54, 54), "take a smaller grid"),
]


@pytest.mark.parametrize("positions, grid, sentence", BAD, ids=[sentence for *_, sentence in BAD])
def test_tables_that_cannot_be_shown_say_why(positions, grid, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        PositionExplorer(positions, grid)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("patch", [-1, 15, 200])
def test_a_first_patch_beside_the_grid_is_refused(patch):
    with pytest.raises(ValueError, match=f"patch must be from 0 to 14, not {patch}"):
        PositionExplorer(table(15), (3, 5), patch)


# 2 -------------------------------------------------------------------------------------------------------


def loop_neighbours(patch, grid):
    at = divmod(patch, grid[1])
    places = {i: divmod(i, grid[1]) for i in range(grid[0] * grid[1])}
    return sorted(i for i, (r, c) in places.items() if abs(r - at[0]) + abs(c - at[1]) == 1)


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_the_figure_shows_the_row_of_every_patch(grid):
    N = grid[0] * grid[1]
    tables = {"fixed": sincos_positions(grid, 8), "learned": table(N)}
    for patch in {0, grid[1] - 1, N - grid[1], N - 1, N // 2}:  # the corners and the middle
        fig = position_similarity(tables, grid, patch)
        fig.canvas.draw()
        for ax, name in zip(fig.axes, tables, strict=False):
            row = similarities(tables, grid)[name][patch]
            np.testing.assert_allclose(ax.images[0].get_array(), row.view(grid), atol=1e-6)
            assert ax.get_title() == name and ax.images[0].get_clim()[1] == 1
            mark = next(p for p in ax.patches if p.get_gid() == "query")
            assert (round(mark.get_y() + 0.5), round(mark.get_x() + 0.5)) == divmod(patch, grid[1])
            near = np.mean([row[i] for i in loop_neighbours(patch, grid)])
            others = np.mean([row[i] for i in range(N) if i != patch])
            assert f"{near:.2f} to its neighbours, {others:.2f} to all others" in fig.alt_text
        assert "row {}, column {},".format(*divmod(patch, grid[1])) in fig.alt_text


@pytest.mark.parametrize("count", [1, 3, 5])
def test_any_number_of_tables_is_drawn_collapsed_ones_too(count):
    tables = {f"table {i}": torch.ones(15, 4) if i == 0 else table(15, seed=i) for i in range(count)}
    fig = position_similarity(tables, (3, 5), 4)
    fig.canvas.draw()
    drawn = [ax.get_title() for ax in fig.axes if ax.images and ax.get_title()]
    assert drawn == list(tables)
    assert "table 0, from 1.00: 1.00 to its neighbours, 1.00 to all others" in fig.alt_text


# 3 to 5 --------------------------------------------------------------------------------------------------


def test_the_table_holds_the_cosines_of_each_table():
    tables = {"sin-cos": sincos_positions((3, 5), 8), "learned": table(15, 12)}
    widget = PositionExplorer(tables, (3, 5))
    found = np.frombuffer(widget.table, np.float32).reshape(2, 15, 15)
    for t, positions in enumerate(tables.values()):
        rows = positions.tolist()
        expected = [[cosine(a, b) for b in rows] for a in rows]
        np.testing.assert_allclose(found[t], expected, atol=1e-6)
    assert (widget.names, widget.widths, widget.grid) == (["sin-cos", "learned"], [8, 12], [3, 5])
    assert widget.patch == 7, "it starts in the middle"


def test_every_patch_can_be_shown_and_no_other():
    widget = PositionExplorer(table(15), (3, 5))
    for patch in range(15):
        widget.set_state({"patch": patch})  # as the front end does
        assert (widget.patch, widget.trouble) == (patch, "")
        assert "row {}, column {},".format(*divmod(patch, 5)) in widget.figure().alt_text
    held = widget.table
    for wrong in (-1, 15, 10**6):
        widget.set_state({"patch": wrong})
        assert widget.trouble == f"patch must be from 0 to 14, not {wrong}, so it stays at 14."
        assert widget.patch == 14 and widget.table == held
    widget.patch = 3
    assert widget.trouble == ""


def test_the_static_figure_shows_without_a_front_end():
    widget = PositionExplorer(table(15), (3, 5), 6)
    data, about = widget._repr_mimebundle_()
    picture = base64.b64decode(data["image/jpeg"])
    assert Image.open(io.BytesIO(picture)).format == "JPEG" and len(picture) < 100_000
    assert about["image/jpeg"]["alt"] == widget.figure().alt_text in data["text/plain"]
