"""What commands say and leave behind, run against the sandbox: shapes, keys and codes, no texts."""

from __future__ import annotations

import contextlib
import io
import json
import re
import runpy
import sqlite3
import sys
import warnings
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

from prefect.client.orchestration import get_client
from prefect.client.schemas.sorting import ArtifactSort, FlowRunSort

from tests.golden.doors import marker_of
from tests.helpers.sandboxed import DATE, Sandboxed

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_HASH = re.compile(r"[0-9a-f]{12,}")
_NAME = "golden"
_CONTACT, _INVOICE = "ABC Customer ltd", "303-SI1-1234567890"


def run(*words: str, module: str = "flows.main") -> tuple[int, str]:
    """Run `python -m MODULE WORDS` in this process; return its exit code and what it printed on stdout."""
    out, code = io.StringIO(), 0
    with (
        patch.object(sys, "argv", [module, *words]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
    ):
        # It may have been imported already.
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=False)
        except SystemExit as ended:
            code = int(ended.code or 0)
    return code, out.getvalue()


def shape(value: Any) -> Any:
    """Return the keys and kinds of values in JSON; one shape for all that a list holds."""
    if isinstance(value, dict):
        return {_DATE.sub("DATE", name): shape(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_either([shape(one) for one in value])] if value else []
    return "null" if value is None else type(value).__name__


def _either(shapes: list[Any]) -> Any:
    if all(isinstance(one, dict) for one in shapes):
        names = sorted({name for one in shapes for name in one})
        return {name: _either([one.get(name, "absent") for one in shapes]) for name in names}
    told = {one if isinstance(one, str) else json.dumps(one) for one in shapes}
    return " or ".join(sorted(told))


class Session:
    """Commands run one after another against a sandbox, and how each of them ended."""

    def __init__(self, sandbox: Sandboxed) -> None:
        self.sandbox = sandbox
        self.told: dict[str, Any] = {}

    def run(self, what: str, *words: str) -> Any:
        """Run a command whose outcome is JSON, keep its exit code, status and shape, and return it."""
        code, out = run(*words, "--connection", _NAME, "--json")
        said = json.loads(out)
        kept = {"exit code": code, "json": shape(said)}
        if "status" in said:
            kept["status"] = said["status"]
        self.told[what] = kept
        return said

    def say(self, what: str, *words: str, module: str = "flows.main") -> None:
        """Run a command that speaks to people, and keep its exit code."""
        self.told[what] = {"exit code": run(*words, module=module)[0]}

    def tasks(self) -> list[str]:
        """Return the tasks in Mambu: each by its status, and by what the connector finds it by."""
        found = self.sandbox.control("mambu/tasks")
        # Its own tasks have a marker at the end of the title, and are laid out like this.
        return sorted(
            f"{one['status']} {marker_of(one['title'])} {one['description'].splitlines()[0]!r}"
            for one in found
        )


def session(sandbox: Sandboxed, folder: Path, setenv: Callable[[str, str], None]) -> dict[str, Any]:
    """Return what commands say and leave behind, of both connectors, from the first run on."""
    for name, value in sandbox.process.env.items():
        setenv(name, value)
    store = folder / "golden.sqlite3"
    setenv("DAYBOOK_STORE_URL", f"sqlite:///{store}")
    commands = Session(sandbox)
    commands.say("register", "register", module="blocks")
    commands.say("save", "save", _NAME, module="blocks")
    commands.say("upgrade", "upgrade", _NAME, module="blocks")
    writes = _journals(commands)
    tasks = _failures(commands)
    _payments(commands, folder)
    _wrong_use(commands)
    automations = _automations(commands)
    return {
        "commands": commands.told,
        "writes to Xero": writes,
        "tasks": tasks,
        "tables": _tables(store),
        "Prefect": {**_in_prefect(), "automations": automations},
        "places": {"variables": sorted(sandbox.process.env), "home": _files(folder / "home")},
    }


def _journals(commands: Session) -> list[str]:
    sandbox, day = commands.sandbox, ("--date", str(DATE))
    commands.run("journals, dry run", "journals", *day, "--dry-run")
    commands.run("journals", "journals", *day)
    commands.run("journals, again", "journals", *day)
    commands.run("incidents, none", "incidents")
    draft = sandbox.xero_journals()[0]
    sandbox.control("xero/edit", {"journal_id": draft["ManualJournalID"], "lines": _doubled(draft)})
    commands.run("journals, a draft was edited", "journals", *day)
    commands.run("withdraw, unconfirmed", "withdraw", *day)
    commands.run("withdraw, one is refused", "withdraw", *day, "--yes")
    commands.run("withdraw, all", "withdraw", *day, "--yes", "--include-edited")
    # Two are under way at a time. Those of withdrawals name journals by ids that are Xero's.
    return sorted(
        f"{one['method']} {one['path']}?{one['query']} {one['idempotency_key']} {one['body_sha256']}"
        for one in sandbox.requests("xero", "PUT")
    )


def _doubled(journal: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the lines of a journal as a person would enter them, with other amounts."""
    fields = ("AccountCode", "Description", "TaxType")
    return [
        {**{name: one[name] for name in fields}, "LineAmount": float(Decimal(one["LineAmount"]) * 2)}
        for one in journal["JournalLines"]
    ]


def _failures(commands: Session) -> dict[str, list[str]]:
    sandbox, day = commands.sandbox, ("--date", str(DATE))
    sandbox.fault({"system": "xero", "method": "PUT", "kind": "status", "status": 403, "times": 0})
    commands.run("journals, send fails", "journals", *day)
    once = commands.tasks()
    commands.run("journals, send fails again", "journals", *day)
    twice = commands.tasks()
    commands.run("incidents, one is open", "incidents", "--open")
    sandbox.http.delete("/control/faults")
    commands.run("journals, after a failure", "journals", *day)
    commands.run("incidents, one is resolved", "incidents")
    return {"after a failure": once, "after two": twice, "after a success": commands.tasks()}


def _payments(commands: Session, folder: Path) -> None:
    control, of = commands.sandbox.control, ("--connection", _NAME)
    control("xero/options", {"payments_per_day": 0})
    money = {"amount": "1.00", "currency": "EUR"}
    control("xero/pay", {"contact": _CONTACT, "invoice_number": _INVOICE, **money})
    commands.run("payments, dry run", "payments", "--dry-run")
    commands.run("payments, from a store that may be new", "payments")
    commands.say("audit begin", "audit", "begin", *of)
    commands.run("payments", "payments")
    commands.run("audit, nothing is open", "audit")
    prepaid = control("xero/prepay", {"contact": _CONTACT, **money})["PrepaymentID"]
    control("xero/allocate", {"prepayment_id": prepaid, "invoice_number": _INVOICE, "amount": "1.00"})
    control("xero/pay", {"contact": "Walk-in Customer", "invoice_number": _INVOICE, **money})
    commands.run("payments, an exception", "payments")
    rows = commands.run("audit, one is open", "audit")["rows"]
    key = next(row["key"] for row in rows if row["status"] == "exception")
    commands.say("audit discard", "audit", "discard", key, "--reason", "Paid by hand", *of)
    commands.run("audit, discarded", "audit", "--status", "discarded")
    commands.say("audit undiscard", "audit", "undiscard", key, *of)
    commands.say("audit export", "audit", "export", str(folder / "decisions"), *of)
    commands.say("audit import", "audit", "import", str(folder / "decisions"), *of)
    commands.say("audit --csv", "audit", "--csv", str(folder / "audit.csv"), *of)
    header = (folder / "audit.csv").read_text(encoding="utf-8-sig").splitlines()[0]
    commands.told["audit --csv"]["columns"] = header.split(",")
    commands.run("payments, of a date", "payments", "--date", str(DATE))


def _wrong_use(commands: Session) -> None:
    for words in (
        ("journals", "--date", "yesterday"),
        ("journals", "--date", "1999-12-31"),
        ("journals", "--date", "2999-01-01"),
        ("journals", "--start-from", "send", "--date", str(DATE)),
        ("payments", "--since", "1999-12-31"),
        ("withdraw",),
    ):
        commands.run(" ".join(words), *words)
    commands.say("journals without a connection", "journals", "--connection", "nobody-s")
    commands.say("audit discard of nothing", "audit", "discard", "payment:1", "--reason", "None")
    commands.say("no such command", "nothing")
    commands.say("save under no name", "save", "No Name", module="blocks")


def _automations(commands: Session) -> list[tuple[str, str]]:
    commands.say("automations without a deployment", "automations")
    with get_client(sync_client=True) as client:
        deployment = client.create_deployment(client.create_flow_from_name("watch"), "after-trouble")
        commands.say("automations", "automations")
        # Brought up to date by their names: there are no more of them than before.
        commands.say("automations, again", "automations")
        found = client.read_automations()
        # Tests of others may come after.
        for one in found:
            client.delete_automation(one.id)
        client.delete_deployment(deployment)
    return sorted((one.name, _trigger(one.trigger)) for one in found)


def _files(home: Path) -> list[str]:
    """Return what files are in a home folder, by their names."""
    names = {str(file.relative_to(home)) for file in home.rglob("*") if file.is_file()}
    return sorted({_HASH.sub("HASH", _DATE.sub("DATE", name)) for name in names})


def _tables(store: Path) -> dict[str, str]:
    """Return how the tables of a store were made, blanks aside."""
    with contextlib.closing(sqlite3.connect(store)) as connection:
        made = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        version = connection.execute("SELECT schema_version FROM daybook").fetchall()
    return {**{name: " ".join(sql.split()) for name, sql in made}, "version": repr(version)}


def _in_prefect() -> dict[str, Any]:
    """Return what runs and saved connections are called in Prefect."""
    with get_client(sync_client=True) as client:
        # Tests of others may have been there before.
        left = client.read_artifacts(sort=ArtifactSort.CREATED_DESC, limit=200)
        artifacts = {
            f"{_DATE.sub('DATE', one.key)} ({one.type})" for one in left if one.key and _NAME in one.key
        }
        runs = client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=60)
        flows = {
            client.read_flow(run.flow_id).name for run in runs if run.parameters.get("connection") == _NAME
        }
        documents = client.read_block_documents(limit=200)
    saved = {
        f"{one.block_type.slug} {one.name}": sorted(one.block_schema.fields["properties"])
        for one in documents
        if one.block_type and one.block_schema and (one.name or "").startswith(_NAME)
    }
    return {"artifacts": sorted(artifacts), "flows": sorted(flows), "blocks": saved}


def _trigger(trigger: Any) -> str:
    """Return upon which events of which flows an automation acts."""
    told = trigger.model_dump(mode="json", include={"after", "expect", "match_related", "posture", "within"})
    return json.dumps({name: sorted(one) if isinstance(one, list) else one for name, one in told.items()})
