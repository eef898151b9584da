"""The commands payments and audit: what they print, what they write, and how they end."""

from __future__ import annotations

import csv
import json
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from blocks.errors import UsageError
from flows.main import main
from tests.helpers.odd_characters import odd
from tests.helpers.prefect_apart import in_memory
from tests.helpers.sandboxed import Sandboxed
from tests.helpers.trading import pay

# What a spreadsheet would take for a formula.
FORMULAS = ("=HYPERLINK(1)", "+44 20 7946 0000", "@SUM(A1)", "-2+3", "  =1+1", "\t=1+1", "\uff1d1+1")
# What would set a terminal's title, end the table's markup, and turn the line around.
POISON = "\x1b]0;owned\x07[/red]\u202eemca"
KEYS = [
    "since", "until", "connection", "status", "documents", "sent", "duplicate", "failed", "exception",
    "unknown", "discarded", "unsupported", "already_sent", "waiting", "before_start", "xero_calls",
    "xero_bytes_read",
    "ln_calls", "seconds", "flow_run_id", "message", "notes",
]  # fmt: skip


@dataclass
class Paid:
    """A sandbox folder over which the command payments has been run twice, and how that went."""

    folder: Path
    first: Result
    second: Result

    def audit(self, *arguments: str) -> Result:
        """Run the command audit in this process."""
        return CliRunner().invoke(main, ["audit", "--sandbox-dir", str(self.folder), *arguments])

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        """Return the rows that the command audit shows."""
        told = json.loads(self.audit("--json", *arguments).stdout)
        assert list(told) == ["connection", "rows"]
        return list(told["rows"])


@pytest.fixture(scope="module")
def paid(tmp_path_factory: pytest.TempPathFactory) -> Paid:
    """Pay suppliers of odd names beside the sandbox's own trade, and run the command twice."""
    folder = tmp_path_factory.mktemp("paying")
    with Sandboxed(folder) as sandbox:
        for name in (*FORMULAS, POISON):
            sandbox.control("xero/contact", {"name": name, "side": "purchase"})
            pay(sandbox, name, f"{name}-1", currency="GBP")
    with in_memory():
        return Paid(folder, run(folder), run(folder))


def run(folder: Path) -> Result:
    """Run the command payments in this process."""
    return CliRunner().invoke(main, ["payments", "--sandbox-dir", str(folder), "--json"])


def test_the_first_run_sends_and_the_second_finds_all_there(paid: Paid) -> None:
    """The first run sends documents, the second none; each prints one JSON object and nothing else."""
    one, two = json.loads(paid.first.stdout), json.loads(paid.second.stdout)

    assert list(one) == list(two) == KEYS
    assert one["sent"] > 0
    assert (two["sent"], two["duplicate"], two["waiting"]) == (0, 0, 0)
    assert (one["status"], two["status"]) == ("completed", "completed")
    assert one["connection"] == "sandbox"
    assert two["since"] == one["until"]
    total = sum(one[name] for name in KEYS[5:14])
    assert total == one["documents"] == len(paid.rows("--status", "discarded")) + len(paid.rows())
    assert paid.first.stderr == paid.second.stderr == ""


def test_a_run_exits_1_while_something_is_open(paid: Paid) -> None:
    """A run that leaves something refused or for review completes all the same, and exits 1."""
    for done in (paid.first, paid.second):
        told = json.loads(done.stdout)
        assert told["failed"] + told["exception"] > 0
        assert done.exit_code == 1


def test_audit_shows_every_row_in_json(paid: Paid) -> None:
    """With --json the rows come with their keys, the message as it was sent, and LN's words."""
    rows = paid.rows()

    assert len({row["key"] for row in rows}) == len(rows) > 100
    sent = next(row for row in rows if row["status"] == "sent")
    assert list(json.loads(sent["message"]))[:2] == ["DocumentType", "DocumentDate"]
    assert sent["sent_at"] >= sent["first_seen"]
    refused = next(row for row in rows if row["status"] == "failed")
    assert refused["http_status"] == 422
    assert refused["ln_message"] in refused["reason"]


def test_audit_of_one_status(paid: Paid) -> None:
    """With --status only those rows come; the exit code is 1 for what is open, and 0 for what is not."""
    assert {row["status"] for row in paid.rows("--status", "failed")} == {"failed"}
    assert {row["status"] for row in paid.rows("--status", "sent", "--status", "discarded")} == {
        "sent",
        "discarded",
    }
    assert "discarded" not in {row["status"] for row in paid.rows()}
    assert paid.audit("--status", "failed").exit_code == 1
    assert paid.audit("--status", "sent").exit_code == 0


