"""The ledger's schema, from its SQLAlchemy tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx.pycode import ModuleAnalyzer
from sqlalchemy.dialects import postgresql, sqlite

from mediadask.pool.ledger import tables
from reference_pages.markdown import code, prose, table

if TYPE_CHECKING:
    from sqlalchemy import Column, Table

__all__ = ["all_tables", "page"]

_POSTGRESQL, _SQLITE = postgresql.dialect(), sqlite.dialect()


def all_tables() -> list[Table]:
    """The view `attempts` first, which people read, then the tables by name."""
    return [tables.attempts, *sorted(tables.metadata.tables.values(), key=lambda each: each.name)]


def page() -> str:
    """One section for each table, with all of its columns."""
    told = ModuleAnalyzer.for_module(tables.__name__)
    told.find_attr_docs()
    meaning = {name: " ".join(lines) for (_, name), lines in told.attr_docs.items()}
    names = {id(value): name for name, value in vars(tables).items()}
    sections = [f"The schema's version is {tables.SCHEMA_VERSION}."]
    for each in all_tables():
        rows = (
            (code(column.name), ", ".join((_type(column), *_key(column))), prose(column.doc or ""))
            for column in each.columns
        )
        sections += [f"## {each.name}", prose(meaning.get(names[id(each)], ""))]
        sections.append(table(("Column", "Type", "Meaning"), rows))
    return "\n\n".join(sections)


def _type(column: Column[object]) -> str:
    """In PostgreSQL, and in SQLite where that has another word."""
    words = dict.fromkeys(column.type.compile(dialect).lower() for dialect in (_POSTGRESQL, _SQLITE))
    return " / ".join(map(code, words))


def _key(column: Column[object]) -> list[str]:
    if column.primary_key:
        return ["key"]
    return ["may be null"] if column.nullable else []
