"""What a database's refusal means, and how people are told of it: by its code, never by its text.

The text of a database error can hold parameters, passwords and addresses. PostgreSQL's codes are those of
its manual, appendix A; SQLite's are those of https://www.sqlite.org/rescode.html.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoneFree

_NO_CONNECTION: Final = "no connection to the database came about, or it was lost. Is the database up?"
_NO_ANSWER: Final = "the database did not answer in time. Is it up, and reachable from here?"
_STARTING: Final = "the database is starting, stopping or being recovered"
_READ_ONLY: Final = "the database can only be read now. This user must be able to write to it"
_FULL: Final = "its disk is full"
_OTHER_TABLES: Final = "its tables are not as Daybook made them"

# By the whole code, or else by its class, the first two characters.
_POSTGRESQL: Final = {
    "08": _NO_CONNECTION,
    "0A": "the database cannot do what is asked of it. It must be PostgreSQL itself, and no older than 12",
    "25006": _READ_ONLY,
    "28": "the database refuses this user or its password",
    "3D": "there is no database of this name",
    "3F": "there is no schema of this name",
    "40": "another transaction was in the way",
    "42": _OTHER_TABLES,
    "42501": "this user may not do there what Daybook does. It must be able to read, write and make tables",
    "53100": _FULL,
    "53300": "the database has no connection free",
    "55P03": "another transaction was in the way",
    "57P": _STARTING,
    "57014": "the database broke off what took it too long",
}
_SQLITE: Final = {
    sqlite3.SQLITE_ERROR: _OTHER_TABLES,
    sqlite3.SQLITE_READONLY: "its file, or the folder that it is in, can only be read",
    sqlite3.SQLITE_CANTOPEN: "its file cannot be opened, or one beside it cannot be made",
    sqlite3.SQLITE_BUSY: "another program has kept it locked for half a minute",
    sqlite3.SQLITE_LOCKED: "another program has kept it locked for half a minute",
    sqlite3.SQLITE_IOERR: "its file cannot be read or written. Is its disk in order?",
    sqlite3.SQLITE_PERM: "this user may not use its file",
    sqlite3.SQLITE_AUTH: "this user may not use its file",
    sqlite3.SQLITE_FULL: _FULL,
}
# Who asks again later may be served: a connection that was lost, a server that is starting, none free.
_PASSING: Final = ("08", "53300", "57P")
# Rolled back by the database itself, also when it says so on a commit.
_GAVE_WAY: Final = ("40001", "40P01", "55P03")


def is_passing(error: BaseException, *, committing: bool) -> bool:
    """Tell whether a transaction was surely not kept, for a reason that may have passed in a moment.

    `committing`: the database had been asked to commit it, so that a lost connection says nothing.
    """
    code = _code(error)
    if code.startswith(_GAVE_WAY):
        return True
    return not committing and (code.startswith(_PASSING) or _is_lost(error))


def is_of_tables(error: BaseException) -> bool:
    """Tell whether a database lacks, or has already, a table, column or index of a statement."""
    return in_words(error) == _OTHER_TABLES


def in_words(error: BaseException) -> str:
    """Return why a database does not do what it was asked to, as the end of a sentence."""
    sqlite = getattr(_cause(error), "sqlite_errorcode", None)
    if sqlite is not None:
        name: str = getattr(_cause(error), "sqlite_errorname", "")
        return _SQLITE.get(sqlite & 0xFF, f"SQLite gives the code {name}")
    code = _code(error)
    for known in (code, code[:3], code[:2]):
        if known in _POSTGRESQL:
            return _POSTGRESQL[known]
    if code:
        return f"PostgreSQL gives the code {code}"
    if isinstance(error, TimeoutError):
        return _NO_ANSWER
    return _NO_CONNECTION if _is_lost(error) else "it does not take what it was given"


def _is_lost(error: BaseException) -> bool:
    """Tell whether there is no connection (any more); that of SQLite is a file, which is never lost."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or isinstance(_cause(error), OSError)
    return isinstance(error, OSError | NoneFree)


def _code(error: BaseException) -> str:
    """Return PostgreSQL's code of an error; empty where it is none of its own."""
    return getattr(_cause(error), "sqlstate", None) or ""


def _cause(error: BaseException) -> BaseException:
    """Return the driver's own error."""
    return getattr(error, "orig", None) or error
