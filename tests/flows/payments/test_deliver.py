"""When Infor LN is taken for down."""

from __future__ import annotations

from flows.payments.deliver import SILENT, SILENT_FRESH, Silence


def counted(*documents: tuple[bool, bool]) -> list[bool]:
    """Return after which of the documents, silent and fresh or not, LN is taken for down."""
    silence = Silence()
    return [silence.take(silent=silent, fresh=fresh) for silent, fresh in documents]


def test_fresh_documents_without_a_word() -> None:
    """A few documents in a row that go out for the first time, and LN is taken for down."""
    assert counted(*[(True, True)] * SILENT_FRESH) == [False] * (SILENT_FRESH - 1) + [True]


def test_old_ones_hold_nobody_up() -> None:
    """As many that met with silence before are no sign of it; but many are."""
    assert counted(*[(True, False)] * SILENT) == [False] * (SILENT - 1) + [True]


def test_a_word_is_enough() -> None:
    """Any answer, to whichever document, shows that LN is up."""
    almost = [(True, True)] * (SILENT_FRESH - 1)
    assert True not in counted(*almost, (False, True), *almost, (False, False), *almost)


def test_answers_in_a_row_are_forgotten_at_the_first_silence() -> None:
    """Documents are written down ahead by what LN answered in a row, and none once it is silent."""
    silence = Silence()
    for _ in range(3):
        silence.take(silent=False, fresh=True)
    assert silence.answered == 3
    silence.take(silent=True, fresh=False)
    assert silence.answered == 0
