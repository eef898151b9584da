"""The pages of the documentation: their commands parse, and their tables and links name what there is."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import click
import cyclopts
import pytest
from prefect.blocks.core import Block
from prefect.cli._app import _app as prefect_commands

from blocks.__main__ import main as blocks_commands
from blocks.block import SystemCredentials
from blocks.connections.environment import VARIABLES
from blocks.connections.journals import JournalConnection
from blocks.connections.payments import PaymentConnection
from blocks.http.urls import documentation_url
from blocks.infor_ln.credentials import InforLNCredentials
from blocks.mambu.credentials import MambuCredentials
from blocks.store.audit_rows import Status
from blocks.store.block import DaybookStore
from blocks.store.models import JournalState
from blocks.xero.credentials import XeroCredentials
from flows.journals.report.summary import Summary
from flows.main import main as flows_commands
from flows.payments.report.summary import PaymentsSummary
from tests.golden import names
from tests.helpers.documents import (
    DOCS,
    DOCUMENTS,
    PAGES,
    Shown,
    all_commands,
    anchors,
    codes,
    rows_of,
    text_of,
)
from tests.helpers.prefect_server import ROOT
from tests.helpers.sandboxed import DATE

_COMMON = {"--connection", "--sandbox", "--sandbox-dir", "--json"}
_PARTS = {"mambu", "xero", "ln", "store"}
_OURS: dict[str, click.Command] = {"flows.main": flows_commands, "blocks": blocks_commands}
# How the pages word that a field has no default of its own, and what it is then.
_NONE = {"none", "any", "empty", "Mambu's own", "the first day of a nightly run"}
_OF_GITHUB = "https://github.com/daybook-connectors/daybook/blob/main/"
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def parsed(group: click.Command, arguments: list[str]) -> None:
    """Parse arguments down to the last command without running anything."""
    context = group.make_context("python", list(arguments), resilient_parsing=False)
    left = [*context._protected_args, *context.args]
    if isinstance(group, click.Group) and (left or not group.invoke_without_command):
        name, command, rest = group.resolve_command(context, left)
        assert command is not None, name
        parsed(command, rest)


@pytest.mark.parametrize("shown", all_commands(), ids=lambda shown: shown.command[:70])
def test_each_command_exists_with_its_options(shown: Shown) -> None:
    """Every command in a page, the README or CONTRIBUTING parses as it stands there; ours and Prefect's."""
    program, *arguments = shown.words
    if program == "prefect":
        # What stands before the command is of no command, and read before it.
        words = [word for word in arguments if word != "--no-prompt"]
        prefect_commands.parse_args(words, exit_on_error=False, print_error=False)
    elif program == "python":
        module, *options = arguments[1:]
        if module not in _OURS:
            # The tests do without what builds the site.
            extras = (ROOT / "pyproject.toml").read_text()
            assert find_spec(module) is not None or f'"{module}>=' in extras
        elif options != ["COMMAND"]:
            with suppress(click.MissingParameter):  # a sentence may leave out the NAME
                parsed(_OURS[module], options)


def test_a_wrong_option_does_not_parse() -> None:
    """The test above notices an option, and a command, that there is not."""
    with pytest.raises(click.NoSuchOption):
        parsed(flows_commands, shlex.split("withdraw --date 2026-11-20 --now"))
    for wrong in ("worker start --pol daybook", "work-pool begin daybook"):
        with pytest.raises(cyclopts.CycloptsError):
            prefect_commands.parse_args(wrong, exit_on_error=False, print_error=False)


