"""Texts as the terminal shows them: whatever they hold, none of it is markup or an emoji's name."""

from __future__ import annotations

from rich.text import Text

from blocks.visible import visible


def shown(text: str, style: str = "") -> Text:
    """Return a text for a table's cell or a line of its own."""
    return Text(visible(text, lines=True), style=style)


def title(text: str) -> Text:
    """Return a text for the head of a table."""
    return shown(text, "table.title")
