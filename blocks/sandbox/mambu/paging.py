"""Pages of a list: `limit`, `offset`, `paginationDetails`, `detailsLevel` and `cursor`."""

from __future__ import annotations

import base64
import binascii
import re
import struct
import zlib
from dataclasses import dataclass
from urllib.parse import parse_qsl

from blocks.sandbox.asgi import Headers
from blocks.sandbox.mambu.errors import MambuError, invalid

_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
FIRST_PAGE = "_"
_TOKEN = struct.Struct(">8sqI")


@dataclass(frozen=True, slots=True)
class Paging:
    """What a request says about pages; `cursor` is None outside cursor mode."""

    limit: int
    offset: int
    details: bool
    cursor: str | None
    parameters: dict[str, str]

    def headers(self, total: int) -> Headers:
        """Return Items-Limit, -Offset and -Total, which are there with paginationDetails=ON only."""
        if not self.details:
            return ()
        numbers = ((b"items-limit", self.limit), (b"items-offset", self.offset), (b"items-total", total))
        return tuple((name, b"%d" % number) for name, number in numbers)


def _whole(text: str | None, default: int, reason: str) -> int:
    if text is None:
        return default
    if not _WHOLE.fullmatch(text):
        raise MambuError(400, reason, text)
    return int(text[:20])


def parse_paging(query: bytes, *, default_limit: int, page_cap: int) -> Paging:
    """Return the paging of a query string; raise the 400 with Mambu's code 11 to 14, or 4.

    A limit of 0 counts as out of bounds, which is ours: unknown in public. So is that unknown
    parameters are ignored, and that of a repeated one the last counts.
    """
    parameters = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    limit = _whole(parameters.get("limit"), default_limit, "INVALID_PAGINATION_LIMIT_VALUE")
    if not 1 <= limit <= page_cap:
        raise MambuError(400, "OUT_OF_BOUNDS_PAGINATION_LIMIT_VALUE", str(limit))
    offset = _whole(parameters.get("offset"), 0, "INVALID_PAGINATION_OFFSET_VALUE")
    if offset < 0:
        raise MambuError(400, "OUT_OF_BOUNDS_PAGINATION_OFFSET_VALUE", str(offset))
    details = parameters.get("paginationDetails", "OFF")
    if details not in ("ON", "OFF"):
        raise invalid(f"paginationDetails: {details}")
    # Both levels are accepted; they differ in custom fields only, and this tenant defines none.
    if parameters.get("detailsLevel", "BASIC") not in ("BASIC", "FULL"):
        raise invalid(f"detailsLevel: {parameters['detailsLevel']}")
    cursor = parameters.get("cursor")
    if cursor is not None and "offset" in parameters:
        raise invalid("cursor: not together with offset")  # unknown in public; ours: strict
    return Paging(limit, offset, details == "ON", cursor, parameters)


def write_cursor(digest: bytes, entry_id: int, delivered: int) -> bytes:
    """Return the token that goes on after `delivered` lines with this entry id."""
    plain = _TOKEN.pack(digest, entry_id, delivered)
    return base64.urlsafe_b64encode(plain + struct.pack(">I", zlib.crc32(plain)))


def read_cursor(token: str, digest: bytes) -> tuple[int, int]:
    """Return (entry id, how many lines with it were delivered); raise the 400 of an unknown cursor.

    A cursor of another search is unknown, too. Cursors do not expire: their lifetime is unknown in public.
    """
    try:
        raw = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
        plain, check = raw[: _TOKEN.size], struct.unpack(">I", raw[_TOKEN.size :])[0]
        asked, entry_id, delivered = _TOKEN.unpack(plain)
    except (UnicodeEncodeError, binascii.Error, struct.error):
        raise invalid("cursor") from None
    if check != zlib.crc32(plain) or asked != digest:
        raise invalid("cursor")
    return int(entry_id), int(delivered)
