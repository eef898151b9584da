"""`python -m blocks register`, `save NAME [--env-file FILE]` and `upgrade NAME`."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from blocks.command_line import run_command
from blocks.errors import UsageError

if TYPE_CHECKING:
    from blocks.connections import JournalConnection

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Register Daybook's blocks with Prefect, and save connections."""


@main.command()
def register() -> None:
    """Register the block types, so that connections can be seen and edited in Prefect's pages."""
    names = asyncio.run(_register())
    click.echo(f"Registered {', '.join(names)}.")


@main.command()
@click.argument("name")
@click.option(
    "--env-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file of NAME=value lines; they win over the environment.",
)
def save(name: str, env_file: Path | None) -> None:
    """Save a journal connection under NAME, from environment variables.

    Saving it again replaces it. The README lists the variables.
    """
    from blocks import environment

    if not _NAME.fullmatch(name):
        raise UsageError("A connection's name has small letters, digits and single dashes, such as acme-uk.")
    read = environment.env_file(env_file) if env_file else {}
    unknown = sorted(set(read) - {*environment.VARIABLES, "DAYBOOK_HOME"})
    if unknown:
        raise UsageError(f"{env_file} has names that mean nothing here: {', '.join(unknown)}.")
    given = {**os.environ, **read}
    connection = environment.journal_connection(given)
    asyncio.run(_save(name, connection))
    click.echo(f"Saved the connection {name}. Try it: python -m flows.main --connection {name} --dry-run")


@main.command()
@click.argument("name")
def upgrade(name: str) -> None:
    """Bring the store of the connection NAME up to date with this Daybook.

    Stop all runs of the older one first.
    """
    asyncio.run(_upgrade(name))
    click.echo(f"The store of the connection {name} is up to date.")


async def _upgrade(name: str) -> None:
    from blocks.connections import JournalConnection

    await (await JournalConnection.named(name)).store.open().upgrade()


async def _register() -> list[str]:
    from blocks.connections import JournalConnection
    from blocks.mambu import MambuCredentials
    from blocks.store import DaybookStore
    from blocks.xero import XeroCredentials

    kinds = (MambuCredentials, XeroCredentials, DaybookStore, JournalConnection)
    for kind in kinds:
        await kind.aregister_type_and_schema()
    return [kind.get_block_type_slug() for kind in kinds]


async def _save(name: str, connection: JournalConnection) -> None:
    await _register()
    # The parts are documents of their own, so that several connections can share one later.
    await connection.mambu.asave(f"{name}-mambu", overwrite=True)
    await connection.xero.asave(f"{name}-xero", overwrite=True)
    await connection.store.asave(f"{name}-store", overwrite=True)
    await connection.asave(name, overwrite=True)


if __name__ == "__main__":
    run_command(main, "python -m blocks")
