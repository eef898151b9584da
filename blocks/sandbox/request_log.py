"""What reached the stand-ins: the server's own word, against which a client's can be checked."""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass
from datetime import datetime

from blocks.sandbox.asgi import Scope
from blocks.sandbox.clock import TellsTime

LOG_LIMIT = 100_000

_NO_BODY = hashlib.sha256(b"").hexdigest()


@dataclass(slots=True)
class Logged:
    """One request as the log keeps it.

    `status` is what the client was told, None when nothing (yet); `app_status` is what the stand-in
    itself answered, None when it was not asked (yet). The two differ only where a fault stepped in.
    """

    n: int
    system: str
    method: str
    path: str
    query: str
    idempotency_key: str | None
    body_sha256: str
    at: datetime
    status: int | None = None
    app_status: int | None = None
    fault: str | None = None

    def document(self) -> dict[str, object]:
        """Return it in the JSON form of the control path; `at` is ISO 8601 in UTC."""
        return {
            "n": self.n,
            "system": self.system,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "idempotency_key": self.idempotency_key,
            "body_sha256": self.body_sha256,
            "status": self.status,
            "app_status": self.app_status,
            "fault": self.fault,
            "at": self.at.isoformat(),
        }


class RequestLog:
    """The newest LOG_LIMIT requests since it was last emptied, numbered from 1."""

    def __init__(self, clock: TellsTime) -> None:
        self._clock = clock
        self._entries: deque[Logged] = deque(maxlen=LOG_LIMIT)
        self._n = 0

    def note(self, system: str, scope: Scope, body: bytes) -> Logged:
        """Enter a request whose body has been read; its outcome is filled in later."""
        key = next((value for name, value in scope["headers"] if name == b"idempotency-key"), None)
        self._n += 1
        entry = Logged(
            n=self._n,
            system=system,
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            idempotency_key=None if key is None else key.decode("latin-1"),
            body_sha256=hashlib.sha256(body).hexdigest() if body else _NO_BODY,
            at=self._clock.now(),
        )
        self._entries.append(entry)
        return entry

    def documents(self) -> list[dict[str, object]]:
        """Return the entries in JSON form, oldest first."""
        return [entry.document() for entry in self._entries]

    def clear(self) -> None:
        """Empty it; the numbers start again at 1."""
        self._entries.clear()
        self._n = 0
