"""How Sphinx builds the site: sphinx-build -W -b html docs DIRECTORY."""

from __future__ import annotations

import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from prefect.blocks.core import Block
from prefect.flows import Flow
from sphinx.util import inspect

sys.path.insert(0, str(Path(__file__).parent.parent))

project = "Daybook"
author = "the Daybook authors"
project_copyright = author
release = metadata.version("daybook")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "Daybook"
html_logo = "daybook.png"
html_static_path = ["_static"]
html_css_files = ["daybook.css"]
highlight_language = "none"
# Docstrings have code between single backticks.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True

_COLUMNS = re.compile(r"\S {2,}\S")


def _docstring(_app: Any, _what: str, _name: str, obj: Any, _options: Any, lines: list[str]) -> None:
    """Show tables of a docstring as they stand, and add a block's fields from its definition."""
    if lines and lines[0].startswith("Alias for field number"):
        lines.clear()  # the words of namedtuple
    lines[:] = _with_tables(lines)
    if isinstance(obj, type) and issubclass(obj, Block):
        lines += _fields(obj)


def _with_tables(lines: list[str]) -> list[str]:
    """Return lines of reStructuredText in which each paragraph that has columns is a literal block."""
    found: list[str] = []
    for paragraph in "\n".join(lines).split("\n\n"):
        rows = paragraph.splitlines()
        if len(rows) > 2 and sum(bool(_COLUMNS.search(row)) for row in rows) > len(rows) / 2:
            rows = ["::", "", *(f"   {row}" for row in rows)]
        found += [*rows, ""]
    return found


def _fields(kind: type[Block]) -> list[str]:
    """Return the fields of a block as reStructuredText: name, default, and what Prefect's pages say."""
    found = ["", ".. list-table::", "   :header-rows: 1", "   :widths: 25 20 55", ""]
    found += ["   * - field", "     - default", "     - meaning"]
    for name, field in kind.model_fields.items():
        default = "needed" if field.is_required() else _default(field.get_default(call_default_factory=True))
        found += [f"   * - ``{name}``", f"     - {default}", f"     - {field.description}"]
    return [*found, ""]


def _default(value: object) -> str:
    if isinstance(value, Block):
        return "its own defaults"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "none" if value is None or value in ("", {}) else f"``{value}``"


def _signature(
    _app: Any, _what: str, _name: str, obj: Any, _options: Any, _signature: str | None, _returns: str | None
) -> tuple[str | None, str | None] | None:
    """Show a flow as the function it is made of, and a block without one: its fields are in a table."""
    if isinstance(obj, Flow):
        return inspect.stringify_signature(inspect.signature(obj.fn), unqualified_typehints=True), None
    if isinstance(obj, type) and issubclass(obj, Block):
        return "", None
    return None


def setup(app: Any) -> None:
    """Connect the two to Sphinx."""
    app.connect("autodoc-process-docstring", _docstring)
    app.connect("autodoc-process-signature", _signature)
