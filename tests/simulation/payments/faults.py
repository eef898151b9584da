"""What can go wrong between a run of the payments and Xero, LN, Mambu and its store, and where."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from tests.simulation.chance import STORE
from tests.simulation.play import Pause

POST, LN_TOKEN, READ, XERO_TOKEN, MAMBU = "post", "LN token", "read", "Xero token", "Mambu"


class Fault(StrEnum):
    """A fault. "Booked" is said of a document that is posted, "carried out" of any request."""

    NO_CONNECTION = "no connection comes about"
    TIMEOUT = "time-out, never carried out"
    TIMEOUT_DONE = "time-out, booked"
    TIMEOUT_LATE = "time-out, booked late"
    RESET = "reset before an answer, never carried out"
    RESET_DONE = "reset in the middle of the answer, carried out"
    EMPTY_504 = "504 and empty, never carried out"
    EMPTY_504_DONE = "504 and empty, booked"
    EMPTY_504_LATE = "504 and empty, booked late"
    BARE_500 = "500 and empty, never carried out"
    BARE_500_DONE = "500 and empty, booked"
    FAULT_500 = "500 with an error of LN's, not booked"
    FAULT_500_DONE = "500 with an error of LN's, booked all the same"
    TEXT_503 = "503 in plain text, never carried out"
    TEXT_503_DONE = "503 in plain text, booked"
    REFUSED = "422, not booked"
    ERROR_200 = "200 with an error of LN's, not booked"
    ERROR_200_DONE = "200 with an error of LN's, booked all the same"
    FORBIDDEN = "403"
    LOCKED = "409, locked"
    LIMIT_SECONDS = "429 with Retry-After in seconds"
    LIMIT_DATE = "429 with Retry-After as a date"
    LIMIT_LONG = "429 with a Retry-After beyond any patience"
    LIMIT_BARE = "429 without Retry-After"
    LIMIT_DAY = "429 day"
    EXPIRED = "401, the token has expired"
    GOOD_TOKEN = "401, a good token refused (U14)"
    NO_GRANT = "400, no token for these credentials"
    HTML = "200 with a page of HTML, carried out"
    CUT_JSON = "200 with half of the JSON, carried out"
    SLOW = "answered late"
    TWICE = "delivered twice, answered by the first"
    TWICE_LAST = "delivered twice, answered by the second"
    JUMP = "the clock jumps"
    CRASH = "the run dies before"
    CRASH_DONE = "the run dies after"
    CRASH_LATE = "the run dies, and the document is booked late"
    STORE_DOWN = "the store fails, nothing written"
    STORE_DOWN_DONE = "the store fails, all written"


_SELF = (Pause.SHORT, Pause.LONG, Fault.JUMP)
_ANY = (
    Fault.NO_CONNECTION,
    Fault.TIMEOUT,
    Fault.RESET,
    Fault.BARE_500,
    Fault.TEXT_503,
    Fault.EMPTY_504,
    Fault.HTML,
    Fault.CUT_JSON,
    Fault.SLOW,
    Fault.TWICE,
    Fault.CRASH,
    Fault.CRASH_DONE,
    *_SELF,
)
# What never strikes a post.
_OF_OTHERS = (Fault.LIMIT_DAY, Fault.NO_GRANT, Fault.STORE_DOWN, Fault.STORE_DOWN_DONE)
FAULTS: Mapping[str, tuple[StrEnum, ...]] = {
    POST: (*_ANY, *(one for one in Fault if one not in {*_ANY, *_OF_OTHERS})),
    LN_TOKEN: (*_ANY, Fault.NO_GRANT, Fault.LIMIT_BARE),
    READ: (*_ANY, Fault.RESET_DONE, Fault.LIMIT_SECONDS, Fault.LIMIT_DAY, Fault.EXPIRED),
    XERO_TOKEN: _ANY,
    MAMBU: (
        *_ANY,
        Fault.RESET_DONE,
        Fault.TIMEOUT_DONE,
        Fault.EMPTY_504_DONE,
        Fault.LIMIT_SECONDS,
        Fault.TWICE_LAST,
    ),
    STORE: (Fault.CRASH, Fault.CRASH_DONE, Fault.STORE_DOWN, Fault.STORE_DOWN_DONE, *_SELF),
}
# Posting is where it matters, and much of what a run does is to read, and to ask its store.
WEIGHTS = {POST: 4.0, READ: 0.7, STORE: 0.5}
# After these the caller cannot know whether LN has booked what it posted.
_DARK = ("TIMEOUT", "RESET", "EMPTY_504", "BARE_500", "TEXT_503", "ERROR_200", "HTML")
IN_THE_DARK = frozenset(one for one in Fault if one.name.startswith(_DARK))
# What no rule of ours could make good where LN does not check for what it has.
ONLY_WITH_CHECK = frozenset({Fault.FAULT_500_DONE, Fault.TWICE, Fault.TWICE_LAST, Pause.LONG})
# Themes: schedules in which only such faults strike, again and again.
DEATHS = frozenset({Fault.CRASH, Fault.CRASH_DONE, Fault.CRASH_LATE})
SILENCE = IN_THE_DARK | {Fault.CRASH_DONE, Fault.STORE_DOWN_DONE}
STANDSTILLS = frozenset({Pause.LONG, Pause.SHORT})
REFUSALS = frozenset(
    {Fault.REFUSED, Fault.ERROR_200, Fault.FAULT_500, Fault.FAULT_500_DONE, Fault.FORBIDDEN, Fault.LOCKED}
) | {Fault.LIMIT_BARE, Fault.LIMIT_LONG, Fault.GOOD_TOKEN, Fault.NO_CONNECTION}
ALL: frozenset[StrEnum] = frozenset({*Fault, Pause.SHORT, Pause.LONG})
