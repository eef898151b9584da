"""A failed run of the payments in words: title, text and advice fit each other and the cause."""

from __future__ import annotations

import datetime as dt

import pytest

from blocks.errors import DaybookError, NotAllowed, ResumeLater, StoreError, Unavailable, Unreachable
from blocks.infor_ln.answers import NoToken
from flows.payments.errors import LNSaysNothing, LNStops, NoTokenNow
from flows.payments.post_outcome import interpret
from flows.payments.report.failures import failure_of, stopped_sentence, unanswered

AT = dt.datetime(2026, 11, 22, 0, 5, tzinfo=dt.UTC)
AGAIN = "The next scheduled run tries again automatically."


@pytest.mark.parametrize("stage", ["", "window", "collect", "classify", "deliver", "audit"])
def test_title_and_text_agree_on_the_stage(stage: str) -> None:
    """Where a run stopped is said in the same words in the title and in the text."""
    error = StoreError("No.")
    said = stopped_sentence(stage, error, None)
    title = failure_of("default", stage, error, said).title
    assert said.removesuffix(". No.").lower() == title.removeprefix("Payments of default: ").lower()


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (NotAllowed("No."), "Correct what is named above: the connection"),
        (LNStops("No."), "Correct what is named above: the connection"),
        (NoTokenNow("No."), "Ask the administrator of Infor whether its token service is working. "),
        (LNSaysNothing("No."), "Ask the administrators of Infor LN and its gateway"),
        (ResumeLater("Later.", resume_at=AT), "Wait until 2026-11-22 00:05 UTC. "),
        (Unavailable("No.", retry_after_seconds=301), "Wait 6 minutes, as the system asks. "),
        (Unreachable("No."), AGAIN),
        (StoreError("No."), AGAIN),
    ],
)
def test_the_advice_fits_the_cause(error: DaybookError, remedy: str) -> None:
    """Each cause has its own advice; none is to run a date, which payments do not go by."""
    found = failure_of("default", "collect", error, str(error)).remedy
    assert found.startswith(remedy)
    assert AGAIN in found
    assert "date again" not in found


def test_a_token_service_out_of_order_stops_the_run_in_passing() -> None:
    """That no token is to be had stops the run, as something that passes; refused credentials do not."""
    assert interpret(NoToken("Down.", status=503)).passing
    assert not interpret(NotAllowed("No.")).passing


def test_the_command_for_what_ln_does_not_answer_is_the_connections() -> None:
    """Who is told to discard a document is given the command with the connection that it is of."""
    told = unanswered("second", [], "python -m flows.main audit --connection second")
    assert "python -m flows.main audit --connection second discard KEY --reason R" in told.remedy
