"""What a line's tax type says in Xero: whether there is tax on it. Pure."""

from __future__ import annotations

# Daybook sends NONE; Xero shows it under the name that its country's chart has for it, such as
# BASEXCLUDED in Australia. Zero rates are none of these: they are tax, and stand in a tax return.
_NO_TAX = frozenset(
    {"", "NONE", "BASEXCLUDED", "EXEMPTEXPENSES", "EXEMPTINCOME", "EXEMPTINPUT", "EXEMPTOUTPUT"}
)


def is_taxed(tax_type: str | None) -> bool:
    """Tell whether a tax type means tax; every name of «no tax» means the same, and so does none at all."""
    return (tax_type or "").strip().upper() not in _NO_TAX
