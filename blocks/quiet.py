"""Prefect's settings for a local run: what means nothing to the user stays out of the terminal.

To be called before prefect is imported. What the user has set stands.
"""

from __future__ import annotations

import os

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
