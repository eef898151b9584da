"""The audit table and the windows, on SQLite files and on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from blocks.errors import LeaseLost, Refusal, StoreError, UsageError
from blocks.store import audit_rows as rules
from blocks.store.audit_rows import AuditRow, Entry, Key, Kind, MayNotSend, Result, Status
from blocks.store.journals import Store
from blocks.store.models import CollectedWindow, Lease
from tests.helpers.stores import Database

AT = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
LATER = AT + timedelta(hours=1)
SENT = Result(Status.SENT, "Accepted by LN.", 201)


def entry(number: int = 1, kind: Kind = Kind.PAYMENT, **other: object) -> Entry:
    made = Entry(
        Key("org", kind, f"id-{number}"),
        "default",
        1,
        "300000366",
        "303-SI1-1234567890",
        "ABC Customer ltd — Zoë",
        date(2020, 6, 29),
        "123456789012345678.90",
        "EUR",
    )
    return replace(made, **other)  # type: ignore[arg-type]


@contextmanager
def counted_transactions(store: Store) -> Iterator[list[object]]:
    """Yield a list that grows by each transaction begun."""
    begun: list[object] = []
    transaction = store.database.transaction
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store.database, "transaction", lambda work: begun.append(1) or transaction(work))
        yield begun


async def posted(store: Store, one: Entry, result: Result | None = None) -> AuditRow:
    """Post a document as far as the record knows."""
    row = await store.audit.posting(one, '{"a":1}', "run-1", AT)
    return await store.audit.settled(one.key, result, AT) if result else row


async def test_a_row_is_read_as_it_was_written(database: Database) -> None:
    """Every part of a row comes back from another engine as it went in."""
    refused = Result(Status.FAILED, "no", 422, "c", "m — é", "r-1", posted=False)
    async with database.store() as store:
        await posted(store, entry(), refused)
        row = await store.audit.discard(entry().key, "ann", "by hand", LATER)
        bare = await store.audit.noted(
            Entry(Key("org", Kind.OVERPAYMENT, "o"), "default"), Status.UNSUPPORTED, "x", "r", AT
        )
    async with database.store() as store:
        held = await store.audit.rows_of([row.key, bare.key, entry(9).key])
    assert held == {row.key: row, bare.key: bare}
    assert row.entry == entry()
    assert row.result == refused


async def test_a_row_that_opened_again_keeps_what_was_closed(database: Database) -> None:
    """What a person saw who closed a row comes back from another engine once a change has opened it."""
    seen = entry(bank_account="00123456", rate="1.09177", xero_status="live")
    now = replace(seen, amount="2.0", day=None, xero_status="DRAFT")
    async with database.store() as store:
        await posted(store, seen, Result(Status.FAILED, "no"))
        await store.audit.discard(seen.key, "ann", "by hand", LATER)
        row = await store.audit.noted(now, Status.EXCEPTION, "changed", "run-2", LATER)
    async with database.store() as store:
        held = (await store.audit.rows_of([row.key]))[row.key]
    assert held == row
    assert (held.status, held.entry, held.closed_at_sight_of) == (Status.EXCEPTION, now, seen)


async def test_both_stores_take_and_refuse_the_same(database: Database) -> None:
    """What is no character is replaced, and what is longer than its place is refused in words, by either."""
    odd = entry(contact_name="A\0B", invoice_number="\ud800")
    refused = Result(Status.FAILED, "N\0", 422, "c\0", "m\udfff", "r\0")
    async with database.store() as store:
        await posted(store, odd, refused)
        (row,) = await store.audit.rows("default")
        said = (row.entry.contact_name, row.entry.invoice_number, row.result.reason, row.result.ln_message)
        assert said == ("A\ufffdB", "\ufffd", "N\ufffd", "m\ufffd")
        for name in ("partner", "currency", "amount", "prepayment_id"):
            with pytest.raises(Refusal, match="300 characters"):
                await posted(store, entry(2, **{name: "1" * 300}))
        with pytest.raises(Refusal, match="300 characters"):
            await posted(store, entry(3, key=Key("org", Kind.PAYMENT, "x" * 300)))
        assert await store.audit.rows("default") == [row]


async def test_a_row_per_document(database: Database) -> None:
    """However often a document is tried, it has one row; kind, id and organisation tell rows apart."""
    others = [entry(1, Kind.PREPAYMENT), entry(2), entry(1, key=Key("other", Kind.PAYMENT, "id-1"))]
    async with database.store() as store:
        for one in [entry(), *others]:
            await posted(store, one, Result(Status.FAILED, "no"))
        row = await posted(store, entry(), Result(Status.FAILED, "still no"))
        assert (row.tries, row.reason, row.first_seen) == (2, "still no", AT)
        assert len(await store.audit.rows("default")) == 4


async def test_unknown_is_written_before_the_answer(database: Database) -> None:
    """A run that dies after a post has left an unknown row with the message."""
    async with database.store() as store:
        await posted(store, entry())
    async with database.store() as store:
        (row,) = await store.audit.to_look_at_again("org")
    assert (row.status, row.message, row.tries) == (Status.UNKNOWN, '{"a":1}', 1)


async def test_the_rules_hold_in_the_store(database: Database) -> None:
    """What LN has is not posted again, and a refused change leaves the row as it was."""
    async with database.store() as store:
        row = await posted(store, entry(), SENT)
        with pytest.raises(MayNotSend):
            await posted(store, entry())
        with pytest.raises(Refusal):
            await store.audit.noted(entry(), Status.DISCARDED, "x", "run-2", LATER)
        assert await store.audit.settled(entry().key, Result(Status.FAILED, "late"), LATER) == row
        assert await store.audit.rows_of([row.key]) == {row.key: row}


async def test_further_posts_are_counted(database: Database) -> None:
    """A post again within a run is one more try."""
    async with database.store() as store:
        await posted(store, entry())
        await store.audit.posted_again(entry().key, LATER)
        row = await store.audit.settled(entry().key, SENT, LATER)
    assert (row.tries, row.sent_at) == (2, LATER)


async def test_what_is_closed_meanwhile_is_posted_no_more(database: Database) -> None:
    """A document that a person closes during a posting's tries gets no further one, and ends as it ended."""
    async with database.store() as store:
        await posted(store, entry())
        await store.audit.discard(entry().key, "ann", "by hand", LATER)
        with pytest.raises(MayNotSend):
            await store.audit.posted_again(entry().key, LATER)
        row = await store.audit.settled(entry().key, Result(Status.FAILED, "busy"), LATER)
    assert (row.status, row.tries, row.in_doubt) == (Status.DISCARDED, 1, False)


