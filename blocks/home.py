"""The home folder: the default store, staged lines and sandboxes, for their owner's eyes only."""

from __future__ import annotations

import os
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
        raise UsageError(
            f"The folder {path} cannot be used ({error.strerror or type(error).__name__}). Put another one "
            "into DAYBOOK_HOME, or give it with the option that names it."
        ) from None
    return path


def keep_new_files_private() -> None:
    """Make every file this process creates from now on readable by its owner only."""
    os.umask(0o077)
