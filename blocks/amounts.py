"""Which numbers from outside are amounts, told before anything is reckoned with them. Pure.

A decimal is short as it is written, 1E+99999999, and takes all memory where it is written out or added up.
"""

from __future__ import annotations

from decimal import Decimal

# More digits before the point than any amount of a ledger has, and more behind it than any exchange rate.
_MOST_BEFORE = 21
_MOST_BEHIND = 30


def is_amount(number: Decimal) -> bool:
    """Tell whether a number is finite, and neither larger nor finer than amounts and exchange rates are."""
    return (
        number.is_finite()
        and -_MOST_BEHIND <= number.adjusted() < _MOST_BEFORE
        # Within these bounds it is no longer than as it was written, and a text of it is short.
        and len(str(number)) <= _MOST_BEFORE + _MOST_BEHIND + len("-.")
    )


def shown(number: Decimal) -> str:
    """Return a number for a sentence, as it was written, cut where it is of many digits."""
    text = str(number)
    return text if len(text) <= 40 else f"{text[:40]}…"
