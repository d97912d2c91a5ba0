"""An image in numbered patches: a pure function from an image to a Figure with `alt_text`."""

from torch import Tensor

from ...figures.style import WIDTH, Picture, aspect, figure, frame, show, styled
from ...method.patches import grid_size


@styled
def numbered(image: Tensor, patch_size: int, patch: int) -> Picture:
    """An image (C, H, W) in [0, 1] with the number of every patch, and one `patch` alone beside it.

    Raises ValueError where the patch size does not divide the image, or the grid has no such patch."""
    rows, columns = grid_size(tuple(image.shape[1:]), patch_size)
    if not 0 <= patch < rows * columns:
        raise ValueError(f"a grid of {rows} x {columns} has patches 0 to {rows * columns - 1}, not {patch}")
    fig = figure(0.36 * WIDTH * min(aspect(image), 1.6) + 0.3)
    whole, one = fig.subplots(1, 2)
    show(whole, image, "patches, numbered row by row")
    for number in range(rows * columns):
        middle = [(place + 0.5) * patch_size - 0.5 for place in divmod(number, columns)]  # row, column
        look = {"fontsize": 6, "ha": "center", "va": "center", "gid": "number"}
        shade = {"boxstyle": "round,pad=0.15", "fc": "black", "alpha": 0.45, "lw": 0}
        whole.text(*middle[::-1], str(number), color="white", bbox=shade, **look)
    frame(whole, patch, (rows, columns), patch_size)
    top, left = (place * patch_size for place in divmod(patch, columns))
    show(one, image[:, top : top + patch_size, left : left + patch_size], f"patch {patch} alone")
    fig.alt_text = (
        f"An image in {rows} by {columns} patches, numbered row by row from 0 to {rows * columns - 1}; patch "
        f"{patch}, in row {patch // columns} and column {patch % columns}, is framed, and beside it "
        f"enlarged: {patch_size} by {patch_size} pixels, in which nothing can be recognised."
    )
    return fig
