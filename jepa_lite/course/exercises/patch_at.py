"""Exercise of notebook 00: which patch holds a pixel."""

from ..first_look import patch_at
from .engine import exercise

exercise(
    name="patch_at",
    notebook="00",
    answer=patch_at,
    # Rows and columns of the grid differ, and so do y and x.
    cases=lambda: [(29, 50, 8, 9), (13, 4, 5, 7), (41, 22, 4, 6), (7, 61, 9, 8), (34, 19, 6, 11)],
    traps=lambda: {
        "Patches, rows and columns count from 0, so the first pixel lies in patch 0.": (0, 0, 8, 8),
        "A pixel on the border of two patches is the first one of the patch below it or right of it.": (
            16,
            24,
            8,
            10,
        ),
        "The last pixel of a patch still belongs to it.": (15, 23, 8, 10),
    },
    returns="one whole number",
    hint="Which row of patches holds row y of the pixels? Whole division (//) by patch_size says so. Each "
    "row of patches above it holds `columns` patches, and those to the left come on top.",
    source=(patch_at,),
    mistakes=(
        (
            "Rows and columns are swapped: y counts rows, and each row above holds `columns` patches.",
            lambda y, x, patch_size, columns: x // patch_size * columns + y // patch_size,
        ),
        (
            "It counts down the columns first: patches are numbered along the rows.",
            lambda y, x, patch_size, columns: y // patch_size + x // patch_size * patch_size,
        ),
        (
            "It numbers the pixels, not the patches: divide y and x by patch_size first.",
            lambda y, x, patch_size, columns: y * columns + x,
            lambda y, x, patch_size, columns: y * columns * patch_size + x,
        ),
        (
            "Divided too late: y and x have to become a row and a column of PATCHES, each by itself, before "
            "they are put together.",
            lambda y, x, patch_size, columns: (y * columns + x) // patch_size,
            lambda y, x, patch_size, columns: (y * columns * patch_size + x) // patch_size**2,
        ),
        (
            "Off by one: it counts from 1, and the first patch has the number 0.",
            lambda y, x, patch_size, columns: patch_at(y, x, patch_size, columns) + 1,
        ),
        (
            "Off by one row: the rows count from 0, so those above the patch are y // patch_size.",
            lambda y, x, patch_size, columns: patch_at(y + patch_size, x, patch_size, columns),
        ),
        (
            "Off by one: it counts one patch too few.",
            lambda y, x, patch_size, columns: patch_at(y, x, patch_size, columns) - 1,
        ),
        (
            "A patch and a bit: / divides exactly, and // is what counts whole patches.",
            lambda y, x, patch_size, columns: y / patch_size * columns + x / patch_size,
        ),
        (
            "It rounds to the nearest border: a pixel lies in the patch that BEGINS before it.",
            lambda y, x, patch_size, columns: round(y / patch_size) * columns + round(x / patch_size),
        ),
        (
            "It rounds up: a pixel lies in the patch that begins before it, so round down.",
            lambda y, x, patch_size, columns: -(-y // patch_size) * columns + -(-x // patch_size),
        ),
        (
            "Each row of patches holds `columns` patches, and here it holds patch_size.",
            lambda y, x, patch_size, columns: y // patch_size * patch_size + x // patch_size,
        ),
        (
            "The row and the column are added: each row above holds `columns` patches, so multiply.",
            lambda y, x, patch_size, columns: y // patch_size + x // patch_size,
        ),
        (
            "This is the column alone: the patches in the rows above come first.",
            lambda y, x, patch_size, columns: x // patch_size,
        ),
        (
            "This is the row alone: which patch OF that row is it?",
            lambda y, x, patch_size, columns: y // patch_size,
        ),
        (
            "This is the first patch of its row: those to the left of the pixel have to be added.",
            lambda y, x, patch_size, columns: y // patch_size * columns,
        ),
        (
            "% gives the place WITHIN a patch; // gives the number of patches before it.",
            lambda y, x, patch_size, columns: y % patch_size * columns + x % patch_size,
            lambda y, x, patch_size, columns: y // patch_size * columns + x % patch_size,
        ),
    ),
)
