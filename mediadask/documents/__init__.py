"""What comes with clips as a document: color as AMFs and CDLs, framing as ASC FDLs."""

import lazy_loader

# The names are in the stub beside this file. Only who asks for one waits for what it is made with.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
