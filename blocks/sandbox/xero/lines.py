"""The lines of a manual journal: read, checked, and written once as the JSON that is served.

Left out: the tax of taxed lines. `TaxAmount` is 0.00 always and the sums are of the amounts alone,
which is what Xero does under `NoTax`, and journals of a ledger are sent so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Any, Final

from blocks.sandbox.exact_json import dumps
from blocks.sandbox.xero.chart import Account, Books, Category, Option, tax_fits
from blocks.sandbox.xero.options import XeroOptions
from blocks.sandbox.xero.wire import Refused, error, sandbox_refusal, text

_CENT: Final = Decimal("0.01")
# Exact or nothing: an amount with more decimals raises, or with more digits than leave room for a sum.
_AMOUNT: Final = Context(prec=90, traps=[Inexact, InvalidOperation])
_EXACT: Final = Context(prec=100, traps=[Inexact, InvalidOperation])
_WRITABLE: Final = frozenset({"LineAmount", "AccountCode", "AccountID", "Description", "TaxType", "Tracking"})
# Replies carry these; a client that sends a reply back is not at fault.
_READ_ONLY: Final = frozenset({"JournalLineID", "AccountName", "TaxAmount", "IsBlank", "LineItemID"})
LINE_KEYS: Final = _WRITABLE | _READ_ONLY
TRACKING_KEYS: Final = frozenset(
    {"Name", "Option", "TrackingCategoryID", "TrackingOptionID", "Status", "Options"}
)
MAX_PAIRS: Final = 2


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines ready to be stored: their JSON array, and the sums of debits and of credits (negative)."""

    json: bytes
    count: int
    debits: Decimal
    credits: Decimal


def invalid(message: str) -> Refused:
    """Return the refusal of a body that is JSON but not of the promised shape."""
    return Refused(error(17, "PostDataInvalidException", message))


def shown(lines: bytes, options: XeroOptions) -> bytes:
    """Return the JSON array of a journal's lines as the organisation answers it."""
    if options.no_tax != "NONE":
        lines = lines.replace(b'"TaxType":"NONE"', b'"TaxType":"%s"' % options.no_tax.encode())
    if options.reverse_lines:
        lines = dumps(json.loads(lines, parse_float=Decimal)[::-1]).encode()
    return lines


