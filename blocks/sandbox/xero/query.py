"""What a list is asked for: `where`, `order`, paging, If-Modified-Since."""

from __future__ import annotations

import operator
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeVar

from blocks.sandbox.asgi import Answer
from blocks.sandbox.clock import ms_of
from blocks.sandbox.xero.wire import Refused, query_error, validation

T = TypeVar("T")

DEFAULT_PAGE: Final = 100
LARGEST_PAGE: Final = 1000
_DIGITS: Final = 10
_OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "=": operator.eq,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_TERM: Final = re.compile(
    r"\s*(?P<field>\w+(?:\.\w+)?)\s*(?P<op>==|>=|<=|=|>|<)\s*"
    r'(?:"(?P<text>[^"]*)"|[Gg]uid\("(?P<guid>[^"]*)"\)|DateTime\((?P<day>[\d,\s]+)\))\s*'
)
_AND: Final = re.compile(r"\s*(?:&&|AND)\s*")
_OR: Final = re.compile(r"\s*(?:\|\||\bOR\b)\s*")


def filtered(
    rows: Iterable[T], where: str | None, fields: Mapping[str, Callable[[T], object]]
) -> Iterable[T]:
    """Return the rows that fit a `where`: comparisons of `fields` with texts or dates, joined by AND.

    Xero knows more (OR, guid(), functions), and refuses a filter that would touch more than 100,000
    rows, which no list here has. Raises Refused, 400 with ErrorNumber 16, for anything
    else, so that a client cannot come to rely on what only the sandbox would ignore.
    """
    if where is None:
        return rows
    tests = [_test(where, term, fields) for term in _terms(where)]
    return (row for row in rows if all(test(row) for test in tests))


def filtered_by_any(
    rows: Iterable[T],
    where: str | None,
    fields: Mapping[str, Callable[[T], object]],
    either: frozenset[str],
) -> Iterable[T]:
    """Return the rows that fit a `where` as `filtered` takes it, or one of OR between fields of `either`.

    Xero knows OR as one of its operators; here it joins what asks for several things at once, ids or dates.
    """
    parts = _OR.split(where) if where else []
    if len(parts) < 2:
        return filtered(rows, where, fields)
    tests: list[Callable[[T], bool]] = []
    for part in parts:
        term = _TERM.fullmatch(part)
        if term is None or term["field"] not in either:
            raise query_error(f"OR joins {' and '.join(sorted(either)) or 'nothing'} here, not '{part}'")
        tests.append(_test(part, term, fields))
    return (row for row in rows if any(test(row) for test in tests))


def exact_text(where: str | None, field: str) -> str | None:
    """Return the text that a `where` wants of a field, if that is all it asks."""
    term = _TERM.fullmatch(where or "")
    if term is None or term["field"] != field or term["op"] not in {"==", "="}:
        return None
    return term["text"]


def _terms(where: str) -> list[re.Match[str]]:
    terms: list[re.Match[str]] = []
    at = 0
    while True:
        term = _TERM.match(where, at)
        if term is None:
            raise query_error(f"Invalid expression at position {at}")
        terms.append(term)
        if term.end() == len(where):
            return terms
        joint = _AND.match(where, term.end())
        if joint is None:
            raise query_error(f"Invalid expression at position {term.end()}")
        at = joint.end()


def _test(
    where: str, term: re.Match[str], fields: Mapping[str, Callable[[T], object]]
) -> Callable[[T], bool]:
    read = fields.get(term["field"])
    if read is None:
        raise query_error(f"No property or field '{term['field']}' exists in '{where}'")
    compare = _OPERATORS[term["op"]]
    wanted = _wanted(term)
    if compare is not operator.eq and not isinstance(wanted, date):
        raise query_error(f"Operator '{term['op']}' is not for text")
    return lambda row: type(read(row)) is type(wanted) and compare(read(row), wanted)


def _wanted(term: re.Match[str]) -> object:
    if term["text"] is not None:
        return term["text"]
    try:
        if term["guid"] is not None:
            return uuid.UUID(term["guid"])
        return date(*(int(part) for part in term["day"].split(",")[:3]))
    except (ValueError, TypeError, OverflowError):
        raise query_error(f"Invalid value '{term[0].strip()}'") from None


def ordered(
    rows: Iterable[T], order: str | None, keys: Mapping[str, Callable[[T], Any]], default: str
) -> list[T]:
    """Return the rows by `order`, such as `Date DESC`. Raises Refused for a field that is none of `keys`."""
    name, _, direction = (order or default).strip().partition(" ")
    if name not in keys or direction.strip().upper() not in {"", "ASC", "DESC"}:
        raise query_error(f"Invalid order '{order}'")
    return sorted(rows, key=keys[name], reverse=direction.strip().upper() == "DESC")


def page_of(rows: Sequence[T], params: Mapping[str, str]) -> tuple[Sequence[T], str] | None:
    """Return the page asked for and its `pagination` as JSON with a comma behind it; None without `page`.

    Raises Refused for numbers out of range.
    """
    if "page" not in params:
        return None
    number = _number(params, "page", 1, 1, 10**9)
    size = _number(params, "pageSize", DEFAULT_PAGE, 1, LARGEST_PAGE)
    pages = -(-len(rows) // size)
    pagination = (
        f'"pagination":{{"page":{number},"pageSize":{size},"pageCount":{pages},"itemCount":{len(rows)}}},'
    )
    return rows[(number - 1) * size : number * size], pagination


def _number(params: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    value = params.get(name, str(default))
    if not (value.isascii() and value.isdigit() and len(value) <= _DIGITS and least <= int(value) <= most):
        raise Refused(validation(f"{name} must be a number from {least} to {most}"))
    return int(value)


_SINCE: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")


def modified_since(value: bytes | None) -> int | None:
    """Return If-Modified-Since in milliseconds. Raises Refused for what is no instant.

    Xero's pages document yyyy-mm-ddThh:mm:ss, in UTC; its schema says a date-time, which has an offset, and
    common clients send that, with Z, or an HTTP date. All of them are taken.
    """
    if value is None:
        return None
    text = value.decode("latin-1")
    try:
        since = datetime.fromisoformat(text) if _SINCE.fullmatch(text) else parsedate_to_datetime(text)
    except ValueError:
        raise _precondition(f"If-Modified-Since '{text}' is no instant") from None
    return ms_of(since if since.tzinfo else since.replace(tzinfo=UTC))


def _precondition(message: str) -> Refused:
    # Xero documents 412 for a bad precondition header, and nothing of its body.
    return Refused(Answer(412, message.encode(), "text/plain"))
