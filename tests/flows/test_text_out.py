"""Text from outside on its ways out: the terminal, pages, tables, files, and tasks in Mambu."""

from __future__ import annotations

import csv
import datetime as dt
import io
import stat
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console, RenderableType

from blocks.errors import UsageError
from blocks.private_files import write_private
from blocks.store.audit_rows import AuditRow, Entry, Key, Kind, Result, Status
from blocks.store.models import Incident, TaskState
from blocks.xero.models import ManualJournal
from flows.cli import audit_table, screen
from flows.journals.report.messages import day_markdown, failure_markdown
from flows.journals.report.summary import BatchRow, Summary
from flows.journals.withdraw.report import Withdrawal
from flows.journals.withdraw.report import page as withdrawn_page
from flows.journals.withdraw.rules import Scope, WithdrawalAction, WithdrawalCandidate
from flows.payments.message import message
from flows.payments.report.page import page
from flows.payments.report.summary import PaymentsSummary
from flows.runtime import artifacts as reports
from flows.runtime.failures import Failure
from flows.runtime.text import cell
from tests.helpers.odd_characters import odd

AT = dt.datetime(2026, 11, 21, 3, 0, tzinfo=dt.UTC)
DAY = AT.date()
# A window's title, a colour, a turned line, a hidden blank, an end without a beginning, an emoji's name.
POISON = "\x1b]0;owned\x07\x9b31m\u202egnp\u200b[/red][bold]:bank:\nnext"
SEEN = "[/red][bold]:bank:"
FAILURE = Failure("send", "", f"Title {POISON}", f"Said {POISON}", (f"One {POISON}",), ("Safe.",), "Do.")


def row_of(status: Status = Status.FAILED, **other: Any) -> AuditRow:
    """Return an audit row of which every text from outside is poison."""
    named = {"contact_name": POISON, "invoice_number": POISON, "currency": POISON, "partner": POISON}
    entry = Entry(
        Key("org", Kind.PAYMENT, f"1{POISON}"),
        connection="default",
        document_type=1,
        day=DAY,
        amount="1.00",
        **{**named, **other},
    )
    result = Result(status, f"LN refuses it: {POISON}", 422, POISON, POISON, POISON)
    return AuditRow(entry, result, "run", AT, AT, 1, AT, "{}")


def drawn(*what: RenderableType | None) -> str:
    """Return what a terminal is sent for something."""
    console = Console(file=io.StringIO(), width=200, force_terminal=False)
    for one in what:
        console.print(one)
    told = console.file
    assert isinstance(told, io.StringIO)
    return told.getvalue()


def payments_summary() -> PaymentsSummary:
    """Return a run of payments that met with poison."""
    summary = PaymentsSummary(DAY, "default", "completed", "run", message=f"Said {POISON}")
    summary.rows, summary.open = [row_of(), row_of(Status.SENT)], [row_of()]
    summary.counts[Status.FAILED] = 1
    summary.notes = [POISON]
    return summary


def journals_summary() -> Summary:
    """Return a run of journals that met with poison."""
    summary = Summary(DAY, "default", "failed", message=f"Said {POISON}", currency=POISON)
    summary.batches = [BatchRow(POISON, DAY, 2, 100, 100, POISON, POISON, "")]
    summary.open = summary.notes = [POISON]
    summary.failure = FAILURE
    return summary


def withdrawal() -> Withdrawal:
    """Return a withdrawal of a journal that somebody named badly."""
    journal = ManualJournal(POISON, POISON, DAY, POISON, [])
    told = Withdrawal(DAY, "default", Scope(), False, POISON, message=f"Said {POISON}", link=lambda _: "")
    told.items = [WithdrawalCandidate(journal, None, WithdrawalAction.OTHER)]
    return told


def incident() -> Incident:
    """Return an incident whose words hold poison."""
    words = {"error": POISON, "remedy": POISON, "stage": POISON, "step": POISON, "task_title": POISON}
    return Incident("id", "payments", "default", DAY, opened=AT, task_state=TaskState.NONE, **words)


