"""What is wrong with the input of a run is said once, clearly, and nothing is sent."""

from __future__ import annotations

import datetime as dt
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from blocks.connections import lookup
from blocks.connections.journals import JournalConnection
from blocks.errors import (
    CallFailed,
    DaybookError,
    NotAllowed,
    Refusal,
    StoreError,
    Unavailable,
    Unreachable,
    UsageError,
)
from blocks.sandbox.mambu.app import API_KEYS, ASSIGNED_USER_KEY
from flows.journals.flow import journals, look_back
from flows.journals.report.summary import Summary
from flows.runtime import artifacts as reports
from tests.helpers.sandboxed import DATE, Outcome, Sandboxed, line


def stopped(outcome: Outcome, sandbox: Sandboxed, kind: type[DaybookError], *words: str) -> None:
    """Require that a run failed with an error of a kind whose message has these words, and sent nothing."""
    outcome.failed(*words)
    assert isinstance(outcome.error, kind), repr(outcome.error)
    assert "Traceback" not in outcome.message
    assert outcome.summary.message == outcome.message
    assert sandbox.xero_journals() == []


SYSTEMS = {"mambu", "xero"}
IN_LONDON = {"time_zone": "Europe/London", "currency": "GBP"}


def changed(connection: JournalConnection, system: str, **values: Any) -> JournalConnection:
    """Return a connection with some fields of one of its systems changed."""
    block = getattr(connection, system).model_copy(update=values)
    return connection.model_copy(update={system: block})


async def test_an_unfinished_day_is_refused(sandbox: Sandboxed) -> None:
    """Today is refused, with the time from which it can be run."""
    today = dt.datetime.now(dt.UTC).date()
    outcome = await sandbox.run(today)
    stopped(outcome, sandbox, Refusal, "is not over yet in Europe/London", "Run it after")
    assert outcome.error is not None
    assert outcome.error.exit_code == 1


async def test_a_future_day_is_refused(sandbox: Sandboxed) -> None:
    """A day in the future is refused."""
    stopped(await sandbox.run(dt.date(2999, 1, 1)), sandbox, Refusal, "2999-01-01 is not over yet")


@pytest.mark.parametrize("date", [dt.date.min, dt.date(1999, 12, 31), dt.date(3000, 1, 1), dt.date.max])
@pytest.mark.parametrize("looking_back", [False, True])
async def test_a_date_beyond_all_books_is_refused_and_leaves_nothing(
    sandbox: Sandboxed, date: dt.date, looking_back: bool
) -> None:
    """A date that cannot be asked for is wrong use: nobody is asked or told, and no record is made."""
    outcome = Outcome[Summary]()
    known = {"default": sandbox.connection(assigned_user_key=ASSIGNED_USER_KEY)}
    with lookup.provided(known), reports.observed_by(outcome):
        run = look_back if looking_back else journals
        outcome.state = await run(date, "default", return_state=True)
    stopped(outcome, sandbox, UsageError, f"date {date}", "between 2000-01-01 and 2999-12-31")
    assert outcome.error is not None
    assert outcome.error.exit_code == 2
    for asked in (("mambu", "GET"), ("mambu", "POST"), ("xero", "GET")):
        assert sandbox.requests(*asked) == []
    async with sandbox.connection().store.open() as store:
        assert await store.incidents.all("default") == []
        assert await store.runs.first_day("default") is None


async def test_lines_booked_on_the_last_of_all_dates_arrive(sandbox: Sandboxed) -> None:
    """Lines booked on 9999-12-31 are a journal of that date, which a second run finds there."""
    booked = "9999-12-31T00:00:00+00:00"
    sandbox.plant([line(1, "5.00", booked=booked), line(2, "5.00", "CREDIT", booked=booked)])
    first, second = await sandbox.run(), await sandbox.run()
    assert (first.state.is_completed(), second.state.is_completed()) == (True, True), first.message
    (journal,) = sandbox.xero_journals()
    assert "booking date 9999-12-31" in journal["Narration"]
    assert "tie out" in second.message


async def test_lines_booked_on_no_date_are_named(sandbox: Sandboxed) -> None:
    """Lines booked before the first of all dates in Mambu's zone are named, and none is sent."""
    booked = "0001-01-01T00:00:00+14:00"
    sandbox.plant([line(7, "5.00", booked=booked), line(8, "5.00", "CREDIT", booked=booked)])
    stopped(
        await sandbox.run(), sandbox, Refusal, "EntryID 7", "EntryID 8", "bookingDate is outside the years"
    )


