"""Drafts that people rewrite until their texts tell nothing: known by the record, or held for a person."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from blocks.connections.journals import JournalConnection
from tests.helpers.failed_runs import ended, entries, incidents, unit, units
from tests.helpers.journals_in_xero import journal_with, live_lines, reverse, take_out
from tests.helpers.sandboxed import DATE, Outcome, Sandboxed, line

Text = Callable[[str], str]


def edit(
    sandbox: Sandboxed, journal: dict[str, Any], text: Text, *, name: Text | None = None, lines: int = 100
) -> None:
    """Let a person change the texts of a journal's first lines, and its name."""
    numbers = count()
    narration = {"narration": name(journal["Narration"])} if name else {}
    sandbox.edit(
        journal,
        lambda one: {"Description": text(one["Description"])} if next(numbers) < lines else {},
        **narration,
    )


def xero_total(sandbox: Sandboxed) -> Decimal:
    """Return the sum of the debits in all live journals."""
    live = [one for one in sandbox.xero_journals() if one["Status"] not in {"DELETED", "VOIDED"}]
    amounts = [Decimal(line["LineAmount"]) for one in live for line in one["JournalLines"]]
    return sum((amount for amount in amounts if amount > 0), Decimal(0))


def refused(outcome: Outcome, *words: str) -> None:
    """Require that a run says what does not agree, and does not say that all is well."""
    outcome.failed()
    assert outcome.summary.tied_out is False
    assert "tie out" not in outcome.message
    for word in words:
        assert word in outcome.message


REWRITES: dict[str, tuple[Text, Text | None, int]] = {
    "renamed and rewritten": (lambda _: "see file", lambda _: "November interest", 100),
    "rewritten under its name": (lambda _: "see file", None, 100),
    "one transaction of two": (lambda _: "see file", lambda _: "November interest", 2),
    "one line": (lambda _: "see file", lambda _: "November interest", 1),
}


@pytest.mark.parametrize("case", REWRITES)
async def test_what_a_rewritten_draft_holds_is_not_sent_again(sandbox: Sandboxed, case: str) -> None:
    """Lines that the record says a live journal holds stay there alone; the rest of the date goes out."""
    sandbox.plant(units(1, 2))
    await ended(sandbox, await sandbox.run())
    text, name, lines = REWRITES[case]
    edit(sandbox, sandbox.xero_journals()[0], text, name=name, lines=lines)
    sandbox.plant([*units(1, 2), *units(3)])

    for created in (1, 0):
        again = await sandbox.run()

        refused(again, "its descriptions were edited", "--include-edited", "leave the journal as it is")
        assert again.summary.journals_created == created
        assert len(sandbox.xero_journals()) == 2
        assert xero_total(sandbox) == 6 + 7 + 8
    (incident,) = await incidents(sandbox, only_open=True)
    assert "EntryID" in incident.error


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (lambda text: f"checked {text}", None),
        (lambda text: f"checked: {text}", lambda _: "November interest"),
        (lambda text: f"{text} | ok", lambda name: f"{name} | ok"),
        (lambda text: f"Ann, {text} | ok", lambda name: f"{name} | ok"),
    ],
)
async def test_words_around_the_ids_hide_nothing(sandbox: Sandboxed, text: Text, name: Text | None) -> None:
    """In a journal that the record names, an entry id is found wherever people put words around it."""
    sandbox.plant(units(1, 2))
    await sandbox.run()
    edit(sandbox, sandbox.xero_journals()[0], text, name=name)

    again = await sandbox.run()

    await ended(sandbox, again)
    assert again.summary.journals_created == 0
    assert len(sandbox.xero_journals()) == 1


async def test_withdrawing_edited_drafts_is_the_way_out(sandbox: Sandboxed) -> None:
    """After the edited draft was withdrawn, a run sends its lines afresh, and all is well."""
    from blocks.connections import lookup
    from flows.journals.withdraw.flow import withdraw

    sandbox.plant(units(1, 2))
    await sandbox.run()
    edit(sandbox, sandbox.xero_journals()[0], lambda _: "see file", name=lambda _: "November")
    refused(await sandbox.run())
    with lookup.provided({"default": sandbox.connection()}):
        await withdraw(DATE, include_edited=True, confirmed=True, return_state=True)

    await ended(sandbox, await sandbox.run())

    assert entries(sandbox) == [1, 2, 3, 4]


