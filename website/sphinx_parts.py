"""What Sphinx does not do by itself: links into the repository, names in docstrings, formulas as MathML.

Browsers draw MathML themselves, so no page needs a script for its formulas.
"""

import os
import re
from pathlib import Path

from docutils import nodes
from docutils.utils.math import latex2mathml
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.roles import XRefRole
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.nodes import make_refnode

from repository import urls

from . import api, stage
from .docstrings import NAME, restructured

ROOT = Path(__file__).resolve().parents[1]
logger = logging.getLogger(__name__)


def repository() -> str:
    """The address of the repository on the net, as the environment or repository.py has it; "" for none."""
    return os.environ.get("REPOSITORY", urls().get("Homepage", "")).rstrip("/")


class RepositoryLinks(SphinxPostTransform):
    """repo:PATH#PLACE leads to a file's page, to its copy in the site, to the repository, or becomes text."""

    default_priority = 5

    def run(self, **_) -> None:
        for link in list(self.document.findall(nodes.reference)):
            if link.get("refuri", "").startswith("repo:"):
                self.lead(link, *link["refuri"].removeprefix("repo:").partition("#")[::2])

    def lead(self, link: nodes.reference, path: str, place: str) -> None:
        here, builder, end = self.env.docname, self.app.builder, f"#{place}" if place else ""
        page = stage.pages().get(path) or api.module_page(path)
        if not (ROOT / path).exists():
            logger.warning("a link leads to %s, which is not there", path, location=link)
        if page:
            link["refuri"] = builder.get_relative_uri(here, page) + end
            link["internal"] = True
        elif path.startswith(stage.SHIPPED) and (ROOT / path).is_file():
            link["refuri"] = "../" * here.count("/") + path
        elif repository():
            kind = "tree" if (ROOT / path).is_dir() else "blob"
            link["refuri"] = f"{repository()}/{kind}/main/{path}{end}"
        else:
            link.replace_self(link.children)


def docstring(app, what, name, obj, options, lines) -> None:
    lines[:] = [*restructured("\n".join(lines)).split("\n"), ""]


def missing(app: Sphinx, env, node: pending_xref, words: nodes.Node) -> nodes.Node | None:
    """A name in a docstring or an annotation leads to the one object that is called so, or nowhere."""
    if node.get("refdomain") != "py" and node.get("reftype") != NAME:
        return None
    name, objects = node["reftarget"], env.domains.python_domain.objects
    found = [whole for whole in objects if f".{whole}".endswith(f".{name}") and not objects[whole].aliased]
    if "." not in name:  # a method or an attribute is named with its class
        found = [whole for whole in found if objects[whole].objtype in ("class", "exception", "function")]
    if len(found) != 1:
        return words
    known = objects[found[0]]
    return make_refnode(app.builder, node["refdoc"], known.docname, known.node_id, words, found[0])


def _formula(translator, node):
    block = isinstance(node, nodes.math_block)
    translator.body.append(latex2mathml.tex2mathml(_plain(node.astext()), as_block=block))
    raise nodes.SkipNode


def _plain(latex):
    """Without what notebooks may write and docutils does not know: sizes of brackets, \\dots, \\tfrac12."""
    latex = re.sub(r"\\[bB]igg?[lrm]?(?![A-Za-z])", "", latex)
    latex = re.sub(r"\\([dt]?frac)(\d)(\d)", r"\\\1{\2}{\3}", latex)
    return re.sub(r"\\dots(?![A-Za-z])", r"\\ldots", latex)


def setup(app: Sphinx) -> dict:
    app.add_post_transform(RepositoryLinks)
    app.add_role(NAME, XRefRole())
    app.connect("autodoc-process-docstring", docstring)
    app.connect("missing-reference", missing)
    app.add_html_math_renderer("mathml", (_formula, None), (_formula, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
