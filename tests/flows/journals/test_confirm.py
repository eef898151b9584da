"""Confirming: what is recorded of each journal once Xero's are held against the day."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace as replaced

from blocks.store.models import JournalState
from blocks.xero.models import ManualJournal, XeroJournalLine
from flows.journals.confirm import compare, confirm
from flows.journals.flow import deliver
from flows.journals.models import Plan
from flows.journals.prepare import PreparePolicy, prepare_journals
from flows.journals.reconciliation import reconcile
from flows.journals.send import Sent
from flows.journals.tie_out import Confirmed
from flows.journals.withdraw.rules import untouched
from tests.helpers.journals import DAY, edited, sent, transfers
from tests.helpers.journals_run import ScriptedRun, drafts_of, listed, scripted_run, snapshot_of
from tests.helpers.scripted import answer

ONE = sent(transfers(1))
STATES = list(JournalState)


def with_amount(journal: ManualJournal) -> ManualJournal:
    """Return a journal of which a person changed the first amount."""
    return edited(journal, lambda line: replaced(line, amount=Decimal("9.99")))


def with_text(journal: ManualJournal) -> ManualJournal:
    """Return a journal to whose first line a person has added a word."""
    return edited(journal, lambda line: replaced(line, description=f"{line.description} checked"))


async def compared(scripted: ScriptedRun, live: list[ManualJournal], plan: Plan = ONE.plan) -> Confirmed:
    """Compare journals of Xero with the day."""
    found = snapshot_of(plan, live, await scripted.records())
    return await compare(scripted.run, plan, found, Sent({}, found, []))


async def test_an_equal_journal_is_confirmed(tmp_path: Path) -> None:
    """A journal that equals the day is recorded as confirmed, with its id and without a reason."""
    async with scripted_run(tmp_path) as at:
        await at.keep(ONE.prepared.requests, JournalState.DRIFT, reason="it was edited then")
        assert (await compared(at, ONE.live)).tied_out
        record = await at.record()
    assert (record.state, record.manual_journal_id, record.reason) == (
        JournalState.CONFIRMED,
        ONE.live[0].journal_id,
        None,
    )


async def test_an_edited_journal_has_drifted(tmp_path: Path) -> None:
    """A journal whose amount a person edited is recorded as drifted, with both sides, and what was sent."""
    async with scripted_run(tmp_path) as at:
        await at.keep(ONE.prepared.requests, JournalState.CREATED)
        live = with_amount(ONE.live[0])
        found = await compared(at, [live])
        record = await at.record()
    (sentence,) = [text for text in found.open if "EntryID 1" in text]
    assert "Mambu 1.25 on 1100, Xero 9.99 on 1100" in sentence
    assert (record.state, record.reason) == (JournalState.DRIFT, sentence)
    assert (record.manual_journal_id, record.digest) == (live.journal_id, ONE.prepared.journals[0].digest)


async def test_only_the_journal_that_differs_has_drifted(tmp_path: Path) -> None:
    """Of two journals the edited one is recorded as drifted, and the other as confirmed."""
    two = sent(transfers(2), cap=2)
    async with scripted_run(tmp_path) as at:
        await at.keep(two.prepared.requests, JournalState.CREATED)
        await compared(at, [two.live[0], with_amount(two.live[1])], two.plan)
        held = await at.records()
    assert [record.state for record in held] == [JournalState.CONFIRMED, JournalState.DRIFT]
    assert [record.reason is None for record in held] == [True, False]


@pytest.mark.parametrize("state", STATES)
async def test_what_is_not_in_xero_keeps_its_state(tmp_path: Path, state: JournalState) -> None:
    """A recorded journal that Xero does not show stays as it was recorded, and is not confirmed."""
    two = sent(transfers(2), cap=2)
    async with scripted_run(tmp_path) as at:
        await at.keep(two.prepared.requests[:1], JournalState.CREATED)
        await at.keep(two.prepared.requests[1:], state, reason="as it was")
        await compared(at, two.live[:1], two.plan)
        first, second = await at.records()
    assert first.state is JournalState.CONFIRMED
    assert (second.state, second.reason, second.manual_journal_id) == (state, "as it was", None)


async def test_what_was_sealed_is_never_rewritten(tmp_path: Path) -> None:
    """A journal whose text a person edited is confirmed, and still counts as edited to a withdrawal."""
    live = with_text(ONE.live[0])
    async with scripted_run(tmp_path) as at:
        await at.keep(ONE.prepared.requests, JournalState.CREATED)
        assert (await compared(at, [live])).tied_out
        record = await at.record()
    assert (record.state, record.digest) == (JournalState.CONFIRMED, ONE.prepared.journals[0].digest)
    assert not untouched(live, record, 2)


async def test_an_equal_journal_is_adopted_with_a_digest(tmp_path: Path) -> None:
    """An equal journal that the store has lost is recorded so that an edit of it can be told from then on."""
    (live,) = ONE.live
    async with scripted_run(tmp_path) as at:
        await compared(at, ONE.live)
        record = await at.record()
    assert (record.state, record.manual_journal_id) == (JournalState.CONFIRMED, live.journal_id)
    assert record.digest == ONE.prepared.journals[0].digest
    assert untouched(live, record, 2)
    assert not untouched(with_text(live), record, 2)


async def test_an_edited_journal_is_adopted_without_a_digest(tmp_path: Path) -> None:
    """Of an edited journal that the store has lost it is never claimed that it is as it was sent."""
    live = with_amount(ONE.live[0])
    async with scripted_run(tmp_path) as at:
        await compared(at, [live])
        record = await at.record()
    assert (record.state, record.digest) == (JournalState.DRIFT, "")
    assert not untouched(live, record, 2)


async def test_a_journal_named_for_another_day_is_not_adopted(tmp_path: Path) -> None:
    """A journal whose name has another creation day is not recorded as one of this day's."""
    (live,) = ONE.live
    other = live._replace(
        narration=live.narration.replace(f"creation date: {DAY.date}", "creation date: 2026-11-19")
    )
    assert other.narration != live.narration
    async with scripted_run(tmp_path) as at:
        found = await compared(at, [other])
        assert found.matched.journals == [other]
        assert await at.records() == []


