"""Tie-out: Mambu's exact sums against all that is in the day's journals in Xero. Pure.

Neither side is the plan: Mambu's is worked out from the lines as they were extracted, before anything
was rounded, and Xero's from everything in the journals, whether it was recognised or not.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from decimal import Context, Decimal, localcontext
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from blocks.xero.models import ManualJournal
from flows.journals.differences import may_be_ours, may_be_twice
from flows.journals.lines import among, only
from flows.journals.models import Plan, is_rounded
from flows.journals.offsets import local_dates, zone_offsets
from flows.journals.reconciliation import Reconciliation
from flows.money import SUMS_PRECISION
from flows.runtime.text import listed

# Sums of a day's amounts fit into this, whatever their size.
_SUM = pa.decimal256(76, 18)
_PART_LINES = 100_000


def exact_sums(
    staged: pa.Table, zone: ZoneInfo, account_map: Mapping[str, str], digits: int
) -> dict[tuple[str, str], Decimal]:
    """Return the sums of a day's extracted lines, in minor units, per Xero account code and booking date.

    Debits are positive; nothing is rounded. `staged` is a table of flows.journals.lines.STAGED without
    malformed lines.
    """
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    with localcontext(Context(prec=SUMS_PRECISION)):
        # By parts: in a type that holds any sum, a large day's amounts take much memory.
        for first in range(0, staged.num_rows, _PART_LINES):
            for row in _sums(staged.slice(first, _PART_LINES), zone):
                code = account_map.get(row["gl_code"], row["gl_code"])
                sums[code, row["date"]] += row["amount_sum"].scaleb(digits)
    return dict(sums)


def _sums(staged: pa.Table, zone: ZoneInfo) -> list[dict[str, Any]]:
    booked = staged["booked"]
    amount = pc.cast(staged["amount"], _SUM)
    signed = pc.if_else(pc.equal(staged["type"], "DEBIT"), amount, pc.negate(amount))
    dates = pc.cast(local_dates(booked, zone_offsets(booked, zone)), pa.string())
    lines = pa.table({"gl_code": staged["gl_code"], "date": dates, "amount": signed})
    lines = lines.filter(pc.not_equal(signed, pa.scalar(Decimal(0), _SUM)))
    rows: list[dict[str, Any]] = (
        lines.group_by(["gl_code", "date"]).aggregate([("amount", "sum")]).to_pylist()
    )
    return rows


class TieOutRow(NamedTuple):
    """One account and booking date: Mambu's exact sum and Xero's, in minor units.

    `allowed` is what the rounding of its lines may come to, exclusive: 0 where no line was rounded.
    """

    account_code: str
    booking_date: str
    mambu: Decimal
    xero: Decimal
    allowed: int = 0

    @property
    def rounding(self) -> Decimal:
        """Return what Xero has more than Mambu."""
        return self.xero - self.mambu

    @property
    def agrees(self) -> bool:
        """Return whether both sides are equal, but for rounding."""
        return self.rounding == 0 or abs(self.rounding) < self.allowed


def tie_out(plan: Plan, matched: Reconciliation) -> list[TieOutRow]:
    """Return the sums per account and booking date on both sides.

    What was sent at one time differs by less than one minor unit per account and booking date; each
    sending that came later, in journals of its own, may add less than one. A journal that holds no line of
    the day, or only takes some back, was no sending.
    """
    rounded = _rounded_accounts(plan)
    sendings = Counter(str(journal.date) for journal in matched.holding)
    again = {str(date) for date in matched.rerounded}
    keys = sorted(plan.exact.keys() | matched.totals.keys())
    nothing = Decimal(0)
    return [
        TieOutRow(
            code,
            date,
            plan.exact.get((code, date), nothing),
            matched.totals.get((code, date), nothing),
            (max(sendings[date], 1) if date in again else 1) if (code, date) in rounded else 0,
        )
        for code, date in keys
    ]


def _rounded_accounts(plan: Plan) -> set[tuple[str, str]]:
    if not is_rounded(plan):
        return set()
    lines = plan.lines.filter(pc.not_equal(plan.lines["rounding"], 0))
    dates = lines["booking_date"].cast(pa.string()).to_pylist()
    return set(zip(lines["account_code"].to_pylist(), dates, strict=True))


class Confirmed(msgspec.Struct, frozen=True):
    """The day as it is in Xero: `rows` per account and booking date, `open` what does not agree.

    `left_out` are the sums of the lines that people removed from Xero and that are not to be sent again, as
    they had been sent. `in_review` counts the batches that need review.
    """

    matched: Reconciliation
    rows: list[TieOutRow]
    open: list[str]
    left_out: dict[tuple[str, str], int]
    in_review: int

    @property
    def tied_out(self) -> bool:
        """Return whether every line is in Xero once, nothing else is, and every account agrees."""
        return not self.open and not self.matched.suppressed and all(row.agrees for row in self.rows)

    @property
    def settled(self) -> bool:
        """Return whether nothing is left to do: it ties out, except for what people removed on purpose."""
        return not self.open and all(row.agrees for row in without(self.rows, self.left_out))

    def deleted_since_post(self, sent: Collection[str]) -> bool:
        """Tell whether a journal that Xero just accepted is deleted: the answer was an old one.

        `sent` are the journals' ids.
        """
        return bool(self.matched.missing) and not self.matched.deleted_or_voided.isdisjoint(sent)


def without(rows: Sequence[TieOutRow], sums: Mapping[tuple[str, str], int]) -> list[TieOutRow]:
    """Return rows with sums taken off Mambu's side."""
    return [row._replace(mambu=row.mambu - sums.get((row.account_code, row.booking_date), 0)) for row in rows]


