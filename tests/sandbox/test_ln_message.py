"""What the payment call refuses before LN looks at its books."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from blocks.sandbox.exact_json import dumps
from blocks.sandbox.infor_ln.app import DEFAULT_PATH, TENANT
from tests.helpers.ln_stand_in import BILL, DAY_SECONDS, PAYMENTS, SALES_INVOICE, TAG, ln, message

LEFT_OUT = ...
OTHER_PATH = f"/{TENANT}/LN/lnapi/odata/txOther/BankTransactions"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        *(({"path": path}, 404) for path in (f"/OTHER_TENANT{DEFAULT_PATH}", OTHER_PATH, f"{PAYMENTS}/1")),
        *(({"Authorization": said}, 401) for said in ("", "Bearer nonsense")),
        *(({"Content_Type": kind}, 415) for kind in ("application/xml", "")),
        ({"Content_Type": "application/json; charset=utf-8"}, 201),
        ({"Accept": "application/xml"}, 406),
        ({"Accept": "*/*"}, 201),
        *(({"X_Infor_LnCompany": company}, 400) for company in ("x", "10000")),
        ({"X_Infor_LnCompany": "304"}, 404),
        ({"X_Infor_LnCompany": ""}, 201),
        *(({"content": text}, 400) for text in ("{", b"\xff\xfe", "[]", "", "[" * 100_000)),
        ({"content": '{"DocumentType":1,"DocumentType":1}'}, 400),
    ],
)
async def test_a_call_is_checked_before_its_message(changes: dict[str, Any], status: int) -> None:
    """Tenant, token, path, content type, Accept, company and JSON are checked, each with its status."""
    async with ln() as standin:
        assert await standin.status(**changes) == status
        assert len(await standin.documents()) == int(status == 201)


async def test_the_call_is_a_post() -> None:
    """Any other verb on the service is 405, and says what is allowed."""
    async with ln() as standin:
        answer = await standin.http.get(PAYMENTS, headers={"Authorization": f"Bearer {standin.bearer}"})
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_the_path_is_a_switch() -> None:
    """The service answers below the tenant at the path that is set, and no longer at another."""
    async with ln(path="/LN/lnapi/odata/txOwn/Payments") as standin:
        assert await standin.status() == 404
        assert await standin.status(path=f"/{TENANT}/LN/lnapi/odata/txOwn/Payments") == 201


async def test_an_unknown_company_can_be_forbidden() -> None:
    """A company that is not known is 404 or 403, as set, and without a header the user's own counts."""
    async with ln(unknown_company_status=403, companies="400 303") as standin:
        assert await standin.status(X_Infor_LnCompany="304") == 403
        await standin.send(X_Infor_LnCompany="")
        await standin.send(message(XeroPaymentID="other"))
        assert [row["company"] for row in await standin.documents()] == ["400", "303"]


@pytest.mark.parametrize("name", list(message()))
async def test_each_key_must_be_there(name: str) -> None:
    """A key left out is 400 and named."""
    async with ln() as standin:
        assert await standin.refused(message(**{name: LEFT_OUT})) == (400, [f"Field {name} is missing"])


@pytest.mark.parametrize("name", list(message()))
async def test_no_key_may_be_null(name: str) -> None:
    """A null is 400 and its key named."""
    async with ln() as standin:
        status, (text,) = await standin.refused(message(**{name: None}))
    assert (status, f"Field {name} has the wrong type" in text) == (400, True)


async def test_a_misspelt_tag_is_named() -> None:
    """The other spelling of the prepayment's tag is 400, with the key that is unknown and the one missing."""
    async with ln() as standin:
        answer = await standin.refused(message(XeroPprepaymentID=LEFT_OUT, XeroPrepaymentID=""))
    assert answer == (400, ["Field XeroPrepaymentID is unknown", "Field XeroPprepaymentID is missing"])


async def test_the_tag_is_a_switch() -> None:
    """With the other spelling set, that is the only one taken."""
    async with ln(prepayment_tag="XeroPrepaymentID") as standin:
        assert await standin.status() == 400
        assert await standin.status(message(XeroPprepaymentID=LEFT_OUT, XeroPrepaymentID="")) == 201


async def test_a_thirteenth_key_is_refused() -> None:
    """A key too many is 400 and named."""
    async with ln() as standin:
        assert await standin.refused(message(Company="303")) == (400, ["Field Company is unknown"])


async def test_the_order_of_keys_can_be_demanded() -> None:
    """JSON's keys have no order; with in_order the published one is demanded all the same."""
    backwards = dict(reversed(message().items()))
    async with ln() as standin:
        assert await standin.status(backwards) == 201
        await standin.control("options", in_order=True)
        assert await standin.status({**backwards, "XeroPaymentID": "other"}) == 400
        assert await standin.status(message(XeroPaymentID="other")) == 201


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DocumentType", "1"),
        ("DocumentType", True),
        ("DocumentType", Decimal("1.0")),
        ("DocumentDate", "2026-11-19"),
        ("DocumentDate", DAY_SECONDS + 1),
        ("DocumentDate", DAY_SECONDS * 1000),
        ("DocumentDate", -86400),
        ("DocumentDate", Decimal(f"{DAY_SECONDS}.0")),
        ("BankAccountNumber", 55779911),
        ("BusinessPartner", 300000366),
        ("CurrencyCode", "gbp"),
        ("CurrencyCode", "EURO"),
        ("CurrencyRate", "1"),
        ("CurrencyRate", 0),
        ("CurrencyRate", -1),
        ("CurrencyRate", Decimal("1.0917700000000001")),
        ("InvoiceAmount", "125.10"),
        ("InvoiceAmount", True),
        ("InvoiceAmount", Decimal("125.10000000000001")),
        ("InvoiceAmount", Decimal("125.101")),
        ("InvoiceAmount", Decimal("1E+20")),
        ("XeroPaymentID", 7),
        ("XeroContactName", ["ABC"]),
        ("XeroContactName", "x" * 256),
    ],
)
async def test_a_value_of_another_type_is_refused(name: str, value: object) -> None:
    """A value that is not of its key's type, or shows a binary float's digits, is 400 and its key named."""
    async with ln() as standin:
        status, (text,) = await standin.refused(message(**{name: value}))
    assert (status, name in text) == (400, True)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
