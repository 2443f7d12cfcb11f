"""The dry run of a thousand-shot turnover over five thousand clips: matching and naming, and the command."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av

from benchmarks.measure import AS_INSTALLED, Failed, Meter, Sample, in_turn, isolated, median_of
from benchmarks.pull import LOG
from benchmarks.report import Row, at_most
from mediadask import footage
from mediadask.timecode import Timecode

if TYPE_CHECKING:
    from collections.abc import Iterator

TAKES_A_ROLL = 100
TAKE_FRAMES = 120
TARGET_SECONDS = 5


def rows(quick: bool, rounds: int) -> Iterator[Row]:
    clips, events = (200, 60) if quick else (5000, 1000)
    with tempfile.TemporaryDirectory(prefix="mediadask-plan-") as name:
        folder = Path(name)
        card, edl, listed = folder / "card", folder / "turnover.edl", folder / "rushes.json"
        reels = write_card(card, clips)
        edl.write_text(edit_list(reels, events))
        first = command("info", "--json", str(card))
        listed.write_text(first.value)
        pull = ("pull", str(edl), "--out", str(folder / "out"), "--input-space", LOG, "--plan", "--media")
        samples = in_turn(
            {
                "matching": lambda: isolated(matched, edl, listed, events),
                "command": lambda: command(*pull, str(listed), exit_code=1),
                "folder": lambda: command(*pull, str(card), exit_code=1),
            },
            rounds,
        )
    case, target = f"{events} events, {clips} clips", at_most(TARGET_SECONDS)
    for side, what, judged in (
        ("matching", "s to read, match, clamp, name", target),
        ("command", "s of pull --plan, media as info --json listed it", target),
        ("folder", "s of pull --plan, media a folder seen before", target),
    ):
        seconds = median_of(samples[side], "wall_seconds")
        yield Row("plan", case, what, seconds, judged, samples={side: samples[side]})
    yield Row("plan", case, "s of info --json, a folder never seen", first.wall_seconds)


def matched(edl: Path, listed: Path, events: int) -> Sample:
    """The library's part: the list to a plan's table."""
    from mediadask.editorial import find_media, match_events, read_timeline

    media = find_media(listed).compute().results
    with Meter() as meter:
        plan = match_events(read_timeline(edl), media, handles=8)
        rows = plan.rows()
    if len(rows) != events or not 0 < len(plan.bad) < events / 10:
        raise Failed(f"{len(plan.good)} events of {events} matched")
    return meter.sample()


def command(*words: str, exit_code: int = 0) -> Sample:
    """`mediadask` as people call it; the value is what it printed."""
    with Meter() as meter:
        done = subprocess.run(
            [shutil.which("mediadask") or sys.exit("mediadask is not installed"), *words],
            capture_output=True,
            text=True,
            check=False,
            env=AS_INSTALLED,
        )
    if done.returncode != exit_code:
        raise Failed(f"exit code {done.returncode}: {done.stderr[-300:]}")
    return meter.sample(done.stdout)


def write_card(card: Path, clips: int) -> list[tuple[str, str]]:
    """Clips by roll, the same pictures under reels and timecodes of their own: their (reel, start)."""
    card.mkdir()
    picture = footage.write_clip(
        card / "picture.mov", codec="mjpeg", pixel_format="yuvj420p", frames=TAKE_FRAMES, size=(64, 36)
    )
    with av.open(str(picture)) as opened:
        stream = opened.streams.video[0]
        packets = [(bytes(packet), packet.pts) for packet in opened.demux(stream) if packet.size]
        time_base = stream.time_base
    picture.unlink()
    found = []
    for number in range(clips):
        roll, take = divmod(number, TAKES_A_ROLL)
        reel = f"{'ABC'[roll % 3]}{roll + 1:03}_C{take + 1:03}_0101{'ABC'[roll % 3]}B"
        start = str(Timecode(0, 24) + (8 * 3600 * 24 + take * 2 * TAKE_FRAMES))
        path = card / f"{roll:03}" / f"{reel}.mov"
        path.parent.mkdir(exist_ok=True)
        with av.open(str(path), "w") as container:
            out = container.add_stream("mjpeg", rate=24)
            out.width, out.height, out.pix_fmt = 64, 36, "yuvj420p"
            out.time_base = time_base
            out.metadata.update(timecode=start, reel_name=reel)
            for data, pts in packets:
                packet = av.Packet(data)
                packet.stream, packet.pts, packet.dts, packet.time_base = out, pts, pts, time_base
                packet.is_keyframe = True
                container.mux(packet)
        found.append((reel, start))
    return found


def edit_list(reels: list[tuple[str, str]], events: int) -> str:
    """An EDL of cuts, dissolves, retimes and one event in fifty whose reel nobody shot."""
    choose = random.Random(1)
    lines, at = ["TITLE: TURNOVER", "FCM: NON-DROP FRAME"], Timecode(10 * 3600 * 24, 24)
    for number in range(1, events + 1):
        reel, start = choose.choice(reels)
        frames, into = choose.randint(10, 40), choose.randint(0, 20)
        first = Timecode.parse(start, Fraction(24)) + into
        fast = number % 20 == 0
        labels = f"{first} {first + frames * (2 if fast else 1)} {at} {at + frames}"
        written = reel if number % 50 else "Z999_C001_0101ZZ"
        written = written[:8] if number % 7 == 0 else written
        edit = "C       "
        if number % 10 == 0:
            lines.append(f"{number:04}  BL       V     C        00:00:00:00 00:00:00:00 {at} {at}")
            edit = "D    008"
        lines.append(f"{number:04}  {written:<24} V     {edit} {labels}")
        lines += [f"M2   {written}  048.0  {first}"] * fast
        lines.append(f"* LOC: {at} GREEN   ABC_104_{number * 10:05}")
        at = at + frames
    return "\n".join(lines) + "\n"
