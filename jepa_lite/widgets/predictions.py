"""The prediction explorer: drag a hole over an image, and see what the predictor says is in it (section 3).

A prediction is a vector and no picture: each hidden patch is shown by the patch of the OTHER images whose
target it resembles most, and judged by the rank of the true one, beside chance. Every place of the hole is
predicted in one batch; predictions.js paints them. `retrieval` is its static figure.
"""

import io
import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
import traitlets
from PIL import Image
from torch import Tensor

from ..data import normalize
from ..data.image_forms import many_images
from ..figures.predictor import Query, nearest_patches, retrieval, retrieval_ranks
from ..figures.style import Picture
from ..method.ijepa import IJEPA
from ..method.masks import Masks, Places, block_masks, covered, numbers
from .base import MOST_BYTES, Explorer, script

NEAREST, ROWS, PART = 5, 4, 64  # patches shown; rows of the static figure; places of the hole in one pass
SETTINGS = ("image", "hole_rows", "hole_columns", "reach")


def hole_masks(grid: Sequence[int], size: Sequence[int], reach: int) -> Masks:
    """Masks of every place of a hole of `size` = (rows, columns), from the top left: L rows, one target each.

    The context is what lies outside the hole, at most `reach` patches away. Raises ValueError for a hole that
    does not fit, or leaves no context.
    """
    if not all(1 <= side <= n for side, n in zip(size, grid, strict=True)) or tuple(size) == tuple(grid):
        raise ValueError(
            f"a hole of {size[0]} by {size[1]} patches must fit a grid of {grid[0]} by {grid[1]} and leave "
            "some of it to predict from"
        )
    if reach < 1:
        raise ValueError(f"reach must be at least 1, for the context begins beside the hole, not {reach}")
    grid, size = tuple(grid), tuple(size)
    places = Places(grid, size)
    every = numbers(len(places))
    covers = torch.from_numpy(places.covers(every))  # (L, N)
    reach = min(reach, max(grid))
    near = F.max_pool2d(covers.float().view(-1, 1, *grid), 2 * reach + 1, 1, reach).flatten(1) > 0  # (L, N)
    context = (near & ~covers).numpy()
    return block_masks(places, every[:, None], context, covered(context))


class Answers(NamedTuple):
    """What the predictor says, for L places of a hole of T patches, compared to a bank of targets."""

    vectors: torch.Tensor  # (L, T, D)
    nearest: torch.Tensor  # (L, T, k): tokens image * N + patch of other images, nearest first
    scores: torch.Tensor  # (L, T, 3): rank of the truth, its rank at the same place, its cosine


@torch.no_grad()
def answer(model: IJEPA, images: Tensor, bank: Tensor, image: int, masks: Masks) -> Answers:
    """`Answers` for image number `image` of images (n, C, H, W); bank (n, N, D): their targets."""
    parts = []
    for rows in torch.arange(len(masks)).split(PART):
        part = masks.rows(rows)
        same = images[image].expand(len(rows), -1, -1, -1)  # one image, under every mask
        vectors = model.predict(same, part.to(images.device))[:, 0].float().cpu()  # (L, T, D)
        parts.append(Answers(vectors, *_compare(vectors, bank, image, part.target_idx[:, 0])))
    return Answers(*(torch.cat(each) for each in zip(*parts, strict=True)))


