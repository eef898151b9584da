"""The pages of the documentation as tests read them: texts, tables, headings, and the commands they show."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from flows.main import main as flows_commands
from tests.helpers.prefect_server import ROOT

DOCS = ROOT / "docs"
# What the site is made of, and what refers to it.
PAGES = sorted(DOCS.rglob("*.md"))
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES]
_BLOCK = re.compile(r"^ *```(?:sh|bash)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_FENCED = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
# What a sentence of a page leaves out in front of a command.
_SHORT = {"performance.md": "python -m tests.benchmarks."}
_WORDS = (*flows_commands.commands, "store")


class Shown(NamedTuple):
    """A command that a document shows, as a person enters it."""

    command: str
    document: str

    @property
    def words(self) -> list[str]:
        """Return the words of the command."""
        return shlex.split(self.command)


@cache
def text_of(document: Path) -> str:
    """Return a document's text."""
    return document.read_text(encoding="utf-8")


@cache
def all_commands() -> tuple[Shown, ...]:
    """Return every command of the documents, in a block or in a sentence, each once."""
    found: dict[str, Shown] = {}
    for document in DOCUMENTS:
        for command in _commands(document):
            found.setdefault(command, Shown(command, document.name))
    return tuple(found.values())


def _commands(document: Path) -> Iterator[str]:
    text = text_of(document)
    for block in _BLOCK.findall(text):
        for command in _entered(block):
            if not command.startswith("python3 -m venv "):  # what the README's set-up tests run
                yield command.removeprefix(".venv/bin/")
    for code in _CODE.findall(_FENCED.sub("", text)):
        command = " ".join(code.split()).removeprefix(".venv/bin/")
        if command.startswith(("python -m ", "prefect ", "pip ")):
            yield command
        elif re.match(rf"({'|'.join(_WORDS)}) \S", command):
            yield _SHORT.get(document.name, "python -m flows.main ") + command


def _entered(block: str) -> Iterator[str]:
    """Return what is entered in a block, a line each, or more lines where a quotation goes on."""
    entered = ""
    for line in block.splitlines():
        entered = f"{entered}\n{line}" if entered else line.strip()
        try:
            shlex.split(entered)
        except ValueError:
            continue
        if entered:
            yield entered
        entered = ""


def rows_of(document: Path, first: str) -> list[list[str]]:
    """Return the rows of the tables whose first column has this head, their cells without blanks."""
    rows: list[list[str]] = []
    head = ""
    for line in text_of(document).splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not cells:
            head = ""
        elif not head:
            head = cells[0]
        elif head == first and not set(cells[0]) <= {"-", ":"}:
            rows.append(cells)
    return rows


def codes(cell: str) -> list[str]:
    """Return what stands in code in a cell."""
    return _CODE.findall(cell)


def anchors(document: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and the site make them."""
    headings = re.findall(r"^#{1,3} (.+)$", _FENCED.sub("", text_of(document)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