@pytest.mark.parametrize("left", [[2], [], [2, 3]], ids=["one of two", "nothing", "another"])
async def test_what_mambu_shows_no_more_is_named(sandbox: Sandboxed, left: list[int]) -> None:
    """A journal of ours whose lines Mambu shows no more is named, and the day does not tie out."""
    sandbox.plant(units(1, 2))
    connection = sandbox.connection(lines_per_journal=2)
    await ended(sandbox, await sandbox.run(connection=connection))
    sandbox.plant(units(*left))

    # The same count of other lines is seen only where the day is read again.
    again = await sandbox.run(connection=connection, refresh=len(left) == 2)

    refused(again, "Mambu no longer shows EntryID 1, 2", "fewer branches")
    assert xero_total(sandbox) == 6 + 7 + (8 if 3 in left else 0)


async def test_a_person_takes_a_transaction_out_of_a_draft(sandbox: Sandboxed) -> None:
    """A transaction that a person took out of a draft is sent again by a run of its date."""
    sandbox.plant(units(1, 2))
    await sandbox.run()
    take_out(sandbox, 3)

    await ended(sandbox, await sandbox.run())
    assert entries(sandbox) == [1, 2, 3, 4]


# With the record lost.


async def forgotten_lookalike(sandbox: Sandboxed, home: Path) -> JournalConnection:
    """Send two transactions, let a person rewrite all of the first one's journal, and lose the record."""
    sandbox.plant(units(1, 2))
    connection = sandbox.connection(lines_per_journal=2)
    # Long ago, or a run with a new record would first wait for whatever else may be on its way.
    with sandbox.earlier(days=1):
        await sandbox.run(connection=connection)
        edit(sandbox, journal_with(sandbox, 1), lambda _: "see file", name=lambda _: "November interest")
    shutil.rmtree(home)
    return connection


async def test_without_the_record_a_lookalike_holds_its_batch(sandbox: Sandboxed, home: Path) -> None:
    """A batch that a journal with its date and sums may be waits for a person, in run after run."""
    connection = await forgotten_lookalike(sandbox, home)
    with sandbox.earlier(days=1):
        sandbox.control("xero/delete", {"journal_id": journal_with(sandbox, 3)["ManualJournalID"]})

    for created in (1, 0):
        again = await sandbox.run(connection=connection)

        refused(again, "It may be a journal of Daybook", "November interest", "not Mambu")
        assert again.summary.journals_created == created
        assert again.summary.as_json()["held"] == (1 if created else again.summary.in_review)
        assert xero_total(sandbox) == 6 + 7


async def test_a_lookalike_is_remembered_beside_a_copy_under_its_old_name(
    sandbox: Sandboxed, home: Path
) -> None:
    """A lookalike holds its batch also where a copy had the batch's name, and when that is gone again."""
    sandbox.plant(units(1, 2))
    connection = sandbox.connection(lines_per_journal=2)
    with sandbox.earlier(days=1):
        await sandbox.run(connection=connection)
        edit(sandbox, journal_with(sandbox, 1), lambda _: "see file")
        (rewritten,) = [one for one in sandbox.xero_journals() if one["Narration"].endswith("| 1")]
        sandbox.control("xero/copy", {"journal_id": rewritten["ManualJournalID"]})
        renamed = {"journal_id": rewritten["ManualJournalID"], "narration": "November interest"}
        sandbox.control("xero/edit", renamed)
    shutil.rmtree(home)
    refused(await sandbox.run(connection=connection), "It may be a journal of Daybook")
    (copy,) = [one for one in sandbox.xero_journals() if one["Narration"].endswith("| 1")]
    sandbox.control("xero/delete", {"journal_id": copy["ManualJournalID"]})

    again = await sandbox.run(connection=connection)

    refused(again, "It may be a journal of Daybook", "November interest")
    assert again.summary.journals_created == 0


