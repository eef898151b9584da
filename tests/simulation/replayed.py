"""A seed played again, to see that it takes the same course."""

from __future__ import annotations

import os
import subprocess
import sys


def shown_whatever_the_hashes(of: str, seed: int) -> set[str]:
    """Return what the command shows of a seed in processes whose orders of hashes differ: one text."""
    command = [sys.executable, "-m", "tests.simulation", "--of", of, "--seed", str(seed)]
    return {
        subprocess.run(
            command, env={**os.environ, "PYTHONHASHSEED": hashes}, capture_output=True, text=True, check=True
        ).stdout
        for hashes in ("1", "2")
    }
