"""What a camera recorded for each frame (lens, exposure, motion), as a lazy table aligned to frames."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from mediadask.clips import Clip
from mediadask.clips.storage import open_file, path_of, storage_errors
from mediadask.errors import CorruptFrame, MediaError
from mediadask.metadata import gpmf, rules
from mediadask.metadata.documents import decoded, subtitle_tags, telemetry
from mediadask.metadata.model import ClipMetadata
from mediadask.metadata.sidefiles import side_files
from mediadask.metadata.table import Table, table_in_force, tables_of
from mediadask.timecode import Timecode

if TYPE_CHECKING:
    import os

    import numpy.typing as npt
    import xarray as xr

    from mediadask.clips.header import Tag

__all__ = ["frame_metadata"]

Columns = Mapping[str, "npt.NDArray[np.float64]"]
"""Field to (frames,) or (frames, axes) numbers, NaN where a frame has none."""


@dataclass(frozen=True)
class _Source:
    """A place that has values for each frame."""

    name: str
    names: tuple[tuple[str, int], ...]
    """Fields, and how many axes each has: 0 is one number a frame."""

    read: Callable[[], Columns]
    """Reads all of it."""


def frame_metadata(url: str | os.PathLike[str]) -> xr.Dataset:
    """Tell what a camera recorded for each frame, as a lazy table.

    Sources are, in this order: GoPro's GPMF track, a table with a row for each frame beside the clip (ARRI
    Meta Extract, Sony, RED, Canon), DJI's subtitles, and the headers of an image sequence's files.

    Parameters
    ----------
    url
        A file, or an image sequence's pattern.

    Returns
    -------
    xarray.Dataset
        Numbers over ``frame``, by the names and in the units of `ClipMetadata`: ``iso``, ``focal_length_mm``,
        ``focus_m``, ``t_stop``, ``shutter_s``, …; and ``gyro_rad_s`` and ``acceleration_m_s2 (frame, axis)``.
        NaN is unknown. Coordinates are ``frame`` (0-based) and ``time`` (seconds). Values are read when they
        are asked for; ``to_dataframe()`` makes a pandas table.

    Raises
    ------
    MediaError
        If the clip cannot be opened: one line, with what to do.

    Examples
    --------
    >>> values = md.frame_metadata("A001C001.mov")
    >>> values.sizes["frame"], values.time.values[1]
    (48, np.float64(0.041666666666666664))
    """
    import dask.array as da
    import xarray as xr
    from dask import delayed

    clip = Clip.open(url)
    count = len(clip)
    table = table_in_force(tables_of())
    seconds = _seconds(clip)
    variables: dict[str, Any] = {}
    units = {item.name: item.metadata.get("unit", "") for item in fields(ClipMetadata)}
    for source in _sources(clip, table, seconds):
        whole = delayed(source.read, pure=False)()
        for name, axes in source.names:
            if name in variables:
                continue
            shape = (count, axes) if axes else (count,)
            values = da.from_delayed(whole[name], shape, np.float64)
            dims = ("frame", "axis") if axes else ("frame",)
            attrs = {"source": source.name, "units": units.get(name) or _MOTION_UNITS.get(name, "")}
            variables[name] = (dims, values, attrs)
    return xr.Dataset(variables, {"frame": np.arange(count), "time": ("frame", seconds)}, {"clip": clip.url})


_MOTION_UNITS = {"gyro_rad_s": "rad/s", "acceleration_m_s2": "m/s2"}


def _seconds(clip: Clip) -> npt.NDArray[np.float64]:
    """When each frame begins, in seconds since the first."""
    if clip.header.first_number is not None:
        return np.arange(len(clip)) / float(clip.header.frame_rate)
    pts = clip.index.frame_pts
    return np.asarray((pts - pts[0]) * float(clip.index.time_base), np.float64)


def _sources(clip: Clip, table: Table, seconds: npt.NDArray[np.float64]) -> list[_Source]:
    url = clip.files[0].url
    found: list[_Source | None] = []
    if clip.header.first_number is not None:
        return [source for source in (_headers(clip, table),) if source]
    if any("GoPro MET" in tag.value for tag in clip.header.tags if tag.name == "handler_name"):
        found.append(_gopro(url, seconds))
    for file, kind in side_files(url, table):
        name = path_of(file).rpartition("/")[2]
        try:
            if kind.read == "table" and "{" in kind.name:
                found.append(_rows(file, name, clip, table))
            elif kind.read == "subtitles":
                found.append(_subtitles(file, name, table, seconds))
        except (MediaError, csv.Error):  # the inspection tells what is wrong with it
            continue
    return [source for source in found if source]


_CHANGING = (
    *("iso", "white_balance_k", "tint", "shutter_angle_deg", "shutter_s", "nd_stops", "focal_length_mm"),
    *("t_stop", "f_number", "focus_m", "gps_latitude_deg", "gps_longitude_deg", "gps_altitude_m"),
)


def _numbers(tags: list[Tag], table: Table) -> dict[str, float]:
    said = rules.apply([tags], table)
    return {name: float(said[name][0].value) for name in _CHANGING if name in said}


def _lines(url: str) -> io.TextIOBase | io.StringIO:
    with storage_errors(url), open_file(url) as file:
        return io.StringIO(decoded(file.read()), newline="")


def _rows(url: str, name: str, clip: Clip, table: Table) -> _Source | None:
    """A table with a row for each frame, by its timecode, else in order."""
    from mediadask.clips.header import Tag

    count, header = len(clip), clip.header

    def rows(most: int | None = None) -> list[dict[str, str]]:
        with _lines(url) as text:
            first = text.readline()
            text.seek(0)
            reader = csv.reader(text, delimiter=max("\t,;", key=first.count))
            columns = [column.strip() for column in next(reader, [])]
            found = []
            for row in reader:
                found.append({key: cell.strip() for key, cell in zip(columns, row, strict=False) if key})
                if most is not None and len(found) == most:
                    break
        return found

    def tags_of(row: dict[str, str]) -> list[Tag]:
        return [Tag(name, key, value) for key, value in row.items() if value]

    head = rows(2)
    if len(head) < min(2, count):  # a row for the clip, none for frames
        return None
    names = tuple((field, 0) for field in _numbers(tags_of(head[0]), table))

    def read() -> Columns:
        found = {field: np.full(count, np.nan) for field, _ in names}
        known: dict[tuple[str, ...], dict[str, float]] = {}
        for place, row in enumerate(rows()):
            frame = _frame_of(row, header, place)
            # Rows are alike but for their counters: each kind is read once.
            cells = tuple(value for key, value in row.items() if key.casefold() not in _COUNTERS)
            if cells not in known:
                known[cells] = _numbers(tags_of(row), table)
            if 0 <= frame < count:
                for field, value in known[cells].items():
                    if field in found:
                        found[field][frame] = value
        return found

    return _Source(name, names, read) if names else None


_COUNTERS = {
    "index",
    "master tc",
    "timecode",
    "master tc frame count",
    "system image creation time",
    "abs tc",
}
_TIMECODES = ("Master TC", "Timecode", "Abs TC")


def _frame_of(row: Mapping[str, str], header: Any, place: int) -> int:
    label = next((row[name] for name in _TIMECODES if row.get(name)), None)
    if label is None or header.timecode is None:
        return place
    try:
        start = Timecode.parse(header.timecode, header.frame_rate)
        here = Timecode.parse(label.replace(".", ":"), header.frame_rate)
    except MediaError:
        return place
    if start.drop != here.drop:
        return place
    return (here.frames - start.frames) % start.frames_per_day


_TIMES = re.compile(r"(\d+):(\d{2}):(\d{2})[,.](\d{3})\s*-->")


def _subtitles(url: str, name: str, table: Table, seconds: npt.NDArray[np.float64]) -> _Source | None:
    """A drone's subtitles: for each frame the last one that has begun."""
    from mediadask.clips.header import Tag

    with storage_errors(url), open_file(url) as file:
        head = file.read(1 << 16)
    names = tuple((field, 0) for field in _numbers(subtitle_tags(head, name), table))

    def read() -> Columns:
        with _lines(url) as text:
            blocks = re.split(r"\n\s*\n", text.read().replace("\r", ""))
        starts, told = [], []
        for block in blocks:
            match = _TIMES.search(block)
            if match and (values := telemetry(block)):
                hours, minutes, whole, thousandths = map(int, match.groups())
                starts.append(hours * 3600 + minutes * 60 + whole + thousandths / 1000)
                told.append(_numbers([Tag(name, f"dji {key}", value) for key, value in values], table))
        if not starts:
            return {field: np.full(len(seconds), np.nan) for field, _ in names}
        # Its clock has milliseconds, and a frame begins within one of them.
        row = np.searchsorted(np.asarray(starts), seconds + 0.001, "right") - 1
        return {
            field: np.asarray([told[at].get(field, np.nan) if at >= 0 else np.nan for at in row])
            for field, _ in names
        }

    return _Source(name, names, read) if names else None


