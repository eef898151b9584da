"""The addresses that blocks accept."""

from __future__ import annotations

import pytest

from blocks.http.urls import LOGO_URL, checked_base_url, documentation_url

CANARY = "CANARY-pw"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("  https://acme.mambu.com/api/ ", "https://acme.mambu.com/api"),
        *((f"{one}.mambu.com",) * 2 for one in ("HTTPS://acme", "https://acme")),
        *((f"{one}/api",) * 2 for one in ("https://acme.mambu.com", "https://acme.mambu.com:8443")),
        *((f"http://{one}:8080/api",) * 2 for one in ("127.0.0.1", "localhost", "[::1]")),
    ],
)
def test_good_addresses(given: str, kept: str) -> None:
    """https anywhere and http on this machine are taken, without blanks and slashes at the end."""
    assert checked_base_url(given) == kept


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("http://acme.mambu.com/api", "must be https"),
        ("http://127.0.0.1.evil.example/api", "must be https"),
        ("http://10.0.0.1/api", "must be https"),
        ("http://localhost.evil.example/api", "must be https"),
        (f"https://ann:{CANARY}@acme.mambu.com/api", "user name"),
        (f"https://{CANARY}@acme.mambu.com/api", "user name"),
        ("https://@acme.mambu.com/api", "user name"),
        (f"https://acme.mambu.com/api?key={CANARY}", "no [?]"),
        ("https://acme.mambu.com/api?", "no [?]"),
        ("https://acme.mambu.com/api#x", "no [?]"),
        ("https://acme.mambu.com/api#", "no [?]"),
        ("acme.mambu.com/api", "starts with https"),
        ("ftp://acme.mambu.com/api", "starts with https"),
        ("https:///api", "starts with https"),
        ("", "starts with https"),
        (f"https://acme:{CANARY}/api", "not an address"),
        ("https://acme:99999999/api", "not an address"),
        ("https://[::1/api", "not an address"),
        ("https://acme\x00.com", "not an address"),
    ],
)
def test_bad_addresses(given: str, reason: str) -> None:
    """Anything else is refused with its reason, and without repeating what was given."""
    with pytest.raises(ValueError, match=reason) as raised:
        checked_base_url(given)
    assert CANARY not in f"{raised.value!r} {raised.value.__cause__!r}"


def test_documentation_leads_to_a_section() -> None:
    """A block's documentation is a page of the project's docs, and the logo is on the same project."""
    assert str(documentation_url("connect.md#the-payments")).endswith("/docs/connect.md#the-payments")
    assert str(LOGO_URL).endswith("/docs/daybook.png")
