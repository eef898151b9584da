"""The seeded day."""

from __future__ import annotations

import json
import stat
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from blocks.sandbox.world import chart
from blocks.sandbox.world.day_lines import Lines, render_day, render_day_to_disk
from blocks.sandbox.world.days import DaySettings, day_start
from blocks.sandbox.world.noise import locate_key

DAYS = [date(2026, 1, 1), date(2026, 3, 29), date(2026, 7, 1), date(2026, 10, 25), date(2028, 2, 29)]
SETTINGS = DaySettings()


def rows(lines: Lines) -> list[dict[str, Any]]:
    """Return a written day as objects, numbers exact."""
    return json.loads(b"[" + lines.text[:] + b"]", parse_float=Decimal)  # type: ignore[no-any-return]


def day(when: date = DAYS[2], **settings: Any) -> list[dict[str, Any]]:
    """Return a seeded day as objects, each with all fields."""
    return rows(render_day(when, DaySettings(**settings, nulls=True)))


def signed(row: dict[str, Any]) -> Decimal:
    """Return an amount, credits negative."""
    amount: Decimal = row["amount"]
    return amount if row["type"] == "DEBIT" else -amount


@pytest.mark.parametrize("lines", [40, 41, 53, 149, 1200, 5003])
@pytest.mark.parametrize("when", DAYS[:2])
def test_count_is_exact(when: date, lines: int) -> None:
    """A day has exactly the number of lines asked for."""
    assert len(day(when, lines_per_day=lines)) == lines


def test_same_settings_same_bytes() -> None:
    """A day is a pure function of its date and settings."""
    assert render_day(DAYS[0], SETTINGS).text == render_day(DAYS[0], SETTINGS).text
    assert render_day(DAYS[0], SETTINGS).text != render_day(DAYS[0], DaySettings(seed=7)).text


def with_value(value: Any) -> Any:
    """Return an object without its fields that are null, and so all within it."""
    if isinstance(value, dict):
        return {name: with_value(field) for name, field in value.items() if field is not None}
    return value


@pytest.mark.parametrize("when", DAYS)
def test_fields_without_a_value_are_left_out(when: date) -> None:
    """A day is the same with nulls and without them, in the order of its fields too."""
    shown = [json.dumps(line, default=str) for line in rows(render_day(when, SETTINGS))]
    assert shown == [json.dumps(with_value(line), default=str) for line in day(when)]
    assert "null" not in "".join(shown)


@pytest.mark.parametrize("lines", [40, 1200])
@pytest.mark.parametrize("when", DAYS)
def test_everything_balances(when: date, lines: int) -> None:
    """Each transaction on each booking date balances, the pool without one too, and each branch."""
    sums: dict[object, Decimal] = defaultdict(Decimal)
    for row in day(when, lines_per_day=lines):
        sums[row["transactionId"], row["bookingDate"][:10]] += signed(row)
        sums[row["assignedBranchKey"]] += signed(row)
    assert not any(sums.values())


@pytest.mark.parametrize("when", DAYS)
def test_variety(when: date) -> None:
    """Every day has what real ones have: many accounts, dates and currencies, notes, zero amounts."""
    lines = day(when)
    assert len({row["glAccount"]["glCode"] for row in lines}) >= 25
    assert any(len(row["glAccount"]["glCode"]) > 10 for row in lines)
    assert len({row["assignedBranchKey"] for row in lines}) == len(chart.BRANCHES)
    assert len({row["bookingDate"][:10] for row in lines}) >= 4
    assert any(row["userKey"] and not row["notes"].isascii() for row in lines)
    currencies = {row["foreignAmount"]["currency"]["code"] for row in lines if row["foreignAmount"]}
    assert {"EUR", "NON_FIAT"} <= currencies
    assert 0 < sum(row["amount"] == 0 for row in lines) < 60
    last_month = (when.replace(day=1) - timedelta(days=1)).isoformat()
    assert any(row["bookingDate"].startswith(last_month) for row in lines)


def test_new_year_books_in_the_old() -> None:
    """A day in early January has lines booked in the year before."""
    assert any(row["bookingDate"].startswith("2025-12") for row in day(date(2026, 1, 2)))


def test_accruals_are_aggregated_at_midnight() -> None:
    """Accruals are stamped 00:00:00, booked a day earlier, and know no transaction, account or user."""
    accruals = [row for row in day() if row["transactionId"] is None]
    assert len(accruals) == 36 + 18  # daily, and those of a month's first
    for row in accruals:
        assert row["creationDate"] == "2026-07-01T00:00:00+01:00"
        assert row["bookingDate"] == "2026-06-30T00:00:00+01:00"
        assert row["accountKey"] is row["userKey"] is row["notes"] is None
        assert row["productKey"]
        assert row["assignedBranchKey"]


def test_monthly_accruals_on_the_first() -> None:
    """The first of a month has more accruals than other days."""
    first, second = (
        sum(row["transactionId"] is None for row in day(date(2026, 8, number), lines_per_day=1200))
        for number in (1, 2)
    )
    assert first > second


