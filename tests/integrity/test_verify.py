"""`md.verify`: what is missing, new, changed and renamed, by every generation; the reference agrees."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import mediadask as md
from mediadask.checkpoint import checkpoints_call
from mediadask.integrity.hashes import CHUNK_BYTES, FORMATS, file_hashes
from tests.integrity.conftest import FILES, write_roll

if TYPE_CHECKING:
    from mediadask.integrity.verification import Verification
    from tests.conftest import Command
    from tests.integrity.conftest import Reference

ASC = [name for name in FORMATS if name != "xxh32"]


def verified(folder: Path, **how: object) -> Verification:
    found: Verification = md.verify(folder, **how).compute(scheduler="sync")  # type: ignore[arg-type]
    return found


def statuses(report: Verification) -> dict[str, str]:
    return {check.path: check.status for folder in report.folders for check in folder.checks}


def lines(report: Verification) -> str:
    return "\n".join(outcome.failure.error for outcome in report.failures if outcome.failure)


@pytest.fixture
def sealed(roll: Path, ascmhl: Reference) -> Path:
    assert ascmhl("create", "-h", "xxh64", roll) == 0
    return roll


def test_what_the_reference_sealed_is_verified(sealed: Path) -> None:
    report = verified(sealed)
    assert statuses(report) == dict.fromkeys(FILES, "verified")
    assert not report.failures


@pytest.mark.parametrize("format", ASC)
def test_the_reference_accepts_our_seal_and_we_go_on_from_its(
    format: str, roll: Path, ascmhl: Reference
) -> None:
    assert not verified(roll, seal=True, hashes=[format]).failures
    assert ascmhl("verify", roll) == 0
    assert ascmhl("verify", "-dh", roll) == 0, "hashes of folders, too"
    assert ascmhl("create", "-h", "md5", roll) == 0
    assert not verified(roll).failures
    assert not verified(roll, seal=True, hashes=["sha1"]).failures, "another format after these"
    assert ascmhl("create", "-h", format, roll) == 0
    assert len(list((roll / "ascmhl").glob("*.mhl"))) == 4


def test_the_installed_program_says_the_same(roll: Path) -> None:
    assert not verified(roll, seal=True).failures
    program = Path(sys.executable).with_name("ascmhl-debug")
    assert subprocess.run([program, "verify", roll], capture_output=True, check=False).returncode == 0
    (roll / "A001.ale").write_bytes(b"heading\n")
    assert subprocess.run([program, "verify", roll], capture_output=True, check=False).returncode == 11


def test_hashes_are_those_of_the_reference(roll: Path, ascmhl: Reference) -> None:
    ascmhl("create", *(word for name in ASC for word in ("-h", name)), roll)
    (manifest,) = (roll / "ascmhl").glob("*.mhl")
    ours = file_hashes(str(roll / "CLIPS/A001C001.mov"), ASC)
    assert len(ours) == 6
    assert all(value in manifest.read_text() for value in ours.values())


def test_each_difference_is_named(sealed: Path) -> None:
    (sealed / "CLIPS/A001C001.mov").write_bytes(b"FIRST clip" * 4000)
    (sealed / "CLIPS/A001C002.mov").rename(sealed / "CLIPS/A001C003.mov")
    (sealed / "A001.ale").unlink()
    (sealed / "more.txt").write_bytes(b"more")
    report = verified(sealed)
    assert statuses(report) == {
        "A001.ale": "missing",
        "CLIPS/A001C001.mov": "changed",
        "CLIPS/A001C003.mov": "renamed",
        "empty.txt": "verified",
        "more.txt": "new",
    }
    assert len(report.failures) == 4
    assert "A001.ale: is missing: it is in 0001_" in lines(report)
    assert "A001C003.mov: was CLIPS/A001C002.mov" in lines(report)
    assert "A001C001.mov: differs: xxh64 is " in lines(report)


def test_a_file_must_be_as_every_generation_has_it(sealed: Path, ascmhl: Reference) -> None:
    """The reference records a failure and goes on; the first hash still counts."""
    clip = sealed / "CLIPS/A001C001.mov"
    clip.write_bytes(b"FIRST clip" * 4000)
    assert ascmhl("create", "-h", "xxh64", sealed) == 11
    assert statuses(verified(sealed))["CLIPS/A001C001.mov"] == "changed"
    clip.write_bytes(FILES["CLIPS/A001C001.mov"])
    assert not verified(sealed).failures, "restored: what generation 2 says failed does not count"


def test_new_and_renamed_files_are_sealed_and_the_reference_agrees(sealed: Path, ascmhl: Reference) -> None:
    (sealed / "CLIPS/A001C002.mov").rename(sealed / "CLIPS/A001C003.mov")
    (sealed / "more.txt").write_bytes(b"more")
    assert not verified(sealed, seal=True).failures
    assert ascmhl("create", "-h", "xxh64", sealed) == 0
    assert statuses(verified(sealed)) == dict.fromkeys(
        ["A001.ale", "CLIPS/A001C001.mov", "CLIPS/A001C003.mov", "empty.txt", "more.txt"], "verified"
    )


def test_what_is_missing_or_changed_is_not_sealed(sealed: Path) -> None:
    before = sorted(os.listdir(sealed / "ascmhl"))
    (sealed / "A001.ale").unlink()
    report = verified(sealed, seal=True)
    assert "is not sealed (1 missing)" in lines(report)
    assert report.folders[0].sealed is None
    assert sorted(os.listdir(sealed / "ascmhl")) == before


def test_histories_in_histories(tmp_path: Path, ascmhl: Reference) -> None:
    day = tmp_path / "day"
    for name in ("A001", "B001"):
        write_roll(day / name, {path.replace("A001", name): content for path, content in FILES.items()})
    write_roll(day, {"report.txt": b"all well"})
    ascmhl("create", "-h", "xxh64", day / "A001")
    ascmhl("create", "-h", "xxh64", day / "B001")
    ascmhl("create", "-h", "xxh64", day)
    assert not verified(day).failures
    assert not verified(day, seal=True).failures
    assert ascmhl("create", "-h", "xxh64", day) == 0
    assert not verified(day / "A001").failures
    assert not verified(day).failures
    (day / "B001/B001.ale").write_bytes(b"heading\n")
    assert statuses(verified(day))["B001/B001.ale"] == "changed"
    shutil.rmtree(day / "B001")
    report = verified(day)
    assert statuses(report)["B001"] == "missing"
    assert "is missing, and ascmhl/" in lines(report), "the manifest that day's refers to"


def test_what_a_history_ignores_is_left_alone(roll: Path, ascmhl: Reference) -> None:
    (roll / "notes.tmp").write_bytes(b"1")
    (roll / ".DS_Store").write_bytes(b"1")
    ascmhl("create", "-i", "*.tmp", roll)
    (roll / "notes.tmp").write_bytes(b"2")
    (roll / "CLIPS/new.tmp").write_bytes(b"3")
    assert statuses(verified(roll)) == dict.fromkeys(FILES, "verified")


LEGACY = """<?xml version="1.0" encoding="UTF-8"?>
<hashlist version="1.1">
  <creatorinfo><name>DIT</name></creatorinfo>
  <hash><file>CLIPS/A001C001.mov</file><size>40000</size>{first}</hash>
  <hash><file>CLIPS/A001C002.mov</file><size>44000</size>{second}</hash>
  <hash><file>A001.ale</file><size>8</size>{third}</hash>
  <hash><file>empty.txt</file><size>0</size><null/></hash>
