"""A store that may be new or restored from an older copy sends nothing before a person has confirmed it."""

from __future__ import annotations

import datetime as dt
import shutil
import stat
from pathlib import Path
from typing import Any

from blocks.store.audit_rows import Status
from flows.payments.errors import NotConfirmed
from tests.flows.payments.conftest import Audit
from tests.helpers.payments_on_record import collected_until, incidents
from tests.helpers.sandboxed import Outcome, Sandboxed, forget
from tests.helpers.trading import LN_CALL, bare, of_ln, pay, prepay, statuses


def refused(outcome: Outcome, *words: str) -> None:
    """Require that a run sent nothing further, and says what to do: exit code 2."""
    outcome.failed()
    assert isinstance(outcome.error, NotConfirmed), outcome.message
    assert outcome.error.exit_code == 2
    for word in (*words, "python -m flows.main audit begin", "python -m flows.main audit import FILE"):
        assert word in outcome.message


async def booked_manually(sandbox: Sandboxed, audit: Audit, **run: Any) -> str:
    """Leave a payment that LN refused, and that a person booked there manually and discarded."""
    key = pay(sandbox)
    sandbox.fault({**LN_CALL, "kind": "422"})
    await sandbox.pay_run(**run)
    assert (await audit("discard", key, "--reason", "booked manually")).exit_code == 0
    return key


async def test_a_new_store_of_a_connection_that_began_long_ago(quiet: Sandboxed, audit: Audit) -> None:
    """Without a window, and with a start days back, nothing is posted until a person confirms that."""
    payment = pay(quiet)

    for _ in range(2):
        refused(await quiet.pay_run(confirmed=False), "The last window it knows: none")

    assert quiet.requests("ln", "POST") == []
    assert await collected_until(quiet) is None
    (incident,) = await incidents(quiet)
    assert "audit begin" in incident.error

    told = await audit("begin")
    assert told.exit_code == 0, told.output
    (await quiet.pay_run(confirmed=False)).completed()
    assert await statuses(quiet) == {payment: "sent"}
    assert await incidents(quiet) == []


async def test_a_connection_that_has_just_begun_needs_no_confirmation(quiet: Sandboxed) -> None:
    """A connection whose start lies less than a day back sends from a new store at once."""
    payment = pay(quiet)
    start = dt.datetime.now(dt.UTC) - dt.timedelta(hours=23)

    (await quiet.pay_run(connection=quiet.payment_connection(start=start), confirmed=False)).completed()
    assert await statuses(quiet) == {payment: "sent"}


async def test_who_asks_for_days_long_past_begins_there(quiet: Sandboxed) -> None:
    """Without a start, a window from days back in a new store is confirmed first, too; a dry run is not."""
    pay(quiet)
    connection = quiet.payment_connection(start=None)
    since = dt.datetime.now(dt.UTC) - dt.timedelta(days=2)

    refused(await quiet.pay_run(connection=connection, since=since, confirmed=False))
    dry = (await quiet.pay_run(connection=connection, since=since, confirmed=False, dry_run=True)).completed()
    assert "may be new" in " ".join(dry.summary.notes)
    assert quiet.requests("ln", "POST") == []


async def test_a_lost_store_does_not_book_again_what_a_person_booked(
    quiet: Sandboxed, home: Path, audit: Audit, tmp_path: Path
) -> None:
    """After a loss of the store nothing is posted; with the exported decisions what was closed stays so."""
    sent = pay(quiet)
    await quiet.pay_run()
    manual = await booked_manually(quiet, audit)
    file = tmp_path / "decisions.json"
    exported = await audit("export", str(file))
    assert exported.exit_code == 0, exported.output
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    forget(home)
    quiet.http.delete("/control/requests")

    refused(await quiet.pay_run(confirmed=False), "The last window it knows: none")
    assert quiet.requests("ln", "POST") == []

    assert "1 document" in (await audit("import", str(file))).output
    assert (await audit("begin")).exit_code == 0
    (await quiet.pay_run(confirmed=False)).completed()
    assert await statuses(quiet) == {sent: "duplicate", manual: "discarded"}
    assert of_ln(quiet, manual) == []
    assert "0 documents" in (await audit("import", str(file))).output


async def first_run(quiet: Sandboxed) -> dict[str, Any]:
    """Run a connection that began an hour ago for the first time; return how its runs are asked for."""
    connection = quiet.payment_connection(start=dt.datetime.now(dt.UTC) - dt.timedelta(hours=1))
    recent = {"connection": connection, "confirmed": False}
    await quiet.pay_run(**recent)
    return recent


