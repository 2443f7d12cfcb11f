"""Tables of clips as files: Parquet, CSV and JSON."""

from __future__ import annotations

import json
import os
import tempfile
from importlib import import_module
from typing import TYPE_CHECKING

from mediadask.errors import InvalidRequest, OutputFailed
from mediadask.metadata.model import ABOUT, ClipMetadata
from mediadask.text import json_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

__all__ = ["check_table_name", "clip_table", "write_table"]

_SUFFIXES = (".parquet", ".csv", ".json")


def clip_table(clips: Sequence[ClipMetadata]) -> pd.DataFrame:
    """One row for each clip and a column for each field; `ABOUT` are JSON text, which every format holds."""
    import pandas as pd

    rows = []
    for clip in clips:
        every = clip.as_dict()
        rows.append(every | {name: json.dumps(every[name], ensure_ascii=False) for name in ABOUT})
    return pd.DataFrame(rows, columns=[*ClipMetadata.__dataclass_fields__]).convert_dtypes()


def check_table_name(path: str | os.PathLike[str]) -> None:
    """Raise `InvalidRequest` if `write_table` cannot write a file of that name."""
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in _SUFFIXES:
        what = f"ends in {suffix!r}, as no report does"
        raise InvalidRequest(what, where=path, do=f"name it .html, {', '.join(_SUFFIXES)}")
    if suffix == ".parquet":
        try:
            import_module("pyarrow")
        except ImportError:
            raise InvalidRequest(
                "needs a package that is not installed", where=path, do="pip install 'mediadask[parquet]'"
            ) from None


def write_table(clips: Sequence[ClipMetadata], path: str | os.PathLike[str]) -> None:
    """Write a table of clips, in one step: ``.parquet``, ``.csv``, or ``.json`` as ``info --json`` prints it.

    Raises
    ------
    InvalidRequest
        If the name ends otherwise, or pyarrow is missing for Parquet.
    OutputFailed
        If it cannot be written.
    """
    check_table_name(path)
    target = os.path.abspath(path)
    suffix = os.path.splitext(target)[1].lower()
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=os.path.dirname(target), suffix=suffix)
        os.close(handle)
        if suffix == ".json":
            with open(temporary, "w", encoding="utf-8") as file:
                file.write(json_text([clip.as_dict() for clip in clips]) + "\n")
        elif suffix == ".csv":
            clip_table(clips).to_csv(temporary, index=False)
        else:
            clip_table(clips).to_parquet(temporary)
        os.chmod(temporary, 0o644)
        os.replace(temporary, target)
    except OSError as error:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)
        what = f"cannot be written ({error.strerror or error})"
        raise OutputFailed(what, where=path, do="check the folder") from error
