"""The list of mutants fits the code as it is, and a draw of them is noticed."""

from __future__ import annotations

import builtins
import datetime as dt
import json
import re
import symtable
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.mutants.__main__ import drawn, main
from tests.mutants.copies import ROOT, Copy
from tests.mutants.listed import MUTANTS
from tests.mutants.mutant import FAULTS, LAYERS, ONCE_UNNOTICED, DoesNotApply, Mutant
from tests.mutants.report import as_json, as_text, is_enough
from tests.mutants.trial import By, Tried, tried
from tests.simulation.subjects import SUBJECTS

# So many are drawn each day.
DRAWN = 4


def mutant(**fields: str) -> Mutant:
    """Return a mutant of a file that nothing needs."""
    given = {"name": "a slip", "layer": "pure", "file": "flows/py.typed", "old": "a", "new": "b", **fields}
    return Mutant(**given, tests=("tests/flows/test_money.py",))


@pytest.mark.parametrize("one", MUTANTS, ids=lambda one: one.name)
def test_a_mutant_fits_the_code(one: Mutant) -> None:
    """What a mutant changes stands once in its file, and what comes of it is other code that compiles."""
    text = (ROOT / one.file).read_text(encoding="utf-8")
    broken = one.applied(text)
    assert broken != text
    compile(broken, one.file, "exec")


def unknown_names(text: str, file: str) -> set[str]:
    """Return the names that code of a module looks up, and that neither the module nor Python has."""
    module = symtable.symtable(text, file, "exec")
    held = {one.get_name() for one in module.get_symbols() if one.is_assigned() or one.is_imported()}
    held |= {*vars(builtins), "__file__"}
    found, tables = set[str](), [module]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        used = (one.get_name() for one in table.get_symbols() if one.is_referenced() and one.is_global())
        found |= {name for name in used if name not in held}
    return found


@pytest.mark.parametrize("lost", ["def one():\n    return there", "def one(a=there): ...", "there"])
def test_a_name_that_is_nowhere_is_seen(lost: str) -> None:
    """A name that nothing defines is told from those that the module, a function or Python has."""
    assert unknown_names(f"import os\n{lost}\n", "one.py") == {"there"}
    assert unknown_names(f"there = __name__\n{lost}\n", "one.py") == set()


def test_a_mutant_names_nothing_that_is_not_there() -> None:
    """No mutant is noticed for a NameError alone: its module has every name that it uses, as before."""
    found = {
        one.name: unknown_names(one.applied((ROOT / one.file).read_text(encoding="utf-8")), one.file)
        for one in MUTANTS
    }
    assert {name: names for name, names in found.items() if names} == {}


def test_the_tests_that_guard_mutants_are_there() -> None:
    """Each mutant names tests that exist, a layer of the table, and a simulation that there is, or none."""
    for one in MUTANTS:
        assert one.tests, one.name
        for file, _, name in (test.partition("::") for test in one.tests):
            assert f"def {name}" in (ROOT / file).read_text(encoding="utf-8"), one.name
        assert one.layer in LAYERS
        assert one.simulation is None or one.simulation in SUBJECTS


def test_names_tell_mutants_apart() -> None:
    """No two mutants have the same name, and no two break the same code in the same way."""
    assert [name for name, count in Counter(one.name for one in MUTANTS).items() if count > 1] == []
    assert len({(one.file, one.old, one.new) for one in MUTANTS}) == len(MUTANTS)


def test_every_layer_has_mutants() -> None:
    """There are at least 75 mutants, and some of each layer."""
    assert len(MUTANTS) >= 75
    assert {one.layer for one in MUTANTS} == set(LAYERS)


@pytest.mark.parametrize("fault", [*FAULTS, *ONCE_UNNOTICED])
def test_a_fault_of_earlier_days_is_a_mutant(fault: str) -> None:
    """Each fault that was mended, and each mutant that once went unnoticed, is in the list by its name."""
    assert any(one.fault == fault for one in MUTANTS)


def test_mutants_stand_for_known_faults_alone() -> None:
    """No mutant names a fault that is not among the known ones, by a slip of the pen."""
    assert {one.fault for one in MUTANTS} <= {"", *FAULTS, *ONCE_UNNOTICED}


@pytest.mark.parametrize("text", ["", "b", "aa"])
def test_a_mutant_that_does_not_fit_says_so(text: str) -> None:
    """A mutant whose text is not in its file, or there twice, is not tried in silence."""
    with pytest.raises(DoesNotApply, match="'a slip'"):
        mutant().applied(text)


