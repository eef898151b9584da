"""What can go wrong on request, and the rules that say when.

A rule arrives as a JSON object and becomes a `Rule`. Every kind comes down to one of a few
behaviours (see `Behaviour`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Literal, NamedTuple, cast

from blocks.sandbox.asgi import BODILESS, JSON, TEXT, Answer, Headers
from blocks.sandbox.faults.presets import PRESETS, Preset

Behaviour = Literal["answer", "delay", "drop", "cut", "late_commit", "truncate", "hang"]


class _Kind(NamedTuple):
    behaviour: Behaviour
    parameters: frozenset[str]
    after: bool = False
    seconds: float = 0.0


_CUSTOM = frozenset({"status", "body", "headers", "content_type"})
_KINDS: dict[str, _Kind] = {
    "status": _Kind("answer", _CUSTOM | {"after"}),
    "status_after": _Kind("answer", _CUSTOM, after=True),
    "delay": _Kind("delay", frozenset({"seconds"}), seconds=1.0),
    "drop_before": _Kind("drop", frozenset({"reset"})),
    "drop_after": _Kind("drop", frozenset({"reset"}), after=True),
    "cut": _Kind("cut", frozenset({"reset"}), after=True),
    "late_commit": _Kind("late_commit", frozenset({"seconds"}), seconds=1.0),
    "truncate": _Kind("truncate", frozenset(), after=True),
    "hang": _Kind("hang", frozenset({"seconds", "after"}), seconds=60.0),
}
_PRESET = _Kind("answer", frozenset({"status", "retry_after", "after"}))
_COMMON = frozenset({"system", "method", "path", "nth", "times", "kind"})
KINDS: dict[str, tuple[str, ...]] = {
    system: (*_KINDS, *presets) for system, presets in PRESETS.items()
}  # the kinds each system knows


@dataclass(slots=True)
class Rule:
    """One fault: which requests it matches, when it strikes, and what it does.

    `matched` counts the requests that fitted, `fired` how often it struck. It strikes from the
    `nth` match on, `times` times (0: for ever).
    """

    document: Mapping[str, object]
    kind: str
    system: str
    method: str | None
    path: re.Pattern[str] | None
    nth: int
    times: int
    behaviour: Behaviour
    after: bool = False
    answer: Answer | None = None
    seconds: float = 0.0
    reset: bool = False
    matched: int = 0
    fired: int = 0

    def matches(self, system: str, method: str, path: str) -> bool:
        """Whether a request is one of those this rule is about; `path` is decoded, without query."""
        return (
            self.system == system
            and (self.method is None or self.method == method)
            and (self.path is None or self.path.search(path) is not None)
        )

    def due(self) -> bool:
        """Whether it would strike now, the request at hand being counted already."""
        return self.matched >= self.nth and (self.times == 0 or self.fired < self.times)


def parse_rules(document: object) -> list[Rule]:
    """Read one rule or a list of rules; all of them, or a ValueError that says what is wrong."""
    documents = document if isinstance(document, list) else [document]
    return [parse_rule(each) for each in documents]


def parse_rule(document: object) -> Rule:
    """Read one rule from its JSON form; ValueError names the member that is wrong."""
    if not isinstance(document, dict):
        raise _wrong("fault", "a JSON object", document)
    members = cast("dict[str, object]", document)
    system = members.get("system")
    if not isinstance(system, str) or system not in PRESETS:
        raise _wrong("system", f"one of {', '.join(PRESETS)}", system)
    kind = members.get("kind")
    if not isinstance(kind, str) or kind not in KINDS[system]:
        raise _wrong("kind", f"for {system} one of {', '.join(KINDS[system])}", kind)
    preset = PRESETS[system].get(kind)
    shape = _KINDS[kind] if preset is None else _PRESET
    unknown = sorted(members.keys() - _COMMON - shape.parameters)
    if unknown:
        raise ValueError(f"{kind} does not take {', '.join(unknown)}")
    rule = Rule(
        document=members,
        kind=kind,
        system=system,
        method=_method(members.get("method")),
        path=_pattern(members.get("path")),
        nth=_integer(members, "nth", 1, 1, 10**9),
        times=_integer(members, "times", 1, 0, 10**9),
        behaviour=shape.behaviour,
        after=_flag(members, "after", shape.after if preset is None else preset.after),
        seconds=_seconds(members, shape.seconds),
        reset=_flag(members, "reset", default=False),
    )
    if preset is not None:
        rule.answer = _preset_answer(members, preset)
    elif shape.behaviour == "answer":
        rule.answer = _custom_answer(members)
    return rule


def _wrong(name: str, expected: str, value: object) -> ValueError:
    return ValueError(f"{name}: {expected}, not {value!r}")


def _method(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value.isalpha():
        raise _wrong("method", "an HTTP method or null", value)
    return value.upper()


def _pattern(value: object) -> re.Pattern[str] | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise _wrong("path", "a regular expression or null", value)
    try:
        return re.compile(value)
    except re.error as error:
        raise ValueError(f"path: {value!r} is not a regular expression: {error}") from None


def _integer(members: Mapping[str, object], name: str, default: int, low: int, high: int) -> int:
    value = members.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise _wrong(name, f"a whole number from {low} to {high}", value)
    return value


def _flag(members: Mapping[str, object], name: str, default: bool) -> bool:
    value = members.get(name, default)
    if not isinstance(value, bool):
        raise _wrong(name, "true or false", value)
    return value


def _seconds(members: Mapping[str, object], default: float) -> float:
    value = members.get("seconds", default)
    # The comparison also refuses NaN, which Python's JSON reader lets through.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 86_400:
        raise _wrong("seconds", "a number from 0 to 86400", value)
    return float(value)


def _preset_answer(members: Mapping[str, object], preset: Preset) -> Answer:
    status = _integer(members, "status", preset.status, 200, 599)
    headers = [("Content-Type", preset.content_type), *preset.headers]
    retry_after = members.get("retry_after", preset.retry_after)
    if retry_after is not None:
        seconds = _integer({"retry_after": retry_after}, "retry_after", 0, 0, 10**9)
        headers.append(("Retry-After", _http_date(seconds) if preset.retry_as_date else str(seconds)))
    return Answer(status, preset.body.encode(), "", _encoded(headers))


def _http_date(seconds: int) -> str:
    """Return the date that lies so many seconds ahead on real clocks: nobody waits on the sandbox's."""
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


