"""How Infor LN answers behind the ION API gateway: its error bodies, in both shapes, and its texts.

The body is documented as Code, Message, Details[{Code, Message}] and InnerError{StatusCode, Error,
RequestId, TenantId, LnUser, Company}; clients in public code have seen `{"error": {"message": ...}}`, and
`error` as a list. LN words its messages in the language asked for, or in the service user's.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from blocks.sandbox.asgi import Headers
from blocks.sandbox.exact_json import dumps

TENANT: Final = "DAYBOOK_DEM"
LN_USER: Final = "xeroconn"

# In English, and in Dutch: the service user is Dutch, as LN is. {} takes what the message is about.
_TEXTS: Final[dict[str, tuple[str, str]]] = json.loads(
    Path(__file__).with_name("texts.json").read_text(encoding="utf-8")
)
_CODES: Final = {name: f"txdbk{1000 + number}" for number, name in enumerate(_TEXTS)}


class Problem(NamedTuple):
    """One thing wrong: the name of its text, and what the text is about."""

    name: str
    about: tuple[str, ...] = ()

    @property
    def code(self) -> str:
        """LN's code for it."""
        return _CODES[self.name]

    def text(self, *, english: bool = True) -> str:
        """Word it."""
        return _TEXTS[self.name][0 if english else 1].format(*self.about)


class Refused(Exception):
    """The request ends here: a status, and what is wrong, the first thing first."""

    def __init__(self, status: int, *problems: Problem, headers: Headers = ()) -> None:
        super().__init__(status)
        self.status = status
        self.problems = problems
        self.headers = headers


def refusal(status: int, problems: Sequence[Problem], shape: str, *, english: bool, company: str) -> bytes:
    """Return the body of a refusal in one of the shapes of `LnOptions.error_shape`."""
    details = [(one.code, one.text(english=english)) for one in problems]
    code, message = details[0]
    if shape == "documented":
        return dumps(
            {
                "Code": code,
                "Message": message,
                "Details": [{"Code": each, "Message": words} for each, words in details],
                "InnerError": {
                    "StatusCode": status,
                    "Error": problems[0].name,
                    "RequestId": str(uuid.uuid4()),
                    "TenantId": TENANT,
                    "LnUser": LN_USER,
                    "Company": company,
                },
            }
        ).encode()
    error = {
        "code": code,
        "message": message,
        "details": [{"code": each, "message": words} for each, words in details],
    }
    return dumps({"error": [error] if shape == "list" else error}).encode()
