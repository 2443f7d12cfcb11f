from __future__ import annotations

import pickle

import pytest

from mediadask import errors


def kinds() -> list[type[errors.MediaError]]:
    known = [getattr(errors, name) for name in errors.__all__]
    return [kind for kind in known if issubclass(kind, errors.MediaError)]


@pytest.mark.parametrize("kind", kinds())
def test_says_where_what_and_what_to_do_in_one_line(kind: type[errors.MediaError]) -> None:
    error = kind("does not\ndecode", where="a.mov", frame=7, do="copy it again")
    assert str(error) == "a.mov frame 7: does not decode; copy it again"


@pytest.mark.parametrize("kind", kinds())
def test_crosses_processes_whole(kind: type[errors.MediaError]) -> None:
    error = pickle.loads(pickle.dumps(kind("is empty", where="a.mov", do="copy it again", frame=0)))
    assert type(error) is kind
    assert (str(error), error.where, error.frame) == ("a.mov frame 0: is empty; copy it again", "a.mov", 0)


def test_missing_media_is_also_what_python_calls_it() -> None:
    with pytest.raises(FileNotFoundError, match=r"^a.mov: no such file$"):
        raise errors.MissingMedia("no such file", where="a.mov")
