"""Claims tested here, of the attention explorer without a browser:

1. Its maps are the encoder's, of the layers that were chosen, in the order given, rounded to 1/65535.
2. The number of effective patches of each head, and of the mean over heads, is exp of the entropy.
3. Even attention reaches all N patches; one head, one layer and grids that are not square are no exception.
4. Every control can be moved to every end; impossible numbers are undone and said.
5. The static figure shows the chosen layer's heads, under the layers' own numbers.
6. What cannot be shown is refused in one sentence, before the encoder runs.
7. Without a front end the static figure shows: a JPEG with alt text.
"""

import base64
import io
import math

import numpy as np
import pytest
import torch
from PIL import Image

from jepa_lite.config import ModelConfig
from jepa_lite.data import normalize
from jepa_lite.method.vit import Encoder
from jepa_lite.widgets import AttentionExplorer
from jepa_lite.widgets.attention import VIEWS, attention_maps

SIZES = [((12, 20), 4, 3, 2), ((10, 5), 5, 1, 1), ((9, 12), 3, 2, 4)]  # image, patch, depth, heads


def encoder(size=(12, 20), P=4, depth=3, heads=2, seed=1):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = Encoder(ModelConfig(image_size=size, patch_size=P, width=16, depth=depth, heads=heads))
    with torch.no_grad():
        for block in made.blocks:
            block.attn.qkv.weight *= 4  # else attention is nearly even, and hides a mistake
    return made


