"""The words and tables that people read."""

from __future__ import annotations

import datetime as dt

import pytest
from msgspec.structs import replace as replaced

from blocks.errors import DaybookError, NotAllowed, ResumeLater, Unavailable, UnknownOutcome
from flows.journals.models import Plan
from flows.journals.process.errors import StepRefusal
from flows.journals.reconciliation import reconcile
from flows.journals.report.failures import failure_of
from flows.journals.report.messages import (
    batch_table,
    day_markdown,
    failure_markdown,
    failure_sentence,
    outcome_sentence,
    stopped_sentence,
)
from flows.journals.report.summary import BatchRow, Summary
from flows.journals.tie_out import confirmed
from tests.helpers.journals import (
    EARLIER,
    Sending,
    edited,
    id_of,
    planned,
    posting,
    prepared_for,
    sent,
    transfers,
)

AT = dt.datetime(2026, 11, 22, 0, 5, tzinfo=dt.UTC)


def summary_of(plan: Plan, lines: int, **notes: list[object]) -> Summary:
    """Return the summary of a run that has made its plan."""
    summary = Summary(date=None, connection="acme", stage="send")
    summary.take_day(plan.day, "GBP", plan.digits)
    summary.take_plan(plan, lines, notes)
    return summary


def outcome(day: Sending, created: int) -> Summary:
    """Return the summary of a run that found the day in Xero, so many of its journals new."""
    summary = summary_of(day.plan, day.plan.lines.num_rows)
    names = [one.narration for one in day.live[:created]]
    found = confirmed(day.plan, reconcile(day.plan, day.live), [])
    summary.take_outcome(day.plan, found, names, link=lambda one: f"https://xero.example/{one}")
    summary.message = outcome_sentence(summary)
    return summary


@pytest.mark.parametrize(
    ("created", "sentence"),
    [
        (2, "6 lines from Mambu are in Xero as 2 manual journals (2 sent now, 0 already there)"),
        (1, "6 lines from Mambu are in Xero as 2 manual journals (1 sent now, 1 already there)"),
        (0, "nothing to send: 2 manual journals with 6 lines from Mambu are already in Xero"),
    ],
)
def test_a_completed_run_says_what_is_in_xero(created: int, sentence: str) -> None:
    """A completed run says how many lines and journals are in Xero, and how many of them it sent."""
    day = sent([*transfers(2), *posting(5, "1", "-1", booked=EARLIER)])
    assert sentence in outcome(day, created).message


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [(0, "Mambu has no journal lines for this day"), (3, "all 3 lines from Mambu have a zero amount")],
)
def test_nothing_to_send_has_its_reason(lines: int, sentence: str) -> None:
    """Where there is nothing to send, the sentence says whether there were no lines or only zero ones."""
    summary = summary_of(planned([]), lines)
    summary.status, summary.zero_lines = "completed", lines
    assert sentence in outcome_sentence(summary)


def test_a_dry_run_says_that_nothing_was_written() -> None:
    """A dry run counts what it would send and what is there, and says that it wrote nothing."""
    day = sent(transfers(4), cap=4)
    summary = summary_of(day.plan, 8)
    summary.take_rehearsal(
        day.plan, reconcile(day.plan, day.live[:1]), prepared_for(day.plan, day.live[:1], cap=4)
    )
    assert "would send 1 journal; 1 is already in Xero. Nothing was written" in outcome_sentence(summary)
    assert [row.status for row in summary.batches] == ["would be sent", "DRAFT"]


def test_drift_is_a_failure_in_words() -> None:
    """A day that does not agree says in how many points, shows them, and that nothing was overwritten."""
    day = sent(posting(1, "5", "-5"))
    changed = edited(day.live[0], lambda one: replaced(one, account_code="4100"))
    summary = outcome(Sending(day.plan, day.prepared, [changed]), created=0)
    assert summary.status == "failed"
    assert "Mambu and Xero do not agree for 2026-11-20 in 1 point: EntryID 1" in summary.message
    assert "Nothing was overwritten" in summary.message
    assert "Xero 5.00 on 4100" in day_markdown(summary).replace("\\", "")


