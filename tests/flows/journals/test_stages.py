"""What a stage leaves is used again as long as it is whole and current, and made anew where it is not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from prefect import flow
from prefect.filesystems import LocalFileSystem
from prefect.settings import (
    PREFECT_DEFAULT_RESULT_STORAGE_BLOCK,
    PREFECT_LOCAL_STORAGE_PATH,
    temporary_settings,
)

from flows.journals.extract import extract
from flows.journals.models import Plan
from flows.journals.process.errors import StepRefusal
from flows.journals.process.tasks import plan_of, process, sums_of
from flows.journals.run import JournalsRun
from flows.journals.staging import Staged, Written, discard, read_manifest
from tests.helpers.journals import planned, posting, staged, transfers
from tests.helpers.journals_run import scripted_run
from tests.helpers.scripted import Script, answer

LINES = [*transfers(6), *posting(13, "0", "5", "-5")]
ACCOUNTS = [{"Code": one, "Name": one, "Status": "ACTIVE", "Type": "CURRENT"} for one in ("1100", "1200")]


class Mambu:
    """A Mambu of these lines, which counts how often they were read."""

    def __init__(self, lines: list[Any]) -> None:
        self.lines, self.readings = lines, 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a count, or give all lines in one page."""
        if request.url.params["limit"] == "1":
            return answer(200, [], items_total=str(len(self.lines)))(request)
        self.readings += 1
        return answer(200, self.lines, items_next_cursor="")(request)


async def run_with(
    folder: Path, mambu: Mambu, stages: Callable[[JournalsRun], Awaitable[Any]], **connection: Any
) -> Any:
    """Run stages as a run of its own does, with a Xero of the two accounts."""
    async with scripted_run(folder, answer(200, {"Accounts": ACCOUNTS}), **connection) as there:

        @flow(name="stages of a day")
        async def run() -> Any:
            return await stages(there.run)

        credentials = there.run.connection.mambu
        async with credentials.get_client(clock=there.clock, http=Script(mambu)) as there.run.mambu:
            return await run()


async def to_plan(run: JournalsRun) -> tuple[Plan, Staged]:
    """Take a day through extract and process."""
    lines = await extract(run)
    sums = sums_of(run, lines)
    steps = await process(run, lines)
    return plan_of(run, steps, sums), steps[-1]


def files(folder: Path) -> list[str]:
    """Return the names of the files of lines that are there."""
    return sorted(path.name.partition("-")[0] for path in folder.rglob("*.parquet"))


def times(folder: Path) -> dict[Path, int]:
    """Return when each file of lines was written."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")}


def damaged(folder: Path, lost: str, damage: str) -> None:
    """Remove files, or change them."""
    for path in list(folder.rglob(lost)):
        if damage == "gone":
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[:-1] + b"?")


@pytest.fixture
def mambu(prefect: None) -> Mambu:
    """Return a Mambu of the day's lines."""
    return Mambu(LINES)


async def test_a_stage_leaves_one_file(tmp_path: Path, home: Path, mambu: Mambu) -> None:
    """Extract and process leave a file each, and list what every step had to tell."""
    plan, batched = await run_with(tmp_path, mambu, to_plan)
    assert files(home) == ["5", "lines.parquet"]
    assert plan == planned(LINES)
    assert batched.notes == {"zero_lines": [13], "pooled": [], "rounded": [], "rounded_away": []}
    assert read_manifest(batched.path.parent).stages["process"][-1] == batched


async def test_a_second_run_works_nothing_out(tmp_path: Path, home: Path, mambu: Mambu) -> None:
    """A run of the same day and settings takes all of it from the cache, and has the same plan."""
    first = await run_with(tmp_path, mambu, to_plan)
    changed = times(home)
    assert await run_with(tmp_path, mambu, to_plan) == first
    assert mambu.readings == 1
    assert times(home) == changed


@pytest.mark.parametrize(("shared", "readings"), [(False, 2), (True, 1)])
async def test_another_worker_takes_what_is_in_a_storage_that_both_share(
    tmp_path: Path, home: Path, mambu: Mambu, shared: bool, readings: int
) -> None:
    """With the home and a result storage shared, a second worker reads nothing; else it reads anew."""
    block = LocalFileSystem(basepath=str(tmp_path / "shared"))
    name = f"shared-{uuid4().hex}"
    if shared:
        await block.save(name)
    plans = []
    for worker in ("one", "two"):
        own: dict[Any, Any] = {PREFECT_LOCAL_STORAGE_PATH: tmp_path / worker}
        if shared:
            own[PREFECT_DEFAULT_RESULT_STORAGE_BLOCK] = f"local-file-system/{name}"
        with temporary_settings(own):
            plans.append(await run_with(tmp_path, mambu, to_plan))
    assert plans[0] == plans[1]
    assert mambu.readings == readings