def pixels(size=(12, 20), seed=2):
    return torch.randint(256, (3, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def tables(widget):
    N, heads, layers = widget.grid[0] * widget.grid[1], widget.heads, len(widget.layers)
    weights = np.frombuffer(widget.table, np.uint16).reshape(layers, heads, N, N) / 65535
    return weights, np.frombuffer(widget.counts, np.float32).reshape(layers, heads + 1, N)


# 1 to 3 --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size, P, depth, heads", SIZES)
def test_the_table_holds_the_encoder_s_own_maps(size, P, depth, heads):
    net, image = encoder(size, P, depth, heads), pixels(size)
    widget = AttentionExplorer(net, image)
    with torch.no_grad():
        expected = net.attention_maps(normalize(image[None]))[0]
    weights, counts = tables(widget)
    assert abs(weights - expected.numpy()).max() <= 0.5 / 65535 + 1e-6
    assert expected.std() > 0.01, "the maps must differ for this test to see anything"
    assert (widget.layers, widget.heads) == (list(range(depth)), heads)
    rows = torch.cat([expected, expected.mean(1, keepdim=True)], 1).tolist()
    for layer in range(depth):
        for head in range(heads + 1):
            for query, row in enumerate(rows[layer][head]):
                spread = math.exp(-sum(w * math.log(w) for w in row if w > 0))
                assert counts[layer, head, query] == pytest.approx(spread, rel=1e-4), (layer, head, query)


def test_chosen_layers_come_in_the_order_given():
    net, image = encoder(), pixels()
    both = attention_maps(net, image, [2, 0])
    with torch.no_grad():
        expected = net.attention_maps(normalize(image[None]))[0]
    torch.testing.assert_close(both, expected[[2, 0]])
    widget = AttentionExplorer(net, image, layers=[2, 0])
    assert widget.layers == [2, 0] and abs(tables(widget)[0] - both.numpy()).max() < 2e-5


def test_even_attention_reaches_every_patch():
    net = encoder()
    with torch.no_grad():
        for block in net.blocks:
            block.attn.qkv.weight.zero_()
    weights, counts = tables(AttentionExplorer(net, pixels()))
    assert abs(weights - 1 / 15).max() < 1e-5 and abs(counts - 15).max() < 1e-3


def test_the_picture_is_the_image_that_the_encoder_saw():
    image = pixels()
    widget = AttentionExplorer(encoder(), image)
    shown = np.asarray(Image.open(io.BytesIO(widget.photo)))
    assert (shown == image.permute(1, 2, 0).numpy()).all()
    by_name = AttentionExplorer(encoder((16, 24), 8), "cat")
    assert Image.open(io.BytesIO(by_name.photo)).size == (24, 16)


# 4, 5 and 7 ----------------------------------------------------------------------------------------------


def test_every_control_moves_to_every_end():
    widget = AttentionExplorer(encoder(), pixels())
    held = widget.table
    for patch in range(15):
        for layer in range(3):
            widget.set_state({"patch": patch, "layer": layer, "view": VIEWS[(patch + layer) % 3]})
            now = widget.patch, widget.layer, widget.view, widget.trouble
            assert now == (patch, layer, VIEWS[(patch + layer) % 3], "")
    for name, wrong, last in (("patch", 15, 14), ("patch", -1, 14), ("layer", 3, 2), ("layer", -1, 2)):
        widget.set_state({name: wrong})
        assert widget.trouble == f"{name} must be from 0 to {last}, not {wrong}, so it stays at {last}."
        assert getattr(widget, name) == last and widget.table == held
    widget.set_state({"layer": 0})
    assert widget.trouble == ""


@pytest.mark.parametrize("size, P, depth, heads", SIZES)
def test_the_static_figure_shows_the_chosen_layer_under_its_own_number(size, P, depth, heads):
    layers = list(range(depth))[::-1]
    widget = AttentionExplorer(encoder(size, P, depth, heads), pixels(size), layers=layers)
    N = widget.grid[0] * widget.grid[1]
    weights, _ = tables(widget)
    for patch in {0, widget.grid[1] - 1, N - 1}:
        for chosen, number in enumerate(layers):
            widget.patch, widget.layer = patch, chosen
            fig = widget.figure()
            fig.canvas.draw()
            titled = {ax.get_title().split(":")[0]: ax for ax in fig.axes if ":" in ax.get_title()}
            for i, layer in enumerate(layers):
                shown = titled[f"layer {layer + 1}"].images[0].get_array() / N
                np.testing.assert_allclose(shown.ravel(), weights[i, :, patch].mean(0), atol=1e-4)
            for head in range(heads):
                shown = titled[f"head {head + 1}"].images[0].get_array() / N
                np.testing.assert_allclose(shown.ravel(), weights[chosen, head, patch], atol=1e-4)
            assert f"Heads of layer {number + 1}:" in fig.alt_text and f"patch {patch} looks" in fig.alt_text


def test_small_nets_start_with_every_head_and_large_ones_with_layers():
    assert AttentionExplorer(encoder(), pixels()).view == "every head"
    assert AttentionExplorer(encoder(depth=7, heads=4), pixels()).view == "layers"


def test_the_static_figure_shows_without_a_front_end():
    widget = AttentionExplorer(encoder(), pixels())
    data, about = widget._repr_mimebundle_()
    picture = base64.b64decode(data["image/jpeg"])
    assert Image.open(io.BytesIO(picture)).format == "JPEG" and len(picture) < 150_000
    assert about["image/jpeg"]["alt"] == widget.figure().alt_text in data["text/plain"]


# 6 -------------------------------------------------------------------------------------------------------

BAD = [
    ({"layers": []}, {}, r"layers must be different numbers from 0 to 2, not \[\]"),
    ({"layers": [3]}, {}, "from 0 to 2"),
    ({"layers": [-1]}, {}, "from 0 to 2"),
    ({"layers": [1, 1]}, {}, "different"),
    ({"patch": 15}, {}, "patch must be from 0 to 14, not 15"),
    ({"image": torch.rand(2, 12, 20)}, {}, r"\(3, H, W\)"),
    # 12 layers of 8 heads on 784 patches: 112.6 MB of 2-byte weights, 9.4 a layer
    ({}, {"size": (224, 224), "P": 8, "depth": 12, "heads": 8}, r"113 MB .* choose at most 3, such as"),
    ({}, {"size": (512, 512), "P": 8, "heads": 8}, "use smaller images"),
]


@pytest.mark.parametrize("asked, net, sentence", BAD, ids=[sentence for *_, sentence in BAD])
def test_what_cannot_be_shown_is_refused_in_a_sentence(asked, net, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        AttentionExplorer(encoder(**net), **{"image": "cat"} | asked)
    assert "\n" not in str(caught.value)


def test_a_large_net_shows_the_layers_that_fit():
    widget = AttentionExplorer(encoder((224, 224), 8, 4, 8), "cat", layers=[3])
    assert len(widget.table) == 8 * 784**2 * 2 < 32 * 2**20
