"""A note beside the store, on this machine, of how many runs it has recorded: a copy set back knows of fewer.

It is no record, and may be lost: then LN's word is what shows that a store is older than what was sent.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

import msgspec

from blocks.http.models import NOT_THE_JSON
from blocks.private_files import home, private_folder


class Seen(msgspec.Struct, frozen=True):
    """How many runs of a connection its store had recorded when a run began here, and when that was."""

    runs: int
    at: dt.datetime


NOTHING = Seen(0, dt.datetime.min.replace(tzinfo=dt.UTC))


def file_for(address: str, connection: str) -> Path:
    """Return where the note on a connection in a store is."""
    name = hashlib.sha256(f"{address}\n{connection}".encode()).hexdigest()[:32]
    return private_folder(home() / "stores") / f"{name}.json"


def seen(file: Path | None) -> Seen:
    """Return what was noted; nothing where there is no note, or none that can be read."""
    with suppress(OSError, *NOT_THE_JSON):
        found = msgspec.json.decode(file.read_bytes(), type=Seen) if file else NOTHING
        return found if found.at.tzinfo else NOTHING
    return NOTHING


def note(file: Path | None, found: Seen) -> None:
    """Note how many runs a store has recorded; what cannot be written is not needed."""
    if file is None:
        return
    with suppress(OSError):
        fresh, name = tempfile.mkstemp(dir=file.parent)
        with os.fdopen(fresh, "wb") as out:
            out.write(msgspec.json.encode(found))
        Path(name).replace(file)
