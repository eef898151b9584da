"""What differs between the day's lines and its journals in Xero, in sentences for people. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from blocks.xero.models import ManualJournal
from flows.journals.matching import Row, View
from flows.journals.models import NOT_OURS, Plan, is_taxed
from flows.money import money_text
from flows.runtime.text import counted, listed

# What takes an edited journal of a status out of Xero.
_WITHDRAWN_WITH = {"DRAFT": "--include-edited", "POSTED": "--include-edited --include-posted"}


def duplicates_and_reversals(
    rows: Sequence[Row], live: Sequence[View]
) -> tuple[list[tuple[int, str]], list[str]]:
    """Return sentences on journals that reverse lines of the day, and on lines that are there too often.

    A line that stands there twice with opposite amounts was reversed by a person, and is no duplicate.
    """
    if len({row.entry_id for row in rows}) == len(rows):
        return [], []
    counts = Counter(row.entry_id for row in rows)
    net = _net(rows)
    places: dict[int, list[str]] = {}
    reversed_by: dict[int, list[int]] = defaultdict(list)
    for row in rows:
        if net[row.entry_id] > 1:
            places.setdefault(row.entry_id, []).append(named(live[row.journal].journal))
        elif row.reverses and net[row.entry_id] < 1 and counts[row.entry_id] > 1:
            reversed_by[row.journal].append(row.entry_id)
    duplicates = [
        f"EntryID {entry} is in {' and in '.join(names)}" for entry, names in sorted(places.items())
    ]
    texts = [
        (
            position,
            _reversal(live[position].journal, sorted(entries)),
        )
        for position, entries in sorted(reversed_by.items())
    ]
    return texts, duplicates


def _net(rows: Sequence[Row]) -> Counter[int]:
    """Return how often each entry stands there, what takes it back subtracted.

    A line that a person split or added to within its journal stands there once.
    """
    whole: dict[tuple[int, int], list[bool]] = defaultdict(list)
    net = Counter[int]()
    for row in rows:
        if row.opposite:
            net[row.entry_id] -= 1
        else:
            whole[row.entry_id, row.journal].append(row.agrees)
    for (entry, _), agree in whole.items():
        net[entry] += max(1, sum(agree))
    return net


def _reversal(journal: ManualJournal, entries: Sequence[int]) -> str:
    return (
        f"{named(journal)}, dated {journal.date}, reverses "
        f"{counted(len(entries), 'line')} of this day with opposite amounts (EntryID {listed(entries)}). "
        "Mambu's balances include these lines and Xero's do not: decide which is right"
    )


def unequal_lines(plan: Plan, rows: Sequence[Row], live: Sequence[View]) -> Iterator[tuple[int, str]]:
    def side(minor: int | None, code: str) -> str:
        amount = "an amount with more decimals" if minor is None else money_text(minor, plan.digits)
        return f"{amount} on {code or 'no account'}"

    # Of a large day nearly every line is as planned.
    odd = [row for row in rows if row.minor != row.planned.minor or row.code != row.planned.code]
    counts = Counter(row.entry_id for row in rows) if odd else Counter[int]()
    for row in odd:
        if not row.agrees and not (row.reverses and counts[row.entry_id] > 1):
            sides = f"Mambu {side(row.planned.minor, row.planned.code)}, Xero {side(row.minor, row.code)}"
            yield row.journal, f"EntryID {row.entry_id} in {named(live[row.journal].journal)}: {sides}"


def unequal_journals(
    plan: Plan, live: Sequence[View], found: Mapping[int, int], by_record: Mapping[int, int]
) -> Iterator[tuple[int, str]]:
    lost: dict[int, list[int]] = defaultdict(list)
    for entry, position in by_record.items():
        lost[position].append(entry)
    for index, view in enumerate(live):
        if not view.settled:
            recorded = (view.known.entries if view.known else None) or ()
            twice = sorted(entry for entry in recorded if found.get(entry, index) != index)
            texts = _unequal(plan, view, sorted(lost.get(index, ())), twice)
            yield from ((index, text) for text in texts)


def _unequal(plan: Plan, view: View, lost: Sequence[int], twice: Sequence[int]) -> Iterator[str]:
    """Yield what differs of a journal.

    `lost` are the entries that it holds by the record alone, `twice` those that are in another one.
    """
    journal = view.journal
    dates = sorted({row.planned.date for row in view.rows if not row.reverses})
    if dates and dates != [str(journal.date)]:
        text = f"Mambu's booking date is {', '.join(dates)}, the date in Xero is {journal.date}"
        yield f"{named(journal)}: {text}"
    taxed = sum(1 for line in journal.lines if is_taxed(line.tax_type))
    if taxed or journal.line_amount_types not in {None, "NoTax"}:
        yield f"{named(journal)}: it has tax in Xero, and Mambu's lines have none"
    if lost:
        yield _not_told(view, lost)
    if view.known is not None and view.known.possible:
        if twice and not lost:
            yield may_be_twice(journal, twice)
        return  # what else it holds, nobody knows whose it is
    if not view.elsewhere:  # of another day's journal the rest is that day's
        yield from _others(plan, view, lost)


def _others(plan: Plan, view: View, lost: Sequence[int]) -> Iterator[str]:
    journal, others = view.journal, max(0, view.unread - len(lost))
    if view.ours and view.strange:
        yield (
            f"{named(journal)}: Mambu no longer shows EntryID {listed(sorted(view.strange))} for "
            f"{plan.day}. Either they were removed in Mambu, or its API user sees fewer branches than "
            "before"
        )
    else:
        others += len(view.strange)
    if others:
        yield f"{named(journal)}: {others} of its {len(journal.lines)} lines do not belong to this day"


def _not_told(view: View, entries: Sequence[int]) -> str:
    if view.known is not None and view.known.possible:
        return may_be_ours(view.journal, entries)
    told = (
        f"{named(view.journal)}: its descriptions were edited in Xero. Daybook's record says that it "
        f"contains EntryID {listed(entries)}, so these are not sent again. "
    )
    if view.journal.status not in _WITHDRAWN_WITH:
        return f"{told}Leave the journal as it is, or void it in Xero"
    options = _WITHDRAWN_WITH[view.journal.status]
    return f"{told}Withdraw the day with {options} and run it again, or leave the journal as it is"


def may_be_ours(journal: ManualJournal, entries: Collection[int]) -> str:
    """Say why lines need review: a journal that cannot be recognised may contain them."""
    return (
        f"{named(journal)}, dated {journal.date}, has the totals per account of a journal with "
        f"{counted(len(entries), 'line that seems', 'lines that seem')} to be missing (EntryID "
        f"{listed(sorted(entries))}). It may be a journal of Daybook's that was edited, so nothing of that "
        "was sent. If it is, leave it, or remove it in Xero and run the date again. If it is not, write "
        f'"{NOT_OURS}" into its narration and run the date again'
    )


def may_be_twice(journal: ManualJournal, entries: Collection[int]) -> str:
    """Say why a journal that cannot be recognised needs review: its lines may be in another one as well."""
    return (
        f"{named(journal)}, dated {journal.date}, has the same totals per account as "
        f"{counted(len(entries), 'line')} that are in Xero already (EntryID {listed(sorted(entries))}). It "
        "may be a journal of Daybook's that was copied and then edited, so that these lines are in Xero "
        f'twice. If it is, remove one of the two in Xero. If it is not, write "{NOT_OURS}" into its '
        "narration. Then run the date again"
    )


def named(journal: ManualJournal) -> str:
    """Return a journal as texts name it."""
    return f'{journal.status.lower()} journal "{journal.narration}"'