def _custom_answer(members: Mapping[str, object]) -> Answer:
    if "status" not in members:
        raise ValueError("status is missing")
    status = _integer(members, "status", 0, 200, 599)
    content = members.get("body", "")
    text = content if isinstance(content, str) else json.dumps(content)
    if status in BODILESS and text:
        raise ValueError(f"body: an answer with status {status} must not have one")
    content_type = members.get("content_type", TEXT if isinstance(content, str) else JSON)
    given = members.get("headers", {})
    if not isinstance(given, dict):
        raise _wrong("headers", "an object of strings", given)
    headers = _encoded([("Content-Type", content_type), *given.items()])
    return Answer(status, text.encode(), "", headers)


_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"(?:[\x21-\x7e\x80-\xff](?:[ \t\x21-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?")
# These frame the message: with a second one of our own the answer would be no HTTP at all.
_FRAMING = frozenset({"content-length", "transfer-encoding"})


def _encoded(headers: Iterable[tuple[str, object]]) -> Headers:
    encoded = []
    for name, value in headers:
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _FRAMING:
            raise ValueError(f"headers: {name!r} cannot be set")
        if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
            raise ValueError(f"headers: the value of {name} cannot be {value!r}")
        encoded.append((name.lower().encode("ascii"), value.encode("latin-1")))
    return tuple(encoded)
