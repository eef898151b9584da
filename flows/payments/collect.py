"""Collect: what was paid in Xero, with all that a message for LN needs. Reads only.

    changed    payments, prepayments, overpayments and credit notes created or changed in the window, and bank
               transactions, for a prepayment's cash can change without it
    open       prepayments of which something is left: whether applying a part moves their time of change
               is not known; and those that, by the record, had something left when they were last seen
    again      what earlier runs did not make an end of, however long ago its window was
    details    for what is still to be decided, or has changed: invoices, the prepayments' cash, contacts,
               accounts

A collection is whole or fails: a read that failed is never taken for "not there".
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal

from blocks.store.audit_rows import AuditRow, Key, Kind, Status
from blocks.xero.payment_models import (
    Shown,
    XeroContact,
)
from flows.payments.case import row_of
from flows.payments.documents import (
    MOST_MERGES,
    Document,
    contacts_to_read,
    days_to_read,
    documents,
    in_order,
    invoices_to_read,
    merged_into,
    removed,
)
from flows.payments.models import Collected
from flows.payments.run import PaymentsRun
from flows.payments.start import sending_since
from flows.runtime.tasks import run_task


async def collect(run: PaymentsRun) -> Collected:
    """Return all that a run has to do with. Raises CallFailed and StoreError."""
    await run.progress("collect", 0, 4)
    changed = await read_changed(run)
    await run.progress("collect", 1, 4)
    again = await run.store.audit.to_look_at_again(run.organisation)
    shown = await read_unfinished(run, changed, again)
    await run.progress("collect", 2, 4)
    found = documents(shown)
    rows = await _rows(run, found, shown)
    start = await sending_since(run)
    ours = [one for one in found if row_of(one, rows) or _is_new(run, one, rows, start)]
    of_window = frozenset(one.key for one in ours if _in_window(run, one))
    ours = in_order([*ours, *removed(found, _allocations_among(rows))])
    details = await read_details(run, _to_decide(run, shown, ours, rows))
    await run.progress("collect", 4, 4)
    # Made anew with the details, which say whom a payment concerns; the removed have none to say.
    whole = {one.key: one for one in documents(details)}
    keys = {row.key for document in ours if (row := row_of(document, rows))}
    return Collected(
        documents=[whole.get(one.key, one) for one in ours],
        of_window=of_window,
        rows=rows,
        shown=details,
        unseen=[row for row in again if row.key not in keys],
    )


@run_task("collect: what changed")
async def read_changed(run: PaymentsRun) -> Shown:
    """Read what was created or changed since the window's beginning."""
    since = run.window.asked_from
    return Shown(
        run.organisation,
        run.base_currency,
        *await asyncio.gather(
            run.paid.payments(since),
            run.paid.prepayments(since),
            run.paid.overpayments(since),
            run.paid.credit_notes(since),
            run.paid.bank_transactions(since),
        ),
    )


@run_task("collect: what is not finished")
async def read_unfinished(run: PaymentsRun, changed: Shown, again: Iterable[AuditRow]) -> Shown:
    """Read open prepayments and what earlier runs made no end of; return it with what changed."""
    payments = {one.payment_id: one for one in changed.payments}
    prepayments = {one.prepayment_id: one for one in changed.prepayments}
    for one in await run.paid.open_prepayments():
        prepayments.setdefault(one.prepayment_id, one)
    overpayments = {one.overpayment_id: one for one in changed.overpayments}
    notes = {one.credit_note_id: one for one in changed.credit_notes}
    wanted: dict[Kind, set[str]] = defaultdict(set)
    credited: set[str] = set()
    for row in again:
        wanted[row.key.kind].add(row.key.xero_id)
        if row.key.kind is Kind.ALLOCATION:
            wanted[Kind.PREPAYMENT].add(row.entry.prepayment_id)
            if row.entry.document_type is None:
                # Of an overpayment or a credit note, perhaps: its row does not say of which.
                wanted[Kind.OVERPAYMENT].add(row.entry.prepayment_id)
                credited.add(row.entry.prepayment_id)
    wanted[Kind.PREPAYMENT] |= await _open_by_the_record(run)
    cash = [one for one in changed.bank_transactions if one.prepayment_id]
    wanted[Kind.PREPAYMENT] |= {one.prepayment_id for one in cash if one.prepayment_id}
    for payment in await run.paid.payments_named(wanted[Kind.PAYMENT] - payments.keys()):
        payments[payment.payment_id] = payment
    for one in await run.paid.prepayments_named(wanted[Kind.PREPAYMENT] - prepayments.keys()):
        prepayments[one.prepayment_id] = one
    for overpaid in await run.paid.overpayments_named(wanted[Kind.OVERPAYMENT] - overpayments.keys()):
        overpayments[overpaid.overpayment_id] = overpaid
    for note in await run.paid.credit_notes_named(credited - notes.keys()):
        notes[note.credit_note_id] = note
    return replace(
        changed,
        payments=list(payments.values()),
        prepayments=list(prepayments.values()),
        overpayments=list(overpayments.values()),
        bank_transactions=cash,
        credit_notes=list(notes.values()),
    )


