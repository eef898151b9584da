"""What Infor answers, in each of its shapes."""

from __future__ import annotations

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.infor_answers import LNAnswer, ln_answer
from blocks.transport import Answer
from tests.clocks import START

DOCUMENTED = b"""{"Code": "tccom1", "Message": "Unknown partner", "Details": [
  {"Code": "tccom2", "Message": "300000366 is not in company 303"}],
  "InnerError": {"StatusCode": 422, "Error": "x", "RequestId": "r-1", "TenantId": "T", "Company": 303}}"""


def read(status: int, body: bytes, kind: str = "application/json", **headers: str) -> LNAnswer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ln_answer(Answer(status, httpx.Headers({"content-type": kind, **named}), body), START)


@pytest.mark.parametrize("change", [bytes, bytes.lower, bytes.upper])
def test_the_documented_body_in_any_letter_case(change: object) -> None:
    """Code, Message, Details and the request id are found whatever the case of their keys."""
    found = read(422, change(DOCUMENTED))  # type: ignore[operator]
    assert found.from_ln
    assert (found.code.lower(), found.request_id.lower()) == ("tccom1", "r-1")
    assert found.message.lower() == "unknown partner; 300000366 is not in company 303 (tccom2)"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error": {"message": "No", "details": [{"code": "d", "message": "why"}]}}', "No; why (d)"),
        (b'{"error": [{"message": "No"}, {"message": "why"}]}', "No; why"),
        (b'{"Error": {"MESSAGE": {"lang": "en", "value": "No"}}}', "No"),
        (b'{"error": {"message": "No", "details": ["why", 7, null]}}', "No; why; 7"),
        (b'{"error": {"message": "No", "details": {"message": "why"}}}', "No; why"),
        (b'{"error": {"message": "No", "details": [{"message": "No"}]}}', "No"),
    ],
)
def test_the_body_that_is_seen(body: bytes, message: str) -> None:
    """An `error` object, or a list of them, is read with its details."""
    found = read(500, body)
    assert (found.message, found.from_ln) == (message, True)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Internal Server Error",
        b'{"message": "Internal Server Error"}',
        b'{"code": 500, "message": "Internal Server Error"}',
        b'{"error": "Internal Server Error", "status": 500, "path": "/x"}',
        b'{"error": {"code": "500", "message": "Internal Server Error"}}',
        b'{"fault": {"faultstring": "Internal Server Error"}}',
        b'["Internal Server Error"]',
        b'{"error": "Internal Server Er',
        b"\xff\xfe",
        b"<error>Internal Server Error</error>",
    ],
)
def test_a_fault_of_something_on_the_way_is_not_of_ln(body: bytes) -> None:
    """A 500 that a gateway could have worded by itself is not taken for an error of LN."""
    assert not read(500, body).from_ln


def test_a_gateway_is_quoted_too() -> None:
    """What is on the way is quoted where it says something."""
    assert read(429, b'{"fault": {"faultstring": "Quota  exceeded"}}').said == "Quota exceeded"
    assert read(400, b'{"error": "invalid_request"}').said == "invalid_request"
    assert read(503, b" down\n for now ", "text/plain").said == "down for now"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            b"<s:Body><s:Fault><faultcode>s:Server</faultcode><faultstring>A &amp; B</faultstring></s:Fault>",
            "A & B (s:Server)",
        ),
        (
            b'<Fault><Code><Value>Sender</Value></Code><Reason><Text lang="en">No</Text></Reason></Fault>',
            "No (Sender)",
        ),
        (b"<x:Fault />", "a SOAP Fault without words"),
    ],
)
def test_a_soap_fault_is_of_ln(body: bytes, said: str) -> None:
    """A SOAP Fault, of either version, is LN's own refusal with its words."""
    found = read(500, body, "text/xml")
    assert (found.said, found.from_ln) == (said, True)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<!DOCTYPE html><html>", "application/json"),
        (b" <HTML>", "text/plain"),
        (b"sign in", "text/html; charset=utf-8"),
    ],
)
def test_a_web_page_is_told(body: bytes, kind: str) -> None:
    """A web page is known for one, by its type or its beginning."""
    found = read(200, body, kind)
    assert found.page
    assert found.said == ""


@pytest.mark.parametrize(
    ("body", "refuses"),
    [
        (b"", False),
        (b"{}", False),
        (b'{"value": [], "Message": "Posted"}', False),
        (b'{"Code": "0", "Message": "Posted"}', False),
        (b'{"error": null}', False),
        (b'{"error": {}}', False),
        (b'{"error": {"message": "No"}}', True),
        (DOCUMENTED, True),
    ],
)
def test_an_error_in_a_success(body: bytes, refuses: bool) -> None:
    """Under a 2xx only an error object counts as one; a code and a message alone can be good news."""
    assert read(200, body).from_ln is refuses


def test_retry_after() -> None:
    """The wait is read from seconds and from a date, and is absent where there is neither."""
    assert read(429, b"", retry_after="7").retry_after_seconds == 7
    date = "Fri, 20 Nov 2026 03:00:30 GMT"
    assert read(429, b"", retry_after=date).retry_after_seconds == 30
    assert read(429, b"").retry_after_seconds is None


@given(st.integers(200, 599), st.binary(max_size=200) | st.text().map(str.encode))
def test_any_body_is_read(status: int, body: bytes) -> None:
    """No body makes the reader fail, and none makes it say more than a person can read."""
    assert len(read(status, body).said) < 5000


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "Code", "message", "Details", "innerError", "fault", "value", "x"]),
            inner,
            max_size=4,
        )
    ),
)


@given(st.integers(200, 599), _json)
def test_any_json_is_read(status: int, body: object) -> None:
    """No JSON, whatever its shape, makes the reader fail."""
    read(status, msgspec.json.encode(body))
