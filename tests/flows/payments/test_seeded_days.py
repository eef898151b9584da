"""Days of the sandbox's own trade, in which every case occurs: nothing is missed, and nothing is made up."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import json
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from blocks.store.audit_rows import AuditRow, Status
from blocks.xero.models import xero_instant
from flows.payments.report.summary import PaymentsSummary
from tests.helpers.failed_runs import page
from tests.helpers.sandboxed import Outcome, Sandboxed
from tests.helpers.trading import bare, message


@dataclass
class Seen:
    """A run over the sandbox's days, a second one, and what they left everywhere."""

    sandbox: Sandboxed
    start: dt.datetime
    outcome: Outcome[PaymentsSummary]
    rows: dict[str, AuditRow]
    books: list[dict[str, Any]]
    posts: list[dict[str, Any]]
    page: str
    table: str
    again: Outcome[PaymentsSummary]
    rows_again: dict[str, AuditRow]
    posts_again: list[dict[str, Any]]

    def xero(self, what: str) -> list[dict[str, Any]]:
        """Read a list straight from Xero: what has changed since the connection's start."""
        env = self.sandbox.process.env
        login = httpx.BasicAuth(env["XERO_CLIENT_ID"], env["XERO_CLIENT_SECRET"])
        form = {"grant_type": "client_credentials", "scope": env["XERO_SCOPES"]}
        token = httpx.post(env["XERO_TOKEN_URL"], data=form, auth=login, timeout=60).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        asked = {"page": "1", "pageSize": "1000"}
        answer = httpx.get(f"{env['XERO_BASE_URL']}/{what}", params=asked, headers=headers, timeout=60)
        found = json.loads(answer.raise_for_status().content, parse_float=str)[what]
        until = self.outcome.summary.until
        assert until is not None
        return [one for one in found if self.start <= instant(one["UpdatedDateUTC"]) < until]


def instant(text: str) -> dt.datetime:
    """Read an instant as Xero writes it."""
    found = xero_instant(text)
    assert found is not None
    return found


async def watched(sandbox: Sandboxed) -> Seen:
    """Run twice."""
    # Nothing more happens in Xero while we look.
    sandbox.control("clock", {"freeze": dt.datetime.now(dt.UTC).isoformat()})
    start = sandbox.payment_connection().start
    assert start is not None
    # By a record that was there before any of them.
    await sandbox.confirm(sandbox.payment_connection(), at=start - dt.timedelta(days=365))
    outcome = await sandbox.pay_run()
    rows, books, posts = await sandbox.audit(), sandbox.ln_books(), sandbox.ln_posts()
    run = outcome.summary.flow_run_id
    texts = [await page(f"{kind}-{outcome.summary.date}", run=run) for kind in ("payments", "payments-audit")]
    sandbox.http.delete("/control/requests")
    again = await sandbox.pay_run()
    later = await sandbox.audit(), sandbox.ln_posts()
    shown = texts[0] or "", texts[1] or ""
    return Seen(sandbox, start, outcome, rows, books, posts, *shown, again, *later)


@pytest.fixture(scope="module")
def seen(
    sandbox_process: Sandboxed, prefect: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Seen]:
    """Run once for all tests of this module."""
    sandbox_process.reset()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAYBOOK_HOME", str(tmp_path_factory.mktemp("home")))
        yield asyncio.run(watched(sandbox_process))


def test_every_item_of_xero_has_a_row_and_every_row_an_item(seen: Seen) -> None:
    """What Xero shows as changed since the start has a row each, and no row is about anything else."""
    payments, prepayments, overpayments = map(seen.xero, ("Payments", "Prepayments", "Overpayments"))
    applied = [part for one in (*prepayments, *overpayments) for part in one["Allocations"]]
    expected = {
        *(f"payment:{one['PaymentID']}" for one in payments),
        *(f"prepayment:{one['PrepaymentID']}" for one in prepayments),
        *(f"overpayment:{one['OverpaymentID']}" for one in overpayments),
        *(f"allocation:{part['AllocationID']}" for part in applied if "AllocationID" in part),
    }
    # Those that lack an id in Xero go by one that is made for them.
    made = {key for key in seen.rows if uuid.UUID(bare(key)).version == 5}

    assert seen.outcome.state.is_completed(), seen.outcome.message
    assert len(expected) > 100
    assert seen.rows.keys() - made == expected
    assert len(made) == sum("AllocationID" not in part for part in applied) > 0


