"""Step 2, map: each GL account becomes an account of Xero's chart that a manual journal may use. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from flows.journals.process.errors import StepRefusal

LONGEST_ACCOUNT_CODE = 10
# Xero refuses manual journals on these types of account.
REFUSED_TYPES = frozenset({"BANK", "INVENTORY"})


class Account(NamedTuple):
    """An account of Xero's chart, as far as a journal cares."""

    code: str
    name: str
    status: str
    type: str
    system_account: str | None = None


def by_code(chart: Iterable[Account]) -> dict[str, Account]:
    """Return the accounts by code; where an archived one had the code before, the active one counts."""
    return {one.code: one for one in sorted(chart, key=lambda account: account.status == "ACTIVE")}


def map_accounts(
    lines: pa.Table,
    account_map: Mapping[str, str],
    chart: Iterable[Account],
    refused_system_accounts: Iterable[str],
) -> pa.Table:
    """Return the lines with an `account_code` in place of their `gl_code`.

    Raises StepRefusal naming each GL account without one.
    """
    accounts = by_code(chart)
    refused = frozenset(refused_system_accounts)
    used = sorted(lines["gl_code"].unique().to_pylist())
    codes = {gl_code: account_map.get(gl_code, gl_code) for gl_code in used}
    problems = {gl: _problem(code, accounts.get(code), refused) for gl, code in codes.items()}
    if any(problems.values()):
        counts = {item["values"]: item["counts"] for item in lines["gl_code"].value_counts().to_pylist()}
        offenders = [
            f"GL account {_shown(gl)} ({counts[gl]} line{'s' if counts[gl] > 1 else ''}): {problem}"
            for gl, problem in problems.items()
            if problem
        ]
        raise StepRefusal(
            "map",
            f"No usable account in Xero for {len(offenders)} GL account{'s' if len(offenders) > 1 else ''}",
            offenders,
            "Add or activate the accounts in Xero, or correct the connection's account map, then run the "
            "date again.",
        )
    keys = pa.array(list(codes), pa.string())
    values = pa.array(list(codes.values()), pa.string())
    accounts_of_lines = values.take(pc.index_in(lines["gl_code"], keys).combine_chunks())
    return lines.drop_columns(["gl_code"]).append_column("account_code", accounts_of_lines)


def _shown(code: str) -> str:
    """Return a code as it can be read, in quotes where it has blanks or signs that cannot be seen."""
    return code if code.isprintable() and code == " ".join(code.split()) else json.dumps(code)


def _problem(code: str, account: Account | None, refused: frozenset[str]) -> str | None:
    if len(code) > LONGEST_ACCOUNT_CODE:
        return (
            f"its code is longer than the {LONGEST_ACCOUNT_CODE} characters Xero allows; map it to a "
            "shorter one"
        )
    if account is None:
        return f"Xero has no account {_shown(code)}"
    if account.status != "ACTIVE":
        return f"account {code} ({account.name}) is {account.status.lower()} in Xero"
    if account.type in REFUSED_TYPES:
        return (
            f"account {code} ({account.name}) is a {account.type.lower()} account, which takes no "
            "manual journals"
        )
    if account.system_account in refused:
        return f"account {code} ({account.name}) is Xero's system account {account.system_account}"
    return None
