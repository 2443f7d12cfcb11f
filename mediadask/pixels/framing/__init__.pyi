from .layout import Framing as Framing
