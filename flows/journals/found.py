"""Which journal holds which line, in columns. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from blocks.store.entries import Entries, Ids


class Found(Mapping[int, int]):
    """For each entry id that is live the position of the journal that holds it."""

    def __init__(self, entries: Ids, positions: Ids) -> None:
        order = np.argsort(entries, kind="stable")
        self.entries, self._positions = Entries(entries[order]), positions[order]

    def __getitem__(self, entry: int) -> int:
        if entry not in self.entries:
            raise KeyError(entry)
        return int(self._positions[np.searchsorted(self.entries.ids, entry)])

    def __iter__(self) -> Iterator[int]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def holders(self) -> list[int]:
        """Return the positions of the journals that hold anything."""
        holders: list[int] = np.unique(self._positions).tolist()
        return holders

    @property
    def by_holder(self) -> dict[int, Entries]:
        """Return what each journal holds, by its position."""
        order = np.argsort(self._positions, kind="stable")
        holders, starts = np.unique(self._positions[order], return_index=True)
        parts = np.split(self.entries.ids[order], starts[1:])
        return dict(zip(holders.tolist(), map(Entries, parts), strict=False))
