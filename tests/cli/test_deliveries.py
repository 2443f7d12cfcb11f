"""`mediadask proxy`, `sheet`, `archive`: what they make, list and return, on either pool."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

import av
from PIL import Image

import mediadask as md

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run


def test_proxies_are_made_and_the_bad_clip_is_listed(
    installed: Run, good: Path, bad: dict[str, Path], tmp_path: Path
) -> None:
    done = installed("proxy", good, bad["text"], "--out", "proxies", "--size", "36", "--workers", "1")
    made = tmp_path / "proxies" / "A001C001.mp4"
    assert (done.returncode, done.stdout) == (1, f"{made}\n")
    assert done.stderr.startswith(f"{bad['text']}: ")
    assert len(done.stderr.splitlines()) == 1
    with av.open(str(made)) as container:
        assert container.streams.video[0].frames == 6
        assert container.streams.video[0].height == 36


def test_nothing_to_make_is_bad_input(run: Run, bad: dict[str, Path], scheduler: str) -> None:
    done = run("proxy", bad["missing"], "--out", "proxies", "--pool", scheduler)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{bad['missing']}: no such file; check the path\n"


def test_a_file_s_name_need_not_be_text(run: Run, good: Path, tmp_path: Path) -> None:
    rushes, cut = tmp_path / "rushes", os.fsdecode(b"caf\xe9 cut.mov")
    rushes.mkdir()
    shutil.copy(good, rushes / os.fsdecode(b"caf\xe9.mov"))
    (rushes / cut).write_bytes(good.read_bytes()[:2000])
    for _ in ("made", "found"):
        done = run("proxy", rushes, "--out", "proxies", "--size", "36", "--workers", "1")
        assert (done.returncode, done.stdout) == (1, f"{tmp_path}/proxies/caf\\udce9.mp4\n")
        assert done.stderr.startswith(f"{rushes}/caf\\udce9 cut.mov: ")
        assert len(done.stderr.splitlines()) == 1
    assert (tmp_path / "proxies" / os.fsdecode(b"caf\xe9.mp4")).exists()


def test_a_sheet_as_json(run: Run, good: Path, tmp_path: Path, scheduler: str) -> None:
    how = ["--frames", "4", "--columns", "2", "--width", "320", "--json"]
    done = run("sheet", good, "--out", "sheet.png", *how, MEDIADASK_POOL=scheduler)
    assert (done.returncode, done.stderr) == (0, "")
    (row,) = json.loads(done.stdout)
    assert (row["output"], row["frames"], row["error"]) == (str(tmp_path / "sheet.png"), 4, None)
    with Image.open(row["output"]) as image:
        assert image.width == 320


def test_a_still_is_one_frame_at_full_size(run: Run, good: Path, tmp_path: Path, scheduler: str) -> None:
    done = run("sheet", good, "--still", 4, "--out", "still.png", "--pool", scheduler)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", f"{tmp_path / 'still.png'}\n")
    with Image.open(tmp_path / "still.png") as image:
        assert image.size == (128, 72)


def test_an_archive_on_a_pool_elsewhere(run: Run, good: Path, tmp_path: Path, scheduler: str) -> None:
    done = run("archive", good, "--out", "a.zarr", "--pool", scheduler, "--show", "demo", "--deadline", "2h")
    assert (done.returncode, done.stderr, done.stdout) == (0, "", f"{tmp_path / 'a.zarr'}\n")
    with md.Pool.connect(scheduler) as pool:
        job = pool.job("archive")
        assert (job.show, job.status) == ("demo", "done")


def test_a_class_there_is_none_of_is_bad_input(run: Run, good: Path, scheduler: str) -> None:
    done = run("archive", good, "--out", "a.zarr", "--pool", scheduler, "--priority", "asap")
    assert (done.returncode, done.stdout) == (2, "")
    assert "asap" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_pool_that_is_not_up_is_one_line_at_once(run: Run, good: Path) -> None:
    done = run("proxy", good, "--out", "proxies", "--pool", "rubbish")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("mediadask: rubbish: no pool of this name is up")
    assert len(done.stderr.splitlines()) == 1


def test_a_file_name_that_is_not_made_is_no_folder(run: Run, good: Path, tmp_path: Path) -> None:
    done = run("sheet", good, "--out", "x.gif")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"mediadask: {tmp_path / 'x.gif'}: no .gif is made here")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "x.gif").exists()
