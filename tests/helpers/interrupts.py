"""Ctrl-C for the commands that tests start: their parent may ignore it, as in the background of a shell."""

from __future__ import annotations

import signal


def let_through() -> None:
    """Let a child be interrupted, whatever its parent ignores: for `preexec_fn`."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def ignored() -> None:
    """Let a child ignore interrupts, as one in the background of a shell does: for `preexec_fn`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
