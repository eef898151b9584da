"""What the stages of a run hand on: tables in memory, and one file a stage for whoever comes later.

The file is the cached result of the stage's task, which is valid while the file is whole. The folder also
lists it, so that a run can start from there.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from prefect import Task
from prefect.context import TaskRunContext
from pydantic import BaseModel, ValidationError
from pydantic_core import to_jsonable_python

from flows.journals.lines import file_digest, read_lines, release, write_lines

# Part of each cache key: raise it when a stage's code would give other lines for the same input.
VERSION = "v3"


class Staged(BaseModel):
    """Lines in a file: where, the SHA-256 of its bytes, how many, and what is worth knowing of them."""

    path: Path
    digest: str
    lines: int
    notes: dict[str, Any] = {}


def staged(table: pa.Table, path: Path, **notes: Any) -> Staged:
    """Write lines to a file and return what to hand on."""
    return Staged(path=path, digest=write_lines(table, path), lines=table.num_rows, notes=notes)


class Written:
    """The tables that a run has written to files, for as long as it still needs them: they are in memory."""

    def __init__(self) -> None:
        self._tables: dict[str, pa.Table] = {}

    def write(self, table: pa.Table, path: Path, **notes: Any) -> Staged:
        """Write lines to a file, and keep them at hand."""
        part = staged(table, path, **notes)
        self._tables[part.digest] = table
        release()
        return part

    def read(self, part: Staged) -> pa.Table:
        """Return lines, from their file where this run has not written them."""
        table = self._tables.get(part.digest)
        return read_lines(part.path) if table is None else table

    def take(self, part: Staged) -> pa.Table:
        """Return the same for the last time: they are in memory as long as whoever takes them needs them."""
        table = self.read(part)
        self._tables.pop(part.digest, None)
        return table

    def let_go(self) -> None:
        """Keep nothing in memory any longer."""
        self._tables.clear()
        release()


class StageManifest(BaseModel):
    """What each stage has left of a day, the day's lines first: by stage, in the order of the steps.

    `read_anew`: what extract has left is not taken for what Mambu has now.
    """

    version: str = ""
    stages: dict[str, list[Staged]] = {}
    read_anew: bool = False


_LIST = "handed-on.json"


def write_manifest(folder: Path, stage: str, parts: Sequence[Staged]) -> None:
    """List what a stage saves for the next one; what later stages made of something else is unlisted."""
    listed = StageManifest(version=VERSION) if stage == "extract" else read_manifest(folder)
    listed.stages[stage] = list(parts)
    _write(folder, listed)


def _write(folder: Path, listed: StageManifest) -> None:
    unfinished = folder / f"{_LIST}.unfinished"
    unfinished.write_text(listed.model_dump_json())
    unfinished.replace(folder / _LIST)


def read_manifest(folder: Path) -> StageManifest:
    """Return what is listed of a day; nothing where the list is missing, unreadable, or of other columns."""
    try:
        listed = StageManifest.model_validate_json((folder / _LIST).read_bytes())
    except (OSError, ValidationError):
        return StageManifest(version=VERSION)
    return listed if listed.version == VERSION else StageManifest(version=VERSION)


def manifest_left_by(folder: Path, stage: str) -> list[Staged] | None:
    """Return what a stage has left, or None where it is not whole any more."""
    parts = read_manifest(folder).stages.get(stage)
    return parts if parts and all(_is_whole(part) for part in parts) else None


class StagedDay(BaseModel):
    """What is saved of a day between stages: by which stage, how many lines, and since when."""

    connection: str
    date: dt.date
    stage: str
    lines: int
    since: dt.datetime

    def __str__(self) -> str:
        """Return it in words."""
        return (
            f"{self.lines:,} lines of {self.date}, saved by {self.stage} at {self.since:%Y-%m-%d %H:%M} UTC"
        )


def staged_days(connection: str, folder: Path) -> list[StagedDay]:
    """Return what is saved of a connection's days, by day and stage; `folder` has a folder per day."""
    found: list[StagedDay] = []
    for day in sorted(folder.glob("????-??-??")):
        try:
            date = dt.date.fromisoformat(day.name)
            since = dt.datetime.fromtimestamp(day.stat().st_mtime, dt.UTC)
        except (ValueError, OSError):  # no day, or one that another run has just discarded
            continue
        found.extend(
            StagedDay(connection=connection, date=date, stage=stage, lines=parts[-1].lines, since=since)
            for stage, parts in read_manifest(day).stages.items()
            if parts
        )
    return found


StartFrom = Literal["extract", "process", "send"]


def resume_from(
    folder: Path, start_from: StartFrom, log: Callable[[str], None]
) -> tuple[Staged | None, list[Staged] | None]:
    """Return the day's lines and what the steps of process left, each None where it is to be made anew."""
    if start_from == "send":
        parts = manifest_left_by(folder, "process")
        if parts:
            return parts[0], parts[1:]
        log("The saved results of process are missing or damaged, so this run starts from process.")
    if start_from != "extract":
        parts = manifest_left_by(folder, "extract")
        if parts:
            return parts[0], None
        log("The saved lines of extract are missing or damaged, so this run starts from the beginning.")
    return None, None


def read_anew(folder: Path) -> None:
    """Let the next run that extracts the day read it from Mambu again; what extract has left stays."""
    _write(folder, read_manifest(folder).model_copy(update={"read_anew": True}))


def is_current(folder: Path) -> bool:
    """Tell whether what extract has left may be used again, if Mambu states the same count."""
    listed = read_manifest(folder)
    return bool(listed.stages.get("extract")) and not listed.read_anew


def discard(folder: Path) -> None:
    """Remove all that is saved of a day, so that nothing stale can be sent later."""
    shutil.rmtree(folder, ignore_errors=True)


def _is_whole(part: Staged) -> bool:
    return part.path.exists() and file_digest(part.path) == part.digest


def cache_key(*parts: object) -> str:
    """Return the key of a cached result: a readable folder per kind, then a digest of all that decides it."""
    kind, *rest = parts
    text = json.dumps(to_jsonable_python(rest), sort_keys=True, ensure_ascii=False)
    return f"daybook/{kind}/{VERSION}/{hashlib.sha256(text.encode()).hexdigest()}"


def given_key(_context: TaskRunContext, parameters: dict[str, Any]) -> str:
    """Return the key that the caller worked out, for it names the file of the result as well."""
    return str(parameters["key"])


async def from_cache(
    call: Callable[[Task[..., Any]], Awaitable[Staged]], task: Task[..., Any], *, refresh: bool = False
) -> Staged:
    """Run a cached task, and run it anew where `refresh` asks for it or its file is not what it was."""
    result = await call(task.with_options(refresh_cache=True) if refresh else task)
    if not _is_whole(result):
        result = await call(task.with_options(refresh_cache=True))
    return result