async def test_what_is_no_number_is_refused(text: str) -> None:
    """NaN and its kin, which Python writes and JSON lacks, are 400."""
    content = dumps(message()).replace("125.10", text)
    async with ln() as standin:
        assert await standin.status(content=content) == 400


@pytest.mark.parametrize("amount", ["125.1", "125.10", "125.1000", "900719925474099.31", "0.01", "1E+2"])
async def test_an_amount_is_kept_to_the_digit(amount: str) -> None:
    """What is booked is the number that was written, beyond what a binary float holds, too."""
    content = dumps(message()).replace("125.10", amount)
    async with ln() as standin:
        assert await standin.status(content=content) == 201
        (row,) = await standin.documents()
    assert Decimal(row["amount"]) == Decimal(amount)


async def test_a_message_needs_an_id() -> None:
    """Without payment id and prepayment id a message is 400."""
    async with ln() as standin:
        answer = await standin.refused(message(XeroPaymentID=""))
    assert answer == (400, ["No Xero payment or prepayment ID"])


@pytest.mark.parametrize(
    ("document_type", "changes", "named"),
    [
        (1, {"InvoiceNumber": ""}, ["InvoiceNumber"]),
        (1, {"XeroPaymentID": "", TAG: "p"}, ["XeroPaymentID"]),
        (1, {"BusinessPartner": ""}, ["BusinessPartner"]),
        (2, {"InvoiceNumber": "", "XeroPaymentID": "", TAG: "p"}, ["InvoiceNumber", "XeroPaymentID"]),
        (2, {"BusinessPartner": "", TAG: "p"}, [TAG]),
        (3, {"BusinessPartner": ""}, ["BusinessPartner"]),
        (3, {TAG: "", "XeroPaymentID": "p"}, [TAG, "XeroPaymentID"]),
        (3, {"InvoiceNumber": BILL}, ["InvoiceNumber"]),
        (4, {"InvoiceNumber": SALES_INVOICE}, ["InvoiceNumber"]),
        (4, {"XeroPaymentID": "p"}, ["XeroPaymentID"]),
        (4, {"BusinessPartner": ""}, ["BusinessPartner"]),
        (1, {"BankAccountNumber": ""}, ["BankAccountNumber"]),
        (5, {}, ["5"]),
        (0, {}, ["0"]),
    ],
)
async def test_each_type_wants_its_own_keys_filled(
    document_type: int, changes: dict[str, Any], named: list[str]
) -> None:
    """Payments need invoice and payment id; prepayments partner and prepayment id alone; others are 400."""
    async with ln() as standin:
        status, texts = await standin.refused(message(document_type, **changes))
        assert await standin.documents() == []
    assert status == 400
    assert len(texts) == len(named)
    assert all(name in text for name, text in zip(named, texts, strict=True))


async def test_the_type_codes_are_switches() -> None:
    """Other codes for the four types are taken in place of the usual ones."""
    async with ln(sales_payment=11, client_prepayment=14) as standin:
        assert await standin.status() == 400
        assert await standin.status(message(DocumentType=11)) == 201
        assert await standin.status(message(4, DocumentType=14)) == 201
        assert [row["kind"] for row in await standin.documents()] == ["receipt", "unallocated receipt"]


async def test_ids_are_free_strings() -> None:
    """An id need not be a GUID: the written use cases have none."""
    async with ln() as standin:
        assert await standin.status(message(XeroPaymentID="5678-5678-5678-5678")) == 201


async def test_the_error_body_is_the_documented_one() -> None:
    """A refusal carries Code, Message, Details and InnerError, with status, tenant and company in it."""
    async with ln() as standin:
        body = (await standin.send(message(InvoiceAmount="x"))).json()
    assert body.keys() == {"Code", "Message", "Details", "InnerError"}
    assert body["Details"] == [{"Code": body["Code"], "Message": body["Message"]}]
    inner = body["InnerError"]
    assert inner.keys() == {"StatusCode", "Error", "RequestId", "TenantId", "LnUser", "Company"}
    assert (inner["StatusCode"], inner["TenantId"], inner["Company"]) == (400, TENANT, "303")


async def test_the_error_body_has_other_shapes() -> None:
    """A refusal comes wrapped in `error`, or in a list of them, as set."""
    async with ln(error_shape="wrapped") as standin:
        wrapped = (await standin.send(message(XeroPaymentID=""))).json()
        await standin.control("options", error_shape="list")
        listed = (await standin.send(message(XeroPaymentID=""))).json()
    assert wrapped["error"]["message"] == "No Xero payment or prepayment ID"
    assert wrapped["error"]["details"][0]["message"] == "No Xero payment or prepayment ID"
    assert listed == {"error": [wrapped["error"]]}


async def test_without_a_language_the_users_own_is_spoken() -> None:
    """Without Content-Language messages come in the service user's language, a duplicate's too."""
    async with ln() as standin:
        await standin.send()
        silent = (await standin.send(Content_Language="")).json()
        english = (await standin.send()).json()
    assert (silent["Message"], english["Message"]) == ("Betaling is al verwerkt", "Payment already processed")
