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
from distributed.protocol.pickle import dumps, loads

import mediadask
from mediadask import documents, pixels, pool
from mediadask.pixels import color, framing  # noqa: F401 - attributes of their package

PACKAGE = Path(mediadask.__file__).parent

# From the ground up: a module imports its own floor and those below. `pool` stands beside the media floors.
MEDIA = [
    {
        "text",
        "errors",
        "apart",
        "checkpoint",
        "lazy",
        "options",
        "choices",
        "timecode",
        "moments",
        "durations",
        "scheduling",
        "delivery",
        "results",
        "footage",
        "dask_api",
    },
    {"clips"},
    {"metadata", "documents", "pixels", "sounds"},
    {"array", "render", "integrity"},
    {"editorial"},
]
DOOR = {
    "errors",
    "apart",
    "durations",
    "moments",
    "checkpoint",
    "delivery",
    "results",
    "dask_api",
    "lazy",
    "text",
    "choices",
}
TOP = {"__init__", "cli"}

POOL = [
    {
        "history",
        "reports",
        "descriptions",
        "settings",
        "config",
        "signals",
        "computation",
        "private",
        "guard",
    },
    {"ledger", "scaling"},
    {"core"},
    {"worker", "simulation"},
    {"scheduler", "view"},
    {"job", "pool", "link", "opening", "connection", "keys", "standing", "kubernetes", "__init__"},
]
"""The same inside the pool."""


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


def pool_parts(path: Path) -> set[str]:
    """The parts of the pool that a module imports, also for its types only."""
    found = set()
    for module, name in imports(path):
        words = [*module.split("."), *([name] if name else [])]
        if words[:2] == ["mediadask", "pool"] and len(words) > 2:
            found.add(words[2])
    return found


def imports(path: Path) -> list[tuple[str, str]]:
    """Each module that is imported, and the name from it; empty for the module itself."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [(node.module, alias.name) for alias in node.names]
    return found


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
    floors = re.search(r"is built in floors.+?\n\n((?:\d\. .+\n)+)", told)
    assert floors
    assert set(re.findall(r"`(\w+)`", floors[1])) == set().union(*MEDIA, TOP - {"__init__"})


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


def test_imports_inside_the_pool_point_down() -> None:
    wrong = {}
    for path in (PACKAGE / "pool").rglob("*.py"):
        here = path.relative_to(PACKAGE / "pool").parts[0].removesuffix(".py")
        level = next(number for number, parts in enumerate(POOL) if here in parts)
        if above := pool_parts(path) & set().union(*POOL[level + 1 :]):
            wrong[str(path.relative_to(PACKAGE))] = above
    assert not wrong


IO = {"asyncio", "distributed", "dask", "sqlalchemy", "threading", "socket", "time"}


def test_the_pool_s_state_knows_no_io_and_no_clock() -> None:
    wrong = {}
    for path in (PACKAGE / "pool" / "core").glob("*.py"):
        names = {module.split(".")[0] for module, _ in imports(path)} & IO
        if path.name == "clock.py":
            names -= {"time"}  # reads the time that is passed in
        if names:
            wrong[path.name] = names
    assert not wrong


# What Dask and distributed promise, by the pages of their documentation. All else comes in by `dask_api`.
DOCUMENTED = {
    "dask": None,  # annotate, compute, config: the package's own names
    "dask.array": None,  # "Array API"
    "dask.config": None,  # "Configuration": reading, setting, merging, canonical names
    "dask.base": {"is_dask_collection", "tokenize"},  # "Custom Collections"
    "dask.highlevelgraph": {"HighLevelGraph", "Layer", "MaterializedLayer"},  # "High Level Graphs"
    "dask.utils": {"parse_bytes", "parse_timedelta"},  # "Configuration" names them for settings with units
    "dask.threaded": {"get"},  # "Scheduling": the default scheduler of a collection
    "dask.system": {"CPU_COUNT"},  # on no page, but how Dask itself counts the cores of a container
    "distributed": {
        "Client", "Future", "LocalCluster", "Security",  # "API"
        "Scheduler", "Worker", "Nanny", "Status",  # "Scheduler", "Worker"; states of the latter two
        "SchedulerPlugin", "WorkerPlugin",  # "Plugins"
        "Reschedule", "get_worker",  # "API", for functions that run as tasks
        "rpc",  # "Foundations"
    },
    "distributed.config": None,  # imported for its defaults, which ours come after
    "distributed.client": {"ClosedClientError", "FutureCancelledError"},  # what documented calls raise
    "distributed.comm.addressing": None,  # "Communications": the forms of addresses
    "distributed.protocol.pickle": {"dumps", "loads"},  # "Serialization"
    "distributed.scheduler": {"TaskState"},  # "Scheduling State": its attributes may be read
}  # fmt: skip

UNDOCUMENTED = {
    "WORKER_SATURATION", "_instances",
    "active_threads", "active_threads_lock", "adaptive_target", "batched_send",
    "executors", "generation", "handle_stimulus", "handle_worker_status_change", "handlers",
    "http_application", "http_server", "memory_manager", "monitor", "queued", "run_spec", "stream_handlers",
    "suspicious", "transitions", "unrunnable", "who_wants", "client_key",
}  # fmt: skip
"""Attributes of Dask's objects that only `dask_api` touches."""


def knows_dask(path: Path) -> bool:
    return any(module.split(".")[0] in ("dask", "distributed") for module, _ in imports(path))


def test_undocumented_dask_comes_in_by_one_door() -> None:
    wrong = []
    for path in modules():
        if floor_of(path) == "dask_api" or not knows_dask(path):
            continue
        for module, name in imports(path):
            if module.split(".")[0] not in ("dask", "distributed"):
                continue
            names = DOCUMENTED.get(module, set())
            if names is not None and name not in names:
                wrong.append(f"{path.name}: {module} {name}")
        wrong += [
            f"{path.name}:{node.lineno}: .{node.attr}"
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Attribute) and node.attr in UNDOCUMENTED and not of_self(node)
        ]
    assert not wrong


def of_self(node: ast.Attribute) -> bool:
    """Whether it is a name of our own class."""
    return isinstance(node.value, ast.Name) and node.value.id == "self"


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
        ("array.store", ARRAYS - {"zarr", "dask"}),
        ("editorial.pull", ARRAYS | FORMATS),
        ("editorial.trim", ARRAYS | FORMATS),
    ],
)
def test_workers_and_commands_wait_for_no_library_that_they_do_not_use(module: str, heavy: set[str]) -> None:
    program = f"import mediadask.{module}, sys; print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", program])
    assert not heavy & set(loaded.decode().split())


@pytest.mark.parametrize("package", [mediadask, documents, pixels, pixels.color, pixels.framing])
def test_names_that_come_late_come(package: ModuleType) -> None:
    assert all(getattr(package, name) is not None for name in package.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'colour'"):
        _ = package.colour


@pytest.mark.parametrize("package", [mediadask, documents, pixels, pool])
def test_functions_that_use_a_package_can_be_sent_to_workers(package: ModuleType) -> None:
    """As those of a notebook do: `md` is one of their globals."""
    names = {"md": package, "__name__": "__main__"}
    exec("def names_of():\n    return md.__name__", names)
    assert loads(dumps(names["names_of"]))() == package.__name__