@pytest.mark.parametrize(("shown", "taken"), [(True, True), (False, False), (None, False)])
async def test_what_xero_shows_of_cash_basis_counts(tmp_path: Path, shown: bool | None, taken: bool) -> None:
    """An adopted journal's digest has what Xero shows of cash basis; the connection's choice without that."""
    policy = PreparePolicy("organisation", 250, show_on_cash_basis_reports=taken)
    prepared = prepare_journals(ONE.plan, reconcile(ONE.plan, []), policy, taken={}, generations={})
    async with scripted_run(tmp_path, show_on_cash_basis_reports=False) as at:
        await compared(at, [ONE.live[0]._replace(cash_basis=shown)])
        assert (await at.record()).digest == prepared.journals[0].digest


async def test_a_tracked_line_leaves_an_adopted_journal_without_a_digest(tmp_path: Path) -> None:
    """An adopted journal with a tracked line is confirmed, and is not claimed to be as it was sent."""

    def tracked(line: XeroJournalLine) -> XeroJournalLine:
        return replaced(line, tracking=({"Name": "Region"},))

    async with scripted_run(tmp_path) as at:
        await compared(at, [edited(ONE.live[0], tracked)])
        record = await at.record()
    assert (record.state, record.digest) == (JournalState.CONFIRMED, "")


async def test_what_was_sent_is_read_back(tmp_path: Path) -> None:
    """A day of which a run has sent something is held against what Xero shows thereafter."""
    before = Sent({str(ONE.live[0].narration): ONE.live[0].journal_id}, snapshot_of(ONE.plan, []), [])
    async with scripted_run(tmp_path, listed(*drafts_of(ONE.prepared.requests[0]))) as at:
        await at.keep(ONE.prepared.requests, JournalState.CREATED)
        assert (await confirm(at.run, ONE.plan, before)).tied_out
    assert at.methods == ["GET"]


async def test_a_day_is_never_confirmed_on_changes_alone(tmp_path: Path) -> None:
    """Where the last look has read no more than changes, the day is held against a whole list."""
    before = Sent({}, replaced(snapshot_of(ONE.plan, ONE.live), whole=False), [])
    async with scripted_run(tmp_path, listed()) as at:
        assert not (await confirm(at.run, ONE.plan, before)).tied_out
    assert at.methods == ["GET"]


class DeletedSince:
    """A Xero that answers the first request with a journal that was deleted since, and takes the next one."""

    def __init__(self) -> None:
        self._journals: dict[str, dict[str, Any]] = {}
        self.keys: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        if request.method == "PUT":
            self.keys.append(request.headers["idempotency-key"])
            (sealed,) = json.loads(request.content)["ManualJournals"]
            name = f"m-{len(self.keys)}"
            taken = {**sealed, "ManualJournalID": name}
            self._journals[name] = {**taken, "Status": "DELETED" if name == "m-1" else "DRAFT"}
            return answer(200, {"ManualJournals": [taken]})(request)
        one = self._journals.get(request.url.path.rpartition("/")[2])
        return (answer(200, {"ManualJournals": [one]}) if one else listed(*self._journals.values()))(request)


async def test_a_success_that_names_a_deleted_journal_is_none(tmp_path: Path) -> None:
    """Where Xero repeats an old answer, of a deleted journal, the lines go once more under a new key."""
    xero = DeletedSince()
    async with scripted_run(tmp_path, xero) as at:
        confirmed, _ = await deliver(at.run, ONE.plan)
    assert confirmed.tied_out
    assert len(set(xero.keys)) == 2
