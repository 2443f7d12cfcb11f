"""Images say no more than is in them, and nothing of what they say is dropped."""

from __future__ import annotations

import struct
import zlib
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import OpenEXR
import OpenImageIO as oiio
import pytest
from PIL import Image

import mediadask as md
from mediadask import footage
from mediadask.clips import Clip, find_clips
from mediadask.clips.gamuts import GAMUTS
from mediadask.errors import InvalidRequest, UnreadableMedia, UnsupportedMedia
from mediadask.metadata import inspect
from tests.clips.test_exactness import assert_planes_equal
from tests.delivering import deliver

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

INPUTS = Path(__file__).parent / "inputs"
WIDTH, HEIGHT = 96, 54


def planes_of(url: object) -> tuple[npt.NDArray[Any], ...]:
    (frame,) = Clip.open(str(url)).frames()
    return frame.planes


# DPX


@pytest.fixture
def dpx(tmp_path: Path) -> Callable[..., Path]:
    """`dpx(name, at={offset: (form, value)})` writes a 10-bit DPX with those header fields overwritten."""

    def write(name: str, fields: dict[int, tuple[str, object]] | None = None, *, begins: int = 2048) -> Path:
        path = tmp_path / name
        picture = footage.picture(7, WIDTH, HEIGHT).astype(np.uint16) << 8
        spec = oiio.ImageSpec(WIDTH, HEIGHT, 3, "uint16")
        spec.attribute("oiio:BitsPerSample", 10)
        out = oiio.ImageOutput.create(str(path))
        assert out.open(str(path), spec)
        assert out.write_image(picture)
        out.close()
        data = bytearray(path.read_bytes())
        order = ">" if data[:4] == b"SDPX" else "<"
        (start,) = struct.unpack_from(order + "I", data, 4)
        head, pixels = data[:start].ljust(2048, b"\xff")[:begins], data[start:]
        struct.pack_into(order + "I", head, 4, begins)
        struct.pack_into(order + "I", head, 808, begins)
        struct.pack_into(order + "I", head, 16, begins + len(pixels))
        for at, (form, value) in (fields or {}).items():
            struct.pack_into(order + form, head, at, value)
        path.write_bytes(head + pixels)
        return path

    return write


@pytest.mark.parametrize("told", [0, 0xFFFFFFFF, 8192, 100, 1 << 30])
def test_a_dpx_element_that_begins_elsewhere(dpx: Any, told: int) -> None:
    """RAWcooked issues 219 and 233: the file header's offset counts."""
    whole = planes_of(dpx("a.dpx"))
    assert_planes_equal(planes_of(dpx("b.dpx", {808: ("I", told)})), whole)


@pytest.mark.parametrize("told", [0, 0xFFFFFFFF])
def test_a_dpx_file_that_does_not_say_where_its_picture_begins(dpx: Any, told: int) -> None:
    assert_planes_equal(planes_of(dpx("b.dpx", {4: ("I", told)})), planes_of(dpx("a.dpx")))


@pytest.mark.parametrize("code", [0x00, 0x01, 0x40, 0x80, 0x10])
def test_a_dpx_without_film_and_television_headers(dpx: Any, tmp_path: Path, code: int) -> None:
    """Its pixels begin at byte 1664, where film's header would be: FFmpeg writes all DPX like this."""
    path = dpx("a.dpx", begins=1664)
    data = bytearray(path.read_bytes())
    data[1664:] = bytes([code]) * (len(data) - 1664)
    path.write_bytes(data)
    found = inspect(path)
    assert (found.start_timecode, found.frame_rate, found.shutter_angle_deg) == (None, None, None)
    assert "smpte:KeyCode" not in {tag.name for tag in Clip.open(path).header.tags}


@pytest.mark.parametrize(
    ("begins", "rate", "timecode"), [(2048, "25/1", "01:02:03:04"), (1920, "25/1", None), (1664, None, None)]
)
def test_each_dpx_field_counts_where_it_is_there(
    dpx: Any, begins: int, rate: str | None, timecode: str | None
) -> None:
    fields = {1724: ("f", 25.0), 1920: ("I", 0x01020304)}
    found = inspect(dpx("a.dpx", {at: one for at, one in fields.items() if at + 4 <= begins}, begins=begins))
    assert (found.frame_rate, found.start_timecode) == (rate, timecode)


