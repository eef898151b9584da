"""The judge is not blind: each rule breaks where a history breaks it, told by hand."""

from __future__ import annotations

import ast
import datetime as dt
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.simulation.payments import judge as module
from tests.simulation.payments.judge import (
    ALLOCATION,
    PAYMENT,
    PREPAYMENT,
    RECEIVED,
    SALES,
    Content,
    Item,
    Judge,
    Told,
    Who,
)
from tests.simulation.play import Violation

START = dt.datetime(2026, 11, 20, 8, 0, tzinfo=dt.UTC)
MADE, BEGAN, UNTIL = (START + dt.timedelta(minutes=minutes) for minutes in (30, 60, 61))
LATER = START + dt.timedelta(minutes=90)
CLIENT = Who("ABC Customer ltd", True, "300000366")
FIELDS = {"type": "DocumentType", "amount": "InvoiceAmount", "bank": "BankAccountNumber"}


def content(number: str = "303-SI1-1", kind: int = SALES) -> Content:
    """Return what a document of a pound is about."""
    return Content(kind, START.date(), Decimal("1.00"), "GBP", Decimal(1), "55779911", number)


def judge(**other: Any) -> Judge:
    """Return a judge of a world in which lists do not lag and LN checks, with two runs of one store."""
    made = Judge(START, **{"lag": 0.0, "parallel": 1, "lease": 180.0, "once": True, **other})
    for run in (1, 2):
        made.began(run, 0, BEGAN)
    return made


def paid(judge: Judge, number: str = "303-SI1-1", **other: Any) -> Item:
    """Let a client have paid."""
    item = Item(PAYMENT, f"id of {number}", content(number), CLIENT, MADE, **other)
    judge.made(item)
    return item


@pytest.fixture
def books() -> Judge:
    """Give a test a judge."""
    return judge()


@pytest.fixture
def item(books: Judge) -> Item:
    """Give a test what a client has paid."""
    return paid(books)


def prepaid(judge: Judge) -> tuple[Item, Item]:
    """Let a client have made a prepayment, of which a part is applied."""
    whole = Item(PREPAYMENT, "prepayment", content("", RECEIVED), CLIENT, MADE)
    part = Item(ALLOCATION, "part", content("303-SI1-2"), CLIENT, MADE, prepayment=whole)
    judge.made(whole)
    judge.made(part)
    return whole, part


def message(item: Item, **other: Any) -> bytes:
    """Return the bytes by which a document goes to LN."""
    of, alone = item.content, item.kind == PREPAYMENT
    whole = item.prepayment.xero_id if item.prepayment else item.xero_id if alone else ""
    said: dict[str, Any] = {
        "DocumentType": of.document_type,
        "DocumentDate": int(dt.datetime.combine(of.day, dt.time(), dt.UTC).timestamp()),
        "BankAccountNumber": of.bank,
        "BusinessPartner": CLIENT.code,
        "InvoiceNumber": of.number,
        "CurrencyCode": of.currency,
        "CurrencyRate": 1,
        "InvoiceAmount": float(of.amount),
        "XeroPaymentID": "" if alone else item.xero_id,
        "XeroPprepaymentID": whole,
        "XeroContactName": CLIENT.name,
        **other,
    }
    return json.dumps(said).encode()


def told(open_: str = "", **other: Any) -> Told:
    """Return what a run says that came through, with some documents named as open."""
    page = f"# Payments\n\n## What is open\n\n{open_}\n\n## Notes\n\n- none\n" if open_ else "# Payments\n"
    said = Told(1, 0, "default", BEGAN, True, int(bool(open_)), "all is said", START, UNTIL, page, True)
    return said._replace(**other)


def posted(judge: Judge, item: Item, run: int = 1) -> None:
    """Let a run post a document, and LN book it."""
    judge.at_a_door(run, BEGAN)
    judge.sets_out(message(item))
    judge.leaves(run, message(item), BEGAN)
    judge.books(run, message(item))


def task(number: int, title: str, status: str = "OPEN") -> dict[str, Any]:
    """Return a task of Mambu's."""
    return {"id": number, "title": title, "status": status}


def broken(history: Callable[[], object], rule: str) -> None:
    """Require that a history breaks a rule."""
    with pytest.raises(Violation, match=rule):
        history()