async def test_a_run_that_lost_its_lease_posts_nothing(database: Database) -> None:
    """Neither a first post nor a further one is written down for a run whose lease is another's."""
    lease = Lease("payments", "default", date(2026, 11, 21), "me", "here", "deliver", AT, AT)
    async with database.store() as store:
        await store.leases.take(lease, only_one_here=False)
        await store.audit.posting(entry(), "{}", "run-1", AT, lease)
        await store.audit.posted_again(entry().key, AT, lease)
        thief = replace(lease, owner="other", renewed_at=AT + timedelta(hours=1))
        await store.leases.take(thief, only_one_here=False)
        with pytest.raises(LeaseLost):
            await store.audit.posting(entry(2), "{}", "run-1", AT, lease)
        with pytest.raises(LeaseLost):
            await store.audit.posted_again(entry().key, AT, lease)
        with pytest.raises(LeaseLost):
            await store.audit.noted(entry(), Status.EXCEPTION, "x", "run-1", AT, lease)
        assert [row.tries for row in await store.audit.rows("default")] == [2]


async def test_changes_that_come_together_share_a_transaction(database: Database) -> None:
    """Of changes made at the same time each gets its own row or refusal, from few transactions."""
    lease = Lease("payments", "default", date(2026, 11, 21), "gone", "here", "deliver", AT, AT)
    async with database.store() as store:
        await posted(store, entry(1), SENT)
        with counted_transactions(store) as begun:
            found = await asyncio.gather(
                *(store.audit.posting(entry(number), "{}", "run-1", AT) for number in range(20)),
                store.audit.posting(entry(20), "{}", "run-1", AT, lease),
                store.audit.settled(entry(0).key, SENT, LATER),
                store.audit.settled(entry(21).key, SENT, LATER),
                return_exceptions=True,
            )
        assert len(begun) <= 2
        kinds = [type(one) for one in found]
        assert kinds == [AuditRow, MayNotSend, *[AuditRow] * 18, LeaseLost, AuditRow, Refusal]
        held = await store.audit.rows("default")
        assert sorted(row.key.xero_id for row in held) == sorted(f"id-{number}" for number in range(20))
        assert {row.status for row in held if row.key.xero_id in {"id-0", "id-1"}} == {Status.SENT}


