"""What Xero changes by itself in a draft, over the sandbox: the name of no tax, the order of the lines."""

from __future__ import annotations

import pytest

from flows.journals.models import is_taxed
from tests.helpers.journals_in_xero import changes, journal_with, live_lines, statuses
from tests.helpers.sandboxed import DATE, Sandboxed, line
from tests.helpers.two_journals import two_journals, two_lines_each, two_units
from tests.helpers.withdrawals import withdraw

BY_ITSELF: dict[str, object] = {"no_tax": "BASEXCLUDED", "reverse_lines": True}


@pytest.mark.parametrize(
    ("name", "taxed"),
    [
        *((name, False) for name in (None, "", "NONE", "BASEXCLUDED", "EXEMPTEXPENSES", "EXEMPTINCOME")),
        *((name, False) for name in ("EXEMPTOUTPUT", "EXEMPTINPUT", "none")),
        *((name, True) for name in ("INPUT", "OUTPUT2", "ZERORATEDINPUT", "INPUTTAXED", "GSTONIMPORTS")),
        *((name, True) for name in ("CAPEXINPUT", "TAX001", "NONETHELESS", "EXEMPT")),
    ],
)
def test_names_of_no_tax(name: str | None, *, taxed: bool) -> None:
    """The names of no tax mean one thing; any other tax type is tax."""
    assert is_taxed(name) is taxed


@pytest.mark.parametrize("options", [{"no_tax": "EXEMPTEXPENSES"}, BY_ITSELF])
async def test_what_xero_changes_by_itself_is_no_drift(
    sandbox: Sandboxed, options: dict[str, object]
) -> None:
    """A day ties out, and does so again, also where Xero shows the drafts in its own way."""
    sandbox.control("xero/options", options)
    two_units(sandbox)
    for created in (1, 0):
        outcome = (await sandbox.run()).completed()
        assert outcome.summary.tied_out is True
        assert outcome.summary.journals_created == created


@pytest.mark.parametrize("options", [{"no_tax": "BASEXCLUDED"}, {"reverse_lines": True}])
async def test_an_untouched_draft_is_withdrawn(sandbox: Sandboxed, options: dict[str, object]) -> None:
    """A draft that only Xero has changed since it was sent is no edited one: it is withdrawn."""
    await two_journals(sandbox)
    sandbox.control("xero/options", options)

    (await withdraw(sandbox)).completed()
    assert {journal["Status"] for journal in sandbox.xero_journals()} == {"DELETED"}


async def test_an_untouched_draft_is_withdrawn_as_a_whole(sandbox: Sandboxed) -> None:
    """Where Xero wants the whole journal back, it takes its own name of no tax."""
    sandbox.control("xero/options", {**BY_ITSELF, "status_only_updates": False})
    await two_journals(sandbox)
    (await withdraw(sandbox)).completed()
    assert {journal["Status"] for journal in sandbox.xero_journals()} == {"DELETED"}


async def test_real_tax_stays_reported(sandbox: Sandboxed) -> None:
    """Tax that a person puts on a line is drift, and the draft an edited one, in Australia too."""
    sandbox.control("xero/options", {"no_tax": "BASEXCLUDED"})
    cost = {"transaction": "T1", "gl_code": "5400"}
    sandbox.plant([line(1, 5, **cost), line(2, 5, "CREDIT", transaction="T1")])
    await sandbox.run(connection=two_lines_each(sandbox))
    journal = journal_with(sandbox, 1)
    first = journal["JournalLines"][0]
    sandbox.edit(journal, lambda one: {"TaxType": "INPUT2"} if one is first else {})

    again = await sandbox.run(connection=two_lines_each(sandbox))
    withdrawn = await withdraw(sandbox)

    again.failed("lines have none")
    assert "edited after Daybook sent it" in withdrawn.message
    assert statuses(sandbox) == {1: "DRAFT"}


async def test_the_first_of_january_1970_is_a_booking_date(sandbox: Sandboxed) -> None:
    """Lines booked on 1 January 1970 tie out under that date, again on the next run, and are withdrawn."""
    # London was an hour ahead all that winter.
    long_ago = {"booked": "1970-01-01T00:00:00+01:00", "transaction": "T1"}
    sandbox.plant([line(1, 5, **long_ago), line(2, 5, "CREDIT", **long_ago)])
    for _ in range(2):
        outcome = (await sandbox.run(DATE)).completed()
        assert outcome.summary.tied_out is True
    assert [date for _, date, *_ in live_lines(sandbox)] == ["1970-01-01"] * 2
    (await withdraw(sandbox)).completed()
    assert statuses(sandbox) == {1: "DELETED"}
    assert len(changes(sandbox)) == 2
