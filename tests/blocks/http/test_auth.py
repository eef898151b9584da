"""How long an access token is used."""

from __future__ import annotations

from datetime import timedelta

import pytest

from blocks.http.auth import renew_at
from tests.helpers.clocks import START


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [
        (b"1800", 1740),
        (b"1800.5", 1740.5),
        (b'"1800"', 1740),
        (b"60", 30),
        *((odd, 240) for odd in (b"null", b'"nan"', b"-1", b"0", b"-1e14", b"true", b'""', b"[]", b'"soon"')),
        *((long, 86340) for long in (b"1e14", b"1e999", b'"inf"', b"9" * 5000)),
    ],
)
def test_any_life_gives_a_time_to_renew(expires_in: bytes, seconds: float) -> None:
    """A life is used up to the margin; one that is none counts as five minutes, one of ages as a day."""
    assert renew_at(START, expires_in, timedelta(seconds=60)) == START + timedelta(seconds=seconds)
