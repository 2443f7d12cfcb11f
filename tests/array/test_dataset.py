"""A clip as a dataset: the contract's variables and coordinates, and no frame decoded twice or in vain."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from dask.distributed import Client

import mediadask as md
from mediadask.array.frames import plan_chunks
from mediadask.clips import Clip, decode
from mediadask.footage import read_number
from mediadask.pixels import to_rgb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy.typing as npt

    from tests.conftest import MakeClip

FRAMES = 60
SIZE = (192, 108)
FRAME_BYTES = 192 * 108 * 3
LONG_GOP: dict[str, Any] = {
    "codec": "libx264",
    "frames": FRAMES,
    "size": SIZE,
    "options": {"g": "20", "bf": "2", "sc_threshold": "0"},
    "timecode": "01:00:00:00",
    "reel": "A001C001",
    "sound": "aac",
}
INTRA: dict[str, Any] = {
    "codec": "prores_ks",
    "pixel_format": "yuv422p10le",
    "frames": FRAMES,
    "size": SIZE,
}
OPEN_GOP: dict[str, Any] = {
    "codec": "libx265",
    "frames": FRAMES,
    "size": SIZE,
    "options": {
        "preset": "ultrafast",
        "x265-params": "keyint=10:min-keyint=10:open-gop=1:bframes=3:scenecut=0:log-level=none",
    },
}


@pytest.fixture
def long_gop(make_clip: MakeClip) -> Path:
    return make_clip("long.mov", **LONG_GOP)


@pytest.fixture
def intra(make_clip: MakeClip) -> Path:
    return make_clip("intra.mov", **INTRA)


@pytest.fixture
def small_chunks() -> Iterator[None]:
    """Seven frames fit the budget: a GOP of twenty becomes three chunks."""
    with dask.config.set({"array.chunk-size": 7 * FRAME_BYTES}):
        yield


def sequential(path: Path, dtype: Any) -> npt.NDArray[Any]:
    return np.stack([to_rgb(frame, dtype) for frame in Clip.open(path).frames()])


class Decoded:
    """Pictures that real decoders were given packets for."""

    def __init__(self) -> None:
        self.packets = 0
        self.threads: set[int] = set()

    def since(self) -> int:
        count, self.packets = self.packets, 0
        return count


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Decoded:
    count = Decoded()
    real = decode.open_decoder

    class Counting:
        def __init__(self, context: Any) -> None:
            self._context = context
            self.flush_buffers = context.flush_buffers

        def decode(self, packet: Any) -> Any:
            count.packets += packet is not None
            return self._context.decode(packet)

    def counting(*args: Any, **options: Any) -> Any:
        count.threads.add(options["threads"])
        return Counting(real(*args, **options))

    monkeypatch.setattr(decode, "open_decoder", counting)
    monkeypatch.setattr(decode, "_thread", threading.local())  # decoders that other tests have left
    return count


def test_the_contract(long_gop: Path) -> None:
    dataset = md.open_clip(long_gop)
    assert dataset.frames.dims == ("frame", "y", "x", "channel")
    assert dataset.frames.shape == (FRAMES, 108, 192, 3)
    assert dataset.frames.dtype == np.uint8
    assert dataset.channel.values.tolist() == ["R", "G", "B"]
    assert dataset.frame.values.tolist() == list(range(FRAMES))
    assert np.allclose(dataset.time, np.arange(FRAMES) / 24)
    assert dataset.timecode.values[[0, 24, 59]].tolist() == ["01:00:00:00", "01:00:01:00", "01:00:02:11"]
    assert np.flatnonzero(dataset.keyframe).tolist() == [0, 20, 40]
    assert dataset.audio.dims == ("sample", "track")
    assert dataset.track.values.tolist() == ["A1", "A2"]
    assert dataset.frames.encoding["preferred_chunks"]["frame"] == dataset.frames.chunks[0]
    assert dataset.encoding["source"] == os.fspath(long_gop)
    json.dumps(dataset.attrs)
    assert dataset.attrs["frame_rate"] == "24"
    assert dataset.attrs["reel"] == "A001C001"


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("how", [LONG_GOP, INTRA, OPEN_GOP], ids=["long", "intra", "open"])
def test_every_slice_is_the_sequential_decode(make_clip: MakeClip, how: dict[str, Any]) -> None:
    path = make_clip("a.mov", **how)
    frames = md.open_clip(path, dtype="uint8").frames
    whole = sequential(path, "uint8")
    assert [read_number(picture) for picture in frames.values] == list(range(FRAMES))
    for index in (
        np.s_[:],
        np.s_[10],
        np.s_[-1],
        np.s_[3:50:7],
        np.s_[::-1],
        np.s_[45:5:-4],
        np.s_[[50, 3, 3, 21]],
        np.s_[19:22],
        np.s_[5:9, 20:40, 100:50:-3, 1],
        np.s_[:, 90, 7, 2],
        np.s_[2:58:11, ::2, ::-1, ::-1],
        np.s_[5:5],
        np.s_[41, [3, 1], :, [0, 2]],
    ):
        expected = xr.Variable(frames.dims, whole)[index]
        assert np.array_equal(frames.variable[index].values, expected.values), index


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("how", [LONG_GOP, INTRA, OPEN_GOP], ids=["long", "intra", "open"])
@pytest.mark.parametrize(
    "chunks", [None, {"frame": 1}, {"frame": 7}, {"frame": 13, "y": 90}, {"frame": -1}, "auto"], ids=str
)
def test_no_frame_is_decoded_twice_whatever_the_chunks(
    make_clip: MakeClip, decoded: Decoded, how: dict[str, Any], chunks: Any
) -> None:
    path = make_clip("a.mov", **how)
    dataset = md.open_clip(path, chunks=chunks)
    dataset.frames.mean().compute()
    assert FRAMES <= decoded.since() <= FRAMES * 1.05


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("held", [1, 7, 14])
@pytest.mark.parametrize("scheduler", ["sync", "threads"])
def test_a_gop_too_long_to_hold_is_decoded_once_all_the_same(
    decoded: Decoded, long_gop: Path, monkeypatch: pytest.MonkeyPatch, scheduler: str, held: int
) -> None:
    held_bytes = held * FRAME_BYTES // 2  # of a GOP's 20 frames: a 4:2:0 picture is half of its R'G'B'
    monkeypatch.setattr("mediadask.array.dataset.plan_chunks", partial(plan_chunks, held_bytes=held_bytes))
    frames = md.open_clip(long_gop).frames
    with dask.config.set(scheduler=scheduler):
        assert [read_number(picture) for picture in frames.values] == list(range(FRAMES))
        assert FRAMES <= decoded.since() <= FRAMES * 1.05
        # Parts that are not needed are passed over; a chunk alone decodes what it is asked for.
        assert [read_number(picture) for picture in frames[::9].values] == list(range(0, FRAMES, 9))
        assert decoded.since() <= FRAMES * 1.05
        assert read_number(frames[38].values) == 38
        assert decoded.since() <= 20


@pytest.mark.usefixtures("small_chunks")
def test_a_decoder_that_is_left_elsewhere_is_not_missed(
    long_gop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_bytes = 7 * FRAME_BYTES // 2
    monkeypatch.setattr("mediadask.array.dataset.plan_chunks", partial(plan_chunks, held_bytes=held_bytes))
    dataset = md.open_clip(long_gop)
    with dask.config.set(scheduler="processes", num_workers=2):
        frames, audio = dask.compute(dataset.frames, dataset.audio[:10])
    assert [read_number(picture) for picture in frames.values] == list(range(FRAMES))
    assert audio.shape == (10, 2)


@pytest.mark.usefixtures("small_chunks")
def test_a_slice_decodes_from_its_key_to_its_last_frame(decoded: Decoded, long_gop: Path) -> None:
    frames = md.open_clip(long_gop).frames
    decoded.since()
    for index, at_most in (
        (np.s_[20], 1),
        (np.s_[22], 6),
        (np.s_[0:4], 6),
        (np.s_[39], 20),
        (np.s_[18:23], 26),
    ):
        frames[index].values  # noqa: B018
        # What lies between the key and the frame, and up to three pictures that B-frames lean on.
        assert decoded.since() <= at_most, index


def test_a_frame_of_an_intra_clip_decodes_alone(decoded: Decoded, intra: Path) -> None:
    frames = md.open_clip(intra).frames
    frames[33, 10:20, :, 0].values  # noqa: B018
    assert decoded.since() == 1
    frames[5:50:9].values  # noqa: B018
    assert decoded.since() == 5
    md.open_clip(intra, chunks={"frame": 4}).frames[33].values  # noqa: B018
    assert decoded.since() <= 4


def test_nothing_is_decoded_before_it_is_asked_for(decoded: Decoded, intra: Path) -> None:
    dataset = md.open_clip(intra)
    repr(dataset)
    dataset._repr_html_()
    dataset.sel(time=1.0, method="nearest")
    assert decoded.since() == 0


def test_decoders_use_one_thread_among_tasks_and_all_alone(
    decoded: Decoded, small_chunks: None, intra: Path
) -> None:
    md.open_clip(intra).frames.max().compute()
    assert decoded.threads == {1}
    decoded.threads.clear()
    md.open_clip(intra).frames[3].values  # noqa: B018
    assert decoded.threads == {0}


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16", "float32"])
def test_sample_types(intra: Path, dtype: Any) -> None:
    frames = md.open_clip(intra, dtype=dtype).frames
    assert frames.dtype == dtype
    assert np.array_equal(frames[7].values, to_rgb(next(Clip.open(intra).frames(7, 8)), dtype))


@pytest.mark.parametrize("dtype", ["int3", "float64"])
def test_other_sample_types_are_refused_at_once(intra: Path, dtype: Any) -> None:
    with pytest.raises(md.InvalidRequest, match="use uint8"):
        md.open_clip(intra, dtype=dtype)


def test_codes_above_eight_bits_are_sixteen_by_default(intra: Path) -> None:
    assert md.open_clip(intra).frames.dtype == np.uint16


def test_selection_by_label(long_gop: Path) -> None:
    dataset = md.open_clip(long_gop)
    assert dataset.sel(frame=31).frame == 31
    assert dataset.sel(time=1.01, method="nearest").frame == 24
    assert dataset.sel(timecode="01:00:01:07").frame == 31
    assert dataset.sel(timecode=slice("01:00:01:00", "01:00:01:03")).frame.values.tolist() == [24, 25, 26, 27]
    assert dataset.sel(timecode=["01:00:02:00", "01:00:00:05"]).frame.values.tolist() == [48, 5]
    assert dataset.sel(time=slice(0.5, 0.6)).frame.values.tolist() == [12, 13, 14]
    assert dataset.audio.sel(sample=slice(0, 100)).shape[1] == 2
    assert read_number(dataset.sel(timecode="01:00:01:07").frames.values) == 31
    with pytest.raises(KeyError):
        dataset.sel(timecode="02:00:00:00")


def test_clips_subtract_by_frame_without_the_labels_that_differ(intra: Path, long_gop: Path) -> None:
    one, other = (
        md.open_clip(path).drop_vars(["time", "timecode"], errors="ignore") for path in (intra, long_gop)
    )
    both = min(one.sizes["frame"], other.sizes["frame"])
    assert (one.frames[..., :1, :1, :] - other.frames[..., :1, :1, :]).sizes["frame"] == both


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("cut", [slice(None), slice(5, 40)])
@pytest.mark.parametrize(
    "function",
    [
        lambda part: part,
        lambda part: part.astype("float32") * 2,
        lambda part: part.mean("channel"),
        lambda part: part.mean(("y", "x")),
        lambda part: part.sum("channel").drop_vars("keyframe"),
    ],
)
def test_blocks_are_mapped_with_all_their_labels(
    long_gop: Path, cut: slice, function: Callable[[Any], Any]
) -> None:
    """As xarray's own documentation maps blocks: no label is dropped first, none is lost."""
    dataset = md.open_clip(long_gop).isel(frame=cut)
    for whole in (dataset.frames, dataset[["frames"]]):
        expected = function(whole)
        for mapped in (xr.map_blocks(function, whole), xr.map_blocks(function, whole, template=expected)):
            assert dict(mapped.chunksizes) == dict(expected.chunksizes)
            xr.testing.assert_allclose(mapped.compute(), expected.compute())
            assert set(mapped.coords) == set(expected.coords)
            assert mapped.sel(timecode="01:00:01:07").frame == 31
            assert mapped.sel(time=1.01, method="nearest").frame == 24


