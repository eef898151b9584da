"""The note beside a store of how many runs it has recorded."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from flows.payments.beginning import NOT_NOTED, RunCount, file_for, note, noted

AT = dt.datetime(2026, 11, 21, 3, 0, tzinfo=dt.UTC)


def test_a_note_is_of_one_connection_in_one_store(home: Path) -> None:
    """What is noted of one connection says nothing of another, nor of the same one in another store."""
    places = [file_for(address, name) for address in ("sqlite:///a", "sqlite:///b") for name in ("x", "y")]
    note(places[0], RunCount(3, AT))
    assert [noted(place) for place in places] == [RunCount(3, AT), NOT_NOTED, NOT_NOTED, NOT_NOTED]


def test_a_note_that_cannot_be_read_says_nothing(home: Path) -> None:
    """A note that is damaged, or has a time without a zone, is as good as none."""
    place = file_for("sqlite:///a", "x")
    for text in ("", "{", '{"runs": 1, "at": "2026-11-21T03:00:00"}'):
        place.write_text(text)
        assert noted(place) == NOT_NOTED
