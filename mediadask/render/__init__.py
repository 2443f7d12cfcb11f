"""Recipes, segments and the deliveries made of them: proxies, sheets, archives."""

from mediadask.render.output import Rendered
from mediadask.render.proxy import proxy

__all__ = ["Rendered", "proxy"]
