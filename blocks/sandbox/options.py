"""The switches of a stand-in as the control path changes them: by name, each of its own type."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import Any, ClassVar, Self, get_type_hints


@dataclass(frozen=True, slots=True)
class Options:
    """The base of each stand-in's switches, whose dataclass fields they are.

    A number is not negative unless its switch is in `signed`; a switch in `choices` takes only those values.
    """

    choices: ClassVar[Mapping[str, tuple[object, ...]]] = {}
    signed: ClassVar[frozenset[str]] = frozenset()

    def changed(self, values: Mapping[str, object]) -> Self:
        """Return these options with some replaced by name; ValueError for a name or value unknown here."""
        hints, known = get_type_hints(type(self)), {field.name for field in fields(self)}
        new: dict[str, Any] = {}
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"no option {name!r}; there are {', '.join(sorted(known))}")
            new[name] = self._checked(name, hints[name], value)
        return replace(self, **new)

    def document(self) -> dict[str, object]:
        """Return all switches by name, as JSON can hold them."""
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: str(value) if isinstance(value, Decimal) else value for name, value in values}

    def described(self) -> dict[str, str]:
        """Return by name what each switch may be, and what it is now."""
        return {
            name: f"{_choice(self.choices[name])}; {json.dumps(value)} unless set"
            if name in self.choices
            else f"{json.dumps(value)} unless set"
            for name, value in self.document().items()
        }

    def _checked(self, name: str, wanted: Any, value: object) -> object:
        choices = self.choices.get(name)
        if choices is not None and value not in choices:
            raise ValueError(f"{name} must be one of {', '.join(map(str, choices))}")
        if isinstance(value, bool) or wanted is bool:
            fits = isinstance(value, bool) and wanted is bool
        elif isinstance(value, int | float | Decimal):
            if wanted in (float, Decimal):
                value = Decimal(str(value)) if wanted is Decimal else float(value)
            fits = isinstance(value, wanted) and (value >= 0 or name in self.signed)
        else:
            fits = isinstance(value, wanted)
        if not fits:
            raise ValueError(f"{name} takes a {getattr(wanted, '__name__', wanted)}, not {value!r}")
        return value


def _choice(values: tuple[object, ...]) -> str:
    return f"one of {', '.join(map(str, values))}"