def test_it_imports_nothing_of_what_it_judges() -> None:
    """The judge knows nothing of flows and blocks, nor of a store, and what it imports neither."""
    tree = ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8"))
    names = {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([one.name for one in node.names] if isinstance(node, ast.Import) else [node.module])
    }
    ours = {
        name for name in names if name and name.split(".")[0] in {"flows", "blocks", "tests", "sqlalchemy"}
    }
    assert ours == {"tests.simulation.play"}


def test_a_history_in_order_breaks_nothing(books: Judge, item: Item) -> None:
    """A document that is booked once, and a run that says so, break no rule."""
    posted(books, item)
    books.ended(told())
    books.all_is_well([0])


def test_twice_in_ln(books: Judge, item: Item) -> None:
    """A document that two runs book is seen."""
    posted(books, item)
    broken(lambda: posted(books, item, run=2), "booked twice")


def test_twice_by_one_run_though_ln_does_not_check() -> None:
    """Where LN does not check, a document that one run books twice is seen all the same."""
    books = judge(once=False)
    item = paid(books)
    posted(books, item)
    broken(lambda: posted(books, item), "booked twice by one run")


def test_booked_by_hand_and_sent(books: Judge, item: Item) -> None:
    """A document that a person booked by hand, and that is sent nevertheless, is seen."""
    books.booked_by_hand(item)
    broken(lambda: posted(books, item), "of which a person booked one")


def test_sent_though_closed(books: Judge, item: Item) -> None:
    """A document that leaves in a run which began after a person had closed it is seen."""
    books.closed(item, 0, MADE)
    broken(lambda: books.leaves(1, message(item), BEGAN), "though a person closed it")


def test_posted_again_in_the_dark(books: Judge, item: Item) -> None:
    """A document that a run posts again, not knowing what became of it, is seen."""
    books.leaves(1, message(item), BEGAN)
    books.unanswered(1, message(item))
    broken(lambda: books.leaves(1, message(item), BEGAN), "does not know whether it is booked")


def test_a_part_before_its_prepayment(books: Judge) -> None:
    """What is applied of a prepayment, and leaves before it, is seen."""
    _, part = prepaid(books)
    broken(lambda: books.leaves(1, message(part), BEGAN), "before its prepayment")


def test_a_part_of_what_was_written_off(books: Judge) -> None:
    """What is applied of a prepayment that a person closed before it was sent, and leaves, is seen."""
    whole, part = prepaid(books)
    books.sets_out(message(whole))
    books.closed(whole, 0, MADE)
    broken(lambda: books.leaves(1, message(part), BEGAN), "closed its prepayment")


@pytest.mark.parametrize("field", ["InvoiceAmount", "BankAccountNumber", "DocumentType", "DocumentDate"])
def test_booked_as_something_else(books: Judge, item: Item, field: str) -> None:
    """A document of another amount, bank account, type or date than Xero ever showed is seen."""
    other = {"BankAccountNumber": "00000000"}.get(field, 86400)
    broken(lambda: books.books(1, message(item, **{field: other})), "which Xero never showed")


@pytest.mark.parametrize("field", ["BusinessPartner", "XeroContactName"])
def test_booked_for_somebody_else(books: Judge, item: Item, field: str) -> None:
    """A document of another partner is seen."""
    broken(lambda: books.books(1, message(item, **{field: "another"})), "for somebody else")


def test_a_document_of_nothing(books: Judge) -> None:
    """A document of what Xero never had is seen."""
    item = Item(PAYMENT, "no such", content(), CLIENT, MADE)
    broken(lambda: books.leaves(1, message(item), BEGAN), "which Xero never had")


def test_posting_after_others_took_over(books: Judge) -> None:
    """A run that stood still, and goes on posting what it had not begun when others took over, is seen."""
    for number in range(3):
        paid(books, f"303-SI1-{number}")
    books.at_a_door(1, BEGAN)
    books.stands_still(1, BEGAN)
    books.at_a_door(2, BEGAN + dt.timedelta(seconds=200))
    books.leaves(1, message(books.items[0]), LATER)  # it was on its way
    broken(lambda: books.leaves(1, message(books.items[1]), LATER), "goes on posting")


def test_completed_without_a_document(books: Judge, item: Item) -> None:
    """A run that says "completed" though LN does not have a document, and names it nowhere, is seen."""
    broken(lambda: books.ended(told()), "hides that LN does not have")
    books.ended(told(f"- somebody: no code ({item.kind}:{item.xero_id})"))


