"""Slips in the payments: the window, what is collected, what is decided, what LN's answers mean."""

from __future__ import annotations

from functools import partial

from tests.mutants.mutant import PAYMENTS, place

_at = partial(place, PAYMENTS)
_of_payments = partial(place, PAYMENTS, simulation="payments")

_CASES = ("tests/flows/payments/test_use_cases.py", "tests/flows/payments/test_what_ln_may_have.py")

_WINDOWS = _of_payments("flows/payments/windows.py")
_START = _of_payments(
    "flows/payments/start.py",
    "tests/flows/payments/test_time_of_xero.py::test_a_payment_made_while_our_clock_is_ahead_arrives",
)
_FLOW_TESTS = "tests/flows/payments/test_payments_flow.py"
_COLLECT = _of_payments(
    "flows/payments/collect.py",
    f"{_FLOW_TESTS}::test_a_failed_payment_is_retried_long_after_its_window",
    f"{_FLOW_TESTS}::test_until_yesterday",
)
_DOCUMENTS = _of_payments("flows/payments/documents.py")
_CLASSIFY = _of_payments("flows/payments/classify.py", *_CASES)
_CASE = _CLASSIFY._replace(file="flows/payments/case.py")
_POLICY = _at("flows/payments/classify.py", "tests/flows/payments/test_policy.py")
_POST_OUTCOME = _of_payments("flows/payments/post_outcome.py")
_POSTING = _of_payments("flows/payments/posting.py")
_DELIVERY = _of_payments("flows/payments/delivery.py")
_DELIVER = _of_payments(
    "flows/payments/deliver.py", f"{_FLOW_TESTS}::test_prepayments_that_ln_cannot_take_hold_no_payments_up"
)
_BEGINNINGS = "tests/flows/payments/test_beginning.py"
_LOST = f"{_BEGINNINGS}::test_what_a_lost_store_sent_and_xero_may_have_changed_since_is_named"
_SUMMARY = _of_payments("flows/payments/report/summary.py", _LOST)
_BEGINNING = _of_payments(
    "flows/payments/beginning.py", f"{_BEGINNINGS}::test_a_store_that_was_set_back_is_known_where_it_was_used"
)
_FLOW = _of_payments(
    "flows/payments/flow.py", f"{_BEGINNINGS}::test_a_new_store_of_a_connection_that_began_long_ago"
)
_MESSAGE = _at("flows/payments/message.py")
_RECORD = _at(
    "flows/payments/record.py",
    "tests/flows/payments/test_before_start.py::test_they_are_one_incident_and_one_line_until_a_person_closes_them",
)
_PAYMENTS_RUN = _POLICY._replace(file="flows/payments/run.py")

