"""Sets of entry ids: ascending numbers in memory, packed in the store. Pure.

A large day has a million, of which Python's own sets take ten times as much memory, each.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Set
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]


class Entries(Set[int]):
    """A set of entry ids (64-bit); `ids` are ascending, each once."""

    def __init__(self, ids: Ids) -> None:
        self.ids = ids

    @classmethod
    def of(cls, *many: Iterable[int]) -> Self:
        """Return all that is in any of these."""
        return cls(np.unique(np.concatenate([np.empty(0, np.int64), *map(_numbers, many)])))

    @classmethod
    def _from_iterable(cls, ids: Iterable[Any]) -> Any:
        return cls.of(ids)

    def __contains__(self, entry: object) -> bool:
        return isinstance(entry, int) and bool(self.have(np.array([entry]))[0])

    def __iter__(self) -> Iterator[int]:
        return iter(self.ids.tolist())

    def __len__(self) -> int:
        return len(self.ids)

    def have(self, ids: Ids) -> npt.NDArray[np.bool_]:
        """Tell of each of some ids whether it is here."""
        if not len(self.ids):
            return np.zeros(len(ids), np.bool_)
        nearest = np.searchsorted(self.ids, ids).clip(max=len(self.ids) - 1)
        found: npt.NDArray[np.bool_] = self.ids[nearest] == ids
        return found

    def isdisjoint(self, other: Iterable[Any]) -> bool:
        """Tell whether nothing of the other is here."""
        return not self & _entries(other)

    def __and__(self, other: Set[Any]) -> Entries:
        few, many = sorted((self, _entries(other)), key=len)
        return Entries(few.ids[many.have(few.ids)])

    def __or__(self, other: Set[Any]) -> Entries:
        return Entries.of(self, other)

    def __sub__(self, other: Set[Any]) -> Entries:
        return Entries(self.ids[~_entries(other).have(self.ids)])


def _entries(ids: Iterable[Any]) -> Entries:
    return ids if isinstance(ids, Entries) else Entries.of(ids)


def _numbers(ids: Iterable[int]) -> Ids:
    if isinstance(ids, Entries):
        return ids.ids
    return ids if isinstance(ids, np.ndarray) else np.fromiter(ids, np.int64)


class PackedEntries(NamedTuple):
    """A set of entry ids: their compressed blob, the lowest and the highest."""

    entries: bytes
    lowest_entry: int | None
    highest_entry: int | None


def pack(entry_ids: Iterable[int]) -> PackedEntries:
    """Return entry ids (64-bit, positive) as they are kept."""
    ids = Entries.of(entry_ids).ids
    # Ids that follow each other closely become a row of small numbers, which is next to nothing.
    blob = zlib.compress(np.diff(ids, prepend=0).astype("<i8").tobytes(), 1)
    return PackedEntries(blob, int(ids[0]) if len(ids) else None, int(ids[-1]) if len(ids) else None)


def unpack(entries: bytes) -> Entries:
    """Return the entry ids in a blob. Raises ValueError for what is none."""
    try:
        steps = np.frombuffer(zlib.decompress(entries), "<i8")
    except zlib.error as error:
        raise ValueError(f"not packed entry ids: {error}") from None
    return Entries(np.cumsum(steps))
