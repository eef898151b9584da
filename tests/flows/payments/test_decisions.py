"""The file by which people's decisions go from one store to another."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from blocks.errors import UsageError
from blocks.store import audit_rows as rules
from blocks.store.audit_rows import Entry, Key, Kind
from flows.payments import decisions
from tests.helpers.payments import AT

ENTRY = Entry(Key("org", Kind.PAYMENT, "1234"), "default", 1, "3", "INV-1", "Zoë", AT.date(), "1.10", "EUR")
ROW = rules.discarded(rules.posting(None, ENTRY, '{"a":1.10}', "run-1", AT), "Ann", "booked manually", AT)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Rows come back as they were written, from a file that is its owner's alone, whatever it was before."""
    file = tmp_path / "decisions.json"
    file.touch(mode=0o644)
    decisions.write(file, "default", [ROW])
    assert decisions.read(file) == [ROW]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def changed(**other: Any) -> dict[str, Any]:
    """Return the file's content, its one row changed."""
    row = {
        "entry": {"key": {"organisation": "org", "kind": "payment", "xero_id": "1"}, "connection": "x"},
        "result": {"status": "failed", "reason": "no"},
        "run_id": "r",
        "first_seen": AT.isoformat(),
        "changed_at": AT.isoformat(),
        "discarded": True,
        "discarded_by": "Ann",
        "discarded_at": AT.isoformat(),
    }
    return {"daybook": "decisions on payments", "version": 1, "connection": "x", "rows": [{**row, **other}]}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        json.dumps({**changed(), "version": 2}),
        json.dumps({**changed(), "daybook": "something else"}),
        json.dumps(changed(discarded_at=None)),
        json.dumps(changed(discarded_by=rules.CONNECTOR)),
        json.dumps(changed(discarded_at="2026-11-21T03:00:00")),
        json.dumps(changed(result={"status": "nearly", "reason": ""})),
        json.dumps(changed(tries="two")),
        json.dumps(changed(discarded=False, closing="{")),
        json.dumps(changed(discarded=False, closing='["day"]')),
        json.dumps(changed(discarded=False, closing='{"day": ""}')),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: str) -> None:
    """A file that audit export did not write is wrong use, in one sentence, and nothing of it is taken."""
    file = tmp_path / "decisions.json"
    file.write_text(content)
    with pytest.raises(UsageError, match="is not a file that audit export wrote"):
        decisions.read(file)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A file that cannot be read, or written, is named."""
    with pytest.raises(UsageError, match=r"none\.json cannot be read"):
        decisions.read(tmp_path / "none.json")
    with pytest.raises(UsageError, match=r"x\.json cannot be written"):
        decisions.write(tmp_path / "none" / "x.json", "default", [])
