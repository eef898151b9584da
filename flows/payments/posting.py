"""Posting one document: as often as its verdicts allow, and never again once its end is unknown."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from blocks.clock import Clock
from blocks.errors import CallFailed
from blocks.infor_answers import LNAnswer
from blocks.infor_ln import InforLNClient
from blocks.transport import LONGEST_WAIT_SECONDS
from flows.payments.verdict import Means, Verdict, judge

_LONGEST_BACK_OFF = 30.0


@dataclass(frozen=True, slots=True)
class Posted:
    """How a document's posting ended: never with RETRY or RETRY_TOKEN. `answer` is the last that came.

    `given_up`: nothing was booked, for LN was not to be had within the tries.
    """

    verdict: Verdict
    answer: LNAnswer | None
    posts: int
    given_up: bool = False


async def post(
    ln: InforLNClient,
    document: bytes,
    clock: Clock,
    *,
    retries: int,
    in_doubt: bool = False,
    again: Callable[[], Awaitable[None]] | None = None,
) -> Posted:
    """Post a document, again where its verdict says that nothing was booked, and say how it ended.

    `again` is awaited before each further post, so that the audit row counts it. A wait is what the other
    side asks for plus up to a second, else 0.5 s doubled each time up to 30 s, of which up to half is
    dropped at random; one longer than LONGEST_WAIT_SECONDS is for a later run.
    """
    posts, forgotten = 0, False
    while True:
        posts += 1
        answer: LNAnswer | None = None
        try:
            answer = await ln.post(document)
            verdict = judge(answer, in_doubt=in_doubt)
        except CallFailed as error:
            verdict = judge(error, in_doubt=in_doubt)
        if verdict.means not in {Means.RETRY, Means.RETRY_TOKEN}:
            return Posted(verdict, answer, posts)
        wait = _wait(verdict, posts)
        if posts > retries or wait > LONGEST_WAIT_SECONDS:
            if verdict.means is Means.RETRY or forgotten:
                return Posted(_given_up(verdict, posts), answer, posts, given_up=True)
            # The token is not good after all, or so it seems: one more post, with a new one.
            ln.forget_token()
            forgotten = True
        await clock.sleep(wait)
        if again is not None:
            await again()


def _given_up(verdict: Verdict, posts: int) -> Verdict:
    times = "once" if posts == 1 else f"{posts} times"
    means = Means.FAILED if verdict.means is Means.RETRY else Means.STOP
    return replace(verdict, means=means, reason=f"{verdict.reason} Tried {times}.")


def _wait(verdict: Verdict, posts: int) -> float:
    if verdict.wait_seconds is not None:
        return verdict.wait_seconds + random.random()  # noqa: S311
    return min(2.0 ** (posts - 2), _LONGEST_BACK_OFF) * random.uniform(0.5, 1.0)  # noqa: S311
