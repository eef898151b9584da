"""Slips in pure rules: money, days, the steps of processing, names, books and the tie-out."""

from __future__ import annotations

from functools import partial

from tests.mutants.mutant import PURE, place

_at = partial(place, PURE)
_of_journals = partial(place, PURE, simulation="journals")

_MONEY = _at("flows/money.py")
_DAYS = _at("flows/days.py")
_VISIBLE = _at("blocks/text.py")
_MARKDOWN = _at("flows/runtime/text.py", "tests/flows/test_text_out.py")
_VALIDATE = _at("flows/journals/process/validate.py")
_MAP = _at("flows/journals/process/map.py")
_GROUP = _at("flows/journals/process/group.py")
_BALANCE = _at("flows/journals/process/balance.py")
_BATCH = _at("flows/journals/process/batch.py")
_ROUNDING = _at("flows/journals/process/rounding.py")
_LINES = _at("flows/journals/lines.py")
_WINDOWS = _at("flows/days.py", "tests/flows/test_windows.py")
_OFFSETS = _at("flows/journals/offsets.py", "tests/flows/journals/process/test_validate.py")
_NARRATION = _of_journals(
    "flows/journals/narration.py",
    "tests/flows/journals/test_narration.py",
    "tests/flows/journals/test_prepare.py",
)
_SEALING = _of_journals("flows/journals/prepare.py")
_ENCODE = _at("flows/journals/encode.py")
_AMOUNTS = _of_journals(
    "flows/journals/amounts.py",
    "tests/flows/journals/test_tie_out.py",
    "tests/flows/journals/test_prepare.py",
)
_BOOKS = _of_journals(
    "flows/journals/reconciliation.py",
    "tests/flows/journals/test_reconciliation.py",
    "tests/flows/journals/test_prepare.py",
)
_DIFFERENCES = _of_journals(
    "flows/journals/differences.py",
    "tests/flows/journals/test_reconciliation.py",
    "tests/flows/journals/test_tie_out.py",
)
_TIE_OUT = _of_journals(
    "flows/journals/tie_out.py",
    "tests/flows/journals/test_tie_out.py",
    "tests/flows/journals/test_reconciliation.py",
)
_UNREADABLE = _at(
    "flows/journals/unreadable.py",
    "tests/flows/journals/test_journals_of_others.py::test_a_journal_that_may_hold_our_lines_is_not_passed_over",
)
_WITHDRAWAL = _at("flows/journals/withdraw/rules.py")

