"""The process that Daybook runs in: a quiet start, and how a command ends."""

from __future__ import annotations

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
from blocks.private_files import keep_new_files_private
from blocks.text import json_text, visible

WRONG_USE, INTERRUPTED, TERMINATED = 2, 130, 143
# Prefect's server, interrupted while it starts, may never end by itself.
_GRACE_SECONDS = 5.0


def run_command(command: click.Group, program: str) -> None:
    """Run a command line and exit: 2 for wrong use or configuration, 1 for a failure, 130 for Ctrl-C, and
    143 for SIGTERM.
    """
    quiet_prefect()
    # Prefect's own database among them, which the first command on a machine makes: it holds the secrets.
    keep_new_files_private()
    words = sys.argv[1:]
    signal.signal(signal.SIGTERM, _terminated)
    try:
        command.main(words, prog_name=program, standalone_mode=False)
    except SystemExit:
        raise
    except click.ClickException as error:
        _tell(error.format_message(), words, shown=True)
        error.show()
        sys.exit(WRONG_USE)
    except BaseException as error:
        if _is_stop(error):
            _say_interrupted()
            # An interrupt inside exec(), as imports of dataclasses use it, makes Python die of the signal
            # however it was caught; the next exec() that comes to its end takes that back.
            exec("")  # noqa: S102
            sys.exit(_exit_code())
        if not isinstance(error, Exception):
            raise
        # What is not ours may be a Prefect server that is not there.
        told = error if isinstance(error, DaybookError) else _not_ours(error)
        _tell(str(told), words)
        sys.exit(told.exit_code)


def _is_stop(error: BaseException) -> bool:
    """Tell whether a command ended because it was told to: whatever it then fell over is of no interest."""
    if _signals or isinstance(error, click.Abort | KeyboardInterrupt):
        return True
    # What Prefect makes of a SIGTERM while a flow runs, and what pydantic makes of an interrupt.
    prefect = sys.modules.get("prefect.exceptions")
    if prefect is not None and isinstance(error, prefect.TerminationSignal):
        _signals.add(signal.SIGTERM)
        return True
    return "KeyboardInterrupt" in str(error)


def _tell(message: str, words: list[str], *, shown: bool = False) -> None:
    if "--json" in words:
        click.echo(json_text({"status": "failed", "message": message}))
    if not shown:
        click.echo(visible(message, lines=True), err=True)


def _not_ours(fault: Exception) -> DaybookError:
    if "Failed to reach API" in str(fault) or "connection attempts failed" in str(fault):
        where = os.environ.get("PREFECT_API_URL") or "the address in Prefect's profile"
        return UsageError(
            f"The Prefect server does not answer at {where}. Start it, or do without one: "
            "prefect config unset PREFECT_API_URL"
        )
    why = " ".join(str(fault).split())[:300]
    return DaybookError(f"This could not be run{f': {why}' if why else ''}. Nothing is lost: run it again.")


# The signals that are to end this process.
_signals: set[int] = set()


def _terminated(_number: int, frame: FrameType | None) -> None:
    """End as on Ctrl-C, also where that is ignored, as in a shell's background."""
    _signals.add(signal.SIGTERM)
    as_interrupted = signal.getsignal(signal.SIGINT)
    if not callable(as_interrupted):
        raise KeyboardInterrupt
    as_interrupted(signal.SIGTERM, frame)


def _exit_code() -> int:
    return TERMINATED if signal.SIGTERM in _signals else INTERRUPTED


def end_soon_when_interrupted() -> None:
    """Let Ctrl-C and SIGTERM end this process within seconds, whatever it waits for; for a running loop.

    Without it, an interrupt while Prefect's server starts waits for a start that no longer comes.
    """
    before = signal.getsignal(signal.SIGINT)

    def interrupted(number: int, frame: FrameType | None) -> None:
        _signals.add(number)
        timer = threading.Timer(_GRACE_SECONDS, _end_now)
        timer.daemon = True
        timer.start()
        if callable(before):
            before(number, frame)
        elif number == signal.SIGTERM:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupted)


def _end_now() -> None:
    _say_interrupted()
    with suppress(OSError):
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii")
        for child in children.split():
            os.kill(int(child), signal.SIGTERM)
    os._exit(_exit_code())


@cache
def _say_interrupted() -> None:
    _tell("Interrupted. Nothing is lost: run the same command again.", sys.argv[1:])


_SETTINGS = {
    # Without a network, every start would log that telemetry failed; and nobody asked to send any.
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    # The embedded server's own talk, and the console's copy of what goes to the run's log.
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",
    # As often as Prefect lets a run be heard of, so that one that died is known soon.
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    # The first start on a machine creates the server's database, which alone can take 20 seconds.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
}


def quiet_prefect() -> None:
    """Apply the settings that the user has not set."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
