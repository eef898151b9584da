"""The addresses that blocks accept, and those they point to."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx
from pydantic import HttpUrl

LOGO_URL = HttpUrl("https://raw.githubusercontent.com/daybook-connectors/daybook/main/docs/daybook.png")
_DOCUMENTATION = "https://github.com/daybook-connectors/daybook/blob/main/docs/"


def documentation_url(section: str) -> HttpUrl:
    """Return the address of a page of the documentation, or of a section of it: page.md#section."""
    return HttpUrl(_DOCUMENTATION + section)


def checked_base_url(value: str) -> str:
    """Return a base URL without a trailing slash.

    Raises ValueError unless it is https, or http on this machine, and free of a user name, a
    password, a query and a fragment.
    """
    url = value.strip().rstrip("/")
    try:
        httpx.URL(url)
        parts = urlsplit(url)
        port = parts.port  # raises ValueError for one that cannot be
    except (httpx.InvalidURL, ValueError):
        raise ValueError("is not an address") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise ValueError("must be a full address that starts with https://")
    if "@" in parts.netloc:
        raise ValueError("must not contain a user name or password: they have fields of their own")
    if "?" in url or "#" in url:
        raise ValueError("must end with its path: no ? and no #")
    if parts.scheme == "http" and not is_loopback(url):
        raise ValueError("must be https: plain http is accepted on this machine only")
    return url


def is_loopback(url: str) -> bool:
    """Tell whether a URL points at this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