async def _open_by_the_record(run: PaymentsRun) -> set[str]:
    """Return the prepayments of which, by the audit table, something was left to be applied."""
    held = await run.store.audit.prepayments_seen_to(run.organisation)
    applied: dict[str, Decimal] = defaultdict(Decimal)
    for row in await run.store.audit.allocations_of(run.organisation, [one.key.xero_id for one in held]):
        if not row.discarded and row.status is not Status.EXCEPTION and row.entry.amount:
            applied[row.entry.prepayment_id] += Decimal(row.entry.amount)
    return {one.key.xero_id for one in held if Decimal(one.entry.amount or 0) > applied[one.key.xero_id]}


@run_task("collect: details")
async def read_details(run: PaymentsRun, shown: Shown) -> Shown:
    """Read the invoices, bank transactions, contacts and accounts of what is still to be decided."""
    invoices, cash, accounts = await asyncio.gather(
        run.paid.invoices(invoices_to_read(shown), run.window.asked_from),
        run.paid.bank_transactions_dated(days_to_read(shown)),
        run.paid.accounts(),
    )
    await run.progress("collect", 3, 4)
    # The same one can be in both, and is then as it was read last.
    every = {one.bank_transaction_id: one for one in (*shown.bank_transactions, *cash)}
    shown = replace(shown, invoices=invoices, bank_transactions=[*every.values()], accounts=accounts)
    contacts: dict[str, XeroContact] = {}
    missing = contacts_to_read(documents(shown), contacts)
    for _ in range(MOST_MERGES):
        if not missing:
            break
        read = await run.paid.contacts(missing)
        contacts |= read
        # Where Xero does not know one, it is not asked for it again.
        missing = merged_into(read) - contacts.keys()
    return replace(shown, contacts=contacts)


async def _rows(run: PaymentsRun, found: Iterable[Document], shown: Shown) -> dict[Key, AuditRow]:
    keys = {key for one in found for key in (one.key, one.other_key) if key}
    rows = await run.store.audit.rows_of(keys)
    ids = {one.prepayment_id for one in shown.prepayments}
    ids |= {one.overpayment_id for one in shown.overpayments}
    ids |= {one.credit_note_id for one in shown.credit_notes}
    applied = await run.store.audit.allocations_of(run.organisation, ids)
    return {**rows, **{row.key: row for row in applied}}


def _allocations_among(rows: Mapping[Key, AuditRow]) -> list[AuditRow]:
    return [row for key, row in rows.items() if key.kind is Kind.ALLOCATION and row.entry.prepayment_id]


def _in_window(run: PaymentsRun, document: Document) -> bool:
    at, window = document.changed_at, run.window
    return at is None or window.asked_from <= at < window.until


def _is_new(run: PaymentsRun, document: Document, rows: Mapping[Key, AuditRow], start: dt.datetime) -> bool:
    """Tell whether a document that the record does not know is this run's.

    What is applied of a prepayment may not move the prepayment's time of change: there its own day counts,
    unless the prepayment itself is still to come, with a window that was not collected yet.
    """
    if _in_window(run, document):
        return True
    at, day = document.changed_at, document.day
    if document.key.kind is not Kind.ALLOCATION or day is None or at is None:
        return False
    prepayment = Key(document.key.organisation, Kind.PREPAYMENT, document.prepayment_id)
    last_day = (run.window.until - dt.timedelta(microseconds=1)).astimezone(dt.UTC).date()
    if at >= run.window.asked_from or day > last_day:
        return False
    held = rows.get(prepayment)
    if held is not None and held.sent_at is not None:
        return True
    return (held is not None or at < start) and start.date() <= day


def _to_decide(
    run: PaymentsRun, shown: Shown, ours: Iterable[Document], rows: Mapping[Key, AuditRow]
) -> Shown:
    """Return the part of what is shown on which something is to be decided: details are for it alone.

    What LN has, or a person closed, is compared where Xero may have changed it since it was last seen to.
    """
    ids = {one.prepayment_id for one in shown.bank_transactions if one.prepayment_id}
    for one in ours:
        row = row_of(one, rows)
        if row is None or not (row.sent_at or row.discarded) or _may_have_changed(run, one, row):
            ids |= {one.key.xero_id, one.prepayment_id}
    return replace(
        shown,
        payments=[one for one in shown.payments if one.payment_id in ids],
        prepayments=[one for one in shown.prepayments if one.prepayment_id in ids],
        overpayments=[one for one in shown.overpayments if one.overpayment_id in ids or one.allocations],
        credit_notes=[one for one in shown.credit_notes if one.allocations or one.problem],
    )


def _may_have_changed(run: PaymentsRun, document: Document, row: AuditRow) -> bool:
    since = run.window.asked_from
    changed = document.changed_at is None or document.changed_at >= since
    # Written by the last run, perhaps as it was sent at first; or shown to people as an exception.
    return changed or row.changed_at >= since or row.status is Status.EXCEPTION
