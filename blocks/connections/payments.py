"""Which systems belong together for payments, and the policy for them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, Field, field_validator, model_validator

from blocks.connections.connection import (
    AssignedUserKey,
    Connection,
    OrganisationName,
    PatienceMinutes,
    XeroConcurrency,
)
from blocks.connections.journals import JournalConnection
from blocks.connections.lookup import NoSuchConnection
from blocks.dates import FIRST, LAST, askable
from blocks.http.urls import documentation_url
from blocks.infor_ln.credentials import InforLNCredentials
from blocks.mambu.credentials import MambuCredentials
from blocks.store.block import DaybookStore
from blocks.xero.credentials import XeroCredentials

OnUnknown = Literal["send", "hold"]

_DocumentType = Annotated[int, Field(ge=0, le=2**31 - 1)]  # as a database keeps it
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# The other fields of the message, one of which the prepayment's cannot be called.
_OTHER_FIELDS = frozenset(
    """
    DocumentType DocumentDate BankAccountNumber BusinessPartner InvoiceNumber CurrencyCode CurrencyRate
    InvoiceAmount InvoiceDescription XeroPaymentID XeroContactName
    """.split()  # noqa: SIM905 - a list would take a line for each
)


def _in_utc(start: datetime) -> datetime:
    if not askable(start):
        raise ValueError(f"must lie between {FIRST} and {LAST}")
    return start.astimezone(UTC)


Start = Annotated[AwareDatetime, AfterValidator(_in_utc)] | None


class PaymentConnection(Connection):
    """One Xero organisation whose payments go to one company in Infor LN."""

    _block_type_name = "Payment Connection"
    _documentation_url = documentation_url("configuration.md#a-payment-connection")

    xero: XeroCredentials = Field(description="The Xero organisation.")
    ln: InforLNCredentials = Field(description="The company in Infor LN.")
    store: DaybookStore = Field(
        default_factory=DaybookStore, description="Where the audit table and the windows are."
    )
    mambu: MambuCredentials | None = Field(
        default=None, description="The Mambu tenant in which people are told of failures, if there is one."
    )
    assigned_user_key: AssignedUserKey = None
    organisation: OrganisationName = None
    start: Start = Field(
        default=None,
        description="The instant, with its UTC offset, from which this connection sends changes in Xero. "
        "Without it, the first run must be given one.",
    )
    process_until: Literal["now", "yesterday"] = Field(
        default="now",
        description="Whether a run covers all changes until now, or leaves today's (UTC) for tomorrow.",
    )
    overlap_minutes: int = Field(
        default=10,
        ge=0,
        le=7 * 24 * 60,
        description="How many minutes before the last run's end changes are read again; at least five.",
    )
    type_sales_payment: _DocumentType = Field(
        default=1, description="LN's document type of a payment that settles a sales invoice."
    )
    type_purchase_payment: _DocumentType = Field(
        default=2, description="LN's document type of a payment that settles a purchase invoice."
    )
    type_supplier_prepayment: _DocumentType = Field(
        default=3, description="LN's document type of a prepayment made to a supplier."
    )
    type_client_prepayment: _DocumentType = Field(
        default=4, description="LN's document type of a prepayment received from a client."
    )
    prepayment_field: str = Field(
        default="XeroPprepaymentID",
        description="How LN's service spells the field of the prepayment's id; most often with a double p.",
    )
    bank_numbers: dict[str, str] = Field(
        default_factory=dict,
        description="Bank account numbers as LN has them, by the AccountID in Xero, for accounts whose "
        "number in Xero is missing or of another form.",
    )
    unknown_payments: OnUnknown = Field(
        default="send",
        description="What to do with a payment whose outcome is unknown: send it again with the same id, "
        "which LN refuses if it has it (send), or leave it for review (hold).",
    )
    unknown_prepayments: OnUnknown = Field(
        default="send", description="The same for a prepayment, in case LN does not check these."
    )
    unknown_allocations: OnUnknown = Field(
        default="send", description="The same for an allocation of a prepayment."
    )
    duplicate_text: str = Field(
        default="Payment already processed",
        description="LN's message for a document that it already has, as agreed with the LN team. Any other "
        "message counts as that only where it names the document's Xero id.",
    )
    retries: int = Field(default=4, ge=0, le=20, description="How often a call that did nothing is repeated.")
    patience_minutes: PatienceMinutes = 15
    xero_concurrency: XeroConcurrency = 2
    ln_concurrency: int = Field(
        default=2, ge=1, le=16, description="How many documents of a kind are posted to LN at a time."
    )

    @field_validator("prepayment_field")
    @classmethod
    def _field_is_a_name(cls, value: str) -> str:
        if not _FIELD.fullmatch(value) or value in _OTHER_FIELDS:
            raise ValueError("must be the name of a field that no other field of the message has")
        return value

    @field_validator("duplicate_text")
    @classmethod
    def _text_says_something(cls, value: str) -> str:
        # One common word would make duplicates of LN's refusals, which then are never sent.
        if len(value.split()) < 2:
            raise ValueError("must be a text of several words that LN uses for nothing else")
        return value.strip()

    @field_validator("bank_numbers")
    @classmethod
    def _numbers_are_there(cls, value: dict[str, str]) -> dict[str, str]:
        empty = sorted(account for account, number in value.items() if not account or not number.strip())
        if empty:
            raise ValueError(f"these accounts have no number: {', '.join(empty)}")
        return {account: number.strip() for account, number in value.items()}

    @model_validator(mode="after")
    def _types_differ(self) -> Self:
        types = (
            self.type_sales_payment,
            self.type_purchase_payment,
            self.type_supplier_prepayment,
            self.type_client_prepayment,
        )
        if len(set(types)) < len(types):
            raise ValueError("the four document types must differ")
        return self


async def store_of(name: str) -> DaybookStore:
    """Return the store of the connection of a name, of whichever kind. Raises UsageError."""
    try:
        return (await JournalConnection.named(name)).store
    except NoSuchConnection as missing:
        try:
            return (await PaymentConnection.named(name)).store
        except NoSuchConnection:
            raise missing from None