def test_neighbors_subtract_by_frame(intra: Path) -> None:
    frames = md.open_clip(intra, dtype="float32").frames
    assert (frames[1:] - frames[:-1]).sizes["frame"] == FRAMES - 2  # xarray aligns by label
    assert frames.diff("frame").sizes["frame"] == FRAMES - 1


@pytest.mark.usefixtures("small_chunks")
def test_names_follow_the_file(long_gop: Path, tmp_path: Path) -> None:
    path = tmp_path / "copy.mov"
    shutil.copy2(long_gop, path)
    first, again = md.open_clip(path), md.open_clip(path)
    assert first.frames.data.name == again.frames.data.name
    assert first.frames.data.name != md.open_clip(path, dtype="uint16").frames.data.name
    assert first.frames.data.name != md.open_clip(path, on_corrupt="hold").frames.data.name
    os.utime(path, (1, 1))
    assert first.frames.data.name != md.open_clip(path).frames.data.name
    assert first.audio.data.name != md.open_clip(path).audio.data.name


def test_the_graph_is_small_when_it_travels(small_chunks: None, long_gop: Path) -> None:
    frames = md.open_clip(long_gop).frames
    assert len(pickle.dumps(frames.data.dask)) < 4000
    assert np.array_equal(pickle.loads(pickle.dumps(frames))[30].values, frames[30].values)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("scheduler", ["sync", "threads"])
