"""Slips in the clients of other systems: retries, keys, time-outs, pages, secrets."""

from __future__ import annotations

from functools import partial

from tests.mutants.mutant import CLIENTS, place

_at = partial(place, CLIENTS)
_of_journals = partial(place, CLIENTS, simulation="journals")
_of_payments = partial(place, CLIENTS, simulation="payments")

_TRANSPORT = _of_journals("blocks/http/client.py")
_HTTP_MODELS = _TRANSPORT._replace(file="blocks/http/models.py")
_HTTP_RETRY = _TRANSPORT._replace(file="blocks/http/retry.py")
_PAGES = _of_journals(
    "blocks/xero/pages.py", "tests/blocks/xero/test_payments.py", "tests/flows/journals/test_read.py"
)
_XERO = _of_journals(
    "blocks/xero/client.py", "tests/blocks/xero/test_client.py", "tests/blocks/xero/test_answers.py"
)
_XERO_JOURNALS = _XERO._replace(file="blocks/xero/journals.py")
_XERO_TOKEN = _XERO._replace(file="blocks/http/auth.py")
_PAID = _of_payments("blocks/xero/payments.py")
_MAMBU = _at("blocks/mambu/client.py")
_MAMBU_ANSWERS = _MAMBU._replace(file="blocks/mambu/answers.py")
_TASKS = _at("blocks/mambu/client.py", "tests/blocks/mambu/test_tasks.py")
_LN = _at("blocks/infor_ln/client.py")
_INFOR_LN_CREDENTIALS = _LN._replace(file="blocks/infor_ln/credentials.py")
_TOKEN = _at("blocks/http/auth.py", "tests/blocks/infor_ln/test_client.py")
_ANSWERS = _of_payments("blocks/infor_ln/answers.py")
_PACING = _at("blocks/http/rate_limit.py")
_PATIENCE = _of_journals("blocks/http/retry.py")
_CLOCK = _of_payments("blocks/clock.py", "tests/blocks/http/test_client.py")

