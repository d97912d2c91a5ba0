"""The mask explorer without a kernel on a page of the site, taken from images/explorer.html."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "images" / "explorer.html"


def fragment() -> str:
    """HTML that draws the explorer where it stands, once on a page, which must have kit.css.

    Raises ValueError where images/explorer.html no longer has the form that is expected here."""
    page = PAGE.read_text("utf-8")
    scripts = re.search(r'<script type="application/json" id="state">.*</script>', page, re.S)
    if not scripts:
        raise ValueError(
            f"{PAGE.name} no longer holds its state and script as website/explorer.py expects them"
        )
    return (
        '<div class="live-explorer"><div id="explorer"></div></div>\n'
        "<noscript><p>The explorer draws with JavaScript, which is turned off here.</p></noscript>\n"
        f"{scripts[0]}\n"
    )
