"""Classify and deliver: all documents of a run, prepayments first and what is applied of them last.

Documents of one kind go out side by side. Where LN takes no stand on several in a row, the rest waits for
the next run: a system that is down is not asked ten thousand times, nor is the outcome of more documents
left unknown than need be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from blocks.audit_rows import AuditRow, Key, Kind
from blocks.errors import Refusal
from flows.payments.classify import Action, Decision, classify, row_of
from flows.payments.collect import Collected
from flows.payments.deliver import Delivered, Delivery, deliver
from flows.payments.exchange import Exchange
from flows.tasks import run_task

# So many documents in a row without a word from LN, and the run stops.
SILENT_FRESH = 5
SILENT = 20
# In this order: LN must know a prepayment before what refers to it.
_GROUPS = {
    "prepayments": (Kind.PREPAYMENT, Kind.OVERPAYMENT),
    "payments": (Kind.PAYMENT,),
    "allocations": (Kind.ALLOCATION,),
}


class LNSaysNothing(Refusal):
    """LN cannot be reached, or answers nothing that can be understood: the rest waits for the next run."""


class LNStops(Refusal):
    """LN refuses something that would meet every other document as well."""


@dataclass(slots=True)
class Silence:
    """On how many documents in a row LN took no stand: on `fresh` that had not gone out before, and on all.

    What met with silence before may have its own reason for it, and is to hold the others up less soon.
    """

    fresh: int = 0
    in_a_row: int = 0

    def take(self, *, silent: bool, fresh: bool) -> bool:
        """Count a document, and tell whether LN is to be taken for down."""
        self.fresh, self.in_a_row = (self.fresh + fresh, self.in_a_row + 1) if silent else (0, 0)
        return self.fresh >= SILENT_FRESH or self.in_a_row >= SILENT


class Deliveries:
    """What is to become of a run's documents, and what has become of them so far.

    `decisions` are by the key of the document; `rows` are the audit rows as they now stand; `written` has
    the keys of those that this run wrote, `posted` of those of what it posted.
    """

    def __init__(self, exchange: Exchange, collected: Collected) -> None:
        self.collected = collected
        self.decisions: dict[Key, Decision] = {}
        self.rows: dict[Key, AuditRow] = dict(collected.rows)
        self.written: set[Key] = set()
        self.posted: set[Key] = set()
        self._exchange = exchange
        self._done = 0
        self._silent = 0
        self._silence = Silence()
        self._stop: Exception | None = None

    async def classify(self) -> None:
        """Decide on every document, by the rows there are now."""

        async def decide() -> None:
            self._decide(tuple(Kind))

        await run_task("classify")(decide)()

    async def deliver(self) -> None:
        """Carry out the decisions.

        Raises LNStops and LNSaysNothing with documents left over, StoreError, and LeaseLost.
        """
        silenced: LNSaysNothing | None = None
        for name, kinds in _GROUPS.items():
            if Kind.ALLOCATION in kinds:
                if silenced is not None:
                    break
                # Again: whether a prepayment is in LN by now decides on what is applied of it.
                self._decide(kinds)
            decisions = [one for one in self._of(kinds) if self._says_something_new(one)]
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
        if self._silent and self._silent == len(self.posted):
            raise LNSaysNothing(
                "Infor LN took no stand on any document of this run; the next run goes on with them."
            )

    def _decide(self, kinds: Iterable[Kind]) -> None:
        collected, policy = self.collected, self._exchange.policy
        for document in collected.documents:
            if document.key.kind in kinds:
                prepayment = Key(document.key.organisation, Kind.PREPAYMENT, document.prepayment_id)
                self.decisions[document.key] = classify(
                    document,
                    row_of(document, self.rows),
                    self.rows.get(prepayment),
                    collected.shown,
                    policy,
                )

    def _of(self, kinds: Iterable[Kind]) -> Iterator[Decision]:
        return (one for one in self.decisions.values() if one.entry.key.kind in kinds)

    def _says_something_new(self, decision: Decision) -> bool:
        """Tell whether there is something to do: a row that would come out the same is not written again."""
        if decision.action is not Action.NOTE:
            return decision.action is Action.SEND
        row = self.rows.get(decision.entry.key)
        if row is None:
            return True
        there = row.sent_at is not None or row.in_doubt
        same = (row.result.status, row.result.reason) == (decision.status, decision.reason)
        return not (same and (there or row.entry == decision.entry))

    async def _deliver(self, name: str, decisions: list[Decision]) -> None:
        exchange = self._exchange
        delivery = Delivery(
            exchange.store.audit,
            exchange.ln,
            exchange.clock,
            exchange.run_id,
            exchange.connection.retries,
            exchange.lease,
            asyncio.Semaphore(exchange.connection.ln_concurrency),
        )
        waiting = iter(decisions)

        async def work() -> None:
            for decision in waiting:
                if self._stop is not None:
                    return
                tried = self._was_tried(decision)
                try:
                    delivered = await deliver(delivery, decision)
                    if delivered is not None:
                        self._take(delivered, fresh=not tried)
                    self._done += 1
                    await exchange.progress("deliver", self._done, len(self.decisions))
                except Exception as error:  # noqa: BLE001 - raised once the others have come to an end
                    self._stop = self._stop or error
                    return

        async def side_by_side() -> None:
            # Twice as many as go out at a time: while the end of one is written down, the next one begins.
            await asyncio.gather(*(work() for _ in range(2 * exchange.connection.ln_concurrency)))

        await run_task(f"deliver: {name}")(side_by_side)()

    def _was_tried(self, decision: Decision) -> bool:
        row = self.rows.get(decision.entry.key)
        return row is not None and row.tries > 0

    def _take(self, delivered: Delivered, *, fresh: bool) -> None:
        key = delivered.row.key
        self.rows[key] = delivered.row
        self.written.add(key)
        if not delivered.posted:
            return
        self.posted.add(key)
        self._silent += delivered.silent
        down = self._silence.take(silent=delivered.silent, fresh=fresh)
        if delivered.stop:
            self._stop = LNStops(delivered.stop)
        elif down and self._stop is None:
            self._stop = LNSaysNothing(
                f"Infor LN took no stand on {self._silence.in_a_row} documents in a row, so the rest waits "
                f"for the next run. The last one: {delivered.row.result.reason}"
            )
