"""Mambu API v2: its credentials block and the client that the block hands out.

The client knows HTTP and Mambu's wire format, and nothing of what the lines are for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Self, TypeVar
from urllib.parse import quote

import httpx
import msgspec
from prefect.blocks.abstract import CredentialsBlock
from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from blocks.addresses import LOGO_URL, checked_base_url, documentation_url
from blocks.clock import Clock
from blocks.errors import CallFailed, NotAllowed, Rejected, Unavailable, UnusableAnswer
from blocks.transport import NOT_THE_JSON, Answer, Call, Manners, Transport

T = TypeVar("T")

PAGE_LINES = 1000  # Mambu's largest page
LONGEST_TASK_TITLE = 255
# Mambu remembers a key for six hours; we stop relying on it ten minutes earlier.
KEY_LIFE = timedelta(hours=5, minutes=50)
ACCEPT = "application/vnd.mambu.v2+json"


class GLAccount(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """The part of a line's `glAccount` that is read."""

    gl_code: str


class JournalLine(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """One GL journal line as Mambu words it, reduced to the fields that are read.

    Not garbage-collected (`gc=False`): a day has many, and none refers to another.

    `amount` is exact and unsigned; `type` is DEBIT or CREDIT; both dates are ISO 8601 with offset.
    """

    encoded_key: str
    entry_id: int = msgspec.field(name="entryID")
    creation_date: str
    booking_date: str
    type: str
    amount: Decimal
    gl_account: GLAccount
    transaction_id: str | None = None


@dataclass(frozen=True, slots=True)
class UnreadableLine:
    """A line that does not have Mambu's shape: the JSON as it came, and what is wrong with it."""

    raw: bytes
    problem: str


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a search: the lines, the unreadable ones, and the total that Mambu states for it all."""

    lines: list[JournalLine]
    unreadable: list[UnreadableLine]
    stated_total: int
    next_cursor: str | None


class Organisation(msgspec.Struct, frozen=True):
    """What Mambu says of itself: IANA time zone and ISO 4217 currency."""

    time_zone: str = msgspec.field(name="timeZoneID")
    currency: str


class MambuTask(msgspec.Struct, frozen=True, rename="camel"):
    """A task, reduced to the fields that are read. Its status is OPEN, COMPLETED or, when late, OVERDUE."""

    encoded_key: str
    id: int
    title: str
    status: str
    creation_date: str | None = None
    assigned_user_key: str | None = None
    description: str | None = None
    due_date: str | None = None


class _Titled(msgspec.Struct, frozen=True):
    title: str | None = None


class _Currency(msgspec.Struct, frozen=True):
    code: str


class _OrganisationAnswer(msgspec.Struct, frozen=True):
    time_zone: str = msgspec.field(name="timeZoneID")
    currency: _Currency | str


_page_decoder = msgspec.json.Decoder(list[JournalLine])
_items_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_line_decoder = msgspec.json.Decoder(JournalLine)
_title_decoder = msgspec.json.Decoder(_Titled)
_task_decoder = msgspec.json.Decoder(MambuTask)


class MambuClient:
    """Calls to one Mambu tenant. Use as an async context manager.

    Every method raises blocks.errors.CallFailed.
    """

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    async def __aenter__(self) -> Self:
        await self.transport.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.transport.__aexit__(None, None, None)

    async def organisation(self) -> Organisation | None:
        """Return the tenant's time zone and currency, or None where the user may not read them.

        Mambu reserves this call for administrators.
        """
        try:
            return await self.transport.call(
                Call("GET", "setup/organization", headers=_HEADERS), _organisation
            )
        except NotAllowed as error:
            if error.status == 403:
                return None
            raise

    async def count_lines(self, after: datetime, before: datetime) -> int:
        """Return how many lines Mambu states to have been created between two instants."""
        return await self._search(after, before, {"offset": "0", "limit": "1"}, _stated_total)

    async def journal_lines(self, after: datetime, before: datetime) -> AsyncIterator[Page]:
        """Yield all lines created after one instant and before another, by entry id, page by page.

        Follows Mambu's cursor to the empty one that means the end; an answer without any cursor is an
        error, for it could be mistaken for the end. Mambu does not say whether the bounds themselves
        belong: ask for more than is needed and filter.
        """
        cursor = "_"
        while cursor:
            page = await self._search(after, before, {"cursor": cursor, "limit": str(PAGE_LINES)}, _page)
            yield page
            if page.next_cursor is None or page.next_cursor == cursor:
                raise UnusableAnswer(
                    "Mambu: a page of journal lines came without a next cursor, so whether it was the last "
                    "cannot be told. Nothing after it was read; run the date again."
                )
            cursor = page.next_cursor

    async def create_task(
        self, title: str, description: str, due: date, assigned_user_key: str | None, key: str
    ) -> MambuTask:
        """Create a task, once for all calls with the same arguments and the same key, which is a UUID.

        Mambu keeps that promise for six hours. While a first sending is still at work there, a second one
        gets no answer at all; so one that was not answered is sent again.
        """
        task = {"title": title, "description": description, "dueDate": due.isoformat()}
        if assigned_user_key is not None:
            task["assignedUserKey"] = assigned_user_key
        headers = {**_JSON_HEADERS, "Idempotency-Key": key}
        content = msgspec.json.encode(task)
        call = Call("POST", "tasks", headers=headers, content=content, writes=True, if_forbidden=_TASK_HINT)
        return await self.transport.call(call, _task)

    async def find_tasks(self, marker: str) -> list[MambuTask]:
        """Return the tasks, open or completed, whose title contains a marker."""
        found: dict[str, MambuTask] = {}
        offset, size = 0, PAGE_LINES
        while size == PAGE_LINES:
            params = {"offset": str(offset), "limit": str(PAGE_LINES), "paginationDetails": "ON"}
            call = Call("GET", "tasks", params=params, headers=_HEADERS, if_forbidden=_TASK_HINT)
            size, page = await self.transport.call(call, lambda answer: _tasks_titled(answer, marker))
            # By key: a task created meanwhile can push others onto the next page.
            found |= {task.encoded_key: task for task in page}
            offset += size
        return list(found.values())

    async def complete_task(self, task_id: int | str) -> None:
        """Complete a task; one that is completed stays so. Raises NotFound where there is none."""
        await self.change_task(task_id, status="COMPLETED")

    async def change_task(self, task_id: int | str, **fields: str) -> None:
        """Give fields of a task, in Mambu's spelling, other values. Raises NotFound where there is none."""
        path = f"tasks/{quote(str(task_id), safe='')}"
        change = [{"op": "REPLACE", "path": f"/{name}", "value": value} for name, value in fields.items()]
        try:
            await self.transport.call(_task_change("PATCH", path, change), lambda _answer: None)
        except CallFailed as error:
            # Mambu does not say in public how a task is changed: the second way is to put it back whole.
            if not (isinstance(error, Rejected) or error.status == 501):
                raise
            task = await self.transport.call(
                Call("GET", path, headers=_HEADERS, if_forbidden=_TASK_HINT), _raw_task
            )
            if any(msgspec.json.decode(task.get(name, b"null")) != value for name, value in fields.items()):
                await self.transport.call(_task_change("PUT", path, {**task, **fields}), lambda _answer: None)

    async def _search(
        self, after: datetime, before: datetime, params: Mapping[str, str], read: Callable[[Answer], T]
    ) -> T:
        criteria = [
            {"field": "creationDate", "operator": "AFTER", "value": _instant(after)},
            {"field": "creationDate", "operator": "BEFORE", "value": _instant(before)},
        ]
        return await self.transport.call(
            Call(
                "POST",
                "gljournalentries:search",
                params={**params, "paginationDetails": "ON", "detailsLevel": "BASIC"},
                headers=_JSON_HEADERS,
                content=msgspec.json.encode({"filterCriteria": criteria}),
            ),
            read,
        )


_HEADERS = {"Accept": ACCEPT}
_JSON_HEADERS = {**_HEADERS, "Content-Type": "application/json"}

_TASK_HINT = "The Mambu user lacks a permission: for tasks it needs VIEW_TASK, CREATE_TASK and EDIT_TASK."


def _instant(at: datetime) -> str:
    # In UTC with a Z, which Mambu takes in every tenant; any other offset must be the tenant's own.
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _page(answer: Answer) -> Page:
    total, following = _stated_total(answer), answer.headers.get("Items-Next-Cursor")
    try:
        return Page(_page_decoder.decode(answer.body), [], total, following)
    except (msgspec.ValidationError, UnicodeDecodeError):
        return Page(*_line_by_line(answer), total, following)
    except NOT_THE_JSON as error:
        raise _garbled("a page of journal lines", answer, error) from None


def _line_by_line(answer: Answer) -> tuple[list[JournalLine], list[UnreadableLine]]:
    try:
        items = _items_decoder.decode(answer.body)
    except NOT_THE_JSON as error:
        raise _garbled("a page of journal lines", answer, error) from None
    lines: list[JournalLine] = []
    unreadable: list[UnreadableLine] = []
    for item in items:
        raw = bytes(item)
        try:
            lines.append(_line_decoder.decode(raw))
        except NOT_THE_JSON as error:
            unreadable.append(UnreadableLine(raw, str(error)))
    return lines, unreadable


def _stated_total(answer: Answer) -> int:
    value = answer.headers.get("Items-Total", "")
    if not value.isdecimal():
        raise Unavailable(
            "Mambu: a search was answered without the total of its items, so its completeness cannot be "
            f"shown. {_looks_like(answer)}"
        )
    return int(value)


def _organisation(answer: Answer) -> Organisation:
    try:
        found = msgspec.json.decode(answer.body, type=_OrganisationAnswer)
    except NOT_THE_JSON as error:
        raise _garbled("its organisation", answer, error) from None
    currency = found.currency if isinstance(found.currency, str) else found.currency.code
    return Organisation(found.time_zone, currency)


def _task_change(method: str, path: str, change: object) -> Call:
    # No write in the transport's sense: made twice, it leaves what it leaves when made once.
    content = msgspec.json.encode(change)
    return Call(method, path, headers=_JSON_HEADERS, content=content, if_forbidden=_TASK_HINT)


def _task(answer: Answer) -> MambuTask:
    try:
        return _task_decoder.decode(answer.body)
    except NOT_THE_JSON as error:
        raise _garbled("a task", answer, error) from None


def _raw_task(answer: Answer) -> dict[str, msgspec.Raw]:
    try:
        task = msgspec.json.decode(answer.body, type=dict[str, msgspec.Raw])
        _task_decoder.decode(answer.body)
    except NOT_THE_JSON as error:
        raise _garbled("a task", answer, error) from None
    return task


def _tasks_titled(answer: Answer, marker: str) -> tuple[int, list[MambuTask]]:
    """Return how many tasks a page has, and those whose title has the marker; only these are read whole."""
    try:
        items = _items_decoder.decode(answer.body)
        ours = [item for item in items if marker in (_title_decoder.decode(item).title or "")]
        return len(items), [_task_decoder.decode(item) for item in ours]
    except NOT_THE_JSON as error:
        raise _garbled("a page of tasks", answer, error) from None


def _garbled(what: str, answer: Answer, error: Exception) -> Unavailable:
    return Unavailable(f"Mambu: {what} cannot be read ({error}). {_looks_like(answer)}", status=answer.status)


def _looks_like(answer: Answer) -> str:
    kind = answer.headers.get("content-type", "no content type")
    return f"The answer says it is {kind}: does the base URL lead to Mambu's API, past any log-in page?"


class _Reason(msgspec.Struct):
    reason: str = msgspec.field(name="errorReason", default="")
    source: str | None = msgspec.field(name="errorSource", default=None)


class _Errors(msgspec.Struct):
    errors: list[_Reason] = []
    return_status: str | None = msgspec.field(name="returnStatus", default=None)


def _reasons(answer: Answer) -> tuple[str, ...]:
    if not answer.is_json:
        return ()
    try:
        found = msgspec.json.decode(answer.body, type=_Errors)
    except NOT_THE_JSON:
        return ()
    worded = [f"{item.reason} ({item.source})" if item.source else item.reason for item in found.errors]
    return tuple(worded or ([found.return_status] if found.return_status else []))


def _hint(answer: Answer) -> str:
    if answer.status == 401:
        return "Check the API key, or the user name and password, in the Mambu block; keys can expire."
    if answer.status == 403:
        return "The Mambu user lacks a permission: it needs VIEW_JOURNAL_ENTRIES for all branches."
    return ""


MANNERS = Manners("Mambu", _reasons, _hint, KEY_LIFE)


@dataclass(frozen=True, slots=True)
class _ApiKey:
    key: SecretStr

    async def headers(self) -> Mapping[str, str]:
        return {"apiKey": self.key.get_secret_value()}

    def renewable(self, answer: Answer, used: Mapping[str, str]) -> bool:  # noqa: ARG002 - a key is not renewed
        return False


@dataclass(frozen=True, slots=True)
class _Login:
    user: str
    password: SecretStr

    async def headers(self) -> Mapping[str, str]:
        basic = httpx.BasicAuth(self.user, self.password.get_secret_value())
        request = next(basic.auth_flow(httpx.Request("GET", "http://localhost")))
        return {"Authorization": request.headers["Authorization"]}

    def renewable(self, answer: Answer, used: Mapping[str, str]) -> bool:  # noqa: ARG002 - a password is not renewed
        return False


class MambuCredentials(CredentialsBlock):
    """Where a Mambu tenant is, and as whom to call it.

    Example:
        ```python
        from blocks.mambu import MambuCredentials

        mambu = MambuCredentials.load("BLOCK_NAME")
        ```
    """

    # Where validation fails, pydantic would show what it was given.
    model_config = ConfigDict(hide_input_in_errors=True)

    _block_type_name = "Mambu Credentials"
    _block_type_slug = "mambu-credentials"
    _logo_url = LOGO_URL
    _documentation_url = documentation_url("connecting-real-systems")

    base_url: str = Field(
        description="Mambu's address up to and with /api, such as https://acme.mambu.com/api.",
        examples=["https://acme.mambu.com/api"],
    )
    api_key: SecretStr | None = Field(default=None, description="The key of an API consumer in Mambu.")
    username: str | None = Field(
        default=None, description="The name of a Mambu user with API access, where there is no API key."
    )
    password: SecretStr | None = Field(default=None, description="That user's password.")

    @field_validator("base_url")
    @classmethod
    def _base_url_is_usable(cls, value: str) -> str:
        return checked_base_url(value)

    @model_validator(mode="after")
    def _one_way_to_log_in(self) -> Self:
        login = (self.username, self.password)
        if not (all(login) and not self.api_key) and not (self.api_key and not any(login)):
            raise ValueError("give either an API key, or a user name and a password")
        return self

    def get_client(
        self,
        *,
        attempts: int = 5,
        clock: Clock | None = None,
        http: httpx.AsyncBaseTransport | None = None,
        notice: Callable[[str], None] | None = None,
    ) -> MambuClient:
        """Return a client for this tenant that sends a call at most `attempts` times."""
        authorisation = (
            _ApiKey(self.api_key)
            if self.api_key
            else _Login(self.username or "", self.password or SecretStr(""))
        )
        return MambuClient(
            Transport(
                self.base_url,
                MANNERS,
                authorisation,
                attempts=attempts,
                clock=clock,
                http=http,
                notice=notice,
            )
        )
