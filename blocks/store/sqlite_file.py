"""The SQLite file of a store: made whole or not at all, looked at before it is used, and how it is opened.

A file that nobody has is a new store. One that is there and holds none is no new store: it was emptied, or
is another program's, and to begin anew in its place would hide that a record was lost.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import mkstemp
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from blocks.errors import StoreError, UsageError
from blocks.store.database_errors import in_words

_BUSY_SECONDS: Final = 30
# How often it is tried to put a SQLite file into the mode it is used in.
_WAL_ATTEMPTS: Final = 100
# What SQLite keeps beside a file and reads back into whatever has its name.
_BESIDE: Final = ("-wal", "-journal")


def see_to(file: Path, fill: Callable[[Connection], None]) -> None:
    """Make a store where there is no file, and see that the file that is there holds one.

    `fill` makes the tables of a new one. Several runs can do this at once. Raises StoreError, and UsageError
    where the file cannot be made.
    """
    # Looked at first: where another run makes the store meanwhile, its file is there before these are.
    left = [path.name for path in (Path(f"{file}{end}") for end in _BESIDE) if _size(path)]
    if _size(file) is None:
        if left:
            beside = " and ".join(left)
            raise StoreError(
                f"The store {file} is gone, and {beside} beside it is not: it was removed or moved alone. "
                f"Put it back from a backup, or remove {beside} as well to begin with a new record: what is "
                "in Xero is found again there."
            )
        _make(file, fill)
    _require_store(file)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _make(file: Path, fill: Callable[[Connection], None]) -> None:
    """Make a new store under another name, and give it its own once it is whole, unless another run has."""
    try:
        handle, name = mkstemp(prefix=f".{file.name}.", suffix=".new", dir=file.parent)
        os.close(handle)
        engine = create_engine(URL.create("sqlite", database=name))
        # In one transaction: else each table would be written through to the disk by itself.
        event.listen(engine, "connect", _take_over)
        event.listen(engine, "begin", _begun)
        try:
            with engine.begin() as connection:
                fill(connection)
            # Not renamed: that would take the place of what another run has made meanwhile.
            os.link(name, file)
        finally:
            engine.dispose()
            Path(name).unlink()
    except FileExistsError:
        return
    except (OSError, SQLAlchemyError) as error:
        raise UsageError(f"The store {file} cannot be made: {_reason(error)}.") from None


def _require_store(file: Path) -> None:
    # Through SQLite alone: to close a file by other means would give up this process's locks on it.
    if not file.is_file():
        raise StoreError(f"The store {file} is not a file. {_remedy(file)}")
    if not _size(file):
        raise _emptied(file)
    address = f"file:{quote(str(file.absolute()))}?mode=rw"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS)) as database:
            found = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'daybook'").fetchone()
    except sqlite3.Error as error:
        if is_damage(error):
            raise damaged(file) from None
        raise StoreError(f"The store {file} cannot be used: {in_words(error)}.") from None
    if found is None:
        raise _emptied(file)


def _emptied(file: Path) -> StoreError:
    return StoreError(f"The file {file} is there, and there is no store in it any more. {_remedy(file)}")


def _reason(error: OSError | SQLAlchemyError) -> str:
    return (isinstance(error, OSError) and error.strerror) or in_words(error)


def is_damage(error: BaseException | None) -> bool:
    """Tell whether SQLite means that a file is not, or no longer, a whole database."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def damaged(file: Path) -> StoreError:
    """Return the error for such a file."""
    return StoreError(f"The store {file} is damaged: it is not a whole SQLite database. {_remedy(file)}")


def _remedy(file: Path) -> str:
    return (
        f"Restore it from a backup; or move it away, with what begins with {file.name} beside it, to begin "
        "with a new record: what is in Xero is found again there."
    )


def plain_engine(url: URL) -> Engine:
    """Return an engine for the file of a store that is used from a thread, set up as the store's own."""
    engine = create_engine(url.set(drivername="sqlite"))
    set_up(engine)
    return engine


def set_up(engine: Engine) -> None:
    """Let each connection of an engine be one that runs on the same file can share."""
    event.listen(engine, "connect", _connected)
    event.listen(engine, "begin", _begun)


def _begun(connection: Any) -> None:
    # Taking the write lock at once is waited for; taking it after a read fails if others have written.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _take_over(connection: Any, _record: Any) -> None:
    # The driver would begin by itself, and only before certain statements.
    connection.isolation_level = None


def _connected(connection: Any, record: Any) -> None:
    _take_over(connection, record)
    # A text that is none is found out where its row is read, and can be named there.
    record.driver_connection.text_factory = _text
    cursor = connection.cursor()
    # Another run's write is waited for; a commit survives the power being cut.
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
    _use_wal(cursor)
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


def _text(value: bytes) -> str:
    return value.decode(errors="surrogateescape")


def _use_wal(cursor: Any) -> None:
    """Let readers and a writer go side by side; where runs meet on a new file, only one can change it."""
    for attempt in reversed(range(_WAL_ATTEMPTS)):
        try:
            # Unlike other statements this one does not wait for its turn, but fails.
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if not attempt:
                raise
            time.sleep(0.05)