TABLES: dict[str, Callable[[], RenderableType | None]] = {
    "a failure": lambda: screen.failure_table(FAILURE, incident()),
    "journals": lambda: screen.batch_table(journals_summary()),
    "payments": lambda: screen.payments_table(payments_summary()),
    "withdrawal": lambda: screen.withdrawal_table(withdrawal()),
    "incidents": lambda: screen.incident_table(incident()),
    "audit": lambda: screen.documents_table(f"Title {POISON}", [(row_of().entry, POISON, POISON)]),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_in_the_terminal_shows_text_as_text(name: str) -> None:
    """Brackets and colons of names and reasons are drawn as they are, and nothing steers the terminal."""
    told = drawn(TABLES[name]())
    assert odd(told) <= {"\n"}
    assert SEEN in told.replace("\n", "")


PAGES: dict[str, Callable[[], str]] = {
    "payments": lambda: page(payments_summary()),
    "a failed run of payments": lambda: page(_failed(payments_summary())),
    "journals": lambda: day_markdown(journals_summary()),
    "a failed run of journals": lambda: failure_markdown(journals_summary(), None),
    "withdrawal": lambda: withdrawn_page(withdrawal()),
}


def _failed(summary: PaymentsSummary) -> PaymentsSummary:
    summary.failure = FAILURE
    return summary


@pytest.mark.parametrize("name", PAGES)
async def test_a_page_holds_nothing_odd(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left as a page has no controls, no hidden marks, and no markup from outside but escaped."""
    left: list[str] = []

    async def keep(*, markdown: str, key: str, description: str) -> None:
        left.append(markdown)

    monkeypatch.setattr(reports, "acreate_markdown_artifact", keep)
    await reports.leave_markdown("key", PAGES[name](), "described")
    assert odd(left[0]) <= {"\n"}
    lines = [line for line in left[0].splitlines() if "bold" in line]
    assert lines
    assert all("\\[/red\\]\\[bold\\]" in line for line in lines)


async def test_a_table_on_a_page_holds_nothing_odd(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cells of a table artifact have no controls and no hidden marks."""
    left: list[list[dict[str, str]]] = []

    async def keep(*, table: list[dict[str, str]], key: str, description: str) -> None:
        left.append(table)

    monkeypatch.setattr(reports, "acreate_table_artifact", keep)
    await reports.leave_table("key", [{"contact": POISON}], "described")
    assert odd(left[0][0]["contact"]) == set()


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("12. item", "12\\. item"),
        ("- item", "\\- item"),
        ("# head", "\\# head"),
        ("===", "\\==="),
        ("~~gone~~", "\\~\\~gone\\~\\~"),
        ("&#x202e;x &lt;b&gt;", "\\&#x202e;x \\&lt;b\\&gt;"),
        ("Smith & Sons; 1.5 - 2", "Smith & Sons; 1.5 - 2"),
        ("-5.00 GBP", "-5.00 GBP"),
    ],
)
def test_what_begins_a_list_or_stands_for_another_character_is_escaped(text: str, escaped: str) -> None:
    """A text cannot begin a list, a heading or a rule, strike itself out, or spell a hidden mark."""
    assert cell(text) == escaped


def test_a_task_holds_nothing_odd() -> None:
    """The text of a task has lines of ours only, and nothing that steers or hides."""
    text = FAILURE.text(20_000)
    assert odd(text) == {"\n"}
    assert "- One \ufffd]0;owned\ufffd\ufffd31mgnp[/red][bold]:bank: next\n" in text


DISGUISES = [
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\u00a0=1", "\u3000=1",
    "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff20SUM(A1)", "\ufe62 1", "\ufe63 1", "\ufe66 1", "\ufe6bA1",
    "\u22121",
    "\u200b=1+1", "\ufeff=1+1", "\u202e=1+1", "\u2060\uff1d1", "\u3164=1", "\U000e0020=1", "\u200b \u200b=1",
]  # fmt: skip


