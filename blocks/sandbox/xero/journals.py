"""Manual journals: created, updated and removed by the API's rules, one element at a time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, Final

from blocks.sandbox.asgi import Answer
from blocks.sandbox.exact_json import dumps
from blocks.sandbox.xero.lines import LineReader, Lines, invalid, shown
from blocks.sandbox.xero.options import XeroOptions
from blocks.sandbox.xero.state import Journal, State
from blocks.sandbox.xero.wire import ZERO_ID, Refused, error, lock_date_text, parse_day, sandbox_refusal

STATUSES: Final = ("DRAFT", "POSTED", "DELETED", "VOIDED", "ARCHIVED")
AMOUNT_TYPES: Final = ("NoTax", "Exclusive", "Inclusive")
_TRANSITIONS: Final = {
    "": {"DRAFT", "POSTED"},
    "DRAFT": {"DRAFT", "POSTED", "DELETED"},
    "POSTED": {"POSTED", "VOIDED"},
}
_WRITABLE: Final = frozenset(
    {
        "ManualJournalID", "Narration", "Date", "Status", "LineAmountTypes", "Url", "ShowOnCashBasisReports",
        "JournalLines",
    }
)  # fmt: skip
# Ignored, since a client may send back what it was given.
_READ_ONLY: Final = frozenset(
    {
        "UpdatedDateUTC",
        "HasAttachments",
        "Attachments",
        "StatusAttributeString",
        "ValidationErrors",
        "Warnings",
    }
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one element: its JSON in the answer, and whether it was taken."""

    taken: bool
    element: bytes


class _Invalid(Exception):
    """An element is refused, for these reasons."""

    def __init__(self, *messages: str) -> None:
        super().__init__(*messages)
        self.messages = messages


@dataclass(frozen=True, slots=True)
class _Plan:
    """What an element comes to: a journal to store, or the reasons against it."""

    element: dict[str, Any]
    old: Journal | None = None
    journal: Journal | None = None
    warnings: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()


