"""Manual journals on the wire: Xero's answers, read one odd element at a time, and what goes back. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

import msgspec

from blocks.errors import Unavailable
from blocks.http.models import NOT_THE_JSON, Answer
from blocks.xero.answers import lenient, mended, objections, texts_in
from blocks.xero.models import (
    NOTHING,
    JournalPage,
    ManualJournal,
    UnreadableJournal,
    XeroJournalLine,
    journal_date,
    xero_instant,
)
from blocks.xero.pages import Pagination
from blocks.xero.reading import reader


class _Journal(msgspec.Struct, rename="pascal"):
    narration: str = ""
    status: str = ""
    date: str | None = None
    manual_journal_id: str = msgspec.field(name="ManualJournalID", default=NOTHING)
    updated_date_utc: str | None = msgspec.field(name="UpdatedDateUTC", default=None)
    line_amount_types: str | None = None
    show_on_cash_basis_reports: bool | None = None
    journal_lines: list[XeroJournalLine] | None = None

    def decoded(self) -> ManualJournal:
        return ManualJournal(
            self.manual_journal_id,
            self.narration,
            journal_date(self.date),
            self.status,
            self.journal_lines or (),
            self.line_amount_types,
            xero_instant(self.updated_date_utc),
            self.show_on_cash_basis_reports,
        )


class _Verdict(msgspec.Struct, rename="pascal"):
    narration: str = ""
    status: str = ""
    manual_journal_id: str = msgspec.field(name="ManualJournalID", default=NOTHING)
    status_attribute_string: str | None = None

    def decoded(self, objections: tuple[str, ...]) -> ManualJournal:
        marked = self.status_attribute_string
        if not objections and marked not in {None, "", "OK"}:
            objections = (f"Xero marked it {marked} without saying why",)
        return ManualJournal(
            self.manual_journal_id, self.narration, None, self.status, (), objections=objections
        )


# The list itself is never absent: an odd answer must not look like an empty one.
class _Journals(msgspec.Struct, rename="pascal"):
    manual_journals: list[_Journal]
    pagination: Pagination | None = msgspec.field(name="pagination", default=None)


class _Elements(msgspec.Struct, rename="pascal"):
    manual_journals: list[msgspec.Raw]
    pagination: Pagination | None = msgspec.field(name="pagination", default=None)


_journals_decoder = msgspec.json.Decoder(_Journals)
_journal_decoder = msgspec.json.Decoder(_Journal)
_fields_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_verdict_decoder = msgspec.json.Decoder(_Verdict)


def read_journal_page(answer: Answer) -> JournalPage:
    if answer.is_json:
        with suppress(*NOT_THE_JSON):
            found = _journals_decoder.decode(answer.body)
            whole = [one.decoded() for one in found.manual_journals]
            # Without its id a journal cannot be told from others: one by one, then.
            if all(one.is_in_xero for one in whole):
                return JournalPage(whole, found.pagination, [])
    sources, pagination = read_elements("a page of manual journals", answer)
    journals: list[ManualJournal] = []
    unreadable: list[UnreadableJournal] = []
    for element in sources:
        try:
            journal = read_journal(element)
        except NOT_THE_JSON as error:
            unreadable.append(unreadable_journal(element, str(error)))
            continue
        if journal.is_in_xero:
            journals.append(journal)
        else:
            unreadable.append(unreadable_journal(element, "it has no ManualJournalID"))
    return JournalPage(journals, pagination, unreadable)


def read_elements(what: str, answer: Answer) -> tuple[list[bytes], Pagination | None]:
    """Return the JSON of each journal of an answer; what is no text in one does not hide the others."""
    read = reader(_Elements, what)
    try:
        found = read(answer)
    except Unavailable:
        found = read(replace(answer, body=mended(answer.body)))
    return [bytes(element) for element in found.manual_journals], found.pagination


def read_journal(element: bytes) -> ManualJournal:
    """Read one journal; what is null in it is absent, and bad characters are replaced."""
    try:
        return _journal_decoder.decode(element).decoded()
    except NOT_THE_JSON:
        fields = _fields_decoder.decode(mended(element))
        there = {name: held for name, held in fields.items() if bytes(held) != b"null"}
        return _journal_decoder.decode(msgspec.json.encode(there)).decoded()


def unreadable_journal(element: bytes, problem: str, journal_id: str = "") -> UnreadableJournal:
    named: dict[str, str] = {}
    with suppress(ValueError, RecursionError):
        named = _text_fields(element)
    return UnreadableJournal(
        named.get("ManualJournalID", journal_id), named.get("Narration", ""), texts_in(element), problem
    )


def _text_fields(element: bytes) -> dict[str, str]:
    """Return the fields of an element that are texts. Raises ValueError where it is no object."""
    fields = lenient(element)
    if not isinstance(fields, dict):
        raise ValueError("it is no object")  # noqa: TRY004 - of the bytes, it is the value that is wrong
    return {name: held for name, held in fields.items() if isinstance(held, str)}


def read_verdicts(answer: Answer) -> list[ManualJournal]:
    found: list[ManualJournal] = []
    for element in read_elements("the verdict on journals", answer)[0]:
        with suppress(ValueError, *NOT_THE_JSON):
            found.append(_verdict(element))
    return found


def _verdict(element: bytes) -> ManualJournal:
    """Read one verdict: its lines, which echo what was sent, are only looked through for objections."""
    said = objections(element)
    try:
        verdict = _verdict_decoder.decode(element)
    except NOT_THE_JSON:
        verdict = msgspec.convert(_text_fields(element), _Verdict)
    return verdict.decoded(said)


def change_text(source: bytes) -> str:
    """Return when a journal was last changed, as Xero wrote it in its JSON; empty where it does not say."""
    with suppress(*NOT_THE_JSON):
        return msgspec.json.decode(source, type=_Journal).updated_date_utc or ""
    return ""


_Object = dict[str, msgspec.Raw]
_WRITABLE = ("Narration", "LineAmountTypes", "Url", "ShowOnCashBasisReports")
_LINE = ("LineAmount", "Description", "TaxType", "Tracking")


def status_body(journal_id: str, status: str) -> bytes:
    """Return the body that changes a journal's status and cannot change anything else of it."""
    return _body({"ManualJournalID": journal_id, "Status": status})


def whole_body(source: bytes, status: str) -> bytes:
    """Return the body that sends a journal back as Xero wrote it, with another status.

    What is copied is copied as bytes, so that no amount changes on its way.
    """
    fields = msgspec.json.decode(source, type=_Object)
    whole: dict[str, object] = {**_kept(fields, ("ManualJournalID",)), "Status": status}
    whole.update(_kept(fields, _WRITABLE))
    if day := journal_date(msgspec.json.decode(fields.get("Date", b"null"), type=str | None)):
        whole["Date"] = str(day)
    lines = msgspec.json.decode(fields["JournalLines"], type=list[_Object])
    # An account without a code is named by its id.
    whole["JournalLines"] = [
        _kept(line, (*_LINE, "AccountCode" if "AccountCode" in line else "AccountID")) for line in lines
    ]
    return _body(whole)


def _kept(fields: Mapping[str, msgspec.Raw], names: Iterable[str]) -> dict[str, object]:
    return {name: fields[name] for name in names if name in fields and bytes(fields[name]) != b"null"}


def _body(element: Mapping[str, object]) -> bytes:
    return msgspec.json.encode({"ManualJournals": [element]})
