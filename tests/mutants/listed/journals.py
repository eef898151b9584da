"""Slips in the journals: extract, send, read, confirm, look back and again, withdraw."""

from __future__ import annotations

from functools import partial

from tests.mutants.mutant import JOURNALS, place

_at = partial(place, JOURNALS)
_of_journals = partial(place, JOURNALS, simulation="journals")

_EXTRACT = _at("flows/journals/extract.py")
_PROCESS = _at("flows/journals/process/tasks.py", "tests/flows/journals/test_stages.py")
_START = _at("flows/journals/start.py", "tests/flows/journals/test_time_there.py")
_SEND = _of_journals("flows/journals/send.py")
_POSTING = _SEND._replace(file="flows/journals/posting.py")
_PENDING = _SEND._replace(file="flows/journals/pending.py")
_RECORDS = _SEND._replace(file="flows/journals/records.py")
_READ = _of_journals("flows/journals/read.py")
_AS_SENT = _at("flows/journals/as_sent.py", "tests/flows/journals/test_candidates.py")
_CANDIDATES = _of_journals("flows/journals/candidates.py")
_CALLS = _of_journals("flows/journals/calls.py", "tests/flows/journals/test_read.py")
_CONFIRM = _of_journals("flows/journals/confirm.py")
_DELIVER = _of_journals("flows/journals/flow.py", "tests/flows/journals/test_confirm.py")
_LOOK_BACK = _of_journals(
    "flows/journals/look_back.py", "tests/flows/journals/test_look_back.py::test_the_days_that_are_run_first"
)
_LOOK_AGAIN = _of_journals("flows/journals/late_journals.py")
_AGAIN = "tests/flows/journals/test_late_journals.py"
_LATE = f"{_AGAIN}::test_a_request_carried_out_after_all_was_finished_is_found"
_FLOW = _of_journals("flows/journals/flow.py", _LATE)
_INTENTS = _of_journals("flows/journals/withdraw/requests.py")
_REMOVE = _of_journals("flows/journals/withdraw/remove.py", "tests/flows/journals/withdraw/test_requests.py")
_RULES = _at(
    "flows/journals/withdraw/rules.py",
    "tests/flows/journals/withdraw/test_flow.py::test_what_was_voided_without_us_is_not_promised",
)
_WITHDRAW = _of_journals("flows/journals/withdraw/flow.py", "tests/flows/journals/withdraw/test_requests.py")

