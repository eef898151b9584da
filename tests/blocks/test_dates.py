"""Which dates and instants can be asked for, and how they are written."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.dates import FIRST, LAST, askable, require_askable, utc_text
from blocks.errors import UsageError

OFFSETS = st.timedeltas(dt.timedelta(hours=-23, minutes=-59), dt.timedelta(hours=23, minutes=59))


@given(asked=st.one_of(st.dates(), st.datetimes(), st.datetimes(timezones=OFFSETS.map(dt.timezone))))
def test_whatever_is_asked_for_is_taken_or_refused_in_a_sentence(asked: dt.date) -> None:
    """Of any date or instant, in any offset, a year of 2001 to 2998 is taken, and one outside is refused."""
    if askable(asked):
        assert 1999 <= asked.year <= 3000
        require_askable("--since", asked)
    else:
        assert not 2000 < asked.year < 2999
        told = f"--since {asked.isoformat()}: only what lies between 2000-01-01 and 2999-12-31"
        with pytest.raises(UsageError, match=re.escape(told)):
            require_askable("--since", asked)


@pytest.mark.parametrize(
    "asked",
    [
        FIRST,
        LAST,
        dt.datetime(2000, 1, 1, tzinfo=dt.UTC),
        dt.datetime(2999, 12, 31, 23, 59, tzinfo=dt.UTC),
        None,
    ],
)
def test_the_bounds_themselves_can_be_asked_for(asked: dt.date | None) -> None:
    """The first and the last day can be asked for, and so can nothing at all."""
    require_askable("date", asked)


@pytest.mark.parametrize(
    "asked",
    [
        FIRST - dt.timedelta(days=1),
        LAST + dt.timedelta(days=1),
        dt.datetime(1999, 12, 31, 23, 59, 59),  # noqa: DTZ001 - without an offset it is UTC
        dt.datetime(2000, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1))),
    ],
)
def test_what_lies_beyond_the_bounds_cannot(asked: dt.date) -> None:
    """The day before the first, the day after the last, and an instant that is one of them in UTC, cannot."""
    with pytest.raises(UsageError):
        require_askable("date", asked)


@given(at=st.datetimes(timezones=st.just(dt.UTC)))
def test_an_instant_is_written_with_four_digits_of_its_year(at: dt.datetime) -> None:
    """An instant's text is of one length in every year, and reads back as that instant to the second."""
    assert len(utc_text(at)) == len("2026-11-20T08:00:00")
    assert dt.datetime.fromisoformat(f"{utc_text(at)}+00:00") == at.replace(microsecond=0)
