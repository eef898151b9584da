"""The command `sandbox`: serves the stand-ins for the other systems."""

from __future__ import annotations

from pathlib import Path

import click

from blocks.private_files import private_folder
from flows.cli.options import FOLDER, SANDBOX_DIR
from flows.cli.session import sandbox_directory


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The port (default: any free one).")
@click.option("--dir", "directory", type=FOLDER, help=SANDBOX_DIR)
@click.option(
    "--lines-per-day",
    type=click.IntRange(40, 10_000_000),
    default=1200,
    show_default=True,
    help="How many journal lines each day has.",
)
@click.option("--limits", is_flag=True, help="Enforce Xero's limits on calls.")
def sandbox(port: int, directory: Path | None, lines_per_day: int, limits: bool) -> None:
    """Serve the stand-ins for Mambu, Xero and Infor LN on this machine until interrupted."""
    from blocks.sandbox.app import serve
    from blocks.sandbox.process import SandboxSettings

    serve(SandboxSettings(private_folder(sandbox_directory(directory)), port, lines_per_day, limits))
