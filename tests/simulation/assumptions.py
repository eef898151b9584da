"""What the simulation assumes of the world: every bound that the fault generator keeps to, in one place.

Where the bounds come from. Xero remembers a key for 360 s from the first request that reaches it. A run
sends on a read of Xero that is at most 240 s old (OLDEST_READ). A run with a store of its own may have
sent the same journal on the same key meanwhile: it is either seen by the read, or its key still answers.
Seen by the read is what was carried out up to STALE before the read. The latest instant at which a
request resting on that read is carried out is OLDEST_READ + COMMIT after it. So the key answers for all
that the read has not shown where

    STALE + OLDEST_READ + COMMIT <= 360 s, that is STALE + COMMIT <= 120 s.

Waiting for journals of another run to settle compares Xero's clock with ours, which takes CLOCKS from
the same 120 s. Waiting for a key's death has far more room: the last repeat leaves 300 s after the
request was written down, so COMMIT + STALE + CLOCKS may be as much as 660 - 300 s there.
"""

from __future__ import annotations

# A request is carried out within this many seconds of leaving, or never. What the design calls T.
COMMIT = 45.0
# A list shows Xero as it was at most this many seconds ago; a journal read by its id is never stale. S.
STALE = 45.0
# No two clocks, Xero's included, differ by more seconds than this. C.
CLOCKS = 20.0
# No request leaves on a read of Xero that began longer ago: the design's four minutes.
OLDEST_READ = 240.0
# Xero's own: how long it answers for a key.
KEY_ANSWERS = 360.0
# The client gives an answer up after so long (blocks.transport.TIMEOUT).
PATIENCE = 120.0

# Runs of one day that share a store are kept apart by the store's lease. Until there is one, no two of them
# are under way together; a second run at the same time has a store of its own.
SAME_STORE_TOGETHER = False
# A refused journal is sent again under a key of its own, since the old key repeats the refusal. Another
# store does not know of the refusal, and would send under the old key: refusals happen only in
# schedules in which one store lives from the first run to the last.
REFUSALS_WITH_ONE_STORE_ONLY = True
# Where lists hide deleted journals, only the store knows that a number was used: then too there is one store.
HIDDEN_DELETIONS_WITH_ONE_STORE_ONLY = True
# What was deleted is packed into new journals, and those of two runs that see different deletions differ:
# people remove journals only in schedules in which one store lives from the first run to the last.
REMOVALS_WITH_ONE_STORE_ONLY = True
# A store is lost, or an old copy of it put back, only while no run uses it: a database that forgets
# in the middle of a run is an outage (and that is generated).
LOSSES_BETWEEN_RUNS_ONLY = True

assert STALE + COMMIT + CLOCKS <= KEY_ANSWERS - OLDEST_READ
