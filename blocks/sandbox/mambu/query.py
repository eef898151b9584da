"""The body of `POST /gljournalentries:search`, checked as strictly as Mambu's documentation allows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import cast
from zoneinfo import ZoneInfo

from blocks.sandbox.mambu.dates import EVERYTHING, Span, span_of
from blocks.sandbox.mambu.errors import MambuError, invalid
from blocks.sandbox.mambu.fields import FILTER_FIELDS, OPERATORS, SORT_FIELDS, Field, FieldType, Line

Test = Callable[[Line], bool]


@dataclass(frozen=True, slots=True)
class Sort:
    """What to sort by."""

    name: str
    descending: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A search: spans of creation and booking in seconds since 1970, of entry ids, and other tests."""

    created: Span = EVERYTHING
    booked: Span = EVERYTHING
    entry_ids: Span = EVERYTHING
    tests: tuple[Test, ...] = ()
    sort: Sort | None = None
    digest: bytes = b""


@dataclass(frozen=True, slots=True)
class Rules:
    """What checking a search depends on besides its body."""

    zone: ZoneInfo
    today: date
    require_filter: bool = True
    shift: int = 0


@dataclass(slots=True)
class _Parts:
    created: Span = EVERYTHING
    booked: Span = EVERYTHING
    entry_ids: Span = EVERYTHING
    tests: list[Test] = field(default_factory=list)


def parse_object(body: bytes) -> dict[str, object]:
    """Return a request's JSON object, numbers exact; raise the 400 of anything else."""
    try:
        value = json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise MambuError(400, "INVALID_JSON_SYNTAX") from None
    if not isinstance(value, dict):
        raise MambuError(400, "INVALID_JSON_SYNTAX", "an object is expected")
    return cast("dict[str, object]", value)


def parse_search(body: bytes, rules: Rules) -> Query:
    """Return what a search asks for; raise the 400 that names what is wrong with it."""
    content = parse_object(body)
    refuse_unknown(content, {"filterCriteria", "sortingCriteria"}, "")
    criteria = content.get("filterCriteria")
    if criteria is None:
        criteria = []
    if not isinstance(criteria, list):
        raise invalid("filterCriteria")
    if not criteria and rules.require_filter:
        raise invalid("filterCriteria: at least one is needed")
    parts = _Parts()
    for number, criterion in enumerate(criteria):
        _add(parts, criterion, f"filterCriteria[{number}]", rules)
    query = Query(parts.created, parts.booked, parts.entry_ids, tuple(parts.tests), _sort(content))
    canonical = json.dumps(content, sort_keys=True, default=str).encode()
    return replace(query, digest=hashlib.blake2b(canonical, digest_size=8).digest())


def refuse_unknown(content: dict[str, object], known: set[str], where: str) -> None:
    """Raise the 400 of a field nobody documented."""
    for name in content:
        if name not in known:
            raise invalid(f"{where}{'.' if where else ''}{name}: unknown field")


def _sort(content: dict[str, object]) -> Sort | None:
    criteria = content.get("sortingCriteria")
    if criteria is None:
        return None
    if not isinstance(criteria, dict):
        raise invalid("sortingCriteria")
    refuse_unknown(criteria, {"field", "order"}, "sortingCriteria")
    name, order = criteria.get("field"), criteria.get("order", "DESC")
    if not isinstance(name, str) or name not in SORT_FIELDS:
        raise invalid(f"sortingCriteria.field: {name}")
    if order not in ("ASC", "DESC"):
        raise invalid(f"sortingCriteria.order: {order}")
    return Sort(name, order == "DESC")


def _add(parts: _Parts, criterion: object, where: str, rules: Rules) -> None:
    if not isinstance(criterion, dict):
        raise invalid(where)
    refuse_unknown(criterion, {"field", "operator", "value", "secondValue", "values"}, where)
    name, operator = criterion.get("field"), criterion.get("operator")
    if not isinstance(name, str) or name not in FILTER_FIELDS:
        raise invalid(f"{where}.field: {name}")
    if not isinstance(operator, str) or operator not in OPERATORS:
        raise invalid(f"{where}.operator: {operator}")
    known, (count, types) = FILTER_FIELDS[name], OPERATORS[operator]
    if known.field_type not in types:
        raise invalid(f"{where}.operator: {operator} does not fit {name}")
    operands = _operands(criterion, count, where)
    if known.choices and not known.choices.issuperset(operands):
        raise invalid(f"{where}: {name} is one of {', '.join(sorted(known.choices))}")
    if operator in ("EMPTY", "NOT_EMPTY"):
        parts.tests.append(_presence(known, wanted=operator == "NOT_EMPTY"))
    elif known.field_type is FieldType.DATE:
        span = span_of(operator, operands, rules.zone, rules.today, rules.shift)
        if name == "creationDate":
            parts.created = parts.created.meet(span)
        else:
            parts.booked = parts.booked.meet(span)
    elif known.field_type in (FieldType.NUMBER, FieldType.MONEY):
        _add_number(parts, known, operator, [_decimal(text, where) for text in operands])
    else:
        parts.tests.append(_text_test(known, operator, operands))


def _operands(criterion: dict[str, object], count: int, where: str) -> list[str]:
    names = {-1: ("values",), 0: (), 1: ("value",), 2: ("value", "secondValue")}[count]
    given = tuple(name for name in ("value", "secondValue", "values") if criterion.get(name) is not None)
    if given != names:
        raise invalid(f"{where}: {criterion['operator']} takes {' and '.join(names) or 'no value'}")
    values = criterion["values"] if count == -1 else [criterion[name] for name in names]
    if not isinstance(values, list) or (count == -1 and not values):
        raise invalid(f"{where}.values")
    for value in values:
        if not isinstance(value, str):
            raise invalid(f"{where}: {value} is not a string")
    return values


def _decimal(text: str, where: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise invalid(f"{where}: {text} is not a number")
    return number


def _presence(known: Field, *, wanted: bool) -> Test:
    return lambda line: (known.read(line) not in (None, "")) is wanted


def _add_number(parts: _Parts, known: Field, operator: str, numbers: list[Decimal]) -> None:
    first, last = numbers[0], numbers[-1]

    def test(line: Line) -> bool:
        value = known.read(line)
        if not isinstance(value, int | Decimal):
            return False
        if operator == "MORE_THAN":
            return value > first
        if operator == "LESS_THAN":
            return value < first
        return first <= value <= last

    parts.tests.append(test)
    if known.field_type is FieldType.NUMBER and max(abs(first), abs(last)) < 1 << 62:
        # entryId is the only number; the days its bounds can touch are worth knowing.
        low = EVERYTHING.first if operator == "LESS_THAN" else int(first)
        high = EVERYTHING.last if operator == "MORE_THAN" else int(last) + 1
        parts.entry_ids = parts.entry_ids.meet(Span(low, high))


def _text_test(known: Field, operator: str, operands: list[str]) -> Test:
    if operator == "IN":
        wanted = frozenset(operands)
        return lambda line: str(known.read(line)) in wanted
    exact = operator.endswith("CASE_SENSITIVE")
    operand = operands[0] if exact else operands[0].casefold()

    def test(line: Line) -> bool:
        value = known.read(line)
        if not isinstance(value, str):
            return False
        text = value if exact else value.casefold()
        return text.startswith(operand) if operator.startswith("STARTS") else text == operand

    return test