MUTANTS = (
    _START.broken(
        "a window ends by our clock",
        "    now = _time_in_xero(run)\n",
        "    now = run.clock.now()\n",
        fault="the payment lost to a clock",
    ),
    _WINDOWS.broken(
        "lists are taken not to lag",
        "said = max(dt.timedelta(minutes=minutes), LIST_LAG)",
        "said = dt.timedelta(minutes=minutes)",
    ),
    _WINDOWS.broken(
        "a window reaches back behind the connection's start",
        "        earliest = max(earliest, start)\n",
        "        earliest = min(earliest, start)\n",
    ),
    _WINDOWS.broken(
        "the end of a window that another clock set is trusted",
        "if collected_until is None or (by_xero and collected_until <= now):",
        "if collected_until is None or by_xero or collected_until <= now:",
    ),
    _START.broken(
        "a window that leaves a gap moves the record on",
        "behind_last = collected_until is not None and window_.since <= collected_until",
        "behind_last = collected_until is not None and window_.until > collected_until",
        tests=(
            "tests/flows/payments/test_windows.py",
            f"{_FLOW_TESTS}::test_a_window_that_leaves_a_gap_moves_nothing",
        ),
    ),
    _START.broken(
        "windows of another organisation tell what was collected of this one",
        '    if last is None or last.organisation in {"", run.organisation}:\n',
        '    if last is None or last.organisation != "this one":\n',
        tests=f"{_FLOW_TESTS}::test_windows_of_another_organisation_leave_nothing_out",
    ),
    _COLLECT.broken(
        "what a window reads a second time is passed over",
        "return at is None or window.asked_from <= at < window.until",
        "return at is None or window.since <= at < window.until",
        tests="tests/flows/payments/test_collect.py",
    ),
    _COLLECT.broken(
        "what changes behind a window's end is collected with it",
        "return at is None or window.asked_from <= at < window.until",
        "return at is None or window.asked_from <= at",
        tests="tests/flows/payments/test_collect.py",
    ),
    _COLLECT.broken(
        "a part that is taken back from an invoice is not looked for",
        "ours = in_order([*ours, *removed(found, _allocations_among(rows))])",
        "ours = in_order(ours)",
        tests="tests/flows/payments/test_use_case_table.py::test_allocation_that_moves_no_time_of_change",
    ),
    _COLLECT.broken(
        "what earlier runs made no end of is forgotten",
        "again = await run.store.audit.to_look_at_again(run.organisation)",
        "again: list[AuditRow] = []",
    ),
    _COLLECT.broken(
        "prepayments that the record has as open are not read again",
        "    wanted[Kind.PREPAYMENT] |= await _open_by_the_record(run)\n",
        "",
        tests="tests/flows/payments/test_use_case_table.py::test_allocation_that_moves_no_time_of_change",
    ),
    _DOCUMENTS.broken(
        "a part that was taken back goes out",
        'if whole.deleted or str(item.is_deleted).lower() == "true":',
        "if whole.deleted:",
    ),
    _DOCUMENTS.broken(
        "two equal parts applied to one invoice are one document",
        "made = _made_id(whole.key.xero_id, *alike, equals[alike])",
        "made = _made_id(whole.key.xero_id, *alike)",
    ),
    _DOCUMENTS.broken(
        "deleted cash of a prepayment counts",
        "if one.prepayment_id and one.bank_account and one.status in _LIVE_PAYMENT:",
        "if one.prepayment_id and one.bank_account:",
    ),
    _DOCUMENTS.broken(
        "an overpayment goes out as a prepayment",
        "        thing.type,\n        role=None,",
        "        thing.type,\n        role=Role.CLIENT_PREPAYMENT,",
    ),
    _CLASSIFY.broken(
        "a document that a person closed is left, however it changes",
        "    if row.discarded and not changes:\n",
        "    if row.discarded:\n",
        fault="a closing that hides later changes",
    ),
    _CLASSIFY.broken(
        "what is deleted while its outcome is unknown is closed as never sent",
        "    if row is not None and may_be_in_ln(row):\n        return case.note(",
        "    if row is not None and row.sent_at:\n        return case.note(",
        fault="what LN may have closed quietly",
    ),
    _CLASSIFY.broken(
        "what is deleted and may have been entered manually is closed as never sent",
        "    if _is_for_people(row) or _left_to_people(case):\n",
        "    if _is_for_people(row):\n",
        fault="what LN may have closed quietly",
    ),
    _CASE.broken(
        "what was unanswered once and refused since is surely not in LN",
        "return row.sent_at is not None or row.in_doubt or row.result.status is Status.UNKNOWN",
        "return row.sent_at is not None or row.result.status is Status.UNKNOWN",
        fault="what LN may have closed quietly",
    ),
    _CLASSIFY.broken(
        "what is in doubt goes out as Xero shows it now",
        "row.entry,\n        message=row.message.encode(),",
        "case.entry,\n        message=message_of(case),",
    ),
    _CLASSIFY.broken(
        "what is to be held for a person is sent again",
        "    if case.document.key.kind in case.policy.hold_unknown:\n",
        "    if not case.policy.hold_unknown:\n",
    ),
    _CLASSIFY.broken(
        "the day of the start is before the start",
        "policy.starts_on is not None and day < policy.starts_on",
        "policy.starts_on is not None and day <= policy.starts_on",
        tests=(*_CASES, "tests/flows/payments/test_use_case_table.py"),
    ),
    _CLASSIFY.broken(
        "a change after sending is compared with the row, which has followed it",
        "    if changes := differences(sent, now):\n",
        "    if changes := differences(row.entry, now):\n",
    ),
    _CLASSIFY.broken(
        "what is applied of a prepayment goes out whatever became of that",
        "return prepayment.sent_at is None and prepayment.status in _HELD_BACK",
        "return prepayment.sent_at is not None and prepayment.status in _HELD_BACK",
    ),
    _CLASSIFY.broken(
        "a customer without a code goes out as one that LN need not know",
        "        if case.document.role in _SALES:\n",
        "        if not case.document.role:\n",
        tests=(*_CASES, "tests/flows/payments/test_use_case_table.py"),
    ),
    _PAYMENTS_RUN.broken(
        "a sales payment goes out as a purchase payment",
        "Role.SALES_PAYMENT: connection.type_sales_payment,",
        "Role.SALES_PAYMENT: connection.type_purchase_payment,",
        tests=("tests/flows/payments/test_policy.py", "tests/flows/payments/test_seed_use_cases.py"),
    ),
    _POST_OUTCOME.broken(
        "a gateway's fault is a refusal of LN's",
        "    if answer.status >= 500 or answer.status == 408:\n",
        "    if answer.status == 500 or answer.status == 408:\n",
    ),
    _POST_OUTCOME.broken(
        "a post without an answer is made again",
        'return Interpretation(PostOutcome.UNKNOWN, f"{error} It is unknown whether LN booked it.")',
        'return Interpretation(PostOutcome.RETRY, f"{error} It is unknown whether LN booked it.")',
    ),
    _POST_OUTCOME.broken(
        "anything that is already in LN is this document",
        "    if _SOMETHING_THERE.search(answer.message):\n        return Interpretation(\n"
        "            PostOutcome.UNKNOWN,",
        "    if _SOMETHING_THERE.search(answer.message):\n        return Interpretation(\n"
        "            PostOutcome.DUPLICATE,",
    ),
    _POST_OUTCOME.broken(
        "what LN has from an unknown sending counts as what was posted now",
        'since = "" if in_doubt else NOT_ON_RECORD',
        'since = ""',
        tests=_LOST,
    ),
    _CLASSIFY.broken(
        "what a copy set back has as never sent, and goes, is closed",
        "    if row is not None and _may_be_of_an_older_copy(row, policy):\n        return True\n",
        "",
    ),
    _CLASSIFY.broken(
        "what LN was never seen to take counts as what it was sent once a change is undone",
        '    unsure = NOT_ON_RECORD if NOT_ON_RECORD in row.result.reason else ""\n',
        '    unsure = ""\n',
        tests=_LOST,
    ),
    _SUMMARY.broken(
        "what LN has from an unknown sending is not named",
        "        self.notes += _not_on_record(self.rows)\n",
        "",
    ),
    _POST_OUTCOME.broken(
        "a success that says no is a success",
        "if answer.denies or answer.from_ln or answer.status == 207:",
        "if answer.from_ln or answer.status == 207:",
    ),
    _POST_OUTCOME.broken(
        "a web page under a success is LN's yes",
        "    if answer.page:\n",
        "    if answer.page and answer.message:\n",
    ),
    _POSTING.broken(
        "a document is posted once more than it may be",
        "elif posts > retries or wait",
        "elif posts > retries + 1 or wait",
    ),
    _POSTING.broken(
        "a document that a person closed meanwhile is posted again",
        "if again is not None and await _is_closed(again):",
        "if again is not None and not await _is_closed(again):",
    ),
    _DELIVERY.broken(
        "a document is posted without its lease being looked at",
        "decision.entry, decision.message.decode(), run_id, clock.now(), delivery.lease)",
        "decision.entry, decision.message.decode(), run_id, clock.now())",
        fault="no lease handed to the store",
    ),
    _DELIVERY.broken(
        "a document is posted again without its lease being looked at",
        "await audit.posted_again(key, clock.now(), delivery.lease)",
        "await audit.posted_again(key, clock.now())",
        fault="no lease handed to the store",
    ),
    _DELIVERY.broken(
        "what waits for its turn is posted although the run is to end",
        "    if delivery.stopped():\n        return False\n",
        "",
    ),
    _DELIVERY.broken(
        "what a person closed while it waited for its turn is posted",
        "    except MayNotSend:\n        return False\n",
        "    except MayNotSend:\n        return True\n",
    ),
    _DELIVERY.broken(
        "what waited for its turn is posted without its lease being looked at",
        "still_posting(key, delivery.run_id, delivery.lease)",
        "still_posting(key, delivery.run_id)",
    ),
    _DELIVERY.broken(
        "an unknown outcome is written down as a refusal",
        "    PostOutcome.UNKNOWN: Status.UNKNOWN,\n",
        "    PostOutcome.UNKNOWN: Status.FAILED,\n",
    ),
    _DELIVERY.broken(
        "that LN has what the record never sent is no reason to doubt the record",
        "contradicts_record = never_posted and delivery.doubt is not None and await delivery.doubt(key)",
        "contradicts_record = False",
        fault="a set-back store that sends again",
    ),
    _DELIVER.broken(
        "what is applied of prepayments goes out before they do",
        '    "prepayments": (Kind.PREPAYMENT, Kind.OVERPAYMENT),\n'
        '    "payments": (Kind.PAYMENT,),\n'
        '    "allocations": (Kind.ALLOCATION,),\n',
        '    "payments": (Kind.PAYMENT,),\n'
        '    "allocations": (Kind.ALLOCATION,),\n'
        '    "prepayments": (Kind.PREPAYMENT, Kind.OVERPAYMENT),\n',
    ),
    _DELIVER.broken(
        "what is applied is not decided on again once its prepayment was sent",
        "                self._decide(kinds)\n",
        "                pass\n",
        tests="tests/flows/payments/test_use_case_table.py::test_allocation_of_a_prepayment_that_ln_refuses_waits",
    ),
    _DELIVER.broken(
        "the oldest document does not go out alone, before all others",
        "        await self._deliver_the_oldest()\n",
        "",
        tests=f"{_BEGINNINGS}::test_a_store_that_was_set_back_stops_at_the_first_sign",
    ),
    _DELIVER.broken(
        "a system that says nothing is asked about every document",
        "return self.fresh >= SILENT_FRESH or self.in_a_row >= SILENT",
        "return self.fresh >= 100 * SILENT_FRESH",
        tests="tests/flows/payments/test_deliver.py",
    ),
    _FLOW.broken(
        "a store that may be set back sends",
        "        await require_confirmed_record(run)\n",
        "",
        fault="a set-back store that sends again",
    ),
    _BEGINNING.broken(
        "what is noted beside a store that was set back says nothing",
        "if before.runs > said.runs and not",
        "if before.runs < said.runs and not",
        fault="a set-back store that sends again",
    ),
    _MESSAGE.broken(
        "the amount goes out in the place of the rate",
        "msgspec.Raw(number_text(currency_rate).encode())",
        "msgspec.Raw(number_text(invoice_amount).encode())",
    ),
    _RECORD.broken(
        "the end of a run ends the incident of what waits for a person's word",
        "        but_stages={before_start.STAGE},\n",
        "",
    ),
)
