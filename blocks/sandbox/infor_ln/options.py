"""The switches of the Infor LN stand-in: what no public source decides, and what tests provoke."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from blocks.sandbox.options import Options
from blocks.sandbox.world.trade import COMPANY

DEFAULT_PATH: Final = "/LN/lnapi/odata/txDaybook/BankTransactions"


@dataclass(frozen=True, slots=True)
class LnOptions(Options):
    """Every switch; the defaults are the strict reading, or the likeliest where a choice is needed."""

    choices: ClassVar = {
        "unknown_company_status": (404, 403),
        "duplicate_status": (409, 422, 400, 500),
        "duplicate_check": ("first", "last", "off"),
        "error_shape": ("documented", "wrapped", "list"),
        "success_status": (200, 201, 202, 204),
        "success_body": ("document", "empty"),
    }

    # Where the call goes, and which companies it may name.
    path: str = DEFAULT_PATH  # below the tenant
    companies: str = COMPANY  # separated by spaces; the first is the service user's own
    unknown_company_status: int = 404  # "not found", or 403 for one the user may not use

    # Access.
    token_seconds: int = 7200  # about two hours
    refresh_tokens: bool = True  # whether the password grant hands one out
    grants: str = "password client_credentials refresh_token"
    client_revoked: bool = False  # the client is refused for good, its tokens too

    # The message.
    prepayment_tag: str = "XeroPprepaymentID"  # one published sample has XeroPrepaymentID
    sales_payment: int = 1
    purchase_payment: int = 2
    supplier_prepayment: int = 3
    client_prepayment: int = 4
    in_order: bool = False  # whether the twelve keys must come in the published order

    # The books.
    duplicate_status: int = 409
    duplicate_check: str = "first"  # or "last": after the business rules; or "off": LN would book twice
    duplicate_kinds: str = "payment allocation prepayment"  # those that the check covers
    check_currency: bool = True  # a payment in another currency than its invoice is refused
    refuse_above_open: bool = False  # a payment above what is open is refused

    # Answers.
    error_shape: str = "documented"  # or "wrapped": {"error": {...}}; or "list": {"error": [{...}]}
    success_status: int = 201
    success_body: str = "document"  # or "empty"
    latency_seconds: float = 0.0  # real time spent on each call

    # What is seeded.
    seed: int = 2026

    def __post_init__(self) -> None:
        codes = (self.sales_payment, self.purchase_payment, self.supplier_prepayment, self.client_prepayment)
        if len(set(codes)) < len(codes):
            raise ValueError("two document types have the same code")
        if not self.path.startswith("/") or not self.companies.split():
            raise ValueError("path must begin with a slash, and companies must name at least one")
