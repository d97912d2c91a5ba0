"""Sphinx's configuration of the site. All that a page needs is a file beside it: no other host is asked."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import jepa_lite  # noqa: E402
from website import sphinx_parts  # noqa: E402

project, author, language = "JEPA Lite", "JEPA Lite contributors", "en"
version = release = jepa_lite.__version__
project_copyright = f"{author}, MIT licence"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.viewcode", "website.sphinx_parts"]
root_doc, exclude_patterns = "index", ["extra", "images"]
nitpicky = True

myst_enable_extensions = ["attrs_inline", "colon_fence", "dollarmath"]
myst_url_schemes = ["http", "https", "mailto", "repo"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # executed.py has done it
nb_output_stderr = "remove"  # progress bars
nb_ipywidgets_js = {}  # from another machine, and of no use without a kernel
nb_merge_streams = True
nb_render_markdown_format = "myst"  # of outputs, among which are tables

viewcode_follow_imported_members = False
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
maximum_signature_line_length = 80

html_math_renderer = "mathml"
html_theme = "sphinx_book_theme"
html_title = "JEPA Lite"
html_favicon = "static/logo.svg"
html_static_path = ["static", "../jepa_lite/widgets/static/kit.css"]
html_css_files, html_js_files = ["kit.css", "site.css"], ["site.js"]
html_domain_indices = False  # the contents of the reference are one
html_copy_source = html_show_sourcelink = False
html_show_sphinx = False
html_last_updated_fmt = None
html_context = {"default_mode": "auto"}  # the theme of the system, until one is chosen
html_theme_options = {
    "logo": {
        "image_light": "static/logo.svg",
        "image_dark": "static/logo.svg",
        "text": "JEPA Lite",
        "alt_text": "",
    },
    "navbar_persistent": [],
    "use_download_button": False,
    "use_fullscreen_button": False,
    "show_toc_level": 2,
    "show_navbar_depth": 1,
    "collapse_navbar": True,  # modules are listed on the pages of the reference only
    "home_page_in_toc": False,
    "repository_url": sphinx_parts.repository(),
    "use_repository_button": bool(sphinx_parts.repository()),
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
suppress_warnings = ["mystnb.unknown_mime_type"]
