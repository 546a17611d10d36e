"""How Sphinx makes the site of these pages (``make docs``). Reading it needs no network; search works from files."""

import tomllib
from pathlib import Path

project = "duisign"
project_copyright = "The duisign authors"
release = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "version"
]

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