@pytest.mark.parametrize("told", [*range(8), 0xFFFF])
def test_every_orientation_of_a_dpx_leaves_its_pixels(dpx: Any, told: int) -> None:
    """ST 268-1, field 16: from left to right or back, from the top or the bottom, by lines or by columns."""
    path = dpx("b.dpx", {768: ("H", told)})
    assert_planes_equal(planes_of(path), planes_of(dpx("a.dpx")))
    found = inspect(path)
    expected = {0: (0, False), 1: (0, True), 2: (180, True), 3: (180, False), 4: (270, True), 5: (90, False)}
    expected |= {6: (270, False), 7: (90, True)}
    assert (found.rotation, found.mirrored) == expected.get(told, (0, False))
    assert (found.width, found.height) == (WIDTH, HEIGHT)


def test_a_dpx_without_orientation_header_is_square(dpx: Any) -> None:
    assert inspect(dpx("a.dpx", begins=1408)).pixel_aspect == 1


@pytest.mark.parametrize("packed", [0x00100400, 0x77777777, 0x25000000, 0x00600000, 0xFFFFFFFF, 0x000000AB])
@pytest.mark.parametrize("rate", [24.0, 1.0, 9e-41, -6e-36, float("nan"), 1e30])
def test_a_senseless_timecode_or_rate_is_no_reason_to_refuse(dpx: Any, packed: int, rate: float) -> None:
    fields = {1724: ("f", rate), 1728: ("f", rate * 1e5), 1940: ("f", rate), 1920: ("I", packed)}
    found = inspect(dpx("a.dpx", fields))
    assert found.shutter_angle_deg is None
    assert found.frame_rate in ("24/1", "1/1", None)
    if packed != 0x00100400:
        assert found.start_timecode is None


@pytest.mark.parametrize(
    "fields",
    [
        {1408: ("I", 10), 1412: ("I", 6)},
        {1424: ("I", 192), 1428: ("I", 108)},
        {1424: ("I", 48), 1428: ("I", 27)},
        {1424: ("I", 1), 1428: ("I", 1)},
        {1408: ("I", 4000), 1412: ("I", 4000), 1424: ("I", 96), 1428: ("I", 54)},
    ],
)
def test_a_dpx_is_no_part_of_the_scan_it_came_from(dpx: Any, fields: Any) -> None:
    assert_planes_equal(planes_of(dpx("b.dpx", fields)), planes_of(dpx("a.dpx")))


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        (b"cICP", bytes([9, 16, 0, 1]), ("bt2020", "smpte2084")),
        (b"cICP", bytes([12, 13, 0, 1]), ("smpte432", "iec61966-2-1")),
        (b"gAMA", struct.pack(">I", 100000), (None, "linear")),
        (b"gAMA", struct.pack(">I", 45455), (None, None)),
    ],
)
def test_what_a_png_says_of_its_color(tmp_path: Path, kind: bytes, body: bytes, said: Any) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(footage.picture(3, WIDTH, HEIGHT)).save(path)
    data = path.read_bytes()
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    path.write_bytes(data[:33] + chunk + data[33:])
    color = Clip.open(path).header.color
    assert (color.primaries, color.transfer) == said


@pytest.mark.parametrize("offset", [(-5, -8), (5, 8), (1000, 1000)])
def test_a_png_is_no_part_of_a_page(tmp_path: Path, offset: tuple[int, int]) -> None:
    plain = tmp_path / "a.png"
    Image.fromarray(footage.picture(3, WIDTH, HEIGHT)).save(plain)
    data = plain.read_bytes()
    body = b"oFFs" + struct.pack(">iiB", *offset, 0)
    chunk = struct.pack(">I", 9) + body + struct.pack(">I", zlib.crc32(body))
    (tmp_path / "b.png").write_bytes(data[:33] + chunk + data[33:])
    assert_planes_equal(planes_of(tmp_path / "b.png"), planes_of(plain))


