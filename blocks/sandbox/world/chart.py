"""The sandbox's chart of accounts: what the ledgers of the stand-ins agree on.

One row per GL account of the pretended lender. Mambu shows it under its GL code, Xero under the
same code, except where that is longer than the ten characters Xero allows; those rows name the
Xero code, and `ACCOUNT_MAP` is the mapping a real connection would need for them.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class LedgerAccount(NamedTuple):
    """One account: its Mambu side (`gl_*`) and its Xero side (`xero_*`)."""

    gl_code: str
    name: str
    gl_type: str  # ASSET, LIABILITY, EQUITY, INCOME or EXPENSE
    xero_type: str  # one of Xero's account types
    xero_code: str


def _account(gl_code: str, name: str, gl_type: str, xero_type: str, xero_code: str = "") -> LedgerAccount:
    return LedgerAccount(gl_code, name, gl_type, xero_type, xero_code or gl_code)


CHART: Final = (
    _account("1010", "Cash at settlement bank", "ASSET", "CURRENT"),
    _account("1020", "Card scheme receivable", "ASSET", "CURRENT"),
    _account("1030", "Direct debit in transit", "ASSET", "CURRENT"),
    _account("1100", "Personal loans: principal", "ASSET", "CURRENT"),
    _account("1110", "Small business loans: principal", "ASSET", "CURRENT"),
    _account("1120", "Overdrafts: principal", "ASSET", "CURRENT"),
    _account("1200", "Interest receivable", "ASSET", "CURRENT"),
    _account("1210", "Fees receivable", "ASSET", "CURRENT"),
    _account("1220", "Penalties receivable", "ASSET", "CURRENT"),
    _account("1300", "Portfolio loss allowance", "ASSET", "CURRENT"),
    _account("1900-INTERBRANCH", "Inter-branch clearing", "ASSET", "CURRENT", "1900"),
    _account("1950", "Suspense", "ASSET", "CURRENT"),
    _account("2000", "Current accounts: deposits", "LIABILITY", "CURRLIAB"),
    _account("2010", "Savings accounts: deposits", "LIABILITY", "CURRLIAB"),
    _account("2020", "Term deposits", "LIABILITY", "CURRLIAB"),
    _account("2100", "Interest payable on deposits", "LIABILITY", "CURRLIAB"),
    _account("2200", "Withholding tax payable", "LIABILITY", "CURRLIAB"),
    _account("2300", "Unapplied repayments", "LIABILITY", "CURRLIAB"),
    _account("2400", "Loan insurance premiums payable", "LIABILITY", "CURRLIAB"),
    _account("3000", "Share capital", "EQUITY", "EQUITY"),
    _account("4000", "Interest income: personal loans", "INCOME", "REVENUE"),
    _account("4010", "Interest income: small business loans", "INCOME", "REVENUE"),
    _account("4020", "Interest income: overdrafts", "INCOME", "REVENUE"),
    _account("4100", "Fee income", "INCOME", "REVENUE"),
    _account("4110", "Penalty income", "INCOME", "REVENUE"),
    _account("4200", "Foreign exchange income", "INCOME", "REVENUE"),
    _account("5000", "Interest expense on deposits", "EXPENSE", "EXPENSE"),
    _account("5100", "Write-off expense", "EXPENSE", "EXPENSE"),
    _account("5110", "Loan loss provision expense", "EXPENSE", "EXPENSE"),
    _account("5200", "Payment scheme charges", "EXPENSE", "EXPENSE"),
    _account("5300", "Bank charges", "EXPENSE", "EXPENSE"),
    _account("5400", "Salaries", "EXPENSE", "EXPENSE"),
)

ACCOUNT_MAP: dict[str, str] = {row.gl_code: row.xero_code for row in CHART if row.gl_code != row.xero_code}

BRANCHES: tuple[tuple[str, str], ...] = (
    ("LDN", "London"),
    ("MAN", "Manchester"),
    ("EDI", "Edinburgh"),
)

ORGANISATION_NAME = "Harbour Lending Ltd"
CURRENCY = "GBP"
TIME_ZONE = "Europe/London"