def _headers(clip: Clip, table: Table) -> _Source | None:
    """The header of each file of an image sequence."""
    from mediadask.clips.image import read_header

    names = tuple((field, 0) for field in _numbers(list(clip.header.tags), table))
    files, shown, count = clip.files, clip.index.shown, len(clip)

    def read() -> Columns:
        found = {field: np.full(count, np.nan) for field, _ in names}
        for frame in range(count):
            if shown[frame] < 0:
                continue
            try:
                tags = list(read_header(files[int(shown[frame])].url).tags)
            except (MediaError, CorruptFrame):
                continue
            for field, value in _numbers(tags, table).items():
                if field in found:
                    found[field][frame] = value
        return found

    return _Source(f"{clip.header.container} headers", names, read) if names else None


# Streams of GPMF to fields; None takes all elements as axes.
_GOPRO: dict[str, tuple[tuple[str, int | None], ...]] = {
    "GYRO": (("gyro_rad_s", None),),
    "ACCL": (("acceleration_m_s2", None),),
    "SHUT": (("shutter_s", 0),),
    "ISOE": (("iso", 0),),
    "WBAL": (("white_balance_k", 0),),
    "GPS9": (("gps_latitude_deg", 0), ("gps_longitude_deg", 1), ("gps_altitude_m", 2)),
    "GPS5": (("gps_latitude_deg", 0), ("gps_longitude_deg", 1), ("gps_altitude_m", 2)),
}


