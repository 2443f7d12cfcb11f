"""Framing: which part of a clip's picture lies where on a canvas, stated outright or by an ASC FDL."""

import lazy_loader

# The names are in the stub beside this file. Only who asks for one waits for what it is made with.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
