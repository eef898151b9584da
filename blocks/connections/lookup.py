"""How a run finds its connection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import TypeVar

from prefect.blocks.core import Block

from blocks.errors import UsageError

B = TypeVar("B", bound=Block)


class NoSuchConnection(UsageError):
    """No connection of a kind has the name that a run asks for."""


async def connection_named(kind: type[B], name: str) -> B:
    """Return the connection of a kind that a run asks for: one provided by this process, else the saved one.

    Raises UsageError naming the remedy.
    """
    provided = _provided.get().get((kind, name))
    if isinstance(provided, kind):
        return provided
    try:
        return await kind.aload(name)
    except ValueError as error:
        if "Unable to find block document" not in str(error):
            raise UsageError(
                f"The connection {name!r} cannot be loaded: {_first_line(error)} Save it again with "
                f"`python -m blocks save {name}`."
            ) from None
        raise NoSuchConnection(
            f"There is no connection named {name!r}. Save one with `python -m blocks save {name}`, or "
            "try Daybook out with --sandbox."
        ) from None
    except RuntimeError as error:
        raise UsageError(
            f"The connection {name!r} was saved by another version of Daybook ({_first_line(error)}). "
            f"Save it again with `python -m blocks save {name}`."
        ) from None


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200]


# By kind and name, for a journal connection and a payment connection can have the same name.
_provided: ContextVar[Mapping[tuple[type[Block], str], Block]] = ContextVar(
    "provided_connections", default=MappingProxyType({})
)


@contextmanager
def provided(connections: Mapping[str, Block]) -> Iterator[None]:
    """Let runs inside this block find connections by name without their being saved anywhere.

    For two kinds under one name, put one block inside another.
    """
    mine = {(type(connection), name): connection for name, connection in connections.items()}
    token = _provided.set({**_provided.get(), **mine})
    try:
        yield
    finally:
        _provided.reset(token)
