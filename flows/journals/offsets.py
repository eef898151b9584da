"""Each line's own UTC offset, compared with the one that the run's time zone has at that very instant. Pure.

Mambu writes each instant with the offset that the tenant's zone has at it. Where that is not the offset of
the run's zone, the run has the wrong zone: days would begin at the wrong hour, and bookings would move to
another date.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from blocks.mambu.models import MambuOffsets
from flows.runtime.text import counted

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECONDS_PER_MINUTE = 60_000_000
# Long ago zones had offsets with seconds, which an offset in hours and minutes cannot say.
_SAME_SECONDS = 60


def zone_offsets(instants: pa.ChunkedArray, zone: ZoneInfo) -> pa.Array:
    """Return the offset of a zone at each instant, in seconds east of UTC.

    It is null where the instant is, and where the zone's local time is before year 1 or after 9999.
    """
    minutes = pc.fill_null(pc.cast(instants, pa.int64()), 0).to_numpy() // _MICROSECONDS_PER_MINUTE
    # A zone's rules are asked once a minute, for a day has few minutes and many lines.
    found = pa.array(minutes, mask=pc.is_null(instants).to_numpy()).dictionary_encode()
    offsets = [_offset_at(minute, zone) for minute in found.dictionary.to_pylist()]
    return pa.array(offsets, pa.int32()).take(found.indices)


def local_dates(instants: pa.ChunkedArray, offsets: pa.Array) -> pa.ChunkedArray:
    """Return the date at each instant where the clocks are `offsets` seconds ahead of UTC."""
    seconds = pc.multiply(pc.cast(offsets, pa.int64()), 1_000_000)
    local = pc.cast(pc.add(pc.cast(instants, pa.int64()), seconds), pa.timestamp("us"))
    return pc.cast(pc.floor_temporal(local, unit="day"), pa.date32())


def _offset_at(minute: int, zone: ZoneInfo) -> int | None:
    try:
        local = (_EPOCH + dt.timedelta(minutes=minute)).astimezone(zone)
    except OverflowError:
        return None
    offset = local.utcoffset()
    return None if offset is None else int(offset.total_seconds())


class Contradiction(NamedTuple):
    """Offsets that are not those of the zone: what that is in a few words, each kind of it, what to do."""

    summary: str
    kinds: list[str]
    remedy: str


def contradiction(
    staged: pa.Table, due: Mapping[str, pa.Array], zone: ZoneInfo, mode: MambuOffsets
) -> Contradiction | None:
    """Return where the offsets of a staged day's lines are not those that are due, if anywhere.

    `due` has the zone's offsets at the instants of the columns `created` and `booked`. With the mode utc,
    every line must carry +00:00 instead.
    """
    kinds = [
        *_kinds("creation", staged, "created", due["created"], zone, mode),
        *_kinds("booking", staged, "booked", due["booked"], zone, mode),
    ]
    if not kinds:
        return None
    if mode == "utc":
        return Contradiction(
            "Mambu's times are not all in UTC, although the connection's mambu_offsets is utc",
            kinds,
            "If Mambu gives its times in its own time zone, set the connection's mambu_offsets to zone "
            "(DAYBOOK_MAMBU_OFFSETS); then run the date again.",
        )
    summary = f"Mambu's times contradict the time zone {zone.key} of this run"
    if all(pc.all(pc.equal(staged[f"{name}_offset"], 0)).as_py() is not False for name in due):
        return Contradiction(
            summary,
            kinds,
            "All lines have the offset +00:00: Mambu seems to give its times in UTC. If this tenant always "
            "does so, set the connection's mambu_offsets to utc (DAYBOOK_MAMBU_OFFSETS); if its time zone is "
            "UTC, correct the connection's time zone. Then run the date again.",
        )
    return Contradiction(
        summary,
        kinds,
        "Days and booking dates would be in the wrong time zone. Set the connection's time zone "
        "(DAYBOOK_TIMEZONE) to that of the Mambu organisation, then run the date again.",
    )


def _kinds(
    what: str, staged: pa.Table, column: str, due: pa.Array, zone: ZoneInfo, mode: MambuOffsets
) -> list[str]:
    carried = staged[f"{column}_offset"]
    wanted = pa.scalar(0, pa.int32()) if mode == "utc" else due
    wrong = pc.greater_equal(pc.abs(pc.subtract(carried, wanted)), _SAME_SECONDS)
    rows = pc.indices_nonzero(pc.fill_null(wrong, False))
    if not len(rows):
        return []
    entries = staged["entry_id"].take(rows).to_pylist()
    pairs = list(zip(carried.take(rows).to_pylist(), due.take(rows).to_pylist(), strict=True))
    first = dict(zip(reversed(pairs), reversed(entries), strict=True))
    where = "where it should be +00:00 and" if mode == "utc" else "where"
    return [
        f"{what}: {counted(count, 'line')} with the offset {offset_text(theirs)}, {where} the time zone "
        f"{zone.key} has {offset_text(ours)} (the first is EntryID {first[theirs, ours]})"
        for (theirs, ours), count in Counter(pairs).most_common()
    ]


def offset_text(seconds: int | None) -> str:
    """Return an offset as it is written in a date and time, such as +13:00."""
    if seconds is None:
        return "none"
    minutes = abs(seconds) // 60
    return f"{'-' if seconds < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}"
