"""The mask explorer: see what each masking rule hides, and from whom (paper, section 3, Figure 4, Table 6).

The library's own sampler draws a table of masks, one row a seed; masks.js paints it. A key press
therefore needs no kernel, and a page without one (standalone_page.py) shows the same. mask_figures.masks
is its static figure.
"""

import io

import numpy as np
import torch
import traitlets
from PIL import Image
from torch import Tensor

from ..config import MASK_RULES, MaskConfig
from ..data import find_image
from ..figures import masks as mask_figures
from ..figures.style import Picture
from ..method.masks import sample_masks
from .base import Explorer, script

DRAWS, FIRST = 256, 48  # seeds in the table, and how many of them come at once after a change
MOST_TARGETS = 5  # as many looks as can be told apart
COUNTS = {"rows": 14, "columns": 14, "patch": 16, "num_targets": 4, "min_keep": 4, "batch": 1}
INTERVALS = ("target_scale", "target_aspect", "context_scale")
OF_MASKS = ("rule", "num_targets", "min_keep", "target_share", *INTERVALS)
ALWAYS = ("rows", "columns", "patch", "batch")  # what every rule reads
SETTINGS = (*COUNTS, "target_share", *INTERVALS, "rule")


def mask_table(grid: tuple[int, int], config: MaskConfig, draws: range, batch: int = 1) -> np.ndarray:
    """Masks of seeds `draws` (a range) as bytes (len(draws), N): bit 0 context, bit m target m.

    Each seed draws a batch of `batch` images, of which the first is shown: with rule "official" the others
    matter too. Raises ValueError as `sample_masks` does.
    """
    table = np.zeros((len(draws), grid[0] * grid[1]), np.uint8)
    generator = torch.Generator()
    for row, seed in zip(table, draws, strict=True):
        masks = sample_masks(grid, batch, config, generator.manual_seed(seed))
        context, targets, _ = mask_figures.mask_sets(masks, 0)
        row[context] |= 1
        for m, target in enumerate(targets):
            row[target] |= 2 << m
    return table


def described(grid: tuple[int, int], table: np.ndarray) -> dict:
    """What a table (draws, N) holds, for the page. The highest bit in use tells the number of targets."""
    return {"grid": list(grid), "targets": int(table.max()).bit_length() - 1, "draws": len(table)}


def encoded(pixels: Tensor) -> bytes:
    """uint8 (3, H, W) as the bytes of a picture file: lossless while small, else JPEG."""
    picture, buffer = Image.fromarray(pixels.permute(1, 2, 0).numpy()), io.BytesIO()
    small = pixels.shape[-1] * pixels.shape[-2] <= 96 * 96
    picture.save(buffer, "png") if small else picture.save(buffer, "jpeg", quality=85)
    return buffer.getvalue()


def _ends(default):
    return traitlets.List(traitlets.Float(), list(default), minlen=2, maxlen=2).tag(sync=True)


class MaskExplorer(Explorer):
    """Draw masks on an image, and see what context encoder and predictor receive.

    image: the name of a bundled photograph (`data.PHOTOS`), a path, a tensor, a numpy array or a
    PIL image (data.find_image). grid: (rows,
    columns) of patches; patch_size: pixels of a patch, so the image is fitted to rows x columns of them.
    masks: a `MaskConfig`, whose every field can then be changed by hand. batch: images that share a draw of
    block sizes, and under rule "official" the cut. seed: from 0 to 255.
    """

    _esm = script("kit", "strips", "masks")
    photo = traitlets.Bytes().tag(sync=True)
    rule = traitlets.Unicode().tag(sync=True)
    rows, columns, patch, num_targets, min_keep, batch = (
        traitlets.Int(default).tag(sync=True) for default in COUNTS.values()
    )
    target_scale, target_aspect, context_scale = (_ends(getattr(MaskConfig(), name)) for name in INTERVALS)
    target_share = traitlets.Float(MaskConfig().target_share).tag(sync=True)
    seed = traitlets.Int(0, min=0, max=DRAWS - 1).tag(sync=True)
    table = traitlets.Bytes().tag(sync=True)
    drawn = traitlets.Dict(help="what the table holds: grid, targets, draws").tag(sync=True)
    wanted = traitlets.Int(FIRST, help="how many draws the front end asks for").tag(sync=True)
    most = traitlets.Int(DRAWS, help="how many draws there can be").tag(sync=True)
    reads = traitlets.Dict(help="{rule: settings that it reads}").tag(sync=True)
    can = traitlets.List(list(SETTINGS), help="settings that this page can change").tag(sync=True)

    def __init__(
        self,
        image: object = "cat",
        grid: tuple[int, int] = (14, 14),
        patch_size: int = 16,
        masks: MaskConfig | None = None,
        batch: int = 1,
        seed: int = 0,
    ) -> None:
        masks = masks or MaskConfig()
        if masks.num_targets > MOST_TARGETS:
            raise ValueError(
                f"the explorer tells up to {MOST_TARGETS} targets apart, not {masks.num_targets}; draw more "
                "with mask_figures.masks"
            )
        self._image, self._pixels = image, None
        size = {"rows": grid[0], "columns": grid[1], "patch": patch_size, "batch": batch, "seed": seed}
        fields = {name: getattr(masks, name) for name in OF_MASKS}
        fields |= {name: list(fields[name]) for name in INTERVALS}
        reads = {rule: [*names, *ALWAYS] for rule, names in MASK_RULES.items()}
        super().__init__(**size, **fields, reads=reads)
        self._draw(range(max(FIRST, seed + 1)))
        self.observe(lambda _: self._draw_again(), [*SETTINGS])
        self.observe(lambda _: self._draw_more(), ["wanted", "seed"])

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, columns) of patches."""
        return self.rows, self.columns

    def config(self) -> MaskConfig:
        """The `MaskConfig` of the present settings. Raises ValueError for impossible ones."""
        return MaskConfig(**{name: getattr(self, name) for name in OF_MASKS})

    def figure(self) -> Picture:
        """The masks that are shown, as `mask_figures.masks` draws them."""
        grid, config, batch = self._request
        masks = sample_masks(grid, batch, config, torch.Generator().manual_seed(self.seed))
        return mask_figures.masks(self._pixels / 255, masks)

    def _draw(self, draws):
        """A new table for new settings: its first draws now, the others when the page asks for them.

        Raises ValueError, and changes nothing, for settings that cannot be met.
        """
        grid, config, batch = self.grid, self.config(), self.batch
        table = mask_table(grid, config, draws, batch)
        size = grid[0] * self.patch, grid[1] * self.patch
        if self._pixels is None or self._pixels.shape[1:] != size:
            self._pixels = find_image(self._image, size)
        self._request = grid, config, batch  # what is shown, whatever the sliders say
        with self.hold_sync():
            self.trouble, self.photo, self.table = "", encoded(self._pixels), table.tobytes()
            change = self.drawn.get("change", 0) + 1  # so that the page always hears of it
            self.drawn = described(grid, table) | {"change": change}
            self.wanted = len(draws)

    def _draw_again(self):
        try:
            self._draw(range(max(FIRST, self.seed + 1)))
        except ValueError as error:
            self.trouble = f"These settings cannot be met, so the last masks stay: {error}."

    def _draw_more(self):
        have, want = self.drawn["draws"], min(max(self.wanted, self.seed + 1), DRAWS)
        if want > have:
            grid, config, batch = self._request
            more = mask_table(grid, config, range(have, want), batch)
            with self.hold_sync():
                self.table += more.tobytes()
                self.drawn = self.drawn | {"draws": want}