class ManualJournals:
    """Writes to one organisation's journals. `warn_next` lets the next creation lose an account code."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.warn_next = False

    def write(
        self, method: str, params: Mapping[str, str], body: bytes, options: XeroOptions, journal_id: str = ""
    ) -> tuple[int, list[bytes], Answer | None]:
        """Carry out a PUT or POST. Returns (status, elements, or the summarised refusal in their place).

        Every element stands for itself: there is no transaction around them.
        """
        elements = _elements(body, options)
        summarise = _summarise(params, options)
        self._check_shape(elements, options)
        if journal_id:
            elements = [{**element, "ManualJournalID": journal_id} for element in elements]
        warning = self.warn_next
        # A body refused as a whole stores nothing: all is read before anything is stored.
        plans = [self._plan(method, element, options) for element in elements]
        if summarise and options.summarise_atomic and any(plan.messages for plan in plans):
            self.warn_next = warning
            outcomes = [_refused(plan, options) for plan in plans if plan.messages]
        else:
            outcomes = [self._carry_out(method, plan, options) for plan in plans]
        failed = [outcome.element for outcome in outcomes if not outcome.taken]
        if failed and summarise:
            # What was taken stays, and its ids are not told: reported, and the trap it is.
            refusal = error(10, "ValidationException", "A validation exception occurred", failed)
            return 400, [], refusal
        answered = [outcome.element for outcome in outcomes]
        return 200, answered[::-1] if options.reverse_elements else answered, None

    def _check_shape(self, elements: list[dict[str, Any]], options: XeroOptions) -> None:
        if options.max_elements and len(elements) > options.max_elements:
            raise invalid(f"More than {options.max_elements} elements.")
        for element in elements:
            unknown = sorted(element.keys() - _WRITABLE - _READ_ONLY)
            if unknown and options.strict:
                raise sandbox_refusal(f"unknown keys in a manual journal: {', '.join(unknown)}")

    def _plan(self, method: str, element: dict[str, Any], options: XeroOptions) -> _Plan:
        try:
            old = self._named(method, element)
            status = self._status(element, old, options)
            if (
                old is not None
                and options.status_only_updates
                and element.keys() - _READ_ONLY <= {"ManualJournalID", "Status"}
            ):
                return _Plan(element, old, replace(old, status=status))
            journal, warnings = self._whole(element, old, status, options)
            return _Plan(element, old, journal, tuple(warnings))
        except _Invalid as problem:
            return _Plan(element, messages=problem.messages)

    def _carry_out(self, method: str, plan: _Plan, options: XeroOptions) -> Outcome:
        if plan.old is not None and self._state.journals[plan.old.journal_id] is not plan.old:
            # An element before this one, of the same request, has changed the journal.
            plan = self._plan(method, plan.element, options)
        journal = plan.journal
        if journal is None:
            return _refused(plan, options)
        stored = self._state.put(journal, keep_previous=options.read_lag_seconds > 0)
        if plan.old is None:
            self._state.note(stored.journal_id, "Created")
        elif plan.old.status != stored.status:
            self._state.note(stored.journal_id, f"Status changed to {stored.status}")
        else:
            self._state.note(stored.journal_id, "Edited")
        tail = b""
        if plan.warnings:
            tail = b',"Warnings":' + dumps([{"Message": message} for message in plan.warnings]).encode()
        status = b"WARNING" if plan.warnings else b"OK"
        element = stored.full(shown(stored.lines, options))
        body = b'%s,"StatusAttributeString":"%s"%s}' % (element[:-1], status, tail)
        return Outcome(True, body)

    def _named(self, method: str, element: dict[str, Any]) -> Journal | None:
        """Return the journal that an element means to change, None for a new one. Raises _Invalid."""
        named = str(element.get("ManualJournalID") or ZERO_ID).lower()
        if named == ZERO_ID:
            return None
        if method == "PUT":
            raise _Invalid("A PUT creates journals and takes no ManualJournalID")  # wording unknown
        old = self._state.journals.get(named)
        if old is None:
            raise _Invalid("The resource you're looking for cannot be found")
        return old

    def _status(self, element: dict[str, Any], old: Journal | None, options: XeroOptions) -> str:
        status = str(element.get("Status") or (old.status if old else "DRAFT"))
        allowed = _TRANSITIONS.get(old.status if old else "", set())
        edits = status == "POSTED" and old is not None and old.status == "POSTED" and not options.edit_posted
        if status not in allowed or edits:
            raise _Invalid(f"The status '{status}' cannot be applied to the document")
        if status == "POSTED":
            self.check_locks(parse_day(element.get("Date")) or (old.day if old else self._today()))
        return status

    def check_locks(self, day: date) -> None:
        """Raise _Invalid where a day lies in a locked period: drafts may, posted journals may not."""
        locks = [
            (date.fromisoformat(value), words)
            for name, words in (("period_lock", "period lock date"), ("year_lock", "end of year lock date"))
            if (value := self._state.settings.get(name))
        ]
        # Of two lock dates the later one governs.
        lock, words = max(locks, default=(date.min, ""))
        if locks and day <= lock:
            raise _Invalid(
                f"The document date cannot be before the {words}, currently set at {lock_date_text(lock)}"
            )

    def _whole(
        self, element: dict[str, Any], old: Journal | None, status: str, options: XeroOptions
    ) -> tuple[Journal, list[str]]:
        problems: list[str] = []
        narration = element.get("Narration")
        if not isinstance(narration, str) or not narration.strip():
            problems.append("Narration is mandatory")  # wording unknown
        elif options.max_narration and len(narration) > options.max_narration:
            problems.append(f"Narration has at most {options.max_narration} characters")
        # What an update leaves out stays as it was; only the narration must be there, by Xero's schema.
        before = old or self._blank()
        day = parse_day(element["Date"]) if "Date" in element else before.day
        if day is None:
            raise invalid(f"Date {element.get('Date')!r} is not a date.")
        kind = element.get("LineAmountTypes", before.line_amount_types)
        if kind not in AMOUNT_TYPES:
            raise invalid(f"LineAmountTypes {kind!r} is none of {', '.join(AMOUNT_TYPES)}.")
        url = element.get("Url", before.url) or ""
        if "xero" in str(url).lower():
            problems.append("Url must not contain 'xero'")  # a rule known from invoices
        reader = LineReader(self._state.books, options, drop_account=self.warn_next)
        if old is not None and "JournalLines" not in element and options.status_only_updates:
            lines = Lines(old.lines, old.line_count, old.debits, old.credits)
        else:
            lines = reader.read(element.get("JournalLines"), before.journal_id)
        cash_basis = _truth(element.get("ShowOnCashBasisReports", before.cash_basis), options)
        if problems or reader.errors:
            raise _Invalid(*problems, *dict.fromkeys(reader.errors))
        self.warn_next = False
        journal = replace(
            before,
            number=before.number or self._state.next_number(),
            narration=str(narration),
            day=day,
            status=status,
            lines=lines.json,
            line_count=lines.count,
            debits=lines.debits,
            credits=lines.credits,
            line_amount_types=str(kind),
            url=str(url),
            cash_basis=cash_basis,
        )
        return journal, reader.warnings

    def _blank(self) -> Journal:
        zero = Decimal()
        return Journal(self._state.new_id(), 0, "", self._today(), "DRAFT", 0, b"[]", 0, zero, zero)

    def _today(self) -> date:
        return date.fromordinal(self._state.now_ms() // 86_400_000 + date(1970, 1, 1).toordinal())


def status_change(state: State, journal: Journal, status: str, options: XeroOptions) -> Journal:
    """Let a person change a journal's status on the screen. Raises ValueError with what Xero would say."""
    possible = {*_TRANSITIONS.get(journal.status, ()), "ARCHIVED"} - {journal.status}
    if status not in possible:
        raise ValueError(f"The status '{status}' cannot be applied to the document")
    try:
        if status == "POSTED":
            ManualJournals(state).check_locks(journal.day)
    except _Invalid as problem:
        raise ValueError("; ".join(problem.messages)) from None
    changed = state.put(replace(journal, status=status), keep_previous=options.read_lag_seconds > 0)
    state.note(journal.journal_id, f"Status changed to {status}", user="A person")
    return changed


