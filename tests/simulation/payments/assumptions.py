"""What the simulation of the payments assumes of the world: every bound it keeps to, in one place."""

from __future__ import annotations

# LN books a message within this many seconds of its leaving, or never: long enough for the next run to send
# the same message first.
COMMIT = 300.0
# The clients give an answer up after so long (READ_SECONDS of blocks.infor_ln and of blocks.transport).
LN_PATIENCE = 75.0
XERO_PATIENCE = 120.0
# No machine's clock differs from Xero's by more seconds. An overlap of windows makes up for it, so without
# an overlap the clocks are the same.
CLOCKS = 10.0
OVERLAP_MINUTES = 10

# LN refuses an id that it has, before it looks at anything else. A check that comes after LN's business rules
# would refuse a repeated allocation for want of a remainder: the row says failed, and to look in LN.
CHECK_COMES_FIRST = "first"
# Without LN's check only a store that is never lost, and people who look into LN before they answer for an
# unknown outcome, keep a document from being booked twice by two runs: then unknown outcomes are held.
CHECK_OFF = "off"
# An allocation that was sent under a made id is known by the store alone once Xero shows another id for it.
IDS_APPEAR_WITH_KEPT_STORES_ONLY = True
# What was deleted in Xero after it was sent looks, to an empty store, like something that was never sent.
# And what a person discarded is known by the store alone.
UNDOING_WITH_KEPT_STORES_ONLY = True
# After an allocation was removed nothing more is applied of its prepayment: LN has what is left of it only
# once a person has reversed the allocation there, which the sandbox's LN does not offer.
NO_ALLOCATION_AFTER_A_REMOVAL = True