MUTANTS = (
    _TOKEN.broken(
        "a refused token is not dropped",
        "        if used is self._current:\n            self.forget()\n        return",
        "        return",
    ),
    _TRANSPORT.broken(
        "a write is repeated although its key may be forgotten",
        "self._clock.now() >= call.first_sent + self._profile.key_life",
        "self._clock.now() >= call.first_sent + 2 * self._profile.key_life",
    ),
    _TRANSPORT.broken(
        "a write leaves for the first time however old the read is that it rests on",
        "if call.not_after and self._clock.now() > call.not_after:",
        "if call.not_after and call.first_sent and self._clock.now() > call.not_after:",
    ),
    _HTTP_MODELS.broken(
        "a fault of the server means that a write was not carried out",
        "return (UnknownOutcome if call.writes else Unavailable)(text, status=status",
        "return Unavailable(text, status=status",
    ),
    _TRANSPORT.broken(
        "a connection that broke off means that a write was not carried out",
        'return UnknownOutcome(f"{where}: the connection ended before',
        'return Unavailable(f"{where}: the connection ended before',
    ),
    _TRANSPORT.broken(
        "a garbled answer to a write means that it was not carried out",
        "raise UnknownOutcome(str(garbled), status=answer.status) from None",
        "raise",
    ),
    _TRANSPORT.broken(
        "an error names the headers of its call, the token among them",
        'where = f"{profile.system}: {call.method} {call.path}"\n    try:',
        'where = f"{profile.system}: {call.method} {call.path} {vars(auth)}"\n    try:',
    ),
    _TRANSPORT.broken(
        "an error travels with the request that failed, its headers included",
        "failed = _unanswered(call, error, where, client.base_url.host)",
        "raise _unanswered(call, error, where, client.base_url.host) from error",
    ),
    _HTTP_RETRY.broken(
        "the wait that a system asks for is not kept",
        "return min(asked + random.random(), LONGEST_WAIT_SECONDS)",
        "return back_off(0)",
    ),
    _HTTP_MODELS.broken(
        "an hour's wait for a limit is kept inside the run",
        'if limit_named(answer).startswith("day") or (wait or 0) > LONGEST_WAIT_SECONDS:',
        'if limit_named(answer).startswith("day"):',
    ),
    _HTTP_MODELS.broken(
        "a date to come back at is held against our clock", "(at - (date_of(headers) or now))", "(at - now)"
    ),
    _TRANSPORT.broken(
        "an answer of twice the size is taken",
        "if refused or size > largest:",
        "if refused or size > 2 * largest:",
    ),
    _HTTP_RETRY.broken(
        "a call is made once more than it may be",
        "if state.attempt_number >= attempts or",
        "if state.attempt_number > attempts or",
    ),
    _HTTP_RETRY.broken(
        "a step is done again before the time that a system asks for",
        "pause = max(PAUSE_SECONDS, _asked(error))",
        "pause = PAUSE_SECONDS",
        tests="tests/blocks/http/test_retry.py",
    ),
    _TRANSPORT.broken(
        "a write that failed is done again as a read is",
        "if self._attempts > 1 and call.urgent and not call.writes:",
        "if self._attempts > 1 and call.urgent:",
        tests="tests/blocks/http/test_retry.py",
    ),
    _PAGES.broken(
        "the last page of a list is skipped",
        "last = self.page >= pagination.page_count",
        "last = self.page + 1 >= pagination.page_count",
        fault="the last page of a list skipped",
    ),
    _PAGES.broken(
        "a list is whole although pages state more items than came",
        "not self._astray and self._counts <= {len(self._ids)}",
        "not self._astray",
    ),
    _PAGES.broken(
        "a page that brings nothing new is read again and again",
        "            brings_nothing\n            or len(self._ids)",
        "            len(self._ids)",
    ),
    _XERO.broken(
        "journals are listed in the order of their changes",
        '"order": "ManualJournalID ASC"',
        '"order": "UpdatedDateUTC ASC"',
    ),
    _XERO.broken(
        "one bad journal has Xero refuse all of a request",
        'params={"summarizeErrors": "false"}',
        'params={"summarizeErrors": "true"}',
    ),
    _XERO_JOURNALS.broken(
        "a journal that Xero marks as an error without a word was taken",
        'objections = (f"Xero marked it {marked} without saying why",)',
        "objections = ()",
    ),
    _XERO_TOKEN.broken(
        "a token is used until it is refused",
        "if self._current is None or self.clock.now() >= self._renew_at:",
        "if self._current is None:",
    ),
    _XERO.broken(
        "a missing scope is not noticed where another one is there",
        "missing = [scope for scope in needed if granted.isdisjoint(_opened_by(scope))]",
        "missing = [] if granted & frozenset(needed) else list(needed)",
    ),
    _PAID.broken(
        "a list of payments that changed while it was read is taken",
        "return list(found.values()) if reading.whole else None",
        "return list(found.values())",
        fault="the check that a list stood still dropped",
    ),
    _PAID.broken(
        "things asked for by id are asked for in one batch, and the rest left out",
        "for some in _batches(sorted({one for one in ids if _GUID.fullmatch(one)}), _FILTERED_IDS):",
        "for some in _batches(sorted({one for one in ids if _GUID.fullmatch(one)}), _FILTERED_IDS)[:1]:",
    ),
    _MAMBU.broken(
        "a page of lines without a cursor is the last one",
        "    cursor = page.next_cursor\n    if cursor is None:",
        '    cursor = page.next_cursor or ""\n    if cursor is None:',
    ),
    _MAMBU_ANSWERS.broken(
        "an answer without a total states no lines",
        'value = answer.headers.get("Items-Total", "")',
        'value = answer.headers.get("Items-Total", "0")',
    ),
    _MAMBU_ANSWERS.broken(
        "a text that is no number is an amount", 'return once and keys.all_numbers("amount")', "return once"
    ),
    _TASKS.broken(
        "only the first page of tasks is looked through",
        "if len(keys) != PAGE_LINES:",
        "if len(keys) <= PAGE_LINES:",
    ),
    _TASKS.broken(
        "a task is created without its key",
        'headers = {**_JSON_HEADERS, "Idempotency-Key": key}',
        "headers = {**_JSON_HEADERS}",
    ),
    _INFOR_LN_CREDENTIALS.broken(
        "a document goes to LN without its company",
        '"X-Infor-LnCompany": str(self.company)',
        '"X-Infor-Company": str(self.company)',
    ),
    _ANSWERS.broken(
        "a no under a success is a yes",
        "denied = answer.status < 300 and denies(body, text)",
        "denied = False",
    ),
    _PACING.broken(
        "one call more than allowed goes out at a time",
        "while self._under_way >= self._parallel:",
        "while self._under_way > self._parallel:",
    ),
    _PACING.broken("no calls of the day are kept for checking", "(self.day_reserve if writes else 0)", "0"),
    _PATIENCE.broken(
        "an outage is waited for while something sent is unanswered",
        "if not self._limit or self.under_way.any or not _is_outage(error):",
        "if not self._limit or not _is_outage(error):",
    ),
    _CLOCK.broken("another system's clock is ours", "return ours + self.ahead", "return ours"),
)
