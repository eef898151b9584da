"""Runs of the journals flow, as real processes, killed at one request or another and then run again.

    python -m tests.kill --kills 50 --store postgresql

prints what was killed where and how it came right. `points` says where a run can be killed, `killing`
does it, `books` compares what Xero holds at the end with what Mambu has.
"""
