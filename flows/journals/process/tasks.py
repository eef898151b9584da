"""Process: the five steps from Mambu's lines to balanced batches, each a cached task of its own name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ParamSpec
from zoneinfo import ZoneInfo

from prefect import Task, task

from blocks.mambu.models import MambuOffsets
from flows.journals.lines import read_lines
from flows.journals.models import Plan
from flows.journals.process.balance import balance
from flows.journals.process.batch import batch
from flows.journals.process.errors import StepRefusal
from flows.journals.process.group import group
from flows.journals.process.map import Account, by_code, map_accounts
from flows.journals.process.validate import validate
from flows.journals.run import JournalsRun
from flows.journals.staging import Staged, cache_key, from_cache, given_key, read_anew, staged, write_manifest
from flows.journals.tie_out import exact_sums
from flows.runtime.tasks import run_task

P = ParamSpec("P")


async def process(run: JournalsRun, lines: Staged) -> list[Staged]:
    """Return what each of the five steps left, the batched lines last. Raises StepRefusal."""
    connection, digits = run.connection, run.digits
    chart = await read_chart(run)
    run.under_way = True
    run.account_names = {code: account.name for code, account in by_code(chart).items()}
    steps: list[tuple[Any, tuple[Any, ...]]] = [
        (validate_lines, (run.day.zone.key, digits, connection.mambu_offsets)),
        (map_lines, (connection.account_map, chart, sorted(connection.refused_system_accounts))),
        (group_lines, ()),
        (balance_lines, (digits,)),
        (batch_lines, (connection.lines_per_journal,)),
    ]
    done = [lines]
    try:
        for number, (step, settings) in enumerate(steps, start=1):
            await run.progress("process", number, len(steps))
            done.append(await _cached(run, number, step, done[-1], settings))
    except StepRefusal as refusal:
        if refusal.step != "map":
            # What is put right in Mambu need not change the count by which a reading is taken for current.
            read_anew(run.folder)
        raise
    write_manifest(run.folder, "process", done)
    return done[1:]


def plan_of(run: JournalsRun, lines: Staged, steps: Sequence[Staged]) -> Plan:
    """Return the day's plan: what the steps left, and the exact sums of the lines as extracted."""
    connection, zone = run.connection, run.day.zone
    sums = exact_sums(read_lines(lines.path), zone, connection.account_map, run.digits)
    return Plan(run.day.date, read_lines(steps[-1].path), run.digits, connection.label, sums)


async def _cached(
    run: JournalsRun, number: int, step: Any, source: Staged, settings: tuple[Any, ...]
) -> Staged:
    key = cache_key("process", str(run.folder), step.name, source.digest, settings)
    name = step.name.removeprefix("process: ")
    target = run.folder / f"{number}-{name}-{key[-12:]}.parquet"

    async def call(this: Any) -> Staged:
        result: Staged = this(source, target, key, *settings)
        return result

    return await from_cache(call, step)


@run_task("process: read Xero's accounts")
async def read_chart(run: JournalsRun) -> list[Account]:
    """Return Xero's chart of accounts as it is now, by code."""
    accounts = await run.xero.accounts()
    return sorted(
        Account(account.code, account.name, account.status, account.type, account.system_account or None)
        for account in accounts
        if account.code
    )


def _cached_task(name: str) -> Callable[[Callable[P, Staged]], Task[P, Staged]]:
    return task(
        name=name,
        task_run_name=name,
        cache_key_fn=given_key,
        persist_result=True,
        result_serializer="json",
    )


# Each step reads the file of the one before it. `key` names the result: digest of the input and settings.


@_cached_task("process: validate")
def validate_lines(
    source: Staged,
    target: Path,
    key: str,  # noqa: ARG001
    zone: str,
    digits: int,
    offsets: MambuOffsets,
) -> Staged:
    """Refuse malformed lines, by name, and offsets that are not the zone's; leave out zero lines."""
    found = validate(read_lines(source.path), ZoneInfo(zone), digits, offsets)
    return staged(found.lines, target, zero_lines=found.zero_entry_ids)


@_cached_task("process: map")
def map_lines(
    source: Staged,
    target: Path,
    key: str,  # noqa: ARG001
    account_map: dict[str, str],
    chart: list[Account],
    refused: list[str],
) -> Staged:
    """Give each line its Xero account."""
    return staged(map_accounts(read_lines(source.path), account_map, chart, refused), target)


@_cached_task("process: group")
def group_lines(source: Staged, target: Path, key: str) -> Staged:  # noqa: ARG001
    """Find the lines that must stay together."""
    return staged(group(read_lines(source.path)), target)


@_cached_task("process: balance")
def balance_lines(source: Staged, target: Path, key: str, digits: int) -> Staged:  # noqa: ARG001
    """See that each unit sums to zero, and round it to the currency's minor unit."""
    found = balance(read_lines(source.path), digits)
    return staged(
        found.lines, target, pooled=found.pooled, rounded=found.rounded, rounded_away=found.rounded_away
    )


@_cached_task("process: batch")
def batch_lines(source: Staged, target: Path, key: str, lines_per_journal: int) -> Staged:  # noqa: ARG001
    """Fill the batches."""
    return staged(batch(read_lines(source.path), lines_per_journal), target)