def test_a_tiff_is_no_part_of_a_page(tmp_path: Path) -> None:
    picture = Image.fromarray(footage.picture(3, WIDTH, HEIGHT))
    picture.save(tmp_path / "a.tif")
    picture.save(
        tmp_path / "b.tif",
        tiffinfo={282: 72.0, 283: 72.0, 296: 2, 286: 0.5, 287: 0.25, 33300: 192, 33301: 108},
    )
    assert_planes_equal(planes_of(tmp_path / "b.tif"), planes_of(tmp_path / "a.tif"))


# Orientation


@pytest.mark.parametrize("suffix", ["jpg", "tif", "png"])
@pytest.mark.parametrize("value", range(1, 9))
def test_every_orientation_of_exif(tmp_path: Path, suffix: str, value: int) -> None:
    quarters = np.zeros((48, 64, 3), np.uint8)
    quarters[:24, :32], quarters[:24, 32:], quarters[24:, :32] = (250, 0, 0), (0, 250, 0), (0, 0, 250)
    exif = Image.Exif()
    exif[274] = value
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(quarters).save(
        path, exif=exif, **({"quality": 100, "subsampling": 0} if suffix == "jpg" else {})
    )
    with Image.open(path) as stored:
        from PIL import ImageOps

        expected = np.asarray(ImageOps.exif_transpose(stored).convert("RGB"), np.int32)
    deliver(md.still(path, 0, tmp_path / "still.png"))
    shown = np.asarray(Image.open(tmp_path / "still.png"), np.int32)
    assert shown.shape == expected.shape
    for y in (0.2, 0.8):
        for x in (0.2, 0.8):
            at = int(y * shown.shape[0]), int(x * shown.shape[1])
            assert np.abs(shown[at] - expected[at]).max() < 12
    assert inspect(path).mirrored == (value in (2, 4, 5, 7))


# EXR

HEADER = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}


def exr(path: Path, channels: dict[str, Any], **header: Any) -> Path:
    OpenEXR.File({**HEADER, **header}, channels).write(str(path))
    return path


def flat(value: float) -> npt.NDArray[Any]:
    return np.full((36, 64), value, np.float16)


def rgb(value: float, prefix: str = "") -> dict[str, Any]:
    return {f"{prefix}{name}": flat(value) for name in "RGB"}


def value_of(url: object) -> float:
    return float(planes_of(url)[0][0, 0])


def test_stereo_in_one_part_opens_with_a_choice_of_view(tmp_path: Path) -> None:
    """OpenEXR, "Storing Multi-View Images": the first view's channels have no prefix."""
    channels = rgb(1) | rgb(2, "right.") | rgb(3, "diffuse.") | rgb(4, "diffuse.right.")
    path = exr(tmp_path / "a.exr", channels, multiView=["left", "right"])
    for url, value in (
        ("", 1),
        ("?view=left", 1),
        ("?view=right", 2),
        ("?layer=diffuse", 3),
        ("?view=right&layer=diffuse", 4),
        ("?layer=diffuse&view=right", 4),
        ("?layer=right", 2),
    ):
        assert value_of(f"{path}{url}") == value, url
    said = {tag.name: tag.value for tag in Clip.open(path).header.tags}
    assert said["views"] == "left, right"
    with pytest.raises(InvalidRequest, match=r"has no view 'middle'; add .view= with one of left, right"):
        Clip.open(f"{path}?view=middle")


def test_stereo_in_parts_opens_with_a_choice_of_view(tmp_path: Path) -> None:
    parts = [
        OpenEXR.Part({**HEADER, "view": view}, rgb(value), f"{layer}.{view}")
        for layer, view, value in (("rgb", "left", 1), ("rgb", "right", 2))
    ]
    path = tmp_path / "a.exr"
    OpenEXR.File(parts).write(str(path))
    assert [value_of(f"{path}{url}") for url in ("", "?view=left", "?view=right")] == [1, 1, 2]


def test_one_view_has_nothing_to_choose(tmp_path: Path) -> None:
    path = exr(tmp_path / "a.exr", rgb(1))
    with pytest.raises(InvalidRequest, match="has no view 'right'; leave it out"):
        Clip.open(f"{path}?view=right")
    with pytest.raises(InvalidRequest, match="has no video to choose"):
        Clip.open(f"{path}?video=2")


