"""The course's things to touch, for JupyterLab, Notebook and Voila; each has a static twin.

A file each: masks (what is hidden), and what they share, shell.
"""

from .masks import MaskExplorer

__all__ = ["MaskExplorer"]