async def test_what_may_be_in_xero_twice_is_told_until_it_is_gone(sandbox: Sandboxed, home: Path) -> None:
    """A draft that was copied and then rewritten is told beside its copy, in run after run."""
    sandbox.plant(units(1, 2))
    connection = sandbox.connection(lines_per_journal=2)
    with sandbox.earlier(days=1):
        await sandbox.run(connection=connection)
        journal = journal_with(sandbox, 1)
        sandbox.control("xero/copy", {"journal_id": journal["ManualJournalID"]})
        edit(sandbox, journal, lambda _: "see file", name=lambda _: "November interest")
    shutil.rmtree(home)
    for _ in range(2):
        again = await sandbox.run(connection=connection)
        refused(again, "that are in Xero already", "November interest", "not Mambu")
        assert (again.summary.journals_created, again.summary.tied_out) == (0, False)

    sandbox.control("xero/delete", {"journal_id": journal["ManualJournalID"]})
    await ended(sandbox, await sandbox.run(connection=connection))
    assert xero_total(sandbox) == 6 + 7


async def test_a_person_says_that_a_lookalike_is_none_of_ours(sandbox: Sandboxed, home: Path) -> None:
    """Once a person has written so into the lookalike's narration, what waited is sent."""
    connection = await forgotten_lookalike(sandbox, home)
    refused(await sandbox.run(connection=connection))
    (theirs,) = [one for one in sandbox.xero_journals() if one["Narration"] == "November interest"]
    sandbox.control(
        "xero/edit", {"journal_id": theirs["ManualJournalID"], "narration": "November interest, not Mambu"}
    )

    await ended(sandbox, await sandbox.run(connection=connection))
    assert xero_total(sandbox) == 6 + 6 + 7


async def test_a_persons_no_makes_nothing_go_out_twice(sandbox: Sandboxed, home: Path) -> None:
    """Of a lookalike that a person says is none of ours, what its texts still tell is not sent again."""
    sandbox.plant(units(1, 2))
    with sandbox.earlier(days=1):
        await sandbox.run()
        (journal,) = sandbox.xero_journals()
        edit(sandbox, journal, lambda _: "see file", name=lambda _: "November interest", lines=2)
    shutil.rmtree(home)
    refused(await sandbox.run(), "2 lines that seem to be missing (EntryID 1, 2)", "not Mambu")
    its = {"journal_id": journal["ManualJournalID"]}
    sandbox.control("xero/edit", {**its, "narration": "November interest, not Mambu"})

    for created in (1, 0):
        again = await sandbox.run()
        refused(again, "not Mambu", "2 of its 4 lines do not belong to this day")
        assert (again.summary.journals_created, xero_total(sandbox)) == (created, 6 + 7 + 6)
    sandbox.control("xero/delete", its)
    await ended(sandbox, await sandbox.run())
    assert (xero_total(sandbox), entries(sandbox)) == (6 + 7, [1, 2, 3, 4])


async def test_a_lookalike_whose_texts_were_put_back_is_ours_again(sandbox: Sandboxed, home: Path) -> None:
    """Once a lookalike's lines can be told again it is known as ours, and stays known when rewritten anew."""
    sandbox.plant(units(1))
    with sandbox.earlier(days=1):
        await sandbox.run()
        (journal,) = sandbox.xero_journals()
        edit(sandbox, journal, lambda _: "see file", name=lambda _: "November interest")
    shutil.rmtree(home)
    refused(await sandbox.run(), "It may be a journal of Daybook")
    texts = iter([one["Description"] for one in journal["JournalLines"]])
    edit(sandbox, sandbox.xero_journals()[0], lambda _: next(texts))
    await ended(sandbox, await sandbox.run())
    edit(sandbox, sandbox.xero_journals()[0], lambda _: "see file")

    refused(await sandbox.run(), "its descriptions were edited", "EntryID 1, 2")
    assert len(sandbox.xero_journals()) == 1


async def test_a_journal_of_others_with_our_sums_stops_nothing(sandbox: Sandboxed) -> None:
    """Where the record is whole, a journal of somebody else's with the sums of late lines holds nothing."""
    sandbox.plant(units(1))
    await ended(sandbox, await sandbox.run())
    sandbox.control("xero/copy", {"journal_id": sandbox.xero_journals()[0]["ManualJournalID"]})
    (copy,) = [one for one in sandbox.xero_journals() if one != sandbox.xero_journals()[0]]
    edit(sandbox, copy, lambda _: "Rent", name=lambda _: "Rent")
    sandbox.plant([*units(1), *unit(7, 6)])

    again = await sandbox.run()

    await ended(sandbox, again)
    assert again.summary.journals_created == 1


# Reversals.


