"""What is kept of an earlier code, in files beside this one, and the comparison with it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

# With this in the environment, what is there now is kept in the place of what was.
RECORD = "DAYBOOK_GOLDEN_RECORD"
_HERE = Path(__file__).parent


def as_kept(name: str, now: Any) -> tuple[Any, Any]:
    """Return what is there now and what was kept of it; the two are the same where it is kept anew."""
    text = json.dumps(now, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    file = _HERE / f"{name}.json"
    if os.environ.get(RECORD):
        file.write_text(text, encoding="utf-8")
    return json.loads(text), json.loads(file.read_text(encoding="utf-8"))
