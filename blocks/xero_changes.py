"""The bodies of requests that change the status of a manual journal, in Xero's wire format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from blocks.xero import journal_date

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
