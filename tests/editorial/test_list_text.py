"""Lists in the encodings, and with the padding, that editing systems have written."""

from __future__ import annotations

import pytest

from mediadask.editorial.readers.list_text import list_text
from mediadask.errors import UnreadableMedia

LIST = (
    "001  A001 V C 01:00:00:00 01:00:01:00 10:00:00:00 10:00:01:00\r\n"
    "* FROM CLIP NAME: café “day” – Über Ö É\r\n"
)


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "mac_roman"],
)
def test_every_encoding(encoding: str) -> None:
    assert list_text(LIST.encode(encoding), "x.edl") == LIST
    ascii_only = LIST.encode("ascii", errors="ignore")
    assert list_text(ascii_only.decode().encode(encoding), "x.edl").encode() == ascii_only


def test_utf_16_behind_either_mark() -> None:
    assert list_text("\ufeff".encode("utf-16-le") + LIST.encode("utf-16-le"), "x.edl") == LIST
    assert list_text("\ufeff".encode("utf-16-be") + LIST.encode("utf-16-be"), "x.edl") == LIST


def test_an_old_mac_s_line_ends_tell_its_letters() -> None:
    text = "* FROM CLIP NAME: señor ó\r* TO CLIP NAME: ß\r"
    assert list_text(text.encode("mac_roman"), "x.edl") == text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
@pytest.mark.parametrize(
    "padding", ["\0" * 511, "\x1a", "\x1a\x1a\x1a", "\x1a" + "\0" * 300, "\x1aOLD LIST\r\n"]
)
def test_the_padding_of_a_disk_s_block_is_no_text(encoding: str, padding: str) -> None:
    assert list_text((LIST + padding).encode(encoding), "x.edl") == LIST


def test_records_of_a_fixed_length_are_padded_too() -> None:
    padded = "\r\n".join(line.ljust(80, "\0") for line in LIST.splitlines()) + "\r\n\0\0"
    assert list_text(padded.encode(), "x.edl") == LIST


@pytest.mark.parametrize(
    "data", [b"\x7fELF\0\0\0\0", b"\xff\xfe\0\xd8", b"001 A\0B", b"\0\1\2\3\0\xff", b"PK\3\4\0\0text\0\0"]
)
def test_what_is_binary_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableMedia, match="is binary"):
        list_text(data, "x.edl")


def test_nul_pads_a_file_at_its_beginning_and_a_column() -> None:
    assert list_text(b"\0\0\x00A\0\0\0 V\r\n\0\0", "x.edl") == "A V\r\n"