async def test_another_setting_is_worked_out_from_what_is_cached(
    tmp_path: Path, home: Path, mambu: Mambu
) -> None:
    """Where only the last step's setting is another one, it gets its lines although no step before ran."""
    await run_with(tmp_path, mambu, to_plan)
    plan, batched = await run_with(tmp_path, mambu, to_plan, lines_per_journal=2)
    assert plan == planned(LINES, cap=2)
    assert batched.notes["zero_lines"] == [13]
    assert mambu.readings == 1


@pytest.mark.parametrize("lost", ["5-batch-*.parquet", "lines.parquet", "*.parquet"])
@pytest.mark.parametrize("damage", ["gone", "changed"])
async def test_what_is_not_whole_is_made_anew(
    tmp_path: Path, home: Path, mambu: Mambu, lost: str, damage: str
) -> None:
    """A file that is gone or damaged is made anew, and only for Mambu's own lines is Mambu read again."""
    first = await run_with(tmp_path, mambu, to_plan)
    damaged(home, lost, damage)
    assert await run_with(tmp_path, mambu, to_plan) == first
    assert mambu.readings == (1 if lost.startswith("5") else 2)


async def test_a_discarded_day_is_read_again(tmp_path: Path, home: Path, mambu: Mambu) -> None:
    """Of a discarded day nothing is taken from the cache."""
    first = await run_with(tmp_path, mambu, to_plan)
    discard(first[1].path.parent)
    assert await run_with(tmp_path, mambu, to_plan) == first
    assert mambu.readings == 2


async def test_a_day_that_a_step_refused_is_read_again(tmp_path: Path, home: Path, mambu: Mambu) -> None:
    """What was put right in Mambu since, without another count of lines, is seen by the next run."""
    mambu.lines = [*transfers(2), *posting(5, "5", "-4")]
    with pytest.raises(StepRefusal):
        await run_with(tmp_path, mambu, to_plan)
    mambu.lines = [*transfers(2), *posting(5, "5", "-5")]
    plan, _ = await run_with(tmp_path, mambu, to_plan)
    assert plan == planned(mambu.lines)
    await run_with(tmp_path, mambu, to_plan)
    assert mambu.readings == 2


async def test_refresh_works_out_other_lines_anew(tmp_path: Path, home: Path, mambu: Mambu) -> None:
    """With `refresh`, lines that changed under the same count are read, and their steps worked out."""
    await run_with(tmp_path, mambu, to_plan)
    mambu.lines = [*transfers(6), *posting(13, "0", "7", "-7")]

    async def anew(run: JournalsRun) -> Any:
        run.refresh = True
        return await to_plan(run)

    plan, _ = await run_with(tmp_path, mambu, anew)
    assert plan == planned(mambu.lines)


def test_lines_are_at_hand_until_they_are_let_go(tmp_path: Path) -> None:
    """Lines that were written are the same from memory and from their file, and the file alone is left."""
    table, written = staged(LINES), Written()
    part = written.write(table, tmp_path / "lines.parquet", distinct=15)
    assert written.read(part) is table
    written.let_go()
    assert written.read(part) == table
    assert part.notes == {"distinct": 15}


def test_lines_are_taken_out_of_memory_once(tmp_path: Path) -> None:
    """Lines that were taken are no longer at hand, and come from their file."""
    table, written = staged(LINES), Written()
    part = written.write(table, tmp_path / "lines.parquet")
    assert written.take(part) is table
    assert written.take(part) is not table
    assert written.read(part) == table


def test_other_lines_in_the_file_are_not_those_in_memory(tmp_path: Path) -> None:
    """Of a file that was written again since, each result still has its own lines."""
    one, other, written = staged(LINES), staged(LINES[:4]), Written()
    parts = [written.write(table, tmp_path / "lines.parquet") for table in (one, other)]
    assert [written.read(part) for part in parts] == [one, other]
