"""Draws framing.jpg: a 2x anamorphic recording with its framing decision, and the plate made of it."""

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from mediadask.documents.fdl import place_by_fdl
from mediadask.footage import picture
from mediadask.pixels import Framing, resize
from mediadask.pixels.resample import Rectangle

HERE = Path(__file__).parent
FDL = HERE / "show.fdl"
COLORS = {"protection_dimensions": "#ffb000", "dimensions": "#00d060"}

canvas = json.loads(FDL.read_text())["contexts"][0]["canvases"][0]
decision = canvas["framing_decisions"][0]
width, height = canvas["dimensions"]["width"], canvas["dimensions"]["height"]

# The scene, with a circle to see its shape by, and what the lens makes of it: half as wide.
scene = Image.fromarray(picture(24, 2 * width, height))
ImageDraw.Draw(scene).ellipse((width - 200, 147, width + 200, 547), outline="white", width=6)
recorded = resize(np.asarray(scene), width, height)

found = place_by_fdl(FDL, width, height)
framing = Framing(Rectangle(*map(float, found.source)), Rectangle(*map(float, found.placed)), found.size)
plate = framing.apply(recorded)
drawn = []
for values, to_picture in ((recorded, lambda x, y: (x, y)), (plate, framing.on_canvas)):
    image = Image.fromarray((np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8))
    for name, color in COLORS.items():
        size = decision[name]
        anchor = decision["protection_anchor_point" if "protection" in name else "anchor_point"]
        corners = (
            to_picture(anchor["x"], anchor["y"]),
            to_picture(anchor["x"] + size["width"], anchor["y"] + size["height"]),
        )
        ImageDraw.Draw(image).rectangle(
            [round(edge) for corner in corners for edge in corner], None, color, 3
        )
    drawn.append(image)
sheet = Image.new("RGB", (width // 2 + 24 + found.size[0], found.size[1]), "white")
sheet.paste(drawn[0].resize((width // 2, height // 2)), (0, (found.size[1] - height // 2) // 2))
sheet.paste(drawn[1], (width // 2 + 24, 0))
sheet.save(HERE.parent / "pictures" / "framing.jpg", quality=88)
print(f"{framing}")
