"""A web page in one file: sections with a figure and its claim, and tables. It holds its figures in itself.

It needs no network and no script, reads by day and by night, by keyboard and aloud: every figure has its
alt text, also as words to unfold, and every table its caption and headers. What it says is report.py's.
"""

import base64
from collections.abc import Iterable
from html import escape

from .style import Picture

DPI = 144  # one and a half pixels of a figure to one of the page
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"  # the browser itself refuses the rest
STYLE = """
:root { color-scheme: light dark; --ink: #1d1d1f; --soft: #55585f; --page: #fdfdfc }
:root { --line: #d5d7db; --ours: #e6f0f9 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8ea; --soft: #b4b8c0; --page: #17181b; --line: #3c3f46; --ours: #20303f }
}
body { margin: 0; background: var(--page); color: var(--ink); font: 1.05rem/1.6 system-ui, sans-serif }
main { max-width: 46rem; margin: 0 auto; padding: 1.5rem 1rem 4rem }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .5rem }
h2 { font-size: 1.3rem; margin: 2.8rem 0 .6rem }
figure { margin: 1rem 0 }
figcaption { margin: .6rem 0 }
caption, details { color: var(--soft); font-size: .95rem; text-align: left }
.wide { overflow-x: auto; border: 1px solid var(--line); border-radius: .4rem; margin: 1rem 0 }
figure .wide { background: light-dark(white, #17181b); padding: .4rem }
img { display: block; width: 100%; height: auto }
.wide:focus img { min-width: 43rem } /* on a telephone a figure is small; touched, it is large, and scrolls */
table { border-collapse: collapse; width: 100% }
caption, th, td { padding: .35rem .6rem; text-align: left }
th, td { border-top: 1px solid var(--line) }
td { overflow-wrap: anywhere; min-width: 6rem }
td:not(:last-child) { min-width: 14rem }
tbody th { max-width: min(22rem, 45vw); overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
tbody th:hover, .wide:focus tbody th { white-space: normal; overflow-wrap: anywhere } /* all of a long name */
.numbers td:nth-child(n) { min-width: 0; white-space: nowrap }
tbody th { font-weight: normal }
.numbers td, .numbers thead th + th { text-align: right; font-variant-numeric: tabular-nums }
.ours, .ours th { background: var(--ours); font-weight: 600 }
pre { overflow-x: auto; font-size: .85rem; line-height: 1.45 }
summary { cursor: pointer }
:focus-visible { outline: 3px solid #56b4e9 }
"""


def section(title: str, fig: Picture, see: str, wrong: str, before: str = "") -> str:
    """A figure as pixels inside the page, by day and by night, between its words."""
    name, files = escape(title), fig.day_and_night(DPI, pil_kwargs={"optimize": True})
    day, night = (f"data:image/png;base64,{base64.b64encode(file).decode()}" for file in files)
    return (
        f'<section><h2>{name}</h2>{before}<figure><div class="wide" role="group" tabindex="0" '
        f'aria-label="{name}, figure"><picture><source media="(prefers-color-scheme: dark)" srcset="{night}">'
        f'<img src="{day}" alt="{escape(fig.alt_text)}"></picture></div><figcaption>'
        f"<strong>What to see.</strong> {escape(see)} "
        f"<strong>What would have shown it false.</strong> {escape(wrong)}</figcaption></figure>"
        f"<details><summary>The figure in words</summary>{escape(fig.alt_text)}</details></section>\n"
    )


def table(caption: str, head: tuple, rows: Iterable[tuple], kind: str = "", ours: str | None = None) -> str:
    """A table; the first column names its row, and the row named `ours` stands out."""
    html = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    body = ""
    for name, *cells in rows:
        cells = "".join(f"<td>{escape(str(cell))}</td>" for cell in cells)
        told = escape(str(name)).replace(
            "/", "/<br>"
        )  # a file below its folder, for what tells files apart ends them
        body += f'<tr{" class=ours" * (name == ours)}><th scope="row">{told}</th>{cells}</tr>'
    return (
        f'<div class="wide" role="group" tabindex="0" aria-label="{escape(caption)}"><table class="{kind}">'
        f"<caption>{escape(caption)}</caption><thead><tr>{html}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def page(headline: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<title>JEPA Lite: what this run learned</title><style>{STYLE}</style></head>\n"
        f"<body><main><h1>What this run learned</h1><p>{escape(headline)}</p>\n{body}</main></body></html>\n"
    )
