"""`md.offload`: every place has the card, verified and sealed, or the report says that it is not safe."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import mediadask as md
from mediadask.checkpoint import checkpoints_call
from mediadask.delivery import Failure
from mediadask.integrity.hashes import CHUNK_BYTES
from tests.integrity.conftest import FILES, write_roll

if TYPE_CHECKING:
    from mediadask.integrity.offload import Offload
    from tests.conftest import Command
    from tests.integrity.conftest import Reference


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """A card as a camera leaves it, with a folder that is empty and what a Mac adds."""
    card = write_roll(tmp_path / "mnt/A001")
    (card / "SPARE").mkdir()
    write_roll(card, {".DS_Store": b"x", ".Spotlight-V100/store": b"x"})
    for path in FILES:
        os.utime(card / path, ns=(10**18 + 1, 10**18 + 1))
    return card


@pytest.fixture
def places(tmp_path: Path) -> list[Path]:
    found = [tmp_path / "raid", tmp_path / "shuttle"]
    for place in found:
        place.mkdir()
    return found


def offloaded(card: Path, places: list[Path], **how: Any) -> Offload:
    found: Offload = md.offload(card, places, **how).compute(scheduler="sync")
    return found


def lines(report: Offload) -> str:
    return "\n".join(outcome.failure.error for outcome in report.failures if outcome.failure)


def statuses(report: Offload) -> set[str]:
    return {row["status"] for row in report.rows()}


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "ascmhl" not in path.parts
    }


def test_every_place_has_the_card_and_a_seal(card: Path, places: list[Path], ascmhl: Reference) -> None:
    report = offloaded(card, places, hashes=["xxh64", "md5"])
    assert report.is_safe
    assert not report.failures
    for place in places:
        assert files_of(place) == {f"A001/{path}": content for path, content in FILES.items()}
        assert (place / "A001/SPARE").is_dir()
        assert (place / "A001/A001.ale").stat().st_mtime_ns == 10**18 + 1
        assert ascmhl("verify", place / "A001") == 0
        assert ascmhl("verify", "-dh", place / "A001") == 0
        assert not md.verify(place / "A001").compute(scheduler="sync").failures
    assert "<process>transfer</process>" in next((places[0] / "A001/ascmhl").glob("*.mhl")).read_text()
    assert "an operating system left it there: .DS_Store, .Spotlight-V100" in report.notes[0]
    assert not list(card.glob("ascmhl")), "nothing is written to a card"


def test_a_second_run_copies_nothing_and_seals_nothing(card: Path, places: list[Path]) -> None:
    offloaded(card, places)
    before = {path: path.stat().st_ctime_ns for place in places for path in place.rglob("*")}
    report = offloaded(card, places)
    assert report.is_safe
    assert statuses(report) == {"there"}
    assert {path: path.stat().st_ctime_ns for place in places for path in place.rglob("*")} == before


def test_a_grown_card_is_copied_and_sealed_on(card: Path, places: list[Path], ascmhl: Reference) -> None:
    offloaded(card, places)
    write_roll(card, {"CLIPS/A001C003.mov": b"third"})
    report = offloaded(card, places)
    assert report.is_safe
    assert [place.copied for place in report.places] == [1, 1]
    assert len(list((places[0] / "A001/ascmhl").glob("*.mhl"))) == 2
    assert ascmhl("verify", places[0] / "A001") == 0


def test_a_run_goes_on_where_another_was_killed(card: Path, places: list[Path]) -> None:
    """The process dies amid a file; what was verified before is not even read again."""
    large = card / "CLIPS/large.mov"
    large.write_bytes(bytes(CHUNK_BYTES * 3))
    program = (
        "import os, sys, mediadask as md\n"
        "from mediadask.checkpoint import checkpoints_call\n"
        "from mediadask.integrity import copying\n"
        "chunks = [0]\n"
        "def die():\n"
        "    chunks[0] += 1\n"
        "    if chunks[0] == 12: os._exit(9)\n"
        "card, *places = sys.argv[1:]\n"
        "delivery = md.offload(card, places)\n"
        "(group,) = delivery.groups\n"
        "(unit,) = group.units\n"
        "card, places, tasks = unit.args\n"
        "with checkpoints_call(die):\n"
        "    for task in tasks: copying.copy_batch(card, places, [task])\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, card, *places], check=False)
    assert killed.returncode == 9
    there = files_of(places[0] / "A001")
    assert there
    assert len(there) < len(FILES) + 1
    assert all(content == (card / path).read_bytes() for path, content in there.items()), (
        "whole, or not there"
    )
    assert not (places[0] / "A001/ascmhl").exists()
    (group,) = md.offload(card, places).groups
    chunks: list[None] = []
    with checkpoints_call(lambda: chunks.append(None)):
        group.units[0]()
    assert len(chunks) < 3 + 4 * 3, "less than all of it"
    report = offloaded(card, places)
    assert report.is_safe
    assert not list(places[0].glob(".mediadask"))


def test_a_copy_that_was_touched_after_a_kill_is_read(card: Path, places: list[Path]) -> None:
    delivery = md.offload(card, places)
    for group in delivery.groups:
        group.units[0]()  # all are copied, none sealed
    clip = places[0] / "A001/CLIPS/A001C001.mov"
    info = clip.stat()
    clip.write_bytes(b"FIRST clip" * 4000)
    os.utime(clip, ns=(info.st_atime_ns, info.st_mtime_ns))
    report = offloaded(card, places)
    assert not report.is_safe
    assert "raid/A001/CLIPS/A001C001.mov: is there already, and is not the card's file" in lines(report)
    assert [bool(place.manifest) for place in report.places] == [False, True]


def test_nothing_is_overwritten(card: Path, places: list[Path]) -> None:
    write_roll(places[0] / "A001", {"A001.ale": b"HEADING\n", "empty.txt": b"not empty"})
    report = offloaded(card, places)
    assert not report.is_safe
    assert lines(report).count("is there already, and is not the card's file") == 2
    assert (places[0] / "A001/A001.ale").read_bytes() == b"HEADING\n"
    assert report.places[0].manifest is None
    assert report.places[1].manifest, "the other place is done"
    assert "raid/A001: is not sealed: 2 of the card's 4 files are not there" in lines(report)


def test_another_card_of_the_same_name_is_refused(card: Path, places: list[Path]) -> None:
    write_roll(places[1] / "A001", {"CLIPS/A001C009.mov": b"another day"})
    with pytest.raises(md.InvalidRequest, match="it is another card's; give this card another name"):
        offloaded(card, places)
    assert offloaded(card, places, roll="A001-2").is_safe
    assert (places[1] / "A001-2/A001.ale").exists()


def test_what_was_written_is_read_back(card: Path, places: list[Path]) -> None:
    """Something writes into the copy while it is made, as a bad disk does."""
    clip = card / "CLIPS/A001C001.mov"
    clip.write_bytes(bytes(2 * CHUNK_BYTES))
    delivery = md.offload(card, places)
    (group,) = delivery.groups
    chunks: list[None] = []

    def damage() -> None:
        chunks.append(None)
        for part in places[0].glob(".mediadask/A001/*.part"):
            if part.stat().st_size >= CHUNK_BYTES:
                with part.open("r+b") as file:
                    file.write(b"X")

    with checkpoints_call(damage):
        values = [group.units[0]()]
    assert delivery.closing
    with pytest.raises(md.OutputFailed, match="is not sealed: 1 of the card's 4 files"):
        delivery.closing(values)
    report: Offload = delivery.report([*values, Failure("not sealed", "OutputFailed")])
    assert "A001C001.mov: is not what was written to it; check the disk" in lines(report)
    assert not (places[0] / "A001/CLIPS/A001C001.mov").exists(), "it has not got its name"
    assert (places[1] / "A001/CLIPS/A001C001.mov").exists()
    assert [bool(place.manifest) for place in report.places] == [False, True]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")
def test_a_full_disk_stops_no_other(card: Path, places: list[Path]) -> None:
    (card / "CLIPS/A001C001.mov").write_bytes(bytes(600_000))
    small = places[1]
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], check=False).returncode:
        pytest.skip("no small disk can be mounted")
    try:
        delivery = md.offload(card, places)
        (small / "others").write_bytes(bytes(700_000))  # somebody else fills it meanwhile
        report: Offload = delivery.compute(scheduler="sync")
        assert "cannot be written (No space left on device); check the space" in lines(report)
        assert [bool(place.manifest) for place in report.places] == [True, False]
        (small / "others").unlink()
        report = offloaded(card, places)
        assert report.is_safe
        assert [(place.copied, place.there) for place in report.places] == [(0, 4), (1, 3)]
    finally:
        subprocess.run(["umount", small], check=False)


def test_a_card_without_room_for_it_is_refused(card: Path, places: list[Path]) -> None:
    huge = card / "huge.mov"
    with huge.open("wb") as file:
        file.truncate(shutil.disk_usage(places[0]).free // 2 + (1 << 30))
    with pytest.raises(md.InvalidRequest, match="MB free, and the card needs"):
        offloaded(card, places)


def test_a_card_that_is_pulled_out(card: Path, places: list[Path], mediadask: Command) -> None:
    delivery = md.offload(card, places)
    shutil.rmtree(card)
    card.mkdir()  # where it was mounted
    report: Offload = delivery.compute(scheduler="sync")
    assert not report.is_safe
    assert "A001: was taken out: 4 of its 4 files are not copied; mount it there again" in lines(report)
    assert len(report.failures) == 2, "that, and that nothing is sealed"
    done = mediadask("offload", card, "--to", places[0])
    assert done.returncode == 2
    assert "holds no files; check that the card is mounted" in done.stderr


def test_a_card_that_is_written_to_meanwhile(card: Path, places: list[Path]) -> None:
    delivery = md.offload(card, places)
    with (card / "A001.ale").open("ab") as file:
        file.write(b"more")
    report: Offload = delivery.compute(scheduler="sync")
    assert "A001.ale: was written to since it was listed" in lines(report)
    assert not report.is_safe


def test_a_clip_that_comes_while_the_card_is_copied(card: Path, places: list[Path]) -> None:
    delivery = md.offload(card, places)
    values = [unit() for group in delivery.groups for unit in group.units]
    write_roll(card, {"CLIPS/A001C003.mov": b"third"})
    assert delivery.closing
    with pytest.raises(md.OutputFailed, match="1 of the card's 5 files are not there"):
        delivery.closing(values)


def test_a_card_with_a_manifest_is_held_against_it(card: Path, places: list[Path], ascmhl: Reference) -> None:
    """The manifest comes along, each place goes on from it, and a second run leaves it alone."""
    assert ascmhl("create", "-h", "xxh64", card) == 0
    assert offloaded(card, places).is_safe
    assert len(list((places[0] / "A001/ascmhl").glob("*.mhl"))) == 2
    assert ascmhl("verify", places[0] / "A001") == 0
    assert statuses(offloaded(card, places)) == {"there"}
    other = [places[0] / "other"]
    other[0].mkdir()
    (card / "A001.ale").write_bytes(b"HEADING\n")
    report = offloaded(card, other)
    assert "the card's own manifest" in lines(report)
    assert not report.is_safe, "the manifest that the card brought is no seal"
    assert not (other[0] / "A001/A001.ale").exists()


def test_what_the_card_s_manifest_names_must_be_on_it(
    card: Path, places: list[Path], ascmhl: Reference
) -> None:
    assert ascmhl("create", card) == 0
    (card / "A001.ale").unlink()
    report = offloaded(card, places)
    assert "A001.ale: is in the card's own manifest, and not on the card" in lines(report)
    assert not report.is_safe


def test_links_on_a_card_make_it_unsafe(card: Path, places: list[Path], tmp_path: Path) -> None:
    (card / "up").symlink_to(tmp_path)
    report = offloaded(card, places)
    assert "up: is a link that leaves the folder" in lines(report)
    assert not report.is_safe
    assert not (places[0] / "A001/up").exists()


def test_places_that_make_no_sense(card: Path, places: list[Path], mediadask: Command) -> None:
    def said(*words: object) -> str:
        done = mediadask("offload", card, *words)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        return done.stderr

    assert "is on the card itself" in said("--to", card / "CLIPS")
    assert "is the card itself" in said("--to", card.parent)
    assert "is named twice" in said("--to", places[0], "--to", places[0])
    assert "no such folder" in said("--to", places[0] / "not mounted")
    assert "is no name for a roll" in said("--to", places[0], "--roll", "../B001")
    assert "Missing option '--to'" in said()


def test_the_command(card: Path, places: list[Path], mediadask: Command) -> None:
    words = ("offload", card, "--to", places[0], "--to", places[1])
    done = mediadask(*words, "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert len(rows) == 8
    assert {row["status"] for row in rows} == {"copied"}
    (places[1] / "A001/A001.ale").write_bytes(b"HEADING\n")
    done = mediadask(*words)
    assert done.returncode == 1
    assert "do not format the card" in done.stderr
    assert done.stdout.count("\n") == 3


def test_on_a_pool(card: Path, places: list[Path], scheduler: str, mediadask: Command) -> None:
    done = mediadask("offload", card, "--to", places[0], "--pool", scheduler)
    assert done.returncode == 0, done.stderr
    assert files_of(places[0] / "A001") == FILES
