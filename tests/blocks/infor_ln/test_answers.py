"""What Infor answers, in each of its shapes."""

from __future__ import annotations

import time

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks.http.models import Answer
from blocks.infor_ln.answers import LNAnswer, ln_answer
from tests.helpers.clocks import START

DOCUMENTED = b"""{"Code": "tccom1", "Message": "Unknown partner", "Details": [
  {"Code": "tccom2", "Message": "300000366 is not in company 303"}],
  "InnerError": {"StatusCode": 422, "Error": "x", "RequestId": "r-1", "TenantId": "T", "Company": 303}}"""


def read(status: int, body: bytes, kind: str = "application/json", **headers: str) -> LNAnswer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ln_answer(Answer(status, httpx.Headers({"content-type": kind, **named}), body), START)


_LARGE = 1024 * 1024


@pytest.mark.parametrize(
    "body",
    [
        b"<Fault><Text>" + b"<" * _LARGE + b"</Text>",
        b"<Fault>" + b"<Text>" * (_LARGE // 6),
        b"<Fault>" + b"<Text " * (_LARGE // 6),
        b"<Fault>" + b"<a:Text" * (_LARGE // 7),
        b"<" + b"a" * _LARGE,
        b"<a:" * (_LARGE // 3),
        b" " * _LARGE + b"<html",
        b'{"error": {"details": [%b]}}' % b",".join(b'"%d"' % number for number in range(100_000)),
        b'{"error": [%b]}' % b",".join(b'{"message": "%d"}' % number for number in range(50_000)),
        b'{"error": ' * 100_000,
        b'{"code": %b}' % (b"1" * _LARGE),
    ],
    ids=lambda body: str(body[:20]),
)
def test_no_body_holds_the_others_up(body: bytes) -> None:
    """The largest body that is taken is read within a moment, whatever it is made of."""
    began = time.process_time()
    read(500, body, "text/xml" if body.startswith(b"<") else "application/json")
    assert time.process_time() - began < 2


def test_a_tag_within_the_words_of_a_fault_is_left_out() -> None:
    """The words of a SOAP Fault are told without the tags among them, up to the end of the first element."""
    found = read(500, b"<s:Fault><s:Text xml:lang='en'>No &lt;such&gt; <br/>partner</s:Text></s:Fault>")
    assert found.message == "No <such> partner"


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
        (b'{"errors": [{"message": "No"}, "why"]}', "why; No"),
        (b'{"Error": {"MESSAGE": {"lang": "en", "value": "No"}}}', "No"),
        (b'{"error": {"message": "No", "details": ["why", 7, null]}}', "No; why; 7"),
        (b'{"error": {"message": "No", "details": {"message": "why"}}}', "No; why"),
        (b'{"error": {"message": "No", "details": [{"message": "No"}]}}', "No"),
        (b'{"error": {"message": "N\\u0000o \\ud800"}}', "N\ufffdo \ufffd"),
    ],
)
def test_the_body_that_is_seen(body: bytes, message: str) -> None:
    """An `error` object, or a list of them, is read with its details; what no store can hold is replaced."""
    assert (read(422, body).message, read(422, body).from_ln) == (message, True)


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": {"message": "No", "details": [{"code": "d", "message": "why"}]}}',
        b'{"error": {"code": "tccom1000", "message": "No"}}',
        b'{"Code": "txdbk9500", "Message": "No"}',
        b'{"message": "No", "innerError": {"RequestId": "r"}}',
    ],
)
def test_a_500_is_of_ln_where_it_has_what_only_ln_gives(body: bytes) -> None:
    """Details, an inner error or a code of LN's show that a 500 is LN's own."""
    assert read(500, body).from_ln


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Internal Server Error",
        b'{"message": "Internal Server Error"}',
        b'{"code": 500, "message": "Internal Server Error"}',
        b'{"error": "Internal Server Error", "status": 500, "path": "/x"}',
        b'{"error": {"code": "500", "message": "Internal Server Error"}}',
        b'{"error": {"message": "Backend connection timed out"}}',
        b'{"error": [{"code": "InternalServerError", "message": "No"}]}',
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
    "body",
    [
        *(b"", b" \n", b"Posted", b"12", b"null", b"{}", b"[]", b'"Posted without errors"'),
        b'{"value": [], "Message": "Posted"}',
        b'{"Code": "0", "Message": "Posted"}',
        b'{"code": 201, "status": "OK", "success": true, "errors": [], "errorCode": "0"}',
        b'{"error": null, "faults": {}, "exception": "", "default": "yes"}',
        b'{"DocumentNumber": "17", "XeroContactName": "Error & Denied Ltd", "Status": "Open"}',
        b"<result><status>Posted</status><errors/><success>true</success></result>",
        b'{"DocumentNumber": 17, "Company": 303, "XeroPaymentID": "p-1", "XeroPrepaymentID": ""}',
        b'{"DocumentType": 4, "InvoiceDescription": "not it", "XeroContactName": "No Fail", "Country": "NO"}',
        b'{"error": false, "hasErrors": false, "failed": 0, "rejectedCount": "0", "failedAmount": 0.0}',
        b'{"duplicate": false, "isPrepayment": false, "hasMore": false, "noErrors": true, "invalid": false}',
        b'{"success": 1, "processed": true, "processedCount": 1, "returnCode": 0, "resultCode": "00"}',
        b'{"status": "200 OK"}',
        b'{"status": 201, "result": null}',
        b'{"Status": "Posted successfully", "result": "SUCCESS", "outcome": "DOCUMENT_CREATED"}',
        b'{"status": {"code": 0, "name": "Unallocated"}, "messages": [{"type": "S", "text": "0 errors"}]}',
        b'{"message": "Payment no 17 posted. No errors, no warnings", "severity": "info"}',
        b'{"createdOn": "2026-11-20", "posted": "2026-11-20", "message": "10 processed"}',
        b'{"results": [{"number": "303-17"}], "result": {"number": "303-17"}}',
        b"<BookResult><Number>303-17</Number><IsPrepayment>false</IsPrepayment></BookResult>",
        b'<r xmlns:result="urn:x"><row><a nil="false"/><error>false</error></row></r>',
        b"<r><status><code>0</code><text>Posted</text></status><name>Error &amp; Denied Ltd</name></r>",
    ],
)
def test_a_plain_success(body: bytes) -> None:
    """A body that tells of nothing gone wrong, or of nothing at all, makes no doubt of a success."""
    found = read(200, body)
    assert not found.denies
    assert not found.from_ln


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"success": false, "text": "Period closed"}', "Period closed"),
        (b'{"IsSuccess": "False"}', "IsSuccess"),
        (b'{"success": null}', "success"),
        (b'{"errors": ["Period closed"]}', "Period closed"),
        (b'{"Errors": [{"Message": "Period closed"}]}', "Period closed"),
        (b'{"error": {"message": "Period closed"}}', "Period closed"),
        (b'{"error_message": "Period closed"}', "Period closed"),
        (b'{"an\\nerror\\nhere": "Period closed"}', "Period closed"),
        (b'{"faults": {"x": "Period closed"}}', "Period closed"),
        (b'{"ValidationErrors": [{"x": "Period closed"}]}', "Period closed"),
        (b'{"value": [{"id": 1, "result": {"Status": "FAILED"}}]}', "FAILED"),
        (b'{"status": 422, "message": "Period closed"}', "Period closed"),
        (b'{"StatusCode": "500"}', "500"),
        (b'{"messages": [{"type": "E", "text": "Period closed"}]}', "Period closed"),
        (b'{"message": "Document rejected"}', "Document rejected"),
        (b'"Not posted: period closed"', "period closed"),
        (b"ERROR: period closed", "period closed"),
        (b"false", "false"),
        (b'{"success": tr', "success"),
        (DOCUMENTED, "Unknown partner"),
        (b"<s:Fault><faultstring>Period closed</faultstring></s:Fault>", "Period closed"),
        (b"<r><success>false</success><m>Period closed</m></r>", "Period closed"),
        (b'<r xmlns:x="y" x:status="error">Period closed</r>', "Period closed"),
        (b"<r><error>Period closed</error></r>", "Period closed"),
        (b"<r><status>OK</status>", "OK"),
        (b'<!DOCTYPE r [<!ENTITY e "e">]><r>&e;</r>', "ENTITY"),
    ],
)
def test_a_no_under_a_success(body: bytes, words: str) -> None:
    """A "no" in whatever shape, and what cannot be read, is told with LN's words."""
    found = read(200, body)
    assert found.denies
    assert words in found.said