async def test_a_store_that_was_set_back_is_known_where_it_was_used(
    quiet: Sandboxed, home: Path, audit: Audit
) -> None:
    """Where this machine remembers a later run than the store, nothing leaves until a person confirms."""
    recent = await first_run(quiet)
    copy = home / "copy"
    shutil.copy(home / "daybook.sqlite3", copy)
    manual = await booked_manually(quiet, audit, **recent)
    sent = pay(quiet)
    await quiet.pay_run(**recent)
    forget(home)
    shutil.move(copy, home / "daybook.sqlite3")
    posts = len(quiet.ln_posts())

    refused(await quiet.pay_run(**recent), "older copy")

    assert len(quiet.ln_posts()) == posts
    assert of_ln(quiet, manual) == []
    assert (await audit("begin")).exit_code == 0
    assert (await quiet.pay_run(**recent)).state.is_completed()
    assert await statuses(quiet) == {sent: "duplicate", manual: "sent"}


async def test_a_store_that_was_set_back_stops_at_the_first_sign(
    quiet: Sandboxed, home: Path, audit: Audit
) -> None:
    """On another machine: where LN has what the record has as never sent, nothing else leaves."""
    recent = await first_run(quiet)
    last = await collected_until(quiet)
    copy = home / "copy"
    shutil.copy(home / "daybook.sqlite3", copy)
    sent = pay(quiet)
    await quiet.pay_run(**recent)
    manual = await booked_manually(quiet, audit, **recent)
    forget(home)
    shutil.rmtree(home / "stores")
    shutil.move(copy, home / "daybook.sqlite3")

    known = f"The last window it knows: ended {last:%Y-%m-%d %H:%M:%S} UTC"
    refused(await quiet.pay_run(**recent), "older copy", known)
    assert await statuses(quiet) == {sent: "duplicate"}
    posts = len(quiet.ln_posts())
    refused(await quiet.pay_run(**recent), "older copy", known)
    assert len(quiet.ln_posts()) == posts
    assert of_ln(quiet, manual) == []
    assert await collected_until(quiet) == last

    assert (await audit("begin")).exit_code == 0
    (await quiet.pay_run(**recent)).completed()
    assert await statuses(quiet) == {sent: "duplicate", manual: "sent"}


async def test_after_a_confirmation_duplicates_are_answers(quiet: Sandboxed, home: Path) -> None:
    """Of what is older than a person's confirmation, LN's word that it has it ends the matter."""
    keys = {pay(quiet) for _ in range(3)}
    await quiet.pay_run()
    forget(home)

    outcome = (await quiet.pay_run()).completed()
    assert outcome.summary.counts[Status.DUPLICATE] == 3
    assert await statuses(quiet) == dict.fromkeys(keys, "duplicate")


async def test_what_a_lost_store_sent_and_xero_may_have_changed_since_is_named(
    quiet: Sandboxed, home: Path
) -> None:
    """What LN has from a store that was lost is named: as what it was sent, no run can tell any more."""
    prepayment = prepay(quiet)
    await quiet.pay_run()
    quiet.control("xero/edit_prepayment", {"prepayment_id": bare(prepayment), "amount": "797.96"})
    forget(home)

    outcome = (await quiet.pay_run()).completed()

    (document,) = of_ln(quiet, prepayment)
    row = (await quiet.audit())[prepayment]
    assert (str(document["amount"]), row.entry.amount, row.status) == ("120.0", "797.96", Status.DUPLICATE)
    assert "What LN was sent of it is not on record" in row.reason
    (note,) = outcome.summary.notes
    assert note.endswith(f"correct manually in LN: {prepayment}.")

    # A change from then on is seen; once undone, a correction in LN is not to be undone for it.
    for amount, status in (("500.00", Status.EXCEPTION), ("797.96", Status.DUPLICATE)):
        quiet.control("xero/edit_prepayment", {"prepayment_id": bare(prepayment), "amount": amount})
        await quiet.pay_run()
        row = (await quiet.audit())[prepayment]
        assert (row.status, "is not on record" in row.reason) == (status, True)
        assert "undo any manual correction" not in row.reason


async def test_what_is_not_on_record_is_named_until_a_run_comes_through(quiet: Sandboxed, home: Path) -> None:
    """What LN answered to a run that came to no good end is named by the next one that reads it again."""
    prepayment = prepay(quiet)
    await quiet.pay_run()
    forget(home)
    pay(quiet)
    # LN answers for the prepayment, which goes first, and then turns the run away.
    quiet.fault({**LN_CALL, "kind": "403", "nth": 2})
    (await quiet.pay_run()).failed()
    assert (await statuses(quiet))[prepayment] == "duplicate"

    quiet.http.delete("/control/faults")
    outcome = (await quiet.pay_run()).completed()
    assert any("is not on record" in note and prepayment in note for note in outcome.summary.notes)