def test_schedulers_of_one_process(long_gop: Path, scheduler: str) -> None:
    dataset = md.open_clip(long_gop)
    with dask.config.set(scheduler=scheduler, num_workers=2):
        assert np.array_equal(dataset.frames[15:25].values, sequential(long_gop, "uint8")[15:25])
        assert dataset.audio[:10].values.shape == (10, 2)


@pytest.mark.usefixtures("small_chunks")
def test_a_cluster(long_gop: Path, processes: str) -> None:
    dataset = md.open_clip(long_gop)
    whole = sequential(long_gop, "uint8")
    with Client(processes):
        assert np.array_equal(dataset.frames[15:45].values, whole[15:45])
        assert dataset.frames.mean().compute() == pytest.approx(whole.mean())
        # A chunk kept on the cluster, and another computation over the same GOP meanwhile.
        kept = dataset.frames[:7].persist()
        assert np.array_equal(dataset.frames[:20].values, whole[:20])
        assert np.array_equal(kept.values, whole[:7])


def test_it_goes_to_zarr_and_back(long_gop: Path, tmp_path: Path) -> None:
    dataset = md.open_clip(long_gop).isel(frame=slice(0, 4), y=slice(0, 40), sample=slice(0, 1000))
    dataset.to_zarr(tmp_path / "a.zarr")
    back = xr.open_zarr(tmp_path / "a.zarr")
    assert np.array_equal(back.frames.values, dataset.frames.values)
    assert back.timecode.values.tolist() == dataset.timecode.values.tolist()
    assert back.attrs == dataset.attrs