def test_ids_are_nearly_in_order() -> None:
    """Entry ids follow creation slightly out of order, are distinct, and grow from day to day."""
    before, after = day(date(2026, 6, 30)), day()
    created = [datetime.fromisoformat(row["creationDate"]) for row in after]
    assert created != sorted(created)
    drift = [
        abs(place - row) for row, place in enumerate(sorted(range(len(created)), key=created.__getitem__))
    ]
    assert max(drift[100:]) < 50
    assert max(row["entryID"] for row in before) < min(row["entryID"] for row in after)
    assert [row["entryID"] for row in after] == list(
        range(after[0]["entryID"], after[0]["entryID"] + len(after))
    )
    assert len({row["encodedKey"] for row in before + after}) == 2400


def test_reversals_link_both_lines() -> None:
    """A reversed line and its reversal name each other, across days too, and cancel each other."""
    lines = {
        row["encodedKey"]: row for when in (30, 1, 2) for row in day(date(2026, 6 if when == 30 else 7, when))
    }
    middle = [row for row in day() if row["reversalEntryKey"]]
    assert len(middle) == 32
    for row in middle:
        other = lines[row["reversalEntryKey"]]
        assert other["reversalEntryKey"] == row["encodedKey"]
        assert signed(other) == -signed(row)
        assert other["glAccount"] == row["glAccount"]
    across = [row for row in middle if lines[row["reversalEntryKey"]]["creationDate"] < "2026-07-01"]
    assert len(across) == 8
    assert all(row["bookingDate"].startswith("2026-06-30") for row in across)


@pytest.mark.parametrize(
    ("zone", "when", "hours"),
    [
        ("Europe/London", date(2026, 3, 29), 23),
        ("Europe/London", date(2026, 10, 25), 25),
        ("Pacific/Auckland", date(2026, 9, 27), 23),
        ("Pacific/Marquesas", date(2026, 5, 4), 24),
        ("Africa/Cairo", date(2026, 4, 24), 23),  # the day begins at 01:00
    ],
)
def test_lines_fill_the_local_day(zone: str, when: date, hours: int) -> None:
    """Lines lie within the local day, to its last second, each with the zone's offset at its instant."""
    tenant_zone = ZoneInfo(zone)
    start, end = day_start(when, tenant_zone), day_start(when + timedelta(days=1), tenant_zone)
    assert end - start == hours * 3600
    lines = day(when, time_zone=zone)
    instants = [datetime.fromisoformat(row["creationDate"]) for row in lines]
    for row, instant in zip(lines, instants, strict=True):
        assert instant.astimezone(tenant_zone).isoformat() == row["creationDate"]
        assert start <= instant.timestamp() < end
    assert max(instants).timestamp() == end - 1
    assert any("T23:59:59" in row["creationDate"] for row in lines)
    assert len({row["creationDate"][11:13] for row in lines}) >= 22


def test_many_lines_share_one_creation_time() -> None:
    """A batch gives many lines one identical creation time."""
    assert Counter(row["creationDate"] for row in day()).most_common(1)[0][1] > 20


def test_shape_of_a_line() -> None:
    """A line has the documented fields and no other, amounts with two decimals, about 900 bytes."""
    lines = render_day(DAYS[2], DaySettings(nulls=True))
    assert 850 < len(lines.text) / len(lines) < 1000
    names = (
        "encodedKey entryID transactionId creationDate bookingDate type amount glAccount foreignAmount"
        " accountKey productKey productType assignedBranchKey userKey notes reversalEntryKey"
    )
    assert list(rows(lines)[0]) == names.split()
    for row in rows(lines):
        assert row["amount"].as_tuple().exponent == -2
        assert isinstance(row["entryID"], int)


def test_key_names_its_line() -> None:
    """An encodedKey leads back to its day, and a made-up one to none."""
    for row in day()[:50]:
        place = locate_key(SETTINGS.seed, row["encodedKey"])
        assert place is not None
        assert place[0] == DAYS[2].toordinal()
    assert locate_key(SETTINGS.seed, "0" * 32) is None
    assert locate_key(SETTINGS.seed, "no key") is None


def test_disk_holds_the_same_day(tmp_path: Path) -> None:
    """A day on disk is the day in memory, its owner's only, and read again without being rewritten."""
    plain = render_day(DAYS[1], SETTINGS)
    for _ in range(2):
        kept = render_day_to_disk(DAYS[1], SETTINGS, tmp_path / "days")
        assert kept.cut(0, len(kept) - 1) == plain.text
        for column in ("starts", "entry_ids", "created", "booked"):
            assert getattr(kept, column).tolist() == getattr(plain, column).tolist()
    files = list((tmp_path / "days").iterdir())
    assert len(files) == 2
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((tmp_path / "days").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "wrong", [{"lines_per_day": 39}, {"lines_per_day": 9_000_001}, {"seed": -1}, {"time_zone": "Nowhere"}]
)
def test_impossible_settings_are_refused(wrong: dict[str, Any]) -> None:
    """Settings no day can be made of are refused."""
    with pytest.raises(ValueError, match="is"):
        DaySettings(**wrong)
