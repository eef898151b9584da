"""Slips in the store: leases, the record of journals, the audit table, incidents."""

from __future__ import annotations

from functools import partial

from tests.mutants.mutant import STORE, place

_at = partial(place, STORE)
_of_journals = partial(place, STORE, simulation="journals")
_of_payments = partial(place, STORE, simulation="payments")

_LEASES = _at(
    "blocks/store/leases.py", "tests/blocks/store/test_leases.py", "tests/flows/runtime/test_lease.py"
)
_STORE = _of_journals("blocks/store/block.py", "tests/blocks/store/test_journals.py")
_ROWS = _of_payments("blocks/store/audit_rows.py")
_AUDIT = _of_payments("blocks/store/audit.py")
_INCIDENTS = _at(
    "blocks/store/incidents.py",
    "tests/blocks/store/test_incidents.py",
    "tests/flows/runtime/test_incidents.py",
)
_BEGINNINGS = _at("blocks/store/beginnings.py")
_DATABASE = _at("blocks/store/database.py")
_UPGRADING = _at("blocks/store/migrations/upgrading.py", "tests/blocks/store/test_database.py")
_LEASES_KEPT = _LEASES._replace(file="blocks/store/models.py")
_STORE_MODELS = _STORE._replace(file="blocks/store/models.py")
_STORE_JOURNALS = _STORE._replace(file="blocks/store/journals.py")