def test_audit_since(paid: Paid) -> None:
    """With --since only rows come that have changed since."""
    last = max(row["changed_at"] for row in paid.rows())

    assert {row["changed_at"] for row in paid.rows("--since", last)} == {last}
    assert paid.rows("--since", "2999-01-01") == []


def test_no_cell_of_the_csv_can_start_a_formula(paid: Paid, tmp_path: Path) -> None:
    """Whatever a contact or an invoice is called, no cell of the CSV begins as a formula does."""
    file = tmp_path / "audit.csv"
    done = paid.audit("--csv", str(file))
    assert (done.exit_code, done.stdout) == (1, "")
    with file.open(encoding="utf-8-sig", newline="") as text:
        found = list(csv.DictReader(text))

    names = {row["contact_name"] for row in found}
    assert names >= {f"'{name}" for name in FORMULAS}
    cells = [cell for row in found for cell in row.values()]
    assert [
        cell for cell in cells if cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    ] == []
    assert len(found) == len(paid.rows())


def test_discard_and_undiscard(paid: Paid) -> None:
    """A person closes a row with a reason, which hides it, and reopens it; both are kept with their name."""
    key = paid.rows("--status", "failed")[0]["key"]

    done = paid.audit("discard", key, "--reason", "booked manually")

    assert done.exit_code == 0, done.output
    assert f"{key} is discarded. booked manually" in done.stdout
    assert key not in {row["key"] for row in paid.rows()}
    (row,) = [row for row in paid.rows("--status", "discarded") if row["key"] == key]
    assert row["discarded_by"]
    assert row["discarded_at"]

    done = paid.audit("undiscard", key)

    assert done.exit_code == 0, done.output
    assert f"{key} is failed." in done.stdout
    assert key in {row["key"] for row in paid.rows("--status", "failed")}


def test_discarding_needs_a_reason(paid: Paid) -> None:
    """Without --reason nothing is discarded, and that is wrong use."""
    key = paid.rows("--status", "failed")[0]["key"]

    done = paid.audit("discard", key)

    assert done.exit_code == 2
    assert "--reason" in done.stderr


@pytest.mark.parametrize("key", ["payment:no-such", "invoice:1", "payment", "payment:", ""])
def test_a_key_that_is_none_is_wrong_use(paid: Paid, key: str) -> None:
    """A key of no row, or of no kind, is wrong use, said in a sentence that repeats it."""
    for command in (("discard", key, "--reason", "r"), ("undiscard", key)):
        error = paid.audit(*command).exception
        assert isinstance(error, UsageError)
        assert error.exit_code == 2
        assert key in str(error)


def test_a_wrong_key_ends_the_command_with_one_line(
    paid: Paid, command: Callable[..., tuple[object, str, str]]
) -> None:
    """Whoever gives a wrong key gets exit code 2, one line on stderr, and nothing on stdout."""
    words = ["audit", "discard", "payment:no-such", "--reason", "r", "--sandbox-dir", str(paid.folder)]
    assert command(*words) == (2, "", "The audit table of the connection sandbox has no payment:no-such.\n")


def test_a_name_from_outside_is_text_in_the_terminal(paid: Paid) -> None:
    """A contact's name cannot steer the terminal or end the table, and JSON gives it back whole."""
    shown = paid.audit()

    assert odd(shown.output) <= {"\n"}
    assert "]0;owned\ufffd[/red]emca" in shown.output
    assert odd(paid.audit("--json").output) <= {"\n"}
    assert POISON in {row["contact_name"] for row in paid.rows()}


def test_the_csv_is_for_its_owner_alone(paid: Paid, tmp_path: Path) -> None:
    """Nobody else may read the CSV, also where the file was there before; no bank number is in it whole."""
    file = tmp_path / "audit.csv"
    file.touch(mode=0o666)
    file.chmod(0o666)

    paid.audit("--csv", str(file))

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    numbers = [
        json.loads(row["message"])["BankAccountNumber"]
        for row in paid.rows("--status", "sent")
        if row["message"]
    ]
    assert any(len(number) >= 8 for number in numbers)
    assert not [number for number in numbers if number and number in file.read_text(encoding="utf-8-sig")]


def test_audit_for_people(paid: Paid) -> None:
    """Without --json the rows come as a table, and a sentence counts those that are open."""
    done = paid.audit("--status", "failed")

    assert f"{len(paid.rows('--status', 'failed'))} rows" in done.stdout
    assert "open" in done.stdout
