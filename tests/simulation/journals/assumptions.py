"""What the simulation of the journals assumes of the world: every bound that it keeps to, with its reason.

Where the bounds come from. Xero remembers a key for 360 s from the first request that reaches it. A run
sends on a read of Xero that is at most 240 s old (OLDEST_READ). A run with a store of its own may have
sent the same journal on the same key meanwhile: it is either seen by the read, or its key still answers.
Seen by the read is what was carried out up to `stale` before the read. The latest instant at which a
request resting on that read is carried out is OLDEST_READ + `commit` after it. So the key answers for all
that the read has not shown where

    stale + OLDEST_READ + commit <= 360 s, that is stale + commit <= 120 s.

Waiting for journals of another run to settle compares Xero's clock with ours, which takes `clocks` from
the same 120 s. A process that stands still between its last check of that age and the request leaving
takes `pause` from them: 45 + 45 + 20 + 10 = 120. A longer pause can let a journal in twice, which the night
after finds (flows/journals/late_journals.py). Waiting for a key's death has far more room: the last repeat
leaves 300 s after the request was written down, so commit + stale + clocks may be as much as 660 - 300 s
there.

What else is assumed, and why:

- A refused journal is sent again under a key of its own, since the old key repeats the refusal. Another
  store does not know of the refusal, and would send under the old key: refusals happen only in schedules in
  which one store lives from the first run to the last.
- Where lists hide deleted journals, only the store knows that a number was used: then too there is one
  store.
- What was deleted is packed into new journals, and those of two runs that see different deletions differ:
  where stores differ or are lost, people remove journals only if runs follow each other with QUIET between.
- A store is lost, or an old copy of it put back, only while no run uses it: a database that forgets in the
  middle of a run is an outage (and that is generated).
- Mambu's lines of a day change only so that their count is one that the day has not had: a change that
  leaves the count as it was is seen with --refresh alone, as docs/journals.md says.
- A copy or reversal that a person made is not rewritten by them, nor made of a rewritten journal: no record
  knows it, so nobody could tell what it is. Nor is the journal that was copied rewritten as a whole.
- From a journal that was renamed no lines are moved elsewhere: rewritten, they would be told by nothing.
- A copy of a journal whose run died before it learnt the id is taken for the journal, and so withdrawn; the
  journal itself, once renamed, is not found by a withdrawal.
- A draft whose name, texts and amounts were all rewritten cannot be told once the store that sent it is lost,
  or never learnt its id since no answer came: the one stated limit of "once". A word added to the name is
  another name to a record that is new, and another date is as much as other amounts.
- A list may show some journals of a request before the others (`uneven`), each within `stale`.
- Two stores that fail at one instant may each log a task; a success closes both.
"""

from __future__ import annotations

from typing import NamedTuple


class Bounds(NamedTuple):
    """How far the world goes, in seconds. What docs/exactly-once.md states, unless a margin is looked for.

    `commit`: a request is carried out within this of leaving, or never (T). `stale`: a list shows Xero as it
    was at most this long ago; a journal read by its id is never stale (S). `clocks`: no two clocks, Xero's
    included, differ by more (C). `pause`: a process stands still at most this long between its last check
    and the request leaving (P); a longer pause anywhere else is no matter.
    """

    commit: float = 45.0
    stale: float = 45.0
    clocks: float = 20.0
    pause: float = 10.0


BOUNDS = Bounds()
# No request leaves on a read of Xero that began longer ago: the design's four minutes.
OLDEST_READ = 240.0
# Xero's own: how long it answers for a key.
KEY_ANSWERS = 360.0
# The client gives an answer up after so long (READ_SECONDS of blocks/http/client.py).
PATIENCE = 120.0
# A pause beyond the bound: up to a machine that was suspended for two hours.
LONGEST_PAUSE = 7200.0
# A clock that is set wrong, or jumps, is wrong by up to half an hour. Only where one process runs at a time:
# what two runs know of each other's requests they know by their clocks, within `clocks`.
WRONG_CLOCK = 1800.0

# By then whatever was sent has been carried out, and no key answers any more.
QUIET = 720.0

assert BOUNDS.stale + BOUNDS.commit + BOUNDS.clocks + BOUNDS.pause <= KEY_ANSWERS - OLDEST_READ