MUTANTS = (
    _STORE_JOURNALS.broken(
        "a request is written down as leaving without a look at the lease",
        "            await database.run_sync(require, lease)\n            await database.execute(_DELETE, ",
        "            await database.execute(_DELETE, ",
        fault="no lease handed to the store",
        tests="tests/flows/journals/test_send.py",
    ),
    _LEASES_KEPT.broken(
        "a lease that was renewed a minute ago has expired",
        "LEASE_LIFE: Final = timedelta(seconds=180)",
        "LEASE_LIFE: Final = timedelta(seconds=60)",
    ),
    _LEASES.broken(
        "a run whose lease another has taken goes on writing",
        "if existing is None or existing.owner != lease.owner:",
        "if existing is None:",
    ),
    _LEASES.broken(
        "a living run's lease is taken",
        "if not gone and existing.owner != wanted.owner:",
        "if not gone and existing.owner == wanted.owner:",
    ),
    _LEASES.broken(
        "a run that was taken for dead gives back its successor's lease",
        "delete(_leases).where(_IS_OURS)",
        "delete(_leases).where(_IS)",
    ),
    _STORE_JOURNALS.broken(
        "a request leaves no trace of when it was sent",
        '"first_sent_at": now,',
        '"first_sent_at": None,',
    ),
    _STORE_JOURNALS.broken(
        "an answer that comes late takes the place of the journal that is known",
        'func.coalesce(_journals.c.manual_journal_id, bindparam("id", type_=String(36)))',
        'func.coalesce(bindparam("id", type_=String(36)), _journals.c.manual_journal_id)',
    ),
    _STORE_JOURNALS.broken(
        "the bytes of an unanswered request are dropped",
        "_journals.c.state.in_((JournalState.PREPARED, *OPEN_ENDED))",
        "_journals.c.state.in_((JournalState.PREPARED,))",
    ),
    _STORE_MODELS.broken(
        "a request whose run died while it was sent is not open",
        "OPEN_ENDED = (JournalState.SENDING, JournalState.UNKNOWN)",
        "OPEN_ENDED = (JournalState.UNKNOWN,)",
    ),
    _STORE_MODELS.broken(
        "the oldest generation of a journal counts",
        "if held is None or held.generation < record.generation:",
        "if held is None or held.generation > record.generation:",
    ),
    _ROWS.broken(
        "what LN may have goes out with other content",
        "if in_doubt and held.message != message:",
        "if in_doubt and not held.message:",
    ),
    _ROWS.broken(
        "what LN has goes out again",
        "if held.sent_at is not None or held.closed_at_sight_of or",
        "if held.closed_at_sight_of or",
    ),
    _ROWS.broken(
        "what LN has turns into what it refused",
        "    if held.sent_at is not None and result.status not in IN_LN:\n        return held\n",
        "",
    ),
    _ROWS.broken(
        "a refusal ends the doubt about an earlier sending",
        "in_doubt=not in_ln and (held.in_doubt or result.status is Status.UNKNOWN)",
        "in_doubt=result.status is Status.UNKNOWN",
    ),
    _ROWS.broken(
        "a document that is posted is written down as refused",
        "_NO_ANSWER = Result(Status.UNKNOWN, ",
        "_NO_ANSWER = Result(Status.FAILED, ",
    ),
    _ROWS.broken(
        "what a person closed while it was decided on is closed as never sent",
        "if status is Status.DISCARDED and held is not None and held.closed_at_sight_of:",
        "if status is Status.DISCARDED and held is None:",
        fault="what LN may have closed quietly",
    ),
    _ROWS.broken(
        "what was not posted after all is written down over another run's posting",
        "return held.run_id == run_id and held.result == _NO_ANSWER",
        "return held.result == _NO_ANSWER",
    ),
    _ROWS.broken(
        "a closed row stays closed, whatever Xero shows",
        "return bool(held.changes_since_closing(entry))",
        "return False",
        fault="a closing that hides later changes",
    ),
    _ROWS.broken(
        "what LN may have can be closed as never sent",
        "        Status.DISCARDED: not there,",
        "        Status.DISCARDED: True,",
        fault="what LN may have closed quietly",
    ),
    _ROWS.broken(
        "unknown outcomes are not looked at again",
        "RETRIED = frozenset({Status.FAILED, Status.EXCEPTION, Status.UNKNOWN})",
        "RETRIED = frozenset({Status.FAILED, Status.EXCEPTION})",
        tests=("tests/blocks/store/test_audit_rows.py", "tests/blocks/store/test_audit.py"),
    ),
    _AUDIT.broken(
        "the window moves on past an item without a row",
        "        if missing:\n            some",
        "        if missing == keys:\n            some",
    ),
    _AUDIT.broken(
        "what a run found is written down although another has taken over",
        "if change.lease in lost:",
        "if lost and not change.lease:",
    ),
    _AUDIT.broken(
        "the last window is the first one",
        ".order_by(_windows.c.until.desc())",
        ".order_by(_windows.c.until)",
    ),
    _INCIDENTS.broken(
        "the same incident is opened again with every run",
        "if (held.stage, held.step) == (incident.stage, incident.step):",
        "if held.incident_id == incident.incident_id:",
    ),
    _INCIDENTS.broken(
        "an incident forgets its task when it comes again",
        "task_id=same.task_id or incident.task_id,",
        "task_id=incident.task_id,",
    ),
    _INCIDENTS.broken(
        "the task of a resolved incident is not completed",
        "        return TaskState.NONE\n    return TaskState.CLOSING",
        "        return TaskState.NONE\n    return incident.task_state",
    ),
    _INCIDENTS.broken(
        "an incident resolved meanwhile has its task opened again",
        "(_incidents.c.resolved.is_not(None), TaskState.CLOSING),",
        "(_incidents.c.resolved.is_not(None), TaskState.OPEN),",
    ),
    _BEGINNINGS.broken(
        "runs known beside the store are not counted",
        "runs = max(held.runs, known) + 1",
        "runs = held.runs + 1",
    ),
    _DATABASE.broken(
        "a store that has lost a table is up to date",
        "whole = not upgrading.lacks(connection, metadata)",
        "whole = True",
    ),
    _DATABASE.broken(
        "a failed upgrade leaves half of its changes",
        "        whole = False\n    if not whole:",
        "        return\n    if not whole:",
    ),
    _UPGRADING.broken(
        "an older store is brought to the next version alone",
        'iterate_revisions("head", after))',
        'iterate_revisions("head", after))[-1:]',
    ),
)
