"""Runs of a flow, as real processes, killed at one request or another and then run again.

    python -m tests.crash --kills 50 --store postgresql
    python -m tests.crash --of payments --kills 50 --store postgresql

prints what was killed where and how it came right. `points` says what a point is at which a run can be
killed, `killing` does it; `journals` and `payments` say where each flow can be killed and what must be true
then, and `books` and `payment_books` compare what one system holds at the end with what the other has.
"""
