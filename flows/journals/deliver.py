"""Deliver: send and confirm in turn, until what Xero says it took stands there."""

from __future__ import annotations

from flows.journals.confirm import confirm
from flows.journals.models import Plan
from flows.journals.night import Night
from flows.journals.send import send
from flows.journals.tie_out import Confirmed

# A key can answer for a journal that was deleted since; it is then sent again under another, this often.
ROUNDS = 3


async def deliver(night: Night, plan: Plan) -> tuple[Confirmed, set[str]]:
    """Bring a day into Xero; return how it stands there, and the narrations that were sent just now.

    Raises what `send` raises. May be run again at any time, by anybody.
    """
    created: set[str] = set()
    for _ in range(ROUNDS):
        with night.in_stage("send"):
            sent = await send(night, plan)
        with night.in_stage("confirm"):
            confirmed = await confirm(night, plan, sent)
        created |= sent.ids.keys()
        if not confirmed.vanished(sent.ids.values()):
            break
    return confirmed, created