def test_every_page_is_in_the_table_of_contents() -> None:
    """Each page of docs is listed by an index, so that the site leads to it."""
    listed = {
        (index.parent / f"{name}.md")
        for index in (DOCS / "index.md", DOCS / "reference" / "index.md")
        for tree in re.findall(r"```\{toctree\}\n(.*?)```", text_of(index), re.DOTALL)
        for name in tree.splitlines()
        if name and not name.startswith(":")
    }
    assert listed == {*PAGES} - {DOCS / "index.md"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    """Each link to a file of the project, or to a section of a page, leads to what is there."""
    broken = []
    for link in _LINK.findall(text_of(document)):
        path, _, anchor = link.removeprefix(_OF_GITHUB).partition("#")
        if path.startswith("http"):
            continue
        base = ROOT if link.startswith(_OF_GITHUB) else document.parent
        target = (base / path).resolve() if path else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize(
    "kind",
    [
        MambuCredentials,
        XeroCredentials,
        InforLNCredentials,
        DaybookStore,
        JournalConnection,
        PaymentConnection,
    ],
)
def test_a_block_leads_to_its_section(kind: type[Block]) -> None:
    """A block's documentation is a section that is there, of the page that has its fields or variables."""
    path, _, anchor = str(kind._documentation_url).removeprefix(str(documentation_url(""))).partition("#")
    assert anchor in anchors(DOCS / path)
    assert path == ("connect.md" if issubclass(kind, SystemCredentials) else "configuration.md")


def test_every_variable_that_is_read_is_in_a_page() -> None:
    """The tables of connect.md name each environment variable that `blocks save` reads, and no other."""
    cells = [cell for row in rows_of(DOCS / "connect.md", "variable") for cell in row]
    named = {code for row in rows_of(DOCS / "connect.md", "variable") for code in codes(row[0])}
    assert [name for name in VARIABLES if f"`{name}`" not in " ".join(cells)] == []
    assert sorted(named - {*VARIABLES, "XERO_"}) == []


@pytest.mark.parametrize(
    ("kind", "head"), [(JournalConnection, "field"), (PaymentConnection, "field of a `Payment Connection`")]
)
def test_every_field_of_a_connection_is_in_a_page(kind: type[Block], head: str) -> None:
    """The tables of the configuration have each field of a connection of each kind, with its default."""
    told: dict[str, str] = {}
    for fields, default, _ in rows_of(DOCS / "configuration.md", head):
        names = codes(fields)
        each = default.split(", ") if len(default.split(", ")) == len(names) else [default] * len(names)
        told |= dict(zip(names, each, strict=True))
    assert set(told) == set(kind.model_fields) - _PARTS
    wrong = {name: said for name, said in told.items() if said and said != _worded(kind, name, said)}
    assert wrong == {}


def _worded(kind: type[Block], name: str, said: str) -> str:
    """Return a field's default as a page words it: as it is `said`, where that is a word for none."""
    default = kind.model_fields[name].get_default(call_default_factory=True)
    if default is None or default == {}:
        return said if said in _NONE else "none"
    if isinstance(default, list):
        return ", ".join(default)
    return str(default).lower() if isinstance(default, bool) else str(default)


def test_fields_that_are_told_of_once_are_alike() -> None:
    """What a payment connection has "as for the journals" has the same default there."""
    (shared,) = [
        codes(row[0])
        for row in rows_of(DOCS / "configuration.md", "field of a `Payment Connection`")
        if not row[1]
    ]
    for name in shared:
        mine, theirs = PaymentConnection.model_fields[name], JournalConnection.model_fields[name]
        assert mine.default == theirs.default, name


def test_every_option_of_a_command_is_in_a_page() -> None:
    """The table of the commands has each command with each of its own options, and no other."""
    told = {}
    for name, options, _ in rows_of(DOCS / "commands.md", "command"):
        told[codes(name)[0]] = set(re.findall(r"--[\w-]+", options))
    assert told == {name: _options(command) for name, command in flows_commands.commands.items()}
    rest = text_of(DOCS / "commands.md")
    assert [name for name in (*_COMMON, *blocks_commands.commands) if name not in rest] == []
    audit = flows_commands.commands["audit"]
    assert isinstance(audit, click.Group)
    assert [name for name in audit.commands if not re.search(rf"`audit {name}\b", rest)] == []


def _options(command: click.Command) -> set[str]:
    own = {name for one in command.params for name in one.opts if name.startswith("--")}
    of_parts = (
        [_options(one) for one in command.commands.values()] if isinstance(command, click.Group) else []
    )
    return own.union(*of_parts) - _COMMON


def test_the_states_of_a_journal_are_in_a_page() -> None:
    """The table has each state a journal has in the store, and the stage that the code says sets it."""
    stages = dict(re.findall(r"^ *([A-Z]+) +(\w+):", JournalState.__doc__ or "", re.MULTILINE))
    told = [(row[0], row[1]) for row in rows_of(DOCS / "exactly-once.md", "state")]
    assert told == [(state.value, stages[state.name]) for state in JournalState]


def test_the_statuses_of_the_audit_table_are_in_a_page() -> None:
    """The table has each status that a row of the audit table can have."""
    told = [row[0] for row in rows_of(DOCS / "payments.md", "status")]
    assert sorted(told) == sorted(Status)


def test_the_deployments_are_in_a_page() -> None:
    """The table has each deployment of prefect.yaml, and no other."""
    there = set(names.deployments()) - {"pool"}
    told = [name for row in rows_of(DOCS / "deploy.md", "deployment") for name in codes(row[0])]
    assert sorted(told) == sorted(there)


def test_the_events_of_a_run_are_in_a_page() -> None:
    """The table has each event that the code can emit, and no other."""
    told = {name for row in rows_of(DOCS / "deploy.md", "event") for name in codes(row[0])}
    ended = Summary(DATE, "default", status="completed", journals_created=1, tied_out=False)
    counts = Counter({Status.EXCEPTION: 1})
    emitted = [*ended.events, *PaymentsSummary(None, "default", status="completed", counts=counts).events]
    emitted += [*Summary(DATE, "default").events, *PaymentsSummary(None, "default").events]
    assert told == {f"daybook.{name}" for name in emitted}


def _places(file: str) -> list[Path]:
    """Return where a test's file is, of the journals or of the payments."""
    folders = (ROOT / "tests" / "flows" / flow for flow in ("journals", "payments"))
    return [folder / file for folder in folders if (folder / file).exists()]


def test_every_check_has_its_test() -> None:
    """Each test that the tables of checks name is there, under that name."""
    named = [codes(row[2])[0] for page in PAGES for row in rows_of(page, "check")]
    assert len(named) >= 30
    missing = [
        f"{file}::{name}"
        for file, _, name in (one.partition("::") for one in named)
        if not any(f"def {name}(" in text_of(place) for place in _places(file))
    ]
    assert missing == []
