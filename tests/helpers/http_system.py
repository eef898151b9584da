"""A system behind HTTP that is none of the three: its address, a read, a write, its login and its answers."""

from __future__ import annotations

import httpx
import msgspec

from blocks.errors import Unavailable
from blocks.http.auth import Bearer
from blocks.http.models import Answer, Call

BASE = "https://system.example/api"
SECRET = "CANARY-7f3a"  # in every request; see test_no_secret_leaves
READ = Call("GET", "things")
WRITE = Call("PUT", "things", headers={"Idempotency-Key": "key-1"}, content=b'{"a": 1.10}', writes=True)


def reasons(found: Answer) -> tuple[str, ...]:
    """Return what a body says, as the one reason there is."""
    return (found.body.decode(),) if found.body else ()


class Login:
    """Credentials that can be renewed once for each `EXPIRED`."""

    def __init__(self) -> None:
        self.number = 0
        self.current = Bearer(f"{SECRET}-0")

    async def auth(self) -> httpx.Auth:
        return self.current

    def renewable(self, answer: Answer, used: httpx.Auth) -> bool:
        assert used is self.current
        self.number += 1
        self.current = Bearer(f"{SECRET}-{self.number}")
        return answer.body == b"EXPIRED"


def decoded(found: Answer) -> object:
    """Read an answer as clients do."""
    try:
        return msgspec.json.decode(found.body)
    except msgspec.DecodeError:
        raise Unavailable("cannot be read", status=found.status) from None
