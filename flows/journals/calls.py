"""The calls to Xero that are needed, against those that it still allows today: refused before they begin."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sized

from blocks.errors import Refusal, ResumeLater
from blocks.xero.pages import Pagination
from flows.journals.run import JournalsRun
from flows.runtime.text import counted

# No list has more: twice the pages that all calls of a day could bring. Where Xero states no limit, reading
# ends here.
MOST_PAGES = 10_000
# Xero's day starts anew at an hour of its own, at the latest after this.
_A_DAY = dt.timedelta(hours=24)


def require_calls_to_read(
    run: JournalsRun, since: dt.datetime, page: int, pagination: Pagination | None
) -> None:
    """Raise where a list, of which `page` was read just now, has more pages than can be read today.

    Raises ResumeLater where Xero does not allow so many calls today, and Refusal where no day would do.
    """
    left = run.xero.transport.calls_left
    # No page that counts is empty, whatever is stated of their number.
    pages = min(pagination.page_count, pagination.item_count) if pagination else page + 1
    if pages > MOST_PAGES:
        raise Refusal(
            f"The list of manual journals changed in Xero since {since:%Y-%m-%d %H:%M} UTC has more than "
            f"{MOST_PAGES:,} pages, too many to check. Nothing further was written."
        )
    if pagination is not None and left is not None and pages - page > left:
        raise ResumeLater(
            f"Xero lists {pagination.item_count:,} manual journals changed since {since:%Y-%m-%d %H:%M} UTC. "
            f"Reading the rest of them takes {counted(pages - page, 'call')}, but Xero allows only {left:,} "
            "more today. Nothing further was written.",
            resume_at=run.clock.now() + _A_DAY,
        )


def require_calls_to_send(run: JournalsRun, requests: Sized, pages: int) -> None:
    """Raise ResumeLater where Xero does not allow enough calls today for requests and for reading back.

    `pages` is how many the list will have that is read back.
    """
    left, allowed = run.xero.transport.calls_left, run.xero.transport.writes_left(pages)
    if left is None or allowed is None or len(requests) <= allowed:
        return
    raise ResumeLater(
        f"Sending what is missing takes {counted(len(requests), 'call')} to Xero, and checking it takes "
        f"{left - allowed:,} more, but Xero allows only {left:,} more calls today. Nothing further was sent. "
        "If this is more than Xero allows on a whole day, raise the connection's lines_per_journal.",
        resume_at=run.clock.now() + _A_DAY,
    )
