"""Slips in what holds a run together: its lease, its incidents and tasks, its record, its pages."""

from __future__ import annotations

from functools import partial

from tests.mutants.mutant import RUN, place

_at = partial(place, RUN)

_LEASE = _at("flows/runtime/lease.py")
_LEASES = _at(
    "blocks/store/leases.py", "tests/flows/runtime/test_lease.py", "tests/blocks/store/test_leases.py"
)
_INCIDENTS = _at("flows/runtime/incidents.py")
_RECORD = _at(
    "flows/journals/record.py", "tests/flows/journals/test_failures.py::test_a_day_that_cannot_be_read"
)
_EDITED = "tests/flows/journals/test_people.py::test_an_edited_draft_is_reported_and_not_overwritten"
_FLOW = _at("flows/journals/flow.py", _EDITED)
_RUN_REPORT = _FLOW._replace(file="flows/runtime/report.py")
_REPORTS = _at("flows/runtime/artifacts.py", "tests/flows/test_text_out.py")
_STAGING = _at("flows/journals/staging.py")
_FAILURE = _at("flows/journals/report/failures.py")
_RUN_COUNTS = _at("flows/payments/beginning.py", "tests/flows/payments/test_run_counts.py")
_STORE_MODELS = _LEASES._replace(file="blocks/store/models.py")
_RUNTIME_FAILURES = _INCIDENTS._replace(file="flows/runtime/failures.py")

MUTANTS = (
    _STORE_MODELS.broken(
        "a lease is renewed more seldom than it expires",
        "RENEWED_EVERY: Final = timedelta(seconds=60)",
        "RENEWED_EVERY: Final = timedelta(seconds=600)",
    ),
    _LEASE.broken(
        "a run that has ended keeps its lease",
        "        if run.lease is not None:\n            with suppress(StoreError):  # it expires",
        "        if run.lease is None:\n            with suppress(StoreError):  # it expires",
    ),
    _LEASE.broken(
        "a run that Prefect saw end is taken for one that died",
        "return state is None or not (state.is_completed() or state.is_failed())",
        "return state is None or not state.is_failed()",
    ),
    _LEASE.broken(
        "a run without the lock concludes from it that another is dead",
        'place, now = _place(lock) if alone else "", run.clock.now()',
        "place, now = _place(lock), run.clock.now()",
    ),
    _INCIDENTS.broken(
        "a task whose answer was lost is logged a second time",
        "            mine = await self._own_tasks(incident, mambu)\n",
        "            mine: list[MambuTask] = []\n",
    ),
    _INCIDENTS.broken(
        "a failure that cannot be recorded is told to nobody",
        "            sent = await self._send(incident, zone)\n            with suppress",
        "            sent = incident\n            with suppress",
    ),
    _INCIDENTS.broken(
        "the title of a task is cut without its marker",
        "visible(failure.title)[: LONGEST_TITLE - len(marker) - 1]",
        "visible(failure.title)[:LONGEST_TITLE]",
    ),
    _INCIDENTS.broken(
        "a person's own task that quotes a title is completed",
        'return marker.startswith(start) and marker.endswith("]") and HAPPENED in text',
        "return start in task.title and HAPPENED in text",
    ),
    _INCIDENTS.broken(
        "an incident's end completes the task of another one of its place",
        "            and str(task.id) not in others\n",
        "",
    ),
    _RUNTIME_FAILURES.broken(
        "the text of a task is cut at its end, where the remedy is",
        "return _cut(what, longest - len(end)) + end",
        "return _cut(what + end, longest)",
    ),
    _RECORD.broken(
        "a day that has come through leaves its incident open",
        "        await service.resolve(day, zone)\n",
        "        pass\n",
    ),
    _RECORD.broken(
        "a day that does not tie out is recorded as finished",
        '    if summary.status == "failed":\n        said = outcome_sentence',
        '    if summary.status == "stopped":\n        said = outcome_sentence',
        tests="tests/flows/journals/test_record.py",
    ),
    _RECORD.broken(
        "the lines of a day whose extract failed are kept",
        'if run.stage in {"", "day", "extract"} and not await',
        'if run.stage in {"", "day"} and not await',
    ),
    _RECORD.broken(
        "a run that lost its lease opens an incident",
        "isinstance(error, DayNotOver | LeaseLost)",
        "isinstance(error, DayNotOver)",
        tests="tests/flows/journals/test_send.py",
    ),
    _RECORD.broken(
        "a run that died leaves no trace",
        "    if crashed_run is not None:\n",
        "    if crashed_run is not None and crashed_run.expired(run.clock.now()) is None:\n",
        tests="tests/flows/journals/test_look_back.py::test_a_run_that_died_is_found_by_the_next_of_its_date",
    ),
    _RUN_REPORT.broken(
        "a run whose day does not tie out is completed",
        '        return (Failed if summary.status == "failed" else Completed)(message=summary.message)',
        "        return Completed(message=summary.message)",
    ),
    _FLOW.broken(
        "a dry run looks back, and sends",
        "nightly = asked.date is None and not asked.dry_run",
        "nightly = asked.date is None",
        tests="tests/flows/journals/test_look_back.py::test_a_dry_run_looks_back_on_nothing",
    ),
    _REPORTS.broken(
        "the pages of a second connection go over those of the first",
        '    return key if connection == "default" else',
        "    return key if connection else",
    ),
    _STAGING.broken(
        "a staged file that was damaged is sent",
        "return part.path.exists() and file_digest(part.path) == part.digest",
        "return part.path.exists()",
    ),
    _FAILURE.broken(
        "a failure to confirm is one to send",
        '        return "send", "confirm"',
        '        return "send", step',
    ),
    _RUN_COUNTS.broken(
        "stores of two connections share a note",
        'hashlib.sha256(f"{address}\\n{connection}".encode())',
        'hashlib.sha256(f"{address}\\n".encode())',
    ),
)
