"""The file by which people's decisions on documents go from one store to another."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from blocks.errors import UsageError
from blocks.http.models import NOT_THE_JSON
from blocks.store.audit_rows import AuditRow, decided


class _Exported(msgspec.Struct, forbid_unknown_fields=True):
    """What the file holds: whole rows, for what was posted, and may be in LN, goes with a decision."""

    daybook: Literal["decisions on payments"]
    version: Literal[1]
    connection: str
    rows: list[AuditRow]


def write(file: Path, connection: str, rows: Sequence[AuditRow]) -> None:
    """Write rows on which people have decided. Raises UsageError."""
    content = msgspec.json.encode(_Exported("decisions on payments", 1, connection, list(rows)))
    try:
        # A new file, whole or not at all: the rights of one that was there may be others.
        fresh, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        with open(fresh, "wb") as out:  # noqa: PTH123 - it is a descriptor, not a path
            out.write(msgspec.json.format(content, indent=1) + b"\n")
        Path(name).replace(file)
    except OSError as error:
        raise UsageError(f"{file} cannot be written ({error.strerror}).") from None


def read(file: Path) -> list[AuditRow]:
    """Return the rows in a file that `write` has written. Raises UsageError."""
    try:
        rows = msgspec.json.decode(file.read_bytes(), type=_Exported).rows
    except OSError as error:
        raise UsageError(f"{file} cannot be read ({error.strerror}).") from None
    except NOT_THE_JSON as error:
        raise UsageError(
            f"{file} is not a file that audit export wrote: {error}. Nothing was imported."
        ) from None
    undecided = [
        str(row.key)
        for row in rows
        if decided(row) is None or not _aware(row) or not _tells_what_was_seen(row)
    ]
    if undecided:
        raise UsageError(
            f"{file} is not a file that audit export wrote: a decision is missing, a time has no offset, or "
            f"a closing cannot be read, for {', '.join(undecided[:5])}. Nothing was imported."
        )
    return rows


def _aware(row: AuditRow) -> bool:
    instants = (getattr(row, name) for name in AuditRow.__dataclass_fields__)
    return all(at.tzinfo is not None for at in instants if isinstance(at, dt.datetime))


def _tells_what_was_seen(row: AuditRow) -> bool:
    try:
        _ = row.closed_at_sight_of
    except (ValueError, LookupError, TypeError):
        return False
    return True
