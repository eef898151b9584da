"""Reading a list of Xero's page by page: when that ends, and whether all of the list was seen. Pure.

A list can change while its pages are read, and an answer can say anything of what is still to come.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec


class Pagination(msgspec.Struct, frozen=True, rename="camel"):
    """What Xero states of a list that it gives in pages."""

    page_count: int
    item_count: int


class Reading:
    """One reading of a list: `page` is the one to ask for, until it has `ended`.

    It ends behind the last page that Xero states; where Xero states none, behind an empty one. It also
    ends, and is then not `whole`, where reading on might never end: at a page that brings nothing new, where
    more came than is stated, and behind `most_pages`.
    """

    def __init__(self, most_pages: int) -> None:
        self.page = 1
        self.ended = False
        self._most_pages = most_pages
        self._ids: set[str] = set()
        self._counts: set[int] = set()
        self._astray = False

    def take(self, ids: Collection[str], pagination: Pagination | None) -> None:
        """Take in a page: what tells its items from all others, and what it states of the list."""
        brings_nothing = self._ids.issuperset(ids)
        self._ids.update(ids)
        if pagination is None:
            last = not ids
        else:
            self._counts.add(pagination.item_count)
            last = self.page >= pagination.page_count
        self._astray = not last and (
            brings_nothing
            or len(self._ids) > min(self._counts, default=len(self._ids))
            or self.page >= self._most_pages
        )
        self.ended = last or self._astray
        self.page += 1

    @property
    def size(self) -> int:
        """Return how many items the list has, as far as it was read or as Xero states, whichever is more."""
        return max(len(self._ids), *self._counts, 0)

    @property
    def whole(self) -> bool:
        """Tell whether the list was read to its end, and had as many items as each page stated."""
        return self.ended and not self._astray and self._counts <= {len(self._ids)}
