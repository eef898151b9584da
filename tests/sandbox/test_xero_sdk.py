"""Xero's own client library drives the stand-in over a socket: a second opinion of what the API is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from xero_python.accounting import (
    AccountingApi,
    HistoryRecord,
    HistoryRecords,
    LineAmountTypes,
    ManualJournal,
    ManualJournalLine,
    ManualJournals,
    TrackingCategory,
)
from xero_python.api_client import ApiClient
from xero_python.api_client.configuration import Configuration
from xero_python.api_client.oauth2 import OAuth2Token
from xero_python.exceptions import HTTPStatusException

from blocks.sandbox.clock import SandboxClock
from blocks.sandbox.faults.layer import Faults
from blocks.sandbox.serving import http_server, listening
from blocks.sandbox.xero.app import CLIENT_ID, CLIENT_SECRET, PAYMENT_SCOPES, SCOPES, TENANT_ID, XeroStandIn
from tests.helpers.xero_stand_in import DAY, NOW, ZERO

ONE_BY_ONE = {"summarize_errors": "false"}  # as a string: the boolean goes out as "False"


class Sdk:
    """The library signed in at a stand-in, which is open to tests beside its clock and its faults."""

    def __init__(self) -> None:
        self.clock = SandboxClock()
        self.clock.freeze(NOW)
        self.standin = XeroStandIn(None, self.clock)
        self.faults = Faults(self.clock)
        self.listener = listening(0)
        self.server = http_server(self.faults.around("xero", self.standin))
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.listener]})
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.api: Any = None
        self.client: Any = None

    def sign_in(self) -> None:
        """Get a token; the library's own way asks for no scopes and goes to Xero's address."""
        form = {
            "grant_type": "client_credentials",
            "scope": f"{SCOPES} accounting.attachments {PAYMENT_SCOPES}",
        }
        answer = httpx.post(
            f"{self.url}/connect/token", data=form, auth=(CLIENT_ID, CLIENT_SECRET), timeout=60
        )
        token = {**answer.json(), "expires_at": 4_000_000_000, "refresh_token": "none", "id_token": "none"}
        token["scope"] = token["scope"].split()
        configuration = Configuration(oauth2_token=OAuth2Token(CLIENT_ID, CLIENT_SECRET))
        self.client = ApiClient(configuration, oauth2_token_getter=lambda: token, pool_threads=1)
        self.api = AccountingApi(self.client, base_url=f"{self.url}/api.xro/2.0")

    def reset(self) -> None:
        """Forget everything but the token."""
        self.standin.state.reset()
        self.standin.options = type(self.standin.options)()
        self.faults.clear()
        self.faults.log.clear()
        self.clock.freeze(NOW)

    def create(self, *journals: ManualJournal, **more: Any) -> list[ManualJournal]:
        """Create journals."""
        body = ManualJournals(manual_journals=list(journals))
        made = self.api.create_manual_journals(TENANT_ID, body, **{**ONE_BY_ONE, **more})
        return list(made.manual_journals)

    def listed(self, **params: Any) -> list[ManualJournal]:
        """Read a list."""
        return list(self.api.get_manual_journals(TENANT_ID, **params).manual_journals)

    def puts(self) -> int:
        """Return how many PUTs arrived."""
        return sum(one["method"] == "PUT" for one in self.faults.log.documents())


@pytest.fixture(scope="module")
def served() -> Iterator[Sdk]:
    """Serve one stand-in for this module."""
    sdk = Sdk()
    with closing(sdk.listener):
        sdk.thread.start()
        try:
            sdk.sign_in()
            yield sdk
            sdk.client.rest_client.pool_manager.clear()
        finally:
            sdk.server.should_exit = True
            sdk.thread.join(timeout=10)
            sdk.standin.close()


@pytest.fixture
def sdk(served: Sdk) -> Sdk:
    """Give the test an untouched stand-in."""
    served.reset()
    return served


def line(amount: str, code: str, **more: Any) -> ManualJournalLine:
    """Return a line as the library has it."""
    return ManualJournalLine(line_amount=Decimal(amount), account_code=code, tax_type="NONE", **more)


def journal(narration: str = "J1", **more: Any) -> ManualJournal:
    """Return a journal as the library has it."""
    made: dict[str, Any] = {
        "journal_lines": [line("100.25", "1010", description="d"), line("-100.25", "2000")],
        "date": DAY,
        "line_amount_types": LineAmountTypes.NOTAX,
        "status": "DRAFT",
        **more,
    }
    return ManualJournal(narration=narration, **made)


def test_the_organisation(sdk: Sdk) -> None:
    """The library reads the organisation with its id, currency and lock date."""
    sdk.standin.state.set("period_lock", "2026-10-31")
    (found,) = sdk.api.get_organisations(TENANT_ID).organisations
    assert (found.organisation_id, found.name) == (TENANT_ID, "Harbour Lending Ltd")
    assert found.base_currency.value == "GBP"
    assert found.period_lock_date == date(2026, 10, 31)


def test_accounts(sdk: Sdk) -> None:
    """The library filters and orders accounts, and reads their kinds, classes and states."""
    found = sdk.api.get_accounts(
        TENANT_ID, where='Class=="EQUITY" AND Status=="ACTIVE"', order="Code DESC"
    ).accounts
    assert [(one.code, one.type.value, one.status) for one in found] == [
        ("960", "EQUITY", "ACTIVE"),
        ("3000", "EQUITY", "ACTIVE"),
    ]
    every = sdk.api.get_accounts(TENANT_ID).accounts
    assert {one.code or "" for one in every if one.type.value == "BANK"} >= {"", "090"}
    since = sdk.api.get_accounts(TENANT_ID, if_modified_since=datetime(2026, 11, 1)).accounts  # noqa: DTZ001
    assert since == []


PAID = ("payments", "prepayments", "overpayments", "bank_transactions", "batch_payments")


@pytest.mark.parametrize("name", [*PAID, "invoices", "contacts", "credit_notes"])
def test_the_payments_side(sdk: Sdk, name: str) -> None:
    """The library decodes every list of the payments side, seeded days and all."""
    paging = {} if name == "batch_payments" else {"page": 1, "page_size": 1000}
    answer = getattr(sdk.api, f"get_{name}")(TENANT_ID, **paging)
    found = getattr(answer, name)
    assert len(found) > 10
    assert all(one.updated_date_utc is not None for one in found if hasattr(one, "updated_date_utc"))


def test_payments_by_change_and_filter(sdk: Sdk) -> None:
    """The library asks for payments by change, by type, and for the prepayment of a bank transaction."""
    since = datetime(2026, 11, 19)  # noqa: DTZ001
    where = 'PaymentType=="ACCRECPAYMENT"'
    found = sdk.api.get_payments(TENANT_ID, if_modified_since=since, where=where).payments
    assert {one.payment_type for one in found} == {"ACCRECPAYMENT"}
    assert all(isinstance(one.amount, Decimal) and one.account.account_id for one in found)
    rows = sdk.api.get_bank_transactions(TENANT_ID, if_modified_since=since).bank_transactions
    prepaid = next(one for one in rows if one.prepayment_id)
    (row,) = sdk.api.get_prepayment(TENANT_ID, prepaid.prepayment_id).prepayments
    assert row.total == prepaid.total


def test_tracking_categories(sdk: Sdk) -> None:
    """The library reads both categories, and archived options where it asks for them."""
    bare = sdk.api.get_tracking_categories(TENANT_ID).tracking_categories
    every = sdk.api.get_tracking_categories(TENANT_ID, include_archived="true").tracking_categories
    assert [one.name for one in bare] == ["Branch", "Product"]
    assert [len(one.options) for one in bare] == [3, 5]
    assert [len(one.options) for one in every] == [4, 5]


def test_a_created_journal_reads_back(sdk: Sdk) -> None:
    """What the library created it reads by id: date, amounts, codes, tracking and switches."""
    tracked = line("-100.25", "2000", tracking=[TrackingCategory(name="Branch", option="London")])
    sent = journal(journal_lines=[line("100.25", "1010", description="d"), tracked], url="https://a.example")
    (made,) = sdk.create(sent)
    (found,) = sdk.api.get_manual_journal(TENANT_ID, made.manual_journal_id).manual_journals
    assert made.status_attribute_string == "OK"
    assert (found.narration, found.date, found.status) == ("J1", DAY, "DRAFT")
    assert found.line_amount_types == LineAmountTypes.NOTAX
    assert (found.url, found.show_on_cash_basis_reports, found.has_attachments) == (
        "https://a.example",
        True,
        False,
    )
    assert found.updated_date_utc == NOW
    first, second = found.journal_lines
    assert [first.line_amount, second.line_amount] == [Decimal("100.25"), Decimal("-100.25")]
    assert (first.account_code, first.description, first.tax_type) == ("1010", "d", "NONE")
    assert first.tracking == []
    assert [(one.name, one.option) for one in second.tracking] == [("Branch", "London")]


def test_good_and_bad_in_one_request(sdk: Sdk) -> None:
    """With summarize_errors "false" the library gets every element, the refused one with its reason."""
    bad = journal("bad", journal_lines=[line("100.00", "1010"), line("-10.00", "2000")])
    first, second, third = sdk.create(journal("A"), bad, journal("B"))
    assert [one.narration for one in (first, second, third)] == ["A", "bad", "B"]
    assert second.manual_journal_id == ZERO
    assert [one.message for one in second.validation_errors] == [
        "The total debits (100.00) must equal total credits (-10.00)"
    ]
    assert not first.validation_errors
    assert [one.narration for one in sdk.listed()] == ["A", "B"]


@pytest.mark.parametrize("more", [{}, {"summarize_errors": "true"}])
def test_a_summarised_request_keeps_the_good(sdk: Sdk, more: dict[str, str]) -> None:
    """Summarised, the library gets a 400 that holds the refused element, while the good one exists."""
    body = ManualJournals(manual_journals=[journal("A"), journal("bad", journal_lines=[line("1", "9999")])])
    with pytest.raises(HTTPStatusException) as caught:
        sdk.api.create_manual_journals(TENANT_ID, body, **more)
    assert caught.value.status == 400
    assert [one.narration for one in sdk.listed()] == ["A"]


def test_the_boolean_false_is_refused(sdk: Sdk) -> None:
    """The library's own boolean goes out as "False", which the sandbox refuses."""
    with pytest.raises(HTTPStatusException) as caught:
        sdk.create(journal(), summarize_errors=False)
    assert caught.value.status == 422
    assert sdk.listed() == []


