"""The switches of the Xero stand-in: what Xero leaves open, and how strict the stand-in is."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Final

from blocks.sandbox.options import Options
from blocks.sandbox.world.trade_days import MOST_A_DAY

SCOPES: Final = "accounting.manualjournals accounting.settings.read"
"""The scopes a journal connection asks for, as the token request spells them."""
PAYMENT_SCOPES: Final = (
    "accounting.payments.read accounting.invoices.read accounting.banktransactions.read "
    "accounting.contacts.read accounting.settings.read"
)
"""The scopes a payments connection asks for."""


@dataclass(frozen=True, slots=True)
class XeroOptions(Options):
    """Every behaviour switch; the defaults are what Xero documents or most likely does.

    Where nothing public says what Xero does, the stricter behaviour is the default. A limit of 0
    is no limit.
    """

    choices: ClassVar = {
        "missing_scope_status": (401, 403),
        "day_reset_hour": tuple(range(24)),
        "no_tax": ("NONE", "BASEXCLUDED", "EXEMPTEXPENSES", "EXEMPTINCOME", "EXEMPTOUTPUT"),
        "unknown_account": ("error", "warning"),
        "reporting_of_failures": ("zero", "absent"),
    }

    # Access.
    assigned_scopes: str = f"{SCOPES} accounting.manualjournals.read accounting.attachments {PAYMENT_SCOPES}"
    missing_scope_status: int = 401  # reported both as 401 and as 403
    reporting_permission: bool = True  # since 29 June 2026 journal calls need the user's permission

    # Limits. The headers are on every reply in any case.
    limits: bool = False  # refuse above 60 calls a minute, 5 at a time, `day_limit` a day
    day_limit: int = 5000  # 1000 on the Starter tier
    day_reset_hour: int = 10  # the day's window ends at a different hour for each organisation
    latency_seconds: float = 0.0  # real time spent on each call, so that calls can overlap
    key_store_down: bool = False  # 500 for every write that carries an Idempotency-Key

    # Strictness of ours; Xero is more lenient.
    strict: bool = True  # refuse unknown keys, amounts as strings, `summarizeErrors=False`

    # Manual journals.
    edit_posted: bool = True  # Xero's page allows it; other tools report that only drafts can change
    status_only_updates: bool = True  # an update may leave the lines out, and one of the status all else
    no_tax: str = "NONE"  # how TaxType NONE is answered: as BASEXCLUDED by an Australian organisation
    reverse_lines: bool = False  # list the lines of a journal in another order than they were sent
    unknown_account: str = "error"  # or "warning": 200, and the line loses its account
    drop_tracking: bool = True  # archived options vanish and the last of two wins, silently
    reporting_of_failures: str = "zero"  # id of a refused element under summarizeErrors=false, or "absent"
    reverse_elements: bool = False  # answer elements in another order than they were sent
    summarise_by_default: bool = True  # what an absent summarizeErrors means
    summarise_atomic: bool = False  # True: a summarised 400 creates nothing
    max_amount: Decimal = Decimal(0)  # undocumented for journals, hence none
    max_lines: int = 0
    max_elements: int = 0  # Xero advises about 50 and states no bound
    max_narration: int = 0
    max_description: int = 0
    max_body_bytes: int = 3_500_000  # "under 3.5 MB"; a newer text says 10 MB

    # Reading.
    list_deleted: bool = True  # DELETED and VOIDED journals appear in lists
    narration_ignores_case: bool = False  # of the Narration filter
    modified_since_inclusive: bool = False
    read_lag_seconds: float = 0.0  # lists show what was so long ago; what is asked for by id is current

    # Payments. What is seeded of them, and what Xero leaves open.
    seed: int = 2026
    payments_per_day: int = 40  # events of a seeded day, at most 9,999; each makes a few documents
    payment_history_days: int = 30  # how far back lists go that name no beginning, or an earlier one
    allocation_ids: bool = True  # False: allocations lack AllocationID, as before August 2023
    allocation_touches: bool = True  # an allocation moves the UpdatedDateUTC of its prepayment
    batch_flags_as_text: bool = False  # "false" as in a sample of Xero's, which its own library refuses
    batch_totals_as_text: bool = False  # "600.00" as in samples of Xero's
    list_removed_allocations: bool = False  # True: a removed allocation stays, with IsDeleted

    def __post_init__(self) -> None:
        if self.payments_per_day > MOST_A_DAY:
            raise ValueError(f"payments_per_day must be at most {MOST_A_DAY}")