def test_what_lists_do_not_show_yet_is_not_asked_of_a_run() -> None:
    """What changed within the lag of lists before a window's end is the next run's."""
    books = judge(lag=(UNTIL - MADE).total_seconds() + 1)
    paid(books)
    books.ended(told())


def test_what_went_after_it_was_sent_and_is_not_told(books: Judge, item: Item) -> None:
    """A document that LN has, that is deleted in Xero, and of which a run says nothing, is seen."""
    posted(books, item)
    item.gone = True
    broken(lambda: books.ended(told()), "hides that .* went")


def test_what_people_booked_before_the_start_and_went(books: Judge) -> None:
    """A document from before the start, booked by hand, that goes in Xero without a word, is seen."""
    item = paid(books, old=True)
    books.booked_by_hand(item)
    item.gone = True
    broken(lambda: books.ended(told()), "hides that .* went")


def test_what_is_by_hand_and_went(books: Judge, item: Item) -> None:
    """What LN has no counterpart to, a run has seen, and goes without a word, is seen."""
    item.content = item.content._replace(document_type=None)
    books.ended(told())
    item.gone = True
    broken(lambda: books.ended(told()), "which was by hand")


def test_what_people_were_told_of_and_went(books: Judge, item: Item) -> None:
    """A document that was named as open, and goes in Xero without a word, is seen; a note is a word."""
    books.ended(told(f"- {item.xero_id}"))
    item.gone = True
    broken(lambda: books.ended(told()), "went, once it was open")
    books.ended(told(page=f"## Notes\n\n- {item.xero_id}: it was deleted before it was sent"))


def test_what_changed_after_it_was_sent_and_is_not_told(books: Judge) -> None:
    """A prepayment that is edited after it was sent, of which a run says nothing, is seen."""
    whole, part = prepaid(books)
    posted(books, whole)
    posted(books, part)
    whole.change(MADE, amount=Decimal("2.00"))
    broken(lambda: books.ended(told()), "changed after sending")


def lost_and_changed(books: Judge) -> Item:
    """Let a prepayment be booked, its store be lost, and what it is by now be posted in vain."""
    whole, _ = prepaid(books)
    books.items.remove(books.items[1])
    posted(books, whole)
    books.forgot(0, BEGAN)
    whole.change(MADE, amount=Decimal("2.00"))
    books.leaves(2, message(whole), BEGAN)
    return whole


def test_what_changed_after_a_lost_store_sent_it_is_told_as_not_on_record(books: Judge) -> None:
    """What changed after a store sent it that was lost since is told, once, as what is not on record."""
    whole = lost_and_changed(books)
    broken(lambda: books.ended(told()), "changed after sending")
    broken(lambda: books.ended(told(page=f"## Notes\n\n- {whole.xero_id}")), "changed after sending")
    books.ended(told(page=f"## Notes\n\n- what it was sent is not on record: {whole.xero_id}"))
    books.ended(told())
    # What changes from now on, the store can compare with what it posted itself.
    whole.change(MADE, amount=Decimal("3.00"))
    broken(lambda: books.ended(told()), "changed after sending")


def test_what_is_not_on_record_is_not_asked_of_a_run_that_could_not_be_heard(books: Judge) -> None:
    """Where the run to which LN said that it has a document could not be heard, no later one has to tell."""
    lost_and_changed(books)
    books.silent(0, BEGAN)
    books.ended(told())


def test_what_is_on_record_is_to_be_compared(books: Judge) -> None:
    """That it is not on record is no excuse of a store that knows what it sent, and that LN took it."""
    whole, part = prepaid(books)
    posted(books, whole)
    posted(books, part)
    whole.change(MADE, amount=Decimal("2.00"))
    books.leaves(2, message(whole), BEGAN)
    page = f"## Notes\n\n- what it was sent is not on record: {whole.xero_id}"
    broken(lambda: books.ended(told(page=page)), "changed after sending")
    # Where LN said that it did not take it, the store cannot know.
    books.denies(message(whole))
    books.ended(told(page=page))


def test_what_changed_after_it_was_closed_and_is_not_told(books: Judge, item: Item) -> None:
    """A document that changes in Xero after a person closed it, of which a run says nothing, is seen."""
    books.closed(item, 0, MADE)
    books.ended(told())
    item.change(MADE, amount=Decimal("2.00"))
    broken(lambda: books.ended(told()), "changed since closed")


