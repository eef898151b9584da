"""What can go wrong, and where: the faults at the points where a run of the journals touches the outside."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from tests.simulation.chance import STORE
from tests.simulation.play import Pause, StoreFault

# Xero's doors: journals created, changed, listed (the first page and the others), read singly; tokens.
PUT, CHANGE, LIST, MORE, SINGLE, TOKEN = "put", "change", "list", "more of a list", "single", "token"
# Mambu's: lines, what else is read, and tasks.
LINES, MAMBU, TASK = "lines", "mambu", "task"


class Fault(StrEnum):
    """A fault. "Carried out" is said of the request where it has an effect."""

    NO_CONNECTION = "no connection comes about"
    TIMEOUT = "time-out, never carried out"
    TIMEOUT_DONE = "time-out, carried out"
    TIMEOUT_LATE = "time-out, carried out late"
    RESET = "reset before an answer, never carried out"
    RESET_DONE = "reset in the middle of the answer, carried out"
    LIMIT_MINUTE = "429 minute"
    LIMIT_DAY = "429 day"
    LIMIT_CONCURRENT = "429 concurrent"
    ERROR_500 = "500, never carried out"
    ERROR_500_DONE = "500, carried out"
    CACHED_500 = "500 that the key repeats, not carried out"
    CACHED_500_DONE = "500 that the key repeats, carried out"
    KEYS_DOWN = "500, the store of keys is down"
    EXPIRED = "401, the token has expired"
    TEXT_503 = "503 in plain text, never carried out"
    TEXT_503_DONE = "503 in plain text, carried out"
    EMPTY_504 = "504 and empty, never carried out"
    EMPTY_504_DONE = "504 and empty, carried out"
    EMPTY_504_LATE = "504 and empty, carried out late"
    PARTLY_400 = "400, of which some was carried out"
    REFUSED = "200 with a journal refused"
    WARNED = "200 with a warning, an account lost"
    HTML = "200 with a page of HTML, carried out"
    CUT_JSON = "200 with half of the JSON, carried out"
    SLOW = "answered late"
    TWICE = "delivered twice by a proxy"
    CRASH = "the run dies before"
    CRASH_DONE = "the run dies after"
    CRASH_LATE = "the run dies, and the request is carried out late"
    LEFT_BEHIND = "the process stands still for long, and dies once it has sent"
    JUMP_AHEAD = "the clock jumps ahead"
    JUMP_BACK = "the clock jumps back"


# What Xero, or the way there, says before it looks at a request.
NOT_TAKEN = frozenset({Fault.NO_CONNECTION, Fault.LIMIT_MINUTE, Fault.LIMIT_DAY, Fault.LIMIT_CONCURRENT})
JUMPS = (Fault.JUMP_AHEAD, Fault.JUMP_BACK)
_EVERYWHERE = (Pause.SHORT, Pause.LONG, *JUMPS)
_ANY = (
    Fault.NO_CONNECTION,
    Fault.TIMEOUT,
    Fault.RESET,
    Fault.ERROR_500,
    Fault.TEXT_503,
    Fault.EMPTY_504,
    Fault.HTML,
    Fault.CUT_JSON,
    Fault.SLOW,
    Fault.CRASH,
    Fault.CRASH_DONE,
)
_CALLS = (*_ANY, Fault.RESET_DONE, Fault.LIMIT_MINUTE, Fault.LIMIT_DAY, Fault.LIMIT_CONCURRENT, Fault.EXPIRED)
_DONE = (
    Fault.TIMEOUT_DONE,
    Fault.TIMEOUT_LATE,
    Fault.ERROR_500_DONE,
    Fault.TEXT_503_DONE,
    Fault.EMPTY_504_DONE,
    Fault.EMPTY_504_LATE,
    Fault.CRASH_LATE,
    Fault.TWICE,
)
_KEYED = (Fault.CACHED_500, Fault.CACHED_500_DONE, Fault.KEYS_DOWN)
_MAMBU = (*_ANY, Fault.RESET_DONE)
FAULTS: Mapping[str, tuple[StrEnum, ...]] = {
    PUT: (
        *_CALLS,
        *_DONE,
        *_KEYED,
        Fault.PARTLY_400,
        Fault.REFUSED,
        Fault.WARNED,
        Fault.LEFT_BEHIND,
        *_EVERYWHERE,
    ),
    CHANGE: (*_CALLS, *_DONE, *_KEYED, Fault.LEFT_BEHIND, *_EVERYWHERE),
    LIST: (*_CALLS, *_EVERYWHERE),
    MORE: (*_CALLS, *_EVERYWHERE),
    SINGLE: (*_CALLS, *_EVERYWHERE),
    TOKEN: (*_ANY, *_EVERYWHERE),
    LINES: (*_MAMBU, *_EVERYWHERE),
    MAMBU: (*_MAMBU, *_EVERYWHERE),
    TASK: (*_MAMBU, *_DONE, *_EVERYWHERE),
    STORE: (*StoreFault, *_EVERYWHERE),
}
# All that can happen while each machine's clock is right and no process stands still beyond the bound.
USUAL: frozenset[StrEnum] = frozenset({*Fault, *StoreFault, Pause.SHORT}) - frozenset(
    {*JUMPS, Fault.LEFT_BEHIND}
)
# Themes: schedules in which only such faults strike, again and again.
SLOWNESS: frozenset[StrEnum] = frozenset(
    {Fault.TIMEOUT, Fault.TIMEOUT_DONE, Fault.TIMEOUT_LATE, Fault.SLOW, Fault.LIMIT_MINUTE, Fault.RESET}
)
_UNHEARD = {Fault.RESET, Fault.TIMEOUT_LATE, Fault.EMPTY_504, Fault.EMPTY_504_LATE, Fault.TWICE}
_KEPT = {Fault.CACHED_500, Fault.CACHED_500_DONE, Fault.CRASH, Fault.CRASH_LATE}
_OF_STORES = {StoreFault.CRASH, StoreFault.CRASH_DONE, StoreFault.STORE_DOWN_DONE}
SILENCE: frozenset[StrEnum] = frozenset({*_UNHEARD, *_KEPT, *_OF_STORES})
DEATHS: frozenset[StrEnum] = frozenset(
    {Fault.CRASH, Fault.CRASH_DONE, Fault.CRASH_LATE, StoreFault.CRASH, StoreFault.CRASH_DONE}
)
PAUSES: frozenset[StrEnum] = frozenset({Pause.LONG, Fault.LEFT_BEHIND})
CLOCKS_JUMP: frozenset[StrEnum] = frozenset(JUMPS)
REFUSALS: frozenset[StrEnum] = frozenset({Fault.PARTLY_400, Fault.REFUSED})
OBJECTIONS = REFUSALS | {Fault.WARNED, Fault.CRASH_DONE}
# Writes are where it matters, and half of all that a run does is to ask its store.
WEIGHTS = {PUT: 8.0, CHANGE: 6.0, STORE: 0.4}
# Long pauses matter between a look and a write.
_SELDOM = 0.002
WRITES_FIRST = {place: 1.0 if place in {PUT, CHANGE} else _SELDOM for place in FAULTS}
