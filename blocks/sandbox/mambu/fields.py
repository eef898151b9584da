"""The fields a search of journal lines may filter and sort by, and the operators each type takes.

Names, types and operators are those of Mambu's documentation of `POST /gljournalentries:search`.
Custom fields (`[setId].[fieldId]`) are left out: this tenant defines none, so each is an unknown field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import Enum, auto
from typing import NamedTuple

from blocks.sandbox.mambu.reference import BRANCH_KEYS, USERS_BY_KEY, customer_account_ids

Line = Mapping[str, object]


class FieldType(Enum):
    """The value types Mambu's documentation gives operators for."""

    NUMBER = auto()
    MONEY = auto()
    STRING = auto()
    ENUM = auto()
    KEY = auto()
    DATE = auto()


class Field(NamedTuple):
    """One field: its type, how to read it from a line, and the values an enum has."""

    field_type: FieldType
    read: Callable[[Line], object]
    choices: frozenset[str] = frozenset()


def _plain(name: str) -> Callable[[Line], object]:
    def read(line: Line) -> object:
        return line.get(name)

    return read


def _inner(*names: str) -> Callable[[Line], object]:
    def read(line: Line) -> object:
        value: object = line
        for name in names:
            value = value.get(name) if isinstance(value, dict) else None
        return value

    return read


def _side(side: str, *names: str) -> Callable[[Line], object]:
    inner = _inner(*names)

    def read(line: Line) -> object:
        amount = inner(line) if line.get("type") == side else None
        return Decimal(amount) if isinstance(amount, int) else amount

    return read


def _loan_account_id(line: Line) -> object:
    kind, account_id = customer_account_ids().get(str(line.get("accountKey")), ("", None))
    return account_id if kind == "LOAN" else None


def _source(line: Line) -> object:
    # Which values `source` takes is unknown in public; ours: by hand, or not.
    return "MANUAL" if line.get("userKey") else "AUTOMATIC"


def _user_name(line: Line) -> object:
    user = USERS_BY_KEY.get(str(line.get("userKey")))
    return f"{user.first_name} {user.last_name}" if user else None


_TYPES = frozenset({"ASSET", "LIABILITY", "EQUITY", "INCOME", "EXPENSE"})

FILTER_FIELDS: dict[str, Field] = {
    "productType": Field(FieldType.ENUM, _plain("productType"), frozenset({"LOAN", "SAVINGS"})),
    "glAccountKey": Field(FieldType.KEY, _inner("glAccount", "encodedKey")),
    "userKey": Field(FieldType.KEY, _plain("userKey")),
    "encodedKey": Field(FieldType.KEY, _plain("encodedKey")),
    "entryId": Field(FieldType.NUMBER, _plain("entryID")),  # the spelling differs in Mambu, too
    "bookingDate": Field(FieldType.DATE, _plain("bookingDate")),
    "creationDate": Field(FieldType.DATE, _plain("creationDate")),
    "transactionId": Field(FieldType.STRING, _plain("transactionId")),
    "glAccountId": Field(FieldType.STRING, _inner("glAccount", "glCode")),
    "glAccountType": Field(FieldType.ENUM, _inner("glAccount", "type"), _TYPES),
    "source": Field(FieldType.ENUM, _source, frozenset({"MANUAL", "AUTOMATIC"})),
    "debit": Field(FieldType.MONEY, _side("DEBIT", "amount")),
    "credit": Field(FieldType.MONEY, _side("CREDIT", "amount")),
    "foreignDebit": Field(FieldType.MONEY, _side("DEBIT", "foreignAmount", "amount")),
    "foreignCredit": Field(FieldType.MONEY, _side("CREDIT", "foreignAmount", "amount")),
    "loanAccountId": Field(FieldType.STRING, _loan_account_id),
    "foreignCurrencyCode": Field(FieldType.STRING, _inner("foreignAmount", "currency", "code")),
    "assignedBranchKey": Field(FieldType.KEY, _plain("assignedBranchKey")),
}

_FILTERED_AND_SORTED = (
    "encodedKey",
    "entryId",
    "bookingDate",
    "creationDate",
    "transactionId",
    "glAccountId",
    "glAccountType",
    "debit",
    "credit",
    "foreignDebit",
    "foreignCredit",
    "loanAccountId",
)
SORT_FIELDS: dict[str, Callable[[Line], object]] = {
    **{name: FILTER_FIELDS[name].read for name in _FILTERED_AND_SORTED},
    "glAccountName": _inner("glAccount", "name"),
    "userName": _user_name,
    "user": _plain("userKey"),
    "branchName": lambda line: BRANCH_KEYS.get(str(line.get("assignedBranchKey"))),
    "foreignCurrency": _inner("foreignAmount", "currency", "code"),
}

_T = FieldType
_ANY = frozenset(_T)
# Operator -> (number of operands, field types). LAST_DAYS is documented with a number as its operand;
# that the field is a date is inferred. EMPTY and NOT_EMPTY fit "most types": ours, all of them.
OPERATORS: dict[str, tuple[int, frozenset[FieldType]]] = {
    "EQUALS": (1, frozenset({_T.NUMBER, _T.MONEY, _T.STRING, _T.ENUM, _T.KEY})),
    "EQUALS_CASE_SENSITIVE": (1, frozenset({_T.NUMBER, _T.MONEY, _T.STRING, _T.ENUM, _T.KEY})),
    "MORE_THAN": (1, frozenset({_T.NUMBER, _T.MONEY})),
    "LESS_THAN": (1, frozenset({_T.NUMBER, _T.MONEY})),
    "BETWEEN": (2, frozenset({_T.NUMBER, _T.MONEY, _T.DATE})),
    "ON": (1, frozenset({_T.DATE})),
    "AFTER": (1, frozenset({_T.DATE})),
    "BEFORE": (1, frozenset({_T.DATE})),
    "BEFORE_INCLUSIVE": (1, frozenset({_T.DATE})),
    "STARTS_WITH": (1, frozenset({_T.STRING})),
    "STARTS_WITH_CASE_SENSITIVE": (1, frozenset({_T.STRING})),
    "IN": (-1, frozenset({_T.ENUM, _T.KEY})),
    "TODAY": (0, frozenset({_T.DATE})),
    "THIS_WEEK": (0, frozenset({_T.DATE})),
    "THIS_MONTH": (0, frozenset({_T.DATE})),
    "THIS_YEAR": (0, frozenset({_T.DATE})),
    "LAST_DAYS": (1, frozenset({_T.DATE})),
    "EMPTY": (0, _ANY),
    "NOT_EMPTY": (0, _ANY),
}
