"""What the documents say of the code is so, and the code uses the documents' words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = ("docs/architecture.md", "docs/glossary.md")
# A file and a name that is defined in it, as the documents' tables give them.
_PLACE = re.compile(r"`([\w/]+\.py)`: `([\w.]+)`")
# Identifiers of former times, each replaced by a term of the trade.
RETIRED = frozenset(
    {
        *("Night", "Exchange", "Held", "Look", "Sighting", "Desk", "Means", "Fate", "Item"),
        *("Manners", "Sealing", "by_plan", "young_record", "hand_on", "left_by", "take_over", "to_its_end"),
        *("crowded", "sealing", "torn", "doubled", "withheld", "vanished"),
    }
)
GUILLEMETS = ("\u00ab", "\u00bb")


def places(document: str) -> list[tuple[str, str]]:
    """Return each file and name that a document gives."""
    return _PLACE.findall((ROOT / document).read_text(encoding="utf-8"))


def defined(file: Path) -> set[str]:
    """Return the names that a module defines at its top, and those of its classes' members."""
    return set(_names(ast.parse(file.read_text(encoding="utf-8")).body))


def _names(body: list[ast.stmt], prefix: str = "") -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield prefix + node.name
        if isinstance(node, ast.ClassDef):
            yield from _names(node.body, f"{prefix}{node.name}.")
        targets = node.targets if isinstance(node, ast.Assign) else []
        targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
        yield from (prefix + one.id for one in targets if isinstance(one, ast.Name))


def sources(*tops: str, suffixes: tuple[str, ...] = (".py",)) -> list[Path]:
    """Return the project's files under these folders."""
    return sorted(file for top in tops for file in (ROOT / top).rglob("*") if file.suffix in suffixes)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_a_document_names_is_where_it_says(document: str) -> None:
    """Each file that a document gives exists and defines the name given with it."""
    moved = []
    for file, name in places(document):
        if not (ROOT / file).exists() or name not in defined(ROOT / file):
            now = [one for one in sources("blocks", "flows") if name in defined(one)]
            found = ", ".join(str(one.relative_to(ROOT)) for one in now) or "nowhere"
            moved.append(f"{document}: {name} is not in {file}; found: {found}")
    assert moved == []


def test_the_architecture_answers_twenty_questions() -> None:
    """At least 20 questions of the kind "where do I change" have an answer, none of them twice."""
    answers = places("docs/architecture.md")
    assert len(set(answers)) >= 20
    assert len(set(answers)) == len(answers)


def test_each_term_of_the_glossary_has_a_meaning_and_a_name() -> None:
    """The glossary is in alphabetical order; each row has a term, a meaning and a name in code."""
    text = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ")][1:]
    terms = [row[0].strip() for row in rows]
    assert terms == sorted(terms, key=str.lower)
    assert [row for row in rows if len(row) != 3 or not row[1].strip() or not _PLACE.search(row[2])] == []


def test_each_module_room_of_the_code_is_in_the_architecture() -> None:
    """The table of rooms names each folder of flows and blocks that holds modules."""
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    rooms = {
        file.parent.relative_to(ROOT) for top in ("blocks", "flows") for file in (ROOT / top).glob("*/*.py")
    }
    assert sorted(str(room) for room in rooms if f"`{room}`" not in text) == []


def test_code_uses_no_retired_names() -> None:
    """No identifier in flows or blocks is one that a term of the trade has replaced."""
    used = {
        f"{file.relative_to(ROOT)}: {name}"
        for file in sources("blocks", "flows")
        for name in re.findall(r"\b[A-Za-z_]\w*\b", _code(file))
        if name in RETIRED
    }
    assert sorted(used) == []


def _code(file: Path) -> str:
    """Return the identifiers of a module, without its texts and comments."""
    found: list[str] = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        found += [
            getattr(node, key)
            for key in ("id", "attr", "name", "arg")
            if isinstance(getattr(node, key, 0), str)
        ]
    return " ".join(found)


def test_texts_use_plain_quotation_marks() -> None:
    """No text of the project has guillemets; where other systems' texts have them, they are escapes."""
    files = sources("blocks", "flows", "tests", "docs", suffixes=(".py", ".md", ".html", ".yaml"))
    files += [*ROOT.glob("*.md"), *ROOT.glob("*.yaml")]
    marked = [
        str(one.relative_to(ROOT))
        for one in files
        if any(mark in one.read_text("utf-8") for mark in GUILLEMETS)
    ]
    assert marked == []