_NO = """
{"result": false}
{"status": false}
{"processed": false}
{"paymentBooked": false}
{"isSucceeded": false}
{"anything": false}
{"anything": "False"}
{"result": {"valid": false}}
{"value": [{"id": 1, "inLN": false}]}
{"success": "F"}
{"ok": "N"}
{"success": {"value": 0}}
{"success": "partial"}
{"success": -1}
{"posted": "not yet"}
{"accepted": "0 of 1"}
{"processed": []}
{"message": "0 of 1 documents booked"}
{"message": "0 documents were processed"}
{"noErrors": false}
{"error": true}
{"hasErrors": "true"}
{"invalid": true}
{"notProcessed": true}
{"duplicate": true}
{"isPartial": true}
{"dryRun": true}
{"status": "NOK"}
{"status": "not ok"}
{"status": "unsuccessful"}
{"status": "partial"}
{"status": "Partially posted"}
{"paymentStatus": "Something else"}
{"result": "KO"}
{"status": 8}
{"status": {"code": "NOK"}}
{"status": ["KO"]}
{"outcome": {"name": "Parked"}}
{"returnCode": 8}
{"return_code": 1}
{"rc": "-1"}
{"resultCode": "E17"}
{"code": -1}
{"failedCount": 1}
{"failed": 1.0}
{"ok": true, "rejectedCount": "1"}
{"processedCount": 0}
{"message": "Could not book the payment"}
{"message": "Couldn't book the payment"}
{"message": "Payment cannot be booked"}
{"message": "No number group defined"}
{"message": "Posted with 10 errors"}
{"statusText": "unsuccessful"}
{"resultMessage": "Unable to book"}
"NOK"
"false"
NOK
Not posted
no
<r><result>false</result></r>
<r><status>NOK</status></r>
<r><status><value>NOK</value></status></r>
<r><result>false<br/></result></r>
<r><message>Document <b>rejected</b></message></r>
<r><returnCode>8</returnCode></r>
<r processed="false"/>
<r><errors><one>closed</one></errors></r>
""".strip().splitlines()


