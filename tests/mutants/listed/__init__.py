"""All mutants, by layer."""

from __future__ import annotations

from tests.mutants.listed import clients, journals, payments, pure, run, store
from tests.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    *pure.MUTANTS,
    *clients.MUTANTS,
    *store.MUTANTS,
    *journals.MUTANTS,
    *payments.MUTANTS,
    *run.MUTANTS,
)
