"""The client of Xero's Accounting API.

It knows HTTP and Xero's wire format, and nothing of what the journals are for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import TypeVar

import msgspec
from pydantic import SecretStr

from blocks.clock import Clock
from blocks.dates import askable, utc_text
from blocks.errors import CallFailed, NotAllowed, Rejected, UnknownOutcome, UnusableAnswer
from blocks.http.auth import OAuthToken, token_profile
from blocks.http.client import ApiClient, Transport
from blocks.http.models import NOT_THE_JSON, Answer, ApiProfile, Call, date_of
from blocks.xero.answers import reasons
from blocks.xero.journals import (
    read_elements,
    read_journal,
    read_journal_page,
    read_verdicts,
    unreadable_journal,
)
from blocks.xero.models import (
    JournalPage,
    ManualJournal,
    XeroAccount,
    XeroOrganisation,
    xero_instant,
)
from blocks.xero.reading import ACCEPT_JSON, reader, tolerant

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
# In the frame that Xero puts around each answer, and never in a text in it, whose quotes are escaped.
_STATED = re.compile(rb'"DateTimeUTC"\s{0,8}:\s{0,8}"([^"]{1,60})"')
_HEAD_BYTES = 2000
T = TypeVar("T")


class _Organisations(msgspec.Struct, rename="pascal"):
    organisations: list[XeroOrganisation]


class _Accounts(msgspec.Struct, rename="pascal"):
    accounts: list[XeroAccount]


class XeroToken(OAuthToken):
    """The access token of a custom connection; calls with it name the tenant, where there is one."""

    def __init__(
        self, transport: Transport, url: str, scopes: str, tenant_id: str | None, clock: Clock
    ) -> None:
        form = {"grant_type": SecretStr("client_credentials"), "scope": SecretStr(scopes)}
        super().__init__(transport, url, form, clock)
        self._scopes = scopes
        self.also = {"xero-tenant-id": tenant_id} if tenant_id else {}

    def expired(self, answer: Answer) -> bool:
        """Return whether Xero says that the token has expired; with any other 401 a new one helps nobody."""
        return expired(answer)

    def failure(self, error: CallFailed) -> CallFailed:
        """Return the error to raise where no token was given."""
        if not isinstance(error, Rejected):
            return error
        said = ", ".join(error.reasons) or "no reason"
        return NotAllowed(
            f"Xero refused a token ({said}). Check the client id and secret in the Xero block, and that "
            f"the app has each of these scopes: {self._scopes}.",
            status=error.status,
        )


class XeroClient(ApiClient):
    """Calls to one Xero organisation. Every method raises blocks.errors.CallFailed."""

    def __init__(self, transport: Transport, token: XeroToken) -> None:
        super().__init__(transport, token.transport)
        self._token = token

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
            raise NotAllowed("Xero: the connection leads to no organisation. Authorise the app again.")
        return found.organisations[0]

    async def accounts(self) -> list[XeroAccount]:
        """Return the chart of accounts, archived accounts included."""
        return (await self.get("Accounts", _Accounts)).accounts

    async def manual_journals(self, *, modified_since: datetime, page: int, page_size: int) -> JournalPage:
        """Return one page of the journals changed since an instant, with their lines, in a lasting order."""
        headers = {**ACCEPT_JSON, "If-Modified-Since": utc_text(modified_since)}
        call = Call("GET", "ManualJournals", params=_page(page, page_size), headers=headers)
        return await self.transport.call(call, read_journal_page)

    async def manual_journal(self, journal_id: str) -> ManualJournal:
        """Return one journal with its lines. Raises NotFound."""
        return (await self.manual_journal_and_source(journal_id))[0]

    async def manual_journal_and_source(self, journal_id: str) -> tuple[ManualJournal, bytes]:
        """Return one journal with its lines, and its JSON as Xero wrote it. Raises NotFound."""
        path = f"ManualJournals/{journal_id}"

        def read(answer: Answer) -> list[bytes]:
            return read_elements(path, answer)[0]

        sources = await self.transport.call(Call("GET", path, headers=ACCEPT_JSON), read)
        if len(sources) != 1:
            raise UnusableAnswer(f"Xero gave {len(sources)} journals for the id {journal_id} instead of one.")
        try:
            return read_journal(sources[0]), sources[0]
        except NOT_THE_JSON as error:
            raise UnusableAnswer(f"Xero: {unreadable_journal(sources[0], str(error), journal_id)}.") from None

    async def put_manual_journals(
        self,
        body: bytes,
        key: str,
        *,
        first_sent: datetime | None = None,
        not_after: datetime | None = None,
    ) -> list[ManualJournal]:
        """Create journals from finished bytes and return Xero's verdict on each, in no sure order.

        A 200 is no success of any element: look at each one's objections; one that cannot be read is no
        verdict, and left out. Raises UnknownOutcome where
        no clear answer came within the life of the key, and Overdue where the first sending would come
        after `not_after`.
        """
        return await self._write("PUT", body, key, first_sent, not_after)

    async def post_manual_journal(
        self, body: bytes, key: str, *, not_after: datetime | None = None
    ) -> ManualJournal:
        """Change one journal by finished bytes and return Xero's verdict on it: look at its objections.

        Raises what `put_manual_journals` raises.
        """
        verdicts = await self._write("POST", body, key, None, not_after)
        if len(verdicts) != 1:
            raise UnknownOutcome(
                f"Xero answered the change of one journal with {len(verdicts)} journals. The journal may "
                "have been changed."
            )
        return verdicts[0]

    async def _write(
        self, method: str, body: bytes, key: str, first_sent: datetime | None, not_after: datetime | None
    ) -> list[ManualJournal]:
        call = Call(
            method,
            "ManualJournals",
            params={"summarizeErrors": "false"},
            headers={**ACCEPT_JSON, "Content-Type": "application/json", "Idempotency-Key": key},
            content=body,
            writes=True,
            first_sent=first_sent,
            not_after=not_after,
        )
        return await self.transport.call(call, read_verdicts)

    async def get(
        self,
        path: str,
        kind: type[T],
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        if_forbidden: str = "",
    ) -> T:
        """Return the answer to a read, odd values told as blocks.xero.reading says.

        `if_forbidden` says what a 403 to it means.
        """
        call = Call(
            "GET",
            path,
            params=params or {},
            headers={**ACCEPT_JSON, **(headers or {})},
            if_forbidden=if_forbidden,
        )
        return await self.transport.call(call, tolerant(kind, reader(kind, path)))


def _page(page: int, page_size: int) -> dict[str, str]:
    # Without `page` Xero leaves the lines out. Ordered by id, which no change moves: in Xero's own order,
    # by time of change, a journal can slip past a reader from one page to another.
    return {"page": str(page), "pageSize": str(page_size), "order": "ManualJournalID ASC"}


def _opened_by(scope: str) -> set[str]:
    """Return the scopes of which each opens what this one does."""
    wider = {scope, scope.removesuffix(".read")}
    ending = ".read" if scope.endswith(".read") else ""
    for broad, included in _BROAD_SCOPES.items():
        if scope.removesuffix(".read") in included:
            wider |= {broad, f"{broad}{ending}"}
    return wider


def dated(day: date) -> str:
    """Return the condition of a filter that a document is of a day."""
    return f"Date==DateTime({day.year:04},{day.month:02},{day.day:02})"


def expired(answer: Answer) -> bool:
    """Return whether a refusal is for a token that has expired."""
    return any(reason.startswith("TokenExpired") for reason in reasons(answer))


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


PROFILE = ApiProfile("Xero", reasons, _hint, time_stated=time_stated, expired=expired)
TOKEN_PROFILE = token_profile("Xero's token service", "Check the client id and secret in the Xero block.")
