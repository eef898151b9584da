"""The switches of the Infor LN stand-in: what no public source decides, and what tests provoke."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from blocks.sandbox.world.trade import COMPANY

DEFAULT_PATH: Final = "/LN/lnapi/odata/txDaybook/BankTransactions"


@dataclass(frozen=True, slots=True)
class LnOptions:
    """Every switch; the defaults are the strict reading, or the likeliest where a choice is needed."""

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
            raise ValueError("two document types have one code")
        if not self.path.startswith("/") or not self.companies.split():
            raise ValueError("path begins with a slash, and companies names one at least")

    def changed(self, values: Mapping[str, object]) -> LnOptions:
        """Return these options with some replaced by name; ValueError for a name or value unknown here."""
        known = {field.name: getattr(self, field.name) for field in fields(self)}
        new: dict[str, Any] = {}
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"no option {name!r}; there are {', '.join(sorted(known))}")
            new[name] = _checked(name, known[name], value)
        return replace(self, **new)

    def document(self) -> dict[str, object]:
        """Return all switches by name, as JSON can hold them."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


_CHOICES: Final[Mapping[str, tuple[object, ...]]] = {
    "unknown_company_status": (404, 403),
    "duplicate_status": (409, 422, 400, 500),
    "duplicate_check": ("first", "last", "off"),
    "error_shape": ("documented", "wrapped", "list"),
    "success_status": (200, 201, 202, 204),
    "success_body": ("document", "empty"),
}


def _checked(name: str, present: object, value: object) -> object:
    choices = _CHOICES.get(name)
    if choices is not None and value not in choices:
        raise ValueError(f"{name} is one of {', '.join(map(str, choices))}")
    if isinstance(present, bool) or isinstance(value, bool):
        if isinstance(present, bool) and isinstance(value, bool):
            return value
    elif isinstance(present, float):
        number = float(str(value)) if not isinstance(value, str) else -1.0
        if number >= 0:
            return number
    elif type(present) is type(value) and not (isinstance(value, int) and value < 0):
        return value
    raise ValueError(f"{name} takes a {type(present).__name__}, not {value!r}")