async def test_a_damaged_record_stops_a_run_until_it_is_mended(sandbox: Sandboxed, home: Path) -> None:
    """A row of the record that cannot be read stops a run by name; once mended, nothing goes out twice."""
    sandbox.plant([line(1, "5.00"), line(2, "5.00", "CREDIT")])
    first = await sandbox.run()
    in_xero = sandbox.xero_journals()

    def set_state(state: str) -> None:
        with closing(sqlite3.connect(home / "daybook.sqlite3")) as database:
            database.execute("UPDATE journals SET state = ?", (state,))
            database.commit()

    set_state("nearly")
    damaged = await sandbox.run()
    assert isinstance(damaged.error, StoreError), damaged.message
    assert "of its table journals cannot be read" in damaged.message
    assert f"creation date: {DATE} | booking date {DATE} | 1, 0" in damaged.message
    set_state("confirmed")
    mended = await sandbox.run()
    assert (first.state.is_completed(), mended.state.is_completed()) == (True, True), mended.message
    assert sandbox.xero_journals() == in_xero


async def test_an_emptied_record_is_not_begun_anew_in_silence(sandbox: Sandboxed, home: Path) -> None:
    """Where the record was emptied a run stops and says what to do; that done, nothing goes out twice."""
    sandbox.plant([line(1, "5.00"), line(2, "5.00", "CREDIT")])
    await sandbox.run()
    in_xero, file = sandbox.xero_journals(), home / "daybook.sqlite3"
    os.truncate(file, 0)

    emptied = await sandbox.run()

    assert isinstance(emptied.error, StoreError), emptied.message
    assert f"The file {file} is there, and there is no store in it any more." in emptied.message
    assert "move it away" in emptied.message
    file.rename(home / "away")
    (await sandbox.run()).completed()
    assert sandbox.xero_journals() == in_xero


async def test_an_unknown_connection_is_named_with_the_remedy(sandbox: Sandboxed) -> None:
    """A connection that nobody saved is named, with the command that saves it, and counts as wrong use."""
    from flows.journals.flow import journals
    from flows.runtime import artifacts as reports

    outcome = Outcome()
    with reports.observed_by(outcome):
        outcome.state = await journals(DATE, connection="no-such", return_state=True)
    stopped(outcome, sandbox, UsageError, "'no-such'", "python -m blocks save no-such", "--sandbox")
    assert outcome.error is not None
    assert outcome.error.exit_code == 2


WRONG: list[tuple[dict[str, Any], type[DaybookError], tuple[str, ...]]] = [
    (
        {"mambu": {"api_key": SecretStr("00000000-0000-4000-8000-000000000000")}},
        NotAllowed,
        ("Mambu", "401", "Mambu block"),
    ),
    (
        {"mambu": {"api_key": SecretStr(API_KEYS["task_creator"])}, **IN_LONDON},
        NotAllowed,
        ("403", "VIEW_JOURNAL_ENTRIES"),
    ),
    ({"xero": {"client_secret": SecretStr("wrong")}}, NotAllowed, ("invalid_client", "client id and secret")),
    ({"xero": {"scopes": "accounting.settings.read"}}, NotAllowed, ("accounting.manualjournals",)),
    (
        {"xero": {"tenant_id": "11111111-1111-4111-8111-111111111111"}},
        NotAllowed,
        ("wrong organisation", "tenant id"),
    ),
    ({"time_zone": "Asia/Tokyo"}, UsageError, ("Europe/London", "Asia/Tokyo")),
]


@pytest.mark.parametrize(("wrong", "kind", "words"), WRONG, ids=[" ".join(words) for _, _, words in WRONG])
async def test_a_wrong_connection_stops_the_run(
    sandbox: Sandboxed, wrong: dict[str, Any], kind: type[DaybookError], words: tuple[str, ...]
) -> None:
    """A key, right, secret, scope, tenant or zone that is not as it must be is told with what to check."""
    connection = sandbox.connection(**{name: one for name, one in wrong.items() if name not in SYSTEMS})
    for system in SYSTEMS & wrong.keys():
        connection = changed(connection, system, **wrong[system])
    outcome = await sandbox.run(connection=connection)
    stopped(outcome, sandbox, kind, *words)
    assert outcome.error is not None
    assert outcome.error.exit_code == 2


