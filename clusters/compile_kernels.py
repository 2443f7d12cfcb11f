"""Compile the loops over pixels when the image is built: one plate and one proxy of a tiny clip are made.

A worker's first plate else takes 5 s of a core longer. Machine code is for processors such as that of the
machine that builds the image; on others a worker compiles by itself.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

import mediadask as md
from mediadask.footage import write_clip

EDL = """TITLE: KERNELS
FCM: NON-DROP FRAME
001  A001C001 V     C        01:00:00:01 01:00:00:02 01:00:00:00 01:00:00:01
"""


def main() -> None:
    """Make them; where the machine code goes is said by ``NUMBA_CACHE_DIR``."""
    for file in Path(md.__file__).parent.rglob("*.py"):
        seconds = int(file.stat().st_mtime)  # layers keep no fractions, and numba compares
        with suppress(PermissionError):  # the image is there already
            os.utime(file, (seconds, seconds))
    with tempfile.TemporaryDirectory() as folder:
        there = Path(folder)
        how = {"codec": "prores_ks", "pixel_format": "yuv422p10le", "size": (640, 360), "frames": 3}
        clip = write_clip(there / "A001C001.mov", timecode="01:00:00:00", reel="A001C001", **how)
        (there / "cut.edl").write_text(EDL)
        plate = md.pull(there / "cut.edl", clip, there / "plates", input_space="ARRI LogC4", handles=0)
        for delivery in (plate, md.proxy([clip], there / "proxies")):
            report = delivery.compute(scheduler="sync")
            assert not report.failures, report


if __name__ == "__main__":
    main()
