"""What can go wrong, and where: the kinds of faults at the points where a run touches the outside."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from tests.simulation.chance import STORE

PUT, LIST, SINGLE, TOKEN = "put", "list", "single", "token"


class Fault(StrEnum):
    """A fault. «Carried out» is said of the request where it has an effect."""

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
    CRASH = "the run dies before"
    CRASH_DONE = "the run dies after"
    CRASH_LATE = "the run dies, and the request is carried out late"
    STORE_DOWN = "the store fails, nothing written"
    STORE_DOWN_DONE = "the store fails, all written"


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
_CALLS = (
    *_ANY,
    Fault.RESET_DONE,
    Fault.LIMIT_MINUTE,
    Fault.LIMIT_DAY,
    Fault.LIMIT_CONCURRENT,
    Fault.EXPIRED,
)
_WRITES = (
    *_CALLS,
    Fault.TIMEOUT_DONE,
    Fault.TIMEOUT_LATE,
    Fault.ERROR_500_DONE,
    Fault.CACHED_500,
    Fault.CACHED_500_DONE,
    Fault.KEYS_DOWN,
    Fault.TEXT_503_DONE,
    Fault.EMPTY_504_DONE,
    Fault.EMPTY_504_LATE,
    Fault.PARTLY_400,
    Fault.REFUSED,
    Fault.WARNED,
    Fault.CRASH_LATE,
)
FAULTS: Mapping[str, tuple[Fault, ...]] = {
    PUT: _WRITES,
    LIST: _CALLS,
    SINGLE: _CALLS,
    TOKEN: _ANY,
    STORE: (Fault.CRASH, Fault.CRASH_DONE, Fault.STORE_DOWN, Fault.STORE_DOWN_DONE),
}
# Themes: schedules in which only such faults strike, again and again.
SLOWNESS = frozenset(
    {Fault.TIMEOUT, Fault.TIMEOUT_DONE, Fault.TIMEOUT_LATE, Fault.SLOW, Fault.LIMIT_MINUTE, Fault.RESET}
)
SILENCE = frozenset(
    {
        Fault.RESET,
        Fault.TIMEOUT_LATE,
        Fault.EMPTY_504,
        Fault.EMPTY_504_LATE,
        Fault.CACHED_500,
        Fault.CACHED_500_DONE,
        Fault.CRASH,
        Fault.CRASH_LATE,
        Fault.STORE_DOWN_DONE,
    }
)
DEATHS = frozenset({Fault.CRASH, Fault.CRASH_DONE, Fault.CRASH_LATE})
REFUSALS = frozenset({Fault.PARTLY_400, Fault.REFUSED})
OBJECTIONS = REFUSALS | {Fault.WARNED, Fault.CRASH_DONE}
# Writes are where it matters, and half of all that a run does is to ask its store.
WEIGHTS = {PUT: 3.0, STORE: 0.5}
