"""Every command line and every line of Python on the pages runs, in the order of its page, on a real show."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask
import pytest
import xarray as xr

import mediadask
from reference_pages.commands import all_commands
from tests.docs.snippets import PAGES, Snippet, snippets

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGES_THAT_RUN = [page for page in PAGES if any(not each.reason for each in snippets(page))]
NOT_RUN = [each for page in PAGES for each in snippets(page) if each.reason]


@pytest.mark.parametrize("page", PAGES_THAT_RUN)
def test_what_a_page_shows_runs(page: str, place: Path) -> None:
    names: dict[str, Any] = {"md": mediadask, "xr": xr, "dask": dask, "__name__": "__main__"}
    for each in snippets(page):
        if each.reason:
            continue
        if each.language == "python":
            try:
                exec(compile(each.text, each.place, "exec"), names)
            except BaseException as error:
                pytest.fail(f"{each.place}: {type(error).__name__}: {error}\n{each.text}")
        else:
            run_in_shell(each, place)


def run_in_shell(each: Snippet, place: Path) -> None:
    """As people paste it; what one block exports the next blocks of the page know."""
    kept = place.parent / "exported"
    kept.touch()
    script = (
        f"set -euo pipefail; . {shlex.quote(str(kept))}\n{each.text}\nexport -p > {shlex.quote(str(kept))}"
    )
    ran = subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=place, check=False)
    if ran.returncode:
        pytest.fail(f"{each.place}: exit code {ran.returncode}\n{each.text}\n{ran.stdout}{ran.stderr}")


@pytest.mark.parametrize("each", NOT_RUN, ids=lambda each: each.place)
def test_what_is_not_run_could_be(each: Snippet) -> None:
    """Its Python compiles, and its commands and their options are there."""
    if each.language == "python":
        compile(each.text, each.place, "exec")
        return
    for words in commands_in(each.text):
        check_words(words, each.place)


def commands_in(script: str) -> Iterator[list[str]]:
    """The words of each `mediadask` command in a script."""
    for line in script.replace("\\\n", " ").splitlines():
        words = shlex.shlex(line, posix=True, punctuation_chars=True)
        words.whitespace_split = True
        command: list[str] = []
        for word in [*words, ";"]:
            if set(word) <= set(";|&<>()"):
                while command and "=" in command[0]:
                    command.pop(0)
                if command and Path(command[0]).name == "mediadask":
                    yield command[1:]
                command = []
            else:
                command.append(word)


def check_words(words: list[str], place: str) -> None:
    known = {path: command for path, command, _ in all_commands()}
    path = "mediadask"
    while words and f"{path} {words[0]}" in known:
        path = f"{path} {words.pop(0)}"
    options = {name for each in known[path].params for name in (*each.opts, *each.secondary_opts)}
    for word in words:
        name = word.split("=")[0]
        assert not name.startswith("--") or name in options | {"--help"}, f"{place}: {path} has no {name}"


def test_a_wrong_option_is_named_with_its_page() -> None:
    (words,) = commands_in("DASK=1 mediadask proxy a.mov --out b --sise 1080p | cat  # comment")
    with pytest.raises(AssertionError, match=r"plates.md:7: mediadask proxy has no --sise"):
        check_words(words, "docs/plates.md:7")


def test_a_block_that_breaks_is_named(place: Path) -> None:
    broken = Snippet("docs/plates.md:7", "sh", "mediadask info nothing.mov\n", None)
    with pytest.raises(pytest.fail.Exception, match=r"(?s)plates.md:7: exit code 2\n.*nothing.mov: no such"):
        run_in_shell(broken, place)
