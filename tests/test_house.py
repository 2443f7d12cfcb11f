"""The house rules that a test can hold: imports point down, public names do not drift."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import mediadask
from mediadask import pixels
from mediadask.pixels import color, framing  # noqa: F401 - attributes of their package

PACKAGE = Path(mediadask.__file__).parent

# From the ground up: a module imports its own floor and those below. `pool` stands beside the media floors.
MEDIA = [
    {"text", "errors", "apart", "checkpoint", "lazy", "timecode", "delivery", "footage"},
    {"clips"},
    {"metadata", "pixels"},
    {"array"},
    {"array", "dataset", "render"},
    {"accessor", "xarray_engine"},
    {"editorial"},
]
DOOR = {"errors", "checkpoint", "delivery", "text"}
TOP = {"__init__", "cli", "demo"}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def floor_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.split(".")[1] for name in found if name.startswith("mediadask.")}


def may_import(floor: str) -> set[str]:
    if floor == "pool":
        return DOOR
    level = next(number for number, names in enumerate(MEDIA) if floor in names)
    return set().union(*MEDIA[: level + 1])


def test_imports_point_down() -> None:
    """To the own floor and those below; the pool knows no media."""
    wrong = {}
    for path in modules():
        here = floor_of(path)
        uses = {
            name for name in imported(path) if (PACKAGE / name).exists() or (PACKAGE / f"{name}.py").exists()
        }
        if here not in TOP and (above := uses - {here} - may_import(here)):
            wrong[str(path.relative_to(PACKAGE))] = above
    assert not wrong


def test_the_floors_are_those_that_contributors_are_told() -> None:
    told = (PACKAGE.parent / "CONTRIBUTING.md").read_text()
    floors = " ".join(re.findall(r"^\d\. .+", told, re.MULTILINE))
    assert set(re.findall(r"`(\w+)`", floors)) == set().union(*MEDIA, TOP - {"__init__"})


def test_what_modules_take_from_each_other_is_public() -> None:
    wrong = []
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mediadask.")):
                continue
            there = PACKAGE.parent.joinpath(*node.module.split("."))
            if not there.is_dir():
                public = importlib.import_module(node.module).__all__
                wrong += [f"{path}: {each.name}" for each in node.names if each.name not in public]
    assert not wrong


@pytest.mark.parametrize("part", ["ledger", "scaling", "worker"])
def test_parts_of_the_pool_know_nothing_of_the_scheduler(part: str) -> None:
    for path in (PACKAGE / "pool" / part).glob("*.py"):
        assert not re.search(r"mediadask\.pool\.(scheduler|view)", path.read_text()), path.name


def test_public_names_are_there_and_sorted() -> None:
    assert list(mediadask.__all__) == sorted(mediadask.__all__)
    assert all(hasattr(mediadask, name) for name in mediadask.__all__)


def test_the_contract_of_names_is_kept() -> None:
    names = {"checkpoint", "delivery", "Delivery", "open_clip", "inspect", "inspect_many", "ClipMetadata"}
    names |= {"proxy", "sheet", "archive", "Pool", "Job"}
    assert names <= set(mediadask.__all__)


ARRAYS = {"xarray", "zarr", "pandas", "distributed", "dask", "numba"}
FORMATS = {"fsspec", "fileseq", "imageio", "PIL", "OpenImageIO", "opentimelineio"}


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("cli", ARRAYS | FORMATS | {"numpy", "av", "rich"}),
        ("render.proxy", ARRAYS | {"imageio", "fsspec"}),
        ("editorial.pull", ARRAYS | FORMATS),
        ("editorial.trim", ARRAYS | FORMATS),
    ],
)
def test_workers_and_commands_wait_for_no_library_that_they_do_not_use(module: str, heavy: set[str]) -> None:
    program = f"import mediadask.{module}, sys; print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", program])
    assert not heavy & set(loaded.decode().split())


@pytest.mark.parametrize("package", [mediadask, pixels, pixels.color, pixels.framing])
def test_names_that_come_late_come(package: ModuleType) -> None:
    assert all(getattr(package, name) is not None for name in package.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'colour'"):
        _ = package.colour
