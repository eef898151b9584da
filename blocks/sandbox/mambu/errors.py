"""Mambu's error envelope, and the answers of the stand-in that carry it."""

from __future__ import annotations

import json

# Mambu publishes numbers for the first fifteen errors only. The others exist by name; their numbers
# are unknown in public, so they are ours, from 9000: a client has to go by `errorReason`.
NUMBERS: dict[str, int] = {
    "INVALID_BASIC_AUTHORIZATION": 1,
    "INVALID_CREDENTIALS": 2,
    "INVALID_API_OPERATION": 3,
    "INVALID_PARAMETERS": 4,
    "METHOD_NOT_IMPLEMENTED": 5,
    "INTERNAL_ERROR": 6,
    "INVALID_PAGINATION_OFFSET_VALUE": 11,
    "OUT_OF_BOUNDS_PAGINATION_OFFSET_VALUE": 12,
    "INVALID_PAGINATION_LIMIT_VALUE": 13,
    "OUT_OF_BOUNDS_PAGINATION_LIMIT_VALUE": 14,
    "INVALID_PERMISSIONS": 15,
    "INVALID_JSON_SYNTAX": 9001,
    "OBJECT_NOT_FOUND": 9002,
    "MISSING_REQUIRED_PARAMETER": 9003,
    "MISSING_FROM_DATE": 9004,
    "MISSING_TO_DATE": 9005,
    "INVALID_DATE_FORMAT": 9006,
    "START_DATE_AFTER_END_DATE": 9007,
    "INVALID_GL_ACCOUNT_ID": 9008,
    "GL_ACCOUNT_IS_HEADER": 9009,
    "GL_ACCOUNT_DOES_NOT_SUPPORT_MANUALLY_ENTRIES": 9010,
    "JOURNAL_ENTRY_BEFORE_CLOSURE": 9011,
    "JOURNAL_ENTRY_DATE_IN_THE_FUTURE": 9012,
    "DUPLICATE_JOURNAL_TRANSACTION_ID": 9013,
    "INVALID_TASK_STATUS": 9014,
    "INVALID_TASK_FIELD_CHANGE": 9015,
    "INVALID_TASK_TITLE_LENGTH": 9016,
    "FEATURE_DISABLED": 9017,
}


class MambuError(Exception):
    """A refusal: an HTTP status and one entry of Mambu's `errors`."""

    def __init__(self, status: int, reason: str, source: str | None = None) -> None:
        super().__init__(f"{status} {reason}: {source}")
        self.status, self.reason, self.source = status, reason, source

    def body(self) -> bytes:
        """Return `{"errors": [{"errorCode", "errorSource"?, "errorReason"}]}` as JSON."""
        error: dict[str, object] = {"errorCode": NUMBERS[self.reason]}
        if self.source is not None:
            error["errorSource"] = self.source
        error["errorReason"] = self.reason
        return json.dumps({"errors": [error]}, ensure_ascii=False).encode()


def invalid(source: str) -> MambuError:
    """Return the 400 of a request whose parameters are wrong."""
    return MambuError(400, "INVALID_PARAMETERS", source)
