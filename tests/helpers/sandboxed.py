"""The sandbox as tests use it: a process, its control path, and runs of the flow against it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

import httpx
from prefect.client.schemas.objects import State

from blocks.connections import environment, lookup
from blocks.connections.journals import JournalConnection
from blocks.connections.payments import PaymentConnection
from blocks.errors import DaybookError
from blocks.sandbox.infor_ln.app import DEFAULT_PATH
from blocks.sandbox.process import SandboxProcess, SandboxSettings
from blocks.store.audit_rows import AuditRow
from flows.journals.report.summary import Summary
from flows.journals.withdraw.report import Withdrawal
from flows.payments.report.summary import PaymentsSummary
from flows.runtime import artifacts as reports

DATE = dt.date(2026, 11, 18)
IMPATIENT = {"patience_minutes": 0}
# What an edit of a line has to give, beside its amount.
_OF_LINES = ("AccountCode", "Description", "TaxType")
S = TypeVar("S", Summary, PaymentsSummary, Withdrawal)


class Outcome(reports.Observer, Generic[S]):
    """How a run of a flow ended."""

    def __init__(self) -> None:
        self.summary: S
        self.error: DaybookError | None = None
        self.state: State[Any]
        self.waited_for: list[str] = []

    def waits(self, text: str) -> None:
        """Keep it."""
        self.waited_for.append(text)

    def ended(self, summary: S, error: DaybookError | None) -> None:
        """Keep it."""
        self.summary, self.error = summary, error

    @property
    def message(self) -> str:
        """Return what Prefect shows of the run's end."""
        return self.state.message or ""

    def completed(self, *, created: int | None = None) -> Self:
        """Require that the run completed, and that it sent so many journals."""
        assert self.state.is_completed(), self.message
        if created is not None:
            assert isinstance(self.summary, Summary)
            assert self.summary.journals_created == created
        return self

    def failed(self, *words: str) -> Self:
        """Require that the run failed, and that what Prefect shows of it has these words."""
        assert self.state.is_failed(), self.message
        assert [word for word in words if word not in self.message] == [], self.message
        return self


