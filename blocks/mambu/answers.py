"""Reading Mambu's answers: pages of lines, tasks, and why something is refused. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from operator import attrgetter

import msgspec

from blocks.errors import Unavailable, UnusableAnswer
from blocks.http.json import NOT_PLAIN, JsonObject, WrittenKeys, elements
from blocks.http.models import NOT_THE_JSON, Answer
from blocks.mambu.models import (
    MOST_LINES,
    GLAccount,
    JournalLine,
    MambuTask,
    Organisation,
    Page,
    UnreadableLine,
)


class _Titled(msgspec.Struct, frozen=True, rename="camel"):
    title: str | None = None
    encoded_key: str | None = None


class _Currency(msgspec.Struct, frozen=True):
    code: str


class _OrganisationAnswer(msgspec.Struct, frozen=True):
    time_zone: str = msgspec.field(name="timeZoneID")
    currency: _Currency | str


# How a page is decoded first: with keys that also stand where nobody reads, so that it is known how often
# they may be written. One that is there with nothing in it makes the reading slower, not wrong.
class _Account(GLAccount, frozen=True, rename="camel", gc=False):
    encoded_key: object = None
    creation_date: object = None
    type: object = None


class _Line(JournalLine, frozen=True, rename="camel", gc=False, kw_only=True):
    gl_account: _Account
    foreign_amount: msgspec.Raw = msgspec.Raw()
    transaction_id: str | None = ""  # where the key is not there


_LINE_KEYS = JournalLine.__struct_encode_fields__
_ACCOUNT_KEYS = GLAccount.__struct_encode_fields__
# A number of JSON, which may also stand in quotes; Python's Decimal would read much more.
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")

_page_decoder = msgspec.json.Decoder(list[_Line])
_items_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_line_decoder = msgspec.json.Decoder(JournalLine)
_title_decoder = msgspec.json.Decoder(_Titled)
_task_decoder = msgspec.json.Decoder(MambuTask)


def read_page(answer: Answer) -> Page:
    following = answer.headers.get("Items-Next-Cursor")
    try:
        lines = _page_decoder.decode(answer.body)
    except NOT_THE_JSON:
        lines = None
    if lines is not None and _is_plain(answer.body, lines):
        return Page(lines, [], following)
    return Page(*_line_by_line(answer), following)


def _is_plain(body: bytes, lines: Sequence[_Line]) -> bool:
    """Tell whether a page surely has no key twice that is read, and nothing but numbers for amounts.

    Every line was decoded, so it has each of its keys once at least. Where the page has no more of them than
    that, and than belong to what lines hold inside, no line has one twice.
    """
    foreign = b",".join(map(_FOREIGN_AMOUNT, lines))
    # Behind blanks, for what is written at the very beginning is not certain.
    keys, inside = WrittenKeys(body), WrittenKeys(b"        [%b]" % foreign)
    if not (keys.certain and inside.certain):
        return False
    count, accounts = len(lines), list(map(_ACCOUNT, lines))
    due = {
        "encodedKey": 2 * count - list(map(_ENCODED_KEY, accounts)).count(None),
        "entryID": count,
        "creationDate": 2 * count - list(map(_CREATION_DATE, accounts)).count(None),
        "bookingDate": count,
        "type": 2 * count - list(map(_TYPE, accounts)).count(None),
        "amount": count,
        "glAccount": count,
        "glCode": count,
        "transactionId": count - list(map(_TRANSACTION_ID, lines)).count(""),
    }
    once = all(keys.count(key) == number + inside.count(key) for key, number in due.items())
    return once and keys.all_numbers("amount")


_ACCOUNT, _FOREIGN_AMOUNT = attrgetter("gl_account"), attrgetter("foreign_amount")
_TRANSACTION_ID = attrgetter("transaction_id")
_ENCODED_KEY, _CREATION_DATE, _TYPE = (attrgetter(name) for name in _Account.__annotations__)


def _line_by_line(answer: Answer) -> tuple[list[JournalLine], list[UnreadableLine]]:
    try:
        items = elements(answer.body)
    except NOT_PLAIN as error:
        raise _garbled("a page of journal lines", answer, error) from None
    lines: list[JournalLine] = []
    unreadable: list[UnreadableLine] = []
    for raw, found in items:
        problem = _problem(found)
        try:
            line = _line_of(raw, found)
        except msgspec.ValidationError as error:
            problem = problem or str(error)
        if problem:
            unreadable.append(UnreadableLine(raw, problem))
        else:
            lines.append(line)
    return lines, unreadable


def _line_of(raw: bytes, found: object) -> JournalLine:
    try:
        return _line_decoder.decode(raw)
    except msgspec.ValidationError:
        raise
    except NOT_THE_JSON:
        # Something that is not read holds half a character, which costs nothing.
        return msgspec.convert(found, JournalLine)


def _problem(line: object) -> str:
    """Return why what is read of a line cannot be relied on, or nothing."""
    if not isinstance(line, JsonObject):
        return ""
    amount, account = line.get("amount"), line.get("glAccount")
    problems = line.doubts(_LINE_KEYS)
    if isinstance(account, JsonObject):
        problems += [f"glAccount: {doubt}" for doubt in account.doubts(_ACCOUNT_KEYS)]
    # The only floats are NaN and Infinity, which are not JSON.
    if isinstance(amount, float) or (isinstance(amount, str) and not _NUMBER.fullmatch(amount)):
        problems.append("amount is not a number in digits")
    return "; ".join(problems)


def read_stated_total(answer: Answer) -> int:
    value = answer.headers.get("Items-Total", "")
    if value.isdecimal() and (len(value) > len(str(MOST_LINES)) or int(value) > MOST_LINES):
        raise UnusableAnswer(
            f"Mambu: a search states a total of {value[:20]} items. Daybook reads at most {MOST_LINES:,}."
        )
    if not value.isdecimal():
        raise Unavailable(
            "Mambu: the answer to a search does not state the total of its items, so Daybook cannot check "
            f"that it is complete. {_looks_like(answer)}",
            status=answer.status,
        )
    return int(value)


def read_organisation(answer: Answer) -> Organisation:
    try:
        found = msgspec.json.decode(answer.body, type=_OrganisationAnswer)
    except NOT_THE_JSON as error:
        raise _garbled("its organisation", answer, error) from None
    currency = found.currency if isinstance(found.currency, str) else found.currency.code
    return Organisation(found.time_zone, currency)


def read_task(answer: Answer) -> MambuTask:
    try:
        return _task_decoder.decode(answer.body)
    except NOT_THE_JSON as error:
        raise _garbled("a task", answer, error) from None


def read_raw_task(answer: Answer) -> dict[str, msgspec.Raw]:
    try:
        task = msgspec.json.decode(answer.body, type=dict[str, msgspec.Raw])
        _task_decoder.decode(answer.body)
    except NOT_THE_JSON as error:
        raise _garbled("a task", answer, error) from None
    return task


def read_tasks_titled(answer: Answer, marker: str) -> tuple[list[str | None], list[MambuTask]]:
    """Return the keys of a page's tasks, and those whose title has the marker; only these are read whole."""
    try:
        items = _items_decoder.decode(answer.body)
        titled = [_title_decoder.decode(item) for item in items]
        ours = [item for item, one in zip(items, titled, strict=True) if marker in (one.title or "")]
        return [one.encoded_key for one in titled], [_task_decoder.decode(item) for item in ours]
    except NOT_THE_JSON as error:
        raise _garbled("a page of tasks", answer, error) from None


def _garbled(what: str, answer: Answer, error: Exception) -> Unavailable:
    return Unavailable(f"Mambu: {what} cannot be read ({error}). {_looks_like(answer)}", status=answer.status)


def _looks_like(answer: Answer) -> str:
    kind = answer.headers.get("content-type", "no content type")
    return (
        f"The answer has the type {kind}. Check that the base URL leads to Mambu's API, past any log-in page."
    )


class _Reason(msgspec.Struct):
    reason: str = msgspec.field(name="errorReason", default="")
    source: str | None = msgspec.field(name="errorSource", default=None)


class _Errors(msgspec.Struct):
    errors: list[_Reason] = []
    return_status: str | None = msgspec.field(name="returnStatus", default=None)


def reasons(answer: Answer) -> tuple[str, ...]:
    if not answer.is_json:
        return ()
    try:
        found = msgspec.json.decode(answer.body, type=_Errors)
    except NOT_THE_JSON:
        return ()
    worded = [f"{item.reason} ({item.source})" if item.source else item.reason for item in found.errors]
    return tuple(worded or ([found.return_status] if found.return_status else []))
