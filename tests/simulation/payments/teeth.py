"""The code of the payments broken on purpose, one small break at a time: would the simulation notice?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from blocks import audit
from blocks.audit import Audit
from blocks.audit_rows import Status
from blocks.audit_rows import posting as row_posted
from blocks.errors import CallFailed
from blocks.infor_answers import LNAnswer
from blocks.xero_payments import XeroPayments
from flows.payments import classify, collect, deliver, deliveries, flow, posting
from flows.payments.verdict import Means
from tests.simulation.breaking import Patch
from tests.simulation.payments import script


def blind_repost(patch: Patch) -> None:
    """Post again after a 504, to an LN that does not check for what it has."""
    judge = posting.judge

    def blind(outcome: Any, *, in_doubt: bool = False) -> Any:
        verdict = judge(outcome, in_doubt=in_doubt)
        gave_up = isinstance(outcome, LNAnswer) and outcome.status == 504
        return replace(verdict, means=Means.RETRY) if gave_up else verdict

    patch.setattr(posting, "judge", blind)
    patch.setattr(script, "UNCHECKED", 1.0)


def window_before_collection(patch: Patch) -> None:
    """Move the window on before anything of it is collected."""
    settle = flow.settle

    async def early(exchange: Any, summary: Any, asked: Any) -> None:
        await settle(exchange, summary, asked)
        window = exchange.window
        whole = audit.Window(exchange.name, window.since, window.until, exchange.run_id)
        await exchange.store.audit.advance(whole, [], exchange.clock.now())

    patch.setattr(flow, "settle", early)


def allocations_first(patch: Patch) -> None:
    """Post what is applied of prepayments before the prepayments."""
    patch.setattr(deliveries, "_GROUPS", dict(reversed(deliveries._GROUPS.items())))


def row_after_the_call(patch: Patch) -> None:
    """Write down that a document is posted once its answer is there."""
    posting_, settled = Audit.posting.__wrapped__, Audit.settled.__wrapped__  # type: ignore[attr-defined]
    held: dict[Any, Any] = {}

    async def unwritten(
        self: Audit, entry: Any, message: str, run_id: str, at: Any, lease: Any = None
    ) -> Any:
        async with self._database.begin() as database:
            row = await audit._row(database, entry.key)
        held[entry.key] = (entry, message, run_id, at)
        return row_posted(row, entry, message, run_id, at)

    async def late(self: Audit, key: Any, result: Any, at: Any) -> Any:
        if key in held:
            await posting_(self, *held.pop(key))
        return await settled(self, key, result, at)

    patch.setattr(Audit, "posting", unwritten)
    patch.setattr(Audit, "settled", late)


def failed_read_is_absence(patch: Patch) -> None:
    """Take a list of Xero's that could not be read for an empty one."""
    listed = XeroPayments._list

    async def none_there(self: XeroPayments, *args: Any, **kwargs: Any) -> Any:
        try:
            return await listed(self, *args, **kwargs)
        except CallFailed:
            return []

    patch.setattr(XeroPayments, "_list", none_there)


def unknown_is_failed(patch: Patch) -> None:
    """Take a document of unknown outcome for one that LN has refused."""
    patch.setitem(deliver._STATUSES, Means.UNKNOWN, Status.FAILED)


def overlook_removals(patch: Patch) -> None:
    """Look for no allocation that has vanished from Xero."""
    patch.setattr(collect, "removed", lambda *_: [])


def never_look_again(patch: Patch) -> None:
    """Let what earlier runs made no end of wait for its next change in Xero."""

    async def nothing(self: Audit, organisation: str) -> Any:
        return []

    patch.setattr(Audit, "to_look_at_again", nothing)


def forget_open_prepayments(patch: Patch) -> None:
    """See only those prepayments that Xero lists as changed, or as open."""

    async def nothing(exchange: Any) -> set[str]:
        return set()

    patch.setattr(collect, "_open_by_the_record", nothing)


def allocations_regardless(patch: Patch) -> None:
    """Send what is applied of a prepayment whatever has become of that."""
    patch.setattr(classify, "_prepayment_held_back", lambda _case: False)


BREAKS: tuple[Callable[[Patch], None], ...] = (
    blind_repost,
    window_before_collection,
    allocations_first,
    row_after_the_call,
    failed_read_is_absence,
    unknown_is_failed,
    overlook_removals,
    never_look_again,
    forget_open_prepayments,
    allocations_regardless,
)