def test_a_corrupt_frame_follows_the_policy(intra: Path, tmp_path: Path) -> None:
    clip = Clip.open(intra)
    path = tmp_path / "bad.mov"
    data = bytearray(intra.read_bytes())
    row = clip.index.shown[7]
    start, size = int(clip.index.offset[row]), int(clip.index.size[row])
    data[start : start + size] = bytes(size)
    path.write_bytes(data)
    with pytest.raises(md.CorruptFrame, match="frame 7"):
        md.open_clip(path).frames[:10].values  # noqa: B018
    good = md.open_clip(intra).frames
    assert np.array_equal(md.open_clip(path).frames[8].values, good[8].values)
    assert np.array_equal(md.open_clip(path, on_corrupt="hold").frames[7].values, good[6].values)
    assert (md.open_clip(path, on_corrupt="black").frames[7].values == 0).all()


def test_what_is_no_clip_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(md.MissingMedia, match="no such file"):
        md.open_clip(tmp_path / "none.mov")


def test_chunks_keep_to_the_budget(small_chunks: None, long_gop: Path, intra: Path) -> None:
    for path in (long_gop, intra):
        array = md.open_clip(path, dtype="uint8").frames.data
        assert max(array.chunks[0]) == 7
        assert isinstance(array, da.Array)
    assert sum(md.open_clip(long_gop).frames.chunks[0][:3]) == 20


def test_alpha_is_a_channel(make_clip: MakeClip) -> None:
    path = make_clip("a.mov", codec="prores_ks", pixel_format="yuva444p10le", frames=2, size=(64, 48))
    dataset = md.open_clip(path)
    assert dataset.channel.values.tolist() == ["R", "G", "B", "A"]
    assert dataset.frames[0].values.shape == (48, 64, 4)


def test_sound_is_in_sync_and_lazy(make_clip: MakeClip) -> None:
    path = make_clip(
        "s.mov", codec="prores_ks", pixel_format="yuv422p10le", frames=48, size=(64, 48), sound="pcm_s24le"
    )
    audio = md.open_clip(path).audio
    assert audio.shape == (96000, 2)
    assert np.abs(audio[:2000]).max() > 0.4
    assert np.abs(audio[3000:47000]).max() < 0.02
    assert np.array_equal(audio[47000:49000].values, audio.values[47000:49000])
