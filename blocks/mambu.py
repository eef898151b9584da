"""Mambu API v2: its credentials block and the client that the block hands out.

The client knows HTTP and Mambu's wire format, and nothing of what the lines are for.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from typing import Any, Literal, Self, TypeVar
from urllib.parse import quote

import httpx
import msgspec
from prefect.blocks.abstract import CredentialsBlock
from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from blocks.addresses import LOGO_URL, checked_base_url, documentation_url
from blocks.clock import Clock
from blocks.dates import utc_text
from blocks.errors import CallFailed, NotAllowed, Rejected, Unavailable, UnusableAnswer
from blocks.patience import Patience
from blocks.plain_json import NOT_PLAIN, JsonObject, WrittenKeys, elements
from blocks.transport import NOT_THE_JSON, Answer, Call, Manners, Transport

T = TypeVar("T")
# The offset in which a tenant writes its instants: the one of its time zone, or always +00:00.
MambuOffsets = Literal["zone", "utc"]

PAGE_LINES = 1000  # Mambu's largest page
# More than there can be of one day, and of one tenant: what states or gives more never ends.
MOST_LINES = 10_000_000
MOST_TASKS = 500_000
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

    `amount` is exact and unsigned; `type` is DEBIT or CREDIT; both dates are ISO 8601 with offset. Some
    lines have no `transaction_id`: it is None or empty.
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
    """One page of a search: the lines, the unreadable ones, and where the next page starts."""

    lines: Sequence[JournalLine]
    unreadable: list[UnreadableLine]
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


class _Titled(msgspec.Struct, frozen=True, rename="camel"):
    title: str | None = None
    encoded_key: str | None = None


class _Currency(msgspec.Struct, frozen=True):
    code: str


class _OrganisationAnswer(msgspec.Struct, frozen=True):
    time_zone: str = msgspec.field(name="timeZoneID")
    currency: _Currency | str


# How a page is decoded first: with keys that also stand where nobody reads, so that it is known how often
# they may be written. One that is there with nothing in it makes the reading slower, not wrong.
class _Account(GLAccount, frozen=True, rename="camel", gc=False):
    encoded_key: object = None
    creation_date: object = None
    type: object = None


class _Line(JournalLine, frozen=True, rename="camel", gc=False, kw_only=True):
    gl_account: _Account
    foreign_amount: msgspec.Raw = msgspec.Raw()
    transaction_id: str | None = ""  # where the key is not there


_LINE_KEYS = JournalLine.__struct_encode_fields__
_ACCOUNT_KEYS = GLAccount.__struct_encode_fields__
# A number of JSON, which may also stand in quotes; Python's Decimal would read much more.
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")

_page_decoder = msgspec.json.Decoder(list[_Line])
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

    async def journal_lines(
        self, after: datetime, before: datetime, *, most: int = MOST_LINES
    ) -> AsyncIterator[Page]:
        """Yield all lines created after one instant and before another, by entry id, page by page.

        Follows Mambu's cursor to the empty one that means the end; an answer without any cursor is an
        error, for it could be mistaken for the end. A page need not state the total, which `count_lines`
        is for. Mambu does not say whether the bounds themselves belong: ask for more than is needed and
        filter.

        Raises UnusableAnswer where it might never end: at a cursor that was there before, and where more
        than `most` lines came.
        """
        cursor, used, came = "_", {"_"}, 0
        while cursor:
            page = await self._search(after, before, {"cursor": cursor, "limit": str(PAGE_LINES)}, _page)
            yield page
            # A page without lines counts as a full one, so that these end too.
            came += len(page.lines) + len(page.unreadable) or PAGE_LINES
            cursor = _following(page, used, came, most)
            used.add(cursor)

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
        call = _task_call("POST", "tasks", headers, content=content, writes=True)
        return await self.transport.call(call, _task)

    async def find_tasks(self, marker: str) -> list[MambuTask]:
        """Return the tasks, open or completed, whose title contains a marker."""
        found: dict[str, MambuTask] = {}
        before: list[str | None] = []
        for offset in range(0, MOST_TASKS, PAGE_LINES):
            params = {"offset": str(offset), "limit": str(PAGE_LINES), "paginationDetails": "ON"}
            call = _task_call("GET", "tasks", params=params)
            keys, page = await self.transport.call(call, lambda answer: _tasks_titled(answer, marker))
            # By key: a task created meanwhile can push others onto the next page.
            found |= {task.encoded_key: task for task in page}
            if len(keys) != PAGE_LINES:
                return list(found.values())
            if keys == before:
                break
            before = keys
        raise UnusableAnswer(
            f"Mambu: the list of tasks repeats itself or has no end within {MOST_TASKS:,}, so which of them "
            "are Daybook's cannot be told."
        )

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
            task = await self.transport.call(_task_call("GET", path), _raw_task)
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
    return f"{utc_text(at)}Z"


def _page(answer: Answer) -> Page:
    following = answer.headers.get("Items-Next-Cursor")
    try:
        lines = _page_decoder.decode(answer.body)
    except NOT_THE_JSON:
        lines = None
    if lines is not None and _is_plain(answer.body, lines):
        return Page(lines, [], following)
    return Page(*_line_by_line(answer), following)


def _following(page: Page, used: Collection[str], came: int, most: int) -> str:
    """Return the cursor behind a page, empty at the end."""
    cursor = page.next_cursor
    if cursor is None:
        problem = "a page of journal lines came without a next cursor, so whether it was the last"
    elif cursor in used:
        problem = "a page of journal lines came with a cursor that was there before, so where they end"
    elif cursor and came > most:
        problem = f"more than {most:,} journal lines came, far more than were stated, so where they end"
    else:
        return cursor
    raise UnusableAnswer(f"Mambu: {problem} cannot be told. Nothing after it was read.")


def _is_plain(body: bytes, lines: Sequence[_Line]) -> bool:
    """Tell whether a page surely has no key twice that is read, and nothing but numbers for amounts.

    Every line was decoded, so it has each of its keys once at least. Where the page has no more of them than
    that, and than belong to what lines hold inside, no line has one twice.
    """
    foreign = b",".join(map(_FOREIGN_AMOUNT, lines))
    # Behind blanks, for what is written at the very beginning is not certain.
    keys, inside = WrittenKeys(body), WrittenKeys(b"        [%b]" % foreign)
    if not (keys.certain and inside.certain):
        return False
    count, accounts = len(lines), list(map(_ACCOUNT, lines))
    due = {
        "encodedKey": 2 * count - list(map(_ENCODED_KEY, accounts)).count(None),
        "entryID": count,
        "creationDate": 2 * count - list(map(_CREATION_DATE, accounts)).count(None),
        "bookingDate": count,
        "type": 2 * count - list(map(_TYPE, accounts)).count(None),
        "amount": count,
        "glAccount": count,
        "glCode": count,
        "transactionId": count - list(map(_TRANSACTION_ID, lines)).count(""),
    }
    once = all(keys.count(key) == number + inside.count(key) for key, number in due.items())
    return once and keys.all_numbers("amount")


_ACCOUNT, _FOREIGN_AMOUNT = attrgetter("gl_account"), attrgetter("foreign_amount")
_TRANSACTION_ID = attrgetter("transaction_id")
_ENCODED_KEY, _CREATION_DATE, _TYPE = (attrgetter(name) for name in _Account.__annotations__)


def _line_by_line(answer: Answer) -> tuple[list[JournalLine], list[UnreadableLine]]:
    try:
        items = elements(answer.body)
    except NOT_PLAIN as error:
        raise _garbled("a page of journal lines", answer, error) from None
    lines: list[JournalLine] = []
    unreadable: list[UnreadableLine] = []
    for raw, found in items:
        problem = _problem(found)
        try:
            line = _line_of(raw, found)
        except msgspec.ValidationError as error:
            problem = problem or str(error)
        if problem:
            unreadable.append(UnreadableLine(raw, problem))
        else:
            lines.append(line)
    return lines, unreadable


def _line_of(raw: bytes, found: object) -> JournalLine:
    try:
        return _line_decoder.decode(raw)
    except msgspec.ValidationError:
        raise
    except NOT_THE_JSON:
        # Something that is not read holds half a character, which costs nothing.
        return msgspec.convert(found, JournalLine)


def _problem(line: object) -> str:
    """Return why what is read of a line cannot be relied on, or nothing."""
    if not isinstance(line, JsonObject):
        return ""
    amount, account = line.get("amount"), line.get("glAccount")
    problems = line.doubts(_LINE_KEYS)
    if isinstance(account, JsonObject):
        problems += [f"glAccount: {doubt}" for doubt in account.doubts(_ACCOUNT_KEYS)]
    # The only floats are NaN and Infinity, which are not JSON.
    if isinstance(amount, float) or (isinstance(amount, str) and not _NUMBER.fullmatch(amount)):
        problems.append("amount is not a number in digits")
    return "; ".join(problems)


def _stated_total(answer: Answer) -> int:
    value = answer.headers.get("Items-Total", "")
    if value.isdecimal() and (len(value) > len(str(MOST_LINES)) or int(value) > MOST_LINES):
        raise UnusableAnswer(
            f"Mambu: a search is stated to have {value[:20]} items; more than {MOST_LINES:,} are not taken."
        )
    if not value.isdecimal():
        raise Unavailable(
            "Mambu: a search was answered without the total of its items, so its completeness cannot be "
            f"shown. {_looks_like(answer)}",
            status=answer.status,
        )
    return int(value)


def _organisation(answer: Answer) -> Organisation:
    try:
        found = msgspec.json.decode(answer.body, type=_OrganisationAnswer)
    except NOT_THE_JSON as error:
        raise _garbled("its organisation", answer, error) from None
    currency = found.currency if isinstance(found.currency, str) else found.currency.code
    return Organisation(found.time_zone, currency)


def _task_call(method: str, path: str, headers: Mapping[str, str] = _HEADERS, **more: Any) -> Call:
    # No money hangs on a task, and a later run sees to what was not done about one.
    return Call(method, path, headers=headers, if_forbidden=_TASK_HINT, urgent=False, money=False, **more)


def _task_change(method: str, path: str, change: object) -> Call:
    # No write in the transport's sense: made twice, it leaves what it leaves when made once.
    return _task_call(method, path, _JSON_HEADERS, content=msgspec.json.encode(change))


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


def _tasks_titled(answer: Answer, marker: str) -> tuple[list[str | None], list[MambuTask]]:
    """Return the keys of a page's tasks, and those whose title has the marker; only these are read whole."""
    try:
        items = _items_decoder.decode(answer.body)
        titled = [_title_decoder.decode(item) for item in items]
        ours = [item for item, one in zip(items, titled, strict=True) if marker in (one.title or "")]
        return [one.encoded_key for one in titled], [_task_decoder.decode(item) for item in ours]
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
        patience: Patience | None = None,
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
                patience=patience,
            )
        )
