"""`python -m blocks.sandbox`: serve the sandbox until told to stop."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m blocks.sandbox",
        description="Stand-ins for Mambu, Xero and Infor LN on this machine. The first line printed is a "
        "JSON object with the addresses and the environment variables that a client needs.",
    )
    parser.add_argument("--port", type=_port, default=0, help="port on 127.0.0.1 (default: any free one)")
    parser.add_argument(
        "--dir", type=Path, default=Path(".sandbox"), help="directory of the state (default: %(default)s)"
    )
    parser.add_argument(
        "--lines-per-day",
        type=int,
        default=1200,
        help="journal lines of a seeded day (default: %(default)s)",
    )
    parser.add_argument("--limits", action="store_true", help="enforce Xero's call limits")
    parser.add_argument(
        "--seed", type=int, default=2026, help="number that decides what is seeded (default: %(default)s)"
    )
    parser.add_argument("--stop-with-parent", action="store_true", help="end when standard input ends")
    return parser.parse_args()


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65_535:
        raise argparse.ArgumentTypeError("a port must be a number from 0 to 65535")
    return port


def main() -> int:
    """Serve; return the exit code."""
    arguments = _arguments()
    # Until serve() takes over, Ctrl-C in mid-import ends the process without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from blocks.sandbox.app import SandboxError, SandboxSettings, serve

    settings = SandboxSettings(
        directory=arguments.dir,
        port=arguments.port,
        lines_per_day=arguments.lines_per_day,
        limits=arguments.limits,
        seed=arguments.seed,
    )
    try:
        serve(settings, stop_with_parent=arguments.stop_with_parent)
    except SandboxError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