def confirmed(plan: Plan, matched: Reconciliation, partially_posted: Sequence[str]) -> Confirmed:
    """Return how the day stands, with a sentence for whatever does not agree.

    `partially_posted` are sentences about units that cannot be sent since people changed their journals.
    """
    rows, left_out = tie_out(plan, matched), _sent_sums(plan, matched.suppressed)
    points = open_points(matched, partially_posted)
    if not points:
        # Every line seems to be in its place, but the sums differ: they decide.
        points = [_off(plan, row) for row in without(rows, left_out) if not row.agrees]
    return Confirmed(matched, rows, points, left_out, batches_in_review(plan, matched))


def batches_in_review(plan: Plan, matched: Reconciliation) -> int:
    """Return how many batches need review, since a journal in Xero may contain what is missing of them."""
    if not matched.waiting and not (matched.missing and matched.changed_dates):
        return 0
    lines = only(plan.lines, among(plan.lines, matched.missing, matched.waiting))
    changed = pc.is_in(lines["booking_date"], pa.array(sorted(matched.changed_dates), pa.date32()))
    in_review = lines.filter(pc.or_(changed, among(lines, matched.waiting)))
    return int(in_review.group_by(["booking_date", "batch"]).aggregate([]).num_rows)


def _sent_sums(plan: Plan, entries: Collection[int]) -> dict[tuple[str, str], int]:
    """Return the sums of lines as they are planned: what their rounding came to stays in the rest."""
    sums: dict[tuple[str, str], int] = defaultdict(int)
    if entries:
        lines = only(plan.lines, among(plan.lines, entries))
        columns = ("account_code", "booking_date", "minor")
        for code, date, minor in zip(*(lines[one].to_pylist() for one in columns), strict=True):
            sums[code, str(date)] += minor
    return sums


def _off(plan: Plan, row: TieOutRow) -> str:
    scale = -plan.digits
    return (
        f"account {row.account_code or '(none)'}, booking date {row.booking_date}: Mambu "
        f"{row.mambu.scaleb(scale):f}, Xero {row.xero.scaleb(scale):f}"
    )


def open_points(matched: Reconciliation, partially_posted: Sequence[str]) -> list[str]:
    """Return a sentence for whatever does not agree line by line."""
    texts = [*matched.duplicates, *(text for _, text in matched.differences), *partially_posted]
    texts.extend(_repeated_names(matched.journals))
    for one in matched.lookalikes:
        text = may_be_twice if one.twice else may_be_ours
        texts.append(text(one.journal, one.entries))
    for entries, what, way in (
        (
            matched.voided,
            "are only in journals that were voided in Xero, so they are not sent again",
            " (if nothing has replaced them, copy those journals in Xero to bring them back)",
        ),
        (matched.missing, "are not in Xero", ""),
    ):
        if entries:
            texts.append(f"{len(entries)} lines {what}: EntryID {listed(sorted(entries))}{way}")
    return texts


def _repeated_names(journals: Sequence[ManualJournal]) -> list[str]:
    names = [journal.narration for journal in journals]
    return [f'{count} journals are named "{name}"' for name, count in Counter(names).items() if count > 1]
