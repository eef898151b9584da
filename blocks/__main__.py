"""`python -m blocks register`, `save NAME [--env-file FILE]` and `upgrade NAME`."""

from __future__ import annotations

import asyncio
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from blocks.errors import UsageError
from blocks.process import run_command

if TYPE_CHECKING:
    from blocks.connections.environment import Connections

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
    """Save a journal connection, a payment connection or both under NAME, from environment variables.

    Mambu's variables make the first, Infor's the second. Saving it again replaces it. docs/connect.md
    lists the variables.
    """
    from blocks.connections import environment

    if not _NAME.fullmatch(name):
        raise UsageError("A connection's name has small letters, digits and single dashes, such as acme-uk.")
    read = environment.env_file(env_file) if env_file else {}
    unknown = sorted(set(read) - {*environment.VARIABLES, "DAYBOOK_HOME"})
    if unknown:
        raise UsageError(f"{env_file} has names that Daybook does not know: {', '.join(unknown)}.")
    given = {**os.environ, **read}
    made = environment.connections(given)
    keep_database_private()
    asyncio.run(_save(name, made))
    if made.journals:
        click.echo(f"Saved the connection {name}. Try it: python -m flows.main --connection {name} --dry-run")
    if made.payments:
        click.echo(
            f"Saved the payment connection {name}. Try it: python -m flows.main payments --connection {name} "
            "--dry-run"
        )


@main.command()
@click.argument("name")
def upgrade(name: str) -> None:
    """Bring the store of the connection NAME up to date with this Daybook.

    Stop all runs of the older one first.
    """
    asyncio.run(_upgrade(name))
    click.echo(f"The store of the connection {name} is up to date.")


def keep_database_private() -> None:
    """Take the rights of others off Prefect's database on this machine; an earlier program may have made it.

    What is made from now on is private anyhow: see blocks.private_files.
    """
    from prefect.settings import get_current_settings
    from sqlalchemy import make_url

    settings = get_current_settings()
    url = settings.server.database.connection_url
    file = make_url(url.get_secret_value()).database if url and not settings.api.url else None
    for name in (file, f"{file}-wal", f"{file}-shm") if file else ():
        with suppress(OSError):  # not there, or another user's
            Path(name).chmod(0o600)


async def _upgrade(name: str) -> None:
    from blocks.connections.payments import store_of

    await (await store_of(name)).open().upgrade()


async def _register() -> list[str]:
    from blocks.connections.journals import JournalConnection
    from blocks.connections.payments import PaymentConnection
    from blocks.infor_ln.credentials import InforLNCredentials
    from blocks.mambu.credentials import MambuCredentials
    from blocks.store.block import DaybookStore
    from blocks.xero.credentials import XeroCredentials

    kinds = (
        MambuCredentials,
        XeroCredentials,
        InforLNCredentials,
        DaybookStore,
        JournalConnection,
        PaymentConnection,
    )
    for kind in kinds:
        await kind.aregister_type_and_schema()
    return [kind.get_block_type_slug() for kind in kinds]


async def _save(name: str, made: Connections) -> None:
    await _register()
    # The parts are documents of their own, so that several connections can share one later.
    journals, payments = made.journals, made.payments
    if journals:
        await journals.mambu.asave(f"{name}-mambu", overwrite=True)
        await journals.xero.asave(f"{name}-xero", overwrite=True)
        await journals.store.asave(f"{name}-store", overwrite=True)
        await journals.asave(name, overwrite=True)
    if payments:
        if journals:
            payments.mambu, payments.store = journals.mambu, journals.store
        else:
            await payments.store.asave(f"{name}-store", overwrite=True)
        # Not the journals' Xero: that one asks for other scopes.
        await payments.xero.asave(f"{name}-payments-xero", overwrite=True)
        await payments.ln.asave(f"{name}-ln", overwrite=True)
        await payments.asave(name, overwrite=True)


if __name__ == "__main__":
    run_command(main, "python -m blocks")