async def test_no_change_is_answered_that_is_not_committed(database: Database) -> None:
    """Where a transaction fails, all the changes in it fail, and later ones are written all the same."""
    async with database.store() as store:
        broken = entry(1, partner=None)
        found = await asyncio.gather(
            *(store.audit.posting(one, "{}", "run-1", AT) for one in (entry(0), broken, entry(2))),
            return_exceptions=True,
        )
        assert [type(one) for one in found] == [StoreError] * 3
        assert await store.audit.rows("default") == []
        assert (await posted(store, entry(2), SENT)).status is Status.SENT


async def test_of_two_runs_that_begin_the_same_document_one_may_post_it(database: Database) -> None:
    """Where two runs write a new row down at the same time, one of them is told that it may not post."""
    async with database.store() as one, database.store() as other:
        for number in range(10):
            found = await asyncio.gather(
                one.audit.posting(entry(number), "{}", "run-1", AT),
                other.audit.posting(entry(number), "{}", "run-2", AT),
                return_exceptions=True,
            )
            rows = [row for row in found if isinstance(row, AuditRow)]
            held = await one.audit.rows_of([entry(number).key])
            # One after the other is fine, for then the second one counts the first one's try.
            assert held[entry(number).key].tries == len(rows)


async def test_what_later_runs_look_at(database: Database) -> None:
    """Failed, unknown and exceptional rows of the organisation come back; closed and sent ones do not."""
    async with database.store() as store:
        await posted(store, entry(1), Result(Status.FAILED, "no"))
        await posted(store, entry(2))
        await store.audit.noted(entry(3), Status.EXCEPTION, "x", "run-1", AT)
        await posted(store, entry(4), SENT)
        await store.audit.noted(entry(4), Status.EXCEPTION, "reverse by hand", "run-1", AT)
        await store.audit.noted(entry(5), Status.UNSUPPORTED, "x", "run-1", AT)
        await posted(store, entry(6), Result(Status.FAILED, "no"))
        await store.audit.discard(entry(6).key, "ann", "x", AT)
        await posted(store, entry(7, key=Key("other", Kind.PAYMENT, "id-7")), Result(Status.FAILED, "no"))
        found = await store.audit.to_look_at_again("org")
        assert [row.key.xero_id for row in found] == ["id-1", "id-2", "id-3"]
        await store.audit.undiscard(entry(6).key, "ann", AT)
        assert len(await store.audit.to_look_at_again("org")) == 4


async def test_rows_as_people_ask_for_them(database: Database) -> None:
    """Rows are filtered by status, time and connection; closed ones are hidden unless asked for."""
    async with database.store() as store:
        await posted(store, entry(1), SENT)
        await store.audit.noted(entry(2), Status.EXCEPTION, "x", "run-1", LATER)
        await store.audit.noted(entry(3), Status.DISCARDED, "x", "run-1", LATER)
        await posted(store, entry(4, connection="other"), SENT)

        async def ids(**wanted: object) -> list[str]:
            return [row.key.xero_id for row in await store.audit.rows("default", **wanted)]  # type: ignore[arg-type]

        assert await ids() == ["id-1", "id-2"]
        assert await ids(discarded=True) == ["id-1", "id-2", "id-3"]
        assert await ids(statuses=[Status.DISCARDED]) == ["id-3"]
        assert await ids(statuses=[Status.SENT, Status.DISCARDED], since=LATER) == ["id-3"]
        assert await ids(since=LATER) == ["id-2"]


async def test_a_person_means_a_row_of_the_connection(database: Database) -> None:
    """A row is found by kind and id within its connection; one that is not there cannot be closed."""
    async with database.store() as store:
        row = await posted(store, entry(), SENT)
        assert await store.audit.find("default", Kind.PAYMENT, "id-1") == row
        assert await store.audit.find("default", Kind.ALLOCATION, "id-1") is None
        assert await store.audit.find("other", Kind.PAYMENT, "id-1") is None
        for act in (
            store.audit.discard(entry(2).key, "ann", "x", AT),
            store.audit.undiscard(entry(2).key, "ann", AT),
        ):
            with pytest.raises(UsageError, match="no payment:id-2"):
                await act


