"""A command line in this process, which it leaves as it found it."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from unittest.mock import patch

import click

from blocks.process import run_command


def exit_code(group: click.Group, program: str, *words: str) -> object:
    """Run a command line to its end, as its process would, and return the exit code."""
    signals = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    mask = os.umask(0)
    os.umask(mask)
    try:
        with patch.object(sys, "argv", [program, *words]):
            run_command(group, program)
    except SystemExit as ended:
        return ended.code
    finally:
        os.umask(mask)
        for number, handler in signals.items():
            with suppress(TypeError):  # one that was not set from Python
                signal.signal(number, handler)
    return 0