def test_a_sequence_of_stereo_frames(tmp_path: Path) -> None:
    for number in (1001, 1002):
        exr(
            tmp_path / f"a.{number}.exr",
            rgb(1) | rgb(number - 1000 + 1, "right."),
            multiView=["left", "right"],
        )
    clip = Clip.open(tmp_path / "a.%04d.exr?view=right")
    assert [float(frame.planes[0][0, 0]) for frame in clip.frames()] == [2, 3]


@pytest.mark.parametrize("name", GAMUTS)
def test_primaries_by_their_chromaticities(tmp_path: Path, name: str) -> None:
    path = exr(tmp_path / "a.exr", rgb(0.5), chromaticities=GAMUTS[name])
    color = Clip.open(path).header.color
    assert (color.primaries, color.transfer, color.chromaticities) == (name, "linear", None)
    assert inspect(path).color_space == f"{name}/linear"


def test_primaries_of_nobody_are_kept_as_they_are(tmp_path: Path) -> None:
    points = (0.7, 0.3, 0.2, 0.75, 0.12, 0.02, 0.3127, 0.329)
    path = exr(tmp_path / "a.exr", rgb(0.5), chromaticities=points)
    found = Clip.open(path).header.color
    assert found.primaries is None
    np.testing.assert_allclose(found.chromaticities, points, atol=1e-6)
    assert inspect(path).color_space == "chromaticities 0.7 0.3 0.2 0.75 0.12 0.02 0.3127 0.329/linear"


@pytest.mark.parametrize("points", [(0.0,) * 8, (0.3, 0.3) * 4, (0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3, 0.0)])
def test_chromaticities_of_no_gamut_are_none(tmp_path: Path, points: tuple[float, ...]) -> None:
    color = Clip.open(exr(tmp_path / "a.exr", rgb(0.5), chromaticities=points)).header.color
    assert (color.primaries, color.chromaticities) == (None, None)


def test_an_aces_container_is_ap0_without_chromaticities(tmp_path: Path) -> None:
    path = exr(tmp_path / "a.exr", rgb(0.5), acesImageContainerFlag=1)
    assert Clip.open(path).header.color.primaries == "ap0"


@pytest.mark.parametrize(
    ("name", "mode", "said"),
    [("a.png", "RGBA", "straight"), ("a.png", "RGB", None), ("a.tif", "RGBA", "straight")],
)
def test_what_colors_under_alpha_are(tmp_path: Path, name: str, mode: str, said: str | None) -> None:
    Image.new(mode, (64, 36), (200, 100, 50, 0)[: len(mode)]).save(tmp_path / name)
    assert inspect(tmp_path / name).alpha == said
    if said:
        assert [int(plane[0, 0]) for plane in planes_of(tmp_path / name)] == [200, 100, 50, 0]


def test_alpha_of_an_exr_is_premultiplied(tmp_path: Path) -> None:
    path = exr(tmp_path / "a.exr", {**rgb(0.25), "A": flat(0.5)})
    assert inspect(path).alpha == "premultiplied"
    assert [float(plane[0, 0]) for plane in planes_of(path)] == [0.25, 0.25, 0.25, 0.5]


# Luminance and chroma


