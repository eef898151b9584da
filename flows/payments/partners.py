"""Whether a Xero contact is known in LN, and by which code. Pure.

A contact is recurring when it carries an LN partner code, which the sync from LN to Xero puts into its
ContactNumber. Contacts that were merged lead to the one that remains.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from blocks.xero.payment_models import XeroContact

# No chain of merged contacts is longer; what seems so is a circle.
MOST_MERGES = 20


@dataclass(frozen=True, slots=True)
class Partner:
    """Whom a document concerns: the LN code, empty for one that LN does not know, and the name in Xero.

    The name is sent as it is: LN has nothing else to tell employees' expenses by. `problem`: what of the
    contact cannot be read.
    """

    code: str
    name: str
    problem: str = ""

    @property
    def recurring(self) -> bool:
        """Tell whether LN knows the partner."""
        return bool(self.code)


def partner_of(contact_id: str, contacts: Mapping[str, XeroContact]) -> Partner | None:
    """Return whom a contact stands for, or None where Xero showed no such contact, or a circle of merges."""
    for _ in range(MOST_MERGES):
        contact = contacts.get(contact_id)
        if contact is None:
            return None
        if not contact.merged_to_contact_id:
            return Partner((contact.contact_number or "").strip(), contact.name, contact.problem)
        contact_id = contact.merged_to_contact_id
    return None


def merged_into(contacts: Mapping[str, XeroContact]) -> set[str]:
    """Return the contacts that others were merged into and that are still to be read."""
    targets = {contact.merged_to_contact_id for contact in contacts.values()}
    return {one for one in targets if one and one not in contacts}
