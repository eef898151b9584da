"""Step 2: GL accounts to accounts of Xero's chart."""

from __future__ import annotations

import pytest

from flows.journals.process.errors import StepRefusal
from flows.journals.process.map import Account, by_code, map_accounts
from flows.journals.process.validate import validate
from tests.helpers.journals import CASH, CHART, DAY, LOANS, line, posting, staged


def mapped(accounts: list[str], account_map: dict[str, str], chart: list[Account]) -> list[str]:
    """Return the Xero accounts of lines on GL accounts."""
    lines = staged([line(entry, "1", account) for entry, account in enumerate(accounts, start=1)])
    valid = validate(lines, DAY.zone, 2).lines
    codes: list[str] = map_accounts(valid, account_map, chart, ["DEBTORS"])["account_code"].to_pylist()
    return codes


def test_a_code_of_the_chart_stays() -> None:
    """A GL code that the account map does not mention is Xero's code."""
    assert mapped([LOANS, CASH, LOANS], {}, CHART) == [LOANS, CASH, LOANS]


def test_the_account_map_decides() -> None:
    """A GL code in the account map becomes the code it names, also where two become one."""
    chart = [Account("610", "Fees", "ACTIVE", "REVENUE")]
    assert mapped(["4100", "GL-4200-LONG-CODE"], {"4100": "610", "GL-4200-LONG-CODE": "610"}, chart) == [
        "610",
        "610",
    ]


@pytest.mark.parametrize(
    ("account", "problem"),
    [
        (Account("200", "Sales", "ARCHIVED", "REVENUE"), "is archived in Xero"),
        (Account("200", "Current", "ACTIVE", "BANK"), "which takes no manual journals"),
        (Account("200", "Stock", "ACTIVE", "INVENTORY"), "which takes no manual journals"),
        (Account("200", "Owed", "ACTIVE", "CURRENT", "DEBTORS"), "Xero's system account DEBTORS"),
        (Account("201", "Other", "ACTIVE", "REVENUE"), "Xero has no account 200"),
    ],
)
def test_an_unusable_account_is_named(account: Account, problem: str) -> None:
    """An account that a manual journal may not use is refused, with the reason and how many lines use it."""
    with pytest.raises(StepRefusal) as caught:
        mapped(["200", "200"], {}, [account])
    (offender,) = caught.value.offenders
    assert offender.startswith("GL account 200 (2 lines): ")
    assert problem in offender


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("200 ", '"200 "'),
        (" 200", '" 200"'),
        ("200\t", '"200\\t"'),
        ("2  00", '"2  00"'),
        ("200\u00a0", '"200\\u00a0"'),
        ("2\u200b00", '"2\\u200b00"'),
        ("PETTY CASH", "PETTY CASH"),
        ("4000", "4000"),
    ],
)
def test_blanks_that_cannot_be_seen_are_shown(code: str, shown: str) -> None:
    """A code with blanks at an end, or with signs that cannot be seen, stands in quotes; others do not."""
    with pytest.raises(StepRefusal) as caught:
        mapped([code], {}, [Account("200", "Sales", "ACTIVE", "REVENUE")])
    (offender,) = caught.value.offenders
    assert offender == f"GL account {shown} (1 line): Xero has no account {shown}"


def test_a_system_account_that_is_not_refused_is_usable() -> None:
    """A system account is used unless the connection refuses it."""
    assert mapped(["800"], {}, [Account("800", "Rounding", "ACTIVE", "EXPENSE", "ROUNDING")]) == ["800"]


def test_all_unusable_accounts_are_named_at_once() -> None:
    """Every GL account without a usable Xero account is in one refusal, and no other."""
    with pytest.raises(StepRefusal) as caught:
        mapped(["9001", CASH, "9002", "98765432101"], {}, CHART)
    assert [text.split()[2] for text in caught.value.offenders] == ["9001", "9002", "98765432101"]


def test_no_lines_pass() -> None:
    """A day without lines needs no account."""
    assert mapped([], {}, []) == []


def test_the_lines_are_the_same() -> None:
    """Mapping puts a column in the place of the GL accounts and leaves all others as they were."""
    valid = validate(staged(posting(1, "1", "-1")), DAY.zone, 2).lines
    mapped = map_accounts(valid, {}, CHART, ())
    assert mapped.drop_columns(["account_code"]).equals(valid.drop_columns(["gl_code"]))


@pytest.mark.parametrize("turn", [1, -1])
def test_of_two_accounts_with_one_code_the_active_one_counts(turn: int) -> None:
    """A code that an archived account had before is the active account's, in whatever order they come."""
    chart = [
        Account(CASH, "New cash", "ACTIVE", "CURRENT"),
        Account(CASH, "Old cash", "ARCHIVED", "CURRENT"),
        Account(CASH, "Older cash", "DELETED", "BANK", "DEBTORS"),
    ][::turn]
    assert mapped([CASH], {}, chart) == [CASH]
    assert by_code(chart)[CASH].name == "New cash"
