"""Recipes, segments and the deliveries made of them: proxies, sheets, archives."""

from mediadask.render.archive import archive
from mediadask.render.output import Rendered
from mediadask.render.proxy import proxy
from mediadask.render.sheet import sheet, still

__all__ = ["Rendered", "archive", "proxy", "sheet", "still"]
