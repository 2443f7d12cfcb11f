"""Ledgers of every schema there has been, with rows, open in this version and tell all that they told.

``ledger_schemas`` has one file for each kind of database and each form the tables have had, version first.
"""

from __future__ import annotations

import socket
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy import Engine, inspect, select

from mediadask.errors import InvalidRequest
from mediadask.pool.config import load_config
from mediadask.pool.ledger import reports, tables
from mediadask.pool.ledger.costs import costs
from mediadask.pool.ledger.journal import Journal
from mediadask.pool.ledger.ledger import Ledger
from mediadask.pool.ledger.schedule import schedule
from mediadask.pool.ledger.tables import open_database

if TYPE_CHECKING:
    from tests.pool.conftest import PostgresServer

SCHEMAS = Path(__file__).parent / "ledger_schemas"
FORMS = sorted(path.name for path in SCHEMAS.glob("*.sql"))


@pytest.fixture(params=FORMS)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """The URL of a ledger in one of the old forms, and which."""
    script = (SCHEMAS / request.param).read_text()
    form, kind, _ = request.param.split(".")
    if kind == "sqlite":
        path = tmp_path / "old.sqlite"
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(script)
        return str(path), form
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.new_database()
    with psycopg.connect(url) as connection:
        connection.execute(script)  # type: ignore[call-overload]
    return url, form


def shape(engine: Engine) -> dict[str, Any]:
    """What the tables are, whichever way they came to be so."""
    found = inspect(engine)
    return {
        name: (
            {(each["name"], str(each["type"]), each["nullable"]) for each in found.get_columns(name)},
            found.get_pk_constraint(name)["constrained_columns"],
            {(each["name"], tuple(each["column_names"])) for each in found.get_indexes(name)},
        )
        for name in [*found.get_table_names(), *found.get_view_names()]
    }


def test_every_version_is_among_them() -> None:
    versions = {int(name.partition("-")[0].partition(".")[0]) for name in FORMS}
    assert versions == set(range(1, tables.SCHEMA_VERSION + 1)), "a new schema needs its file here"


def test_an_old_ledger_becomes_as_a_new_one_is(
    old: tuple[str, str], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url, _ = old
    is_postgres = url.startswith("postgresql")
    fresh = (
        request.getfixturevalue("postgres").new_database() if is_postgres else str(tmp_path / "new.sqlite")
    )
    migrated, new = open_database(url), open_database(fresh)
    assert shape(migrated) == shape(new)
    with migrated.connect() as connection:
        assert connection.execute(select(tables.schema)).all() == [(tables.SCHEMA_VERSION,)]
    migrated.dispose()
    new.dispose()


def test_all_reports_tell_what_they_told(old: tuple[str, str]) -> None:
    url, form = old
    engine, config = open_database(url), load_config()
    history = reports.history(engine).set_index("job")
    assert list(history["status"]) == ["orphaned", "failed", "done"]
    assert history.loc["j2", "error"] == "A001.mov: is cut off"
    assert history.loc["j1", "submitted"].isoformat() == "2026-05-01T10:00:00+00:00"
    turnaround = reports.turnaround(engine, config).set_index("priority")
    assert turnaround.loc["urgent", ["jobs", "max_seconds", "deadlines_met"]].tolist() == [1, 1800, 1]
    (delay,) = reports.delays(engine).to_dict("records")
    assert (delay["name"], delay["for_name"], delay["times"], delay["seconds"]) == (
        "dailies", "turnover 7", 1, 1800,
    )  # fmt: skip
    spent = costs(engine, config, by="job").set_index("job")
    has_shares = not form.startswith("1-") or form == "1-shares"
    assert spent.loc["j1", "compute"] == pytest.approx(1.5 if has_shares else 1.0)
    assert spent.loc["j2", ["compute", "retries"]].tolist() == pytest.approx(
        [0.5 if has_shares else 1.0, 1.0]
    )
    assert spent["total"].sum() == pytest.approx(8) == spent.attrs["leased"]
    stretches = schedule(engine, config, ["j1", "j2", "j3"])
    assert list(stretches["state"]).count("paused") == 1
    assert stretches.loc[stretches["job"] == "j1", "unit"].tolist() == ["pull-1"]
    (first,) = stretches.loc[stretches["job"] == "j1", "ended"]
    assert first.isoformat() == "2026-05-01T10:30:01+00:00"
    engine.dispose()


def test_an_old_ledger_is_written_on(old: tuple[str, str]) -> None:
    url, _ = old
    with Ledger(url, pool="house") as ledger:
        (known,) = ledger.learned()
        assert known.seconds_per_frame == 7.5
        assert ledger.take_over() == [], "an older version did not sign it"
        assert ledger.flush()
        with ledger.engine.connect() as connection:
            job = connection.execute(select(tables.jobs).where(tables.jobs.c.job == "j3")).one()
    assert (job.status, job.payload) == ("failed", None)
    assert "has not signed it; submit it again" in job.error


def test_a_ledger_that_an_older_pool_writes_to_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((SCHEMAS / "1-shares.sqlite.sql").read_text())
        with Journal(tmp_path / "journals", "elsewhere", "s1") as journal:
            values = socket.gethostname(), str(journal.path)
            connection.execute("UPDATE sessions SET ended = NULL, host = ?, journal = ?", values)
            connection.commit()
            with pytest.raises(InvalidRequest, match="still writes to this ledger; end it"):
                open_database(str(path))
    open_database(str(path)).dispose()


def test_a_migration_that_fails_leaves_the_ledger_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((SCHEMAS / "1-shares.sqlite.sql").read_text())
        connection.executescript(
            "CREATE TABLE sums (something INTEGER)"
        )  # in the way of the last but one step
        before = list(connection.iterdump())
    with pytest.raises(Exception, match="sums"):
        open_database(str(path))
    with closing(sqlite3.connect(path)) as connection:
        assert list(connection.iterdump()) == before
