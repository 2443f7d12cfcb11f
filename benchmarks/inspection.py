"""Inspecting a thousand clips, against a loop of ffprobe processes; whether others tell the same of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mediadask as md
from benchmarks.measure import Meter, Sample, in_turn, isolated, median_of, ratio
from benchmarks.report import Row, at_least
from mediadask import footage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KINDS: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        "prores.mov",
        {"codec": "prores_ks", "pixel_format": "yuv422p10le", "timecode": "01:00:00:00", "reel": "A001"},
    ),
    ("h264.mp4", {"codec": "libx264", "rate": Fraction(30000, 1001), "sound": "aac"}),
    ("h264.mov", {"codec": "libx264", "rate": 25, "timecode": "10:00:00:00", "sound": "pcm_s24le"}),
    (
        "dnxhr.mxf",
        {"codec": "dnxhd", "pixel_format": "yuv422p", "options": {"profile": "dnxhr_sq"}, "rate": 24},
    ),
)


def rows(quick: bool, rounds: int) -> Iterator[Row]:
    count = 40 if quick else 1000
    with tempfile.TemporaryDirectory(prefix="mediadask-inspection-") as name:
        clips = write_clips(Path(name), count)
        ffprobe = shutil.which("ffprobe")
        sides: dict[str, Callable[[], Sample]] = {
            "first": lambda: isolated(inspect_all, clips, tempfile.mkdtemp(dir=name)),
            "again": partial(isolated, inspect_all, clips, f"{name}/seen"),
        }
        isolated(inspect_all, clips, f"{name}/seen")
        if ffprobe:
            sides["ffprobe"] = partial(isolated, probe_all, ffprobe, clips)
        samples = in_turn(sides, rounds)
        case = f"{count} clips"
        for side, what in (("first", "never seen"), ("again", "seen before")):
            seconds = median_of(samples[side], "wall_seconds")
            note = f"{seconds / count * 1e3:.2f} ms a clip"
            if ffprobe:
                yield Row(
                    "inspection",
                    f"{case} {what}",
                    "× the speed of a loop of ffprobe",
                    ratio(samples["ffprobe"], samples[side], "wall_seconds"),
                    at_least(20),
                    ours=f"{seconds:.2f} s",
                    theirs=f"{median_of(samples['ffprobe'], 'wall_seconds'):.1f} s",
                    note=note,
                    samples={side: samples[side], "ffprobe": samples["ffprobe"]},
                )
            else:
                yield Row("inspection", f"{case} {what}", "s; no ffprobe is installed", seconds, note=note)
        for program, read in PEERS.items():
            if path := shutil.which(program):
                agree = [each for clip in clips[: len(KINDS)] for each in compared(clip, read(path, clip))]
                wrong = [f"{field}: {ours} and {theirs}" for field, ours, theirs in agree if ours != theirs]
                share = 1 - len(wrong) / len(agree)
                note = "; ".join(wrong) or f"{len(agree)} values of {len(KINDS)} clips"
                yield Row("inspection", program, "of the fields agree", share, at_least(1), note=note)
            else:
                yield Row("inspection", program, "is not installed", None)


def write_clips(folder: Path, count: int) -> list[str]:
    """Small clips of four kinds, each a file of its own."""
    made = [footage.write_clip(folder / name, frames=24, size=(320, 180), **how) for name, how in KINDS]
    clips = []
    for number in range(count):
        source = made[number % len(made)]
        clips.append(str(folder / f"A{number // 100:03}C{number % 100:03}{source.suffix}"))
        shutil.copy(source, clips[-1])
    return clips


def inspect_all(clips: list[str], cache: str) -> Sample:
    os.environ["MEDIADASK_CACHE"] = cache
    with Meter() as meter:
        table = md.inspect_many(clips).compute()
    assert table.error.isna().all()
    return meter.sample(len(table))


def probe_all(ffprobe: str, clips: list[str]) -> Sample:
    with Meter() as meter:
        for clip in clips:
            probed(ffprobe, clip)
    return meter.sample(len(clips))


def probed(ffprobe: str, clip: str) -> dict[str, Any]:
    words = [ffprobe, "-v", "error", "-print_format", "json", "-show_format", "-show_streams", clip]
    found: dict[str, Any] = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
    return found


def by_ffprobe(ffprobe: str, clip: str) -> dict[str, Any]:
    found = probed(ffprobe, clip)
    video = next(each for each in found["streams"] if each["codec_type"] == "video")
    places = [*found["streams"], found["format"]]
    told = [place.get("tags", {}).get("timecode") for place in places]
    return {
        "codec": video["codec_name"],
        "width": video["width"],
        "height": video["height"],
        "pixel_format": video["pix_fmt"],
        "frame_rate": str(Fraction(video["r_frame_rate"])),
        "frames": int(video["nb_frames"]) if "nb_frames" in video else None,
        "start_timecode": next(filter(None, told), None),
        "audio_tracks": sum(each.get("channels", 0) for each in found["streams"]),
    }


def by_exiftool(exiftool: str, clip: str) -> dict[str, Any]:
    done = subprocess.run([exiftool, "-j", "-n", clip], check=True, capture_output=True)
    found = json.loads(done.stdout)[0]
    if clip.endswith(".mxf"):  # there it tells the coded size, whole macroblocks
        return {"size_bytes": found["FileSize"]}
    return {
        "width": found["ImageWidth"],
        "height": found["ImageHeight"],
        "start_timecode": found.get("TimeCode") if ":" in str(found.get("TimeCode")) else None,
        "size_bytes": found["FileSize"],
    }


def by_mediainfo(mediainfo: str, clip: str) -> dict[str, Any]:
    done = subprocess.run([mediainfo, "--Output=JSON", clip], check=True, capture_output=True)
    tracks = json.loads(done.stdout)["media"]["track"]
    video = next(track for track in tracks if track["@type"] == "Video")
    codes = [track.get("TimeCode_FirstFrame") for track in tracks if track["@type"] in ("Other", "Video")]
    return {
        "width": int(video["Width"]),
        "height": int(video["Height"]),
        "bit_depth": int(video["BitDepth"]) if "BitDepth" in video else None,
        "frames": int(video["FrameCount"]) if "FrameCount" in video else None,
        "start_timecode": next(filter(None, codes), None),
        "audio_tracks": sum(int(track["Channels"]) for track in tracks if track["@type"] == "Audio"),
    }


PEERS: dict[str, Callable[[str, str], dict[str, Any]]] = {
    "ffprobe": by_ffprobe,
    "exiftool": by_exiftool,
    "mediainfo": by_mediainfo,
}


def compared(clip: str, said: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Field, our value, theirs, of all that both say."""
    ours = md.inspect(clip)
    for field, theirs in said.items():
        value = getattr(ours, field)
        if field == "frame_rate":
            value = str(ours.rate)
        if theirs is not None and value is not None:
            yield f"{Path(clip).suffix} {field}", value, theirs