async def test_allocations_of_prepayments(database: Database) -> None:
    """The allocations known of some prepayments come back, and nothing else."""
    async with database.store() as store:
        for number, prepayment in enumerate(["p", "p", "q", ""]):
            await posted(store, entry(number, Kind.ALLOCATION, prepayment_id=prepayment), SENT)
        await posted(store, entry(9, Kind.PREPAYMENT, prepayment_id="p"), SENT)
        found = await store.audit.allocations_of("org", ["p", "p", "z"])
        assert [row.key.xero_id for row in found] == ["id-0", "id-1"]
        assert await store.audit.allocations_of("org", []) == []


async def test_a_window_advances_once_all_that_was_collected_has_a_row(database: Database) -> None:
    """A window with an item that has no row stays open, and the item is named."""
    window = CollectedWindow("default", AT - timedelta(hours=1), AT, "run-1")
    async with database.store() as store:
        assert await store.audit.collected_until("default") is None
        await posted(store, entry(1), SENT)
        with pytest.raises(Refusal, match="payment:id-2"):
            await store.audit.advance(window, [entry(1).key, entry(2).key], AT)
        assert await store.audit.collected_until("default") is None
        await store.audit.advance(window, [entry(1).key], AT)
        await store.audit.advance(window, [], LATER)
        assert await store.audit.collected_until("default") == AT
        assert await store.audit.collected_until("other") is None


async def test_a_window_never_moves_back(database: Database) -> None:
    """A window of the past, asked for by a person, leaves the place at which the next run goes on."""
    async with database.store() as store:
        await store.audit.advance(CollectedWindow("default", AT, LATER, "run-1"), [], LATER)
        await store.audit.advance(CollectedWindow("default", AT - timedelta(days=9), AT, "run-2"), [], LATER)
        assert await store.audit.collected_until("default") == LATER


async def test_many_keys_at_once(database: Database) -> None:
    """More keys than one statement can name are looked up all the same."""
    async with database.store() as store:
        await posted(store, entry(1), SENT)
        keys = [entry(number).key for number in range(1200)]
        assert list(await store.audit.rows_of(keys)) == [entry(1).key]


async def test_decisions_are_taken_over_once(database: Database) -> None:
    """Rows on which people decided elsewhere are written as they are, and a second time change nothing."""
    unknown = rules.posting(None, entry(1), '{"a":1}', "run-1", AT)
    held = rules.noted(None, entry(2), Status.EXCEPTION, "why", "run-1", AT)
    mine = [rules.discarded(unknown, "Ann", "by hand", LATER), rules.undiscarded(held, "Ben", LATER)]
    async with database.store() as store:
        assert await store.audit.carry_over(mine) == 2
    async with database.store() as store:
        assert await store.audit.rows_of([entry(1).key, entry(2).key]) == {row.key: row for row in mine}
        assert await store.audit.decided("default") == mine
        assert await store.audit.carry_over(mine) == 0


async def test_what_is_from_before_the_start_is_closed_together(database: Database) -> None:
    """Those that wait for a word are closed, by date; not what was let go, or is held for another reason."""
    before = f"{rules.BEFORE_START}2026-11-01."
    days = [date(2026, 10, 30), date(2026, 10, 29), date(2026, 10, 28)]
    async with database.store() as store:
        for number, day in enumerate(days):
            one = entry(number, day=day)
            await store.audit.noted(one, Status.EXCEPTION, before, "run-1", AT)
        await store.audit.noted(entry(7), Status.EXCEPTION, "Not sent: no code.", "run-1", AT)
        await store.audit.noted(entry(8, connection="other"), Status.EXCEPTION, before, "run-1", AT)
        await store.audit.undiscard(entry(2).key, "Ann", LATER)
        closed = await store.audit.discard_from_before_start("default", "Ben", "by hand", LATER)
        assert [row.key for row in closed] == [entry(1).key, entry(0).key]
        assert {row.discarded_by for row in closed} == {"Ben"}
        assert await store.audit.waiting_from_before_start("default") == []
        assert [row.key for row in await store.audit.rows("default")] == [entry(2).key, entry(7).key]
        assert await store.audit.waiting_from_before_start("other") != []
