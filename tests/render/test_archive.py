"""Archives open again as the dataset the clip opens as."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask
import fsspec
import imageio.v3 as imageio
import numpy as np
import pytest
import xarray as xr

import mediadask as md
from mediadask import footage
from mediadask.array import store
from mediadask.errors import OutputFailed
from mediadask.render.recipe import fingerprint

if TYPE_CHECKING:
    from tests.conftest import MakeClip

pytestmark = pytest.mark.usefixtures("short_segments")

CLIPS: dict[str, dict[str, Any]] = {
    "prores": {
        "codec": "prores_ks",
        "pixel_format": "yuv422p10le",
        "timecode": "01:00:00:00",
        "reel": "A001C001",
        "sound": "pcm_s24le",
    },
    "h264": {"codec": "libx264", "options": {"preset": "ultrafast", "g": "12", "bf": "2"}},
    "alpha": {"codec": "prores_ks", "pixel_format": "yuva444p10le", "options": {"profile": "4"}},
}


@pytest.fixture(params=CLIPS)
def clip(request: pytest.FixtureRequest, make_clip: MakeClip) -> Path:
    return make_clip("A.mov", size=(96, 54), frames=40, **CLIPS[request.param])


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_SHARD_BYTES", 96 * 54 * 3 * 2 * 8)


def run(delivery: md.Delivery) -> md.Report:
    (report,) = dask.compute(delivery, num_workers=2)
    return report


def same(store: str, clip: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stored = xr.open_zarr(store, chunks={})
    opened = md.open_clip(clip)
    xr.testing.assert_equal(stored.load(), opened.load())
    xr.testing.assert_identical(md.open_clip(store).load(), opened)  # selectable alike, too
    assert stored.attrs == opened.attrs
    assert stored["frames"].dtype == opened["frames"].dtype
    assert {name: stored[name].attrs for name in stored.variables} == {
        name: opened[name].attrs for name in opened.variables
    }


@pytest.mark.usefixtures("small_shards")
def test_the_store_is_the_clip(clip: Path, tmp_path: Path) -> None:
    (result,) = run(md.archive(clip, tmp_path / "A.zarr")).results
    same(result.url, clip)
    assert os.listdir(tmp_path) == ["A.zarr"]


@pytest.mark.usefixtures("small_shards")
def test_damage_is_noticed_wherever_it_is(make_clip: MakeClip, tmp_path: Path) -> None:
    clip = make_clip("A.mov", size=(96, 54), frames=40, **CLIPS["prores"])
    (result,) = run(md.archive(clip, tmp_path)).results
    shard = tmp_path / "A.zarr" / "frames" / "c" / "0" / "0" / "0" / "0"
    whole = shard.read_bytes()
    for at in range(500, len(whole), len(whole) // 16):
        shard.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises((RuntimeError, ValueError)):
            xr.open_zarr(result.url).frames[:8].load()


@pytest.mark.parametrize("lost", ["frames/c/1/0/0/0", "audio/c/0/0", "zarr.json"])
@pytest.mark.usefixtures("small_shards")
def test_a_store_that_lost_something_is_made_again(make_clip: MakeClip, tmp_path: Path, lost: str) -> None:
    clip = make_clip("A.mov", size=(96, 54), frames=24, **CLIPS["prores"])
    (result,) = run(md.archive(clip, tmp_path / "A.zarr")).results
    (tmp_path / "A.zarr" / lost).unlink()
    assert run(md.archive(clip, tmp_path / "A.zarr")).failures == []
    same(result.url, clip)


def test_black_is_written_too_since_what_is_not_there_is_lost(tmp_path: Path) -> None:
    for number in range(2):
        imageio.imwrite(tmp_path / f"black.{number:04}.png", np.zeros((36, 64, 3), np.uint8))
    (result,) = run(md.archive(tmp_path / "black.%04d.png", tmp_path / "black.zarr")).results
    assert not xr.open_zarr(result.url).frames.any()
    assert any(path.is_file() for path in (tmp_path / "black.zarr" / "frames" / "c").rglob("*"))


def test_what_is_no_archive_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(md.MissingMedia, match=r"A\.zarr: no such file"):
        md.open_clip(tmp_path / "A.zarr")
    xr.Dataset({"x": 1}).to_zarr(tmp_path / "B.zarr", zarr_format=2)
    with pytest.raises(md.UnreadableMedia, match="is no archive of a clip"):
        md.open_clip(tmp_path / "B.zarr")


@pytest.mark.usefixtures("small_shards")
def test_a_chunk_is_a_frame_and_a_shard_is_several(make_clip: MakeClip, tmp_path: Path) -> None:
    clip = make_clip("A.mov", size=(96, 54), frames=40, **CLIPS["prores"])
    delivery = md.archive(clip, tmp_path)
    assert len(delivery.groups[0].units) > 3, "several segments, and sound"
    (result,) = run(delivery).results
    assert result.url == str(tmp_path / "A.zarr")
    encoding = xr.open_zarr(result.url, chunks={})["frames"].encoding
    assert encoding["chunks"] == (1, 54, 96, 3)
    assert encoding["shards"] == (8, 54, 96, 3)
    shards = [path for path in (tmp_path / "A.zarr" / "frames" / "c").rglob("*") if path.is_file()]
    assert len(shards) == 5


def test_an_image_sequence(tmp_path: Path) -> None:
    (tmp_path / "plate").mkdir()
    footage.write_sequence(tmp_path / "plate" / "p.%04d.exr", frames=5, size=(96, 54), timecode="01:00:00:00")
    pattern = tmp_path / "plate" / "p.%04d.exr"
    (result,) = run(md.archive(pattern, tmp_path / "out")).results
    assert result.url == str(tmp_path / "out" / "p.zarr")
    same(result.url, pattern)


@pytest.fixture(params=["memory", "s3"])
def vault(request: pytest.FixtureRequest) -> str:
    return f"{request.getfixturevalue('bucket')}/vault" if request.param == "s3" else "memory://vault"


@pytest.mark.usefixtures("small_shards")
def test_object_stores(make_clip: MakeClip, vault: str) -> None:
    clip = make_clip("A.mov", size=(96, 54), frames=12, **CLIPS["prores"])
    report = run(md.archive(clip, f"{vault}/A.zarr"))
    assert not report.failures
    same(f"{vault}/A.zarr", clip)
    files, path = fsspec.url_to_fs(vault)
    assert not files.find(f"{path}/.mediadask")
    assert run(md.archive(clip, f"{vault}/A.zarr")).results == report.results


@pytest.mark.usefixtures("small_shards")
def test_a_rerun_rewrites_nothing_and_a_changed_clip_replaces_the_store(
    make_clip: MakeClip, tmp_path: Path
) -> None:
    source = tmp_path / "A.mov"
    source.write_bytes(make_clip("A.mov", size=(96, 54), frames=40, **CLIPS["prores"]).read_bytes())
    store = tmp_path / "A.zarr"
    run(md.archive(source, store))
    before = {path: path.stat().st_mtime_ns for path in store.rglob("*")}
    run(md.archive(source, store))
    assert {path: path.stat().st_mtime_ns for path in store.rglob("*")} == before
    source.write_bytes(make_clip("A.mov", size=(96, 54), frames=30, scene=3, **CLIPS["prores"]).read_bytes())
    run(md.archive(source, store))
    same(str(store), source)


def test_a_folder_that_is_no_archive_is_not_replaced(make_clip: MakeClip, tmp_path: Path) -> None:
    (tmp_path / "A.zarr").mkdir()
    (tmp_path / "A.zarr" / "precious").write_text("data")
    clip = make_clip("A.mov", size=(96, 54), frames=40, **CLIPS["h264"])
    (failed,) = run(md.archive(clip, tmp_path / "A.zarr")).failures
    assert failed.failure is not None
    assert "not made here" in failed.failure.error
    assert (tmp_path / "A.zarr" / "precious").read_text() == "data"


KILLED = """
import os, signal, sys
import mediadask as md
from mediadask.checkpoint import checkpoints_call
from mediadask.array import store
from mediadask.render import segment
segment.UNIT_SECONDS = 0.001
store._SHARD_BYTES = 96 * 54 * 3 * 2 * 8
left = 20
def count():
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
with checkpoints_call(count):
    for group in md.archive(sys.argv[1], sys.argv[2]).groups:
        group.finish([unit() for unit in group.units])