def test_lists_with_and_without_pages(sdk: Sdk) -> None:
    """Paged, the library gets lines and the pagination; unpaged, every journal without lines."""
    sdk.create(*(journal(f"J{number}") for number in range(1, 6)))
    answer = sdk.api.get_manual_journals(TENANT_ID, page=2, page_size=2, order="Date ASC")
    assert [one.narration for one in answer.manual_journals] == ["J3", "J4"]
    assert all(len(one.journal_lines) == 2 for one in answer.manual_journals)
    pagination = answer.pagination
    assert (pagination.page, pagination.page_size, pagination.page_count, pagination.item_count) == (
        2,
        2,
        3,
        5,
    )
    bare = sdk.listed()
    assert len(bare) == 5
    assert not any(one.journal_lines for one in bare)
    assert sdk.listed(page=4, page_size=2) == []


def test_a_journal_is_found_by_its_narration(sdk: Sdk) -> None:
    """A narration with spaces, which the library sends as +, is found and no other."""
    sdk.create(journal("Mambu 2026-11-01 | p1"), journal("Mambu 2026-11-01 | p11"))
    (found,) = sdk.listed(where='Narration=="Mambu 2026-11-01 | p1"', page=1)
    assert found.narration == "Mambu 2026-11-01 | p1"
    with pytest.raises(HTTPStatusException) as caught:
        sdk.listed(where="Narration~1")
    assert caught.value.status == 400