def _gopro(url: str, seconds: npt.NDArray[np.float64]) -> _Source | None:
    """GoPro's track of metadata: samples are spread over their payload's time; a frame gets their mean."""
    first = next(iter(_payloads(url, 1)), None)
    if first is None:
        return None
    names: dict[str, int] = {}
    for stream in gpmf.streams(first[2]):
        for field, element in _GOPRO.get(stream.key, ()):
            if element is None or element < stream.values.shape[1]:
                names.setdefault(field, stream.values.shape[1] if element is None else 0)

    def read() -> Columns:
        times: dict[str, list[npt.NDArray[Any]]] = {field: [] for field in names}
        values: dict[str, list[npt.NDArray[Any]]] = {field: [] for field in names}
        taken: dict[str, str] = {}
        for start, length, payload in _payloads(url):
            for stream in gpmf.streams(payload):
                for field, element in _GOPRO.get(stream.key, ()):
                    if taken.setdefault(field, stream.key) != stream.key or field not in names:
                        continue
                    samples = stream.values if element is None else stream.values[:, element]
                    times[field].append(start + length * np.arange(len(samples)) / max(len(samples), 1))
                    values[field].append(samples)
        return {
            field: _per_frame(times[field], values[field], seconds, axes) for field, axes in names.items()
        }

    return _Source("gpmd track", tuple(names.items()), read) if names else None


def _payloads(url: str, most: int | None = None) -> list[tuple[float, float, bytes]]:
    """Start, length (seconds) and bytes of the samples of the ``gpmd`` track."""
    from mediadask.clips.packets import opened
    from mediadask.clips.tags import tags_of

    found: list[tuple[float, float, bytes]] = []
    with storage_errors(url), opened(url) as container:
        tracks = [each for each in container.streams if "GoPro MET" in tags_of(each).get("handler_name", "")]
        if not tracks:
            return found
        for packet in container.demux(tracks[0]):
            if packet.size and packet.pts is not None:
                base = float(packet.time_base)
                found.append((packet.pts * base, (packet.duration or 0) * base, bytes(packet)))
                if most is not None and len(found) == most:
                    break
    return found


def _per_frame(
    times: list[npt.NDArray[Any]], values: list[npt.NDArray[Any]], seconds: npt.NDArray[np.float64], axes: int
) -> npt.NDArray[np.float64]:
    """The mean of the samples in each frame's time; where there is none, the last before it."""
    shape = (len(seconds), axes) if axes else (len(seconds),)
    if not times or not len(seconds):
        return np.full(shape, np.nan)
    at = np.concatenate(times)
    sampled = np.concatenate([part for part in values if not axes or part.shape[1] == axes])
    begin = np.searchsorted(at, seconds - 1e-9)
    end = np.append(begin[1:], len(at))
    sums = np.concatenate([np.zeros((1, *sampled.shape[1:])), np.cumsum(sampled, axis=0)])
    counts = np.maximum(end - begin, 1).reshape(-1, *[1] * (sampled.ndim - 1))
    means = (sums[end] - sums[begin]) / counts
    before = np.clip(begin - 1, 0, len(at) - 1)
    held = (end <= begin).reshape(counts.shape)
    return np.asarray(
        np.where(held, np.where(begin.reshape(counts.shape) > 0, sampled[before], np.nan), means)
    )
