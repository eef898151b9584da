"""Partners, bank account numbers and what an invoice number says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.xero.payment_models import XeroBankAccount, XeroContact
from flows.payments.documents import contact_of, merged_into
from flows.payments.message import bank_number, hint, ln_invoice, without_sort_code
from tests.helpers.payments import examples

digits = st.text("0123456789", min_size=8, max_size=8)


# --- Bank accounts ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "number"),
    [
        ("01020312345678", "12345678"),
        ("01-02-03 12345678", "12345678"),
        ("010203 00000001", "00000001"),
        ("12345678", "12345678"),
        (" 1234 5678 ", "12345678"),
        ("GB29NWBK60161331926819", "31926819"),
        ("GB29 NWBK 6016 1331 9268 19", "31926819"),
        ("gb29nwbk60161331926819", "31926819"),
        ("", None),
        ("1234567", None),
        ("123456789", None),
        ("0102031234567", None),
        ("010203123456789", None),
        ("DE89370400440532013000", None),
        ("GB29NWBK6016133192681X", None),
        ("GB29NWBK601613319268199", None),
        ("１２３４５６７８", None),
        ("090", None),
        ("12345678x", None),
    ],
)
def test_the_number_without_the_sort_code(held: str, number: str | None) -> None:
    """Of a known shape the last eight digits go out, with their zeros; any other shape is not guessed at."""
    assert without_sort_code(held) == number


@given(digits, st.text("0123456789", min_size=6, max_size=6), st.text(" -", max_size=3))
@examples
def test_every_way_of_writing_an_account_gives_its_number(number: str, sort_code: str, gap: str) -> None:
    """With a sort code, without, with blanks or dashes and as an IBAN, the number is the same."""
    for held in (
        number,
        sort_code + number,
        f"{sort_code}{gap}{number}",
        f"GB00ABCD{sort_code}{gap}{number}",
    ):
        assert without_sort_code(held) == number


@pytest.mark.parametrize(
    ("account", "said"),
    [
        (XeroBankAccount("a", "CURRENT", "Till"), '"Till", which is not a bank account'),
        (XeroBankAccount("a", "BANK", "Main"), '"Main" has no number'),
        (XeroBankAccount("a", "BANK", "Main", "DE89370400440532013000"), "an unknown format"),
        (None, "unknown"),
    ],
)
def test_what_is_wrong_with_an_account_is_said(account: XeroBankAccount | None, said: str) -> None:
    """Where there is no number to send, the reason names the account; an override makes it good."""
    accounts = {"a": account} if account else {}
    number, problem = bank_number("a", accounts, {})
    assert number == ""
    assert said in problem
    assert bank_number("a", accounts, {"a": "007"}) == ("007", "")


# --- Partners -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "code"), [("30000010", "30000010"), (" 3 ", "3"), ("", ""), (" \t", ""), (None, "")]
)
def test_a_contact_with_a_code_is_recurring(number: str | None, code: str) -> None:
    """A contact is recurring when something but blanks is in its number; its name is never altered."""
    name = " Federico Rossi Expenses "
    found = contact_of("c", {"c": XeroContact("c", name, number)})
    assert found is not None
    assert (found.partner_code, found.name) == (code, name)


def test_merged_contacts() -> None:
    """Merged contacts lead to the last one, and a circle or a missing one to none."""
    contacts = {
        "a": XeroContact("a", "A", "1", merged_to_contact_id="b"),
        "b": XeroContact("b", "B", "2", merged_to_contact_id="c"),
        "c": XeroContact("c", "C", "3"),
        "x": XeroContact("x", "X", merged_to_contact_id="y"),
        "y": XeroContact("y", "Y", merged_to_contact_id="x"),
        "m": XeroContact("m", "M", "4", merged_to_contact_id="missing"),
    }
    assert contact_of("a", contacts) == contact_of("c", contacts) == contacts["c"]
    assert contact_of("x", contacts) is None
    assert contact_of("m", contacts) is None
    assert contact_of("", contacts) is None
    assert merged_into(contacts) == {"missing"}


# --- Invoice numbers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "parts"),
    [
        ("303-SI1-220000101", (None, "303", "SI1", "220000101")),
        ("we45-303-PI1-22000101", ("we45", "303", "PI1", "22000101")),
        ("a-b-c-303-PI1-1", ("a-b-c", "303", "PI1", "1")),
        ("303-303-PI1-1", ("303", "303", "PI1", "1")),
        *((number, None) for number in ("INV-00049", "303-SI1-", "303-si1-1", "")),
    ],
)
def test_the_parts_of_a_number(number: str, parts: tuple[str, ...] | None) -> None:
    """A number in LN's format is read from the right, for its reference can hold dashes."""
    found = ln_invoice(number)
    assert (found.groups() if found else None) == parts
    assert (hint(number) == "") == (parts is not None or not number)


@given(st.text(min_size=1), st.from_regex(r"[0-9]{1,4}-[A-Z0-9]{3}-[0-9]+", fullmatch=True))
@examples
def test_any_reference_can_stand_in_front(reference: str, number: str) -> None:
    """Whatever the supplier's reference, the parts behind it are LN's."""
    found = ln_invoice(f"{reference}-{number}")
    assert found is not None
    assert "-".join(found.groups()[1:]) == number
    assert found[1] == reference