async def test_an_organisation_of_another_name_is_refused(sandbox: Sandboxed) -> None:
    """Where the connection names an organisation, credentials that lead to another one stop the run."""
    outcome = await sandbox.run(connection=sandbox.connection(organisation="Another Ltd"))
    stopped(outcome, sandbox, UsageError, "wrong organisation", "Another Ltd", "Harbour Lending Ltd")


async def test_a_user_without_admin_rights_runs_by_the_configured_zone(sandbox: Sandboxed) -> None:
    """Where Mambu's settings may not be read, the connection's serve; without them the run says so."""
    sandbox.control("mambu/options", {"organization_forbidden": True})
    stopped(await sandbox.run(), sandbox, UsageError, "time zone must be in the connection")
    with_both = sandbox.connection(**IN_LONDON)
    assert (await sandbox.run(connection=with_both)).state.is_completed()


@pytest.mark.parametrize("system", ["mambu", "xero"])
async def test_an_unreachable_host_is_named(sandbox: Sandboxed, system: str) -> None:
    """A host that does not answer is named, with what to check."""
    connection = sandbox.connection(retries=0)
    outcome = await sandbox.run(connection=changed(connection, system, base_url="http://127.0.0.1:9/api"))
    stopped(outcome, sandbox, Unreachable, "no connection to 127.0.0.1", "base URL")
    assert outcome.error is not None
    assert outcome.error.exit_code == 1


@pytest.mark.parametrize("kind", ["html", "truncate"])
@pytest.mark.parametrize("system", ["mambu", "xero"])
async def test_what_is_no_answer_of_the_system_is_said_to_be_none(
    sandbox: Sandboxed, system: str, kind: str
) -> None:
    """An HTML page or cut JSON under status 200 ends the run with one message, after the retries."""
    path = "gljournalentries" if system == "mambu" else "Accounts"
    sandbox.fault({"system": system, "path": path, "kind": kind, "times": 0})
    stopped(await sandbox.run(connection=sandbox.connection(retries=1)), sandbox, Unavailable, "base URL")


async def test_an_unmapped_account_is_named_with_all_others(sandbox: Sandboxed) -> None:
    """Every GL account without a usable Xero account is named at once, and nothing is sent."""
    codes = ["9999", "090", "610", "LONG-GL-CODE-OF-20"]
    lines = [line(number, 1, gl_code=code) for number, code in enumerate(codes, start=1)]
    sandbox.plant([*lines, line(9, len(codes), "CREDIT")])
    outcome = await sandbox.run()
    stopped(outcome, sandbox, Refusal, "failed while matching accounts", "This run sent nothing", *codes)


async def test_an_unbalanced_booking_date_names_its_transaction(sandbox: Sandboxed) -> None:
    """Lines that do not balance stop the run at the step balance, with the transaction and the difference."""
    sandbox.plant([line(1, 5, transaction="T-odd"), line(2, 4, "CREDIT", transaction="T-odd")])
    outcome = await sandbox.run()
    stopped(outcome, sandbox, Refusal, "failed while balancing the transactions", "T-odd", "1.00", str(DATE))


async def malformed(sandbox: Sandboxed, *words: str) -> None:
    """Require that a run stops at lines that it names, and that the first line is none of them."""
    outcome = await sandbox.run()
    stopped(outcome, sandbox, Refusal, "failed while checking the lines", *words)
    assert "EntryID 1 " not in outcome.message


async def test_malformed_lines_are_all_named(sandbox: Sandboxed) -> None:
    """Every malformed line is named at once, by its entry id, and nothing is sent."""
    good = [line(1, 5), line(2, 5, "CREDIT")]
    odd = [
        {**line(3, 5), "amount": "five"},
        {**line(4, 5), "bookingDate": "yesterday"},
        {**line(5, 5), "type": "BOTH"},
        {**line(6, 5), "glAccount": None},
        line(7, -5),
    ]
    sandbox.plant([*good, *odd])
    await malformed(sandbox, *(f"EntryID {number}" for number in range(3, 8)))


