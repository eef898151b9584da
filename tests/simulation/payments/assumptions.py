"""What the simulation of the payments assumes of the world: every bound it keeps to, in one place.

`bounds` are those that can be raised until a rule breaks. What follows from them, or cannot be raised, stands
below, each with its reason.
"""

from __future__ import annotations

from typing import NamedTuple


class Bounds(NamedTuple):
    """How far the world goes at most, in seconds."""

    # LN books a message within so long of its leaving, or never: long enough for the next run to send the
    # same message first.
    late: float = 300.0
    # Lists of Xero's show it as it was so long ago: a little less than windows overlap at least.
    lag: float = 295.0
    # No machine's clock differs from Xero's, and LN's, by more, nor jumps further.
    skew: float = 1800.0
    # A process stands still for no longer: ten lives of its lease.
    pause: float = 1800.0


bounds = Bounds()


def raise_bounds(**higher: float) -> None:
    """Let the world go further than it is assumed to, in this process."""
    global bounds
    bounds = bounds._replace(**higher)


# What leaves for LN is never more than so many seconds behind its row where LN does not check for what it
# has: whoever stands still longer in between posts what others have answered for meanwhile.
SHORT_PAUSE = 8.0
# A lease that was not renewed for so long is another run's to take.
LEASE = 180.0
# The clients give an answer up after so long (READ_SECONDS of blocks.infor_ln and of blocks.http.client).
LN_PATIENCE = 75.0
XERO_PATIENCE = 120.0

# LN refuses an id that it has: before its business rules, or after them, or not at all.
CHECK_FIRST, CHECK_LAST, CHECK_OFF = "first", "last", "off"
# Where LN does not check, no proxy delivers twice, LN's own no is one, and each installation has the same
# store: nothing on our side could keep a document from being booked twice.
ONE_STORE_WITHOUT_CHECK = True
# What a person books by hand, the store alone knows: installations with stores of their own do not, so with
# these people leave it to Daybook.
BY_HAND_WITH_ONE_STORE = True
# A store that was lost or set back is told by the runs that this machine remembers. So the run that finds it
# is on a machine that has seen a later one than the copy knows (what people said since the last run began
# nothing tells), or LN was sent something since that is older than what people booked by hand.
SET_BACK_PAST_A_RUN = True
# An allocation that was sent under a made id is known by the store alone once Xero shows another id for it.
IDS_APPEAR_WITH_KEPT_STORES = True
# After an allocation was removed nothing more is applied of its prepayment: LN has what is left of it only
# once a person has reversed the allocation there, which the sandbox's LN does not offer.
NO_ALLOCATION_AFTER_A_REMOVAL = True