MUTANTS = (
    _MONEY.broken(
        "a negative amount is split as Python divides, downwards",
        "whole, fraction = divmod(abs(minor), 10**digits)",
        "whole, fraction = divmod(minor, 10**digits)",
    ),
    _MONEY.broken(
        "a fraction of a minor unit is cut off where amounts are compared",
        "return int(scaled) if scaled == scaled.to_integral_value() else None",
        "return int(scaled)",
        tests=("tests/flows/test_money.py", "tests/flows/journals/test_reconciliation.py"),
    ),
    _MONEY.broken("sums of 64-bit integers overflow", "exact = _summable(values)", "exact = values"),
    _MONEY.broken(
        "yen are sent with two decimals", "return 0 if currency in _WITHOUT_MINOR_UNITS else 2", "return 2"
    ),
    _DAYS.broken(
        "every day has twenty-four hours",
        "return _midnight(self.date + dt.timedelta(days=1), self.zone)",
        "return self.start + dt.timedelta(days=1)",
    ),
    _DAYS.broken("a day that has only begun is run", "if now < day.end:", "if now < day.start:"),
    _DAYS.broken(
        "a late run covers the day before it ran, not the day it was planned for",
        "Day(date or scheduled.astimezone(zone).date() - dt.timedelta(days=1), zone)",
        "Day(date or now.astimezone(zone).date() - dt.timedelta(days=1), zone)",
    ),
    _VISIBLE.broken(
        "marks that turn a line around reach people",
        "|(?P<control>[{_CONTROLS}])|[{_UNSEEN}]",
        "|(?P<control>[{_CONTROLS}])",
    ),
    _MARKDOWN.broken(
        "text from outside is markup on the pages",
        'return _BEGINS.sub(r"\\1\\\\\\2", _MARKS.sub(r"\\\\\\g<0>", line))',
        "return line",
    ),
    _VALIDATE.broken(
        "debits and credits are swapped",
        'pc.if_else(debit, staged["amount"], pc.negate(staged["amount"]))',
        'pc.if_else(debit, pc.negate(staged["amount"]), staged["amount"])',
    ),
    _VALIDATE.broken(
        "a negative amount of a cent passes",
        'pc.less(staged["amount"], pa.scalar(0, AMOUNT))',
        'pc.less(staged["amount"], pa.scalar(-1, AMOUNT))',
    ),
    _VALIDATE.broken("zero lines are sent", "only(lines, pc.invert(zero))", "lines"),
    _VALIDATE.broken(
        "the booking date is taken at the offset of the creation",
        'local_dates(staged["booked"], due["booked"])',
        'local_dates(staged["booked"], due["created"])',
    ),
    _MAP.broken(
        "of two accounts with one code the archived one counts",
        'key=lambda account: account.status == "ACTIVE"',
        'key=lambda account: account.status != "ACTIVE"',
    ),
    _MAP.broken(
        "Xero's own accounts are told by their names",
        "if account.system_account in refused:",
        "if account.name in refused:",
    ),
    _GROUP.broken(
        "the lines of a transaction are one unit over all booking dates",
        'numbered(lines["booking_date"], pc.fill_null(lines["transaction_id"], ""))',
        'numbered(pc.fill_null(lines["transaction_id"], ""))',
    ),
    _BALANCE.broken(
        "units that together do not balance are pooled", "        if _total(its):", "        if not its:"
    ),
    _BALANCE.broken(
        "what was rounded up stays down",
        "minor = (amounts // factor).astype(np.int64) + ups",
        "minor = (amounts // factor).astype(np.int64)",
    ),
    _BALANCE.broken(
        "the rest of a rounding has the wrong sign",
        "(fractions - ups * factor) * 10 **",
        "(ups * factor - fractions) * 10 **",
    ),
    _BATCH.broken(
        "a batch is full one line too early",
        'lines_before + lines_per_journal, "right")',
        'lines_before + lines_per_journal, "left")',
    ),
    _BATCH.broken(
        "a batch may be larger than a request",
        "max(int(min(by_lines, by_size)), start + 1)",
        "max(int(by_lines), start + 1)",
    ),
    _ROUNDING.broken(
        "cycles are moved the way that changes more",
        "move = np.where(share < down, up, -down)",
        "move = np.where(share < up, up, -down)",
    ),
    _LINES.broken(
        "the first instant of the next day is this day's",
        "pc.and_(at_or_after, pc.less(created, pa.scalar(end, INSTANT)))",
        "pc.and_(at_or_after, pc.less_equal(created, pa.scalar(end, INSTANT)))",
    ),
    _LINES.broken(
        "a line whose creation cannot be read vanishes",
        "distinct.filter(pc.fill_null(inside, True))",
        "distinct.filter(pc.fill_null(inside, False))",
    ),
    _LINES.broken(
        "a line that came twice is in the day twice",
        "    repeats[doubtful] = _repeats(rows_at(names, within))\n",
        "",
    ),
    _LINES.broken(
        "two lines of one entry id are taken for one",
        "return pc.and_(pc.and_(same[0], same[1]), same[2])",
        "return pc.and_(same[0], same[1])",
    ),
    _WINDOWS.broken(
        "windows do not overlap", "OVERLAP = dt.timedelta(seconds=2)", "OVERLAP = dt.timedelta(seconds=0)"
    ),
    _OFFSETS.broken(
        "offsets that are behind the zone's pass",
        "pc.greater_equal(pc.abs(pc.subtract(carried, wanted)), _SAME_SECONDS)",
        "pc.greater_equal(pc.subtract(carried, wanted), _SAME_SECONDS)",
    ),
    _NARRATION.broken(
        "another tenant's lines are ours",
        "return _LABEL_AT_END.search(text) is None",
        "return True",
        tests=("tests/flows/journals/test_narration.py", "tests/flows/journals/test_reconciliation.py"),
    ),
    _NARRATION.broken(
        "two tenants of one organisation share their keys",
        '[organisation, str(created), label or "", *map(str, place)]',
        "[organisation, str(created), *map(str, place)]",
    ),
    _NARRATION.broken(
        "the key of a request is another one each time",
        "return str(uuid.uuid5(_NAMESPACE, text))",
        "return str(uuid.uuid4())",
    ),
    _SEALING.broken(
        "what joins a block later has the block's key",
        "(*block, earlier[block], generation, part)",
        "(*block, generation, part)",
    ),
    _SEALING.broken(
        "the key of a request is the same in each generation",
        "(*block, earlier[block], generation, part)",
        "(*block, earlier[block], part)",
    ),
    _SEALING.broken(
        "the key of a block follows from how many journals are in it",
        "(*block, earlier[block], generation, part)",
        "(*block, earlier[block], generation, len(its))",
    ),
    _SEALING.broken(
        "a number that was used is used again",
        "if number not in taken and number in of_date and rows",
        "if number in of_date and rows",
    ),
    _SEALING.broken(
        "late lines take the next number of the plan, used or not",
        "following = max({0, *of_date, *taken}) + 1",
        "following = max({0, *of_date}) + 1",
    ),
    _SEALING.broken(
        "the missing part of a transaction is sent by itself",
        "        if came_late(part, plan.digits):\n            late.add(unit)",
        "        if part:\n            late.add(unit)",
    ),
    _SEALING.broken(
        "what a rewritten journal may hold is sent",
        "whole, uncertain = _certain(whole, matched.changed_dates)",
        "whole, uncertain = _certain(whole, frozenset())",
    ),
    _ENCODE.broken(
        "quotes are not escaped",
        "    if not _has_odd_bytes(texts):\n        return texts\n",
        "    if texts:\n        return texts\n",
    ),
    _ENCODE.broken(
        "a backslash in a text goes unseen",
        """ | (found == ord("\\\\")))""",
        ")",
    ),
    _ENCODE.broken(
        "the first line of a journal is left out", "content[bounds[start] :", "content[bounds[start + 1] :"
    ),
    _AMOUNTS.broken(
        "late lines are rounded without regard to what is live",
        "controlled_rounding(fractions, units, accounts, whole, carried, ids=ids)",
        "controlled_rounding(fractions, units, accounts, whole, ids=ids)",
    ),
    _BOOKS.broken(
        "a draft whose texts were edited holds nothing by the record",
        "by_record = _by_record(plan, live, unsettled, found, record)",
        "by_record: dict[int, int] = {}",
        fault="an edited draft sent again",
        tests=("tests/flows/journals/test_reconciliation.py", "tests/flows/journals/test_prepare.py"),
    ),
    _BOOKS.broken(
        "lines of a voided journal count as missing",
        "voided = absent & deleted_or_voided[VOIDED]",
        "voided = set[int]()",
    ),
    _BOOKS.broken(
        "looking back, lines that people took out of a journal that stands count as missing",
        "Entries.of(deleted_or_voided[WITHDRAWN], *recorded_once)",
        "Entries.of(deleted_or_voided[WITHDRAWN])",
        fault="lines taken out and sent again",
    ),
    _BOOKS.broken(
        "a journal that may hold lines a second time is not told",
        "twice = (date, batch) not in missing",
        "twice = False",
        tests="tests/flows/journals/test_tie_out.py::test_a_lookalike_of_what_is_there_is_told",
    ),
    _BOOKS.broken(
        "a journal that may be ours is not waited for",
        "_lookalikes(plan, absent, unrecorded) if record_may_be_new else []",
        "_lookalikes(plan, absent, unrecorded) if not record_may_be_new else []",
    ),
    _BOOKS.broken(
        "a journal that a person says is none of ours is passed over, whatever its lines say",
        "            known = None\n        if journal.journal_id in ids_apart:",
        "            continue\n        if journal.journal_id in ids_apart:",
    ),
    _BOOKS.broken(
        "the oldest of a journal's appearances in a list counts",
        "return list({journal.journal_id: journal for journal in journals}.values())",
        "return list({one.journal_id: one for one in reversed(list(journals))}.values())",
    ),
    _BOOKS.broken(
        "only what is recognised in the day's journals is compared and summed up",
        "            *unequal_journals(plan, live, found, by_record),\n",
        "",
        also=(("            if view.elsewhere:\n", "            if True:\n"),),
        fault="the one-sided tie-out",
    ),
    _DIFFERENCES.broken(
        "a line is there too often from the third time on",
        "if net[row.entry_id] > 1:",
        "if net[row.entry_id] > 2:",
    ),
    _DIFFERENCES.broken(
        "a reversal counts as a duplicate",
        "            net[row.entry_id] -= 1",
        "            net[row.entry_id] += 1",
    ),
    _DIFFERENCES.broken(
        "of the lines that a journal may hold only the number is told",
        ' to be missing (EntryID "\n        f"{listed(sorted(entries))}).',
        ' to be missing."\n        f"',
    ),
    _TIE_OUT.broken(
        "what Xero alone has is not tied out",
        "keys = sorted(plan.exact.keys() | matched.totals.keys())",
        "keys = sorted(plan.exact.keys())",
    ),
    _TIE_OUT.broken(
        "the tie-out compares Mambu with itself",
        "            matched.totals.get((code, date), nothing),",
        "            plan.exact.get((code, date), nothing),",
    ),
    _TIE_OUT.broken(
        "a difference of a whole unit passes for rounding",
        "abs(self.rounding) < self.allowed",
        "abs(self.rounding) <= self.allowed",
    ),
    _UNREADABLE.broken(
        "an unreadable journal counts as ours only where a text begins as ours do",
        "if any(_OURS.search(text) for text in one.texts):",
        "if any(_OURS.match(text) for text in one.texts):",
    ),
    _WITHDRAWAL.broken(
        "a journal without a record counts as untouched, and is withdrawn",
        "    if record is None or not record.digest:\n        return False",
        "    if record is None or not record.digest:\n        return True",
    ),
)
