"""The attention explorer: point at a patch of an image, and see where each layer and head looks from there.

Python runs the encoder once and hands over every attention map; attention.js paints the rows of the patch
that is pointed at. Where a token looks is not yet what it takes from there. figures/encoder.py has its
static figure.
"""

import numpy as np
import torch
import traitlets
from torch import Tensor

from ..data import find_image, normalize
from ..figures.encoder import attention, effective_patches
from ..figures.style import Picture
from ..method.vit import Encoder
from .base import MOST_BYTES, Explorer, script
from .masks import encoded

STEPS = 65535  # a weight from 0 to 1 comes over as a whole number of so many steps
VIEWS = ("every head", "layers", "heads of a layer")


@torch.no_grad()
def attention_maps(encoder: Encoder, pixels: Tensor, layers: list[int]) -> Tensor:
    """Attention of one image, uint8 (3, H, W), in the blocks numbered `layers`, float32.

    As `Encoder.attention_maps`, but of no more layers than are asked for: (layers, heads, N, N).
    """
    device = next(encoder.parameters()).device
    x, maps = encoder.tokens(normalize(pixels[None].to(device))), {}
    for i, block in enumerate(encoder.blocks):
        if i in layers:
            maps[i] = block.attn.maps(block.norm1(x))[0].float().cpu()  # (heads, N, N)
        x = block(x)
    return torch.stack([maps[i] for i in layers])


class AttentionExplorer(Explorer):
    """Where a patch looks.

    encoder: an `Encoder`, such as `model.target_encoder`. image: the name of a bundled photograph
    (`data.PHOTOS`), a path, a tensor, a numpy array or a PIL image; fitted to the encoder's own size.
    patch: the query to start with, the middle one if None. layers: which to show, from 0, all if None.
    Raises ValueError for layers that are not there, and for more maps than a page should hold.
    """

    _esm = script("kit", "attention")
    photo = traitlets.Bytes().tag(sync=True)
    grid = traitlets.List(traitlets.Int()).tag(sync=True)
    layers = traitlets.List(traitlets.Int(), help="numbers of the layers, from 0").tag(sync=True)
    heads = traitlets.Int().tag(sync=True)
    table = traitlets.Bytes(help="weights, uint16 in steps of 1/65535 (layers, heads, N, N)").tag(sync=True)
    counts = traitlets.Bytes(help="effective patches, float32 (layers, heads + 1, N); last: mean head").tag(
        sync=True
    )
    patch = traitlets.Int(help="the query that is kept in view").tag(sync=True)
    layer = traitlets.Int(help="whose heads are in view, as an index into layers").tag(sync=True)
    view = traitlets.Enum(VIEWS, VIEWS[0]).tag(sync=True)

    def __init__(
        self,
        encoder: Encoder,
        image: object = "cat",
        patch: int | None = None,
        layers: list[int] | None = None,
    ) -> None:
        (rows, columns), P = encoder.grid, encoder.patch_size
        layers = list(range(len(encoder.blocks)) if layers is None else layers)
        _check(encoder, layers, rows * columns)
        self._pixels = find_image(image, (rows * P, columns * P))
        self._maps = attention_maps(encoder, self._pixels, layers)
        heads = self._maps.shape[1]
        both = torch.cat([self._maps, self._maps.mean(1, keepdim=True)], 1)  # (layers, heads + 1, N, N)
        super().__init__(
            photo=encoded(self._pixels),
            grid=[rows, columns],
            layers=layers,
            heads=heads,
            table=(self._maps * STEPS).round().numpy().astype(np.uint16).tobytes(),
            counts=effective_patches(both).float().numpy().tobytes(),
            patch=rows // 2 * columns + columns // 2 if patch is None else patch,
            layer=len(layers) - 1,
            view=VIEWS[0] if len(layers) * heads <= 24 else VIEWS[1],
        )
        self.keep_below("patch", rows * columns)
        self.keep_below("layer", len(layers))

    def figure(self) -> Picture:
        """Where the present query looks, by layer and by head of one: `attention` of figures/encoder.py."""
        numbers = [layer + 1 for layer in self.layers]
        return attention(self._pixels / 255, self._maps, tuple(self.grid), self.patch, self.layer, numbers)


def _check(encoder, layers, N):
    depth, heads = len(encoder.blocks), encoder.blocks[0].attn.heads
    if not layers or len(set(layers)) < len(layers) or not set(layers) <= set(range(depth)):
        raise ValueError(f"layers must be different numbers from 0 to {depth - 1}, not {layers}")
    each, room = 2 * heads * N**2, MOST_BYTES  # bytes of a layer
    if each * len(layers) > room:
        fits = f"choose at most {room // each}, such as layers=[0]" if each <= room else "use smaller images"
        raise ValueError(
            f"{len(layers)} layers of {heads} heads on {N} patches are {each * len(layers) / 2**20:.0f} MB "
            f"of attention, and a page should hold {room // 2**20}; {fits}"
        )