def test_changes_since(sdk: Sdk) -> None:
    """If-Modified-Since as the library sends it leaves what changed after."""
    sdk.create(journal("A"))
    sdk.clock.advance(60)
    sdk.create(journal("B"))
    since = (NOW + timedelta(seconds=30)).replace(tzinfo=None)
    assert [one.narration for one in sdk.listed(if_modified_since=since)] == ["B"]


def test_an_update(sdk: Sdk) -> None:
    """An update by id replaces narration and lines of a draft and creates nothing."""
    (made,) = sdk.create(journal())
    new = journal("new", journal_lines=[line("1", "1020"), line("-1", "2010")])
    body = ManualJournals(manual_journals=[new])
    (answered,) = sdk.api.update_manual_journal(TENANT_ID, made.manual_journal_id, body).manual_journals
    (found,) = sdk.listed(page=1)
    assert answered.manual_journal_id == found.manual_journal_id == made.manual_journal_id
    assert (found.narration, [one.account_code for one in found.journal_lines]) == ("new", ["1020", "2010"])


@pytest.mark.parametrize(
    ("steps", "refused"),
    [
        (["DELETED"], False),
        (["POSTED"], False),
        (["POSTED", "VOIDED"], False),
        (["VOIDED"], True),
        (["POSTED", "DELETED"], True),
        (["DELETED", "DRAFT"], True),
    ],
)
def test_removal_posting_and_voiding(sdk: Sdk, steps: list[str], refused: bool) -> None:
    """A journal read, given a status and sent back goes through Xero's statuses and no others."""
    (made,) = sdk.create(journal())
    for status in steps:
        (one,) = sdk.api.get_manual_journal(TENANT_ID, made.manual_journal_id).manual_journals
        one.status = status
        body = ManualJournals(manual_journals=[one])
        (last,) = sdk.api.update_or_create_manual_journals(TENANT_ID, body, **ONE_BY_ONE).manual_journals
    (found,) = sdk.api.get_manual_journal(TENANT_ID, made.manual_journal_id).manual_journals
    said = [one.message for one in last.validation_errors or []]
    assert said == ([f"The status '{steps[-1]}' cannot be applied to the document"] if refused else [])
    assert (found.status == steps[-1]) is not refused
    assert len(found.journal_lines) == 2


