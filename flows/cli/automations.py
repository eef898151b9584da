"""The command `automations`: creates Prefect's automations for runs in trouble."""

from __future__ import annotations

import click


@click.command()
@click.option(
    "--notify", metavar="KIND/NAME", help="Also notify by this block, for example slack-webhook/finance."
)
def automations(notify: str | None) -> None:
    """Create Prefect's automations for runs that crashed, stopped responding, are late, or failed."""
    import asyncio

    from flows.runtime.automations import create

    for name in asyncio.run(create(notify)):
        click.echo(name)
