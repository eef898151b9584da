"""`python -m tests.clients`: clients of other people, unpatched, drive the stand-ins as an independent check.

Each is installed from its registry into a folder of its own. A line is printed for each check, and the
command ends with 1 where a client shows something else than the stand-in holds.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from blocks.process import quiet_prefect
from tests.clients import mambu, xero
from tests.clients.comparing import Checks
from tests.clients.driven import Driven, DriverError, driven
from tests.clients.installing import Client, InstallError
from tests.helpers.prefect_server import ROOT

Check = Callable[[Driven, Checks], None]
# Versions are fixed, so that a difference is one of ours.
CLIENTS: dict[str, tuple[Client, Check]] = {
    "pyxero": (Client("pyxero", "pyxero==0.9.5", "pyxero_driver.py"), xero.check),
    "xero-node": (Client("xero-node", "xero-node@20.0.0", "xero_node_driver.js"), xero.check),
    "tap-mambu": (Client("tap-mambu", "tap-mambu==4.6.1", "tap_mambu_driver.py"), mambu.check_extractor),
    "mambupy": (Client("mambupy", "mambupy==2.5.1", "mambupy_driver.py"), mambu.check_library),
}


def main() -> int:
    """Install, drive, compare, print; return 1 where anything differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", nargs="?", choices=CLIENTS, help="the client; all of them without a name")
    parser.add_argument(
        "--folder", type=Path, default=ROOT / ".pytest_cache" / "clients", help="where clients are installed"
    )
    parser.add_argument("--fresh", action="store_true", help="install anew what is there already")
    parser.add_argument("--lines", type=int, default=1200, help="journal lines of a seeded day in Mambu")
    asked = parser.parse_args()
    wrong = 0
    for name in [asked.name] if asked.name else CLIENTS:
        client, check = CLIENTS[name]
        installed: Path = asked.folder.absolute() / name
        checks = Checks(name)
        try:
            client.install(installed, fresh=asked.fresh)
            with driven(client, installed, lines_per_day=asked.lines) as opened:
                check(opened, checks)
        except (InstallError, DriverError) as error:
            checks.says(f"the client {client.package}", str(error))
        except (LookupError, TypeError, ValueError):
            # What the client shows has not even the shape of what the stand-in holds.
            checks.says(f"the client {client.package}", traceback.format_exc())
        print(f"{name:<10}{checks.made} checks, {checks.wrong} with differences ({client.package})\n")
        wrong += checks.wrong
    return 1 if wrong else 0


if __name__ == "__main__":
    quiet_prefect()
    sys.exit(main())
