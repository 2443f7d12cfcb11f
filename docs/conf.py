"""How Sphinx builds the documentation site: `.ci/docs` builds it, and takes every warning for an error."""

import sys
from importlib.metadata import version as installed
from pathlib import Path
from typing import get_type_hints

from sphinx.pycode import ModuleAnalyzer

import mediadask.array.accessor  # noqa: F401 - registers `Dataset.media`, which the reference shows
from mediadask.editorial import PlateName
from mediadask.editorial.plates import PlateOptions
from mediadask.options import Option

sys.path.insert(0, str(Path(__file__).parent))

project = "mediadask"
author = "the mediadask developers"
project_copyright = author
version = release = installed("mediadask")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "reference_pages",
]
exclude_patterns = ["_build", "**.ipynb_checkpoints"]
templates_path = ["templates"]

# Pages are Markdown. The tests run the blocks of all pages. They run the tutorials, too, and keep the outputs
# here; a build runs only tutorials whose code is not known here.
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 4
nb_execution_mode = "cache"
nb_execution_cache_path = str(Path(__file__).parent / "_build" / ".jupyter_cache")
nb_execution_in_temp = True
nb_execution_timeout = 1200
nb_execution_raise_on_error = True

# A word in single backticks links to what it names, if that has a page.
default_role = "py:obj"
nitpicky = (
    False  # types of other projects have no page here; links between pages always have to lead somewhere
)
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autosummary_generate = True
autosummary_ignore_module_all = False
napoleon_google_docstring = False
napoleon_use_rtype = False
python_use_unqualified_type_names = True
add_module_names = False

html_theme = "pydata_sphinx_theme"
html_title = "mediadask"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_sidebars = {"changelog": [], "getting-started": [], "index": []}
html_show_sourcelink = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "header_links_before_dropdown": 6,
    "pygments_light_style": "tango",
    "pygments_dark_style": "monokai",
}


def _signature(app, what, name, kind, options, signature, returns):
    """People get objects from functions: of classes only `Cut` is for them to make."""
    return ("", None) if what == "class" and signature and name != "mediadask.Cut" else None


def _show_options(app):
    """A field that is an option is documented by its help, and its type is shown without it."""
    for kind in (PlateName, PlateOptions):
        source = ModuleAnalyzer.for_module(kind.__module__)
        source.analyze()
        for name, hint in get_type_hints(kind, include_extras=True).items():
            for note in getattr(hint, "__metadata__", ()):
                if isinstance(note, Option):
                    source.attr_docs.setdefault((kind.__name__, name), [note.help, ""])
        kind.__annotations__ = get_type_hints(kind)


_written = {}


def _keep(app, what, name, obj, options, lines):
    _written[name] = list(lines)


def _restore(app, what, name, obj, options, lines):
    """Napoleon takes what stands before a colon for an attribute's type; nobody here writes types there."""
    if what == "attribute":
        lines[:] = _written[name]


def setup(app):
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", _keep, priority=400)
    app.connect("autodoc-process-docstring", _restore, priority=600)
    app.connect("builder-inited", _show_options, priority=0)  # before autosummary writes its pages
    app.connect("autodoc-process-signature", _signature)
