"""Writing the ledger: `POST /gljournalentries`, and lines that appear by themselves."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal

from blocks.sandbox.asgi import Answer
from blocks.sandbox.exact_json import dumps
from blocks.sandbox.mambu.dates import parse_date, parse_instant
from blocks.sandbox.mambu.errors import MambuError, invalid
from blocks.sandbox.mambu.http import Call, prepared
from blocks.sandbox.mambu.query import parse_object, refuse_unknown
from blocks.sandbox.mambu.reference import branch_key, shown
from blocks.sandbox.mambu.tenant import Tenant
from blocks.sandbox.world import chart

_FIELDS = {"date", "branchId", "debits", "credits", "notes", "transactionId"}


@dataclass(frozen=True, slots=True)
class Leg:
    """One line to be."""

    side: str  # DEBIT or CREDIT
    amount: Decimal
    account: dict[str, object]


@dataclass(frozen=True, slots=True)
class Posting:
    """A journal entry to be; `created` and `booked` in the tenant's zone."""

    transaction: str
    created: datetime
    booked: datetime
    branch: str | None
    user: str | None
    notes: str | None
    legs: Sequence[Leg]


def compose(posting: Posting, first_id: int, *, nulls: bool) -> list[bytes]:
    """Return the lines of a posting as JSON, in the shape of the seeded ones."""
    lines = [
        {
            "encodedKey": uuid.uuid4().hex,
            "entryID": first_id + number,
            "transactionId": posting.transaction,
            "creationDate": posting.created.isoformat(),
            "bookingDate": posting.booked.isoformat(),
            "type": leg.side,
            "amount": leg.amount,
            "glAccount": {**leg.account, "balance": None},
            "foreignAmount": None,
            "accountKey": None,
            "productKey": None,
            "productType": None,
            "assignedBranchKey": posting.branch,
            "userKey": posting.user,
            "notes": posting.notes,
            "reversalEntryKey": None,
        }
        for number, leg in enumerate(posting.legs)
    ]
    return [dumps(shown(line, nulls=nulls)).encode() for line in lines]


def live_lines(tenant: Tenant) -> tuple[date, list[bytes]]:
    """Return the lines that appear after a page was asked for, and the date they are created on."""
    now = tenant.now()
    if tenant.options.live_date is not None:
        day = date.fromisoformat(tenant.options.live_date)
        now = datetime.combine(day, time(23, 59, 59), tzinfo=tenant.zone)
    accounts = {str(row["glCode"]): row for row in tenant.accounts()}
    cash, fees = accounts["1010"], accounts["4100"]
    legs = [Leg(side, Decimal("1.00"), row) for side, row in (("DEBIT", cash), ("CREDIT", fees))]
    first_id = tenant.planted.next_id(now.date())
    branch = branch_key(chart.BRANCHES[0][0])
    texts: list[bytes] = []
    for number in range(tenant.options.live_lines // 2):
        posting = Posting(f"L{first_id + 2 * number}", now, now, branch, None, None, legs)
        texts += compose(posting, first_id + 2 * number, nulls=tenant.options.nulls)
    return now.date(), texts


class JournalEntries:
    """The endpoint that posts a manual journal entry."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    async def create(self, call: Call) -> Answer:
        """Answer `POST /gljournalentries` with 201 and the new lines."""
        call.caller.require("MAKE_JOURNAL_ENTRIES")
        return self.post(parse_object(call.body), call.caller.key, self._tenant.now())

    def post(self, content: dict[str, object], user: str | None, created: datetime) -> Answer:
        """Check an entry as Mambu does, add its lines to the ledger, and return the 201."""
        tenant = self._tenant
        refuse_unknown(content, _FIELDS, "")
        booked = self._booked(content.get("date"), created)
        legs = [*self._legs(content, "debits"), *self._legs(content, "credits")]
        total = sum((leg.amount if leg.side == "DEBIT" else -leg.amount for leg in legs), Decimal())
        if total:
            raise invalid("debits and credits differ")
        day = created.date()
        first_id = tenant.planted.next_id(day)
        posting = Posting(
            self._transaction(content, first_id),
            created,
            booked,
            self._branch(content),
            user,
            _text(content, "notes"),
            legs,
        )
        texts = compose(posting, first_id, nulls=tenant.options.nulls)
        tenant.add_lines(day, texts)
        return prepared(201, b"[" + b",".join(texts) + b"]")

    def _booked(self, value: object, created: datetime) -> datetime:
        if not isinstance(value, str):
            raise MambuError(400, "MISSING_REQUIRED_PARAMETER", "date")
        zone = self._tenant.zone
        if "T" in value:
            booked = parse_instant(value, zone).astimezone(zone).replace(microsecond=0)
        else:
            booked = datetime.combine(parse_date(value, "date"), time(), tzinfo=zone)
        if booked.date() > created.date():
            raise MambuError(400, "JOURNAL_ENTRY_DATE_IN_THE_FUTURE", value)
        closed = self._tenant.options.closed_until
        if closed is not None and booked.date() <= date.fromisoformat(closed):
            raise MambuError(400, "JOURNAL_ENTRY_BEFORE_CLOSURE", value)
        return booked

    def _legs(self, content: dict[str, object], name: str) -> list[Leg]:
        rows = content.get(name)
        if not isinstance(rows, list) or not rows:
            raise MambuError(400, "MISSING_REQUIRED_PARAMETER", name)
        accounts = {row["glCode"]: row for row in self._tenant.accounts()}
        legs = []
        for number, row in enumerate(rows):
            where = f"{name}[{number}]"
            if not isinstance(row, dict):
                raise invalid(where)
            refuse_unknown(row, {"glAccount", "amount"}, where)
            legs.append(Leg(name[:-1].upper(), _amount(row, where), _account(accounts, row, where)))
        return legs

    def _transaction(self, content: dict[str, object], first_id: int) -> str:
        given = _text(content, "transactionId")
        if given is not None and given in self._tenant.planted.transactions:
            raise MambuError(400, "DUPLICATE_JOURNAL_TRANSACTION_ID", given)
        return given or str(first_id)

    @staticmethod
    def _branch(content: dict[str, object]) -> str | None:
        branch = _text(content, "branchId")
        if branch is None:
            return None
        if branch not in dict(chart.BRANCHES):
            raise invalid(f"branchId: {branch}")
        return branch_key(branch)


def _text(content: dict[str, object], name: str) -> str | None:
    value = content.get(name)
    if value is not None and not isinstance(value, str):
        raise invalid(name)
    return value


def _amount(row: dict[str, object], where: str) -> Decimal:
    amount = row.get("amount")
    if isinstance(amount, bool) or not isinstance(amount, int | Decimal) or amount <= 0:
        raise invalid(f"{where}.amount")
    return Decimal(amount)


def _account(
    accounts: dict[object, dict[str, object]], row: dict[str, object], where: str
) -> dict[str, object]:
    account = accounts.get(str(row.get("glAccount")))
    if account is None:
        raise MambuError(400, "INVALID_GL_ACCOUNT_ID", f"{where}.glAccount")
    if account["usage"] == "HEADER":
        raise MambuError(400, "GL_ACCOUNT_IS_HEADER", f"{where}.glAccount")
    if not account["allowManualJournalEntries"]:
        raise MambuError(400, "GL_ACCOUNT_DOES_NOT_SUPPORT_MANUALLY_ENTRIES", f"{where}.glAccount")
    return account
