"""The tree of errors."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from datetime import UTC, datetime

import pytest

from blocks import errors
from blocks.errors import CallFailed, DaybookError, Terminal, Transient, UnknownOutcome

AT = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
CLASSES = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, DaybookError) and kind.__module__ == errors.__name__
]
_NODE = re.compile(r"^(?P<indent> {4}[│├└─ ]*)(?P<name>[A-Z]\w+) {2,}\S")
_VALUES = {"status": 503, "reasons": ("a", "b"), "resume_at": AT, "retry_after_seconds": 7.5}


def drawn() -> dict[str, str]:
    """Return the parent of each class as the drawing in the docstring has it."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if node := _NODE.match(line):
            depth = len(node["indent"]) // 4 - 1
            path = [*path[:depth], node["name"]]
            parents[node["name"]] = path[depth - 1] if depth else "Exception"
    return parents


def made(kind: type[DaybookError]) -> DaybookError:
    """Return an error with every field set."""
    known = inspect.signature(kind.__init__).parameters
    return kind("what is wrong", **{name: value for name, value in _VALUES.items() if name in known})


def test_the_drawing_is_the_tree() -> None:
    """The tree in the module's docstring has exactly the classes of the module under their parents."""
    assert drawn() == {kind.__name__: kind.__bases__[0].__name__ for kind in CLASSES}


@pytest.mark.parametrize("kind", CLASSES)
def test_an_error_passes_between_processes(kind: type[DaybookError]) -> None:
    """Every error keeps its kind, its text and all its fields through pickling and copying."""
    error = made(kind)
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301
        assert type(other) is kind
        assert str(other) == "what is wrong"
        assert vars(other) == vars(error)


@pytest.mark.parametrize("kind", CLASSES)
def test_every_field_is_kept_as_given(kind: type[DaybookError]) -> None:
    """Every field that an error can be made with is readable under the same name."""
    error = made(kind)
    known = inspect.signature(kind.__init__).parameters
    assert {name: getattr(error, name) for name in _VALUES if name in known} == {
        name: value for name, value in _VALUES.items() if name in known
    }


def test_an_unknown_outcome_promises_nothing() -> None:
    """An unknown outcome is caught neither as Terminal nor as Transient."""
    assert issubclass(UnknownOutcome, CallFailed)
    assert not issubclass(UnknownOutcome, Terminal | Transient)