@pytest.mark.parametrize("first", [100, 2])
async def test_a_reversal_is_no_duplicate(sandbox: Sandboxed, first: int) -> None:
    """A reversal, of all or a part, is told as one; late lines go out, nothing destructive is advised."""
    sandbox.plant(units(1, 2))
    await sandbox.run()
    reverse(sandbox, sandbox.xero_journals()[0], first=first)
    sandbox.plant([*units(1, 2), *units(3)])

    again = await sandbox.run()

    refused(again, "opposite amounts", "Reversal: Mambu journal data")
    assert again.summary.journals_created == 1
    assert "more than once" not in again.message
    (incident,) = await incidents(sandbox, only_open=True)
    for text in (again.message, incident.error, incident.remedy):
        assert "elete" not in text
        assert "void the journal" not in text


async def test_a_line_that_stands_there_twice_is_still_a_duplicate(sandbox: Sandboxed) -> None:
    """A copy beside a reversal of another journal is a duplicate all the same."""
    sandbox.plant(units(1, 2))
    connection = sandbox.connection(lines_per_journal=2)
    await sandbox.run(connection=connection)
    reverse(sandbox, journal_with(sandbox, 1))
    sandbox.control("xero/copy", {"journal_id": journal_with(sandbox, 3)["ManualJournalID"]})

    again = (await sandbox.run(connection=connection)).failed("EntryID 3 is in")
    assert "EntryID 1 is in" not in again.message


# Rounding.


def on_accounts(sandbox: Sandboxed) -> dict[str, Decimal]:
    """Return what Xero's live journals have on each account."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for _, _, account, amount in live_lines(sandbox):
        sums[account] += amount
    return dict(sums)


def fine(*amounts: str, first: int = 1) -> str:
    """Return the JSON of transactions of two lines each, of amounts finer than a cent."""
    lines = [
        line(2 * number + side, f"<{amount}>", kind, transaction=f"T{number}", gl_code=code)
        for number, amount in enumerate(amounts, start=first)
        for side, kind, code in ((0, "DEBIT", "1010"), (1, "CREDIT", "5400"))
    ]
    return json.dumps(lines).replace('"<', "").replace('>"', "")


@pytest.mark.parametrize(("amount", "sum_"), [("0.006", "1.80"), ("0.004", "1.20"), ("0.0049", "1.47")])
async def test_many_small_amounts_arrive_as_their_sum(sandbox: Sandboxed, amount: str, sum_: str) -> None:
    """300 small transactions move each account by what they come to; a rerun sends nothing and ties out."""
    sandbox.plant(fine(*[amount] * 300))

    await ended(sandbox, await sandbox.run())
    again = await sandbox.run()

    assert on_accounts(sandbox) == {"1010": Decimal(sum_), "5400": -Decimal(sum_)}
    await ended(sandbox, again)
    assert again.summary.journals_created == 0


async def test_late_small_amounts_start_from_what_is_live(sandbox: Sandboxed) -> None:
    """Late lines are rounded so that each account stays within a cent of its exact sum, again and again."""
    exact, amounts = Decimal(0), list[str]()
    for number in range(1, 6):
        amounts.extend([f"0.00{number}", f"1.1{number}4", "0.0033"])
        exact = sum(map(Decimal, amounts), Decimal(0))
        sandbox.plant(fine(*amounts))
        await ended(sandbox, await sandbox.run())
        sums = on_accounts(sandbox)
        assert sums["1010"] == -sums["5400"]
        assert abs(sums["1010"] - exact) < Decimal("0.01")
    again = await sandbox.run()
    await ended(sandbox, again)
    assert again.summary.journals_created == 0


@pytest.mark.parametrize(
    ("cents", "ties"), [("1.00", True), ("1.01", True), ("0.99", False), ("1.02", False)]
)
async def test_a_live_line_at_its_floor_or_ceiling_is_right(
    sandbox: Sandboxed, cents: str, ties: bool
) -> None:
    """A live line may have either amount that its exact one rounds to, and no other."""
    sandbox.plant(fine("1.005"))
    await sandbox.run()
    (journal,) = sandbox.xero_journals()
    first = journal["JournalLines"][0]
    sandbox.edit(journal, lambda one: {"LineAmount": float(cents) * (1 if one is first else -1)})

    again = await sandbox.run()

    assert (again.state.is_completed(), again.summary.tied_out) == (ties, ties), again.message
