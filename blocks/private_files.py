"""The home folder, and files that only their owner can read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from blocks.errors import UsageError


def home() -> Path:
    """Return the home folder, `$DAYBOOK_HOME` or ~/.daybook, creating it where it is missing."""
    return private_folder(Path(os.environ.get("DAYBOOK_HOME") or Path.home() / ".daybook").expanduser())


def private_folder(path: Path) -> Path:
    """Return a folder; where it is missing, it is created so that only its owner can enter it."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        why = error.strerror or "the system does not say why"
        raise UsageError(
            f"The folder {path} cannot be used ({why}). Put another one into DAYBOOK_HOME, or give it with "
            "the option that names it."
        ) from None
    return path


def write_private(path: Path, content: bytes) -> None:
    """Write a file that its owner alone can read, also where it was there before. Raises UsageError."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - it is a descriptor, not a path
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.fchmod(descriptor, 0o600)
            file.write(content)
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}).") from None


def keep_new_files_private() -> None:
    """Make every file this process creates from now on readable by its owner only."""
    os.umask(0o077)
