"""Prepare: what is missing in Xero becomes finished journals, with their exact bytes and keys. Pure.

Pure and deterministic: the same lines, the same journals in Xero and the same record give the same
names, bytes and keys, on any machine and at any time. So the bytes need not be kept: they are made here once
for their digests and sizes, block by block, and once more for each request just before it leaves.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from blocks.xero.models import ManualJournal
from flows.journals import encode
from flows.journals.amounts import amounts_to_send
from flows.journals.encode import Style
from flows.journals.lines import among, bounds_of_batches, only, rows_at
from flows.journals.models import Plan, is_taxed
from flows.journals.narration import Narration, entry_id_in, request_key
from flows.journals.process.batch import LARGEST_JOURNAL_BYTES, Units, fill
from flows.journals.reconciliation import Reconciliation, came_late
from flows.money import money_text, to_minor
from flows.runtime.text import listed

# How many journals of a booking date go in one request, to save the day's calls.
BLOCK_JOURNALS = 50


class PreparedJournal(NamedTuple):
    """A journal ready to be sent: its name, what its bytes are made of, and what they contain.

    `rows` are its lines, `digest` is the SHA-256 of its bytes as JSON, `size` is how many these are, and
    `debits` is in minor units.
    """

    narration: Narration
    generation: int
    rows: pa.Table
    digest: str
    size: int
    debits: int

    @property
    def lines(self) -> int:
        """Return how many lines it has."""
        return int(self.rows.num_rows)

    @property
    def entries(self) -> list[int]:
        """Return the entry ids of its lines."""
        entries: list[int] = self.rows["entry_id"].to_pylist()
        return entries


class PreparedRequest(NamedTuple):
    """A request ready to be sent: its idempotency key, and the journals in it.

    `part` counts, from 0, the requests of a block that is too large for one: they are sent in this order.
    """

    key: str
    journals: tuple[PreparedJournal, ...]
    style: Style
    part: int = 0

    @property
    def body(self) -> bytes:
        """Return its bytes, made anew each time, and the same each time."""
        return encode.body(encode.encoded([(one.narration, one.rows) for one in self.journals], self.style))


class Prepared(msgspec.Struct, frozen=True):
    """What is to be sent, and what cannot be: `partially_posted` are sentences about partly missing units."""

    requests: list[PreparedRequest]
    partially_posted: list[str]

    @property
    def blocks(self) -> list[list[PreparedRequest]]:
        """Return the requests by block, in their order."""
        blocks: list[list[PreparedRequest]] = []
        for request in self.requests:
            if not request.part:
                blocks.append([])
            blocks[-1].append(request)
        return blocks

    @property
    def journals(self) -> list[PreparedJournal]:
        """Return the journals of all requests, in their order."""
        return [journal for request in self.requests for journal in request.journals]


class PreparePolicy(NamedTuple):
    """What a connection decides about journals."""

    organisation: str
    lines_per_journal: int
    show_on_cash_basis_reports: bool


def prepare_journals(
    plan: Plan,
    matched: Reconciliation,
    policy: PreparePolicy,
    *,
    taken: Mapping[dt.date, Collection[int]],
    generations: Mapping[str, int],
) -> Prepared:
    """Return requests for what Xero lacks.

    `taken` are numbers per booking date that the record knows to be used up, in addition to those that Xero
    shows; `generations` gives, by narration, the generation a journal is to be sent in, where that
    is not the first.
    """
    missing = only(plan.lines, among(plan.lines, matched.missing))
    whole, partially_posted = _whole_units(plan, matched, missing)
    partially_posted = [*partially_posted, *_partially_posted(plan, matched)]
    whole, uncertain = _certain(whole, matched.changed_dates)
    whole = amounts_to_send(plan, matched, whole)
    used = {
        date: set(taken.get(date, ())) | matched.numbers.get(date, set())
        for date in taken.keys() | matched.numbers.keys()
    }
    numbered = _numbered(plan, whole, policy.lines_per_journal, used)
    requests = _requests(plan, numbered, policy, used, generations)
    return Prepared(requests, [*partially_posted, *uncertain])


def entries_in(body: bytes) -> set[int]:
    """Return the entry ids in the bytes of a request."""
    journals = msgspec.json.decode(body, type=_Body).journals
    found = (entry_id_in(line.text) for journal in journals for line in journal.lines)
    return {entry for entry in found if entry is not None}


class _BodyLine(msgspec.Struct):
    text: str = msgspec.field(name="Description")


class _BodyJournal(msgspec.Struct):
    lines: list[_BodyLine] = msgspec.field(name="JournalLines")


class _Body(msgspec.Struct):
    journals: list[_BodyJournal] = msgspec.field(name="ManualJournals")


def _whole_units(plan: Plan, matched: Reconciliation, missing: pa.Table) -> tuple[pa.Table, list[str]]:
    """Keep the missing units that are missing whole, or came late; of others a person changed something."""
    known = (matched.live, matched.voided, matched.suppressed, matched.waiting)
    if not any(known):
        return missing, []
    live = among(plan.lines, *known)
    touched = pc.is_in(missing["unit"], plan.lines["unit"].filter(live).unique())
    parts: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in missing.filter(touched).to_pylist():
        parts[row["unit"]].append(row)
    partially_posted: list[str] = []
    late: set[int] = set()
    for unit, part in parts.items():
        if came_late(part, plan.digits):
            late.add(unit)
            continue
        transaction = part[0]["transaction_id"]
        name = f"transaction {transaction}" if transaction else "the lines without a transaction"
        partially_posted.append(
            f"{name}, booking date {part[0]['booking_date']}: Xero has only a part of it. Missing: "
            f"EntryID {listed([row['entry_id'] for row in part])}"
        )
    keep = pc.or_(pc.invert(touched), pc.is_in(missing["unit"], pa.array(list(late), pa.int64())))
    return only(missing, keep), partially_posted


def _partially_posted(plan: Plan, matched: Reconciliation) -> list[str]:
    """Return sentences on transactions of which people took out a part that no run can send again."""
    if not matched.suppressed or not matched.found:
        return []
    taken = only(plan.lines, among(plan.lines, matched.suppressed))
    live = plan.lines["unit"].filter(among(plan.lines, matched.live)).unique()
    parts: dict[str, list[int]] = defaultdict(list)
    for row in taken.filter(pc.is_in(taken["unit"], live)).to_pylist():
        if row["transaction_id"]:
            name = f"transaction {row['transaction_id']}, booking date {row['booking_date']}"
            parts[name].append(row["entry_id"])
    return [
        f"{name}: part of it was removed in Xero, so it is only partially posted: EntryID {listed(entries)}"
        for name, entries in parts.items()
    ]


def _certain(missing: pa.Table, changed: AbstractSet[dt.date]) -> tuple[pa.Table, list[str]]:
    """Keep what is missing of booking dates whose journals can all be told; the rest may be in Xero."""
    dates = sorted(changed & set(missing["booking_date"].unique().to_pylist()))
    if not dates:
        return missing, []
    uncertain = pc.is_in(missing["booking_date"], pa.array(dates, pa.date32()))
    texts = [
        f"booking date {date}: a journal of this day has lines that can no longer be recognised, so what "
        "seems to be missing was not sent"
        for date in dates
    ]
    return only(missing, pc.invert(uncertain)), texts


def _numbered(
    plan: Plan,
    lines: pa.Table,
    lines_per_journal: int,
    used: Mapping[dt.date, set[int]],
) -> Iterable[tuple[Narration, pa.Table]]:
    """Give each journal its number: the planned one where a batch is missing whole and the number free.

    What else is missing fills journals numbered behind all that are planned or used.
    """
    sent = only(plan.lines, pc.not_equal(plan.lines["minor"], 0))
    planned = _batches(sent.select(["booking_date", "batch"]))
    for date, batches in _batches(lines).items():
        taken, of_date = used.get(date, set()), planned.get(date, {})
        kept = {
            number: rows
            for number, rows in batches.items()
            if number not in taken and number in of_date and rows.num_rows == of_date[number].num_rows
        }
        for number, rows in kept.items():
            yield Narration(plan.day, date, number, plan.label), rows
        rest = [rows for number, rows in batches.items() if number not in kept]
        if rest:
            following = max({0, *of_date, *taken}) + 1
            for number, rows in _refilled(pa.concat_tables(rest), lines_per_journal, following):
                yield Narration(plan.day, date, number, plan.label), rows


def _batches(lines: pa.Table) -> dict[dt.date, dict[int, pa.Table]]:
    batches: dict[dt.date, dict[int, pa.Table]] = defaultdict(dict)
    for date, number, start, end in bounds_of_batches(lines):
        batches[date][number] = lines.slice(start, end - start)
    return batches


def _refilled(lines: pa.Table, lines_per_journal: int, first: int) -> Iterable[tuple[int, pa.Table]]:
    units = Units.of(lines)
    # Each of these units fits a request, or it would not have been planned.
    batches = fill(units.lines, units.sizes, lines_per_journal, first)[units.places]
    ordered = np.lexsort((lines["entry_id"].to_numpy(), batches))
    numbered = lines.set_column(lines.column_names.index("batch"), "batch", pa.array(batches, pa.int64()))
    for its in _batches(rows_at(numbered, pa.array(ordered))).values():
        yield from its.items()


def digest_of(journal: ManualJournal, digits: int, cash_basis: bool) -> str:
    """Return the digest of the bytes that Daybook would send for a journal as it is in Xero.

    It equals the digest recorded when the journal was prepared exactly where nobody has changed it since:
    lines are prepared by ascending entry id, and the order in which Xero lists them is nobody's change.
    Empty where the journal has what none of ours ever had: tax, tracking, a fraction of the minor unit.
    """
    lines: list[tuple[str, str, str]] = []
    for line in sorted(journal.lines, key=lambda line: entry_id_in(line.description) or 0):
        minor = to_minor(line.amount, digits)
        if minor is None or line.tracking or is_taxed(line.tax_type):
            return ""
        lines.append((money_text(minor, digits), line.account_code or "", line.description or ""))
    if journal.date is None or journal.line_amount_types not in {None, "NoTax"}:
        return ""
    return hashlib.sha256(encode.element(journal.narration, journal.date, lines, cash_basis)).hexdigest()


class _Block(NamedTuple):
    """What goes to Xero together: the first journals of a month's booking dates, or further ones of one date.

    The block of a journal follows from its booking date and number alone. So two runs of which one sees a
    line more than the other still use the same key, with other bytes, and Xero refuses the second: with keys
    made of their members, both would be accepted.
    """

    start: dt.date
    number: int

    @classmethod
    def of(cls, date: dt.date, number: int) -> _Block:
        if number == 1:
            return cls(date.replace(day=1), 0)
        return cls(date, 1 + (number - 2) // BLOCK_JOURNALS)


def _requests(
    plan: Plan,
    numbered: Iterable[tuple[Narration, pa.Table]],
    policy: PreparePolicy,
    used: Mapping[dt.date, set[int]],
    generations: Mapping[str, int],
) -> list[PreparedRequest]:
    style = Style(plan.digits, plan.label, policy.show_on_cash_basis_reports)
    blocks: dict[tuple[_Block, int], list[tuple[Narration, pa.Table]]] = defaultdict(list)
    for narration, rows in numbered:
        block = _Block.of(narration.booking_date, narration.number)
        blocks[block, generations.get(str(narration), 0)].append((narration, rows.select(encode.COLUMNS)))
    # A key can be used again only for what it stood for: what joins a block later has another one.
    earlier = Counter(_Block.of(date, number) for date, numbers in used.items() for number in numbers)
    of_day = (policy.organisation, plan.day, plan.label)
    return [
        PreparedRequest(
            request_key(*of_day, (*block, earlier[block], generation, part)),
            tuple(its),
            style,
            part,
        )
        for (block, generation), whole in blocks.items()
        for part, its in enumerate(_parts(_finished(whole, generation, style)))
    ]


def _finished(
    block: Sequence[tuple[Narration, pa.Table]], generation: int, style: Style
) -> list[PreparedJournal]:
    return [
        PreparedJournal(narration, generation, rows, made.digest, made.size, _debits(rows))
        for (narration, rows), made in zip(block, encode.encoded(block, style), strict=True)
    ]


def _debits(rows: pa.Table) -> int:
    amounts = rows["minor"]
    # In a type in which no sum of them overflows.
    debits = pc.cast(amounts.filter(pc.greater(amounts, 0)), pa.decimal128(38, 0))
    return int(pc.sum(debits).as_py() or 0)


def _parts(journals: Iterable[PreparedJournal]) -> Iterable[list[PreparedJournal]]:
    """Yield the journals of a block, as many at a time as a request can hold."""
    part: list[PreparedJournal] = []
    size = 0
    for one in journals:
        if part and size + one.size > LARGEST_JOURNAL_BYTES:
            yield part
            part, size = [], 0
        part.append(one)
        size += one.size
    if part:
        yield part
