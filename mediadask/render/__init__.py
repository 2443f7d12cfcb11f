"""Recipes, segments and the deliveries made of them: proxies, sheets, archives, trims."""

from mediadask.render.archive import archive
from mediadask.render.output import Rendered
from mediadask.render.proxy import proxy
from mediadask.render.sheet import sheet, still
from mediadask.render.trim import Cut, Trimmed, trim_ranges

__all__ = ["Cut", "Rendered", "Trimmed", "archive", "proxy", "sheet", "still", "trim_ranges"]