@pytest.mark.parametrize("text", DISGUISES, ids=ascii)
def test_no_cell_is_a_formula_in_disguise(text: str) -> None:
    """What a spreadsheet could take for a formula, also full-width or behind blanks, is marked as text."""
    rows = list(csv.DictReader(io.StringIO(audit_table.csv_text([row_of(contact_name=text)]), newline="")))
    assert rows[0]["contact_name"].startswith("'")
    assert odd(rows[0]["contact_name"]) <= {"\n", "\t"}


def test_a_csv_holds_nothing_odd() -> None:
    """No cell of the CSV steers or hides."""
    assert odd(audit_table.csv_text([row_of()])) <= {"\r", "\n", "\t"}


def message_from(account: str) -> bytes:
    """Return a message for LN of a payment from a bank account."""
    return message(
        document_type=1,
        day=DAY,
        bank_account_number=account,
        business_partner="BP1",
        invoice_number="I-1",
        currency_code="GBP",
        currency_rate=Decimal(1),
        invoice_amount=Decimal("10.10"),
        invoice_description="for it",
        xero_payment_id="p-1",
        xero_prepayment_id="",
        xero_contact_name="Acme",
    )


@pytest.mark.parametrize(("number", "told"), [("12345678", "****5678"), ("123", "****")])
def test_a_csv_tells_only_the_end_of_a_bank_number(number: str, told: str) -> None:
    """The message in the CSV is the one that was sent but for the bank account's number, of which the end is
    left; and so are LN's words about that number."""
    sent = message_from(number)
    result = Result(Status.FAILED, f"LN refuses it: no account {number}.", 422, "", f"no account {number}")
    row = AuditRow(row_of().entry, result, "run", AT, AT, 1, AT, sent.decode())
    text = audit_table.csv_text([row])
    (shown,) = csv.DictReader(io.StringIO(text, newline=""))
    assert shown["message"] == row.message.replace(f'"{number}"', f'"{told}"')
    assert (number in text) == (len(number) < 8)
    assert audit_table.document(row)["message"] == row.message


def test_a_document_in_a_line_of_the_terminal_is_text() -> None:
    """What the command that closes documents says of each has nothing in it that steers the terminal."""
    entry = replace(row_of().entry, contact_name="\x1b]0;owned\x07Acme\u202e", invoice_number="\x9b2J")
    assert odd(audit_table.dated_line(replace(row_of(), entry=entry))) == set()


def test_a_csv_tells_only_the_ends_of_both_numbers_of_a_moved_document() -> None:
    """Where a reason names the account that was sent and the one there now, neither is whole in the CSV."""
    before, now = "GB29601613319268", "DE99500105170648"
    sent = message_from(before)
    reason = f"It was changed in Xero after sending (bank account {before} -> {now}): manually in LN."
    entry = replace(row_of().entry, bank_account=now)
    result = Result(Status.EXCEPTION, reason)
    text = audit_table.csv_text([AuditRow(entry, result, "run", AT, AT, 1, AT, sent.decode())])
    assert "bank account ****9268 -> ****0648" in text
    assert before not in text
    assert now not in text


@pytest.mark.parametrize("before", [None, 0o666])
def test_a_written_file_is_its_owners(before: int | None, tmp_path: Path) -> None:
    """A file written for its owner cannot be read by others, also where they could read it before."""
    file = tmp_path / "audit.csv"
    if before is not None:
        file.write_text("longer than what follows")
        file.chmod(before)
    write_private(file, b"new")
    assert (stat.S_IMODE(file.stat().st_mode), file.read_bytes()) == (0o600, b"new")


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """Where a file cannot be written, one sentence names it."""
    with pytest.raises(UsageError, match=f"^{tmp_path} cannot be written"):
        write_private(tmp_path, b"new")


def test_pages_of_two_connections_are_two() -> None:
    """Each connection's pages have keys of their own, in the small letters that Prefect asks for."""
    keys = [reports.artifact_key("journals", "2026-11-20", name) for name in ("default", "Acme_UK", "other")]
    assert keys == ["journals-2026-11-20", "journals-2026-11-20-acme-uk", "journals-2026-11-20-other"]
