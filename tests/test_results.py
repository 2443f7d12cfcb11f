"""What results tell of themselves: path-like ones, pictures, and what is neither."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from distributed.protocol.pickle import dumps
from PIL import Image

from mediadask import footage
from mediadask.render.output import Rendered
from mediadask.results import THUMBNAIL_SIZE, Told, tell, thumbnail

if TYPE_CHECKING:
    from tests.conftest import MakeClip


class Loud:
    """What cannot even be named."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


class Shown:
    def __init__(self, picture: Any) -> None:
        self.picture = picture

    def _repr_png_(self) -> Any:
        return self.picture


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (PurePosixPath("/out/A001.mov"), Told(("/out/A001.mov",))),
        ([PurePosixPath("/out/a"), PurePosixPath("/out/b")], Told(("/out/a", "/out/b"))),
        (Rendered("s3://show/A001.mov", 3), Told(("s3://show/A001.mov",), has_picture=True)),
        ([PurePosixPath("/out/a"), 3], Told(text="[PurePosixPath('/out/a'), 3]")),
        ("/out/a", Told(text="'/out/a'")),  # a text may mean anything
        (None, Told()),
        ([], Told(text="[]")),
        (PurePosixPath(b"/out/\xff".decode(errors="surrogateescape")), Told((r"/out/\udcff",))),
    ],
)
def test_a_path_like_result_is_an_output(value: object, told: Told) -> None:
    assert tell([dumps(value)]) == [told]


def test_one_that_cannot_be_read_takes_no_other_along() -> None:
    loud, broken, plain = tell([dumps(Loud()), b"no pickle", dumps(3)])
    assert "Loud instance" in loud.text
    assert (broken, plain) == (Told(), Told(text="3"))


def test_what_is_told_is_short() -> None:
    many, long, large = tell([dumps([Path("a")] * 1000), dumps(Path("a" * 10_000)), dumps(["b" * 10_000])])
    assert len(many.paths) <= 20
    assert len(long.paths[0]) <= 2000
    assert len(large.text) <= 120


def test_a_picture_as_notebooks_show_it_is_made_small(tmp_path: Path) -> None:
    image = Image.new("RGBA", (1920, 1080), (200, 30, 30, 255))
    buffer = BytesIO()
    image.save(buffer, "png")
    for value in (
        Shown(buffer.getvalue()),
        Shown((buffer.getvalue(), {"width": 1920})),
        [Shown(buffer.getvalue())],
    ):
        made = thumbnail(dumps(value))
        assert made is not None
        with Image.open(BytesIO(made)) as small:
            assert (small.format, small.size) == ("JPEG", THUMBNAIL_SIZE)
    assert thumbnail(dumps(Shown(None))) is None
    assert thumbnail(dumps(3)) is None


def test_an_output_shows_its_middle_frame(make_clip: MakeClip) -> None:
    clip = make_clip("out.mp4", codec="libx264", frames=9, size=(480, 270))
    made = thumbnail(dumps(Rendered(str(clip), 9)))
    assert made is not None
    with Image.open(BytesIO(made)) as small:
        assert small.size == (320, 180)
        assert footage.read_number(np.asarray(small)) == 4


def test_an_output_that_cannot_be_shown_has_no_picture(tmp_path: Path) -> None:
    (tmp_path / "broken.mov").write_bytes(b"\0" * 5000)
    for name in ("broken.mov", "missing.mov"):
        assert thumbnail(dumps(Rendered(str(tmp_path / name), 3))) is None
