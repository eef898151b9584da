"""The store of the payments: what of it can be lost, or put back as it was."""

from __future__ import annotations

from tests.simulation.stores import StoreFile


class PaymentsFile(StoreFile):
    """A store of the payments."""

    tables = ("audit", "windows", "leases", "incidents", "starts")
