"""Process: the five steps from Mambu's lines to balanced batches, each a cached task of its own name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, ParamSpec, TypeVar
from zoneinfo import ZoneInfo

import pyarrow as pa
from prefect import Task, task

from blocks.mambu.models import MambuOffsets
from flows.journals.lines import release
from flows.journals.models import Plan
from flows.journals.process.balance import balance
from flows.journals.process.batch import batch
from flows.journals.process.errors import StepRefusal
from flows.journals.process.group import group
from flows.journals.process.map import Account, by_code, map_accounts
from flows.journals.process.validate import validate
from flows.journals.run import JournalsRun
from flows.journals.staging import (
    Staged,
    cache_key,
    from_cache,
    given_key,
    read_anew,
    write_manifest,
)
from flows.journals.tie_out import exact_sums
from flows.runtime.tasks import run_task

P = ParamSpec("P")
T = TypeVar("T")


class Worked(NamedTuple):
    """What a step makes of the lines before it, and what is worth knowing of that."""

    lines: pa.Table
    notes: dict[str, Any]


class Handed:
    """What a step hands to the next one in memory: worked out once, when somebody needs it.

    Of a step that was taken from the cache there is nothing but its notes. Its lines are worked out where a
    later step, which was not in the cache, asks for them.
    """

    def __init__(self, work: Callable[..., Worked], before: Handed | None = None, *settings: Any) -> None:
        self._work, self._before, self._settings = work, before, settings
        self._worked: Worked | None = None

    def worked(self) -> Worked:
        """Return what the step makes. Raises StepRefusal."""
        if self._worked is None:
            before = [self._before.worked().lines] if self._before else []
            self._worked = self._work(*before, *self._settings)
            if self._before:
                self._before.forget()
                release()
        return self._worked

    def forget(self) -> None:
        """Keep it no longer: it can be worked out again."""
        self._worked = None


async def process(run: JournalsRun, lines: Staged) -> list[Staged]:
    """Return what the five steps left: the batched lines, and the notes of all steps. Raises StepRefusal."""
    connection, digits = run.connection, run.digits
    chart = await read_chart(run)
    run.under_way = True
    run.account_names = {code: account.name for code, account in by_code(chart).items()}
    steps: list[tuple[Any, Callable[..., Worked], tuple[Any, ...]]] = [
        (validate_lines, _validated, (run.day.zone.key, digits, connection.mambu_offsets)),
        (map_lines, _mapped, (connection.account_map, chart, sorted(connection.refused_system_accounts))),
        (group_lines, _grouped, ()),
        (balance_lines, _balanced, (digits,)),
        (batch_lines, _batched, (connection.lines_per_journal,)),
    ]
    try:
        batched = await _worked_off(run, lines, steps)
    except StepRefusal as refusal:
        if refusal.step != "map":
            # What is put right in Mambu need not change the count by which a reading is taken for current.
            read_anew(run.folder)
        raise
    write_manifest(run.folder, "process", [lines, batched])
    return [batched]


async def _worked_off(
    run: JournalsRun, lines: Staged, steps: Sequence[tuple[Any, Callable[..., Worked], tuple[Any, ...]]]
) -> Staged:
    handed = Handed(lambda: Worked(run.written.take(lines), {}))
    key, notes = lines.digest, dict[str, Any]()
    for number, (step, work, settings) in enumerate(steps, start=1):
        await run.progress("process", number, len(steps))
        # A key stands for all that decides on the lines: Mambu's, and the settings of each step so far.
        key = cache_key("process", str(run.folder), step.name, key, settings)
        handed = Handed(work, handed, *settings)
        if number < len(steps):
            notes |= step(handed, key)

    async def call(this: Any) -> Staged:
        result: Staged = this(handed, key, run)
        return result

    batched = await from_cache(call, steps[-1][0])
    return batched.model_copy(update={"notes": notes})


def sums_of(run: JournalsRun, lines: Staged) -> Mapping[tuple[str, str], Decimal]:
    """Return the exact sums of the lines as extracted, which say something once the steps have taken them."""
    return exact_sums(run.written.read(lines), run.day.zone, run.connection.account_map, run.digits)


def plan_of(run: JournalsRun, steps: Sequence[Staged], sums: Mapping[tuple[str, str], Decimal]) -> Plan:
    """Return the day's plan: what the steps left, and Mambu's sums."""
    return Plan(run.day.date, run.written.read(steps[-1]), run.digits, run.connection.label, sums)


@run_task("process: read Xero's accounts")
async def read_chart(run: JournalsRun) -> list[Account]:
    """Return Xero's chart of accounts as it is now, by code."""
    accounts = await run.xero.accounts()
    return sorted(
        Account(account.code, account.name, account.status, account.type, account.system_account or None)
        for account in accounts
        if account.code
    )


def _cached_task(name: str) -> Callable[[Callable[P, T]], Task[P, T]]:
    return task(
        name=name,
        task_run_name=name,
        cache_key_fn=given_key,
        persist_result=True,
        result_serializer="json",
    )


# The lines go from step to step in memory. What is cached of a step, under `key`, are its notes; of the last
# one, the file of its lines.


@_cached_task("process: validate")
def validate_lines(handed: Handed, key: str) -> dict[str, Any]:  # noqa: ARG001
    """Refuse malformed lines, by name, and offsets that are not the zone's; leave out zero lines."""
    return handed.worked().notes


def _validated(lines: pa.Table, zone: str, digits: int, offsets: MambuOffsets) -> Worked:
    found = validate(lines, ZoneInfo(zone), digits, offsets)
    return Worked(found.lines, {"zero_lines": found.zero_entry_ids})


@_cached_task("process: map")
def map_lines(handed: Handed, key: str) -> dict[str, Any]:  # noqa: ARG001
    """Give each line its Xero account."""
    return handed.worked().notes


def _mapped(lines: pa.Table, account_map: dict[str, str], chart: list[Account], refused: list[str]) -> Worked:
    return Worked(map_accounts(lines, account_map, chart, refused), {})


@_cached_task("process: group")
def group_lines(handed: Handed, key: str) -> dict[str, Any]:  # noqa: ARG001
    """Find the lines that must stay together."""
    return handed.worked().notes


def _grouped(lines: pa.Table) -> Worked:
    return Worked(group(lines), {})


@_cached_task("process: balance")
def balance_lines(handed: Handed, key: str) -> dict[str, Any]:  # noqa: ARG001
    """See that each unit sums to zero, and round it to the currency's minor unit."""
    return handed.worked().notes


def _balanced(lines: pa.Table, digits: int) -> Worked:
    found = balance(lines, digits)
    notes = {"pooled": found.pooled, "rounded": found.rounded, "rounded_away": found.rounded_away}
    return Worked(found.lines, notes)


@_cached_task("process: batch")
def batch_lines(handed: Handed, key: str, run: JournalsRun) -> Staged:
    """Fill the batches, and write them to a file."""
    return run.written.write(handed.worked().lines, run.folder / f"5-batch-{key[-12:]}.parquet")


def _batched(lines: pa.Table, lines_per_journal: int) -> Worked:
    return Worked(batch(lines, lines_per_journal), {})
