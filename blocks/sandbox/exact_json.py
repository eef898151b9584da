"""JSON with exact decimals, which the standard library reads but does not write."""

from __future__ import annotations

import json
from decimal import Decimal


def dumps(value: object) -> str:
    """Return a value as compact JSON; a Decimal becomes a number with just its digits.

    Raises ValueError for what JSON cannot hold: NaN, and keys that are no strings.
    """
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"{value} is not a JSON number")
        return str(value)
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise ValueError("the names in a JSON object must be strings")
        return "{" + ",".join(f"{dumps(key)}:{dumps(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(dumps, value)) + "]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
