"""Formats that need a vendor's SDK are refused by name. The files here are beginnings, built after what is
published of the formats: no encoder for them exists outside the SDKs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av
import numpy as np
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


@pytest.mark.parametrize(
    ("name", "head", "says"),
    [
        ("clip.mcraw", b"\x01\x02\0\x03", "MotionCam RAW"),
        (
            "IMG_0001.CR3",
            b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom\0\0\0\x30moov\0\0\0\x28uuid..CanonCR3_001",
            "CR3",
        ),
        ("IMG_0001.CR2", b"II*\0", "CR2"),
        ("DSC_0001.NEF", b"MM\0*", "NEF"),
        ("A001.crm", b"\x01\0\x02", "Canon Cinema RAW Light"),
    ],
)
def test_what_nothing_decodes_is_named(tmp_path: Path, name: str, head: bytes, says: str) -> None:
    file = tmp_path / name
    file.write_bytes(head + bytes(1000))
    with pytest.raises(UnsupportedMedia, match=says) as raised:
        Clip.open(file)
    assert "copy" not in str(raised.value)


def test_a_folder_of_raw_frames_is_one_clip_and_one_line(tmp_path: Path, mediadask: Any) -> None:
    for number in range(1, 4):
        (tmp_path / f"A001_C001_{number:06}.arx").write_bytes(bytes(100))
    shown = mediadask("info", tmp_path)
    assert shown.returncode == 2
    (line,) = shown.stderr.strip().splitlines()
    assert line.startswith(f"{tmp_path}/A001_C001_%06d.arx: is ARRICORE")


def test_encrypted_pictures_are_no_damaged_ones(make_clip: Any, tmp_path: Path) -> None:
    """Common encryption by FFmpeg (ISO/IEC 23001-7)."""
    key = {
        "encryption_scheme": "cenc-aes-ctr",
        "encryption_key": "76a6c65c5ea762046bd749a2e632ccbb",
        "encryption_kid": "a7e61c373e219033c21091fa607bf3b8",
    }
    clip = make_clip("a.mp4", codec="libx264", frames=4, size=(320, 180), muxer_options=key)
    with pytest.raises(UnsupportedMedia, match=r"is encrypted \(cenc\)"):
        Clip.open(clip)


def test_a_codec_that_nobody_knows_is_named(make_clip: Any, tmp_path: Path) -> None:
    clip = make_clip("a.mov", codec="mjpeg", pixel_format="yuvj420p", frames=2, size=(320, 180))
    file = tmp_path / "a.mov"
    file.write_bytes(clip.read_bytes().replace(b"jpeg", b"Zq9x"))
    with pytest.raises(UnsupportedMedia, match="pictures coded as 'Zq9x', which nothing here decodes"):
        Clip.open(file)


def test_sound_alone_is_no_picture_of_an_unknown_codec(tmp_path: Path) -> None:
    path = tmp_path / "a.m4a"
    with av.open(str(path), "w", format="mp4") as out:
        stream: Any = out.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
        frame.sample_rate = 48000
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    path.write_bytes(path.read_bytes().replace(b"mp4a", b"Zq9x"))
    with pytest.raises(UnsupportedMedia, match="has no video stream"):
        Clip.open(path)


def test_encrypted_matroska_is_named(make_clip: Any, tmp_path: Path) -> None:
    """ContentEncodings with a ContentEncryption (RFC 9559, 5.1.4.1.31) beside the track's codec."""
    data = make_clip("a.mkv", codec="libvpx-vp9", frames=2, size=(320, 180)).read_bytes()
    encodings = bytes.fromhex(
        "6d8098624095 5031810050328101 50338101 50358a47e18105".replace(" ", "")
    ) + bytes(12)
    at = data.index(b"V_VP9") - 2  # what is said of the codec gives its place to void
    path = tmp_path / "a.mkv"
    path.write_bytes(
        data[:at] + b"\x86\x85V_VP9" + data[at + 7 : at + 7] + encodings + data[at + 7 + len(encodings) :]
    )
    with pytest.raises(UnsupportedMedia, match="is encrypted"):
        Clip.open(path)
