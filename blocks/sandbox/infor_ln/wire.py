"""How Infor LN answers behind the ION API gateway: its error bodies, in both shapes, and its texts.

The body is documented as Code, Message, Details[{Code, Message}] and InnerError{StatusCode, Error,
RequestId, TenantId, LnUser, Company}; clients in public code have seen `{"error": {"message": ...}}`, and
`error` as a list. LN words its messages in the language asked for, or in the service user's.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from blocks.sandbox.asgi import Headers
from blocks.sandbox.exact_json import dumps

TENANT: Final = "DAYBOOK_DEM"
LN_USER: Final = "xeroconn"
DUPLICATE_TEXT: Final = "Payment already processed"
_UNKNOWN_CLIENT: Final = "OAuth [U01]: token expired or unknown"

# The service user is Dutch, as LN is. {} takes what the message is about.
_TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "json": ("The request body is no JSON object: {}", "De inhoud is geen JSON-object: {}"),
    "key-missing": ("Field {} is missing", "Veld {} ontbreekt"),
    "key-unknown": ("Field {} is unknown", "Veld {} is onbekend"),
    "key-order": ("Field {} is out of order", "Veld {} staat niet op zijn plaats"),
    "type": ("Field {} has the wrong type or form: {}", "Veld {} heeft het verkeerde type of formaat: {}"),
    "document-type": ("Document type {} does not exist", "Documenttype {} bestaat niet"),
    "needed": ("Field {} must be filled for document type {}", "Veld {} is verplicht voor documenttype {}"),
    "not-allowed": ("Field {} must be empty for this document", "Veld {} moet leeg zijn voor dit document"),
    "no-id": ("No Xero payment or prepayment ID", "Geen Xero-betalings- of vooruitbetalings-ID"),
    "duplicate": (DUPLICATE_TEXT, "Betaling is al verwerkt"),
    "amount": ("Amount {} must be greater than zero", "Bedrag {} moet groter zijn dan nul"),
    "partner": ("Business partner {} does not exist", "Relatie {} bestaat niet"),
    "role": ("Business partner {} is not a {}", "Relatie {} is geen {}"),
    "bank": ("Bank account {} does not exist", "Bankrekening {} bestaat niet"),
    "currency": ("Currency {} does not exist", "Valuta {} bestaat niet"),
    "rate": ("Rate {} of the home currency must be 1", "Koers {} van de eigen valuta moet 1 zijn"),
    "invoice": ("Invoice {} does not exist", "Factuur {} bestaat niet"),
    "invoice-partner": (
        "Invoice {} does not belong to business partner {}",
        "Factuur {} hoort niet bij relatie {}",
    ),
    "invoice-currency": ("Invoice {} is in currency {}", "Factuur {} is in valuta {}"),
    "invoice-open": ("Only {} of invoice {} is open", "Slechts {} van factuur {} staat open"),
    "prepayment": ("Prepayment {} does not exist", "Vooruitbetaling {} bestaat niet"),
    "prepayment-partner": (
        "Prepayment {} does not belong to business partner {}",
        "Vooruitbetaling {} hoort niet bij relatie {}",
    ),
    "prepayment-currency": ("Prepayment {} is in currency {}", "Vooruitbetaling {} is in valuta {}"),
    "prepayment-rate": ("Prepayment {} has rate {}", "Vooruitbetaling {} heeft koers {}"),
    "prepayment-side": (
        "Prepayment {} cannot be assigned to document type {}",
        "Vooruitbetaling {} kan niet aan documenttype {} worden toegewezen",
    ),
    "remainder": ("Only {} of prepayment {} is left", "Slechts {} van vooruitbetaling {} is over"),
    "token": (_UNKNOWN_CLIENT, _UNKNOWN_CLIENT),
    "tenant": ("Tenant {} does not exist", "Tenant {} bestaat niet"),
    "path": ("Resource {} not found", "Resource {} niet gevonden"),
    "method": ("Method {} is not allowed", "Methode {} is niet toegestaan"),
    "accept": ("Accept {} cannot be met", "Accept {} is niet mogelijk"),
    "content-type": ("Content type {} is not supported", "Inhoudstype {} wordt niet ondersteund"),
    "company-form": ("Company {} is not a number from 0 to 9999", "Bedrijf {} is geen getal van 0 t/m 9999"),
    "company": ("Company {} not found", "Bedrijf {} niet gevonden"),
}
_CODES: Final = {name: f"txdbk{1000 + number}" for number, name in enumerate(_TEXTS)}


class Problem(NamedTuple):
    """One thing wrong: the name of its text, and what the text is about."""

    name: str
    about: tuple[str, ...] = ()

    @property
    def code(self) -> str:
        """LN's code for it."""
        return _CODES[self.name]

    def text(self, *, english: bool = True) -> str:
        """Word it."""
        return _TEXTS[self.name][0 if english else 1].format(*self.about)


class Refused(Exception):
    """The request ends here: a status, and what is wrong, the first thing first."""

    def __init__(self, status: int, *problems: Problem, headers: Headers = ()) -> None:
        super().__init__(status)
        self.status = status
        self.problems = problems
        self.headers = headers


def refusal(status: int, problems: Sequence[Problem], shape: str, *, english: bool, company: str) -> bytes:
    """Return the body of a refusal in one of the shapes of `LnOptions.error_shape`."""
    details = [(one.code, one.text(english=english)) for one in problems]
    code, message = details[0]
    if shape == "documented":
        return dumps(
            {
                "Code": code,
                "Message": message,
                "Details": [{"Code": each, "Message": words} for each, words in details],
                "InnerError": {
                    "StatusCode": status,
                    "Error": problems[0].name,
                    "RequestId": str(uuid.uuid4()),
                    "TenantId": TENANT,
                    "LnUser": LN_USER,
                    "Company": company,
                },
            }
        ).encode()
    error = {
        "code": code,
        "message": message,
        "details": [{"code": each, "message": words} for each, words in details],
    }
    return dumps({"error": [error] if shape == "list" else error}).encode()