def test_the_page_of_a_day_ties_out_per_account() -> None:
    """The page of a date shows each account's sum on both sides, and the difference where there is one."""
    day = sent(posting(1, "1234.5", "-1234.5"))
    assert "| 1100 | 1,234.50 | 1,234.50 | 0.00 | ✓ |" in day_markdown(outcome(day, 1))
    page = day_markdown(outcome(Sending(day.plan, day.prepared, []), 0))
    assert "| 1100 | 1,234.50 | 0.00 | 0.00 | **-1,234.50** on 2026-11-20 |" in page


def test_the_page_of_a_day_sums_its_booking_dates() -> None:
    """The page of a date has a row per booking date with its journals, lines, debits and credits."""
    day = sent([*transfers(2), *posting(5, "1", "-1", booked=EARLIER)])
    page = day_markdown(outcome(day, 2))
    assert f"| {EARLIER} | 1 | 2 | 1.00 | 1.00 |\n| 2026-11-20 | 1 | 4 | 3.50 | 3.50 |" in page


def test_text_from_outside_cannot_become_markup() -> None:
    """Bars, brackets and line breaks in what comes from outside stay text in the page."""
    summary = summary_of(planned([]), 1)
    summary.open = ["a|b [x](http://evil)\n# <b>big</b>"]
    assert "- a\\|b \\[x\\](http://evil) # \\<b\\>big\\</b\\>\n" in day_markdown(summary)


def test_long_pages_are_cut_and_say_so() -> None:
    """A page lists a thousand journals and says how many more there are."""
    summary = summary_of(planned([]), 1)
    summary.batches = [
        BatchRow(f"N{number}", dt.date(2026, 11, 20), 2, 1, 1, "", "DRAFT", "") for number in range(1002)
    ]
    page = day_markdown(summary)
    assert "| N999 |" in page
    assert "| N1000 |" not in page
    assert "and 2 more journals: see the table of batches" in page
    assert len(batch_table(summary)) == 1002


def test_the_table_of_batches() -> None:
    """The table of batches has name, date, lines, amounts, id and state of each journal, as text."""
    (row,) = batch_table(outcome(sent(posting(1, "5", "-5")), 1))
    narration = "Mambu journal data with creation date: 2026-11-20 | booking date 2026-11-20 | 1"
    assert row == {
        "narration": narration,
        "booking date": "2026-11-20",
        "lines": "2",
        "debits": "5.00",
        "credits": "5.00",
        "Xero id": id_of(narration),
        "status": "DRAFT",
    }


@pytest.mark.parametrize(
    ("notes", "sentence"),
    [
        ({"zero_lines": [7, 9]}, "Zero-amount lines are not posted: EntryID 7, 9."),
        ({"zero_lines": list(range(25))}, "18, 19 and 5 more."),
        ({"pooled": ["booking date x: A, B"]}, "are posted as one unit: booking date x: A, B."),
        ({"rounded": [4]}, "1 line has more decimals than the currency and was rounded"),
        ({"rounded_away": [4]}, "rounded to zero and not posted: EntryID 4."),
    ],
)
def test_what_the_steps_did_is_noted(notes: dict[str, list[object]], sentence: str) -> None:
    """Whatever was left out, pooled or rounded is in the notes of the day's page."""
    assert any(sentence in note for note in summary_of(planned([]), 30, **notes).notes)


