"""How Sphinx makes the site of these pages (``make docs``). Reading it needs no network; search works from files."""

import tomllib
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

project = "duisign"
project_copyright = "The duisign authors"
release = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))["project"]["version"]

extensions = ["myst_parser"]
myst_heading_anchors = 3
nitpicky = True

html_theme = "furo"
html_title = f"duisign {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_use_index = False
html_show_sphinx = False


def give_codes_a_place(app: Sphinx, doctree: nodes.document) -> None:
    """Each row of the error codes can be linked to by its code: ``errors.html#digest-mismatch``."""
    if app.env.docname == "errors":
        for row in doctree.findall(nodes.row):
            if isinstance(row.parent, nodes.tbody):
                row["ids"].append(row.next_node(nodes.literal).astext())


def setup(app: Sphinx) -> None:
    app.connect("doctree-read", give_codes_a_place)
