"""How old a look at Xero may be that something rests on, and how long a request can take effect. Pure."""

from __future__ import annotations

import datetime as dt

# Journals can be changed by people at any time; no write is based on an older read.
FRESH = dt.timedelta(minutes=4)
# A key has expired, and a request under it has ended, this long after it was recorded: it is sent within
# FRESH of that, each time, Xero keeps keys for six minutes, and a minute is for requests that are carried
# out late and clocks that differ.
KEY_EXPIRED = FRESH + dt.timedelta(minutes=7)
# What a list does not show yet is dated no longer than this before it was read. A list lags by seconds, and
# a request is carried out within seconds of its leaving; but Xero may date a change by when its request
# began, and no request takes effect once its key has expired.
DATED_WITHIN = KEY_EXPIRED
