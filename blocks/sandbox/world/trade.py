"""Who trades with the pretended lender, and over which bank accounts: what Xero and Infor LN agree on.

Infor LN knows a contact by a code, which Xero keeps as its ContactNumber. Contacts without one, and
codes that LN does not know, are there on purpose: each is a case of its own for whoever sends payments.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from blocks.sandbox.world import chart

Side = Literal["sales", "purchase"]

_NAMES: Final = uuid.UUID("6c1c2a0e-3f52-5f0a-9a53-9d0b7f3e6a21")
COMPANY: Final = "303"
"""The company of Infor LN that the organisation is; invoice numbers begin with it."""
BASE_CURRENCY: Final = chart.CURRENCY
CURRENCIES: Final = ("GBP", "EUR", "USD")


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact of Xero. `number` is its ContactNumber; `in_ln`: LN has a partner of that code."""

    contact_id: str
    name: str
    side: Side
    number: str = ""
    in_ln: bool = False
    archived: bool = False
    merged_to: str = ""


@dataclass(frozen=True, slots=True)
class Bank:
    """A bank account: as Xero names and numbers it, and by the number LN knows it, "" where LN does not."""

    key: str
    name: str
    number: str
    ln_number: str
    currency: str = BASE_CURRENCY
    code: str = ""
    kind: str = "BANK"


def _contact(name: str, side: Side, number: str = "", **more: bool | str) -> Contact:
    in_ln = bool(more.pop("in_ln", bool(number.strip())))
    return Contact(str(uuid.uuid5(_NAMES, f"contact:{name}")), name, side, number, in_ln, **more)  # type: ignore[arg-type]


def _coded(names: Iterable[str], side: Side, code: str, first: int) -> tuple[Contact, ...]:
    return tuple(_contact(name, side, code.format(first + place)) for place, name in enumerate(names))


# In the order of their codes. 300000366 and BP00000001 are the ones of the written use cases.
CUSTOMERS: Final = _coded(
    (
        "Albion Bakeries Ltd",
        "Brightwater Marine",
        "Carrick & Daughters",
        "Dunmore Textiles plc",
        "Eastgate Dental Practice",
        "Fairlie Joinery",
        "ABC Customer ltd",
        "Glenfinnan Timber",
        "Hallam Cycles",
        "Søren & Sons Shipping",
        "Inverleith Optics",
        "Łódź Metalworks (UK)",
        "Kestrel Couriers",
        "Lomond Brewing Co.",
        "Merchant's Yard",
        "Northcote Veterinary Group",
        "Oakapple Nurseries",
        "Pentland Roofing",
        "Quayside Chandlers",
        "Ravenscar Ceramics",
    ),
    "sales",
    "{:09}",
    300000360,
)
SUPPLIERS: Final = _coded(
    (
        "Abcdefg Components GmbH",
        "Burnside Paper",
        "Calder Valley Steel",
        "Dalton Packaging",
        "Esk Printworks",
        "Forth Fasteners",
        "Garnet Tooling",
        "Humber Logistics",
        "Irwell Plastics",
        "Jura Instruments",
    ),
    "purchase",
    "BP{:08}",
    1,
)
# Their bills are written in Xero and travel to LN under the supplier's own number.
SERVICE_SUPPLIERS: Final = _coded(
    ("Kingsway Cleaning", "Lothian Legal LLP", "Mercer Telecom"), "purchase", "BP{:08}", 41
)
CUSTOMERS_WITHOUT_CODE: Final = tuple(
    _contact(name, "sales") for name in ("Walk-in Customer", "Tay Pop-up Market", "Zoë's Stall")
)
# The last one's ContactNumber is blank, which is as good as none.
SUPPLIERS_WITHOUT_CODE: Final = (
    _contact("Federico Rossi Expenses", "purchase"),
    _contact("Maria Bianchi Expenses", "purchase"),
    _contact("Corner Café", "purchase"),
    _contact("Station Taxis", "purchase", "  "),
)
# Their code is in Xero, and LN has no such partner.
STRANGERS: Final = (
    _contact("Newly Agreed Customer Ltd", "sales", "300000999", in_ln=False),
    _contact("Newly Agreed Supplier Ltd", "purchase", "BP00009999", in_ln=False),
)
# Merged into another: archived, without a number, and naming the one it became.
MERGED: Final = (
    _contact("ABC Customer Limited (old)", "sales", archived=True, merged_to=CUSTOMERS[6].contact_id),
    _contact("Burnside Papers (old)", "purchase", archived=True, merged_to=SUPPLIERS[1].contact_id),
)
CONTACTS: Final = (
    *CUSTOMERS,
    *SUPPLIERS,
    *SERVICE_SUPPLIERS,
    *CUSTOMERS_WITHOUT_CODE,
    *SUPPLIERS_WITHOUT_CODE,
    *STRANGERS,
    *MERGED,
)
BY_ID: Final = {contact.contact_id: contact for contact in CONTACTS}

# Sort code and number in one string, an IBAN, eight digits with leading zeros, one with spaces and
# dashes, and three that lead nowhere. LN knows account numbers without the sort code.
BANKS: Final = {
    bank.key: bank
    for bank in (
        Bank("settlement", "Settlement bank account", "20000055779911", "55779911", code="090"),
        Bank("reserve", "Reserve bank account", "20000055779922", "55779922"),
        Bank("euro", "Euro bank account", "GB29 NWBK 6016 1331 9268 19", "31926819", "EUR"),
        Bank("dollar", "Dollar bank account", "00123456", "00123456", "USD", "092"),
        Bank("spaced", "Collections bank account", "20-00-00 55779933", "55779933", code="093"),
        Bank("closed", "Bank account LN does not know", "20000099887766", "", code="094"),
        Bank("unreadable", "Company card", "XXXX-4417", "", code="095", kind="CREDITCARD"),
        Bank("empty", "Cash drawer", "", "", code="096"),
    )
}
LN_BANK_ACCOUNTS: Final = {
    **{bank.ln_number: bank.currency for bank in BANKS.values() if bank.ln_number},
    "12345678": BASE_CURRENCY,
}
"""The bank accounts LN knows, with their currencies; the last is that of the written use cases."""


def resolved(contact: Contact) -> Contact:
    """Return the contact that counts: the one this was merged into, if it was."""
    return BY_ID[contact.merged_to] if contact.merged_to else contact
