"""What an invoice number says about where the invoice came from: a hint for people, no more. Pure.

LN numbers its invoices company, type, number (303-SI1-220000101), and puts the supplier's reference in
front of a purchase (we45-303-PI1-22000101). The reference can hold dashes, so it is read from the right.
The number is sent to LN as it is, whatever this says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_LN_NUMBER = re.compile(r"(?:(.+)-)?([0-9]{1,4})-([A-Z0-9]{3})-([0-9]+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class LNInvoice:
    """The parts of an invoice number of LN's."""

    reference: str
    company: str
    type: str
    number: str


def ln_invoice(invoice_number: str) -> LNInvoice | None:
    """Return the parts of a number in LN's format, or None for any other."""
    found = _LN_NUMBER.fullmatch(invoice_number)
    return LNInvoice(found[1] or "", found[2], found[3], found[4]) if found else None


def hint(invoice_number: str) -> str:
    """Return what to tell a person of an invoice that LN does not know, or nothing."""
    if not invoice_number or ln_invoice(invoice_number):
        return ""
    return f" «{invoice_number}» is no number of LN's: the invoice may exist in Xero only."