class LineReader:
    """Reads the lines of one journal; `errors` and `warnings` collect what Xero would say of them."""

    def __init__(self, books: Books, options: XeroOptions, *, drop_account: bool = False) -> None:
        self.errors: list[str] = []
        self.warnings: list[str] = []
        self._books = books
        self._options = options
        self._drop_account = drop_account  # one recognised account is treated as if it were not

    def read(self, rows: object, journal_id: str) -> Lines:
        """Return the lines; they are wrong where `errors` is not empty. No lines at all are none.

        Raises Refused for shapes that are no journal lines at all, and for what strict mode refuses.
        """
        rows = [] if rows is None else rows
        if not isinstance(rows, list):
            raise invalid("JournalLines is not a list.")
        postable = self._books.line_json
        write = text
        prefix = f'{{"JournalLineID":"{journal_id[:24]}'
        debits = credited = Decimal()
        parts: list[str] = []
        for number, row in enumerate(rows, 1):
            if type(row) is not dict or not row.keys() <= LINE_KEYS:
                self._check_keys(row)
            amount = self._amount(row.get("LineAmount"))
            if amount > 0:
                debits = _EXACT.add(debits, amount)
            else:
                credited = _EXACT.add(credited, amount)
            code = row.get("AccountCode")
            account = postable.get(code) if type(code) is str and not self._drop_account else None
            # The usual line takes the short way: an active account by its code, no tax.
            if account is None or row.get("TaxType") != "NONE" or "AccountID" in row:
                account, tax = self._account_and_tax(row)
            else:
                tax = '"NONE"'
            description = row.get("Description")
            words = write(description) if type(description) is str else self._text(description)
            tracking = row.get("Tracking")
            parts.append(
                f'{prefix}{number:012x}",{account}'
                f'"Description":{words},'
                f'"TaxType":{tax},"TaxAmount":0.00,"LineAmount":{amount},"IsBlank":false,'
                f'"Tracking":{self._tracking(tracking) if tracking else "[]"}}}'
            )
        self._check_whole(rows, debits, credited)
        return Lines(f"[{','.join(parts)}]".encode(), len(parts), debits, credited)

    def _check_keys(self, row: object) -> None:
        if not isinstance(row, dict):
            raise invalid("A journal line is not an object.")
        if self._options.strict:
            unknown = sorted(map(str, row.keys() - LINE_KEYS))
            raise sandbox_refusal(f"unknown keys in a journal line: {', '.join(unknown)}")

    def _amount(self, value: object) -> Decimal:
        kind = type(value)
        if kind is not Decimal:
            if kind is int:
                value = Decimal(value)  # type: ignore[arg-type]
            elif kind is str and not self._options.strict:
                try:
                    value = Decimal(str(value))
                except InvalidOperation:
                    raise invalid(f"LineAmount {value!r} is not a number.") from None
            elif kind is str:
                raise sandbox_refusal(f"LineAmount {value!r} is a string; amounts are JSON numbers")
            else:
                raise invalid("LineAmount is missing or not a number.")
        try:
            # Negative zero would be written as such.
            amount = _AMOUNT.quantize(value, _CENT) or Decimal("0.00")  # type: ignore[arg-type]
        except (Inexact, InvalidOperation):
            # What Xero does beyond two decimals is not documented: a client must not rely on rounding.
            raise sandbox_refusal(
                f"LineAmount {value} has more than 2 decimals, or too many digits"
            ) from None
        limit = self._options.max_amount
        if limit and abs(amount) > limit:
            self.errors.append(f"LineAmount {amount} is beyond the largest amount, {limit}")
        return amount

    def _account_and_tax(self, row: dict[str, Any]) -> tuple[str, str]:
        """Return the JSON of a line's account (with a comma behind it, or "") and of its tax type."""
        account = self._account(row)
        tax_type = row.get("TaxType")
        if account is None:
            return "", text(tax_type if isinstance(tax_type, str) else "NONE")
        if tax_type is None:
            tax_type = account.tax_type
        if tax_type == self._options.no_tax:
            tax_type = "NONE"
        if not isinstance(tax_type, str) or not tax_fits(account, tax_type):
            self.errors.append(
                f"The TaxType code '{tax_type}' cannot be used with account code '{account.code}'"
            )
            tax_type = "NONE"
        return f"{account.line_json},", text(tax_type)

    def _account(self, row: dict[str, Any]) -> Account | None:
        """Return the line's account; None, with an error or a warning, where it cannot be used."""
        account_id = row.get("AccountID")
        by_id = isinstance(account_id, str)
        named = account_id if isinstance(account_id, str) else row.get("AccountCode")
        if not isinstance(named, str) or not named:
            self.errors.append("Account code or ID must be specified")  # wording unknown
            return None
        found = self._books.by_id.get(named.lower()) if by_id else self._books.by_code.get(named)
        code = found.code or found.name if found is not None else named
        if self._drop_account or (found is None and self._options.unknown_account == "warning"):
            self._drop_account = False
            self.warnings.append(
                f"Account code '{code}' has been removed as it does not match a recognised account."
            )
            return None
        if found is not None and found.status != "ACTIVE":
            self.errors.append(f"Account code '{code}' has been archived, or has been deleted.")
        elif found is None or not found.postable:
            # Xero's wording for a forbidden account is unknown; this is the one for an unknown code.
            self.errors.append(f"Account code '{code}' is not a valid code for this document.")
        return found

    def _text(self, value: object) -> str:
        if value is None:
            return '""'
        raise invalid("Description is not a text.")

    def _tracking(self, pairs: object) -> str:
        if not isinstance(pairs, list):
            raise invalid("Tracking is not a list.")
        if len(pairs) > MAX_PAIRS:
            self.errors.append(
                f"A journal line has at most {MAX_PAIRS} tracking categories"
            )  # wording unknown
        chosen: dict[str, str] = {}
        for pair in pairs:
            found = self._pair(pair)
            if found is None:
                continue
            category, option = found
            if not self._options.drop_tracking and (option.status != "ACTIVE" or category.name in chosen):
                self.errors.append(f"The tracking option '{option.name}' cannot be used")  # wording unknown
            # Other systems report both as silent: an archived option leaves nothing, of two the last wins.
            if option.status == "ACTIVE":
                chosen[category.name] = (
                    f'{{"Name":{text(category.name)},"Option":{text(option.name)},'
                    f'"TrackingCategoryID":"{category.category_id}","TrackingOptionID":"{option.option_id}"}}'
                )
        return f"[{','.join(chosen.values())}]"

    def _pair(self, pair: object) -> tuple[Category, Option] | None:
        if not isinstance(pair, dict):
            raise invalid("A tracking entry is not an object.")
        if self._options.strict and not pair.keys() <= TRACKING_KEYS:
            unknown = sorted(map(str, pair.keys() - TRACKING_KEYS))
            raise sandbox_refusal(f"unknown keys in Tracking: {', '.join(unknown)}")
        by_id = _text(pair, "TrackingCategoryID"), _text(pair, "TrackingOptionID")
        by_name = _text(pair, "Name"), _text(pair, "Option")
        found = self._books.tracking.get(by_id) or self._books.tracking.get(by_name)
        if found is None:
            self.errors.append(
                f"The tracking option {by_name[1] or by_id[1]!r} does not exist"
            )  # wording unknown
        return found

    def _check_whole(self, rows: list[Any], debits: Decimal, credits: Decimal) -> None:  # noqa: A002
        if len(rows) < 2:
            self.errors.append("A manual journal needs at least 2 journal lines")  # wording unknown
        if self._options.max_lines and len(rows) > self._options.max_lines:
            self.errors.append(f"A manual journal has at most {self._options.max_lines} journal lines")
        longest = self._options.max_description
        if longest and any(len(row.get("Description") or "") > longest for row in rows):
            self.errors.append(f"A description has at most {longest} characters")
        if debits + credits:
            self.errors.append(f"The total debits ({debits:.2f}) must equal total credits ({credits:.2f})")


def _text(pair: dict[str, Any], name: str) -> str:
    value = pair.get(name) or ""
    if not isinstance(value, str):
        raise invalid(f"{name} is not a text.")
    return value
