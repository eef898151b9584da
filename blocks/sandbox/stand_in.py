"""What the stand-ins have in common: switches, and verbs of the control path."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar

from blocks.sandbox.asgi import Application
from blocks.sandbox.options import Options

O = TypeVar("O", bound=Options)  # noqa: E741 - one letter, as type variables have
NO_FIELDS: Mapping[str, str] = MappingProxyType({})


class Verb(NamedTuple):
    """One thing that can be done: what carries it out, what it does, and what its fields are, by name."""

    act: Callable[[Mapping[str, Any]], object]
    does: str
    fields: Mapping[str, str] = NO_FIELDS


Verbs = dict[str, Verb]


class StandIn(Application, Generic[O]):
    """A system the sandbox stands in for; `options` are its switches in force, and may be assigned."""

    options: O

    def __init__(self, options: O, verbs: Verbs) -> None:
        self.options = self._first_options = options
        change = Verb(self._change_options, "set switches, if any, and show all", options.described())
        self.verbs: Verbs = {**verbs, "options": change}

    async def control(self, verb: str, body: object) -> object:
        """Carry out a verb of /control/<system>. Raises ValueError for nonsense."""
        return self.act(verb, body)

    def act(self, verb: str, body: object) -> object:
        """Do the same at once; `reset` sets the switches back, too."""
        action = self.verbs.get(verb)
        if action is None:
            raise ValueError(f"no verb {verb!r}; use one of {', '.join(sorted(self.verbs))}")
        if body is not None and not isinstance(body, dict):
            raise ValueError("the body must be an object")
        if unknown := sorted((body or {}).keys() - action.fields.keys()):
            known = ", ".join(action.fields) or "no field"
            raise ValueError(f"{verb} has no field {', '.join(unknown)}; it takes {known}")
        if verb == "reset":
            self.options = self._first_options
        answer = action.act(body or {})
        self.commit()
        return answer

    def _change_options(self, values: Mapping[str, Any]) -> object:
        self.options = self.options.changed(values)
        return self.options.document()

    def commit(self) -> None:
        """Make all that was done so far outlast this process."""

    @abstractmethod
    def close(self) -> None:
        """Close the state on disk."""
