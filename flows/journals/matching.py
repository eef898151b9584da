"""Matching: a journal's lines in Xero and the planned lines that their descriptions name. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import repeat

import msgspec
import pyarrow as pa

from blocks.xero.models import ManualJournal
from flows.journals.lines import among, only
from flows.journals.models import Known, Plan, is_rounded
from flows.journals.narration import Narration, description, entry_id_in, entry_id_within, has_label
from flows.money import to_minor


class PlannedLine(msgspec.Struct, frozen=True, gc=False):
    """A planned line: `minor` is its proposed amount, `low` and `high` what its exact amount may round to."""

    text: str
    minor: int
    low: int
    high: int
    code: str
    date: str


class Row(msgspec.Struct, frozen=True, gc=False):
    """A live line with the planned one; `journal` is the position of its journal among the live ones."""

    entry_id: int
    journal: int
    minor: int | None
    code: str
    planned: PlannedLine

    @property
    def agrees(self) -> bool:
        ours = self.planned
        return self.minor is not None and ours.low <= self.minor <= ours.high and self.code == ours.code

    @property
    def opposite(self) -> bool:
        """Tell whether it has the sign that Mambu's line has not."""
        return self.minor is not None and self.minor * (self.planned.low + self.planned.high) < 0

    @property
    def reverses(self) -> bool:
        """Tell whether it reverses exactly what Mambu's line says."""
        ours = self.planned
        return self.opposite and ours.low <= -(self.minor or 0) <= ours.high and self.code == ours.code


class View(msgspec.Struct):
    """A journal as the day sees it: which of its lines are whose.

    `rows` are lines of the plan, `strange` entry ids that are ours and not of the plan, `unread` counts
    the lines that are not recognised. `elsewhere`: by the record or its name it is another day's. `settled`:
    its lines are as planned, in no other journal, and not among the rows.
    """

    journal: ManualJournal
    known: Known | None
    name: Narration | None
    elsewhere: bool
    rows: list[Row]
    strange: list[int]
    unread: int
    settled: bool = False

    @property
    def ours(self) -> bool:
        """Tell whether it is the day's by its name or by the record."""
        return self.name is not None or (self.known is not None and not self.elsewhere)


def planned_lines(plan: Plan, entry_ids: Collection[int]) -> dict[int, PlannedLine]:
    """Return those of the planned lines that have one of the entry ids."""
    lines = only(plan.lines, among(plan.lines, entry_ids))
    entries, minors = lines["entry_id"].to_pylist(), lines["minor"].to_pylist()
    texts = map(description, entries, lines["transaction_id"].to_pylist(), repeat(plan.label))
    dates = lines["booking_date"].cast(pa.string()).to_pylist()
    lows, highs = minors, minors
    if is_rounded(plan):
        rounding = lines["rounding"].to_pylist()
        lows = [minor - (rest < 0) for minor, rest in zip(minors, rounding, strict=True)]
        highs = [minor + (rest > 0) for minor, rest in zip(minors, rounding, strict=True)]
    rows = map(PlannedLine, texts, minors, lows, highs, lines["account_code"].to_pylist(), dates)
    return dict(zip(entries, rows, strict=False))


def view_of(
    plan: Plan, planned: Mapping[int, PlannedLine], journal: ManualJournal, known: Known | None, position: int
) -> View:
    name = Narration.parse(journal.narration)
    named = name is not None and name.created == plan.day and name.label == plan.label
    if known is not None:
        elsewhere = known.day != plan.day
    else:
        elsewhere = name is not None and not named and name.label == plan.label
    # In a journal of ours people may put words before the id, or behind it, and take the label away.
    ours = named or (known is not None and not known.possible)
    read = entry_id_within if ours else entry_id_in
    view = View(journal, known, name if named else None, elsewhere, [], [], 0)
    for line in journal.lines:
        text = line.description or ""
        entry = read(text)
        if entry is None:
            view.unread += 1
            continue
        wanted = planned.get(entry)
        # Our very text, or one that people have added to: not another tenant's.
        if not (ours or (wanted is not None and text == wanted.text) or has_label(text, plan.label)):
            view.unread += 1
        elif wanted is None:
            view.strange.append(entry)
        else:
            minor = to_minor(line.amount, plan.digits)
            view.rows.append(Row(entry, position, minor, line.account_code or "", wanted))
    return view
