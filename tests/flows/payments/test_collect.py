"""What of Xero's changes a run collects."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from flows.payments.collect import _in_window
from flows.payments.documents import documents
from flows.payments.windows import Window
from tests.helpers.payments import AT, payment, shown

SECOND = dt.timedelta(seconds=1)
HOUR = dt.timedelta(hours=1)


@pytest.mark.parametrize(
    ("changed_at", "ours"),
    [
        (AT - HOUR - SECOND, False),
        (AT - HOUR, True),
        (AT - SECOND, True),
        (AT, True),
        (AT + HOUR - SECOND, True),
        (AT + HOUR, False),
        (None, True),
    ],
)
def test_what_a_window_covers(changed_at: dt.datetime | None, ours: bool) -> None:
    """A window covers what is read a second time before it, and what changed in it, but not at its end."""
    (document,) = documents(shown(payment()))
    run = cast("Any", SimpleNamespace(window=Window(AT, AT + HOUR, AT - HOUR)))
    assert _in_window(run, replace(document, changed_at=changed_at)) is ours
