"""A day is read whole, or not at all: what Mambu states before and after, and what it gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest
from prefect import flow

from blocks.errors import Refusal
from flows.journals.extract import ATTEMPTS, extract
from flows.journals.staging import Staged
from tests.helpers.journals import line
from tests.helpers.journals_run import scripted_run
from tests.helpers.scripted import Script, answer


class Mambu:
    """A Mambu that states and gives so many lines of the day, the last number for ever."""

    def __init__(self, stated: Sequence[int], given: Sequence[int]) -> None:
        self._stated, self._given = _for_ever(stated), _for_ever(given)
        self.readings = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a count, or give all lines in one page."""
        if request.url.params["limit"] == "1":
            return answer(200, [], items_total=str(next(self._stated)))(request)
        self.readings += 1
        lines = [line(number, 1) for number in range(1, next(self._given) + 1)]
        return answer(200, lines, items_next_cursor="")(request)


def _for_ever(numbers: Sequence[int]) -> Iterator[int]:
    yield from numbers
    while True:
        yield numbers[-1]


async def extracted(folder: Path, mambu: Mambu) -> Staged:
    """Read a day from a Mambu, as a run does."""

    async with scripted_run(folder) as there:

        @flow(name="a day is read")
        async def run() -> Staged:
            return await extract(there.run)

        credentials = there.run.connection.mambu
        async with credentials.get_client(clock=there.clock, http=Script(mambu)) as there.run.mambu:
            return await run()


async def test_a_line_that_comes_while_a_day_is_read_is_not_lost(
    tmp_path: Path, home: Path, prefect: None
) -> None:
    """Where Mambu states another count after the reading than before, the day is read again."""
    mambu = Mambu(stated=[2, 3], given=[2, 3])
    assert (await extracted(tmp_path, mambu)).lines == 3
    assert mambu.readings == 2


@pytest.mark.parametrize("given", [2, 4])
async def test_a_day_of_which_other_lines_come_than_are_stated_is_refused(
    tmp_path: Path, home: Path, prefect: None, given: int
) -> None:
    """Where Mambu gives fewer or more lines than it states all the while, nothing is made of the day."""
    mambu = Mambu(stated=[3], given=[given])
    with pytest.raises(Refusal, match=f"reports 3 journal lines .* but returned {given}"):
        await extracted(tmp_path, mambu)
    assert mambu.readings == ATTEMPTS