</hashlist>
"""


def test_mhl_1_is_read_with_each_of_its_hashes(roll: Path, ascmhl: Reference) -> None:
    def of(path: str) -> dict[str, str]:
        return file_hashes(str(roll / path), FORMATS)

    first, second, third = of("CLIPS/A001C001.mov"), of("CLIPS/A001C002.mov"), of("A001.ale")
    (roll / "A001.mhl").write_text(
        LEGACY.format(
            first=f"<xxhash64be>{first['xxh64']}</xxhash64be><md5>{first['md5'].upper()}</md5>",
            second=f"<xxhash>{int(second['xxh32'], 16)}</xxhash><sha1>{second['sha1']}</sha1>",
            third=f"<xxhash64>{bytes.fromhex(third['xxh64'])[::-1].hex()}</xxhash64>",
        )
    )
    assert statuses(verified(roll)) == dict.fromkeys(FILES, "verified"), "the manifest itself is no new file"
    (roll / "A001.ale").write_bytes(b"HEADING\n")
    (roll / "CLIPS/A001C002.mov").unlink()
    (roll / "more").write_bytes(b"more")
    found = statuses(verified(roll))
    assert (found["A001.ale"], found["CLIPS/A001C002.mov"], found["more"]) == ("changed", "missing", "new")
    write_roll(roll)
    assert not verified(roll, seal=True).failures
    assert ascmhl("verify", roll) == 0


BAD_MANIFESTS = {
    "not XML": (b"These are notes.", "is not well-formed XML"),
    "cut off": (b"<hashlist version='1.1'><hash><file>a", "is not well-formed XML"),
    "empty": (b"", "is not well-formed XML"),
    "entities": (
        b"<!DOCTYPE h [<!ENTITY a 'aa'><!ENTITY b '&a;&a;'>]><hashlist><hash><path>&b;</path></hash>",
        "document type declaration",
    ),
    "a file of ours": (
        b"<!DOCTYPE h SYSTEM 'file:///etc/passwd'><hashlist version='1.1'></hashlist>",
        "document type declaration",
    ),
    "leaves its folder": (
        b"<hashlist version='1.1'><hash><file>../../etc/passwd</file><size>1</size></hash></hashlist>",
        "which is not in its folder",
    ),
    "other XML": (b"<plist version='1.0'></plist>", "is no media hash list"),
    "odd values": (
        b"<hashlist version='1.1'><hash><file>a</file><size>many</size></hash></hashlist>",
        "is no manifest that can be read",
    ),
}


@pytest.mark.parametrize("what", BAD_MANIFESTS)
@pytest.mark.parametrize("where", ["bad.mhl", "ascmhl/0002_A001_2026-01-01_000000Z.mhl"])
def test_a_bad_manifest_gets_a_line_and_the_rest_is_done(what: str, where: str, sealed: Path) -> None:
    content, said = BAD_MANIFESTS[what]
    if where.startswith("ascmhl"):
        content = content.replace(b"<file>", b"<path>").replace(b"</file>", b"</path>")
        said = "not in the chain" if what in ("other XML", "odd values") else said
    (sealed / where).write_bytes(content)
    report = verified(sealed)
    found = statuses(report)
    assert {found[path] for path in FILES} == {"verified"}
    assert said in lines(report)
    assert all("\n" not in (outcome.failure.error if outcome.failure else "") for outcome in report.failures)


def test_a_history_that_was_tampered_with_is_noticed(sealed: Path) -> None:
    (manifest,) = (sealed / "ascmhl").glob("*.mhl")
    manifest.write_text(manifest.read_text().replace("A001.ale", "A001.alx"))
    assert "was changed after it was sealed" in lines(verified(sealed))
    manifest.unlink()
    assert "is in the chain and missing" in lines(verified(sealed))
    (sealed / "ascmhl/ascmhl_chain.xml").unlink()
    assert "ascmhl_chain.xml: is missing" in lines(verified(sealed))


def test_links_pipes_and_closed_folders_are_no_files(sealed: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("elsewhere")
    (sealed / "out.txt").symlink_to(tmp_path / "secret.txt")
    (sealed / "up").symlink_to(tmp_path)
    (sealed / "nothing").symlink_to("nowhere")
    (sealed / "again").symlink_to(sealed / "CLIPS")
    os.mkfifo(sealed / "pipe")
    report = verified(sealed)
    odd = {path for path, status in statuses(report).items() if status == "odd"}
    assert odd == {"out.txt", "up", "nothing", "again", "pipe"}
    assert "up: is a link that leaves the folder" in lines(report)
    assert "pipe: is a pipe or a device" in lines(report)


def test_a_folder_that_is_written_to_meanwhile_is_not_sealed(roll: Path) -> None:
    delivery = md.verify(roll, seal=True)
    read = [unit() for group in delivery.groups for unit in group.units]
    with (roll / "A001.ale").open("ab") as file:
        file.write(b"more")
    (roll / "more").write_bytes(b"more")
    assert delivery.closing
    with pytest.raises(md.OutputFailed, match=r"is not sealed \(2 unreadable\)"):
        delivery.closing(read)
    assert not (roll / "ascmhl").exists()


def test_a_unit_may_pause_between_chunks(tmp_path: Path) -> None:
    large = tmp_path / "large.mov"
    with large.open("wb") as file:
        file.truncate(3 * CHUNK_BYTES + 1)
    (group,) = md.verify(tmp_path, seal=True).groups
    paused: list[None] = []
    with checkpoints_call(lambda: paused.append(None)):
        group.units[0]()
    assert len(paused) == group.units[0].frames == 4


def test_many_small_files_share_units(tmp_path: Path) -> None:
    for number in range(1200):
        (tmp_path / f"{number}.ari").write_bytes(b"x")
    delivery = md.verify(tmp_path, seal=True)
    assert len(delivery.groups) == 3
    assert not delivery.compute(scheduler="sync").failures


def test_names_that_no_text_can_hold(roll: Path) -> None:
    os.rename(os.fsencode(roll / "A001.ale"), os.fsencode(roll) + b"/A\xff01.ale")
    (roll / "two\nlines.mov").write_bytes(b"1")
    report = verified(roll, seal=True)
    assert "is not sealed: " in lines(report)
    assert not (roll / "ascmhl").exists()
    assert all(line.isprintable() for line in lines(report).split("\n"))


def test_folders_that_cannot_be_verified(roll: Path, sealed: Path, tmp_path: Path) -> None:
    unsealed = write_roll(tmp_path / "B001")
    report: Verification = md.verify([tmp_path / "nothing", unsealed, roll]).compute(scheduler="sync")
    assert len(report.failures) == 2
    assert "nothing: no such folder" in lines(report)
    assert "B001: holds no manifest to verify it against; seal it first" in lines(report)
    (failure,) = md.verify(roll / "CLIPS").compute(scheduler="sync").failures
    assert f"verify {roll}, which has one" in failure.failure.error
    with pytest.raises(md.InvalidRequest, match="crc32: is no hash of ASC MHL; choose xxh128"):
        md.verify(roll, seal=True, hashes=["crc32"])


def test_the_command(roll: Path, mediadask: Command, ascmhl: Reference) -> None:
    assert mediadask("verify", roll).returncode == 2
    done = mediadask("verify", roll, "--seal", "--hash", "md5", "--hash", "xxh64")
    assert done.returncode == 0, done.stderr
    assert "4 " in done.stdout
    assert "1, sealed now" in done.stdout
    assert ascmhl("verify", roll) == 0
    (roll / "A001.ale").unlink()
    done = mediadask("verify", roll, "--json")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    rows = {row["path"]: row for row in json.loads(done.stdout)}
    assert rows["A001.ale"]["status"] == "missing"
    assert rows["empty.txt"]["hashes"].keys() == {"xxh64"}, "one format of each generation is enough"


def test_on_a_pool(roll: Path, scheduler: str, mediadask: Command) -> None:
    done: subprocess.CompletedProcess[str] = mediadask("verify", roll, "--seal", "--pool", scheduler)
    assert done.returncode == 0, done.stderr
    assert "sealed now" in done.stdout
