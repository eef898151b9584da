"""The house keeps its walls: what is pure, which room knows of which, and no circles."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MANY_PURE = 27

# Runs in a process of its own. Each module is imported in a fork that has loaded no other; the first heavy
# package that is asked for ends it, so that a module which needs Prefect costs no more than one that is pure.
_IMPORTS = """
import importlib, json, os, sys
import click, msgspec, pandas, pyarrow, pydantic, rich.table
HEAVY = {"prefect", "httpx", "sqlalchemy", "tenacity", "asyncio"}
assert not HEAVY & sys.modules.keys()

class Reached(BaseException):
    pass

class Wall:
    def find_spec(self, name, path=None, target=None):
        if name in HEAVY:
            raise Reached(name)

def loaded(module):
    sys.meta_path.insert(0, Wall())
    try:
        importlib.import_module(module)
    except Reached as reached:
        return str(reached)
    return " ".join(sorted(HEAVY & sys.modules.keys()))

found = {}
for module in sys.argv[1:]:
    reader, writer = os.pipe()
    if not os.fork():
        os.write(writer, loaded(module).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        found[module] = answer.read()
    _, status = os.wait()
    assert status == 0, module
print(json.dumps(found))
"""

# What deals with files or the command line is not called pure, whatever it loads.
_OUTWARD = {"click", "filelock", "os", "pathlib"}

CLIENTS = ("blocks.http", "blocks.mambu", "blocks.xero", "blocks.infor_ln")
# A room, and the rooms of which it must know nothing.
WALLS = [
    (("blocks",), ("flows",)),
    (("flows.runtime",), ("flows.journals", "flows.payments", "flows.cli")),
    (("flows.journals",), ("flows.payments", "flows.cli")),
    (("flows.payments",), ("flows.journals", "flows.cli")),
    (CLIENTS, ("blocks.store", "blocks.connections")),
    (("blocks.sandbox",), (*CLIENTS, "blocks.store", "blocks.connections")),
]
# An import from a test module.
_TEST_MODULE = re.compile(r"\b(from|import) +\.*(\w+\.)*(\w+ +import +)?test_\w+")


@cache
def modules() -> dict[str, ast.Module]:
    """Return the syntax tree of each module of the project, by its name."""
    files = sorted(file for top in ("blocks", "flows") for file in (ROOT / top).rglob("*.py"))
    return {_name(file): ast.parse(file.read_text(encoding="utf-8")) for file in files}


def _name(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _within(module: str, rooms: tuple[str, ...]) -> bool:
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


def _imported(nodes: list[ast.AST]) -> set[str]:
    """Return the modules of the project that these statements import."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module, "imports are absolute"
            inner = {f"{node.module}.{one.name}" for one in node.names}
            found |= {one if one in modules() else node.module for one in inner}
    return found & modules().keys()


def imports(module: str) -> set[str]:
    """Return the modules of the project that a module imports anywhere, inside functions as well."""
    return _imported(list(ast.walk(modules()[module])))


def imports_at_once(module: str) -> set[str]:
    """Return the modules of the project that a module imports while it is itself imported."""
    return _imported(list(modules()[module].body))


def _import_lines(tree: ast.Module) -> Iterator[str]:
    """Return the imports of a module, anywhere, one a line, and its texts, for one may be a program."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (f"import {one.name}" for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from (f"from {module} import {one.name}" for one in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def says_pure(module: str) -> bool:
    """Tell whether the summary of a module's docstring ends in `Pure.`."""
    summary = (ast.get_docstring(modules()[module]) or "").partition("\n\n")[0]
    return summary.endswith(" Pure.")


def _is_outward(module: str) -> bool:
    """Tell whether a module imports what deals with files or the command line."""
    nodes = list(ast.walk(modules()[module]))
    names = [one.name for node in nodes if isinstance(node, ast.Import) for one in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return any(name.partition(".")[0] in _OUTWARD for name in names)


@cache
def heavy() -> dict[str, str]:
    """Return what each module with code in it loads of Prefect and the like, by its name; "" is nothing.

    The sandbox is left out: it is a server. So are packages, which hold a docstring and nothing else.
    """
    names = [one for one in modules() if not _within(one, ("blocks.sandbox",)) and not _is_package(one)]
    done = subprocess.run(
        [sys.executable, "-c", _IMPORTS, *names], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    loaded: dict[str, str] = json.loads(done.stdout)
    return loaded


def _is_package(module: str) -> bool:
    return module.endswith("__main__") or (ROOT / module.replace(".", "/")).is_dir()


def test_a_module_that_calls_itself_pure_is_pure() -> None:
    """A module whose summary ends in "Pure." loads no Prefect, httpx, SQLAlchemy, tenacity or asyncio."""
    wrong = {module: found for module, found in heavy().items() if found and says_pure(module)}
    assert wrong == {}


def test_a_pure_module_says_so() -> None:
    """A module that loads none of these, and deals with no files or commands, is declared "Pure."."""
    silent = [module for module, found in heavy().items() if not found and not says_pure(module)]
    assert [module for module in silent if not _is_outward(module)] == []


def test_much_of_the_code_is_pure() -> None:
    """At least 27 modules call themselves pure."""
    assert sum(says_pure(module) for module in heavy()) >= MANY_PURE


def test_packages_hold_no_code() -> None:
    """The `__init__.py` of a package has a docstring and nothing else, so that importing it loads nothing."""
    packages = [one for one in modules() if (ROOT / one.replace(".", "/")).is_dir()]
    assert [one for one in packages if len(modules()[one].body) != 1] == []


@pytest.mark.parametrize(("room", "others"), WALLS, ids=[room[0] for room, _ in WALLS])
def test_a_room_knows_nothing_of_those_above_it(room: tuple[str, ...], others: tuple[str, ...]) -> None:
    """No module of a room imports one of the rooms that use it, or of its neighbour."""
    wrong = {
        module: [one for one in imports(module) if _within(one, others)]
        for module in modules()
        if _within(module, room)
    }
    assert {module: found for module, found in wrong.items() if found} == {}


def test_the_connectors_load_no_stand_in() -> None:
    """Outside the sandbox nothing of it is loaded but the module that starts it; a command may serve it."""
    sandbox = ("blocks.sandbox",)
    used = {
        module: [one for one in imports_at_once(module) if _within(one, sandbox)]
        for module in modules()
        if not _within(module, sandbox)
    }
    assert {one for found in used.values() for one in found} <= {"blocks.sandbox.process"}


def test_there_are_no_circles() -> None:
    """No module imports itself, by way of whatever others, while it is imported."""
    left = {module: imports_at_once(module) - {module} for module in modules()}
    while free := [module for module, needs in left.items() if not needs & left.keys()]:
        for module in free:
            del left[module]
    assert left == {}, "what is left imports one another"


def test_nothing_imports_from_a_test_module() -> None:
    """Nothing imports from a test module, not even a program in a text: what tests share is in helpers."""
    files = (file for top in ("blocks", "flows", "tests") for file in sorted((ROOT / top).rglob("*.py")))
    lines = ((file, line) for file in files for line in _import_lines(ast.parse(file.read_text("utf-8"))))
    assert [f"{file.relative_to(ROOT)}: {line}" for file, line in lines if _TEST_MODULE.search(line)] == []
