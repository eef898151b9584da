"""What the page of LN's books shows: bank documents, what is left of prepayments, expenses, refusals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from blocks.sandbox.clock import at_ms
from blocks.sandbox.infor_ln.state import KINDS
from blocks.sandbox.pages.journals import paging_of

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

    from blocks.sandbox.infor_ln.state import BankDocument, State


ROWS_A_PAGE: Final = 50


class Tab(NamedTuple):
    """One tab of the page; `key` is what stands in the address."""

    key: str
    name: str
    what: str


TABS: Final = (
    Tab("documents", "Bank documents", "bank documents"),
    Tab("prepayments", "Prepayments", "prepayments"),
    Tab("expenses", "Expense records", "expense records"),
    Tab("refusals", "Refusals", "refusals"),
)


class Row(NamedTuple):
    """One row; `remaining` is of a prepayment only, `reason` of a refusal only."""

    number: str
    day: date
    kind: str
    partner: str
    contact: str
    invoice: str
    bank_account: str
    ids: str
    currency: str
    amount: Decimal | None
    remaining: Decimal | None = None
    reason: str = ""


def ln_books(state: State, view: str, page: str) -> dict[str, Any]:
    """Return what one tab shows, the newest first."""
    tab = next((one for one in TABS if one.key == view), TABS[0])
    found: dict[str, list[Any]] = {
        "documents": state.documents,
        "prepayments": list(state.prepayments.values()),
        "expenses": [row for row in state.documents if row.kind == "expense"],
        "refusals": state.refusals,
    }
    rows = found[tab.key][::-1]
    paging = paging_of(page, ROWS_A_PAGE, len(rows))
    shown = rows[paging.slice()]
    return {
        "tab": tab,
        "tabs": [(one, len(found[one.key])) for one in TABS],
        "rows": [_refusal(row) if tab.key == "refusals" else _document(state, row, tab) for row in shown],
        "paging": paging,
    }


def _document(state: State, row: BankDocument, tab: Tab) -> Row:
    return Row(
        number=row.number,
        day=row.day,
        kind=KINDS[row.kind],
        partner=row.partner,
        contact=row.contact_name,
        invoice=row.invoice,
        bank_account=row.bank_account,
        ids=row.payment_id or row.prepayment_id,
        currency=row.currency,
        amount=row.amount,
        remaining=state.remainder(row.prepayment_id) if tab.key == "prepayments" else None,
    )


def _refusal(row: Any) -> Row:
    sent: Mapping[str, str] = row.sent
    return Row(
        number=str(row.status),
        day=at_ms(row.at_ms).date(),
        kind="",
        partner=sent.get("partner", ""),
        contact=sent.get("contact_name", ""),
        invoice=sent.get("invoice", ""),
        bank_account=sent.get("bank_account", ""),
        ids=sent.get("payment_id") or sent.get("prepayment_id", ""),
        currency=sent.get("currency", ""),
        amount=None,
        reason=f"{row.message} ({row.code}){', with other content' if row.differs else ''}",
    )
