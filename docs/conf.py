"""How the documentation is built: sphinx-build -W -b html docs docs/_build/html."""

import os
import sys
from pathlib import Path

import museml

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "museml"
author = "The museml developers"
copyright = f"2026, {author}"
version = release = museml.__version__

extensions = [
    "sphinx.ext.doctest",
    "sphinx.ext.intersphinx",
    "sphinx_automodapi.automodapi",
    "numpydoc",
    "museml_tables",
]
exclude_patterns = ["_build"]
default_role = "any"
suppress_warnings = ["ref.any"]  # `name` in docstrings may be of another package

numpydoc_show_class_members = False
automodapi_toctreedirnm = "reference/api"
automodsumm_inherited_members = False

# other projects' inventories need the network, which a local build may not have
intersphinx_mapping = {}
if os.environ.get("READTHEDOCS"):
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "astropy": ("https://docs.astropy.org/en/stable", None),
        "mpdaf": ("https://mpdaf.readthedocs.io/en/latest", None),
    }

html_theme = "pydata_sphinx_theme"
html_title = f"museml {release}"
html_theme_options = {"show_toc_level": 2, "navigation_with_keys": False}
