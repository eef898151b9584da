"""Entry ids of a journal's lines as the store keeps them: one small blob, never a row a line."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np


class PackedEntries(NamedTuple):
    """A set of entry ids: their compressed blob, the lowest and the highest."""

    entries: bytes
    lowest_entry: int | None
    highest_entry: int | None


def pack(entry_ids: Iterable[int]) -> PackedEntries:
    """Return entry ids (64-bit, positive) as they are kept."""
    ids = np.unique(np.fromiter(entry_ids, np.int64))
    # Ids that follow each other closely become a row of small numbers, which is next to nothing.
    blob = zlib.compress(np.diff(ids, prepend=0).astype("<i8").tobytes(), 1)
    return PackedEntries(blob, int(ids[0]) if len(ids) else None, int(ids[-1]) if len(ids) else None)


def unpack(entries: bytes) -> frozenset[int]:
    """Return the entry ids in a blob. Raises ValueError for what is none."""
    try:
        steps = np.frombuffer(zlib.decompress(entries), "<i8")
    except zlib.error as error:
        raise ValueError(f"not packed entry ids: {error}") from None
    return frozenset(np.cumsum(steps).tolist())