def test_ended_with_0_though_something_is_open(books: Judge) -> None:
    """A run that ends with 0 while its page names something open is seen."""
    broken(lambda: books.ended(told("- something", exit_code=0)), "ends with 0")


def test_a_failure_without_a_task(books: Judge) -> None:
    """A run that fails, without a task in Mambu that tells of it, is seen."""
    broken(lambda: books.ended(told(completed=False, exit_code=1)), "no task tells of it")


def test_a_failure_without_an_incident(books: Judge) -> None:
    """A run that fails, and whose page names no incident, is seen."""
    books.mambu_has([task(1, "Payments: stopped [Daybook payments default 2026-11-20 collect]")])
    broken(lambda: books.ended(told(completed=False, exit_code=1)), "names no incident")


def test_a_death_that_the_watch_tells_nobody_of(books: Judge) -> None:
    """A run that died, of which nobody is told once the watch has looked around, is seen."""
    books.at_a_door(2, BEGAN)
    books.died(2)
    broken(lambda: books.watched(0, "default"), "tells nobody that run 2 died")


def test_a_task_that_outlasts_its_failure(books: Judge) -> None:
    """A run that comes through, and leaves the task of an earlier failure open, is seen."""
    books.mambu_has([task(1, "Payments: stopped [Daybook payments default 2026-11-20 collect]")])
    broken(lambda: books.ended(told()), "tasks are still open")


def test_two_tasks_of_one_incident() -> None:
    """Two open tasks of one incident are seen."""
    titles = [task(number, f"{number} [Daybook payments default 2026-11-20 collect]") for number in (1, 2)]
    broken(lambda: judge().mambu_has(titles), "two tasks are open")


def test_missing_in_the_end(books: Judge, item: Item) -> None:
    """A document that could have gone out, and is only named as open in the end, is seen."""
    books.ended(told(f"- {item.xero_id}"))
    broken(lambda: books.all_is_well([0]), "in the end LN does not have")


def test_a_further_run_that_posts_what_was_done(books: Judge, item: Item) -> None:
    """A further run that posts what was not open is seen."""
    posted(books, item)
    broken(lambda: books.posts_again(message(item), told()), "of which nothing was open")


def test_a_dry_run_that_posts(books: Judge, item: Item) -> None:
    """A dry run that posts something is seen."""
    books.began(3, 0, BEGAN, dry=True)
    broken(lambda: books.leaves(3, message(item), BEGAN), "is dry")


def test_a_dry_run_that_leaves_traces(books: Judge) -> None:
    """A dry run that changes Mambu's tasks, or what is on record, is seen."""
    books.began(3, 0, BEGAN, dry=True)
    broken(lambda: books.tells_mambu(3), "changes something in Mambu")
    broken(lambda: books.left_as_it_was(3, same=False), "changes what is on record")


def test_a_run_that_was_overtaken_itself_takes_over_from_nobody(books: Judge) -> None:
    """A run that wakes up while the one that took over from it stands still takes over from nobody."""
    items = [paid(books, f"303-SI1-{number}") for number in range(3)]
    books.at_a_door(1, BEGAN)
    books.stands_still(1, BEGAN)
    books.at_a_door(2, BEGAN + dt.timedelta(minutes=5))
    books.stands_still(2, BEGAN + dt.timedelta(minutes=5))
    books.at_a_door(1, BEGAN + dt.timedelta(minutes=10))
    for item in items:
        books.leaves(2, message(item), BEGAN + dt.timedelta(minutes=15))


def test_a_run_that_stood_still_before_it_asked_for_anything_takes_over_from_nobody(books: Judge) -> None:
    """A run that took the payments first takes over from nobody, however late it first asks for something."""
    items = [paid(books, f"303-SI1-{number}") for number in range(3)]
    books.takes(1, BEGAN)
    books.stands_still(1, BEGAN)
    books.takes(2, BEGAN + dt.timedelta(minutes=5))
    books.stands_still(2, BEGAN + dt.timedelta(minutes=5))
    books.at_a_door(1, BEGAN + dt.timedelta(minutes=10))
    for item in items:
        books.leaves(2, message(item), BEGAN + dt.timedelta(minutes=15))


