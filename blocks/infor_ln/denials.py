"""Whether the body of a success says that it was none. Pure.

LN's service for payments is the customer's own, and nobody has published what its answers look like. Under
a 2xx many services say "no" in words of their own: `{"success": false}`, a list of errors, a status of
"failed", a code such as 422, an XML fault. So what may be a "no" is taken for one: anything false that is
not known to be good or beside the point, a state that is not known to be a good one, a return code that is
not 0. Where this reads a "no" too many, the document is of unknown outcome, and LN settles it when it is
sent again; a "no" too few would be a payment that LN never booked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

# Names are looked at in small letters, without what parts their words (isSuccess, is_success), up to this.
_LONGEST_NAME = 100
_PARTS = str.maketrans("", "", "_-. ")
_ERROR = re.compile(
    r"error|exception|fail|reject|^faults?(?:string|code)?$|invalid|unprocessed|denied|refused"
    r"|declined|^(?:is|was)?not(?:accepted|processed|booked|posted|found|created|valid|ok)"
)
_NO_ERROR = re.compile(r"^(?:is|has)?(?:no|without)(?:any)?(?:error|exception|fail|fault)")
# What has to be true, or more than 0 where it is a count.
_YES = re.compile(
    r"(?:is|has|was|all|payment|document|transaction|numberof|count(?:of)?){0,2}"
    r"(?:success(?:ful|fully)?|succeeded|ok|accepted|processed|booked|posted|created|valid|completed?|done)"
    r"(?:s|es|count|flag)?"
)
# What is good where it is false.
_BAD = re.compile(
    r"(?:is|has|was)?(?:duplicate|deleted|cancell?ed|reversed|blocked|locked|onhold|partial|aborted|rolledback"
    r"|dryrun|simulat(?:ed|ion)|test(?:mode|run)?)"
)
# What is neither good nor bad: there are no more pages, it is no prepayment, an element of XML is not empty.
_BESIDE = re.compile(
    r"(?:is|has|was)?(?:more|next|previous|warnings?|prepayment|expense|new|pending|retry(?:able)?|async|nil"
    r"|mustunderstand)"
)
_STATE = re.compile(r"(?:(?:status|state|outcome)(?:s|es|name|value)?|results?)$")
_KIND = frozenset({"severity", "level", "type", "messagetype"})
_RETURNED = re.compile(
    r"(?:return|ret|exit|completion)(?:code|value|val|number|status)$|(?:result|response)code$|^rc$"
)
_CODE = frozenset({"status", "statuscode", "code", "httpstatus", "httpstatuscode", "httpcode"})
_WORDS = re.compile(r"(?:messages?|msg|text|(?<!invoice)description|reason|details?|info|remarks?)$|^value$")
# Within a state, what holds it.
_HOLDER = frozenset({"value", "code", "name", "key", "text", "#text", "$"})

_NOTHING = frozenset({"", "none", "no", "null", "false", "ok", "success", "n/a", "-"})
_FALSE = frozenset({"false", "no", "n", "f", "null", "off", ""})
# As LN and other ERP systems name the state of what they took, if only to book it later.
_GOOD = frozenset(
    """
    ok okay success successful successfully succeeded accepted processed posted booked created completed
    complete done open new free paid received registered recorded saved stored imported queued staged pending
    submitted scheduled entered approved confirmed valid validated released finalized final active authorised
    authorized inserted added updated ready allocated unallocated assigned unassigned true yes y t s i
    information
    """.split()  # noqa: SIM905 - a list would take a line for each
)
_FILLING = frozenset(
    ["payment", "prepayment", "document", "transaction", "has", "been", "was", "is", "and", "http"]
)
_WORD = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"(-?[0-9]{1,9})(?:\.0{1,9})?")
_FLAW = re.compile(
    r"(?<!\bno )(?<!\bwithout )(?<!\bany )(?<!\b0 )\b(?:errors?|faults?|fail(?:s|ed|ures?)?|exceptions?"
    r"|fatal|critical|abort(?:ed)?|refused|rejected|denied|declined|invalid)\b"
    r"|\b(?:not|cannot|unable|nok|unsuccessful(?:ly)?|unprocessed|partial(?:ly)?|incomplete)\b|n['\u2019]t\b"
    r"|\b0 (?:[a-z]{1,20} ){0,3}(?:accepted|processed|booked|posted|created)\b|^0 ?(?:/|of\b|out of\b)"
    r"|(?:^|[.;:!] ?)no (?!(?:errors?|faults?|fail\w*|exceptions?|warnings?|problems?|duplicates?)\b)[a-z]",
    re.IGNORECASE,
)
_SEVERITIES = frozenset({"e", "a"})  # error and abort, as ERP systems mark their messages
# No sentence is a state: a state is a word or two.
_LONGEST_STATE = 40
# So much of an element's text is looked at with the elements around it.
_LONGEST_TEXT = 200


def denies(body: Any, text: str) -> bool:
    """Tell whether an answer says "no"; `body` is its JSON, None where it is none, and `text` its text."""
    if body is not None:
        try:
            return _denies(body)
        except RecursionError:
            return True
    if not text.strip() or text.strip().lower() == "null":
        return False
    if text.lstrip().startswith("<"):
        elements = list(_elements(text))
        return not elements or _denies(elements)
    # Text that begins as JSON does and is none was cut off, or is something else than an answer.
    return text.lstrip()[0] in '{["' or _words_say_no(text)


def _denies(value: Any, state: str = "") -> bool:
    """Tell whether anything in a body says "no"; `state` names what it is the state of, if it is one."""
    if isinstance(value, dict):
        return any(_member_denies(_plain(name), held, state) for name, held in value.items())
    if isinstance(value, list):
        return any(_denies(one, state) for one in value)
    if state and value is not None:
        return _says_no(state, value)
    return value is False or (isinstance(value, str) and _words_say_no(value))


def _member_denies(name: str, held: Any, state: str) -> bool:
    if isinstance(held, dict | list):
        # A result can hold anything, a state or a success only what it is.
        is_state = (_STATE.search(name) and "result" not in name) or _YES.fullmatch(name)
        is_no = _is_error(name) if held else _YES.fullmatch(name) is not None
        return is_no or _denies(held, name if is_state else "")
    return _says_no(name, held) or bool(state and name in _HOLDER and _says_no(state, held))


def _says_no(name: str, held: Any) -> bool:
    """Tell whether a member that is one value says that something went wrong."""
    said = "null" if held is None else str(held).strip().lower()
    if _is_error(name):
        return said not in _NOTHING and _number(said) != 0
    if _BESIDE.fullmatch(name):
        return False
    if _BAD.fullmatch(name):
        return said == "true"
    if _YES.fullmatch(name) or _NO_ERROR.search(name):
        number = _number(said)
        return said in _FALSE or (number is not None and number <= 0) or _words_say_no(said)
    return said == "false" or _is_bad_code(name, said) or _is_bad_state(name, said)


def _is_error(name: str) -> bool:
    return _ERROR.search(name) is not None and _NO_ERROR.search(name) is None


def _is_bad_code(name: str, said: str) -> bool:
    number = _number(said)
    if _RETURNED.search(name):
        return said not in {"", "null"} and (number == 1 or not _is_good(said))
    return name in _CODE and number is not None and (number < 0 or 400 <= number < 600)


def _is_bad_state(name: str, said: str) -> bool:
    if _STATE.search(name) and len(said) <= _LONGEST_STATE:
        return said not in {"", "null"} and not _is_good(said)
    if name in _KIND and said in _SEVERITIES:
        return True
    looked_at = name in _CODE or name in _KIND or _STATE.search(name) or _WORDS.search(name)
    return bool(looked_at) and _words_say_no(said)


def _is_good(state: str) -> bool:
    """Tell whether a state, or a code that was returned, is known to be a good one."""
    number = _number(state)
    if number is not None:
        return number in {0, 1} or 200 <= number < 300
    words = {word for word in _WORD.findall(state) if not (word.isdigit() and _is_good(word))}
    return bool(words & _GOOD) and words <= _GOOD | _FILLING


def _words_say_no(said: str) -> bool:
    return _FLAW.search(said) is not None or said.strip().lower() in {"false", "no", "n", "f"}


def _number(said: str) -> int | None:
    """Return the whole number that is said, None where it is none, or one too long for a code or a count."""
    found = _NUMBER.fullmatch(said)
    return int(found[1]) if found else None


def _plain(name: str) -> str:
    return name[:_LONGEST_NAME].lower().translate(_PARTS)


@dataclass(slots=True)
class _Element:
    """An element that is open: `around` others, and whether it `speaks` itself; words are theirs too."""

    name: str
    words: list[str] = field(default_factory=list)
    around: bool = False
    speaks: bool = False

    def read(self, said: str) -> dict[str, Any]:
        """Return it as JSON would have it; what only holds others counts as an error, words or a state."""
        if not self.around or self.speaks:
            return {self.name: said}
        name = _plain(self.name)
        if _is_error(name) or _WORDS.search(name):
            return {self.name: said}
        return {self.name: {"key": said}} if _STATE.search(name) and "result" not in name else {}


def _elements(text: str) -> Iterator[dict[str, Any]]:
    """Yield the name and the text of each element and attribute of XML; nothing of what is no XML."""
    found: list[dict[str, Any]] = []
    open_: list[_Element] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if open_:
            open_[-1].around = True
        found.extend(
            {key.rpartition(":")[2]: value}
            for key, value in attributes.items()
            if key.partition(":")[0] != "xmlns"
        )
        open_.append(_Element(name.rpartition(":")[2]))

    def data(words: str) -> None:
        open_[-1].words.append(words)
        open_[-1].speaks |= not words.isspace()

    def end(_: str) -> None:
        element = open_.pop()
        said = " ".join(element.words).strip()
        found.append(element.read(said))
        if open_ and said:
            open_[-1].words.append(said[:_LONGEST_TEXT])

    def entity(*_: object) -> None:
        raise ValueError("an answer declares no entities")

    reader = expat.ParserCreate()
    reader.StartElementHandler, reader.EndElementHandler = start, end
    reader.CharacterDataHandler, reader.EntityDeclHandler = data, entity
    try:
        reader.Parse(text, True)
    except (expat.ExpatError, ValueError):
        return
    yield from found
