"""A hole in images, filled with what each source says is in it: pure functions, a Figure with alt text."""

from torch import Tensor

from ...figures.style import HIDDEN, WIDTH, Picture, aspect, figure, hatched, show, styled
from ...method.patches import patchify, unpatchify


def _filled(image: Tensor, hidden: Tensor, patches: Tensor, patch_size: int) -> Tensor:
    """A copy of an image (C, H, W) whose patches `hidden` (T,) are replaced by patches (T, C*P*P)."""
    grid = image.shape[1] // patch_size, image.shape[2] // patch_size
    whole = patchify(image[None], patch_size).clone()  # (1, N, C*P*P)
    whole[0, hidden] = patches.to(whole)
    return unpatchify(whole, patch_size, grid)[0]


def cut(image: Tensor, hidden: Tensor, patch_size: int, margin: int = 1) -> Tensor:
    """The part of an image (C, H, W) around the patches `hidden` (T,), with `margin` patches on each side."""
    columns = image.shape[2] // patch_size
    row, column = hidden // columns, hidden % columns
    top, left = (max(int(place.min()) - margin, 0) * patch_size for place in (row, column))
    bottom, right = ((int(place.max()) + 1 + margin) * patch_size for place in (row, column))
    return image[:, top:bottom, left:right]


@styled
def mosaic(images: Tensor, hidden: Tensor, fillings: dict[str, Tensor], patch_size: int) -> Picture:
    """Images (n, C, H, W) in [0, 1], one a row: the whole with a hole `hidden` (T,), the truth, fillings.

    fillings: {what fills the hole: patches (n, T, C*P*P)}. All but the first column show the hole's
    surroundings alone. The alt text holds each filling's mean absolute error in the hole.
    """
    n, names = len(images), ["image", "truth", *fillings]
    fig = figure(WIDTH / len(names) * aspect(images) * n + 0.35)
    axes = fig.subplots(n, len(names), squeeze=False)
    grid = images.shape[2] // patch_size, images.shape[3] // patch_size
    for i, (image, line) in enumerate(zip(images, axes, strict=True)):
        show(line[0], image)
        hatched(line[0], hidden.tolist(), grid, patch_size, "hidden", HIDDEN, 1, "#BBBBBB")
        show(line[1], cut(image, hidden, patch_size))
        for ax, patches in zip(line[2:], fillings.values(), strict=True):
            show(ax, cut(_filled(image, hidden, patches[i], patch_size), hidden, patch_size))
    for ax, name in zip(axes[0], names, strict=True):
        ax.set_title(name)
    truth = patchify(images, patch_size)[:, hidden]  # (n, T, C*P*P)
    errors = [f"{name} {(patches - truth).abs().mean():.2f}" for name, patches in fillings.items()]
    fig.alt_text = (
        f"{n} images, one a row, each with a hatched hole of {len(hidden)} patches, then the hole and what "
        f"is around it: the truth, and filled by {', by '.join(fillings)}. Mean error of a pixel in the "
        f"hole, from 0 to 1: {', '.join(errors)}."
    )
    return fig
