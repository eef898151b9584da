"""`Idempotency-Key`: the same answer again for six hours, and nothing done twice.

As documented: the key is a UUID and holds for the identical request only; a request that failed its
validation is not remembered; GET and DELETE have none. While the first request still runs Mambu
answers 102, which HTTP clients take for an interim answer and wait on: the switch `idempotency_hang`
therefore sends nothing at all to a repeated key. That another body with a known key gets 400 is inferred.
"""

from __future__ import annotations

import hashlib
import re

from blocks.sandbox.asgi import Answer
from blocks.sandbox.mambu.errors import invalid
from blocks.sandbox.mambu.http import Call, Handler, prepared
from blocks.sandbox.mambu.state import KeptAnswer
from blocks.sandbox.mambu.tenant import Tenant

REMEMBERED_SECONDS = 6 * 3600
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


def idempotent(tenant: Tenant, handler: Handler) -> Handler:
    """Return a handler that minds the key."""

    async def answer(call: Call) -> Answer | None:
        header = call.headers.get(b"idempotency-key")
        if header is None:
            return await handler(call)
        key = header.decode("latin-1").lower()
        if not _UUID.fullmatch(key):
            raise invalid("Idempotency-Key: not a UUID")
        request = hashlib.blake2b(
            f"{call.caller.role} {call.method} {call.path}\n".encode() + call.body
        ).hexdigest()
        now = tenant.now().timestamp()
        kept = tenant.state.answer(key)
        if kept is not None and now - kept.at < REMEMBERED_SECONDS:
            if tenant.options.idempotency_hang:
                return None
            if kept.request != request:
                raise invalid("Idempotency-Key: used for another request")
            return prepared(kept.status, kept.body)
        first = await handler(call)
        if first is not None:  # a refusal is raised, and so not kept
            tenant.state.keep_answer(key, KeptAnswer(now, request, first.status, first.body))
        return first

    return answer
