"""Cached tasks whose results rest in files: what they hand on, and when an entry of the cache holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
from prefect import Task
from prefect.context import TaskRunContext
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from flows.journals.lines import file_digest, write_lines

# Part of each cache key: raise it when a stage's code would give other lines for the same input.
VERSION = "v1"


class Staged(BaseModel):
    """Lines in a file: where, the SHA-256 of its bytes, how many, and what is worth knowing of them."""

    path: Path
    digest: str
    lines: int
    notes: dict[str, Any] = {}


def staged(table: pa.Table, path: Path, **notes: Any) -> Staged:
    """Write lines to a file and return what to hand on."""
    return Staged(path=path, digest=write_lines(table, path), lines=table.num_rows, notes=notes)


def cache_key(*parts: object) -> str:
    """Return the key of a cached result: a readable folder per kind, then a digest of all that decides it."""
    kind, *rest = parts
    text = json.dumps(to_jsonable_python(rest), sort_keys=True, ensure_ascii=False)
    return f"daybook/{kind}/{VERSION}/{hashlib.sha256(text.encode()).hexdigest()}"


def given_key(_context: TaskRunContext, parameters: dict[str, Any]) -> str:
    """Return the key that the caller worked out, for it names the file of the result as well."""
    return str(parameters["key"])


async def from_cache(
    run: Callable[[Task[..., Any]], Awaitable[Staged]], task: Task[..., Any], *, refresh: bool = False
) -> Staged:
    """Run a cached task, and run it anew where `refresh` asks for it or its file is not what it was."""
    result = await run(task.with_options(refresh_cache=True) if refresh else task)
    if not result.path.exists() or file_digest(result.path) != result.digest:
        result = await run(task.with_options(refresh_cache=True))
    return result
