"""How what clients show is compared, and that none of them is needed by this project."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from itertools import chain

import pytest

from tests.clients.__main__ import CLIENTS
from tests.clients.comparing import Checks, amount, by_key, day, difference, instant
from tests.clients.installing import DRIVERS
from tests.helpers.prefect_server import ROOT


@pytest.mark.parametrize(
    ("got", "held", "told"),
    [
        ({"a": [Decimal("1.50"), "x"]}, {"a": [Decimal("1.5"), "x"]}, ""),
        ({"a": 7}, {"a": Decimal("7.00")}, ""),
        (
            {"a": [1, Decimal("0.30")]},
            {"a": [1, Decimal("0.31")]},
            "[a][2] Decimal('0.30'), the stand-in has",
        ),
        ({"a": "1"}, {"a": 1}, "[a] '1', the stand-in has 1"),
        ({"a": 1, "b": 2}, {"a": 1}, "[b] 2, the stand-in has nothing"),
        ({"a": 1}, {"a": 1, "b": None}, "[b] nothing, the stand-in has None"),
        ({"a": [1]}, {"a": [1, 2]}, "[a] has 1 elements, not 2"),
        ([], {}, "[], the stand-in has {}"),
    ],
)
def test_the_first_difference_is_told(got: object, held: object, told: str) -> None:
    """Numbers are compared by value, texts to the letter, and what is missing or too much is a difference."""
    found = difference(got, held)
    assert found.startswith(told)
    assert bool(found) is bool(told)


def test_a_row_that_comes_twice_is_a_difference() -> None:
    """A list with the same row twice is not the list that has it once."""
    row = {"id": 1}
    assert difference(by_key([row, row], "id"), by_key([row], "id")).startswith("[1, again]")


def test_amounts_never_pass_through_a_float() -> None:
    """A text and a decimal are amounts, and a float is none."""
    assert amount("0.10") == amount(Decimal("0.1")) == Decimal("0.10")
    with pytest.raises(TypeError):
        amount(0.1)


def test_days_and_instants_are_read_in_utc() -> None:
    """A day is read from each form that clients show, and an instant needs an offset."""
    assert {day("/Date(1795046400000+1300)/"), day("2026-11-19"), day("2026-11-19 00:00:00+00:00")} == {
        "2026-11-19"
    }
    assert instant("2026-07-01T00:30:00+01:00") == instant("2026-06-30T23:30:00.000000Z")
    with pytest.raises(ValueError, match="no offset"):
        instant("2026-07-01T00:30:00")


def test_each_check_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A check that holds and one that does not are both printed, and the second is counted."""
    checks = Checks("a-client")
    checks.same("the organisation", {"name": "A"}, {"name": "A"})
    checks.same("the journals", {"J1": Decimal(1)}, {"J1": Decimal(2)})
    assert capsys.readouterr().out.splitlines() == [
        "a-client  right    the organisation",
        "a-client  DIFFERS  the journals: [J1] Decimal('1'), the stand-in has Decimal('2')",
    ]
    assert (checks.made, checks.wrong) == (2, 1)


def test_no_client_is_needed_by_this_project() -> None:
    """Their licences differ, some such that this project must not depend on them; each has its driver."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    assert [one for one in needed if one.lower().startswith(tuple(CLIENTS))] == []
    assert {client.driver for client, _ in CLIENTS.values()} == {
        one.name for one in DRIVERS.iterdir() if one.is_file()
    }