@pytest.mark.parametrize("body", _NO)
def test_what_is_not_known_to_be_good_is_a_no(body: str) -> None:
    """Something false, or a state, a code or a count not known for a good one, makes doubt of a success."""
    assert read(200, body.encode()).denies


@pytest.mark.parametrize(
    "body",
    [
        b'{"%b": 1}' % (b"error " * (_LARGE // 6)),
        b'{"%b": 0}' % (b"payment" * (_LARGE // 7)),
        b'{"status": "%b"}' % (b"posted " * (_LARGE // 7)),
        b'{"message": "%b"}' % (b"no error " * (_LARGE // 9)),
        b'{"message": "%b"}' % (b" " * _LARGE),
        b'{"x": ' * 400 + b'"%b"' % (b"x" * _LARGE) + b"}" * 400,
        b'{"status": [%b]}' % b",".join([b"200"] * (_LARGE // 4)),
        b"<status>" + b"<a>x</a>" * (_LARGE // 8) + b"</status>",
        b"<a status='x'>" * 2 + b"<b/>" * (_LARGE // 4) + b"</a>" * 2,
        # Names that are long, and bodies that nest as deeply as they can.
        b'{"%b\\n": 0}' % (b"error" * 24_000),
        b'{"a": ' * 300 + b"[%b]" % b",".join([b'{"x": 1}'] * 100_000) + b"}" * 300,
        b"<a>" * 20_000 + b"x" * 20_000 + b"</a>" * 20_000,
        b"[" * 50_000,
    ],
    ids=lambda body: str(body[:20]),
)
def test_no_success_holds_the_others_up(body: bytes) -> None:
    """Whether the largest body that is taken says "no" is told within a moment, whatever it is made of."""
    began = time.process_time()
    read(200, body)
    assert time.process_time() - began < 10


def test_a_body_of_many_elements_says_no_no() -> None:
    """XML that nests as deeply as a body can and says nothing is no refusal."""
    assert not read(200, b"<a>" * 20_000 + b"x" * 20_000 + b"</a>" * 20_000).denies


def test_retry_after() -> None:
    """The wait is read from seconds and from a date, and is absent where there is neither."""
    assert read(429, b"", retry_after="7").retry_after_seconds == 7
    date = "Fri, 20 Nov 2026 03:00:30 GMT"
    assert read(429, b"", retry_after=date).retry_after_seconds == 30
    assert read(429, b"").retry_after_seconds is None


@given(st.integers(200, 599), st.binary(max_size=200) | st.text().map(str.encode))
@settings(deadline=None)
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
@settings(deadline=None)
def test_any_json_is_read(status: int, body: object) -> None:
    """No JSON, whatever its shape, makes the reader fail."""
    read(status, msgspec.json.encode(body))
