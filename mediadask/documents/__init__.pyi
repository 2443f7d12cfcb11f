from .amf import Amf as Amf
from .cdl import Cdl as Cdl
