"""Xero's Accounting API: its credentials block and the client that the block hands out.

The client knows HTTP and Xero's wire format, and nothing of what the journals are for.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Self, TypeVar
from urllib.parse import quote

import httpx
import msgspec
from prefect.blocks.abstract import CredentialsBlock
from pydantic import ConfigDict, Field, SecretStr, field_validator

from blocks.addresses import LOGO_URL, checked_base_url, documentation_url
from blocks.amounts import is_amount, shown
from blocks.clock import Clock, SystemClock
from blocks.dates import askable, utc_text
from blocks.errors import NotAllowed, Rejected, Unavailable, UnknownOutcome, UnusableAnswer
from blocks.oauth import REFUSED, oauth_word
from blocks.pacing import Pacer
from blocks.patience import Patience
from blocks.token_life import LARGEST_TOKEN_ANSWER, TOKEN_SECONDS, renew_at
from blocks.transport import NOT_THE_JSON, Answer, Call, Manners, Transport, date_of, is_loopback
from blocks.xero_answers import lenient, mended, objections, reasons, texts_in
from blocks.xero_pages import Pagination
from blocks.xero_reading import tolerant

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
# What a broad scope includes; apps made before March 2026 have it in place of the granular ones.
_BROAD_SCOPES = {
    "accounting.transactions": frozenset(
        {
            "accounting.banktransactions",
            "accounting.invoices",
            "accounting.manualjournals",
            "accounting.payments",
        }
    ),
}
# A token is renewed this long before it expires, so that none expires on its way.
RENEW_EARLY = timedelta(minutes=2)
NOTHING = "00000000-0000-0000-0000-000000000000"
# In the frame that Xero puts around each answer, and never in a text in it, whose quotes are escaped.
_STATED = re.compile(rb'"DateTimeUTC"\s{0,8}:\s{0,8}"([^"]{1,60})"')
_HEAD_BYTES = 2000
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

    def __post_init__(self) -> None:
        """Refuse what is a number only in Python, such as NaN, and what no ledger holds."""
        if not is_amount(self.line_amount):
            raise ValueError(f"LineAmount {shown(self.line_amount)} is no amount")


class ManualJournal(msgspec.Struct, frozen=True, rename="pascal"):
    """A manual journal as Xero shows it."""

    narration: str = ""
    status: str = ""
    date: str | None = None
    manual_journal_id: str = msgspec.field(name="ManualJournalID", default=NOTHING)
    updated_date_utc: str | None = msgspec.field(name="UpdatedDateUTC", default=None)
    line_amount_types: str | None = None
    show_on_cash_basis_reports: bool | None = None
    journal_lines: list[XeroJournalLine] | None = None


@dataclass(frozen=True, slots=True)
class UnreadableJournal:
    """A journal that does not have Xero's shape: every text in it, and what is wrong with it.

    `journal_id` and `narration` are empty where they cannot be told.
    """

    journal_id: str
    narration: str
    texts: tuple[str, ...]
    problem: str

    def __str__(self) -> str:
        """Return a sentence that names the journal and its fault."""
        names = [f"«{self.narration}»" if self.narration else "", self.journal_id or "without an id"]
        return f"the manual journal {' '.join(name for name in names if name)} cannot be read: {self.problem}"


class Verdict(msgspec.Struct, frozen=True, rename="pascal"):
    """What became of one journal of a write, and what Xero says of it."""

    narration: str = ""
    status: str = ""
    manual_journal_id: str = msgspec.field(name="ManualJournalID", default=NOTHING)
    status_attribute_string: str | None = None
    objections: tuple[str, ...] = ()

    def complaints(self) -> tuple[str, ...]:
        """Return what Xero objects to in the journal; empty means it was taken."""
        if not self.objections and self.status_attribute_string not in {None, "", "OK"}:
            return (f"Xero marked it {self.status_attribute_string} without saying why",)
        return self.objections


@dataclass(frozen=True, slots=True)
class JournalPage:
    """A page of manual journals with their lines, and those that cannot be read.

    Without `pagination` the last page is an empty one.
    """

    manual_journals: list[ManualJournal]
    pagination: Pagination | None
    unreadable: list[UnreadableJournal]


# The list itself is never absent: an odd answer must not look like an empty one.
class _Journals(msgspec.Struct, rename="pascal"):
    manual_journals: list[ManualJournal]
    pagination: Pagination | None = msgspec.field(name="pagination", default=None)


class _Elements(msgspec.Struct, rename="pascal"):
    manual_journals: list[msgspec.Raw]
    pagination: Pagination | None = msgspec.field(name="pagination", default=None)


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
        missing = [scope for scope in needed if granted.isdisjoint(_opened_by(scope))]
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
        headers = {"If-Modified-Since": utc_text(modified_since)}
        return await self._listed(_page(page, page_size), headers)

    async def manual_journals_dated(self, day: date, *, page: int, page_size: int) -> JournalPage:
        """Return one page of the journals of a date, with their lines, in a lasting order."""
        where = {"where": dated(day)}
        return await self._listed({**where, **_page(page, page_size)}, {})

    async def _listed(self, params: Mapping[str, str], headers: Mapping[str, str]) -> JournalPage:
        call = Call("GET", "ManualJournals", params=params, headers={**_HEADERS, **headers})
        return await self.transport.call(call, _journal_page)

    async def manual_journal(self, journal_id: str) -> ManualJournal:
        """Return one journal with its lines. Raises NotFound."""
        return (await self.manual_journal_and_source(journal_id))[0]

    async def manual_journal_and_source(self, journal_id: str) -> tuple[ManualJournal, bytes]:
        """Return one journal with its lines, and its JSON as Xero wrote it. Raises NotFound."""
        path = f"ManualJournals/{journal_id}"

        def read(answer: Answer) -> list[bytes]:
            return _elements(path, answer)[0]

        sources = await self.transport.call(Call("GET", path, headers=_HEADERS), read)
        if len(sources) != 1:
            raise UnusableAnswer(f"Xero: asked for the journal {journal_id}, it answered {len(sources)}.")
        try:
            return _journal(sources[0]), sources[0]
        except NOT_THE_JSON as error:
            raise UnusableAnswer(f"Xero: {_unreadable(sources[0], str(error), journal_id)}.") from None

    async def put_manual_journals(
        self,
        body: bytes,
        key: str,
        *,
        first_sent: datetime | None = None,
        not_after: datetime | None = None,
    ) -> list[Verdict]:
        """Create journals from finished bytes and return Xero's verdict on each, in no sure order.

        A 200 is no success of any element: look at each one's complaints; one that cannot be read is no
        verdict, and left out. Raises UnknownOutcome where
        no clear answer came within the life of the key, and Overdue where the first sending would come
        after `not_after`.
        """
        return await self._write("PUT", body, key, first_sent, not_after)

    async def post_manual_journal(
        self, body: bytes, key: str, *, not_after: datetime | None = None
    ) -> Verdict:
        """Change one journal by finished bytes and return Xero's verdict on it: look at its complaints.

        Raises what `put_manual_journals` raises.
        """
        verdicts = await self._write("POST", body, key, None, not_after)
        if len(verdicts) != 1:
            raise UnknownOutcome(f"Xero: asked to change one journal, it answered with {len(verdicts)}.")
        return verdicts[0]

    async def _write(
        self, method: str, body: bytes, key: str, first_sent: datetime | None, not_after: datetime | None
    ) -> list[Verdict]:
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
        return await self.transport.call(call, _verdicts)

    async def get(
        self,
        path: str,
        kind: type[T],
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        if_forbidden: str = "",
    ) -> T:
        """Return the answer to a read, odd values told as blocks.xero_reading says.

        `if_forbidden` says what a 403 to it means.
        """
        call = Call(
            "GET",
            path,
            params=params or {},
            headers={**_HEADERS, **(headers or {})},
            if_forbidden=if_forbidden,
        )
        return await self.transport.call(call, tolerant(kind, _reader(kind, path)))


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


def _opened_by(scope: str) -> set[str]:
    """Return the scopes of which each opens what this one does."""
    wider = {scope, scope.removesuffix(".read")}
    ending = ".read" if scope.endswith(".read") else ""
    for broad, included in _BROAD_SCOPES.items():
        if scope.removesuffix(".read") in included:
            wider |= {broad, f"{broad}{ending}"}
    return wider


_journals_decoder = msgspec.json.Decoder(_Journals)
_journal_decoder = msgspec.json.Decoder(ManualJournal)
_fields_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_verdict_decoder = msgspec.json.Decoder(Verdict)


def _journal_page(answer: Answer) -> JournalPage:
    if answer.is_json:
        with suppress(*NOT_THE_JSON):
            found = _journals_decoder.decode(answer.body)
            # Without its id a journal cannot be told from others: one by one, then.
            if all(one.manual_journal_id not in {"", NOTHING} for one in found.manual_journals):
                return JournalPage(found.manual_journals, found.pagination, [])
    elements, pagination = _elements("a page of manual journals", answer)
    journals: list[ManualJournal] = []
    unreadable: list[UnreadableJournal] = []
    for element in elements:
        try:
            journal = _journal(element)
        except NOT_THE_JSON as error:
            unreadable.append(_unreadable(element, str(error)))
            continue
        if journal.manual_journal_id in {"", NOTHING}:
            unreadable.append(_unreadable(element, "it has no ManualJournalID"))
        else:
            journals.append(journal)
    return JournalPage(journals, pagination, unreadable)


def _elements(what: str, answer: Answer) -> tuple[list[bytes], Pagination | None]:
    """Return the JSON of each journal of an answer; what is no text in one does not hide the others."""
    read = _reader(_Elements, what)
    try:
        found = read(answer)
    except Unavailable:
        found = read(replace(answer, body=mended(answer.body)))
    return [bytes(element) for element in found.manual_journals], found.pagination


def _journal(element: bytes) -> ManualJournal:
    """Read one journal; what is null in it is absent, and bad characters are replaced."""
    try:
        return _journal_decoder.decode(element)
    except NOT_THE_JSON:
        fields = _fields_decoder.decode(mended(element))
        there = {name: held for name, held in fields.items() if bytes(held) != b"null"}
        return _journal_decoder.decode(msgspec.json.encode(there))


def _unreadable(element: bytes, problem: str, journal_id: str = "") -> UnreadableJournal:
    named: dict[str, str] = {}
    with suppress(ValueError, RecursionError):
        named = _text_fields(element)
    return UnreadableJournal(
        named.get("ManualJournalID", journal_id), named.get("Narration", ""), texts_in(element), problem
    )


def _text_fields(element: bytes) -> dict[str, str]:
    """Return the fields of an element that are texts. Raises ValueError where it is no object."""
    fields = lenient(element)
    if not isinstance(fields, dict):
        raise ValueError("it is no object")  # noqa: TRY004 - of the bytes, it is the value that is wrong
    return {name: held for name, held in fields.items() if isinstance(held, str)}


def _verdicts(answer: Answer) -> list[Verdict]:
    found: list[Verdict] = []
    for element in _elements("the verdict on journals", answer)[0]:
        with suppress(ValueError, *NOT_THE_JSON):
            found.append(_verdict(element))
    return found


def _verdict(element: bytes) -> Verdict:
    """Read one verdict: its lines, which echo what was sent, are only looked through for objections."""
    said = objections(element)
    try:
        verdict = _verdict_decoder.decode(element)
    except NOT_THE_JSON:
        verdict = msgspec.convert(_text_fields(element), Verdict)
    return msgspec.structs.replace(verdict, objections=said)


def dated(day: date) -> str:
    """Return the condition of a filter that a document is of a day."""
    return f"Date==DateTime({day.year:04},{day.month:02},{day.day:02})"


_XERO_DATE = re.compile(r"/Date\((-?\d+)(?:[+-]\d{4})?\)/")
_EPOCH_ITSELF = re.compile(r"/Date\(-?0+(?:[+-]\d{4})?\)/")


def xero_date(value: str | None) -> date | None:
    """Return the day of a document date such as `/Date(1553126400000+0000)/`; None for none.

    Xero writes UTC milliseconds whatever the offset says, and midnight UTC of the day that is meant.
    The epoch stands for no date; so does what cannot be read.
    """
    return None if _EPOCH_ITSELF.fullmatch(value or "") else journal_date(value)


def journal_date(value: str | None) -> date | None:
    """Return the day of a manual journal's date, which is never missing: here the epoch is a day.

    None for what cannot be read, which then equals no booking date.
    """
    match = _XERO_DATE.fullmatch(value or "")
    try:
        if match is None:
            return date.fromisoformat((value or "")[:10])
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(match[1]))).date()
    except (ValueError, OverflowError):
        return None


def xero_instant(value: str | None) -> datetime | None:
    """Return an instant such as UpdatedDateUTC, or None for none that can be read, or be reckoned with."""
    match = _XERO_DATE.fullmatch(value or "")
    try:
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(match[1])) if match else None
    except (ValueError, OverflowError):
        return None
    # The last of all instants has no local time ahead of UTC.
    return at if at and askable(at) else None


def _hint(answer: Answer) -> str:
    said = " ".join(reasons(answer))
    if "AuthenticationUnsuccessful" in said:
        return "This is the wrong organisation: compare the tenant id in the Xero block with the app's."
    if answer.status in {401, 403}:
        return (
            f"The app lacks a scope (journals need {' and '.join(JOURNAL_SCOPES)}; payments need "
            f"{', '.join(PAYMENT_SCOPES)}), or the user who authorised it lacks the reporting permission."
        )
    return ""


def time_stated(answer: Answer) -> datetime | None:
    """Return when an answer was made: its DateTimeUTC, else its Date header; None where it says neither."""
    found = _STATED.search(answer.body, 0, _HEAD_BYTES)
    at = xero_instant(found[1].decode("latin-1").replace("\\", "")) if found else None
    return at if at and askable(at) else date_of(answer.headers)


def _token_hint(answer: Answer) -> str:
    return "Check the client id and secret in the Xero block." if answer.status in REFUSED else ""


MANNERS = Manners("Xero", reasons, _hint, time_stated=time_stated)
TOKEN_MANNERS = Manners(
    "Xero's token service",
    oauth_word,
    _token_hint,
    total_seconds=TOKEN_SECONDS,
    largest_answer=LARGEST_TOKEN_ANSWER,
)


class _TokenAnswer(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: msgspec.Raw = msgspec.Raw(b"null")
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
        return any(reason.startswith("TokenExpired") for reason in reasons(answer))

    async def _current(self) -> _TokenAnswer:
        async with self._fetching:
            if self._held is None or self._clock.now() >= self._renew_at:
                self._held = await self._fetch()
                self._renew_at = renew_at(self._clock.now(), self._held.expires_in, RENEW_EARLY)
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
        journal, organisation = quote(journal_id, safe=""), quote(short_code, safe="!")
        if is_loopback(self.base_url):
            return f"{self.base_url.removesuffix('/api.xro/2.0')}/xero/journals/{journal}"
        target = f"/Journal/View.aspx?invoiceID={journal}"
        return (
            f"https://go.xero.com/organisationlogin/default.aspx?shortcode={organisation}"
            f"&redirecturl={target}"
        )

    def get_client(
        self,
        *,
        attempts: int = 5,
        parallel: int = 2,
        clock: Clock | None = None,
        http: httpx.AsyncBaseTransport | None = None,
        notice: Callable[[str], None] | None = None,
        patience: Patience | None = None,
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
            patience=patience.with_tokens() if patience else None,
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
            patience=patience,
        )
        return XeroClient(transport, token)
