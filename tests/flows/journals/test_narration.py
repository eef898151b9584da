"""The names of journals and lines, and the keys of requests."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.journals.narration import Narration, description, entry_id_in, has_label, request_key

CREATED, BOOKED = dt.date(2026, 11, 20), dt.date(2026, 11, 18)
TEXT = "Mambu journal data with creation date: 2026-11-20 | booking date 2026-11-18 | 2"
labels = st.none() | st.from_regex(r"\A[A-Za-z0-9._-]{1,40}\Z")
names = st.builds(Narration, st.dates(), st.dates(), st.integers(1, 99_999), labels)


@pytest.mark.parametrize(("label", "text"), [(None, TEXT), ("acme-uk", f"{TEXT} | acme-uk")])
def test_the_name_of_a_journal(label: str | None, text: str) -> None:
    """A journal's name states creation date, booking date, number, and the label where there is one."""
    assert str(Narration(CREATED, BOOKED, 2, label)) == text


@given(name=names)
def test_a_name_is_read_back(name: Narration) -> None:
    """A name that was written is read as the same name."""
    assert Narration.parse(str(name)) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Rent",
        f"Reversal: {TEXT}",
        f"{TEXT} | a b",
        f"{TEXT} |",
        TEXT.replace("11-18", "13-18"),
        f"{TEXT}{'2' * 5000}",
        f"{TEXT}\n",
    ],
)
def test_another_name_is_not_taken_for_ours(text: str) -> None:
    """A text that is not of a name's shape is not read as one."""
    assert Narration.parse(text) is None


@pytest.mark.parametrize(
    ("transaction", "label", "text"),
    [
        ("T1", None, "EntryID: 5, TransactionID: T1"),
        (None, None, "EntryID: 5"),
        ("T1", "acme-uk", "EntryID: 5, TransactionID: T1 | acme-uk"),
        (None, "acme-uk", "EntryID: 5 | acme-uk"),
    ],
)
def test_the_text_of_a_line(transaction: str | None, label: str | None, text: str) -> None:
    """A line's text has its entry id, its transaction id where there is one, and the label at its end."""
    assert description(5, transaction, label) == text


@given(
    entry=st.integers(0, 2**63 - 1),
    transaction=st.none() | st.text(min_size=1, max_size=20),
    label=labels,
    added=st.sampled_from(["", " checked", ", ok", "; see mail", "\nseen", " | ok", "!"]),
)
def test_the_entry_id_is_found_whatever_follows(
    entry: int, transaction: str | None, label: str | None, added: str
) -> None:
    """The entry id at a line's start is read, whatever people have written behind it."""
    assert entry_id_in(description(entry, transaction, label) + added) == entry


@pytest.mark.parametrize(
    "text", [None, "", "Rent", "EntryID: ", "see EntryID: 5", f"EntryID: {10**19}", f"EntryID: {2**63}"]
)
def test_other_texts_have_no_entry_id(text: str | None) -> None:
    """A text that does not begin with an entry id has none, nor one whose number is longer than any."""
    assert entry_id_in(text) is None


@pytest.mark.parametrize(
    ("text", "label", "has"),
    [
        ("EntryID: 5 | acme", "acme", True),
        ("EntryID: 5 | acme checked", "acme", True),
        ("EntryID: 5 | acme-uk", "acme", False),
        ("EntryID: 5 | acme", "acme-uk", False),
        ("EntryID: 5", "acme", False),
        ("EntryID: 5", None, True),
        ("EntryID: 5 checked", None, True),
        ("EntryID: 5 | acme", None, False),
    ],
)
def test_labels_tell_tenants_apart(text: str, label: str | None, has: bool) -> None:
    """A text carries exactly the label that was put on it, no part and no extension of it."""
    assert has_label(text, label) is has


PLACE = (dt.date(2026, 11, 1), 0, 0, 0, 0)


def test_a_key_is_always_the_same() -> None:
    """The key of a request is fixed by its place in the day for all times and machines."""
    key = request_key("organisation", dt.date(2026, 11, 20), None, PLACE)
    assert key == "4d9c6d2a-9dba-5fbb-a5e6-defe525a9ddf"


@pytest.mark.parametrize(
    "other",
    [
        ("another", dt.date(2026, 11, 20), None, PLACE),
        ("organisation", dt.date(2026, 11, 21), None, PLACE),
        ("organisation", dt.date(2026, 11, 20), "acme", PLACE),
        *(
            ("organisation", dt.date(2026, 11, 20), None, (*PLACE[:index], 1, *PLACE[index + 1 :]))
            for index in range(len(PLACE))
        ),
    ],
)
def test_other_requests_have_other_keys(other: tuple[Any, ...]) -> None:
    """Another organisation, day, label or place gives another key."""
    assert request_key(*other) != request_key("organisation", dt.date(2026, 11, 20), None, PLACE)
