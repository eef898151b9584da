"""What lies beside a manual journal: its history and its attachments.

Left out: reading the bytes of an attachment back, which no connector here does.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Final

from blocks.sandbox.exact_json import dumps
from blocks.sandbox.xero.lines import invalid
from blocks.sandbox.xero.state import Attachment, Journal, State
from blocks.sandbox.xero.wire import Refused, envelope, ms_date, validation

MOST_ATTACHMENTS: Final = 10
# One page of Xero's documentation says 25 MB, another 10: the smaller one is enforced.
LARGEST_ATTACHMENT: Final = 10_000_000
LONGEST_NOTE: Final = 2500


def history(state: State, journal: Journal) -> bytes:
    """Return the answer of GET …/History, the newest record first."""
    rows = [_record(row) for row in reversed(state.history.get(journal.journal_id, []))]
    return envelope(state.now(), "HistoryRecords", rows)


def add_history(state: State, journal: Journal, body: bytes) -> bytes:
    """Carry out PUT …/History and return the answer. Raises Refused."""
    try:
        rows = json.loads(body)["HistoryRecords"]
        details = [str(row["Details"]) for row in rows]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise invalid("The body holds no HistoryRecords with Details.") from None
    if any(not 1 <= len(one) <= LONGEST_NOTE for one in details):
        raise Refused(validation(f"Details has 1 to {LONGEST_NOTE} characters"))
    added = [state.note(journal.journal_id, "Note", one, "System Generated") for one in details]
    return envelope(state.now(), "HistoryRecords", [_record(row) for row in added])


def _record(row: dict[str, object]) -> bytes:
    shown = {name: row[name] for name in ("Changes", "User", "Details")}
    return (dumps(shown)[:-1] + f',"DateUTC":{ms_date(int(str(row["DateUTC"])))}}}').encode()


def attachments(state: State, journal: Journal) -> bytes:
    """Return the answer of GET …/Attachments."""
    rows = [_file(one) for one in state.attachments.get(journal.journal_id, {}).values()]
    return envelope(state.now(), "Attachments", rows)


def attach(state: State, journal: Journal, name: str, content_type: str, content: bytes) -> bytes:
    """Carry out PUT or POST …/Attachments/{name} and return the answer. Raises Refused."""
    files = state.attachments.get(journal.journal_id, {})
    if len(content) > LARGEST_ATTACHMENT:
        raise Refused(validation("The attachment is too large"))  # wording unknown
    if name not in files and len(files) >= MOST_ATTACHMENTS:
        raise Refused(validation(f"A document has at most {MOST_ATTACHMENTS} attachments"))  # wording unknown
    attachment = Attachment(state.new_id(), name, content_type, content)
    state.attach(journal.journal_id, attachment)
    state.put(replace(journal, has_attachments=True))
    return envelope(state.now(), "Attachments", [_file(attachment)])


def _file(attachment: Attachment) -> bytes:
    row = {
        "AttachmentID": attachment.attachment_id,
        "FileName": attachment.name,
        "MimeType": attachment.content_type,
        "ContentLength": len(attachment.content),
    }
    return dumps(row).encode()
