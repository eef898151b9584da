"""Whether the record may be gone by: one that may be new, or set back, lets nothing be sent.

Only the record knows what people entered manually in LN and discarded; LN never saw its id, and would book
it again. So a record without a window of a connection that began long ago, or one that LN knows more than,
waits until a person confirms it: from then on LN's word for what it has is an answer.

A note beside the store, on this machine, says how many runs it has recorded: a copy set back knows of fewer.
It is no record, and may be lost: then LN's word is what shows that a store is older than what was sent.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import msgspec

from blocks.http.models import NOT_THE_JSON
from blocks.private_files import home, private_folder
from blocks.store.audit_rows import Key
from flows.payments.errors import NotConfirmed
from flows.payments.run import PaymentsRun
from flows.payments.start import sending_since

# A connection that began within this time has nothing yet that a record could have lost.
_NEWLY = dt.timedelta(days=1)


async def require_confirmed_record(run: PaymentsRun) -> None:
    """Raise NotConfirmed where the record may be new, or set back, and no person has confirmed it.

    Counts the run otherwise, in the record and beside it.
    """
    if reason := await objection(run):
        raise not_confirmed(run, reason)
    known = noted(run.run_count).runs
    runs = await run.store.beginnings.count_run(run.name, known)
    note(run.run_count, RunCount(runs, run.clock.now()))


async def objection(run: PaymentsRun) -> str:
    """Return what speaks against the record: that it may be new, or set back, as far as nobody confirmed it.

    Empty for nothing. The sandbox's own record counts as confirmed.
    """
    if run.sandbox is not None:
        return ""
    said = await run.store.beginnings.of(run.name)
    there = run.xero.transport.there
    if said.confirmed_at:
        run.confirmed_at = there.at(said.confirmed_at)
        confirmed_on = run.confirmed_at.astimezone(dt.UTC).date()
        run.policy = replace(run.policy, confirmed_on=confirmed_on)
    if said.doubt:
        return said.doubt
    store, before = f"The store of the connection {run.name}", noted(run.run_count)
    if before.runs > said.runs and not (said.confirmed_at and said.confirmed_at >= before.at):
        begun = f"the run that started on this machine at {before.at:%Y-%m-%d %H:%M} UTC"
        return f"{store} has no record of {begun}: it was lost, or restored from an older copy."
    if run.last_window or said.confirmed_at or not await _began_long_ago(run):
        return ""
    begins = f"although they start at {await _began(run):%Y-%m-%d %H:%M} UTC"
    return f"{store} has no record of any run of these payments, {begins}: it may be new, or was lost."


def contradiction(run: PaymentsRun, key: Key) -> str:
    """Return what it means that LN has a document which the record has as never sent."""
    return (
        f"LN already has {key}, which was never sent according to the store of the connection {run.name}: "
        "the store may have been restored from an older copy, or another store sends payments as well."
    )


def not_confirmed(run: PaymentsRun, reason: str) -> NotConfirmed:
    """Return the error that says what to do about a record that may be new, or set back."""
    last, audit = run.last_window, run.audit_command
    known = f"ended {last.until:%Y-%m-%d %H:%M:%S} UTC" if last else "none"
    return NotConfirmed(
        f"{reason} The last window it knows: {known}. What people entered manually in LN "
        "and discarded may be missing from it and would be booked twice, so nothing more is sent. Restore "
        f"its newest copy, import people's decisions from an export ({audit} import FILE), or move the "
        "connection's start to after the manual entries. Then confirm that the payments may begin from this "
        f"store: {audit} begin"
    )


async def _began_long_ago(run: PaymentsRun) -> bool:
    now = run.xero.transport.there.said or run.clock.now()
    return now - await _began(run) > _NEWLY


async def _began(run: PaymentsRun) -> dt.datetime:
    return min(await sending_since(run), run.window.since)


class RunCount(msgspec.Struct, frozen=True):
    """How many runs of a connection its store had recorded when a run began here, and when that was."""

    runs: int
    at: dt.datetime


NOT_NOTED = RunCount(0, dt.datetime.min.replace(tzinfo=dt.UTC))


def file_for(address: str, connection: str) -> Path:
    """Return where the note on a connection in a store is."""
    name = hashlib.sha256(f"{address}\n{connection}".encode()).hexdigest()[:32]
    return private_folder(home() / "stores") / f"{name}.json"


def noted(file: Path | None) -> RunCount:
    """Return what was noted; nothing where there is no note, or none that can be read."""
    with suppress(OSError, *NOT_THE_JSON):
        found = msgspec.json.decode(file.read_bytes(), type=RunCount) if file else NOT_NOTED
        return found if found.at.tzinfo else NOT_NOTED
    return NOT_NOTED


def note(file: Path | None, found: RunCount) -> None:
    """Note how many runs a store has recorded; what cannot be written is not needed."""
    if file is None:
        return
    with suppress(OSError):
        fresh, name = tempfile.mkstemp(dir=file.parent)
        with os.fdopen(fresh, "wb") as out:
            out.write(msgspec.json.encode(found))
        Path(name).replace(file)
