"""The widgets that every front end must show: a line each, its name and the cell that makes it.

A new widget goes into this table, and the checks of test_every_widget.py are made of it everywhere.
"""

WIDGETS = {
    "MaskExplorer": "from jepa_lite.widgets import MaskExplorer\nmasks = MaskExplorer(grid=(8, 12))\nmasks",
}
# Whether so many widgets are there, each with a picture.
SETTLED = """(wanted) => { const roots = [...document.querySelectorAll(".jepa")];
    return roots.length === wanted && roots.every((root) => root.querySelector("canvas")); }"""
