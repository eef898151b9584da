"""How rows are written and read: the types of columns, and a dataclass as a row and back again.

SQLite keeps whatever it is given, and files are edited and damaged. So columns give their values as the
database has them, and `rows` holds each against its column's type: one bad date names its row, instead of
ending the reading of all.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

import sqlalchemy
from sqlalchemy import Connection, Dialect, Select, Table, TypeDecorator

from blocks.errors import Refusal, StoreError
from blocks.text import without_strays

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")


class _Raw(TypeDecorator[Any]):
    """A column that gives its values as the database has them."""

    impl: Any = sqlalchemy.Text

    def result_processor(self, dialect: Dialect, coltype: object) -> None:  # noqa: ARG002
        """Return None: nothing is done to a value before `rows` looks at it."""
        return


class Date(_Raw):
    """A date."""

    impl = sqlalchemy.Date
    cache_ok = True
    python_type = date


class Boolean(sqlalchemy.Boolean):
    """True or False; not a _Raw, whose comparisons with True are not SQL's own."""

    def result_processor(self, dialect: Dialect, coltype: object) -> None:  # noqa: ARG002
        """Return None; see _Raw."""
        return


class LargeBinary(_Raw):
    """Bytes."""

    impl = sqlalchemy.LargeBinary
    cache_ok = True
    python_type = bytes


class Text(_Raw):
    """A text as every database holds it, for SQLite takes what PostgreSQL refuses.

    What is no character is replaced, such as a NUL. A text that is longer than its column is refused, with
    Refusal: what is told apart by its beginning alone is not told apart.
    """

    cache_ok = True
    python_type = str

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Return a text as it is kept."""
        if value is None:
            return None
        longest: int | None = getattr(self.impl_instance, "length", None)
        if longest and len(value) > longest:
            raise Refusal(
                f'"{without_strays(value[:40])}…" has {len(value):,} characters. The store keeps at '
                f"most {longest} of such a text."
            )
        return without_strays(value)


class String(Text):
    """A text of a stated length; see Text."""

    impl = sqlalchemy.String
    cache_ok = True


def instant_text(at: datetime) -> str:
    """Return an instant as it is kept: SQLite has no type for it, and in UTC texts are in order."""
    return at.astimezone(UTC).isoformat()


def instant(value: str) -> datetime:
    """Return a kept instant. Raises ValueError."""
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        raise ValueError("an instant has its offset")
    return at


def instant_of(value: str | None) -> datetime | None:
    """Return a kept instant, where there is one. Raises ValueError."""
    return instant(value) if value else None


def row_of(record: DataclassInstance) -> dict[str, Any]:
    """Return the fields of a record as the columns of their names keep them."""
    found = {name: getattr(record, name) for name, _ in _readers(type(record))}
    return {name: instant_text(one) if isinstance(one, datetime) else one for name, one in found.items()}


def record_of(kind: Callable[..., T], row: Mapping[str, Any]) -> T:
    """Return the record of a dataclass that a row holds. Raises ValueError."""
    return kind(**fields_of(kind, row))


def fields_of(kind: Callable[..., Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """Return those fields of a dataclass that are columns of a row. Raises ValueError."""
    return {
        name: row[name] if read is None else read(row[name]) for name, read in _readers(kind) if name in row
    }


@cache
def _readers(kind: type[DataclassInstance]) -> tuple[tuple[str, Callable[[Any], Any] | None], ...]:
    hints = get_type_hints(kind)
    return tuple((one.name, _reader(hints[one.name])) for one in fields(kind))


def _reader(hint: Any) -> Callable[[Any], Any] | None:
    """Return what makes a field's value of its column's, where that is another."""
    if datetime in get_args(hint):
        return instant_of
    if hint is datetime:
        return instant
    # Null where it was not recorded yet counts as False.
    return hint if hint is bool or (isinstance(hint, type) and issubclass(hint, StrEnum)) else None


def rows(
    connection: Connection,
    query: Select[Any],
    table: Table,
    make: Callable[[Mapping[str, Any]], T],
    given: Mapping[str, Any] | None = None,
) -> list[T]:
    """Return what `make` makes of each row that a query selects, whole rows of a table; values by column.

    `given`: the values of the query's parameters.

    The one way in which rows are read. Raises StoreError naming the table and the key of a row that is not
    what was written: a value of another type than its column's, or one of which `make` cannot make anything.
    """
    columns = _columns(table)
    found: list[T] = []
    for row in connection.execute(query, given):
        try:
            values = zip(columns, row, strict=True)
            found.append(make({name: _value(value, kind, null) for (name, kind, null), value in values}))
        except (ValueError, TypeError, LookupError, ArithmeticError, zlib.error):
            key = ", ".join(str(row[list(table.columns).index(one)])[:200] for one in table.primary_key)
            raise StoreError(
                f"The store at {address_of(connection.engine.url)} is damaged: the row {key!r} of its table "
                f"{table.name} cannot be read. Restore the store from a backup, or have that row corrected; "
                "until then nothing is done that depends on it."
            ) from None
    return found


def address_of(url: sqlalchemy.URL) -> str:
    """Return where a database is, without its password."""
    return url.set(query={}).render_as_string(hide_password=True)


@cache
def _columns(table: Table) -> tuple[tuple[str, type[Any], bool], ...]:
    """Return the name of each column, the type of its values, and whether it can be without one."""
    return tuple((one.name, one.type.python_type, bool(one.nullable)) for one in table.columns)


def _value(value: Any, kind: type[Any], null: bool) -> Any:
    """Return a value of a column of a type, as the database gives it, in that type. Raises ValueError."""
    if type(value) is kind:
        if kind is str:
            value.isascii() or value.encode()  # what was no UTF-8 has become what cannot be encoded
        return value
    if value is None and null:
        return None
    # SQLite has neither a type for dates nor one for truth.
    if kind is date and type(value) is str and str(date.fromisoformat(value)) == value:
        return date.fromisoformat(value)
    if kind is bool and type(value) is int and value in {0, 1}:
        return bool(value)
    raise ValueError(f"{type(value).__name__} where {kind.__name__} is meant")
