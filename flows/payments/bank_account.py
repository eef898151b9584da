"""Our own bank account's number as LN wants it: without the sort code. Pure.

Xero keeps a British sort code and account number as one string; numbers stay texts, for leading zeros
count. Nothing is guessed: what has none of the known shapes needs an override in the connection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from blocks.xero_payments import XeroBankAccount

_SORT_CODE_AND_NUMBER = re.compile(r"[0-9]{6}([0-9]{8})")
_NUMBER = re.compile(r"([0-9]{8})")
_BRITISH_IBAN = re.compile(r"GB[0-9]{2}[A-Z]{4}[0-9]{6}([0-9]{8})")


def without_sort_code(number: str) -> str | None:
    """Return the account number in what Xero holds, or None where it has no known shape."""
    packed = re.sub(r"[\s-]", "", number).upper()
    for shape in (_SORT_CODE_AND_NUMBER, _NUMBER, _BRITISH_IBAN):
        if found := shape.fullmatch(packed):
            return found[1]
    return None


def bank_number(
    account_id: str, accounts: Mapping[str, XeroBankAccount], overrides: Mapping[str, str]
) -> tuple[str, str]:
    """Return the number to send for an account, and what is wrong where there is none to send."""
    if override := overrides.get(account_id):
        return override, ""
    account = accounts.get(account_id)
    if account is None:
        return "", "the bank account is not known: Xero names none, or one that is not in its chart"
    remedy = f"give the connection its number (for the account {account_id})"
    if account.problem:
        return "", f"the bank account «{account.name}» cannot be read in Xero: {account.problem}"
    if account.type != "BANK":
        return "", f"it was paid from «{account.name}», which is no bank account in Xero: {remedy}"
    number = without_sort_code(account.bank_account_number or "")
    if number is None:
        what = "has no number" if not account.bank_account_number else "has a number of no known shape"
        return "", f"the bank account «{account.name}» {what} in Xero: correct it there, or {remedy}"
    return number, ""
