"""Small days on which nothing goes wrong but what is said here: what they write to the systems, and keep."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import httpx

from tests.golden.doors import bare_task, is_task
from tests.golden.stored import leases_of, words_of
from tests.simulation.chance import Calm, Rates
from tests.simulation.journals import script as journals
from tests.simulation.payments import script as payments
from tests.simulation.play import Runner
from tests.simulation.simulator import simulator

# So much of a body is kept as it is, beside its digest.
_BEGINNING = 600


class Writes:
    """Writes down each request that changes something, with what is held at that instant."""

    def __init__(self) -> None:
        self.writes: list[Any] = []
        self.words: set[str] = set()

    def leaves(self, run: Runner, request: httpx.Request) -> None:
        """Write a request down, if it changes something."""
        self.words.update(words_of(run.file))
        if request.method == "GET" or request.url.path.endswith((":search", "token", "token.oauth2")):
            return
        told: dict[str, Any] = {
            "run": run.number,
            "request": f"{request.method} {request.url.raw_path.decode()}",
            "held": leases_of(run.file),
        }
        if is_task(request):
            self.writes.append(told | {"task": bare_task(json.loads(request.content))})
            return
        body = request.content.decode()
        told |= {
            "key": request.headers.get("idempotency-key", ""),
            "body": body if len(body) <= _BEGINNING else f"{body[:_BEGINNING]}…",
            "sha256": hashlib.sha256(request.content).hexdigest(),
        }
        self.writes.append(told)

    def ends(self, run: Runner, word: str) -> None:
        """Write down how a run ended."""
        self.words.update(words_of(run.file))
        self.writes.append({"run": run.number, "ends": word})

    def kept(self) -> dict[str, Any]:
        """Return all of it."""
        return {"writes": self.writes, "words in the store": sorted(self.words)}


def small_days_of_journals() -> dict[str, Any]:
    """Return what dates, a night and withdrawals write, with other settings and without an account, too."""
    made = journals.Script(1, "", _VISITS, Rates(0.0, 0, 0.0, frozenset()))
    return _seen("journals", made)


_VISITS = tuple(
    journals.Visit(number, kind, acts=acts, options=options, after=60.0)
    for number, (kind, acts, options) in enumerate(
        (
            (journals.REHEARSAL, (), ()),
            (journals.DATE, (), ()),
            (journals.DATE, (journals.LATE, journals.LABEL, journals.MAP), ()),
            (journals.WITHDRAW, ("post",), ()),
            (journals.WITHDRAW, (), ("posted", "edited")),
            (journals.DATE, ("archive an account",), ()),
            (journals.DATE, (), ()),
            (journals.WATCH, (), ()),
            (journals.NIGHT, ("restore the account",), ()),
        ),
        1,
    )
)


def small_days_of_payments() -> dict[str, Any]:
    """Return what is written of every kind of document, once and again, and after it was undone."""
    made = payments.SMALL._replace(
        theme="",
        visits=(
            payments.Visit(0, 0.0, asked=((payments.DRY, 1),)),
            payments.Visit(0, 60.0),
            payments.Visit(0, 400.0, acts=("delete a payment", "receive", "edit a prepayment")),
            payments.Visit(0, 400.0, acts=("receive",), asked=((payments.SINCE, 3600), (payments.UNTIL, 1))),
            payments.Visit(0, 60.0, flow=payments.WATCH),
        ),
        opening=(*payments.SMALL_DAY, "pay a supplier", "apply all", payments.WAIT),
        retries=0,
    )
    return _seen("payments", made)


def _seen(of: str, made: Any) -> dict[str, Any]:
    writes = Writes()
    with simulator(of) as place:
        place.play_script(made, Calm(), witness=writes)
    return writes.kept()
