"""Draws sheet.jpg and turnover.jpg: a contact sheet, and the reviews of a turnover's three plates.

spike.png is drawn by `pipelines/turnover_spike.py --plot`, framing.jpg by `docs/framing/draw.py`.
"""

import shutil
import tempfile
from pathlib import Path

from PIL import Image

import mediadask as md
from mediadask import footage

HERE = Path(__file__).parent
SHOTS = {
    "A001C001_260101_R1AB": "10:00:00:00",
    "A001C002_260101_R1AB": "11:00:00:00",
    "A001C003_260101_R1AB": "12:00:00:00",
}


def sheet(folder: Path) -> None:
    """A contact sheet of four seconds."""
    clip = footage.write_clip(
        folder / "B002C014_261122.mp4", codec="libx264", frames=96, size=(1920, 1080), scene=1,
        options={"preset": "veryfast", "crf": "18"}, timecode="10:01:12:00", sound="aac",
    )  # fmt: skip
    report = md.sheet([clip], folder / "sheets").compute()
    (made,) = report.results
    with Image.open(str(made)) as image:
        image.thumbnail((1200, 1200))
        image.save(HERE / "sheet.jpg", quality=88)


def turnover(folder: Path) -> None:
    """The first frame, the cut and the tail of three plates, as their reviews show them."""
    lines = ["TITLE: ABC 104", "FCM: NON-DROP FRAME"]
    for number, reel in enumerate(SHOTS):
        hour = f"{10 + number}:00:00"
        footage.write_clip(
            folder / "rushes" / f"{reel}.mov", codec="prores_ks", pixel_format="yuv422p10le", frames=24,
            size=(1280, 720), timecode=f"{hour}:00", reel=reel, scene=number, options={"profile": "3"},
        )  # fmt: skip
        record = f"01:00:0{number}"
        lines.append(f"00{number + 1} {reel} V C {hour}:04 {hour}:12 {record}:00 {record}:08")
        lines.append(f"* LOC: {record}:00 GREEN ABC_104_065_0{number + 1}0")
    edl = folder / "turnover.edl"
    edl.write_text("\n".join(lines))
    report = md.pull(
        edl, folder / "rushes", folder / "plates", handles=4, input_space="Camera Rec.709"
    ).compute()
    assert not report.failures, report.failures
    wide, gap = 422, 5
    high = wide * 9 // 16
    grid = Image.new("RGB", (3 * (wide + gap) - gap, 3 * (high + gap) - gap), "#111111")
    for row, review in enumerate(sorted((folder / "plates").rglob("*.mp4"))):
        frames = md.open_clip(review, chunks={}).frames
        for column, frame in enumerate((0, 4, len(frames) - 1)):
            picture = Image.fromarray(frames[frame].values).resize((wide, high), Image.Resampling.LANCZOS)
            grid.paste(picture, (column * (wide + gap), row * (high + gap)))
    grid.save(HERE / "turnover.jpg", quality=88)


folder = Path(tempfile.mkdtemp())
(folder / "rushes").mkdir()
try:
    sheet(folder)
    turnover(folder)
finally:
    shutil.rmtree(folder)
