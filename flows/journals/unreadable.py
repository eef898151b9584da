"""Other people's journals in Xero that cannot be read. Pure.

What cannot hold our lines is passed over; what might is an error, for its lines would be sent again.
"""

from __future__ import annotations

import re

from blocks.errors import UnusableAnswer
from blocks.xero.models import JournalPage
from flows.journals.models import DELETED_OR_VOIDED
from flows.journals.narration import Narration

# What our journals and lines say of themselves, also where people have added to it.
_OURS = re.compile(r"EntryID|Mambu journal data", re.IGNORECASE)


def passed_over(page: JournalPage, number: int) -> set[str]:
    """Return what tells apart the journals of a page that are passed over; `number` is the page's.

    Raises UnusableAnswer, naming the journal, where one that cannot be read might hold our lines.
    """
    for one in page.unreadable:
        if any(_OURS.search(text) for text in one.texts):
            raise UnusableAnswer(
                f"Xero: {one}. It may contain lines from Mambu, so nothing further was sent. Correct it in "
                "Xero, then run the same again."
            )
    for journal in page.manual_journals:
        if (
            not journal.lines
            and journal.status not in DELETED_OR_VOIDED
            and Narration.parse(journal.narration)
        ):
            raise UnusableAnswer(
                f'Xero shows the journal "{journal.narration}" ({journal.journal_id}) without '
                "lines, so "
                "its content is not known. Nothing further was sent. Check it in Xero, then run the same "
                "again."
            )
    return {one.journal_id or f"{number}/{index}" for index, one in enumerate(page.unreadable)}
