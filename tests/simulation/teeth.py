"""The code broken on purpose, one small break at a time, to see whether the simulation would notice."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from blocks import transport
from blocks.store import JournalState, Store
from blocks.transport import Call, Transport
from flows.journals import books, read, sealing, send
from flows.journals.books import LiveJournal, Plan
from flows.journals.night import Night
from flows.journals.read import Books
from tests.simulation.breaking import Patch


def no_read_before_write(patch: Patch) -> None:
    """Take Xero for empty before sending, in place of reading it."""

    async def unread(night: Night, plan: Plan, known_ids: Sequence[str]) -> Books:
        return Books(books.match(plan, ()), night.clock.now())

    patch.setattr(send, "read_journals", unread)


def random_key(patch: Patch) -> None:
    """Give every request a key of its own, the repeats of a journal by later runs included."""
    patch.setattr(sealing, "request_key", lambda *_: str(uuid.uuid4()))


def new_key_after_a_timeout(patch: Patch) -> None:
    """Repeat an unanswered request under a new key, straight away."""
    exchange = transport.exchange

    async def renamed(client: Any, system: str, call: Call, headers: dict[str, str]) -> Any:
        if call.writes and call.first_sent:
            headers = {**headers, "Idempotency-Key": str(uuid.uuid4())}
        return await exchange(client, system, call, headers)

    patch.setattr(transport, "exchange", renamed)


def next_key_after_no_answer(patch: Patch) -> None:
    """Send a journal that got no answer under the key of a next generation, in a later run."""
    original = send.latest

    def raised(records: Any) -> Any:
        from dataclasses import replace

        found = original(records)
        return {
            name: replace(record, state=JournalState.REFUSED)
            if record.state in {JournalState.SENDING, JournalState.UNKNOWN}
            else record
            for name, record in found.items()
        }

    seal_missing = send.seal_missing

    async def sealed(*args: Any) -> Any:
        with pytest.MonkeyPatch.context() as within:
            within.setattr(send, "latest", raised)
            return await seal_missing(*args)

    patch.setattr(send, "seal_missing", sealed)


def intent_after_the_send(patch: Patch) -> None:
    """Write down that a request is sent once its answer is there."""
    sending, call = Store.sending.__wrapped__, Transport.call  # type: ignore[attr-defined]
    held: list[tuple[Any, ...]] = []

    async def hold(*args: Any) -> None:
        held.append(args)

    async def late(self: Transport, asked: Call, reader: Any) -> Any:
        try:
            return await call(self, asked, reader)
        finally:
            if asked.writes:
                for args in held:
                    await sending(*args)
                held.clear()

    patch.setattr(Store, "sending", hold)
    patch.setattr(Transport, "call", late)


def trust_a_200(patch: Patch) -> None:
    """Take every journal of a 200 for created, whatever its element says."""

    async def trusting(night: Night, records: Any, verdicts: Any) -> Any:
        ids = {verdict.narration: verdict.manual_journal_id for verdict in verdicts}
        await night.store.move(records, JournalState.CREATED, night.clock.now(), ids=ids)
        return ids, {}

    patch.setattr(send, "_record_verdicts", trusting)


def old_reads(patch: Patch) -> None:
    """Write on a read of any age."""
    patch.setattr(send, "FRESH", dt.timedelta(hours=1))


def old_reads_when_repeating(patch: Patch) -> None:
    """Repeat a request on a read of any age, as long as its key may live."""
    send_once = Transport._send

    async def unhurried(self: Transport, call: Call) -> Any:
        from dataclasses import replace

        return await send_once(self, replace(call, not_after=None) if call.first_sent else call)

    patch.setattr(Transport, "_send", unhurried)
    repeating = transport.repeating
    from dataclasses import replace

    patch.setattr(transport, "repeating", lambda call, *args: repeating(replace(call, not_after=None), *args))


def trust_a_ghost(patch: Patch) -> None:
    """Count a success as sent, though the journal it names is deleted."""
    patch.setattr(books.Confirmed, "vanished", lambda *_: False)


def count_deleted_as_live(patch: Patch) -> None:
    """Take a deleted draft for one that is there."""
    match = books.match

    def blind(plan: Plan, journals: Any) -> Any:
        def undead(one: LiveJournal) -> LiveJournal:
            return one._replace(status="DRAFT") if one.status == "DELETED" else one

        return match(plan, [undead(one) for one in journals])

    patch.setattr(read, "match", blind)


def send_voided_again(patch: Patch) -> None:
    """Treat a voided journal like a deleted draft."""
    patch.setattr(books, "VOIDED", "no such status")
    match = books.match

    def blind(plan: Plan, journals: Any) -> Any:
        return match(
            plan, [one._replace(status="DELETED") if one.status == "VOIDED" else one for one in journals]
        )

    patch.setattr(read, "match", blind)


BREAKS: tuple[Callable[[Patch], None], ...] = (
    no_read_before_write,
    random_key,
    new_key_after_a_timeout,
    next_key_after_no_answer,
    intent_after_the_send,
    trust_a_200,
    old_reads,
    old_reads_when_repeating,
    trust_a_ghost,
    count_deleted_as_live,
    send_voided_again,
)
