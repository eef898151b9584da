"""Posting one document: again while LN booked nothing, and never again once its outcome is unknown."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

from blocks.clock import Clock
from blocks.errors import CallFailed, Throttled
from blocks.http.models import LONGEST_WAIT_SECONDS
from blocks.http.retry import Patience, back_off, waited_out
from blocks.infor_ln.answers import LNAnswer
from blocks.infor_ln.client import InforLNClient
from blocks.store.audit_rows import MayNotSend
from flows.payments.post_outcome import AGREED_TEXT, Interpretation, PostOutcome, interpret


async def post(
    ln: InforLNClient,
    document: bytes,
    clock: Clock,
    *,
    retries: int,
    document_id: str = "",
    agreed_text: str = AGREED_TEXT,
    in_doubt: bool = False,
    again: Callable[[], Awaitable[None]] | None = None,
    patience: Patience | None = None,
) -> Interpretation:
    """Post a document, again where nothing was booked, and return how that ended: never with RETRY.

    By `document_id` and `agreed_text` `interpret` recognises a duplicate. `again` is awaited before each
    further post, so that the audit row counts it; where it raises MayNotSend, a person has closed the
    document meanwhile, and the posting is given up. A wait is what the other side asks for plus up to a
    second, else 0.5 s doubled each time up to 30 s, of which up to half is dropped at random; one longer than
    LONGEST_WAIT_SECONDS is for a later run. Where no connection comes about, or the quota is used up, LN is
    waited for as long as the patience lasts.
    """
    patience = patience or Patience()
    posts, forgotten = 0, False

    def interpreted(outcome: LNAnswer | CallFailed) -> Interpretation:
        return interpret(outcome, document_id, agreed_text=agreed_text, in_doubt=in_doubt)

    while True:
        posts += 1
        meaning, outage = await _posted(ln, document, clock, interpreted)
        if meaning.outcome is PostOutcome.UNKNOWN:
            patience.under_way.note()
        if meaning.outcome not in {PostOutcome.RETRY, PostOutcome.RETRY_TOKEN}:
            return replace(meaning, posts=posts)
        wait = _wait(meaning, posts)
        ends = patience.until(outage) if outage and retries else None
        if ends is not None and clock.now() + timedelta(seconds=wait) <= ends:
            patience.waits(outage, wait)
        elif posts > retries or wait > LONGEST_WAIT_SECONDS:
            if meaning.outcome is PostOutcome.RETRY or forgotten:
                return _given_up(meaning, posts)
            # The token is not good after all, or so it seems: one more post, with a new one.
            ln.forget_token()
            forgotten = True
        await clock.sleep(wait)
        if again is not None and await _is_closed(again):
            return _given_up(meaning, posts)


async def _posted(
    ln: InforLNClient,
    document: bytes,
    clock: Clock,
    interpreted: Callable[[LNAnswer | CallFailed], Interpretation],
) -> tuple[Interpretation, CallFailed | None]:
    """Post once; return what came of it, and what kept LN from taking anything."""
    try:
        # What is waited out here is the token service: nothing has left for LN by then.
        answer = await waited_out(clock, lambda: ln.post(document))
    except CallFailed as error:
        return interpreted(error), error
    meaning = interpreted(answer)
    return meaning, Throttled(meaning.reason, status=429) if answer.status == 429 else None


async def _is_closed(again: Callable[[], Awaitable[None]]) -> bool:
    try:
        await again()
    except MayNotSend:
        return True
    return False


def _given_up(meaning: Interpretation, posts: int) -> Interpretation:
    times = "once" if posts == 1 else f"{posts} times"
    outcome = PostOutcome.FAILED if meaning.outcome is PostOutcome.RETRY else PostOutcome.STOP
    reason = f"{meaning.reason} Tried {times}."
    return replace(meaning, outcome=outcome, reason=reason, posts=posts, given_up=True)


def _wait(meaning: Interpretation, posts: int) -> float:
    if meaning.wait_seconds is not None:
        return meaning.wait_seconds + random.random()  # noqa: S311
    return back_off(posts - 1)
