"""The pretended organisation: its accounts, tracking categories and name.

The chart's rows stand under their Xero codes; beside them there are the accounts that every Xero
organisation has and that a manual journal may not use, so that clients meet them.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final

from blocks.sandbox.clock import day_ms, ms_of
from blocks.sandbox.exact_json import dumps
from blocks.sandbox.world import chart, trade
from blocks.sandbox.xero.wire import ms_date, text

_NAMES: Final = uuid.UUID("6c1c2a0e-3f52-5f0a-9a53-9d0b7f3e6a21")
_CREATED_MS: Final = ms_of(datetime(2026, 1, 5, 9, 0, tzinfo=UTC))

TENANT_ID: Final = str(uuid.uuid5(_NAMES, "tenant"))
CONNECTION_ID: Final = str(uuid.uuid5(_NAMES, "connection"))
SHORT_CODE: Final = "!23eYt"


def _id(kind: str, name: str) -> str:
    # The same in every sandbox, so that configuration written down once keeps working.
    return str(uuid.uuid5(_NAMES, f"{kind}:{name}"))


@dataclass(frozen=True, slots=True)
class Named:
    """What an organisation is called, and the id by which Xero tells it from others."""

    tenant_id: str
    name: str
    short_code: str


ORGANISATION: Final = Named(TENANT_ID, chart.ORGANISATION_NAME, SHORT_CODE)
OTHER_ORGANISATION: Final = Named(str(uuid.uuid5(_NAMES, "other tenant")), "Another Organisation", "!99zZz")


@dataclass(frozen=True, slots=True)
class Account:
    """One account as `GET /Accounts` shows it; `code` is "" where Xero leaves it out."""

    account_id: str
    code: str
    name: str
    type: str
    account_class: str
    tax_type: str = "NONE"
    system: str = ""
    status: str = "ACTIVE"
    bank_number: str = ""
    bank_type: str = "BANK"
    currency: str = chart.CURRENCY
    updated_ms: int = _CREATED_MS

    @property
    def postable(self) -> bool:
        """Whether a manual journal may use it.

        Refused are, as Xero says, receivable, payable, retained earnings, every bank account and
        the type INVENTORY. Wages payable is refused on Xero's screen; nothing says that the API
        differs.
        """
        return self.type not in ("BANK", "INVENTORY") and self.system not in _REFUSED_SYSTEM

    @property
    def line_json(self) -> str:
        """What a journal line says of its account."""
        return (
            f'"AccountID":"{self.account_id}","AccountCode":{text(self.code)},"AccountName":{text(self.name)}'
        )

    @lru_cache(maxsize=1024)  # noqa: B019 - accounts are few, and seldom end
    def json(self) -> bytes:
        """Return the element of `GET /Accounts`."""
        bank = self.type == "BANK"
        row: dict[str, object] = {"AccountID": self.account_id}
        if self.code:
            row["Code"] = self.code
        row |= {"Name": self.name, "Status": self.status, "Type": self.type, "TaxType": self.tax_type}
        row |= {
            "Class": self.account_class,
            "EnablePaymentsToAccount": self.code == _PAYABLE,
            "ShowInExpenseClaims": False,
        }
        if bank:
            row |= {"BankAccountNumber": self.bank_number, "BankAccountType": self.bank_type}
            row |= {"CurrencyCode": self.currency}
        row |= {"SystemAccount": self.system, "ReportingCode": "", "HasAttachments": False}
        head = dumps(row)[:-1]
        return f'{head},"UpdatedDateUTC":{ms_date(self.updated_ms)},"AddToWatchlist":false}}'.encode()


# A ledger account that payments may be made to: one that is no bank account.
_PAYABLE: Final = "1950"
_REFUSED_SYSTEM: Final = frozenset({"DEBTORS", "CREDITORS", "RETAINEDEARNINGS", "WAGEPAYABLES"})
_CLASSES: Final = {"ASSET": "ASSET", "LIABILITY": "LIABILITY", "EQUITY": "EQUITY", "INCOME": "REVENUE"}


def _ledger_account(row: chart.LedgerAccount) -> Account:
    # Income accounts carry a default tax rate as Xero's own chart does: a client that leaves
    # TaxType out gets that one, and not NONE.
    tax = "OUTPUT2" if row.gl_type == "INCOME" else "NONE"
    account_class = _CLASSES.get(row.gl_type, "EXPENSE")
    return Account(_id("account", row.xero_code), row.xero_code, row.name, row.xero_type, account_class, tax)


def _own(code: str, name: str, kind: str, account_class: str, system: str = "", **more: str) -> Account:
    account = Account(_id("account", code or name), code, name, kind, account_class, system=system)
    return replace(account, **more)  # type: ignore[arg-type]


def _bank(bank: trade.Bank) -> Account:
    # Bank accounts may have no code at all, and then the answer has no such key.
    return _own(
        bank.code,
        bank.name,
        "BANK",
        "ASSET",
        bank_number=bank.number,
        bank_type=bank.kind,
        currency=bank.currency,
    )


ACCOUNTS: Final[tuple[Account, ...]] = (
    *map(_ledger_account, chart.CHART),
    *map(_bank, trade.BANKS.values()),
    _own("610", "Accounts Receivable", "CURRENT", "ASSET", "DEBTORS"),
    _own("630", "Inventory", "INVENTORY", "ASSET"),
    _own("640", "Prepaid expenses (old)", "CURRENT", "ASSET", status="ARCHIVED"),
    _own("800", "Accounts Payable", "CURRLIAB", "LIABILITY", "CREDITORS"),
    _own("814", "Wages Payable - Payroll", "CURRLIAB", "LIABILITY", "WAGEPAYABLES"),
    _own("820", "VAT", "CURRLIAB", "LIABILITY", "GST"),
    _own("860", "Rounding", "CURRLIAB", "LIABILITY", "ROUNDING"),
    _own("960", "Retained Earnings", "EQUITY", "EQUITY", "RETAINEDEARNINGS"),
)
"""The whole chart, immutable and shared by all stand-ins of a process."""

_BY_NAME: Final = {row.name: row for row in ACCOUNTS}


def bank_account(key: str) -> Account:
    """Return the account of a key of trade.BANKS; "" is a ledger account that takes payments."""
    if key:
        return _BY_NAME[trade.BANKS[key].name]
    return next(row for row in ACCOUNTS if row.code == _PAYABLE)


TAX_TYPES: Final = frozenset({"NONE", "OUTPUT2", "INPUT2", "EXEMPTOUTPUT", "EXEMPTINPUT", "ZERORATEDOUTPUT"})


def tax_fits(account: Account, tax_type: str) -> bool:
    """Whether a line of an account may carry a tax type: NONE, or one for the account's direction."""
    if tax_type == "NONE":
        return True
    side = "OUTPUT" if account.account_class == "REVENUE" else "INPUT"
    return account.account_class in ("REVENUE", "EXPENSE") and tax_type in TAX_TYPES and side in tax_type


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a tracking category."""

    option_id: str
    name: str
    status: str = "ACTIVE"


@dataclass(frozen=True, slots=True)
class Category:
    """A tracking category with its options."""

    category_id: str
    name: str
    options: tuple[Option, ...]

    def json(self, *, archived: bool) -> bytes:
        """Return the element of `GET /TrackingCategories`; archived options only if asked for."""
        rows = [
            {"TrackingOptionID": row.option_id, "Name": row.name, "Status": row.status}
            for row in self.options
            if archived or row.status == "ACTIVE"
        ]
        head = {"Name": self.name, "Status": "ACTIVE", "TrackingCategoryID": self.category_id}
        return dumps(head | {"Options": rows}).encode()


def _category(name: str, options: tuple[str, ...], archived: str = "") -> Category:
    rows = [Option(_id("option", f"{name}:{option}"), option) for option in options]
    if archived:
        rows.append(Option(_id("option", f"{name}:{archived}"), archived, "ARCHIVED"))
    return Category(_id("category", name), name, tuple(rows))


PRODUCTS: Final = ("Personal loan", "Small business loan", "Overdraft", "Current account", "Savings")
CATEGORIES: Final[tuple[Category, ...]] = (
    _category("Branch", tuple(name for _, name in chart.BRANCHES), archived="Leeds (closed)"),
    _category("Product", PRODUCTS),
)


def organisation(period_lock: date | None, year_lock: date | None, named: Named = ORGANISATION) -> bytes:
    """Return the element of `GET /Organisation`; lock dates appear only where they are set."""
    row: dict[str, object] = {
        "OrganisationID": named.tenant_id,
        "Name": named.name,
        "LegalName": named.name,
        "Version": "UK",
        "OrganisationType": "COMPANY",
        "BaseCurrency": chart.CURRENCY,
        "CountryCode": "GB",
        "IsDemoCompany": True,
        "OrganisationStatus": "ACTIVE",
        "FinancialYearEndDay": 31,
        "FinancialYearEndMonth": 12,
        "Timezone": "GMTSTANDARDTIME",
        "OrganisationEntityType": "COMPANY",
        "ShortCode": named.short_code,
        "Class": "DEMO",
        "Edition": "BUSINESS",
    }
    head = dumps(row)[:-1] + f',"CreatedDateUTC":{ms_date(_CREATED_MS)}'
    for key, day in (("PeriodLockDate", period_lock), ("EndOfYearLockDate", year_lock)):
        if day is not None:
            head += f',"{key}":{ms_date(day_ms(day))}'
    return (head + "}").encode()


class Books:
    """The accounts and tracking categories of one stand-in, indexed for journal lines.

    What nobody has changed is shared: a new stand-in costs two references, and `archive_account`
    and `archive_option` return a new one.
    """

    __slots__ = ("accounts", "by_code", "by_id", "categories", "line_json", "tracking")

    def __init__(self, accounts: tuple[Account, ...], categories: tuple[Category, ...]) -> None:
        self.accounts = accounts
        self.categories = categories
        self.by_id = {row.account_id: row for row in accounts}
        self.by_code = {row.code: row for row in accounts if row.code}
        # What a line may use without a further question, ready to be put in front of its other fields.
        self.line_json: dict[object, str] = {
            row.code: f"{row.line_json},"
            for row in accounts
            if row.code and row.status == "ACTIVE" and row.postable
        }
        # A line names category and option either by name or by id.
        self.tracking: dict[tuple[str, str], tuple[Category, Option]] = {}
        for category in categories:
            for option in category.options:
                self.tracking[category.name, option.name] = category, option
                self.tracking[category.category_id, option.option_id] = category, option

    def with_account_archived(self, reference: str, now_ms: int) -> Books:
        """Return these books with one account, by code or id, archived; ValueError if there is none."""
        return self._with_account(reference, "ARCHIVED", now_ms)

    def with_account_restored(self, reference: str, now_ms: int) -> Books:
        """Return these books with one account, by code or id, active again; ValueError if there is none."""
        return self._with_account(reference, "ACTIVE", now_ms)

    def _with_account(self, reference: str, status: str, now_ms: int) -> Books:
        account = self.by_code.get(reference) or self.by_id.get(reference)
        if account is None:
            raise ValueError(f"no account {reference!r}")
        new = replace(account, status=status, updated_ms=now_ms)
        rows = (new if row is account else row for row in self.accounts)
        return Books(tuple(rows), self.categories)

    def with_option_archived(self, category_name: str, option_name: str, _now_ms: int) -> Books:
        """Return these books with one tracking option archived; ValueError if there is none.

        Xero shows no instant of change for options.
        """
        if (category_name, option_name) not in self.tracking:
            raise ValueError(f"no tracking option {option_name!r} in a category {category_name!r}")
        category, option = self.tracking[category_name, option_name]
        options = tuple(replace(row, status="ARCHIVED") if row is option else row for row in category.options)
        new = replace(category, options=options)
        return Books(self.accounts, tuple(new if row is category else row for row in self.categories))


BOOKS: Final = Books(ACCOUNTS, CATEGORIES)
"""The chart as it is before anybody archives something."""
