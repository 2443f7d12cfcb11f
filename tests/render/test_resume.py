"""Nothing half, nothing twice: reruns, kills, full disks, bad clips, and two runs at once."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import dask
import fsspec
import pytest
from distributed import Client

import mediadask as md
from mediadask import footage
from mediadask.checkpoint import checkpoints_call
from mediadask.render import recipe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import MakeClip

pytestmark = pytest.mark.usefixtures("short_segments")

FRAMES = 124  # three segments, six seconds of sound
HOW: dict[str, Any] = {
    "codec": "prores_ks",
    "pixel_format": "yuv422p10le",
    "size": (160, 90),
    "frames": FRAMES,
    "sound": "pcm_s24le",
}


@pytest.fixture
def clips(make_clip: MakeClip) -> list[Path]:
    return [make_clip(f"{name}.mov", **HOW, scene=scene) for scene, name in enumerate(("A", "B"))]


def render(clips: Any, out: Path, **options: Any) -> md.Report:
    (report,) = dask.compute(md.proxy(clips, out, **options), num_workers=2)
    return report


def state(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Every file below: inode, time and content."""
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def numbers(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        return [footage.read_number(frame.to_ndarray(format="gray")) for frame in container.decode(video=0)]


def test_a_finished_delivery_leaves_its_outputs_and_nothing_else(clips: list[Path], tmp_path: Path) -> None:
    render(clips, tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["A.mp4", "B.mp4"]


def test_a_rerun_rewrites_nothing(clips: list[Path], tmp_path: Path) -> None:
    first = render(clips, tmp_path)
    before = state(tmp_path)
    again = render(clips, tmp_path)
    assert state(tmp_path) == before
    assert again.results == first.results


def test_what_is_missing_is_made_again_and_nothing_else(clips: list[Path], tmp_path: Path) -> None:
    render(clips, tmp_path)
    before = state(tmp_path)
    (tmp_path / "B.mp4").unlink()
    render(clips, tmp_path)
    after = state(tmp_path)
    assert after["A.mp4"] == before["A.mp4"]
    assert after["B.mp4"][2] == before["B.mp4"][2]


def test_another_recipe_or_a_changed_clip_is_rendered_anew(clips: list[Path], tmp_path: Path) -> None:
    source = tmp_path / "A.mov"
    shutil.copy(clips[0], source)
    out = tmp_path / "out"
    render(source, out)
    first = state(out)
    render(source, out, options={"crf": 30})
    assert state(out) != first
    shutil.copy(clips[1], source)
    render(source, out)
    assert state(out)["A.mp4"][2] not in (first["A.mp4"][2], b"")


def test_what_an_older_version_rendered_is_made_anew(
    clips: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    render(clips[0], tmp_path)
    before = state(tmp_path)
    monkeypatch.setattr(recipe, "RENDER_VERSION", recipe.RENDER_VERSION + 1)
    assert not render(clips[0], tmp_path).failures
    assert before.keys() == state(tmp_path).keys()
    assert before != state(tmp_path)


def test_finished_segments_of_a_broken_run_are_used(clips: list[Path], tmp_path: Path) -> None:
    group = md.proxy(clips[0], tmp_path).groups[0]
    group.units[0]()
    before = {name: value[:2] for name, value in state(tmp_path).items()}
    assert list(before) == [name for name in before if name.startswith(".mediadask")]
    kept = tmp_path / next(iter(before))
    os.link(kept, tmp_path / "kept.mp4")  # so that its inode is not given to another file
    results = [unit() for unit in group.units]
    assert kept.stat().st_ino == (tmp_path / "kept.mp4").stat().st_ino
    assert group.finish is not None
    group.finish(results)
    assert numbers(tmp_path / "A.mp4") == list(range(FRAMES))


def test_the_same_bytes_whatever_the_number_of_workers(
    clips: list[Path], tmp_path: Path, processes: str
) -> None:
    made = {}
    for name, workers in (("one thread", 1), ("two threads", 2)):
        dask.compute(md.proxy(clips[0], tmp_path / name), num_workers=workers)
        made[name] = (tmp_path / name / "A.mp4").read_bytes()
    with Client(processes):
        (report,) = dask.compute(md.proxy(clips[0], tmp_path / "two processes"))
    assert not report.failures
    made["two processes"] = (tmp_path / "two processes" / "A.mp4").read_bytes()
    assert len(set(made.values())) == 1


KILLED = """
import os, signal, sys
import mediadask as md
from mediadask.checkpoint import checkpoints_call
from mediadask.render import segment
segment.UNIT_SECONDS = 0.001
for out in sys.argv[2:]:
    if os.fork():
        os.wait()
        continue
    left = int(os.path.basename(out))
    def count():
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    with checkpoints_call(count):
        for group in md.proxy(sys.argv[1], out).groups:
            group.finish([unit() for unit in group.units])
    raise SystemExit
"""


def test_a_kill_leaves_no_half_file_and_the_next_run_finishes(clips: list[Path], tmp_path: Path) -> None:
    """Killed at a checkpoint: of the first frame, of the last segment, of the sound, of the join."""
    render(clips[0], tmp_path / "whole")
    whole = (tmp_path / "whole" / "A.mp4").read_bytes()
    outs = [tmp_path / str(checkpoints) for checkpoints in (1, FRAMES - 1, FRAMES + 3, FRAMES + 9)]
    subprocess.run([sys.executable, "-c", KILLED, clips[0], *outs], check=True)
    for out in outs:
        assert not (out / "A.mp4").exists()
        assert (out / ".mediadask").exists()
        assert not render(clips[0], out).failures
        assert os.listdir(out) == ["A.mp4"]
        assert (out / "A.mp4").read_bytes() == whole
    assert numbers(outs[0] / "A.mp4") == list(range(FRAMES))


@contextmanager
def full_disk(limit_bytes: int) -> Iterator[None]:
    """Files of this process may not grow above a limit: its writes meet what they meet on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("limit_bytes", [2_000, 30_000], ids=["at the first bytes", "at the join"])
def test_a_full_disk_is_one_line_and_leaves_nothing_half(
    clips: list[Path], make_clip: MakeClip, tmp_path: Path, limit_bytes: int
) -> None:
    small = make_clip("small.mov", **(HOW | {"size": (64, 36), "frames": 2, "sound": None}))
    with full_disk(limit_bytes):
        failed, fine = render([clips[0], small], tmp_path / "out").outcomes
    assert failed.failure is not None
    assert failed.failure.kind == "OutputFailed"
    assert "check the space" in failed.failure.error
    said = f"/A.mp4: cannot be written ({os.strerror(errno.EFBIG)})"
    assert said in failed.failure.error, "the output and the reason"
    if limit_bytes > 10_000:
        assert fine.failure is None
        assert numbers(tmp_path / "out" / "small.mp4") == [0, 1]
    assert not (tmp_path / "out" / "A.mp4").exists()
    assert not list(tmp_path.rglob("*.part*"))
    assert not render(clips[0], tmp_path / "out").failures


def test_a_folder_that_cannot_be_made_is_one_line(clips: list[Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    (failed,) = render(clips[0], tmp_path / "file" / "out").failures
    assert failed.failure is not None
    assert failed.failure.kind == "OutputFailed"
    assert "cannot be written" in failed.failure.error


def damaged(clip: Path, to: Path, numbers: list[int]) -> Path:
    """A copy whose frames of those numbers do not decode."""
    data = bytearray(clip.read_bytes())
    index = md.Clip.open(clip).index
    for number in numbers:
        at = int(index.offset[number])
        data[at : at + 64] = bytes(64)
    to.write_bytes(data)
    return to


def test_bad_clips_fail_alone(clips: list[Path], tmp_path: Path) -> None:
    corrupt = damaged(clips[1], tmp_path / "corrupt.mov", [60])
    empty = tmp_path / "empty.mov"
    empty.touch()
    text = tmp_path / "text.mov"
    text.write_text("not media" * 100)
    report = render([clips[0], corrupt, empty, tmp_path / "none.mov", text, clips[1]], tmp_path / "out")
    assert [Path(result.url).name for result in report.results] == ["A.mp4", "B.mp4"]
    reasons = {outcome.name: outcome.failure.error for outcome in report.failures if outcome.failure}
    assert "corrupt.mov frame 60" in reasons["corrupt.mp4"]
    assert "is empty" in reasons[str(empty)]
    assert "no such file" in reasons[str(tmp_path / "none.mov")]
    assert str(text) in reasons[str(text)]
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_file()) == ["A.mp4", "B.mp4"]


@pytest.mark.parametrize(("policy", "seen"), [("hold", [49, 49, 49]), ("black", None)])
def test_frames_that_do_not_decode_are_stood_in_for_and_reported(
    clips: list[Path], tmp_path: Path, policy: str, seen: list[int] | None
) -> None:
    corrupt = damaged(clips[0], tmp_path / "corrupt.mov", [50, 51])
    report = render(corrupt, tmp_path / "out", on_corrupt=policy)
    (result,) = report.results
    assert result.stand_ins == (50, 51)
    assert render(corrupt, tmp_path / "out", on_corrupt=policy).results == [result], "a rerun still tells"
    with av.open(result.url) as container:
        shown = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    assert len(shown) == FRAMES
    if seen:
        assert [footage.read_number(image) for image in shown[49:52]] == seen
    else:
        assert shown[50][20:].max() < 40
    assert footage.read_number(shown[52]) == 52


def test_what_was_not_made_here_is_never_overwritten(clips: list[Path], tmp_path: Path) -> None:
    source = tmp_path / "A.mov"
    shutil.copy(clips[0], source)
    content = source.read_bytes()
    (failed,) = render(source, tmp_path, codec="prores").failures  # the proxy's name is the camera original's
    assert failed.failure is not None
    assert "was not made here" in failed.failure.error
    assert source.read_bytes() == content


def test_a_proxy_of_another_clip_is_never_overwritten(
    clips: list[Path], make_clip: MakeClip, tmp_path: Path
) -> None:
    render(clips[0], tmp_path)
    before = state(tmp_path)
    (failed,) = render(make_clip("A.mov", **HOW, scene=7), tmp_path).failures
    assert failed.failure is not None
    assert "a source of another path" in failed.failure.error
    assert state(tmp_path) == before


def test_two_runs_at_once_do_no_harm(clips: list[Path], tmp_path: Path) -> None:
    reports: list[md.Report] = []
    runs = [threading.Thread(target=lambda: reports.append(render(clips, tmp_path))) for _ in range(3)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert [report.failures for report in reports] == [[], [], []]
    assert sorted(os.listdir(tmp_path)) == ["A.mp4", "B.mp4"]
    assert numbers(tmp_path / "B.mp4") == list(range(FRAMES))


def test_a_run_that_lost_the_race_finds_the_output(clips: list[Path], tmp_path: Path) -> None:
    group = md.proxy(clips[0], tmp_path).groups[0]
    assert group.finish is not None
    results = [unit() for unit in group.units]
    render(clips[0], tmp_path)  # another run joins, commits, and clears the workspace
    before = state(tmp_path)
    assert str(group.finish(results)) == str(tmp_path / "A.mp4")
    assert state(tmp_path) == before


def test_a_segment_that_finishes_after_the_output_is_dropped(clips: list[Path], tmp_path: Path) -> None:
    group = md.proxy(clips[0], tmp_path).groups[0]
    others = iter([partial(render, clips[0], tmp_path)])

    def overtake() -> None:
        for other in others:
            assert not other().failures

    with checkpoints_call(overtake):
        assert group.units[0]() == ()
    assert os.listdir(tmp_path) == ["A.mp4"]


@pytest.mark.parametrize("where", ["memory", "s3"])
def test_object_stores(where: str, clips: list[Path], request: pytest.FixtureRequest) -> None:
    root = request.getfixturevalue("bucket") if where == "s3" else "memory://dailies"
    url = f"{root}/day1"
    (report,) = dask.compute(md.proxy(clips[0], url), num_workers=2)
    assert not report.failures
    files, path = fsspec.url_to_fs(url)
    assert [found.rpartition("/")[2] for found in files.find(path)] == ["A.mp4"]
    with fsspec.open(f"{url}/A.mp4") as file, av.open(file) as container:
        assert container.streams.video[0].frames == FRAMES
    before = files.modified(f"{path}/A.mp4")
    (report,) = dask.compute(md.proxy(clips[0], url), num_workers=2)
    assert not report.failures
    assert files.modified(f"{path}/A.mp4") == before
