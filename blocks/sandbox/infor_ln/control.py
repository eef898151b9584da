"""A person looks at LN or acts in it, and the sandbox's own switches: what /control/ln offers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Any

from blocks.sandbox.infor_ln.books import Invoice, Known, Partner, role_of
from blocks.sandbox.infor_ln.identity import Identity
from blocks.sandbox.infor_ln.options import LnOptions
from blocks.sandbox.infor_ln.state import State
from blocks.sandbox.stand_in import Verb, Verbs
from blocks.sandbox.world.trade import BASE_CURRENCY, CURRENCIES, resolved
from blocks.sandbox.world.trade_days import SCHEDULE, slot

_CURRENCY = f"one of {', '.join(CURRENCIES)}; {BASE_CURRENCY} without"


class LnControl:
    """The verbs of /control/ln but `options`; each takes an object, and answers what JSON can hold."""

    def __init__(
        self, state: State, known: Known, identity: Identity, options: Callable[[], LnOptions]
    ) -> None:
        self._state = state
        self._known = known
        self._identity = identity
        self._options = options
        self.verbs: Verbs = {
            "books": Verb(self._books, "show all that is booked, and what was refused"),
            "tokens": Verb(lambda _: identity.counts(), "show how many tokens were given and refused"),
            "expire_tokens": Verb(
                lambda _: identity.expire_all(), "let all tokens given so far have expired"
            ),
            "partners": Verb(
                lambda _: [row._asdict() for row in known.partners().values()], "show the business partners"
            ),
            "partner": Verb(
                self._partner,
                "add or change a business partner",
                {"code": "its code", "name": "its name", "role": "its role"},
            ),
            "remove_partner": Verb(
                lambda body: self._change("partners", _text(body, "code"), None),
                "let LN not know a business partner",
                {"code": "its code"},
            ),
            "bank_accounts": Verb(
                lambda _: known.bank_accounts(), "show the bank accounts with their currencies"
            ),
            "bank_account": Verb(
                lambda body: self._change("bank_accounts", _text(body, "number"), _currency(body)),
                "add or change a bank account",
                {"number": "its number", "currency": _CURRENCY},
            ),
            "remove_bank_account": Verb(
                lambda body: self._change("bank_accounts", _text(body, "number"), None),
                "let LN not know a bank account",
                {"number": "its number"},
            ),
            "invoices": Verb(
                self._invoices,
                "show the invoices of a seeded date, as LN has them, with what is open",
                {"date": "YYYY-MM-DD", "count": "of so many events of the date; of all without"},
            ),
            "invoice": Verb(
                self._invoice,
                "add or change an invoice",
                {
                    "number": "its number",
                    "partner": "the code of its business partner",
                    "total": "1000.00 without",
                    "currency": _CURRENCY,
                },
            ),
            "remove_invoice": Verb(
                self._remove_invoice,
                "let LN not know an invoice",
                {"number": "its number", "partner": "the code of its business partner"},
            ),
            "reset": Verb(lambda _: self._reset(), "forget all that was booked, changed and switched"),
        }

    def _books(self, _body: Mapping[str, Any]) -> object:
        state = self._state
        return {
            "documents": [row.shown() for row in state.documents],
            "prepayments": [
                {**row.shown(), "remaining": str(state.remainder(row.prepayment_id))}
                for row in state.prepayments.values()
            ],
            "expenses": [row.shown() for row in state.documents if row.kind == "expense"],
            "balances": [
                {"bank_account": account, "currency": currency, "moved": str(moved)}
                for (account, currency), moved in state.balances().items()
            ],
            "settled": [
                {"partner": partner, "invoice": invoice, "amount": str(amount)}
                for (partner, invoice), amount in state.settled.items()
            ],
            "refusals": [asdict(row) for row in state.refusals],
        }

    def _partner(self, body: Mapping[str, Any]) -> object:
        row = Partner(_text(body, "code"), _text(body, "name"), role_of(body.get("role")))
        return self._change("partners", row.code, list(row))

    def _change(self, table: str, name: str, value: object) -> object:
        self._known.change(table, name, value)
        return {name: value}

    def _invoices(self, body: Mapping[str, Any]) -> object:
        day, count = date.fromisoformat(_text(body, "date")), body.get("count", len(SCHEDULE))
        if not isinstance(count, int) or count < 1:
            raise ValueError("count must be a whole number, 1 or more")
        seed = self._options().seed
        seeded = (one for n in range(count) for one in slot(seed, day, n).invoices if one.known)
        found = {
            (one.number, resolved(one.contact).number): self._known.invoice(
                one.number, resolved(one.contact).number, seed
            )
            for one in seeded
        }
        return [self._shown(one) for one in found.values() if one is not None]

    def _invoice(self, body: Mapping[str, Any]) -> object:
        partner = self._known.partners().get(_text(body, "partner"))
        if partner is None:
            raise ValueError(f"no partner {body['partner']!r}")
        total = Decimal(str(body.get("total", "1000.00")))
        number, currency = _text(body, "number"), _currency(body)
        one = Invoice(number, partner.code, partner.role, currency, total)
        self._known.change_invoice(number, partner.code, [*one[:4], str(total)])
        return self._shown(one)

    def _remove_invoice(self, body: Mapping[str, Any]) -> object:
        self._known.change_invoice(_text(body, "number"), _text(body, "partner"), None)
        return {}

    def _shown(self, one: Invoice) -> dict[str, object]:
        return {**one._asdict(), "total": str(one.total), "open": str(self._known.open_amount(one))}

    def _reset(self) -> None:
        self._state.reset()
        self._identity.issued.clear()
        self._identity.refused = 0


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} must be a text")
    return value


def _currency(body: Mapping[str, Any]) -> str:
    value = body.get("currency", BASE_CURRENCY)
    if value not in CURRENCIES:
        raise ValueError(f"a currency must be one of {', '.join(CURRENCIES)}")
    return str(value)
