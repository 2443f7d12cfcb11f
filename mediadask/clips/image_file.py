"""Image files on their way into OpenImageIO: fetched, checked for what they say they are, opened."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from mediadask.clips.dpx import HEAD_BYTES, corrected_head
from mediadask.clips.jpeg import without_gain_map
from mediadask.clips.remote import RemoteFile
from mediadask.clips.storage import is_local, open_file, stat, storage_errors
from mediadask.errors import UnreadableMedia, UnsupportedMedia

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SubsampledImage", "check_area", "check_size", "complaint", "head_of", "on_disk", "opened_image"]


class SubsampledImage(UnsupportedMedia):
    """An EXR some of whose channels have fewer samples than others: OpenImageIO reads none of them."""


@contextmanager
def opened_image(url: str) -> Iterator[Any]:
    """An OpenImageIO image, closed at the end.

    Raises
    ------
    MissingMedia, UnreadableMedia
        If it is not there, or no image of the kind that its name says.
    """
    import OpenImageIO as oiio  # only who opens images waits for it

    with on_disk(url) as found, ExitStack() as stack:
        path = stack.enter_context(_readable(found, _check_kind(url, found)))
        # Else whatever the named format's reader refuses goes to all the others, of formats nobody asked for.
        oiio.attribute("try_all_readers", 0)
        config = oiio.ImageSpec()
        config.attribute("oiio:UnassociatedAlpha", 1)  # as stored: PNG's colors are not multiplied by alpha
        image = oiio.ImageInput.open(path, config)
        if image is None:
            what = complaint(oiio)
            if "ubsampled" in what:
                raise SubsampledImage("has subsampled channels", where=url)
            raise UnreadableMedia(what, where=url)
        try:
            yield image
        finally:
            image.close()


_MAGIC: dict[str, tuple[bytes, ...]] = {
    "EXR": (b"\x76\x2f\x31\x01",),
    "DPX": (b"SDPX", b"XPDS"),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "PNG": (b"\x89PNG",),
    "JPEG": (b"\xff\xd8\xff",),
    "CIN": (b"\x80\x2a\x5f\xd7", b"\xd7\x5f\x2a\x80"),
}
"""How files of each kind begin."""


def _check_kind(url: str, path: str) -> str:
    """The kind of a file; raises `UnreadableMedia` for one that is not what its name says, before anything
    parses it.

    A gigabyte of zeros, as a copy that is under way has them, is told at once.
    """
    suffix = os.path.splitext(url)[1].lower()
    meant = {".jpg": "JPEG", ".tif": "TIFF"}.get(suffix, suffix[1:].upper())
    stat(url)  # missing, unreadable and empty have words of their own
    with storage_errors(url), open(path, "rb") as file:
        head = file.read(12)
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"mif1", b"msf1", b"hevc"):
        raise UnreadableMedia("is a HEIC image by its content", where=url, do="name it .heic")
    found = next((kind for kind, magic in _MAGIC.items() if head.startswith(magic)), None)
    if found is None:
        raise UnreadableMedia(f"is no {meant} image", where=url, do="copy it again from the source")
    if found != meant:
        raise UnreadableMedia(f"is a {found} image by its content", where=url, do=f"name it .{found.lower()}")
    return found


@contextmanager
def _readable(path: str, kind: str) -> Iterator[str]:
    """A path to what OpenImageIO shall read: the file, or where it would misread that a corrected copy."""
    head, length = None, 0
    if kind == "DPX":
        with open(path, "rb") as file:
            head = corrected_head(file.read(length := HEAD_BYTES), os.path.getsize(path))
    elif kind == "JPEG":
        with open(path, "rb") as file:
            head = without_gain_map(file.read(length := 1 << 20))
    if head is None:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="mediadask-") as folder:
        copy = os.path.join(folder, os.path.basename(path))
        with open(path, "rb") as source, open(copy, "wb") as target:
            target.write(head)
            source.seek(length)
            shutil.copyfileobj(source, target, 1 << 22)
        yield copy


@contextmanager
def on_disk(url: str) -> Iterator[str]:
    """A path to the file: OpenImageIO for Python reads no memory, so that remote files are fetched whole."""
    if is_local(url):
        yield url
        return
    with tempfile.TemporaryDirectory(prefix="mediadask-") as folder:
        path = os.path.join(folder, url.rpartition("/")[2])
        with storage_errors(url), open_file(url) as source, open(path, "wb") as target:
            if isinstance(source, RemoteFile):
                target.writelines(source.pieces())
            else:
                shutil.copyfileobj(source, target)
        yield path


def head_of(url: str, size_bytes: int) -> bytes:
    """The first bytes of a file."""
    with storage_errors(url), open_file(url) as file:
        return file.read(size_bytes)


def complaint(source: Any) -> str:
    """The first line of what OpenImageIO, or one of its images, has to complain of."""
    try:
        text = source.geterror()
    except UnicodeDecodeError as error:  # it cites the file
        text = error.object.decode(errors="replace")
    line = " ".join(text.splitlines()[:1]).strip()
    return f"does not decode ({line})" if line else "does not decode"


_MOST_PIXELS = 1 << 29
"""The most pixels of a picture. The largest sensor, 18K, has 317 million."""


def check_size(spec: Any, url: str) -> None:
    """Raise `UnsupportedMedia` for a picture that no memory should be asked for: a header costs nothing."""
    check_area(spec.width, spec.height, url)
    if spec.get_string_attribute(
        "openexr:lineOrder"
    ):  # other formats tell the size of a page or a scan there
        check_area(spec.full_width, spec.full_height, url)


def check_area(width: int, height: int, url: str) -> None:
    """The same of one size."""
    if not (width > 0 and height > 0 and width * height <= _MOST_PIXELS):
        raise UnsupportedMedia(
            f"says that it has {width}x{height} pixels, of {_MOST_PIXELS // 1_000_000} million at most",
            where=url,
            do="copy it again from the source",
        )