def test_a_mutant_changes_each_of_its_places() -> None:
    """A mutant of two places changes both, and is not tried where the second is gone."""
    both = replace(mutant(), also=(("c", "d"),))
    assert both.applied("a c") == "b d"
    with pytest.raises(DoesNotApply, match="'a slip'"):
        both.applied("a")


def test_a_draw_is_the_same_all_day_and_another_the_next() -> None:
    """The same date draws the same mutants on every machine, and other dates draw others."""
    today, tomorrow = dt.date(2026, 11, 29), dt.date(2026, 11, 30)
    assert drawn(MUTANTS, DRAWN, today) == drawn(tuple(reversed(MUTANTS)), DRAWN, today)[::-1]
    assert drawn(MUTANTS, DRAWN, today) != drawn(MUTANTS, DRAWN, tomorrow)
    assert len(drawn(MUTANTS, DRAWN, today)) == DRAWN
    assert drawn(MUTANTS, len(MUTANTS) + 1, today) == list(MUTANTS)


@pytest.mark.parametrize(
    "arguments",
    [["--sample", "0"], ["--sample", "x"], ["--date", "today"], ["--schedules", "-1"], ["--only", "no such"]],
)
def test_bad_input_gets_one_clear_message(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be asked for is told in one line, with the words that were given, and nothing is tried."""
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert arguments[1] in told.err.splitlines()[-1]


def test_a_copy_is_broken_and_whole_again(tmp_path: Path) -> None:
    """Code in a copy runs as the mutant has it, then as it was, whatever was compiled or installed."""
    slip = next(one for one in MUTANTS if one.name == "yen are sent with two decimals")
    copy = Copy(tmp_path)
    ask = ("-c", "from flows.money import minor_digits as one; print(one('JPY'))")

    before = copy.run(*ask, seconds=60)
    with copy.broken(slip):
        broken = copy.run(*ask, seconds=60)
    after = copy.run(*ask, seconds=60)

    assert [one.output.split() for one in (before, broken, after)] == [["0"], ["2"], ["0"]]


def test_what_takes_too_long_is_stopped(tmp_path: Path) -> None:
    """A command that never ends is stopped when its time is up, and has no exit code."""
    assert Copy(tmp_path).run("-c", "import time; time.sleep(600)", seconds=1).code is None


def test_survivors_are_named_and_counted() -> None:
    """The table and the object say what was caught, by what, per layer, and what is known of the rest."""
    found = [
        Tried(mutant(name="one"), By.TESTS, 1.0),
        Tried(mutant(name="two", layer="run"), By.NOTHING, 2.0),
        Tried(mutant(name="three", layer="run", survives="it makes no difference"), By.NOTHING, 3.0),
    ]

    told = json.loads(json.dumps(as_json(found)))
    text = as_text(found)

    assert (told["mutants"], told["caught"]) == (3, 1)
    assert [(one["name"], one["why"]) for one in told["survivors"]] == [
        ("two", ""),
        ("three", "it makes no difference"),
    ]
    assert told["layers"] == {"pure": {"mutants": 1, "caught": 1}, "run": {"mutants": 2, "caught": 0}}
    assert re.search(r"two \(.*\): NOT EXPLAINED", text)
    assert re.search(r"three \(.*\): it makes no difference", text)


@pytest.mark.parametrize(
    ("caught", "explained", "whole", "enough"),
    [
        (9, True, True, True),
        (9, False, True, False),
        (8, True, True, False),
        (8, True, False, True),
        (9, False, False, False),
    ],
)
def test_nine_tenths_and_an_explanation_are_enough(
    caught: int, explained: bool, whole: bool, enough: bool
) -> None:
    """Every survivor must be explained and, of all mutants, nine tenths be caught."""
    why = "it makes no difference" if explained else ""
    found = [Tried(mutant(survives=why), By.TESTS, 1.0)] * caught
    found += [Tried(mutant(survives=why), By.NOTHING, 1.0)] * (10 - caught)
    assert is_enough(found, whole=whole) is enough


@pytest.mark.slow
def test_a_draw_of_mutants_is_noticed() -> None:
    """Each of a few slips, drawn by date, is noticed by a fast test or the simulation, or is explained."""
    chosen = drawn(MUTANTS, DRAWN, dt.datetime.now(dt.UTC).date())
    found = tried(chosen, schedules=200, simulation_only=False, say=print)
    assert is_enough(found, whole=False), as_text(found)
