"""Classify and deliver: all documents of a run, prepayments first and what is applied of them last.

Documents of one kind go out side by side. Where LN gives no clear answer for several in a row, the others
wait for the next run: a system that is down is not asked ten thousand times, nor is the outcome of more
documents left unknown than need be.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import anyio

from blocks.errors import StoreError
from blocks.store.audit_rows import AuditRow, Key, Kind, waits_from_before_start, was_gone
from flows.payments.beginning import contradiction, not_confirmed
from flows.payments.case import row_of
from flows.payments.classify import classify
from flows.payments.delivery import Delivered, Delivery, deliver
from flows.payments.documents import Document
from flows.payments.errors import LNSaysNothing, LNStops, NoTokenNow
from flows.payments.models import Action, Collected, Decision, Policy
from flows.payments.run import PaymentsRun
from flows.runtime.tasks import run_task
from flows.runtime.text import counted

# So many documents in a row without a clear answer from LN, and the run stops.
SILENT_FRESH = 5
SILENT = 20
# So many more documents than go out at a time are under way as long as LN answers: what is written of them
# is written together.
AHEAD = 32
# In this order: LN must know a prepayment before what refers to it.
_GROUPS = {
    "prepayments": (Kind.PREPAYMENT, Kind.OVERPAYMENT),
    "payments": (Kind.PAYMENT,),
    "allocations": (Kind.ALLOCATION,),
}


@dataclass(slots=True)
class Silence:
    """For how many documents in a row LN gave no clear answer: `fresh` had not gone out before.

    What met with silence before may have its own reason for it, and is to hold the others up less soon.
    """

    fresh: int = 0
    in_a_row: int = 0
    # How many documents in a row LN did answer.
    answered: int = 0

    def take(self, *, silent: bool, fresh: bool) -> bool:
        """Count a document, and tell whether LN is to be taken for down."""
        self.fresh, self.in_a_row = (self.fresh + fresh, self.in_a_row + 1) if silent else (0, 0)
        self.answered = 0 if silent else self.answered + 1
        return self.fresh >= SILENT_FRESH or self.in_a_row >= SILENT


@run_task("classify")
async def decide(_run: PaymentsRun, work: Callable[[], None]) -> None:
    """Decide on documents."""
    work()


def _named(_run: PaymentsRun, name: str, decisions: Sequence[Decision], _work: object) -> str:
    return f"deliver: {name}, {counted(len(decisions), 'document')}"


@run_task(_named)
async def carry_out(
    _run: PaymentsRun, _name: str, _decisions: Sequence[Decision], work: Callable[[], Awaitable[None]]
) -> None:
    """Carry decisions on documents of one kind out."""
    await work()


class Deliveries:
    """Decides on what a run has collected, carries the decisions out, and notes in it what became of them."""

    def __init__(self, run: PaymentsRun, collected: Collected) -> None:
        self.collected = collected
        self._run = run
        self._done = 0
        self._silent = Counter[bool]()
        self._silence = Silence()
        self._stop: Exception | None = None
        # By the keys of their rows.
        self._documents: dict[Key, Document] = {}
        self._contradiction = ""

    async def classify(self) -> None:
        """Decide on every document, by the rows there are now."""
        await decide(self._run, lambda: self._decide(tuple(Kind)))

    async def deliver(self) -> None:
        """Carry out the decisions.

        Raises LNStops and LNSaysNothing with documents left over, StoreError, and LeaseLost.
        """
        silenced: LNSaysNothing | None = None
        await self._deliver_the_oldest()
        for name, kinds in _GROUPS.items():
            if Kind.ALLOCATION in kinds:
                if silenced is not None:
                    break
                # Again: whether a prepayment is in LN by now decides on what is applied of it.
                self._decide(kinds)
            decisions = [
                one
                for one in self._of(kinds)
                if self._says_something_new(one) and one.entry.key not in self.collected.posted
            ]
            decisions.sort(key=self._was_tried)
            if decisions:
                await self._deliver(name, decisions)
            if isinstance(self._stop, LNSaysNothing) and Kind.PREPAYMENT in kinds:
                # It may be prepayments alone that LN cannot take: the payments are not to wait for them.
                silenced, self._stop, self._silence = self._stop, None, Silence()
            if self._stop is not None:
                raise self._stop
        if silenced is not None:
            raise silenced
        if self._may_be_down():
            raise LNSaysNothing(
                "Infor LN gave no clear answer for any document of this run. The next run tries them again."
            )

    def _may_be_down(self) -> bool:
        """Tell whether LN gave no clear answer at all, and not just for one that it did not answer before."""
        silent = self._silent.total()
        return silent == len(self.collected.posted) and (self._silent[True] > 0 or silent > 1)

    async def take_record(self) -> None:
        """Take over what the audit table says of what was under way when a delivery failed."""
        with suppress(StoreError):
            rows = await self._run.store.audit.rows_of(self.collected.under_way)
            self.collected.rows |= rows
            mine = {key for key, row in rows.items() if row.run_id == self._run.run_id}
            self.collected.posted |= mine
            self.collected.under_way = set()

    def _decide(self, kinds: Iterable[Kind]) -> None:
        for document in self.collected.documents:
            if document.key.kind in kinds:
                decision = self._decide_on(document)
                self._documents[decision.entry.key] = document

    def _decide_on(self, document: Document) -> Decision:
        row = row_of(document, self.collected.rows)
        prepayment = Key(document.key.organisation, Kind.PREPAYMENT, document.prepayment_id)
        decision = classify(
            document,
            row,
            self.collected.rows.get(prepayment),
            self.collected.shown,
            self._policy_for(document, row),
        )
        self.collected.decisions[document.key] = decision
        return decision

    def _policy_for(self, document: Document, row: AuditRow | None) -> Policy:
        """Return the policy for a document: who asks for an earlier window wants what is dated in it.

        What was reported to people before, to decide on by its date, still waits for their decision.
        """
        policy, since = self._run.policy, self._run.asked_since
        if since is None or policy.starts_on is None or since >= policy.starts_on:
            return policy
        reported = row is not None and (waits_from_before_start(row) or was_gone(row))
        dated_in_it = document.day is not None and since <= document.day
        if reported or not dated_in_it or document.key not in self.collected.of_window:
            return policy
        return replace(policy, starts_on=since)

    def _of(self, kinds: Iterable[Kind]) -> Iterator[Decision]:
        return (one for one in self.collected.decisions.values() if one.entry.key.kind in kinds)

    def _says_something_new(self, decision: Decision) -> bool:
        """Tell whether there is something to do: a row that would come out the same is not written again."""
        if decision.action is not Action.NOTE:
            return decision.action is Action.SEND
        row = self.collected.rows.get(decision.entry.key)
        if row is None:
            return True
        there = (row.result.status, row.result.reason, row.entry)
        return row.discarded or there != (decision.status, decision.reason, decision.entry)

    async def _deliver_the_oldest(self) -> None:
        """Deliver what was changed first of all that is to be sent, alone, before anything else.

        Where LN has it already, the record is older than what was sent, and nothing else has left by then.
        """
        fresh = [
            one
            for one in self._of((Kind.PREPAYMENT, Kind.PAYMENT))
            if one.action is Action.SEND and not self._was_tried(one)
        ]
        if len(fresh) > 1 and self._run.sandbox is None:
            await self._deliver("the oldest", [min(fresh, key=self._changed)])
            if self._stop is not None:
                raise self._stop

    def _changed(self, decision: Decision) -> dt.datetime:
        return self._documents[decision.entry.key].changed_at or dt.datetime.max.replace(tzinfo=dt.UTC)

    async def _doubt(self, key: Key) -> bool:
        """Tell whether it speaks against the record that LN has a document which it has as never sent."""
        run, changed_at = self._run, self._documents[key].changed_at
        if run.sandbox is not None:
            return False
        if run.confirmed_at and (changed_at is None or changed_at < run.confirmed_at):
            # It is older than a person's word on the record.
            return False
        self._contradiction = contradiction(run, key)
        await run.store.beginnings.doubt(run.name, self._contradiction)
        return True

    async def _deliver(self, name: str, decisions: list[Decision]) -> None:
        run = self._run
        delivery = Delivery(
            run.store.audit,
            run.ln,
            run.clock,
            run.run_id,
            run.connection.retries,
            run.lease,
            anyio.CapacityLimiter(run.connection.ln_concurrency),
            run.patience,
            run.connection.duplicate_text,
            self._doubt,
            lambda: self._stop is not None,
        )
        waiting, at_work = iter(decisions), 0
        workers = asyncio.TaskGroup()

        async def work() -> None:
            nonlocal at_work
            at_work += 1
            for decision in waiting:
                await self._carry_out(delivery, decision)
                if self._stop is not None or at_work > self._at_a_time():
                    break
                if at_work < self._at_a_time():
                    workers.create_task(work())
            at_work -= 1

        async def side_by_side() -> None:
            async with workers:
                for _ in range(self._at_a_time()):
                    workers.create_task(work())

        await carry_out(run, name, decisions, side_by_side)

    def _at_a_time(self) -> int:
        """Return how many documents are under way at a time, those that are only written down included.

        Twice as many as go out, at first: while the end of one is written down, the next one begins. The
        more of them LN answers in a row, the more are written down ahead, in one transaction.
        """
        return 2 * self._run.connection.ln_concurrency + min(self._silence.answered, AHEAD)

    async def _carry_out(self, delivery: Delivery, decision: Decision) -> None:
        """Carry out a decision; what fails ends the run once the others have come to an end."""
        tried = self._was_tried(decision)
        try:
            self.collected.under_way.add(decision.entry.key)
            delivered = await deliver(delivery, decision)
            self.collected.under_way.discard(decision.entry.key)
            if delivered is not None:
                self._take(delivered, fresh=not tried)
                if tried and delivered.posted and delivered.row.sent_at:
                    await self._compare(delivery, delivered.row.key)
            self._done += 1
            await self._run.progress("deliver", self._done, len(self.collected.decisions))
        except Exception as error:  # noqa: BLE001 - raised once the others have come to an end
            self._stop = self._stop or error

    async def _compare(self, delivery: Delivery, key: Key) -> None:
        """Note at once where a document has changed in Xero since LN was first sent it, in doubt till now.

        No later run reads it again for that: the change is behind the window that this run ends.
        """
        decision = self._decide_on(self._documents[key])
        if self._says_something_new(decision) and (noted := await deliver(delivery, decision)):
            self._take(noted, fresh=False)

    def _was_tried(self, decision: Decision) -> bool:
        row = self.collected.rows.get(decision.entry.key)
        return row is not None and row.tries > 0

    def _take(self, delivered: Delivered, *, fresh: bool) -> None:
        key = delivered.row.key
        self.collected.rows[key] = delivered.row
        (self.collected.overtaken if delivered.overtaken else self.collected.written).add(key)
        if not delivered.posted:
            return
        self.collected.posted.add(key)
        self._silent[fresh] += delivered.silent
        down = self._silence.take(silent=delivered.silent, fresh=fresh)
        if delivered.contradicts_record:
            self._stop = not_confirmed(self._run, self._contradiction)
        elif delivered.stop:
            self._stop = (NoTokenNow if delivered.passing else LNStops)(delivered.stop)
        elif down and self._stop is None:
            self._stop = LNSaysNothing(
                f"Infor LN gave no clear answer for {self._silence.in_a_row} documents in a row, so the "
                f"others wait for the next run. The last one: {delivered.row.result.reason}"
            )
