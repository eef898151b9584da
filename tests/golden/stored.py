"""What stands in a store, as others find it there: other machines, and later releases."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulation.stores import StoreFile

# Columns whose values are words of ours, whichever table they are in.
_WORDS = {"flow", "kind", "stage", "state", "status", "step", "task_state", "zone"}


def words_of(file: StoreFile) -> Iterator[str]:
    """Yield the words that stand in a store just now, each with its table and column."""
    for table in file.tables:
        columns = [row[1] for row in file._beside.execute(f"PRAGMA table_info({table})")]
        for column in columns:
            if column in _WORDS:
                for (word,) in file._beside.execute(f"SELECT DISTINCT {column} FROM {table}"):  # noqa: S608
                    yield f"{table}.{column}: {word}"


def leases_of(file: StoreFile) -> list[str]:
    """Return what is held by somebody just now, as the store names it."""
    rows = file._beside.execute("SELECT flow, connection, day FROM leases ORDER BY flow, connection, day")
    return [" ".join(row) for row in rows]
