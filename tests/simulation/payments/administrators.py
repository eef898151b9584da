"""What people say of the audit table, as its command lets them, at any instant; the judge is told.

A person who closes a document to book it by hand looks into LN first, and again once nothing can be on its
way any more.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from blocks.store.audit_rows import CONNECTOR, AuditRow, Status
from tests.simulation.payments import assumptions
from tests.simulation.payments.judge import ALLOCATION, Item
from tests.simulation.payments.stores import PaymentsFile

if TYPE_CHECKING:
    from tests.simulation.payments.world import World

# How the connections are called, by the numbers of their stores.
NAMES = ("default", "second")
_WHO = "A person"
_LOOK_INTO_LN = ("look for it in ln", "check in ln")
_LONGEST_WAIT = 50


class Administrator:
    """Who looks after the payments of one store, at a terminal of its own."""

    def __init__(self, world: World, number: int, file: PaymentsFile, rng: random.Random) -> None:
        self._world, self._file, self._rng = world, file, rng
        self._number, self._name = number, NAMES[number]
        # What was last exported, and what the store last was: for a store that is lost, or set back.
        self._exported: Sequence[AuditRow] = ()
        self._newest: Any = None
        self.spoilt = False

    # The command `audit`

    async def _asks(self, call: Callable[[], Awaitable[Any]]) -> Any:
        async with self._file.turn:
            return await call()

    def _bare(self, part: str, name: str) -> Callable[..., Awaitable[Any]]:
        # The call itself, without the guard against cancellation: nothing is cancelled here.
        of = getattr(self._file.store, part)
        method = getattr(type(of), name)
        bare = getattr(method, "__wrapped__", method)
        return lambda *args, **kwargs: bare(of, *args, **kwargs)

    async def rows(self) -> list[AuditRow]:
        """Return the audit table."""
        found: list[AuditRow] = await self._asks(
            lambda: self._bare("audit", "rows")(self._name, discarded=True)
        )
        return found

    async def _says(self, verb: str, row: AuditRow, *said: object) -> AuditRow:
        at = self._world.clock.now()
        changed: AuditRow = await self._asks(lambda: self._bare("audit", verb)(row.key, _WHO, *said, at))
        self._world.note(f"a person: {verb} {row.key}")
        self._world.faults[f"a person says {verb}"] += 1
        await self._export()
        return changed

    async def _export(self) -> None:
        """Keep a copy of the store, and of people's decisions, as often as something was decided."""
        self._world.said += 1
        self._exported = await self._asks(lambda: self._bare("audit", "decided")(self._name))
        self.keep_copy()

    def keep_copy(self) -> None:
        """Keep a copy of the store as it is."""
        if not self.spoilt:
            self._newest = self._file.copy()

    # What people do

    async def decide(self) -> None:
        """See to something of the table, whatever it is."""
        row = self._any(await self.rows())
        if row is not None:
            await self._see_to(row)

    async def close_something(self, *, by_hand: bool) -> None:
        """Close something that is open, or of which the person has booked it in LN by hand."""
        open_ = [row for row in await self.rows() if not row.discarded and row.sent_at is None]
        row = self._any([one for one in open_ if not self._in_doubt(one) and self._item(one)])
        if row is not None:
            await self._close(row, by_hand=by_hand)

    async def answer_for_all(self) -> None:
        """Look into LN for all whose reasons ask for it."""
        for row in await self.rows():
            if not row.discarded and any(asked in row.reason.lower() for asked in _LOOK_INTO_LN):
                await self._answer(row)

    async def confirm(self, ahead: float) -> None:
        """See to a store of which a run asks whether it may go by it, and say that it may.

        `ahead`: by so much the clock of the terminal is ahead.
        """
        world = self._world
        world.faults["a beginning is confirmed"] += 1
        world.said += 1
        if self.spoilt and self._newest is not None and (not world.checked or self._rng.random() < 0.3):
            self._file.restore(self._newest)
            self.spoilt = False
            world.note("a person: puts the newest copy of the store back")
            return
        if self.spoilt and self._exported:
            await self._asks(lambda: self._bare("audit", "carry_over")(self._exported))
            world.note("a person: takes over what people decided")
        at = world.clock.now() + timedelta(seconds=ahead)
        await self._asks(lambda: self._bare("beginnings", "confirm")(self._name, _WHO, at))
        self.spoilt = False
        world.note("a person: confirms the beginning")

    async def _see_to(self, row: AuditRow) -> None:
        item = self._item(row)
        if item is None or (row.discarded and row.discarded_by == CONNECTOR):
            return
        if self._in_doubt(row):
            # Whoever answers for what may be on its way waits until it is not.
            if not self._world.under_way and not self._world.pending:
                await self._answer(row)
        elif row.discarded or (item.old and not item.by_hand and row.tries == 0 and self._rng.random() < 0.5):
            await self._reopen(row, item)
        else:
            await self._close(row, by_hand=self._world.by_hand and self._rng.random() < 0.5)

    async def _close(self, row: AuditRow, *, by_hand: bool) -> None:
        item = self._item(row)
        closed = await self._says("discard", row, "seen to")
        if item is None or not closed.discarded:
            return
        self._world.judge.closed(item, self._number, self._world.clock.now())
        if self._shows_otherwise(closed, item):
            # The row is of how it was when the last run saw it.
            self._as_shown(closed, item)
        if by_hand and closed.sent_at is None and item.kind != ALLOCATION:
            self._world.later(0.0, lambda: self._book(item, wait=self._in_doubt(closed)))

    def _shows_otherwise(self, row: AuditRow, item: Item) -> bool:
        return (row.entry.amount, row.entry.day) != (f"{item.content.amount}", item.content.day) or item.gone

    def _as_shown(self, row: AuditRow, item: Item) -> None:
        """Let the judge know what the person saw, where that is not what Xero shows by now."""
        seen = [one for one in item.contents if _said(one) == (row.entry.amount, row.entry.day)]
        item.closed = seen[-1] if seen else item.contents[0]
        item.closed_gone = row.entry.xero_status == "gone"

    async def _book(self, item: Item, *, wait: bool) -> None:
        """Book a document in LN by hand, unless it is there: once nothing of ours can be on its way."""
        world = self._world
        for _ in range(_LONGEST_WAIT):
            if not wait or not world.under_way:
                break
            await asyncio.sleep(60)
        if wait:
            await asyncio.sleep(assumptions.bounds.late)
        if not world.judge.booked[item] and not item.by_hand and not item.gone:
            world.note(f"a person: books {item.name} in LN by hand")
            world.faults["a person books by hand"] += 1
            world.check(lambda: world.judge.booked_by_hand(item))

    async def _reopen(self, row: AuditRow, item: Item) -> None:
        # It says that LN does not have it.
        if world_has(self._world, item) or row.sent_at is not None:
            return
        await self._says("undiscard", row)
        self._world.judge.reopened(item, self._world.clock.now())

    async def _answer(self, row: AuditRow) -> None:
        """Discard a document, or reopen it, as a person does who has looked into LN."""
        item = self._item(row)
        if item is None:
            return
        if world_has(self._world, item):
            await self._close(row, by_hand=False)
        else:
            await self._reopen(row, item)

    def _any(self, rows: Sequence[AuditRow]) -> AuditRow | None:
        return self._rng.choice(rows) if rows else None

    def _in_doubt(self, row: AuditRow) -> bool:
        return row.in_doubt or row.result.status is Status.UNKNOWN

    def _item(self, row: AuditRow) -> Item | None:
        entry = row.entry
        return self._world.judge.item_of(
            str(row.key.kind), row.key.xero_id, entry.prepayment_id, entry.invoice_number
        )


def world_has(world: World, item: Item) -> bool:
    """Tell a person who looks for it whether LN has a document."""
    return bool(world.judge.booked[item] or item.by_hand)


def _said(content: Any) -> tuple[str, Any]:
    return f"{content.amount}", content.day