def luminance_chroma(path: Path, step: int = 2, **extra: Any) -> tuple[npt.NDArray[Any], ...]:
    """An uncompressed EXR of Y, RY and BY, and the R, G, B it was made of; chroma changes slowly."""
    y, x = np.mgrid[0:36, 0:64].astype(np.float32)
    red, blue = 0.3 + x / 640, 0.4 - y / 360
    green = np.full_like(red, 0.2)
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    channels = {
        "BY": ((blue - luma) / luma)[::step, ::step],
        "RY": ((red - luma) / luma)[::step, ::step],
        "Y": luma,
    }

    def attribute(name: str, kind: str, body: bytes) -> bytes:
        return name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(body)) + body

    listed = b"".join(
        name.encode() + b"\0" + struct.pack("<iB3xii", 2, 0, *((1, 1) if name == "Y" else (step, step)))
        for name in channels
    )
    box = struct.pack("<4i", 0, 0, 63, 35)
    head = struct.pack("<Ii", 20000630, 2) + b"".join(
        [
            attribute("channels", "chlist", listed + b"\0"),
            attribute("compression", "compression", b"\0"),
            attribute("dataWindow", "box2i", box),
            attribute("displayWindow", "box2i", box),
            attribute("framesPerSecond", "rational", struct.pack("<iI", 25, 1)),
            attribute("lineOrder", "lineOrder", b"\0"),
            attribute("pixelAspectRatio", "float", struct.pack("<f", 1)),
            attribute("screenWindowCenter", "v2f", struct.pack("<2f", 0, 0)),
            attribute("screenWindowWidth", "float", struct.pack("<f", 1)),
            attribute("timeCode", "timecode", struct.pack("<II", 0x01020304, 0)),
            b"\0",
        ]
    )
    lines, offsets, at = [], [], len(head) + 8 * 36
    for row in range(36):
        body = b"".join(
            channel[row if name == "Y" else row // step].astype("<f4").tobytes()
            for name, channel in channels.items()
            if name == "Y" or row % step == 0
        )
        offsets.append(at)
        lines.append(struct.pack("<ii", row, len(body)) + body)
        at += len(lines[-1])
    path.write_bytes(head + struct.pack("<36Q", *offsets) + b"".join(lines))
    return red, green, blue


@pytest.mark.parametrize("step", [2, 1])
def test_luminance_and_chroma_become_colors(tmp_path: Path, step: int) -> None:
    path = tmp_path / "a.exr"
    expected = luminance_chroma(path, step)
    for plane, color in zip(planes_of(path), expected, strict=True):
        np.testing.assert_allclose(plane[8:-8, 8:-8], color[8:-8, 8:-8], atol=2e-3)
        np.testing.assert_allclose(plane, color, atol=0.03)
    found = inspect(path)
    assert (found.pixel_format, found.frame_rate, found.start_timecode) == (
        "gbrpf32le",
        "25/1",
        "01:02:03:04",
    )


def test_other_subsampled_channels_are_unsupported_not_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.exr"
    luminance_chroma(path)
    path.write_bytes(path.read_bytes().replace(b"BY\0\x02", b"UV\0\x02"))
    with pytest.raises(UnsupportedMedia, match="subsampled"):
        Clip.open(path)


# HEIC


def test_the_tiles_of_a_heic_are_one_picture() -> None:
    """Four tiles of 256 with frames of red, green, blue and yellow, as phones write them in dozens."""
    clip = Clip.open(INPUTS / "grid.heic")
    assert (clip.header.width, clip.header.height, clip.header.codec) == (512, 512, "heic")
    picture = np.stack(planes_of(clip.url)[:3], -1).astype(int)
    corners = {(8, 8): (255, 0, 0), (8, 504): (0, 128, 0), (504, 8): (0, 0, 255), (504, 504): (255, 255, 0)}
    for at, color in corners.items():
        assert np.abs(picture[at] - color).max() < 12


def write_heic(path: Path, picture: Image.Image, **how: Any) -> Path:
    import pillow_heif

    pillow_heif.from_pillow(picture).save(str(path), quality=95, **how)
    return path


def test_a_heic_says_what_its_camera_wrote(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[271], exif[272] = "Apple", "iPhone 15"
    path = write_heic(tmp_path / "a.heic", Image.new("RGB", (128, 72), (200, 100, 50)), exif=exif.tobytes())
    found = inspect(path)
    assert (found.camera_make, found.camera_model, found.bit_depth) == ("Apple", "iPhone 15", 8)
    assert np.abs(np.array([plane[9, 9] for plane in planes_of(path)], int) - (200, 100, 50)).max() < 4


def test_a_heic_without_its_last_tiles_is_no_picture(tmp_path: Path) -> None:
    """libheif gives black in their place."""
    path = tmp_path / "a.heic"
    path.write_bytes((INPUTS / "grid.heic").read_bytes()[:6000])
    with pytest.raises(UnreadableMedia, match="is cut off"):
        Clip.open(path)


def test_an_avif_of_tiles_is_not_its_first_tile(tmp_path: Path) -> None:
    data = (INPUTS / "grid.heic").read_bytes()
    path = tmp_path / "a.avif"
    path.write_bytes(data.replace(b"heic\0\0\0\0mif1heic", b"avif\0\0\0\0mif1avif"))
    with pytest.raises(UnsupportedMedia, match="several tiles"):
        Clip.open(path)


@pytest.mark.parametrize("name", ["cut.heic", "cut.HEIC"])
def test_a_heic_cut_short_is_no_movie_without_its_table(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes((INPUTS / "grid.heic").read_bytes()[:300])
    with pytest.raises(UnreadableMedia, match="is cut off"):
        Clip.open(path)


def test_a_heic_under_another_name_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes((INPUTS / "grid.heic").read_bytes())
    with pytest.raises(UnreadableMedia, match=r"is a HEIC image by its content; name it .heic"):
        Clip.open(path)


def test_a_folder_of_heics_is_found(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"IMG_{number:04}.HEIC").write_bytes((INPUTS / "grid.heic").read_bytes())
    (url,) = find_clips(tmp_path)
    assert len(Clip.open(url)) == 2


# JPEG and Cineon


def test_a_jpeg_with_a_gain_map_is_its_base_picture(tmp_path: Path) -> None:
    """Ultra HDR: what announces the map is an XMP note, and the map itself a JPEG behind the picture."""
    picture = Image.fromarray(footage.picture(3, 320, 180))
    plain, gain = BytesIO(), BytesIO()
    picture.save(plain, "jpeg", quality=90)
    Image.new("L", (80, 45), 128).save(gain, "jpeg")
    note = (
        b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF "
        b"xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description "
        b"xmlns:hdrgm='http://ns.adobe.com/hdr-gain-map/1.0/' hdrgm:Version='1.0' hdrgm:GainMapMax='2.0'/>"
        b"</rdf:RDF></x:xmpmeta>"
    )
    data = plain.getvalue()
    segment = b"\xff\xe1" + struct.pack(">H", len(note) + 2) + note
    (tmp_path / "plain.jpg").write_bytes(data)
    (tmp_path / "hdr.jpg").write_bytes(data[:2] + segment + data[2:] + gain.getvalue())
    clip = Clip.open(tmp_path / "hdr.jpg")
    assert clip.header.pixel_format.name == "gbrp"
    assert_planes_equal(planes_of(tmp_path / "hdr.jpg"), planes_of(tmp_path / "plain.jpg"))


def cineon(path: Path) -> npt.NDArray[Any]:
    """A 10-bit Cineon file after Kodak's "Cineon Image File Format", draft 4.5, and its codes."""
    codes = (np.mgrid[0:36, 0:64][1] * 16).astype(">u4")
    head = bytearray(b"\xff" * 2048)
    struct.pack_into(
        ">IIIIII8s", head, 0, 0x802A5FD7, 2048, 1024, 1024, 0, 2048 + 36 * 64 * 4, b"V4.5\0\0\0\0"
    )
    head[192:194] = b"\0\x03"
    for element in range(3):
        struct.pack_into(">BBBxII4f", head, 196 + 28 * element, 0, element + 1, 10, 64, 36, 0, 0, 1023, 2.046)
    head[680:684] = bytes([0, 5, 0, 0])
    struct.pack_into(">II", head, 684, 0, 0)
    path.write_bytes(bytes(head) + (codes << 22 | codes << 12 | codes << 2).astype(">u4").tobytes())
    return codes.astype(np.uint16)


def test_cineon_opens(tmp_path: Path) -> None:
    codes = cineon(tmp_path / "a.0001.cin")
    cineon(tmp_path / "a.0002.cin")
    (url,) = find_clips(tmp_path)
    clip = Clip.open(url)
    assert (len(clip), clip.header.pixel_format.bits, clip.header.color.transfer) == (2, 10, "log")
    for plane in planes_of(tmp_path / "a.0001.cin"):
        np.testing.assert_array_equal(plane, codes)
    assert inspect(url).frame_rate is None


def test_a_timecode_at_few_frames_a_second_comes_back() -> None:
    from mediadask.timecode import Timecode

    for rate in (1, 6, 8, 10):
        code = Timecode.parse("01:00:00:00", Fraction(rate))
        assert Timecode.parse(str(code), rate) == code


@pytest.mark.parametrize("name", ["a.mp4", "a"])
def test_a_heic_of_tiles_by_another_name_is_not_its_first_tile(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes((INPUTS / "grid.heic").read_bytes())
    with pytest.raises(UnreadableMedia, match=r"is a HEIC image .* name it \.heic"):
        Clip.open(path)