MUTANTS = (
    _EXTRACT.broken(
        "a day is read from the cache although Mambu states another count",
        "str(run.folder), day, stated)",
        "str(run.folder), day)",
        survives="Where another count is stated than came, the day is read again past the cache, whatever "
        "the key: it costs a warning and a second reading, and no line.",
    ),
    _EXTRACT.broken(
        "a day that a step refused is not read again",
        "attempt > 1 or not is_current(run.folder)",
        "attempt > 1",
        tests="tests/flows/journals/test_stages.py",
    ),
    _PROCESS.broken(
        "what a step made under other settings is used again",
        "step.name, key, settings)",
        "step.name, key)",
    ),
    _PROCESS.broken(
        "what was made of other lines is used again",
        "key, notes = lines.digest, ",
        "key, notes = str(lines.path), ",
    ),
    _EXTRACT.broken(
        "lines that come while a day is read are not noticed",
        'if lines.notes["distinct"] == stated == again or',
        'if lines.notes["distinct"] == stated or',
    ),
    _EXTRACT.broken(
        "a day is taken to be complete whatever came",
        'if lines.notes["distinct"] == stated == again or lines.notes["malformed"]:',
        'if stated == again or lines.notes["malformed"]:',
    ),
    _START.broken(
        "whether a day is over is told by our clock alone",
        "wait = (run.day.end + OVERLAP - run.time_there()).total_seconds()",
        "wait = (run.day.end + OVERLAP - run.clock.now()).total_seconds()",
    ),
    _START.broken(
        "the books of another organisation are written into",
        "if expected and expected not in {xero.name, xero.organisation_id}:",
        "if expected and not {xero.name, xero.organisation_id}:",
        tests="tests/flows/journals/test_refusals.py::test_an_organisation_of_another_name_is_refused",
    ),
    _POSTING.broken(
        "a request is written down after it was sent",
        "    await run.store.sending(records, StoredRequest(request.key, body), run.clock.now(), run.lease)\n"
        "    try:\n"
        "        verdicts = await run.xero.put_manual_journals(body, request.key, not_after=not_after)\n",
        "    try:\n"
        "        verdicts = await run.xero.put_manual_journals(body, request.key, not_after=not_after)\n"
        "        await run.store.sending(\n"
        "            records, StoredRequest(request.key, body), run.clock.now(), run.lease\n        )\n",
    ),
    _POSTING.broken(
        "a request is sent without its lease being looked at",
        "StoredRequest(request.key, body), run.clock.now(), run.lease)",
        "StoredRequest(request.key, body), run.clock.now())",
        fault="no lease handed to the store",
    ),
    _POSTING.broken(
        "the parts of a block are sent at the same time",
        "await asyncio.gather(*map(put, groups[number]))",
        "await asyncio.gather(*(put([one]) for block in groups[number] for one in block))",
        tests="tests/flows/journals/test_send.py",
    ),
    _POSTING.broken(
        "an unknown outcome is swallowed when journals are put",
        "        await run.store.move(records, JournalState.UNKNOWN, run.clock.now())\n        raise\n"
        "    except Rejected",
        "        await run.store.move(records, JournalState.UNKNOWN, run.clock.now())\n"
        "        return {}, {}\n    except Rejected",
        fault="an unknown outcome swallowed in put",
    ),
    _POSTING.broken(
        "a request without an answer is written down as refused",
        "    except UnknownOutcome:\n"
        "        await run.store.move(records, JournalState.UNKNOWN, run.clock.now())",
        "    except UnknownOutcome:\n"
        "        await run.store.move(records, JournalState.REFUSED, run.clock.now())",
    ),
    _SEND.broken(
        "journals that come from elsewhere are not waited for",
        "        if await _wait_for_others(run, snapshot):\n            continue\n",
        "",
        fault="no waiting for journals that come from elsewhere",
    ),
    _POSTING.broken(
        "a refusal of several journals is one of each of them",
        "        if len(records) > 1:\n            # With",
        "        if len(records) > 50:\n            # With",
    ),
    _POSTING.broken(
        "that another run is sending the same journals is a refusal",
        'if "different request" in " ".join(error.reasons):',
        'if "different request" in error.reasons:',
    ),
    _PENDING.broken(
        "a request is taken for dead as soon as its key may be",
        "wait = (request.first_sent_at + KEY_EXPIRED - run.clock.now()).total_seconds()",
        "wait = (request.first_sent_at + KEY_LIFE - run.clock.now()).total_seconds()",
    ),
    _PENDING.broken(
        "a request is asked for again although a part of it is in Xero",
        "    if seen.there or not seen.absent:\n        return seen.there",
        "    if seen.there:\n        return True",
    ),
    _PENDING.broken(
        "a repeat rests on a read of any age",
        "            not_after=seen.read_at + FRESH,\n",
        "            not_after=None,\n",
    ),
    _POSTING.broken(
        "journals are sent on a read of any age",
        "        return self.read_at + FRESH\n",
        "        return self.read_at + 100 * FRESH\n",
    ),
    _POSTING.broken(
        "a posting that is done again sends what was prepared for the first time",
        "    if number in posting.begun:\n        posting.done_again = True\n        return\n",
        "",
        tests="tests/flows/journals/test_send.py",
    ),
    _SEND.broken(
        "after an outage the next group goes out on the reading before it",
        "            if posting.done_again:\n                break\n",
        "",
        tests="tests/flows/journals/test_send.py",
    ),
    _SEND.broken(
        "a refused journal is sent again under its old key",
        "generations[name] = record.generation + 1",
        "generations[name] = record.generation",
    ),
    _SEND.broken(
        "an unanswered journal is sent again under the key of a next generation",
        "            generations[name] = record.generation\n        elif",
        "            generations[name] = record.generation + 1\n        elif",
    ),
    _SEND.broken(
        "the record's numbers are free",
        "taken.setdefault(record.booking_date, set()).add(record.number)",
        "taken.setdefault(record.booking_date, set())",
    ),
    _RECORDS.broken(
        "every journal of a success is taken",
        "        if verdict and verdict.is_in_xero:\n",
        "        if verdict:\n",
    ),
    _RECORDS.broken(
        "a journal that the answer does not mention is sent, for others are",
        "    if silent:\n        await move",
        "    if silent and not ids:\n        await move",
    ),
    _SEND.broken(
        "lines that stand in Xero twice do not stop the sending",
        "    if matched.duplicates:\n",
        "    if matched.duplicates and not matched.missing:\n",
    ),
    _SEND.broken(
        "a confirmed day is sent again under another label",
        "        JournalState.CREATED,\n        JournalState.CONFIRMED,\n",
        "        JournalState.CREATED,\n",
    ),
    _READ.broken(
        "journals that the list does not show are not there",
        "for journal_id in dict.fromkeys([*known_ids, *recorded]):",
        "for journal_id in dict.fromkeys(known_ids):",
    ),
    _READ.broken(
        "a list that lags shows a withdrawn journal alive, and is believed",
        "if shown_now is None or (journal_id in withdrawn and shown_now.status not in DELETED_OR_VOIDED):",
        "if shown_now is None:",
        fault="a stale list showing a withdrawn journal alive",
    ),
    _READ.broken(
        "a void of ours that comes late is a person's",
        "record.state in {JournalState.WITHDRAWING, JournalState.WITHDRAWN}",
        "record.state in {JournalState.WITHDRAWN}",
        tests="tests/flows/journals/withdraw/test_requests.py",
    ),
    _READ.broken(
        "lines sent under another day are sent under this one as well",
        "return [record for record in other if not planned.isdisjoint(entries_of(record) or ())]",
        "return [record for record in other if planned.issuperset(entries_of(record) or ())]",
    ),
    _READ.broken(
        "what was sent under other days is not looked for",
        "return [record for record in other if not planned.isdisjoint",
        "return [record for record in other if planned.isdisjoint",
    ),
    _READ.broken(
        "neither the record nor Xero is asked for what was sent under other days",
        "    if not len(entries):\n",
        "    if True:\n",
        also=(
            (
                "if others or before is None or (before.zone, before.label, before.first_day) != settings:",
                "if others:",
            ),
        ),
        fault="a line under two days",
    ),
    _READ.broken(
        "a run that looks back sends again what people took out",
        "withhold_deleted=run.looking_back,",
        "withhold_deleted=False,",
        fault="lines taken out and sent again",
    ),
    _READ.broken(
        "journals are listed from ten minutes after the day's end on",
        "since = day.end - BEFORE_DAY_END",
        "since = day.end + BEFORE_DAY_END",
    ),
    _READ.broken(
        "a list of journals that changed while it was read is taken",
        "if reading.whole:",
        "if reading.ended:",
        fault="the check that a list stood still dropped",
    ),
    _READ.broken(
        "a further look asks for what is dated after the one before",
        "start = max(since, self._seen_at - DATED_WITHIN)",
        "start = max(since, self._seen_at)",
    ),
    _READ.broken(
        "what became of a journal between two looks is overlooked where it is not the day's any more",
        "wanted.kept(one) if one.journal_id in before or wanted(one) else None",
        "wanted.kept(one) if wanted(one) else None",
    ),
    _READ.broken(
        "a slip of Xero's clock hides changes from the next look",
        "return min(said, run.clock.now()) if said else None",
        "return said",
    ),
    _AS_SENT.broken(
        "a copy of a journal counts as the journal",
        " and names[journal.narration] == 1",
        "",
    ),
    _AS_SENT.broken(
        "a line that another journal names as well is taken for settled",
        "    if found and others:\n",
        "    if found and not others:\n",
    ),
    _AS_SENT.broken(
        "what the record knows of a rewritten journal is taken for settled",
        "named_in(journals), *(one.entries for one in known if one and one.entries)",
        "named_in(journals)",
    ),
    _AS_SENT.broken(
        "tracking is overlooked where the rest is as planned",
        "            if line.tracking:\n",
        "            if False:\n",
    ),
    _AS_SENT.broken(
        "tax is overlooked where the rest is as planned",
        " or any(map(is_taxed, taxes))",
        "",
    ),
    _AS_SENT.broken(
        "a journal of another date is as sent",
        "            or journal.date != name.booking_date\n",
        "",
    ),
    _CANDIDATES.broken(
        "a journal under another name is let go with the day's lines in it",
        "            or self._holds_lines(journal)\n",
        "",
    ),
    _CANDIDATES.broken(
        "a rewritten journal that may be the day's is let go",
        "            or self._may_look_alike(journal)\n",
        "",
    ),
    _CALLS.broken(
        "a day is begun whatever calls it needs",
        "len(requests) <= allowed:",
        "len(requests) <= left:",
    ),
    _READ.broken(
        "a record is no new one any more once this run has sent something",
        "run.record_may_be_new = run.record_may_be_new or _may_be_new(plan, live, records)",
        "run.record_may_be_new = _may_be_new(plan, live, records)",
    ),
    _READ.broken(
        "a record without journals is no new one",
        "if not ids or any(record.state in open_ended for record in records):",
        "if any(record.state in open_ended for record in records):",
    ),
    _CONFIRM.broken(
        "what was sent is not read back",
        "    if sent.ids or not sent.snapshot.whole:\n        snapshot",
        "    if sent.partially_posted:\n        snapshot",
    ),
    _CONFIRM.broken(
        "a day is confirmed on changes alone",
        "    if sent.ids or not sent.snapshot.whole:\n",
        "    if sent.ids:\n",
    ),
    _CONFIRM.broken(
        "a journal that differs is recorded as confirmed",
        "equal = {key: one for key, one in ours.items() if one.narration not in reasons}",
        "equal = dict(ours)",
    ),
    _DELIVER.broken(
        "an old answer that names a deleted journal is a success",
        "if not confirmed.deleted_since_post(sent.ids.values()):",
        "if confirmed:",
    ),
    _LOOK_BACK.broken(
        "a day into which lines have come is not run again",
        "if record.stated_lines != await count_lines_of(run, Day(date, run.day.zone)):",
        "if False:",
    ),
    _LOOK_BACK.broken(
        "days before the connection's first are run",
        "start = max(first, today - dt.timedelta(days=back))",
        "start = today - dt.timedelta(days=back)",
    ),
    _LOOK_BACK.broken(
        "what another organisation has finished is not run in this one",
        "return {day for day, at in got.items() if not here or at < min(here)}",
        "return set(got)",
        tests="tests/flows/journals/test_look_back.py::test_what_was_finished_in_another_organisation_is_run",
    ),
    _LOOK_BACK.broken(
        "what a former organisation has of an unfinished day is sent to the new one",
        "        elif date not in elsewhere:\n",
        "        else:\n",
        tests="tests/flows/journals/test_look_back.py::"
        "test_what_another_organisation_has_of_an_unfinished_day_stays_there",
    ),
    _LOOK_BACK.broken(
        "the look-back is a day short",
        "start = max(first, today - dt.timedelta(days=back))",
        "start = max(first, today - dt.timedelta(days=back - 1))",
    ),
    _LOOK_AGAIN.broken(
        "what came at the time of the comparison is not looked at again",
        "min(map(_compared_at, days.values())) - LATE, unknown)",
        "min(map(_compared_at, days.values())) + LATE, unknown)",
        tests=f"{_AGAIN}::test_what_changed_about_when_a_day_was_compared_is_looked_at_again",
    ),
    _LOOK_AGAIN.broken(
        "a second copy of a line is taken for a reversal",
        "return original is not None and amount != 0 and amount == -_amount(original, entry)",
        "return original is not None and amount != 0 and abs(amount) == abs(_amount(original, entry))",
        tests="tests/flows/journals/test_late_journals.py::test_a_reversal_has_opposite_amounts_throughout",
    ),
    _FLOW.broken(
        "what came into Xero twice after a pause is not looked for",
        "in (await changed_since(run, earlier, finished) if nightly else {}).items():",
        "in dict[dt.date, list[str]]().items():",
        fault="the double after a pause",
    ),
    _INTENTS.broken(
        "a withdrawal is not written down before Xero is asked",
        '    await _move(run, record, JournalState.WITHDRAWING, f"to be {target.lower()} by withdraw")\n',
        "    pass\n",
        fault="the late void",
    ),
    _INTENTS.broken(
        "a withdrawal without an answer is not waited for",
        "if standing and read_at < expired_at:",
        "if standing and read_at > expired_at:",
    ),
    _INTENTS.broken(
        "a withdrawal is asked for without its lease being looked at",
        "ids=ids, reasons=reasons, lease=run.lease)",
        "ids=ids, reasons=reasons)",
    ),
    _REMOVE.broken(
        "a withdrawal is asked for before it is written down",
        "    await ask(run, due.record, target)\n    try:\n"
        "        verdict = await run.xero.post_manual_journal(body, key, not_after=read_at + FRESH)\n",
        "    try:\n"
        "        verdict = await run.xero.post_manual_journal(body, key, not_after=read_at + FRESH)\n"
        "        await ask(run, due.record, target)\n",
    ),
    _REMOVE.broken(
        "a draft that somebody edits meanwhile is withdrawn",
        "if not due.item.is_still(journal, run.digits):",
        "if journal.status != due.item.journal.status:",
    ),
    _REMOVE.broken(
        "a withdrawal without an answer has come to nothing",
        'still shows it, so it may yet be removed", open=True)',
        'still shows it, so it may yet be removed")',
    ),
    _RULES.broken(
        "a withdrawal promises to send again what somebody else voided",
        "return self.journal.status == VOIDED and not ours",
        "return False",
    ),
    _WITHDRAW.broken(
        "a withdrawal does not settle what was sent without an answer",
        "            await resolve_pending_requests(run, _by_lines(run))\n",
        "            pass\n",
    ),
)