class Sandboxed:
    """A sandbox process and its control path."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.directory = directory
        self.process = SandboxProcess(SandboxSettings(directory, **settings))

    def __enter__(self) -> Self:
        self.process.__enter__()
        self.http = httpx.Client(base_url=self.process.url, timeout=60)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.http.close()
        self.process.stop()

    def control(self, path: str, body: object = None) -> Any:
        """Use a switch of the sandbox, such as `xero/journals`."""
        answer = self.http.post(f"/control/{path}", json={} if body is None else body)
        assert answer.is_success, answer.text
        return json.loads(answer.content, parse_float=Decimal) if answer.content else None

    def reset(self) -> None:
        """Forget everything: the clock, state, options, faults, the log of requests."""
        self.http.delete("/control/clock")
        for path in ("mambu/reset", "xero/reset", "ln/reset"):
            self.control(path)
        self.http.delete("/control/faults")
        self.http.delete("/control/requests")

    def fault(self, *rules: dict[str, Any]) -> None:
        """Let requests fail as the rules say."""
        self.control("faults", list(rules))

    def requests(self, system: str, method: str) -> list[dict[str, Any]]:
        """Return what the sandbox was asked, in order."""
        found: list[dict[str, Any]] = self.http.get("/control/requests").json()
        return [one for one in found if one["system"] == system and one["method"] == method]

    def plant(self, lines: Sequence[dict[str, Any]] | str, date: dt.date = DATE) -> None:
        """Let a day have exactly these lines; a text is served byte for byte."""
        what = {"raw": lines} if isinstance(lines, str) else {"lines": lines}
        self.control("mambu/lines", {"date": str(date), **what})

    def xero_journals(self) -> list[dict[str, Any]]:
        """Return all journals that Xero holds, with lines, in any state."""
        found = self.control("xero/journals")
        return list(found["journals"] if isinstance(found, dict) else found)

    def edit(
        self, journal: dict[str, Any], change: Callable[[dict[str, Any]], dict[str, Any]], **said: object
    ) -> None:
        """Let a person edit a draft: `change` gives what is new in each of its lines, `said` what else is."""
        lines = [
            {
                **{name: one[name] for name in _OF_LINES if name in one},
                "LineAmount": float(one["LineAmount"]),
                **change(one),
            }
            for one in journal["JournalLines"]
        ]
        self.control("xero/edit", {"journal_id": journal["ManualJournalID"], "lines": lines, **said})

    def double(self, journal: dict[str, Any]) -> None:
        """Let a person double the amounts of a draft."""
        self.edit(journal, lambda one: {"LineAmount": float(Decimal(one["LineAmount"]) * 2)})

    @contextmanager
    def earlier(self, **before: float) -> Iterator[None]:
        """Let what people do inside this block have been done so long ago: days=1, hours=2."""
        seconds = dt.timedelta(**before).total_seconds()
        self.control("clock", {"advance_seconds": -seconds})
        try:
            yield
        finally:
            self.control("clock", {"advance_seconds": seconds})

    def ln_books(self) -> list[dict[str, Any]]:
        """Return what Infor LN has booked, in order."""
        return list(self.control("ln/books")["documents"])

    def ln_posts(self) -> list[dict[str, Any]]:
        """Return the documents that were posted to Infor LN, as its gateway logged them."""
        return [one for one in self.requests("ln", "POST") if one["path"].endswith(DEFAULT_PATH)]

    @property
    def _env(self) -> dict[str, str]:
        # With the store of the test's own home: the sandbox's own would outlast `reset`.
        return {name: value for name, value in self.process.env.items() if name != "DAYBOOK_STORE_URL"}

    def connection(self, **changes: Any) -> JournalConnection:
        """Return the connection that leads here, some of it changed; unless told, it waits for nobody."""
        return environment.journal_connection(self._env).model_copy(update={**IMPATIENT, **changes})

    def payment_connection(self, **changes: Any) -> PaymentConnection:
        """Return the payment connection that leads here, some of it changed; it waits for nobody either."""
        return environment.payment_connection(self._env).model_copy(update={**IMPATIENT, **changes})

    async def audit(self, name: str = "default") -> dict[str, AuditRow]:
        """Return all rows of the audit table by their keys, such as payment:1234, discarded ones too."""
        async with self.payment_connection().store.open() as store:
            return {str(row.key): row for row in await store.audit.rows(name, discarded=True)}

    async def confirm(
        self, connection: PaymentConnection, name: str = "default", at: dt.datetime | None = None
    ) -> None:
        """Let a person confirm, now or earlier, that the payments may begin from the store, if it is new."""
        with suppress(DaybookError):  # the run tells what is wrong with the store
            async with connection.store.open() as store:
                if (await store.beginnings.of(name)).confirmed_at is None:
                    await store.beginnings.confirm(name, "A person", at or dt.datetime.now(dt.UTC))

    async def pay_run(
        self,
        *,
        connection: PaymentConnection | None = None,
        name: str = "default",
        confirmed: bool = True,
        **parameters: Any,
    ) -> Outcome[PaymentsSummary]:
        """Run the payments flow and return how it ended; a store that is new is `confirmed` first."""
        from flows.payments.flow import payments

        outcome = Outcome[PaymentsSummary]()
        known = {name: connection or self.payment_connection()}
        if confirmed:
            await self.confirm(known[name], name)
        with lookup.provided(known), reports.observed_by(outcome):
            outcome.state = await payments(name, return_state=True, **parameters)
        return outcome

    async def run(
        self,
        date: dt.date | None = DATE,
        *,
        connection: JournalConnection | None = None,
        name: str = "default",
        **parameters: Any,
    ) -> Outcome[Summary]:
        """Run the journals flow and return how it ended."""
        from flows.journals.flow import journals

        outcome = Outcome[Summary]()
        known = {name: connection or self.connection()}
        with lookup.provided(known), reports.observed_by(outcome):
            outcome.state = await journals(date, name, return_state=True, **parameters)
        return outcome


def line(
    entry_id: int,
    amount: object,
    side: str = "DEBIT",
    *,
    transaction: str | None = "T1",
    gl_code: str = "1010",
    created: str = f"{DATE}T12:00:00+00:00",
    booked: str = f"{DATE}T00:00:00+00:00",
) -> dict[str, Any]:
    """Return a journal line as Mambu words it."""
    return {
        "encodedKey": f"{entry_id:032x}",
        "entryID": entry_id,
        "transactionId": transaction,
        "creationDate": created,
        "bookingDate": booked,
        "type": side,
        "amount": amount,
        "glAccount": {"glCode": gl_code, "name": gl_code, "type": "ASSET", "usage": "DETAIL"},
    }


def forget(home: Path) -> None:
    """Delete the store."""
    for file in home.glob("daybook.sqlite3*"):
        file.unlink()