def test_every_status_has_its_rows(seen: Seen) -> None:
    """The days have something of everything: sent, refused by LN, held back, unsupported and discarded."""
    counts = Counter(row.status for row in seen.rows.values())

    for status in (Status.FAILED, Status.EXCEPTION, Status.UNSUPPORTED, Status.DISCARDED):
        assert counts[status] > 0, status
    assert counts[Status.SENT] > 60
    assert counts[Status.UNKNOWN] == counts[Status.DUPLICATE] == 0


def test_books_and_table_agree(seen: Seen) -> None:
    """LN has booked each document that the table says is sent, once, as it stands there, and no other."""
    sent = {row.key.xero_id: row for row in seen.rows.values() if row.status is Status.SENT}
    booked = {one["payment_id"] or one["prepayment_id"]: one for one in seen.books}

    assert len(seen.books) == len(booked)
    assert booked.keys() == sent.keys()
    for xero_id, row in sent.items():
        written = message(row)
        assert booked[xero_id]["amount"] == written["InvoiceAmount"] == row.entry.amount
        assert (booked[xero_id]["document_type"], booked[xero_id]["partner"]) == (
            row.entry.document_type,
            row.entry.partner,
        )


def test_nothing_reaches_ln_but_messages_of_the_table(seen: Seen) -> None:
    """Each call is the message of one row, byte for byte, and no row is posted twice."""
    messages = {
        hashlib.sha256(row.message.encode()).hexdigest(): row for row in seen.rows.values() if row.message
    }
    posted = Counter(one["body_sha256"] for one in seen.posts)

    assert posted.keys() == messages.keys()
    assert {row.tries for row in messages.values()} == set(posted.values()) == {1}
    assert all(row.tries == 0 for row in seen.rows.values() if not row.message)


def test_each_line_of_a_batch_is_a_message(seen: Seen) -> None:
    """A batch payment goes out as one message for each of its lines."""
    batches: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in seen.xero("Payments"):
        if "BatchPaymentID" in one:
            batches[one["BatchPaymentID"]].append(one)

    assert batches
    for lines in batches.values():
        assert len(lines) == 3
        for line in lines:
            row = seen.rows[f"payment:{line['PaymentID']}"]
            assert row.status is Status.SENT
            assert message(row)["InvoiceNumber"] == line["Invoice"]["InvoiceNumber"]


def test_prepayments_come_first_and_what_is_applied_of_them_last(seen: Seen) -> None:
    """LN gets all prepayments before the payments, and all allocations after them.

    But for the very first document: that is the one that was changed first, alone, be it either of the two.
    """
    order = {"unallocated receipt": 0, "unallocated payment": 0, "assignment": 2}
    first, *places = [order.get(one["kind"], 1) for one in seen.books]

    assert places == sorted(places)
    assert set(places) == {0, 1, 2}
    assert first != order["assignment"]


def test_a_second_run_sends_nothing_that_was_sent(seen: Seen) -> None:
    """The next run calls LN for what was refused, and for nothing that LN has."""
    refused = {
        hashlib.sha256(row.message.encode()).hexdigest()
        for row in seen.rows.values()
        if row.status is Status.FAILED
    }

    assert seen.again.state.is_completed(), seen.again.message
    assert seen.again.summary.counts[Status.SENT] == 0
    assert {one["body_sha256"] for one in seen.posts_again} == refused


def test_a_second_run_leaves_every_row_as_it_is(seen: Seen) -> None:
    """The next run, which sees the same again, changes no row but those of what it has tried once more."""
    for key, row in seen.rows.items():
        again = seen.rows_again[key]
        if row.status is Status.FAILED:
            assert (again.status, again.tries) == (row.status, row.tries + 1)
        else:
            assert again == row
    assert seen.rows_again.keys() == seen.rows.keys()


def test_the_run_leaves_its_page_and_its_table(seen: Seen) -> None:
    """The date's page counts the documents and shows what is open; the date's table has every row."""
    summary = seen.outcome.summary

    assert f"| Sent now | {summary.counts[Status.SENT]:,} |" in seen.page
    for key, row in seen.rows.items():
        assert key in seen.table
        if row.status in {Status.FAILED, Status.EXCEPTION}:
            assert key in seen.page
    assert summary.documents == len(seen.rows)
