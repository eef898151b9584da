"""Nights that a store has behind it: journals of days long past, all of them in Xero."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import text

from blocks.store.journals import Store

JOURNALS = 4_000
LINES = 250
# Longer ago than any run looks back.
_DAYS_APART = 60
# One statement a night, in SQLite's words: rows are made where they are kept.
_NIGHT = text("""
WITH RECURSIVE one(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM one WHERE number < :journals)
INSERT INTO journals (organisation, narration, generation, connection, day, booking_date, number,
  request_key, digest, lines, debits, state, manual_journal_id, reason, changed_at, entries, lowest_entry,
  highest_entry)
SELECT 'organisation', 'Journal ' || :day || ' ' || number, 0, 'default', :day, :day, number,
  :day || '-' || (number / 50), hex(randomblob(32)), :lines, '1234.56', 'confirmed',
  substr(hex(randomblob(18)), 1, 36), NULL, :day || 'T03:00:00+00:00', randomblob(60),
  (:night * :journals + number) * :lines - :beyond, (:night * :journals + number + 1) * :lines - 1 - :beyond
FROM one
""")


async def fill(store: Store, nights: int, *, before: dt.date, journals: int = JOURNALS) -> None:
    """Record so many nights of journals, the last of them some time before a date, in a SQLite store."""
    beyond = (nights + 1) * journals * LINES
    async with store:
        for night in range(nights):
            day = before - dt.timedelta(_DAYS_APART + nights - night)
            given = {"day": str(day), "night": night, "journals": journals, "lines": LINES, "beyond": beyond}
            async with store.database.begin() as database:
                await database.execute(_NIGHT, given)
