"""Options that commands share: dates, instants, and which connection or sandbox to use."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from blocks.dates import require_askable
from flows.cli.session import sandbox_directory

T = TypeVar("T", bound=dt.date)
FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)
_CONNECTION = "The name of the saved connection."
_SANDBOX = "Use a sandbox on this machine in place of the real systems."
SANDBOX_DIR = "The sandbox's folder (default: sandbox in the home folder)."


class _Parsed(click.ParamType[T]):
    """A date or instant that a run can be asked for."""

    def __init__(self, name: str, example: str, parse: Callable[[str], T]) -> None:
        self.name = name
        self._example = example
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> T:
        """Return the value, or fail where it is none or out of range."""
        try:
            found = self._parse(value)
        except ValueError:
            self.fail(f"{value!r} is not {self._example}.", param, ctx)
        require_askable(param.opts[0] if param else self.name, found)
        return found


def _date(text: str) -> dt.date:
    return dt.datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=dt.UTC).date()


def _instant(text: str) -> dt.datetime:
    instant = dt.datetime.fromisoformat(text)
    return instant if instant.tzinfo else instant.replace(tzinfo=dt.UTC)


DATE = _Parsed("date", "a date such as 2026-11-20", _date)
INSTANT = _Parsed("instant", "an instant such as 2026-11-20T08:00:00+00:00", _instant)


def common_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command its `connection`, the `directory` of its sandbox or None, and `as_json`."""

    @click.option("--connection", default="default", show_default=True, help=_CONNECTION)
    @click.option("--sandbox", is_flag=True, help=_SANDBOX)
    @click.option("--sandbox-dir", type=FOLDER, help=SANDBOX_DIR)
    @click.option("--json", "as_json", is_flag=True, help="Print only one JSON object on stdout.")
    @wraps(command)
    def with_directory(*context: click.Context, sandbox: bool, sandbox_dir: Path | None, **rest: Any) -> Any:
        directory = sandbox_directory(sandbox_dir) if sandbox or sandbox_dir else None
        return command(*context, directory=directory, **rest)

    return with_directory


def subcommand_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a subcommand `connection` and `directory`, whether they are named before it or after it."""

    @click.option("--connection", help=_CONNECTION)
    @click.option("--sandbox", is_flag=True, help=_SANDBOX)
    @click.option("--sandbox-dir", type=FOLDER, help=SANDBOX_DIR)
    @click.pass_obj
    @wraps(command)
    def with_directory(
        given: tuple[str, Path | None],
        /,
        connection: str | None,
        sandbox: bool,
        sandbox_dir: Path | None,
        **rest: Any,
    ) -> Any:
        named, directory = given
        if sandbox_dir or (sandbox and directory is None):
            directory = sandbox_directory(sandbox_dir)
        return command(connection=connection or named, directory=directory, **rest)

    return with_directory
