"""Reading what Xero answers into types, one odd value at a time. Pure.

The usual answer is decoded as it is. Where that fails, it is read again field by field: what may be absent
is absent where it is null, and what cannot be read is told in the `problem` of the thing that it stands in,
so that all the others are read all the same. Of a thing without such a field only nulls are overlooked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin

import msgspec

from blocks.errors import Unavailable
from blocks.http.models import NOT_THE_JSON, Answer
from blocks.text import has_strays, without_strays

# As JSON spells a NUL; its other strays cannot be decoded at all.
_NUL = rb"\u0000"
_PROBLEM = "problem"
_LONGEST_QUOTE = 40

T = TypeVar("T")


def tolerant(kind: type[T], read: Callable[[Answer], T]) -> Callable[[Answer], T]:
    """Return what reads an answer as `read` does, and where that raises Unavailable field by field."""

    def read_it(answer: Answer) -> T:
        try:
            found = read(answer)
            if _NUL not in answer.body:
                return found
        except Unavailable:
            if not answer.is_json:
                raise
        with suppress(ValueError, RecursionError):
            return _struct(kind, _loaded(answer.body))
        return read(answer)

    return read_it


def _loaded(body: bytes) -> Any:
    """Return what JSON holds, numbers as texts, and bytes that are no text as halves of surrogate pairs."""
    text = body.decode("utf-8-sig", "surrogateescape")
    return json.loads(text, strict=False, parse_float=str, parse_int=str, parse_constant=str)


def _struct(kind: type[T], given: Any) -> T:
    """Return a thing of a type that has fields. Raises ValueError where it cannot tell of a problem."""
    fields = {field.name: field for field in msgspec.structs.fields(kind)}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    problems: list[str] = []
    if isinstance(given, dict):
        for field in fields.values():
            problems += _field(field, given, values, tells=_PROBLEM in fields)
    else:
        problems.append(f"it is {_quoted(given)}, no object")
    missing = [field for field in fields.values() if field.required and field.name not in values]
    if _PROBLEM in fields:
        # What it lacks of what it must have, such as its id, is then as empty as texts can be.
        values |= {_PROBLEM: "; ".join(problems), **{field.name: "" for field in missing}}
    elif problems or missing:
        raise ValueError("; ".join(problems or [f"{field.encode_name} is missing" for field in missing]))
    return kind(**values)


def _field(
    field: msgspec.structs.FieldInfo, given: Mapping[str, Any], values: dict[str, Any], *, tells: bool
) -> Iterator[str]:
    """Put what a field holds among the values, and yield what is wrong with it."""
    name, kind = field.encode_name, field.type
    held = given.get(name)
    if held is None:
        if name not in given or NoneType in get_args(kind) or not (tells or field.required):
            return
        if get_origin(kind) is list and _states_nothing(given):
            values[field.name] = []
            return
        yield f"Xero gives null for {name}"
        return
    try:
        values[field.name] = _value(kind, held)
    except ValueError:
        yield f"Xero gives {_quoted(held)} for {name}"
        return
    if isinstance(held, str) and has_strays(held):
        values[field.name] = _value(kind, without_strays(held))
        yield f"Xero's {name} holds characters that are none ({_quoted(held)})"


def _states_nothing(page: Mapping[str, Any]) -> bool:
    """Tell whether a page says of its list that nothing is in it."""
    pagination = page.get("pagination")
    return isinstance(pagination, dict) and pagination.get("itemCount") == "0"


def _value(kind: Any, given: Any) -> Any:
    """Return a value in its type. Raises ValueError."""
    plain = next((one for one in get_args(kind) if one is not NoneType), kind)
    if get_origin(kind) is list:
        if not isinstance(given, list):
            raise ValueError("no list")
        return [_value(plain, one) for one in given]
    if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
        return _struct(plain, given)
    return msgspec.convert(given, kind, strict=False)


def _quoted(given: Any) -> str:
    text = "null" if given is None else without_strays(str(given))
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…"


def reader(kind: type[T], what: str) -> Callable[[Answer], T]:
    decoder = msgspec.json.Decoder(kind)

    def read(answer: Answer) -> T:
        try:
            if answer.is_json:
                return decoder.decode(answer.body)
            problem = f"it is {answer.headers.get('content-type', 'of no stated type')}, not JSON"
        except NOT_THE_JSON as error:
            problem = str(error)
        raise Unavailable(
            f"Xero: {what} cannot be read: {problem}. Check that the base URL leads to Xero's API.",
            status=answer.status,
        )

    return read


ACCEPT_JSON = {"Accept": "application/json"}