@pytest.mark.parametrize(
    ("stage", "error", "parts"),
    [
        ("extract", DaybookError("No."), ["reading the lines from Mambu. No. This run sent nothing."]),
        (
            "extract",
            NotAllowed("Key?"),
            ["This run sent nothing. Correct the connection", "run the date again"],
        ),
        ("send", DaybookError("No."), ["What is in Xero is kept", "sends only what is missing"]),
        ("send", UnknownOutcome("Lost."), ["It is not known whether", "it checks Xero first"]),
        (
            "process",
            StepRefusal("map", "Bad", ["a", "b"], "Mend it."),
            ["failed while matching accounts. Bad: a; b. This run sent nothing. Mend it."],
        ),
        ("", DaybookError("No."), ["The run did not start. No."]),
    ],
)
def test_a_failure_says_where_why_and_what_next(stage: str, error: DaybookError, parts: list[str]) -> None:
    """A failure names its stage and step, its reason, what is safe, and what to do."""
    summary = Summary(date=dt.date(2026, 11, 20), connection="acme", stage=stage)
    sentence = failure_sentence(summary, error)
    assert [part for part in parts if part not in sentence] == []


@pytest.mark.parametrize("under_way", [True, False])
@pytest.mark.parametrize("stage", ["day", "extract", "process", "send", "confirm"])
@pytest.mark.parametrize("error", [DaybookError("No."), StepRefusal("map", "Bad", ["a"], "Mend it.")])
def test_title_and_text_agree_on_the_step(error: DaybookError, stage: str, *, under_way: bool) -> None:
    """Where a day stopped is the same stage and step in a failure's title and in what happened."""
    date = dt.date(2026, 11, 20)
    summary = Summary(date=date, connection="acme", stage=stage, under_way=under_way)
    said = stopped_sentence(summary, error)
    failure = failure_of(date, stage, error, said, [], under_way=under_way)
    _, _, place = failure.title.partition(f"Journals of {date}: failed ")
    assert place
    assert said.startswith(f"The journals of {date} failed {place}. ")


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (ResumeLater("Later.", resume_at=AT), "Run the date again after 2026-11-22 00:05 UTC."),
        (Unavailable("No.", retry_after_seconds=90), "Wait 2 minutes, as the system asks. Then run the date"),
        (Unavailable("No."), "Run the date again when the system named above is available."),
    ],
)
def test_an_outage_has_its_own_advice(error: DaybookError, advice: str) -> None:
    """Where a system is down, the sentence says when to go on, and not to put anything right."""
    sentence = failure_sentence(Summary(dt.date(2026, 11, 20), "acme", stage="extract"), error)
    assert advice in sentence
    assert "put right" not in sentence


def test_the_failures_page_names_every_offender() -> None:
    """The failures page lists all offenders of a step, also those that its sentence leaves out."""
    error = StepRefusal("validate", "30 lines", [f"line {number}" for number in range(30)], "Mend them.")
    date = dt.date(2026, 11, 20)
    summary = Summary(date=date, connection="acme")
    summary.failure = failure_of(date, "process", error, "", [], under_way=True)
    page = failure_markdown(summary, error)
    assert page.count("\n- line ") == 30
    assert "Mend them." in page
    assert "and 10 more" in str(error)


@pytest.mark.parametrize(
    ("minor", "digits", "text"),
    [
        (123456789, 2, "1,234,567.89"),
        (-5, 2, "-0.05"),
        (-1234, 0, "-1,234"),
        (10**17, 2, f"1{',000' * 5}.00"),
    ],
)
def test_amounts_for_reading(minor: int, digits: int, text: str) -> None:
    """An amount for reading has its thousands set apart and its decimals, exactly."""
    assert Summary(date=None, connection="acme", digits=digits).grouped(minor) == text


def test_the_figures_of_a_summary_are_exact_text() -> None:
    """A summary for machines has its amounts as exact decimal text."""
    found = outcome(sent(posting(1, "9999999999999999.99", "-9999999999999999.99")), 1).as_json()
    assert (found["debits"], found["credits"]) == ("9999999999999999.99", "9999999999999999.99")
    assert (found["status"], found["tied_out"], found["date"]) == ("completed", True, "2026-11-20")
