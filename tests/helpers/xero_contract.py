"""What Xero's published contract says of a document, field by field, as its own client library has it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from typing import Any

from xero_python.accounting import models

_LIST = re.compile(r"list\[(\w+)\]")
_DATE = re.compile(r"/Date\(-?\d+(\+0000)?\)/$|\d{4}-\d\d-\d\d")
# Of a journal line's account the stand-in shows more than the contract: its name, for people who look at it
# by hand, and an id of the line. Daybook reads neither.
_BEYOND = {"ManualJournalLine": frozenset({"AccountName", "JournalLineID"})}
_PLAIN: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "bool": (bool,),
    "int": (int,),
    "float": (int, Decimal),
}


def departures(document: object, model: str, place: str = "") -> Iterator[str]:
    """Yield where a document is not as the contract has it: fields that it lacks, and values of another kind.

    `model` is the contract's name for such a document, such as ManualJournal. A date may be ISO too, as
    requests have it.
    """
    known = getattr(models, model)
    if issubclass(known, Enum):
        if document not in {one.value for one in known}:
            yield f"{place}: {document!r} is no {model}"
        return
    if not isinstance(document, dict):
        yield f"{place}: {document!r} is no {model}"
        return
    kinds = {name: known.openapi_types[attribute] for attribute, name in known.attribute_map.items()}
    for name, value in document.items():
        here = f"{place}.{name}" if place else name
        if name not in kinds:
            if name in _BEYOND.get(model, ()):
                continue
            yield f"{here}: {model} has no such field"
        elif value is not None:
            yield from _of_kind(value, kinds[name], here)


def _of_kind(value: Any, kind: str, place: str) -> Iterator[str]:
    listed = _LIST.fullmatch(kind)
    if listed and listed[1] not in _PLAIN:
        if not isinstance(value, list):
            yield f"{place}: {value!r} is no list"
            return
        for number, one in enumerate(value):
            yield from departures(one, listed[1], f"{place}[{number}]")
    elif kind.startswith(("date", "datetime")):
        if not isinstance(value, str) or not _DATE.match(value):
            yield f"{place}: {value!r} is no {kind}"
    elif kind in _PLAIN:
        if not isinstance(value, _PLAIN[kind]) or (isinstance(value, bool) and kind != "bool"):
            yield f"{place}: {value!r} is no {kind}"
    elif not listed:
        yield from departures(value, kind, place)
