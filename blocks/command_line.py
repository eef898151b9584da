"""How a command of Daybook ends: a sentence for whatever goes wrong, and the exit code."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import FrameType

import click

from blocks.errors import DaybookError, UsageError
from blocks.quiet import quiet_prefect

WRONG_USE, INTERRUPTED = 2, 130
# Prefect's server, interrupted while it starts, may never end by itself.
_GRACE_SECONDS = 5.0


def run_command(command: click.Group, program: str) -> None:
    """Run a command line and exit: 2 for wrong use or configuration, 1 for a failure, 130 for Ctrl-C."""
    quiet_prefect()
    words = sys.argv[1:]
    try:
        command.main(words, prog_name=program, standalone_mode=False)
    except (click.Abort, KeyboardInterrupt):
        _say_interrupted()
        sys.exit(INTERRUPTED)
    except click.ClickException as error:
        _tell(error.format_message(), words, shown=True)
        error.show()
        sys.exit(WRONG_USE)
    except DaybookError as error:
        _tell(str(error), words)
        sys.exit(error.exit_code)
    except Exception as fault:  # noqa: BLE001 - what is not ours, such as a Prefect server that is not there
        foreign = _not_ours(fault)
        _tell(str(foreign), words)
        sys.exit(foreign.exit_code)


def _tell(message: str, words: list[str], *, shown: bool = False) -> None:
    if "--json" in words:
        click.echo(json.dumps({"status": "failed", "message": message}, ensure_ascii=False))
    if not shown:
        click.echo(message, err=True)


def _not_ours(fault: Exception) -> DaybookError:
    if "Failed to reach API" in str(fault) or "connection attempts failed" in str(fault):
        where = os.environ.get("PREFECT_API_URL") or "the address in Prefect's profile"
        return UsageError(
            f"The Prefect server does not answer at {where}. Start it, or do without one: "
            "prefect config unset PREFECT_API_URL"
        )
    return DaybookError(f"This could not be run ({type(fault).__name__}: {str(fault)[:300]}).")


def end_soon_when_interrupted() -> None:
    """Let Ctrl-C end this process within seconds, whatever it waits for; to be called in a running loop.

    Without it, an interrupt while Prefect's server starts waits for a start that no longer comes.
    """
    before = signal.getsignal(signal.SIGINT)

    def interrupted(number: int, frame: FrameType | None) -> None:
        timer = threading.Timer(_GRACE_SECONDS, _end_now)
        timer.daemon = True
        timer.start()
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGINT, interrupted)


def _end_now() -> None:
    _say_interrupted()
    with suppress(OSError):
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii")
        for child in children.split():
            os.kill(int(child), signal.SIGTERM)
    os._exit(INTERRUPTED)


@cache
def _say_interrupted() -> None:
    click.echo("Interrupted. Nothing is lost: run the same command again.", err=True)
