"""The mask explorer as one HTML file that opens from disk: no kernel, no network, no server.

The page holds the same JavaScript and tables that Python drew for each of its settings; a change of a setting
looks one up. `jepa-lite explorer --out explorer.html` writes it.
"""

import base64
import itertools
import json

from ..config import MASK_RULES, MaskConfig
from ..field_checks import plain
from ..limits import MOST_PIXELS, check_count
from ..method.masks import check_masks
from .base import script
from .masks import DRAWS, MOST_TARGETS, SETTINGS, MaskExplorer, described, mask_table

CHOICES, COUNTS = (
    ("rule", "num_targets"),
    range(1, MOST_TARGETS + 1),
)  # what can be changed, and to which numbers of targets
STYLE = """
:root { color-scheme: light dark } body { margin: 0; background: light-dark(#fdfdfc, #17181b) }
main { max-width: 960px; margin: 0 auto; padding: 1rem }
h1, main > p { font: 16px/1.5 system-ui, sans-serif; color: light-dark(#1d1d1f, #e8e8ea) }
h1 { font-size: 1.5rem; margin: 0 0 .3rem }
"""
POLICY = "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def explorer_page(
    image: object = "cat", grid: tuple[int, int] = (14, 14), patch_size: int = 16, draws: int = 64
) -> str:
    """The page as text. Every rule is on it, the multi-block ones with 1 to 5 targets, `draws` seeds each.

    Raises ValueError or FileNotFoundError as `MaskExplorer` does, and ValueError for sizes beyond a page.
    """
    grid, draws, patch_size = plain(grid), plain(draws), plain(patch_size)
    for name, value, most in (("draws", draws, DRAWS), ("grid", grid[0], 64), ("grid", grid[1], 64)):
        check_count(name, value, most=most)
    check_count("patch_size", patch_size, most=MOST_PIXELS // max(grid))
    _check_grid(grid)
    widget = MaskExplorer(image, grid, patch_size)
    state = {name: getattr(widget, name) for name in (*SETTINGS, "seed", "reads", "trouble")}
    state |= {"photo": _text(widget.photo), "can": list(CHOICES), "most": draws}
    module = script("kit", "strips", "masks", "alone")
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>JEPA Lite: the mask explorer</title><style>{STYLE}{widget._css}</style></head>
<body><main><h1>What I-JEPA hides, and from whom</h1>
<p>Change the rule, the number of targets or the seed, and point at patches and tokens. In a notebook every
other setting can be changed too: <code>jepa_lite.widgets.MaskExplorer</code>.</p>
<div id="explorer"></div>
<noscript><p>This page draws with JavaScript, which is turned off here.</p></noscript></main>
<script type="application/json" id="state">{_json(state)}</script>
<script type="application/json" id="tables">{_json(_tables(grid, draws))}</script>
<script type="module">{module}
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const state = read("state"), tables = read("tables");
state.photo = unpacked(state.photo);
for (const result of tables.results) result.table = unpacked(result.table);
render({{ model: aloneModel(state, tables), el: document.getElementById("explorer") }});
</script></body></html>
"""


def _check_grid(grid):
    """Refuse a grid on which a choice has no masks: of its settings this page has the grid alone."""
    for rule, count in itertools.product(MASK_RULES, COUNTS):
        try:
            check_masks(tuple(grid), MaskConfig(rule=rule, num_targets=count))
        except ValueError as error:
            reason = str(error).partition(";")[0].partition(", which")[0]
            raise ValueError(f"{reason} (rule {rule!r}); give a larger grid") from error


def _tables(grid, draws):
    """What the kernel would answer to each choice; a rule with its own number of targets answers once."""
    entries, results, seen = {}, [], {}
    for rule, count in itertools.product(MASK_RULES, COUNTS):
        table = mask_table(grid, MaskConfig(rule=rule, num_targets=count), range(draws))
        if (data := table.tobytes()) not in seen:
            seen[data] = len(results)
            results.append({"drawn": described(grid, table), "table": _text(data)})
        entries[f"{rule} {count}"] = seen[data]
    return {"keys": CHOICES, "entries": entries, "results": results}


def _text(data):
    return base64.b64encode(data).decode()


def _json(value):
    return json.dumps(
        value, separators=(",", ":")
    )  # of numbers, names and base64: nothing that ends a script
