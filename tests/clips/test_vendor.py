"""Formats that need a vendor's SDK are refused by name. The files here are beginnings, built after what is
published of the formats: no encoder for them exists outside the SDKs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mediadask.clips import Clip
from mediadask.errors import UnreadableMedia, UnsupportedMedia

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "head", "says"),
    [
        ("A001_C001.R3D", b"\0\0\x01\x08RED2", "REDCODE"),
        ("renamed.mov", b"\0\0\x01\x08RED1", "REDCODE"),
        ("A001.braw", b"\0\0\0\x08wide\0\0\x10\0mdat", "Blackmagic RAW"),
        ("A001.crm", b"\0\0\0\x18ftypcrx \0\0\0\x01", "Canon Cinema RAW Light"),
        ("A001.0000001.ari", b"ARRI\x12\x34\x56\x78", "ARRIRAW"),
        ("A001.0000001.arx", b"\x01\x02", "ARRICORE"),
        ("DSC_0001.NEV", b"\0\0\0\x18ftyp", "N-RAW"),
    ],
)
def test_a_vendor_format_is_refused_by_name(tmp_path: Path, name: str, head: bytes, says: str) -> None:
    file = tmp_path / name
    file.write_bytes(head + bytes(1000))
    with pytest.raises(UnsupportedMedia, match=rf"{says}.*SDK.*'mediadask\.readers'") as raised:
        Clip.open(file)
    assert "\n" not in str(raised.value)


def test_a_name_alone_does_not_make_red_footage(tmp_path: Path) -> None:
    file = tmp_path / "notes.r3d"
    file.write_bytes(b"these are notes" * 100)
    with pytest.raises(UnreadableMedia):
        Clip.open(file)


@pytest.mark.parametrize(("code", "says"), [(b"brhq", "Blackmagic RAW"), (b"CRAW", "Canon")])
def test_a_movie_of_a_vendor_codec_is_refused_by_its_code(
    make_clip: Any, tmp_path: Path, code: bytes, says: str
) -> None:
    clip = make_clip("a.mov", codec="prores_ks", pixel_format="yuv422p10le", frames=2, size=(320, 180))
    file = tmp_path / "a.mov"
    file.write_bytes(clip.read_bytes().replace(b"apch", code).replace(b"apcn", code))
    with pytest.raises(UnsupportedMedia, match=says):
        Clip.open(file)


@pytest.mark.parametrize(("organization", "says"), [(0x06, "X-OCN"), (0x17, "ARRI")])
def test_an_mxf_of_a_vendor_codec_is_refused_by_its_label(
    make_clip: Any, tmp_path: Path, organization: int, says: str
) -> None:
    """The label of a readable codec is overwritten with one of the makers' own."""
    clip = make_clip("a.mxf", codec="jpeg2000", pixel_format="yuv422p10le", frames=2, size=(320, 180))
    data = clip.read_bytes()
    coding = bytes.fromhex("32010010")
    at = data.index(coding)
    private = bytes.fromhex("060e2b340401010d0e") + bytes([organization]) + bytes(6)
    data = data.replace(data[at : at + 20], coding + private)
    container = bytes.fromhex("060e2b34040101070d010301020c0100")  # JPEG 2000 in the generic container
    file = tmp_path / "a.mxf"
    file.write_bytes(data.replace(container, private))
    with pytest.raises(UnsupportedMedia, match=says):
        Clip.open(file)