def test_history(sdk: Sdk) -> None:
    """A note added by the library is the newest line of the journal's history."""
    (made,) = sdk.create(journal())
    body = HistoryRecords(history_records=[HistoryRecord(details="From Mambu")])
    sdk.api.create_manual_journal_history_record(TENANT_ID, made.manual_journal_id, body)
    rows = sdk.api.get_manual_journals_history(TENANT_ID, made.manual_journal_id).history_records
    assert [(row.changes, row.details) for row in rows] == [("Note", "From Mambu"), ("Created", "")]
    assert rows[0].date_utc == NOW


def test_attachments(sdk: Sdk) -> None:
    """A file put by the library is listed with its length, and its journal says that it has one."""
    (made,) = sdk.create(journal())
    sdk.api.create_manual_journal_attachment_by_file_name(
        TENANT_ID, made.manual_journal_id, "lines 1.csv", b"1,2\n"
    )
    rows = sdk.api.get_manual_journal_attachments(TENANT_ID, made.manual_journal_id).attachments
    assert [(row.file_name, int(row.content_length)) for row in rows] == [("lines 1.csv", 4)]
    (found,) = sdk.api.get_manual_journal(TENANT_ID, made.manual_journal_id).manual_journals
    assert found.has_attachments is True


def test_a_key_keeps_one_journal(sdk: Sdk) -> None:
    """The same creation twice under one key is one journal, and another body under it a 400."""
    first = sdk.create(journal(), idempotency_key="k")
    second = sdk.create(journal(), idempotency_key="k")
    assert first == second
    assert len(sdk.listed()) == 1
    with pytest.raises(HTTPStatusException) as caught:
        sdk.create(journal("other"), idempotency_key="k")
    assert caught.value.status == 400


@pytest.mark.parametrize(("key", "journals"), [({}, 2), ({"idempotency_key": "k"}, 1)])
def test_a_put_sent_again_after_a_dropped_connection(sdk: Sdk, key: dict[str, str], journals: int) -> None:
    """The library sends a PUT again when the connection drops: a second journal, unless it had a key."""
    sdk.faults.add({"system": "xero", "method": "PUT", "kind": "drop_after", "times": 1})
    sdk.create(journal(), **key)
    assert sdk.puts() == 2
    assert len(sdk.listed()) == journals


def test_an_unknown_journal(sdk: Sdk) -> None:
    """The library meets the plain 404 as a 404."""
    with pytest.raises(HTTPStatusException) as caught:
        sdk.api.get_manual_journal(TENANT_ID, ZERO)
    assert caught.value.status == 404


def test_a_foreign_tenant(sdk: Sdk) -> None:
    """The library meets a foreign tenant as a 403."""
    with pytest.raises(HTTPStatusException) as caught:
        sdk.api.get_organisations(ZERO)
    assert caught.value.status == 403
