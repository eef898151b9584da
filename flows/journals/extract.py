"""Extract: every journal line that Mambu created on the day, proved to be complete."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import anyio
import pyarrow as pa
from prefect import Task, task
from prefect.context import TaskRunContext

from blocks.errors import Refusal
from blocks.mambu.client import PAGE_LINES
from flows.days import Day, Window, whole, windows
from flows.journals.lines import lines_of_day, staged_lines
from flows.journals.run import JournalsRun
from flows.journals.staging import Staged, cache_key, from_cache, is_current, write_manifest
from flows.runtime.tasks import Retrying, run_task

# Lines can still be committed into a day while it is read; this often the reading starts over.
ATTEMPTS = 3


async def extract(run: JournalsRun) -> Staged:
    """Return the day's lines: as many as Mambu states, both before and after they were read.

    Raises Refusal where that cannot be had.
    """
    run.under_way = True
    stated = await count_lines(run)
    for attempt in range(1, ATTEMPTS + 1):
        refresh = run.refresh or attempt > 1 or not is_current(run.folder)
        await run.progress("extract", 0, stated)
        lines = await _read(run, stated, refresh=refresh)
        again = await count_lines(run)
        # A malformed line may lack what tells it from others; validate will name it, and nothing is sent.
        if lines.notes["distinct"] == stated == again or lines.notes["malformed"]:
            _warn_of_nothing(run, lines)
            write_manifest(run.folder, "extract", [lines])
            return lines
        run.warn(
            f"Mambu reported {stated} lines before and {again} after reading, and returned "
            f"{lines.notes['distinct']}: attempt {attempt} of {ATTEMPTS}."
        )
        stated = again
    raise Refusal(
        f"Mambu reports {stated} journal lines around {run.day.date} but returned {lines.notes['distinct']}, "
        f"even after {ATTEMPTS} attempts. Nothing was sent, because lines would be missing. Run the date "
        "again when nothing is being booked on that day."
    )


def _warn_of_nothing(run: JournalsRun, lines: Staged) -> None:
    if lines.lines == 0 and (run.clock.now() - run.day.end).days > 1:
        run.warn(
            f"Mambu has no journal lines for {run.day.date}. If there should be some, the day may have "
            "been archived in Mambu."
        )


async def _read(run: JournalsRun, stated: int, *, refresh: bool) -> Staged:
    def call(this: Task[..., Any]) -> Awaitable[Staged]:
        return this(run, stated)

    return await from_cache(call, read_day.with_options(**Retrying(run).options), refresh=refresh)


def _day_key(_context: TaskRunContext, parameters: dict[str, Any]) -> str:
    # The count that Mambu states is part of the key: when it changes, the day is read again.
    run, stated = parameters["run"], parameters["stated"]
    day = (run.day.start, run.day.end)
    return cache_key("extract", run.connection.mambu.base_url, str(run.folder), day, stated)


@task(
    name="extract: read",
    task_run_name="extract: read",
    cache_key_fn=_day_key,
    persist_result=True,
    result_serializer="json",
)
async def read_day(run: JournalsRun, stated: int) -> Staged:
    """Return the day's lines out of all windows, each once, without what lies around the day."""
    windows_read = await _read_windows(run, stated)
    lines, distinct = lines_of_day(windows_read, run.day.start, run.day.end)
    malformed = lines.num_rows - lines["problem"].null_count
    return run.written.write(lines, run.folder / "lines.parquet", distinct=distinct, malformed=malformed)


async def _read_windows(run: JournalsRun, stated: int) -> list[pa.Table]:
    """Return the lines of all windows, which overlap."""
    gate = anyio.CapacityLimiter(run.connection.mambu_concurrency)
    done = 0

    async def read(window: Window) -> pa.Table:
        nonlocal done
        async with gate:
            pages = [
                staged_lines(page.lines, page.unreadable)
                async for page in run.mambu.journal_lines(window.after, window.before, most=_most(stated))
            ]
        done += sum(page.num_rows for page in pages)
        await run.progress("extract", min(done, stated), stated)
        # In one piece: what is in thousands of small ones cannot be given back when it is let go.
        return pa.concat_tables(pages).combine_chunks()

    try:
        async with asyncio.TaskGroup() as group:
            reading = [group.create_task(read(window)) for window in windows(run.day, stated)]
    except BaseExceptionGroup as failed:
        # One window that cannot be read ends the others; its error stands for all.
        raise failed.exceptions[0] from None
    return [window.result() for window in reading]


def _most(stated: int) -> int:
    """Return how many lines are read of a window, however many more are offered.

    Lines can come into a day while it is read, which the count after it tells; as many again do not.
    """
    return 2 * stated + 10 * PAGE_LINES


@run_task("extract: count")
async def count_lines(run: JournalsRun) -> int:
    """Return how many lines Mambu states for the day and the edges around it."""
    return await count_lines_of(run, run.day)


async def count_lines_of(run: JournalsRun, day: Day) -> int:
    """Return the same of any day."""
    return await run.mambu.count_lines(*whole(day))