def _compare(vectors, bank, image, target_idx):
    n, N, _ = bank.shape
    flat, tokens = vectors.flatten(0, 1), bank.flatten(0, 1)  # (q, D), (n*N, D)
    patches = target_idx.flatten()
    others = (torch.arange(n * N) // N != image).expand(len(flat), -1)
    nearest = nearest_patches(flat, tokens, min(NEAREST, (n - 1) * N), others)
    queries = [Query(image, int(p), patches, v) for p, v in zip(patches, flat, strict=True)]
    ranks = retrieval_ranks(queries, bank)
    cosine = F.cosine_similarity(flat.double(), bank[image, patches].double(), dim=-1)
    shape = vectors.shape[:2]
    return nearest.unflatten(0, shape), torch.stack([*ranks, cosine], -1).float().unflatten(0, shape)


def _sprite(images: Tensor) -> tuple[bytes, int]:
    """All images, uint8 (n, 3, H, W), as one picture file, and how many stand in a row of it."""
    n, _, H, W = images.shape
    columns = math.ceil(math.sqrt(n))
    sheet = images.new_zeros(3, math.ceil(n / columns) * H, columns * W)
    for i, image in enumerate(images):
        top, left = i // columns * H, i % columns * W
        sheet[:, top : top + H, left : left + W] = image
    picture, buffer = Image.fromarray(sheet.permute(1, 2, 0).cpu().numpy()), io.BytesIO()
    small = sheet.shape[1] * sheet.shape[2] <= 2**20  # then lossless, so that no patch bleeds into the next
    picture.save(buffer, "png") if small else picture.save(buffer, "jpeg", quality=90)
    return buffer.getvalue(), columns


class PredictionExplorer(Explorer):
    """What the predictor says is in the hole.

    model: an `IJEPA` or a `PixelBaseline`. images: uint8 (n, 3, H, W), or as arrays or PIL images, held out;
    all are searched for resembling patches, so take some dozens. hole: (rows, columns) of the hidden block.
    image: which to start with. reach: how many patches around the hole the context encoder sees; all if None.
    The model stays on its device. Raises ValueError for images that the model or the search cannot take, and
    for an impossible hole.
    """

    _esm = script("kit", "predictions")
    sprite = traitlets.Bytes(help="all images as one picture").tag(sync=True)
    sheet = traitlets.Dict(help="images, columns of the sprite, patch, and what a token is").tag(sync=True)
    grid = traitlets.List(traitlets.Int()).tag(sync=True)
    image, hole_rows, hole_columns, reach = (traitlets.Int().tag(sync=True) for _ in SETTINGS)
    corner = traitlets.List(traitlets.Int(), [0, 0], minlen=2, maxlen=2, help="of the hole: row, column").tag(
        sync=True
    )
    drawn = traitlets.Dict(help="the settings that the tables hold, and k").tag(sync=True)
    nearest = traitlets.Bytes(help="tokens of other images, uint32 (L, T, k)").tag(sync=True)
    scores = traitlets.Bytes(help="rank, rank at the same place, cosine: float32 (L, T, 3)").tag(sync=True)

    def __init__(
        self,
        model: IJEPA,
        images: object,
        hole: tuple[int, int] = (3, 3),
        image: int = 0,
        reach: int | None = None,
    ) -> None:
        images = many_images(images)
        _check(model, images)
        (rows, columns), self._model = model.config.grid, model
        self._images = normalize(images.to(next(model.parameters()).device))
        self._bank = model.targets(self._images).float().cpu()  # all at once: they may be normed over it
        self._pixels = images.cpu() / 255
        picture, across = _sprite(images)
        super().__init__(
            sprite=picture,
            sheet={"images": len(images), "columns": across, "patch": model.config.patch_size},
            grid=[rows, columns],
            image=image,
            hole_rows=hole[0],
            hole_columns=hole[1],
            reach=max(rows, columns) if reach is None else reach,
            corner=[(rows - hole[0]) // 2, (columns - hole[1]) // 2],
        )
        self._draw()
        self.observe(lambda _: self._draw_again(), [*SETTINGS])

    def figure(self) -> Picture:
        """Some patches of the present hole, and what they resemble: ``retrieval``."""
        masks, image = self._masks, self.drawn["image"]
        places = [n - side + 1 for n, side in zip(self.grid, masks.target_size, strict=True)]
        row, column = (min(max(at, 0), n - 1) for at, n in zip(self.corner, places, strict=True))
        place = row * places[1] + column
        hidden, vectors = masks.target_idx[place, 0], self._answers.vectors[place]
        shown = torch.linspace(0, len(hidden) - 1, min(ROWS, len(hidden))).round().long()
        queries = [Query(image, int(hidden[t]), hidden, vectors[t]) for t in shown]
        P = self._model.config.patch_size
        return retrieval(self._pixels, tuple(self.grid), P, queries, self._bank)

    def _draw(self):
        """New tables for new settings. Raises ValueError, and changes nothing, for impossible ones."""
        n, size = len(self._bank), [self.hole_rows, self.hole_columns]
        if not 0 <= self.image < n:
            raise ValueError(f"image must be from 0 to {n - 1}, not {self.image}")
        masks = hole_masks(self.grid, size, self.reach)
        answers = answer(self._model, self._images, self._bank, self.image, masks)
        self._masks, self._answers = masks, answers
        with self.hold_sync():
            self.trouble, self.nearest = "", answers.nearest.numpy().astype("<u4").tobytes()
            self.scores = answers.scores.numpy().tobytes()
            k = answers.nearest.shape[-1]
            self.drawn = {"image": self.image, "size": size, "reach": self.reach, "k": k}

    def _draw_again(self):
        try:
            self._draw()
        except ValueError as error:
            self.trouble = f"This cannot be shown, so the last predictions stay: {error}."


def _check(model, images):
    wanted, given = (3, *model.config.image_size), tuple(images.shape)
    if images.dtype != torch.uint8 or given[1:] != wanted:
        raise ValueError(
            f"images must be uint8 (n, {', '.join(map(str, wanted))}) for this model, not {images.dtype} "
            f"{given}"
        )
    if len(images) < 2:
        raise ValueError(
            "a prediction is shown by what it resembles in OTHER images, so give at least two images; some "
            "dozens are better"
        )
    if images.numel() > MOST_BYTES:
        raise ValueError(
            f"{len(images)} images are {images.numel() / 2**20:.0f} MB, and a page should hold "
            f"{MOST_BYTES // 2**20}; give fewer"
        )