def test_posting_after_others_took_over_before_it_asked_for_anything(books: Judge) -> None:
    """A run that stood still before it asked for anything, and posts though others took over, is seen."""
    items = [paid(books, f"303-SI1-{number}") for number in range(2)]
    books.takes(1, BEGAN)
    books.stands_still(1, BEGAN)
    books.takes(2, BEGAN + dt.timedelta(minutes=5))
    books.leaves(1, message(items[0]), LATER)
    broken(lambda: books.leaves(1, message(items[1]), LATER), "goes on posting")


def test_a_dry_run_takes_over_from_nobody(books: Judge) -> None:
    """A dry run beside one that stands still is no other that took over."""
    items = [paid(books, f"303-SI1-{number}") for number in range(3)]
    books.at_a_door(1, BEGAN)
    books.stands_still(1, BEGAN)
    books.began(3, 0, BEGAN, dry=True)
    books.at_a_door(3, BEGAN + dt.timedelta(minutes=5))
    for item in items:
        books.leaves(1, message(item), BEGAN + dt.timedelta(minutes=6))


def test_another_organisation_than_is_named(books: Judge, item: Item) -> None:
    """A run that comes through, or posts, in another organisation than the connection names is seen."""
    books.began(3, 0, BEGAN, astray=True)
    broken(lambda: books.leaves(3, message(item), BEGAN), "of another organisation")
    broken(lambda: books.ended(told(run=3)), "comes through in another organisation")


def test_a_document_of_another_organisation(books: Judge) -> None:
    """A run that posts what is in another organisation is seen; that it does not is asked of no run."""
    item = paid(books, organisation=1)
    broken(lambda: books.leaves(1, message(item), BEGAN), "reads another organisation")
    books.ended(told())
    broken(lambda: books.ended(told(organisation=1)), "hides that LN does not have")


def test_a_window_by_hand_that_leaves_something_out(books: Judge) -> None:
    """Of a window that somebody asks for, all that changed in it is asked, and nothing else."""
    paid(books)
    books.ended(told(by_hand=True, since=MADE + dt.timedelta(minutes=1)))
    broken(lambda: books.ended(told(by_hand=True, since=MADE)), "hides that LN does not have")


def test_a_window_from_before_the_start_that_holds_back_what_is_dated_in_it(books: Judge) -> None:
    """What is dated in a window from before the start, and nobody was told of, is to be sent."""
    item = paid(books, old=True)
    page = f"# Payments\n\n## Dated before the start: 1\n\n- {item.xero_id}\n"
    since = START - dt.timedelta(days=3)
    asked = told(by_hand=True, since=since, page=page, exit_code=1)
    broken(lambda: books.ended(asked), "by its date, and leaves it")
    # What an earlier run may have told people of waits for them.
    books.sees(2, BEGAN)
    books.ended(asked)


def test_a_wrong_window_is_told_to_who_asks_for_it(books: Judge) -> None:
    """Of a window that cannot be asked for no task has to tell; of any other failure one has to."""
    books.ended(told(completed=False, exit_code=2, by_hand=True))
    broken(lambda: books.ended(told(completed=False, exit_code=3, by_hand=True)), "no task tells of it")


def test_tasks_of_what_has_passed(books: Judge) -> None:
    """In the end a task of what no longer waits, and none of what does, are seen."""
    books.ended(told())
    books.mambu_has([task(1, "Payments [Daybook payments default 2026-11-19 exceptions/before start]")])
    broken(lambda: books.all_is_well([0]), "tasks are open of what has passed")
    books.mambu_has([])
    books.ended(told(page="# Payments\n\n## Dated before the start: 1\n\n- one\n", exit_code=1))
    broken(lambda: books.all_is_well([0]), "no task tells of what waits")


def test_a_removed_part_that_a_lost_store_never_saw_go(books: Judge) -> None:
    """That a part went is asked of a store that was lost only where it has seen the part again since."""
    whole, part = prepaid(books)
    posted(books, whole)
    posted(books, part)
    books.forgot(0, BEGAN + dt.timedelta(minutes=2))
    part.gone, part.shown, part.moved_at = True, False, BEGAN + dt.timedelta(minutes=10)
    later = {"began": LATER + dt.timedelta(minutes=2), "until": LATER + dt.timedelta(minutes=2)}
    books.ended(told(**later))
    books.ended(told(began=BEGAN + dt.timedelta(minutes=5)))
    broken(lambda: books.ended(told(**later)), "went, which LN has")
