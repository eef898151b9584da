"""A mutant: a slip that a tired developer could make, and what is to notice it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

# What the table of scores goes by: pure rules, clients of other systems, the store, the two connectors, and
# what holds a run together (its lease, its incidents, its record, its pages).
PURE, CLIENTS, STORE, JOURNALS, PAYMENTS, RUN = LAYERS = (
    "pure",
    "clients",
    "store",
    "journals",
    "payments",
    "run",
)

# Faults of earlier days that the simulation is to find where their mending is taken out.
FAULTS = (
    "an edited draft sent again",
    "the one-sided tie-out",
    "a line under two days",
    "lines taken out and sent again",
    "the late void",
    "the double after a pause",
    "the payment lost to a clock",
    "what LN may have closed quietly",
    "a closing that hides later changes",
    "a set-back store that sends again",
)
# Mutants that nothing noticed when they were first tried, and that matter.
ONCE_UNNOTICED = (
    "the last page of a list skipped",
    "the check that a list stood still dropped",
    "no lease handed to the store",
    "no waiting for journals that come from elsewhere",
    "an unknown outcome swallowed in put",
    "a stale list showing a withdrawn journal alive",
)


class DoesNotApply(Exception):
    """The text that a mutant changes is not in its file, or not once: the code has changed since."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A slip: `old` stands once in `file` and becomes `new`.

    `also` are further such changes of the file, where two places do the same work and one alone would do.
    `tests` are the fast tests that guard it, `simulation` the one that plays its code, if one does. `fault`
    names what it stands for among FAULTS and ONCE_UNNOTICED. `survives` says why nothing notices it, where
    that is known and accepted.
    """

    name: str
    layer: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    simulation: str | None = None
    fault: str = ""
    survives: str = ""
    also: tuple[tuple[str, str], ...] = ()

    def applied(self, text: str) -> str:
        """Return its file's text with the slip in it. Raises DoesNotApply."""
        for old, new in ((self.old, self.new), *self.also):
            if (count := text.count(old)) != 1:
                raise DoesNotApply(
                    f"{self.name!r} changes a text that stands {count} times in {self.file}, not once: adapt "
                    "it in tests/mutants/listed to the code as it is now."
                )
            text = text.replace(old, new)
        return text


class Place(NamedTuple):
    """A file of a layer, with what guards it."""

    layer: str
    file: str
    tests: tuple[str, ...]
    simulation: str | None = None

    def broken(
        self,
        name: str,
        old: str,
        new: str,
        *,
        fault: str = "",
        tests: str | tuple[str, ...] = (),
        survives: str = "",
        also: tuple[tuple[str, str], ...] = (),
    ) -> Mutant:
        """Return a mutant of the file; `tests` guard it in place of the file's own."""
        guards = (tests,) if isinstance(tests, str) else tests or self.tests
        return Mutant(name, self.layer, self.file, old, new, guards, self.simulation, fault, survives, also)


def place(layer: str, file: str, *tests: str, simulation: str | None = None) -> Place:
    """Return a file of a layer; without `tests` the module that mirrors it under tests/ guards it."""
    folder, _, module = file.rpartition("/")
    return Place(layer, file, tests or (f"tests/{folder}/test_{module}",), simulation)