"""


@pytest.mark.usefixtures("small_shards")
def test_a_kill_leaves_no_store_and_the_next_run_goes_on(make_clip: MakeClip, tmp_path: Path) -> None:
    clip = make_clip("A.mov", size=(96, 54), frames=40, **CLIPS["prores"])
    store = tmp_path / "A.zarr"
    subprocess.run([sys.executable, "-c", KILLED, clip, store], check=False)
    assert not store.exists()
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("frames/c/**/*") if path.is_file()}
    assert written
    (begun,) = tmp_path.rglob("store.zarr")
    for left in ("0123.part", "frames/c/0/0/0/0.0123.partial"):  # as a write leaves them that does not end
        (begun / left).parent.mkdir(parents=True, exist_ok=True)
        (begun / left).write_bytes(b"half")
    group = md.archive(clip, store).groups[0]
    results = [unit() for unit in group.units]
    done = next(iter(sorted(written)))
    assert done.stat().st_mtime_ns == written[done], "finished segments are not written again"
    assert group.finish is not None
    group.finish(results)
    assert not [*store.rglob("*.part*")]
    same(str(store), clip)


@pytest.mark.usefixtures("small_shards")
@pytest.mark.parametrize("lost", [".mediadask", "frames/c/1", "audio/c"])
def test_what_somebody_tidies_up_while_it_is_made_is_missed(
    make_clip: MakeClip, tmp_path: Path, lost: str
) -> None:
    clip = make_clip("A.mov", size=(96, 54), frames=24, **CLIPS["prores"])
    url = tmp_path / "A.zarr"
    group = md.archive(clip, url).groups[0]
    results = [unit() for unit in group.units]
    (place,) = tmp_path.rglob(lost)
    shutil.rmtree(place)
    assert group.finish is not None
    with pytest.raises(OutputFailed, match="frames went from its working folder"):
        group.finish(results)
    assert not url.exists()
    assert run(md.archive(clip, url)).failures == []
    same(str(url), clip)


@pytest.mark.usefixtures("small_shards")
@pytest.mark.parametrize("step", ["_put", "_move"])
def test_a_finish_that_runs_twice_at_once_takes_no_frames_away(
    make_clip: MakeClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """As after a lost connection: the worker goes on with a unit that another has begun again."""
    clip = make_clip("A.mov", size=(96, 54), frames=24, **CLIPS["prores"])
    url = tmp_path / "A.zarr"
    group = md.archive(clip, url).groups[0]
    results = [unit() for unit in group.units]
    finish, original = group.finish, getattr(store, step)
    assert finish is not None

    def late(*args: Any) -> None:
        monkeypatch.setattr(store, step, original)
        finish(results)
        original(*args)

    monkeypatch.setattr(store, step, late)
    with suppress(OutputFailed):  # the next try finds what is there
        finish(results)
    finish(results)
    same(str(url), clip)


def test_bad_clips_fail_alone_and_several_need_a_folder(make_clip: MakeClip, tmp_path: Path) -> None:
    clip = make_clip("A.mov", size=(96, 54), frames=40, **CLIPS["h264"])
    report = run(md.archive([clip, tmp_path / "none.mov"], tmp_path / "out"))
    assert (len(report.results), len(report.failures)) == (1, 1)
    with pytest.raises(md.InvalidRequest, match="name a folder"):
        md.archive([clip, clip], tmp_path / "A.zarr")


def test_fingerprints_are_equal_for_equal_data_only() -> None:
    assert fingerprint("a", (1, 2)) == fingerprint("a", [1, 2])
    assert fingerprint("a", 1) != fingerprint("a", 2)