def _elements(body: bytes, options: XeroOptions) -> list[dict[str, Any]]:
    if len(body) > options.max_body_bytes:
        raise Refused(Answer(413, b"Request Entity Too Large", "text/plain"))
    try:
        document = json.loads(body, parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, ArithmeticError, RecursionError):
        raise invalid("The body is not JSON.") from None
    # A bare object also appears in Xero's documentation.
    rows = document.get("ManualJournals", [document]) if isinstance(document, dict) else document
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise invalid("The body holds no manual journals.")
    if isinstance(document, dict) and "ManualJournals" in document and len(document) > 1 and options.strict:
        raise sandbox_refusal("unknown keys beside ManualJournals")
    return rows


def _no_number(word: str) -> object:
    raise ValueError(f"{word} is not JSON")


def _truth(value: object, options: XeroOptions) -> bool:
    """Return ShowOnCashBasisReports, which is true unless said otherwise."""
    if value is None or isinstance(value, bool):
        return value is not False
    if options.strict:
        raise sandbox_refusal(f"ShowOnCashBasisReports is {value!r}, neither true nor false")
    return str(value).lower() != "false"


def _summarise(params: Mapping[str, str], options: XeroOptions) -> bool:
    value = params.get("summarizeErrors")
    if value is None:
        return options.summarise_by_default
    if value not in {"true", "false"}:
        if options.strict:
            raise sandbox_refusal(f"summarizeErrors is {value!r}, neither 'true' nor 'false'")
        return value.lower() != "false"
    return value == "true"


def _refused(plan: _Plan, options: XeroOptions) -> Outcome:
    """Return a refused element: what was sent, so that strict decoders can read it, and the reasons."""
    element = plan.element
    narration = element.get("Narration")
    row: dict[str, Any] = {
        "Narration": narration if isinstance(narration, str) else "",
        "JournalLines": element.get("JournalLines") or [],
        "StatusAttributeString": "ERROR",
        "ValidationErrors": [{"Message": message} for message in plan.messages],
    }
    if options.reporting_of_failures == "zero":
        row["ManualJournalID"] = ZERO_ID
    if element.get("Status") in STATUSES:
        row["Status"] = element["Status"]
    # JSON may name half a surrogate pair, which UTF-8 has no bytes for.
    return Outcome(False, dumps(row).encode("utf-8", "replace"))
