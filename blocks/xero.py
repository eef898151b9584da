"""Xero's Accounting API: its credentials block and the client that the block hands out.

The client knows HTTP and Xero's wire format, and nothing of what the journals are for.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Self, TypeVar

import httpx
import msgspec
from prefect.blocks.abstract import CredentialsBlock
from pydantic import ConfigDict, Field, SecretStr, field_validator

from blocks.addresses import LOGO_URL, checked_base_url, documentation_url
from blocks.clock import Clock, SystemClock
from blocks.errors import NotAllowed, Rejected, Unavailable, UnknownOutcome, UnusableAnswer
from blocks.pacing import Pacer
from blocks.transport import NOT_THE_JSON, Answer, Call, Manners, Transport, is_loopback

BASE_URL = "https://api.xero.com/api.xro/2.0"
TOKEN_URL = "https://identity.xero.com/connect/token"  # noqa: S105 - an address
JOURNAL_SCOPES = ("accounting.manualjournals", "accounting.settings.read")
PAYMENT_SCOPES = (
    "accounting.payments.read",
    "accounting.invoices.read",
    "accounting.banktransactions.read",
    "accounting.contacts.read",
    "accounting.settings.read",
)
# A token is renewed this long before it expires, so that none expires on its way.
RENEW_EARLY = timedelta(minutes=2)
NOTHING = "00000000-0000-0000-0000-000000000000"
T = TypeVar("T")


class XeroOrganisation(msgspec.Struct, frozen=True, rename="pascal"):
    """The organisation behind a connection; lock dates are there only where they are set."""

    name: str
    base_currency: str
    organisation_id: str = msgspec.field(name="OrganisationID", default="")
    short_code: str = ""
    period_lock_date: str | None = None
    end_of_year_lock_date: str | None = None

    def lock_date(self) -> date | None:
        """Return the last day that is locked: the later of the two lock dates."""
        dates = [xero_date(value) for value in (self.period_lock_date, self.end_of_year_lock_date) if value]
        return max((day for day in dates if day), default=None)


class XeroAccount(msgspec.Struct, frozen=True, rename="pascal"):
    """An account of the chart; bank accounts may have no code."""

    name: str
    status: str
    type: str
    code: str | None = None
    system_account: str | None = None


class XeroJournalLine(msgspec.Struct, frozen=True, rename="pascal", gc=False):
    """A line of a manual journal: debit positive, credit negative."""

    line_amount: Decimal
    account_code: str | None = None
    description: str | None = None
    tax_type: str | None = None
    tracking: tuple[dict[str, object], ...] | None = None


class _Message(msgspec.Struct, frozen=True, rename="pascal"):
    message: str = ""


class ManualJournal(msgspec.Struct, frozen=True, rename="pascal"):
    """A manual journal as Xero shows it, and as it answers to a write (with errors and warnings)."""

    narration: str = ""
    status: str = ""
    date: str | None = None
    manual_journal_id: str = msgspec.field(name="ManualJournalID", default=NOTHING)
    updated_date_utc: str | None = msgspec.field(name="UpdatedDateUTC", default=None)
    line_amount_types: str | None = None
    show_on_cash_basis_reports: bool | None = None
    journal_lines: list[XeroJournalLine] | None = None
    status_attribute_string: str | None = None
    validation_errors: list[_Message] | None = None
    warnings: list[_Message] | None = None

    def complaints(self) -> tuple[str, ...]:
        """Return what Xero objects to in an element of an answer; empty means it was taken."""
        said = [item.message for item in (*(self.validation_errors or ()), *(self.warnings or ()))]
        if not said and self.status_attribute_string not in {None, "OK"}:
            said = [f"Xero marked it {self.status_attribute_string} without saying why"]
        return tuple(said)


class Pagination(msgspec.Struct, frozen=True, rename="camel"):
    """What Xero states of a list that it gives in pages."""

    page_count: int
    item_count: int


class JournalPage(msgspec.Struct, frozen=True, rename="pascal"):
    """A page of manual journals with their lines; without `pagination` the last page is a short one."""

    manual_journals: list[ManualJournal]  # never absent: an odd answer must not look like an empty one
    pagination: Pagination | None = msgspec.field(name="pagination", default=None)


class _Sources(msgspec.Struct, rename="pascal"):
    manual_journals: list[msgspec.Raw]


class _Organisations(msgspec.Struct, rename="pascal"):
    organisations: list[XeroOrganisation]


class _Accounts(msgspec.Struct, rename="pascal"):
    accounts: list[XeroAccount]


class XeroClient:
    """Calls to one Xero organisation. Use as an async context manager.

    Every method raises blocks.errors.CallFailed.
    """

    def __init__(self, transport: Transport, token: Token) -> None:
        self.transport = transport
        self._token = token

    async def __aenter__(self) -> Self:
        await self.transport.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.transport.__aexit__(None, None, None)
        await self._token.transport.__aexit__(None, None, None)

    @property
    def calls(self) -> int:
        """Return how many requests were sent, those for tokens included."""
        return self.transport.calls + self._token.transport.calls

    async def require_scopes(self, needed: tuple[str, ...]) -> None:
        """Raise NotAllowed, naming them all, where the token lacks scopes."""
        granted = await self._token.granted()
        missing = [
            scope for scope in needed if scope not in granted and scope.removesuffix(".read") not in granted
        ]
        if missing and granted:
            raise NotAllowed(
                f"Xero: the connection lacks the scopes {' '.join(missing)}. Add them to the app in Xero and "
                "to the Xero block, then authorise the app again."
            )

    async def organisation(self) -> XeroOrganisation:
        """Return the organisation that the credentials lead to."""
        found = await self.get("Organisation", _Organisations)
        if not found.organisations:
            raise NotAllowed("Xero: the connection leads to no organisation; authorise the app again.")
        return found.organisations[0]

    async def accounts(self) -> list[XeroAccount]:
        """Return the chart of accounts, archived accounts included."""
        return (await self.get("Accounts", _Accounts)).accounts

    async def manual_journals(self, *, modified_since: datetime, page: int, page_size: int) -> JournalPage:
        """Return one page of the journals changed since an instant, with their lines, in a lasting order."""
        since = modified_since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        headers = {"If-Modified-Since": since}
        return await self.get("ManualJournals", JournalPage, _page(page, page_size), headers)

    async def manual_journals_dated(self, day: date, *, page: int, page_size: int) -> JournalPage:
        """Return one page of the journals of a date, with their lines, in a lasting order."""
        where = {"where": f"Date==DateTime({day.year},{day.month:02},{day.day:02})"}
        return await self.get("ManualJournals", JournalPage, {**where, **_page(page, page_size)})

    async def manual_journal(self, journal_id: str) -> ManualJournal:
        """Return one journal with its lines. Raises NotFound."""
        return (await self.manual_journal_and_source(journal_id))[0]

    async def manual_journal_and_source(self, journal_id: str) -> tuple[ManualJournal, bytes]:
        """Return one journal with its lines, and its JSON as Xero wrote it. Raises NotFound."""
        path = f"ManualJournals/{journal_id}"

        def read(answer: Answer) -> tuple[list[ManualJournal], list[msgspec.Raw]]:
            return _reader(JournalPage, path)(answer).manual_journals, _reader(_Sources, path)(
                answer
            ).manual_journals

        found, sources = await self.transport.call(Call("GET", path, headers=_HEADERS), read)
        if len(found) != 1:
            raise UnusableAnswer(f"Xero: asked for the journal {journal_id}, it answered {len(found)}.")
        return found[0], bytes(sources[0])

    async def put_manual_journals(
        self,
        body: bytes,
        key: str,
        *,
        first_sent: datetime | None = None,
        not_after: datetime | None = None,
    ) -> list[ManualJournal]:
        """Create journals from finished bytes and return Xero's verdict on each, in no sure order.

        A 200 is no success of any element: look at each one's complaints. Raises UnknownOutcome where
        no clear answer came within the life of the key, and Overdue where the first sending would come
        after `not_after`.
        """
        return await self._write("PUT", body, key, first_sent, not_after)

    async def post_manual_journal(
        self, body: bytes, key: str, *, not_after: datetime | None = None
    ) -> ManualJournal:
        """Change one journal by finished bytes and return Xero's verdict on it: look at its complaints.

        Raises what `put_manual_journals` raises.
        """
        verdicts = await self._write("POST", body, key, None, not_after)
        if len(verdicts) != 1:
            raise UnknownOutcome(f"Xero: asked to change one journal, it answered with {len(verdicts)}.")
        return verdicts[0]

    async def _write(
        self, method: str, body: bytes, key: str, first_sent: datetime | None, not_after: datetime | None
    ) -> list[ManualJournal]:
        call = Call(
            method,
            "ManualJournals",
            params={"summarizeErrors": "false"},
            headers={**_HEADERS, "Content-Type": "application/json", "Idempotency-Key": key},
            content=body,
            writes=True,
            first_sent=first_sent,
            not_after=not_after,
        )
        return (
            await self.transport.call(call, _reader(JournalPage, "the verdict on journals"))
        ).manual_journals

    async def get(
        self,
        path: str,
        kind: type[T],
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        if_forbidden: str = "",
    ) -> T:
        """Return the answer to a read; `if_forbidden` says what a 403 to it means."""
        call = Call(
            "GET",
            path,
            params=params or {},
            headers={**_HEADERS, **(headers or {})},
            if_forbidden=if_forbidden,
        )
        return await self.transport.call(call, _reader(kind, path))


_HEADERS = {"Accept": "application/json"}


def _page(page: int, page_size: int) -> dict[str, str]:
    # Without `page` Xero leaves the lines out. Ordered by id, which no change moves: in Xero's own order,
    # by time of change, a journal can slip past a reader from one page to another.
    return {"page": str(page), "pageSize": str(page_size), "order": "ManualJournalID ASC"}


def _reader(kind: type[T], what: str) -> Callable[[Answer], T]:
    decoder = msgspec.json.Decoder(kind)

    def read(answer: Answer) -> T:
        try:
            if answer.is_json:
                return decoder.decode(answer.body)
            problem = f"it is {answer.headers.get('content-type', 'of no stated type')}, not JSON"
        except NOT_THE_JSON as error:
            problem = str(error)
        raise Unavailable(
            f"Xero: {what} cannot be read: {problem}. Does the base URL lead to Xero's API?",
            status=answer.status,
        )

    return read


_XERO_DATE = re.compile(r"/Date\((-?\d+)(?:[+-]\d{4})?\)/")


def xero_date(value: str | None) -> date | None:
    """Return the day of a document date such as `/Date(1553126400000+0000)/`; None for none.

    Xero writes UTC milliseconds whatever the offset says, and midnight UTC of the day that is meant.
    The epoch stands for no date; so does what cannot be read, which then equals no booking date.
    """
    if not value:
        return None
    match = _XERO_DATE.fullmatch(value)
    try:
        if match is None:
            return date.fromisoformat(value[:10])
        since_epoch = timedelta(milliseconds=int(match[1]))
        return (datetime(1970, 1, 1, tzinfo=UTC) + since_epoch).date() if since_epoch else None
    except (ValueError, OverflowError):
        return None


def xero_instant(value: str | None) -> datetime | None:
    """Return an instant such as UpdatedDateUTC, or None for none that can be read."""
    match = _XERO_DATE.fullmatch(value or "")
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(match[1])) if match else None
    except OverflowError:
        return None


class _Element(msgspec.Struct, rename="pascal"):
    validation_errors: list[_Message] = []


class _Problem(msgspec.Struct, rename="pascal"):
    message: str = ""
    detail: str | None = None
    elements: list[_Element] = []
    error: str = msgspec.field(name="error", default="")


_PLAIN_TEXT = re.compile(r"[\w .,:'()-]{1,200}")


def _reasons(answer: Answer) -> tuple[str, ...]:
    if not answer.is_json:
        # Xero words some refusals as plain text, such as «currently offline for maintenance».
        text = answer.body[:400].decode("utf-8", "replace").strip()
        return (text,) if _PLAIN_TEXT.fullmatch(text) else ()
    try:
        found = msgspec.json.decode(answer.body, type=_Problem)
    except NOT_THE_JSON:
        return ()
    worded = [item.message for element in found.elements for item in element.validation_errors]
    return tuple(worded) or tuple(text for text in (found.message, found.detail, found.error) if text)


def _hint(answer: Answer) -> str:
    said = " ".join(_reasons(answer))
    if "AuthenticationUnsuccessful" in said:
        return "This is the wrong organisation: compare the tenant id in the Xero block with the app's."
    if answer.status in {401, 403}:
        return (
            f"The app lacks a scope (journals need {' and '.join(JOURNAL_SCOPES)}; payments need "
            f"{', '.join(PAYMENT_SCOPES)}), or the user who authorised it lacks the reporting permission."
        )
    if answer.status == 503:
        return "Xero recommends to wait five minutes."
    return ""


MANNERS = Manners("Xero", _reasons, _hint)
TOKEN_MANNERS = Manners(
    "Xero's token service", _reasons, lambda _answer: "Check the client id and secret in the Xero block."
)


class _TokenAnswer(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: int
    scope: str = ""

    def __repr__(self) -> str:
        return "_TokenAnswer(…)"


@dataclass(frozen=True, slots=True)
class _ClientLogin:
    client_id: str
    client_secret: SecretStr

    async def headers(self) -> Mapping[str, str]:
        basic = httpx.BasicAuth(self.client_id, self.client_secret.get_secret_value())
        request = next(basic.auth_flow(httpx.Request("POST", "http://localhost")))
        return {"Authorization": request.headers["Authorization"]}

    def renewable(self, answer: Answer, used: Mapping[str, str]) -> bool:  # noqa: ARG002 - a secret is not renewed
        return False


class Token:
    """The access token of a custom connection: fetched once, shared, renewed early, dropped on a 401."""

    def __init__(
        self, transport: Transport, url: str, scopes: str, tenant_id: str | None, clock: Clock
    ) -> None:
        self.transport = transport
        self._url = url
        self._scopes = scopes
        self._tenant_id = tenant_id
        self._clock = clock
        self._held: _TokenAnswer | None = None
        self._renew_at = datetime.min.replace(tzinfo=UTC)
        self._fetching = asyncio.Lock()

    async def headers(self) -> Mapping[str, str]:
        """Return the headers that authorise a call now."""
        token = await self._current()
        headers = {"Authorization": f"Bearer {token.access_token}"}
        return {**headers, "xero-tenant-id": self._tenant_id} if self._tenant_id else headers

    async def granted(self) -> frozenset[str]:
        """Return the scopes that the token was granted, as whole words; empty if that was not said."""
        return frozenset((await self._current()).scope.split())

    def renewable(self, answer: Answer, used: Mapping[str, str]) -> bool:
        """Drop the token that was used; a new one helps only where it has expired."""
        if self._held and used["Authorization"] == f"Bearer {self._held.access_token}":
            self._held = None
        return any(reason.startswith("TokenExpired") for reason in _reasons(answer))

    async def _current(self) -> _TokenAnswer:
        async with self._fetching:
            if self._held is None or self._clock.now() >= self._renew_at:
                self._held = await self._fetch()
                life = timedelta(seconds=self._held.expires_in)
                # A token that lives shorter than the margin is used for half its life.
                self._renew_at = self._clock.now() + max(life - RENEW_EARLY, life / 2)
            return self._held

    async def _fetch(self) -> _TokenAnswer:
        form = httpx.QueryParams({"grant_type": "client_credentials", "scope": self._scopes})
        call = Call(
            "POST",
            self._url,
            headers={**_HEADERS, "Content-Type": "application/x-www-form-urlencoded"},
            content=str(form).encode(),
        )
        try:
            return await self.transport.call(call, _reader(_TokenAnswer, "a token"))
        except Rejected as error:
            said = ", ".join(error.reasons) or "no reason"
            raise NotAllowed(
                f"Xero refused a token ({said}). Check the client id and secret in the Xero block, and that "
                f"the app has each of these scopes: {self._scopes}.",
                status=error.status,
            ) from None


class XeroCredentials(CredentialsBlock):
    """A custom connection to one Xero organisation.

    Example:
        ```python
        from blocks.xero import XeroCredentials

        xero = XeroCredentials.load("BLOCK_NAME")
        ```
    """

    # Where validation fails, pydantic would show what it was given.
    model_config = ConfigDict(hide_input_in_errors=True)

    _block_type_name = "Xero Credentials"
    _block_type_slug = "xero-credentials"
    _logo_url = LOGO_URL
    _documentation_url = documentation_url("connecting-real-systems")

    client_id: str = Field(min_length=1, description="The client id of the custom connection's app.")
    client_secret: SecretStr = Field(description="The client secret of that app.")
    tenant_id: str | None = Field(
        default=None,
        description="The organisation's tenant id: guards against writing into another one. A custom "
        "connection works without it.",
    )
    scopes: str = Field(
        default=" ".join(JOURNAL_SCOPES),
        description="The scopes to ask for, separated by spaces; the app must have them.",
    )
    base_url: str = Field(default=BASE_URL, description="Xero's address up to and with /api.xro/2.0.")
    token_url: str = Field(default=TOKEN_URL, description="Where tokens are fetched.")

    @field_validator("base_url", "token_url")
    @classmethod
    def _url_is_usable(cls, value: str) -> str:
        return checked_base_url(value)

    @field_validator("client_secret")
    @classmethod
    def _secret_is_there(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value():
            # Xero's own answer to an empty secret hides the cause.
            raise ValueError("must not be empty")
        return value

    def journal_link(self, journal_id: str, short_code: str) -> str:
        """Return where a person finds a manual journal in Xero, or on the sandbox's pages."""
        if is_loopback(self.base_url):
            return f"{self.base_url.removesuffix('/api.xro/2.0')}/xero/journals/{journal_id}"
        target = f"/Journal/View.aspx?invoiceID={journal_id}"
        return (
            f"https://go.xero.com/organisationlogin/default.aspx?shortcode={short_code}&redirecturl={target}"
        )

    def get_client(
        self,
        *,
        attempts: int = 5,
        parallel: int = 2,
        clock: Clock | None = None,
        http: httpx.AsyncBaseTransport | None = None,
        notice: Callable[[str], None] | None = None,
    ) -> XeroClient:
        """Return a client that sends a call at most `attempts` times and `parallel` calls at a time."""
        time = clock or SystemClock()
        login = _ClientLogin(self.client_id, self.client_secret)
        asking = Transport(
            # Twice at most: a call that lacks its token for it is repeated itself.
            self.token_url,
            TOKEN_MANNERS,
            login,
            attempts=min(attempts, 2),
            clock=time,
            http=http,
            notice=notice,
        )
        token = Token(asking, self.token_url, self.scopes, self.tenant_id, time)
        pacer = Pacer("Xero", time, parallel=parallel)
        transport = Transport(
            self.base_url,
            MANNERS,
            token,
            attempts=attempts,
            pacer=pacer,
            clock=time,
            http=http,
            notice=notice,
        )
        return XeroClient(transport, token)
