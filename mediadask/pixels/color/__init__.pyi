from .chain import Color as Color
from .spaces import input_space as input_space
