"""A word that is nearly right is answered with the right one, in one line, in every command; and shells
complete them.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import typer

from mediadask.cli.main import app, run
from tests.cli.conftest import COMMAND

if TYPE_CHECKING:
    from collections.abc import Iterator


def commands(command: Any, *words: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with the words that call it, groups among them."""
    yield words, command
    for name, each in getattr(command, "commands", {}).items():
        yield from commands(each, *words, name)


ALL = dict(commands(typer.main.get_command(app)))
OPTIONS = [
    (words, name)
    for words, command in ALL.items()
    for each in command.params
    for name in each.opts
    if name.startswith("--") and len(name) > 5
]
SUBCOMMANDS = [words for words in ALL if words]


def misspelled(word: str) -> str:
    """With its last letter twice."""
    return word + word[-1]


@pytest.mark.parametrize(("words", "option"), OPTIONS)
def test_a_misspelled_option_is_answered_with_the_right_one(
    words: tuple[str, ...], option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong, called = misspelled(option), " ".join(("mediadask", *words))
    assert run([*words, wrong]) == 2
    line = f"{called}: No such option: {wrong}; did you mean {option}? see {called} --help\n"
    assert capsys.readouterr().err == line


@pytest.mark.parametrize("words", SUBCOMMANDS)
def test_a_misspelled_command_is_answered_with_the_right_one(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    *group, name = words
    called = " ".join(("mediadask", *group))
    wrong = name + "x"
    assert run([*group, wrong]) == 2
    line = f"{called}: No such command '{wrong}'; did you mean {name}? see {called} --help\n"
    assert capsys.readouterr().err == line


def test_so_is_a_misspelled_choice(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["costs", "--by", "shwo"]) == 2
    said = capsys.readouterr().err
    assert said.endswith("; did you mean show? see mediadask costs --help\n")
    assert said.count("\n") == 1


def test_what_is_like_nothing_gets_no_guess(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["jobs", "--qqq"]) == 2
    assert capsys.readouterr().err == "mediadask jobs: No such option: --qqq; see mediadask jobs --help\n"


@pytest.mark.parametrize(
    ("typed", "completed"),
    [("mediadask jo", "jobs"), ("mediadask pool sta", "status"), ("mediadask jobs --wat", "--watch")],
)
def test_shells_complete_commands_and_options(typed: str, completed: str) -> None:
    asked = {
        "_MEDIADASK_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split()) - 1),
    }
    done = subprocess.run([COMMAND], env={**os.environ, **asked}, capture_output=True, text=True, check=False)
    assert done.stdout.split() == [completed]
    assert done.stderr == ""


def test_a_shell_s_script_is_shown() -> None:
    asked = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    done = subprocess.run(
        [COMMAND, "--show-completion", "bash"],
        env={**os.environ, **asked}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "_MEDIADASK_COMPLETE=complete_bash" in done.stdout