def raw(*lines: dict[str, Any] | str) -> str:
    """Return lines as one JSON array, some of them word for word."""
    return "[" + ",".join(one if isinstance(one, str) else json.dumps(one) for one in lines) + "]"


def reworded(entry: int, old: str, new: str) -> str:
    """Return a debit as it is written, with one text in it replaced."""
    text = json.dumps(line(entry, 5), separators=(",", ":"))
    assert old in text
    return text.replace(old, new, 1)


async def test_what_json_leaves_open_is_refused_by_line(sandbox: Sandboxed) -> None:
    """Keys twice, half characters and amounts in other writing are named by line, and nothing is sent."""
    odd = [
        reworded(3, '"amount":5', '"amount":5,"amount":6'),
        reworded(4, '"glCode":"1010"', '"glCode":"1100","glCode":"1010"'),
        reworded(5, '"T1"', '"T\\ud800"'),
        reworded(6, '"amount":5', '"amount":"1_000"'),
        reworded(7, '"amount":5', '"amount":"\u0665"'),
        reworded(8, '"amount":5', '"amount":" 5 "'),
        reworded(9, '"bookingDate"', '"bookingDate":"2026-11-18T00:00:00+00:00","bookingDate"'),
    ]
    sandbox.plant(raw(line(1, 5), line(2, 5, "CREDIT"), *odd))
    await malformed(sandbox, "7 journal lines", *(f"EntryID {n} " for n in range(3, 10)))


async def test_what_nobody_reads_may_be_odd(sandbox: Sandboxed) -> None:
    """Half a character in a note, long fractions of a second and two blanks in an id do not stop a day."""
    note = reworded(1, '"encodedKey"', '"notes":"\\ud800","notes":"","encodedKey"').replace('"T1"', '"T  1"')
    late = {"created": f"{DATE}T23:59:59.999999999+00:00", "booked": f"{DATE}T23:59:59.9999999+00:00"}
    sandbox.plant(raw(note, line(2, 5, "CREDIT", transaction="T  1", **late)))
    (await sandbox.run()).completed()
    (journal,) = sandbox.xero_journals()
    assert f"booking date {DATE}" in journal["Narration"]
    assert {one["Description"] for one in journal["JournalLines"]} == {
        f"EntryID: {entry}, TransactionID: T  1" for entry in (1, 2)
    }


async def test_a_code_with_a_blank_is_shown_in_quotes(sandbox: Sandboxed) -> None:
    """A GL code that ends in a blank is refused in quotes, so that the blank can be seen."""
    sandbox.plant([line(1, 5, gl_code="1010 "), line(2, 5, "CREDIT")])
    outcome = await sandbox.run()
    stopped(outcome, sandbox, Refusal, "failed while matching accounts", 'GL account "1010 " (1 line)')


async def test_a_count_that_mambu_does_not_keep_stops_the_run(sandbox: Sandboxed) -> None:
    """Where Mambu keeps giving fewer or more lines than it states, nothing is sent."""
    sandbox.control("mambu/options", {"live_lines": 2, "live_date": str(DATE)})
    (await sandbox.run()).failed("Mambu reports")
    assert sandbox.xero_journals() == []


async def test_an_answer_without_a_cursor_is_not_taken_for_the_end(sandbox: Sandboxed) -> None:
    """A page without the cursor's header ends the run: what follows it would be lost in silence."""
    sandbox.control("mambu/options", {"cursor_end": "omit-header"})
    stopped(await sandbox.run(), sandbox, CallFailed, "cursor")


@pytest.mark.parametrize(
    "options",
    [
        {"cursor_end": "extra-page"},
        {"unstable_order": True},
        {"bound_shift_seconds": 1},
        {"bound_shift_seconds": -1},
        {"cursor_totals": False},
    ],
)
async def test_what_mambu_leaves_open_changes_nothing(sandbox: Sandboxed, options: dict[str, Any]) -> None:
    """However Mambu ends its pages, orders them or counts its bounds, the same day arrives."""
    usual = await sandbox.run(dry_run=True)
    sandbox.control("mambu/options", options)
    unusual = await sandbox.run(dry_run=True, refresh=True)
    assert [row[:5] for row in unusual.summary.batches] == [row[:5] for row in usual.summary.batches]
    unusual.completed()
