"""The judge: what must be true of LN's books, of Mambu's tasks, and of what runs say of themselves.

It knows the bytes at the doors, when a run took the payments of its store, what it said (its status,
sentence, exit code and page), and what people and the world did, for these tell it. It reads no store and
imports nothing of the code that it judges.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from tests.simulation.play import Violation

SALES, PURCHASE, MADE, RECEIVED = 1, 2, 3, 4
PAYMENT, PREPAYMENT, ALLOCATION, OVERPAYMENT = "payment", "prepayment", "allocation", "overpayment"
_OLD = "Dated before the start"
_OPEN_SECTIONS = ("What is open", _OLD)
# The exit code of a run that was asked for what it cannot do.
_WRONG_USE = 2
_RECORDED = "Incident open since"
# The line that names what LN has, and of which a store does not know what LN was sent.
_NOT_ON_RECORD = "is not on record"
# The incidents that outlast runs which come through.
_LASTING = ("/unanswered]", "/before start]")


@dataclass(eq=False)
class Who:
    """A contact: its name, its LN code now, all codes that it ever had, and whom it was merged into."""

    name: str
    customer: bool
    code: str
    codes: set[str] = field(default_factory=set)
    changed_at: datetime | None = None
    into: Who | None = None

    def __post_init__(self) -> None:
        self.codes.add(self.code)

    @property
    def now(self) -> Who:
        """Return the contact that counts."""
        return self.into.now if self.into else self

    @property
    def all(self) -> tuple[Who, ...]:
        """Return the contact with all that it was merged into."""
        return (self, *(self.into.all if self.into else ()))


class Content(NamedTuple):
    """What LN is to know of a document, but for whom it concerns."""

    document_type: int | None
    day: date
    amount: Decimal
    currency: str
    rate: Decimal
    bank: str
    number: str


@dataclass(eq=False)
class Item:
    """Something paid in Xero. `content.document_type` is None where LN has no counterpart.

    `old`: it is dated before the connection's start. `odd`: something was done to it after which it may rest
    open for a person for ever. `organisation` is the number of the Xero organisation that it is in.
    """

    kind: str
    xero_id: str
    content: Content
    who: Who
    moved_at: datetime  # when it was made, or changed
    prepayment: Item | None = None
    gone: bool = False
    shown: bool = True  # a removed allocation is not
    old: bool = False
    odd: bool = False
    released: bool = False  # a person has said that LN does not have it
    by_hand: int = 0  # how often people booked it in LN
    closed: Content | None = None  # as it was shown to the person who closed it
    closed_gone: bool = False
    closed_at: datetime | None = None
    closed_in: int | None = None  # the store that a person closed it in
    spoken_at: datetime | None = None  # when a person last said something about it
    denied: bool = False  # LN booked it, and said that it did not
    named: bool = False  # people were told of it as open, and may have booked it by hand since
    told_gone: bool = False  # and then that it went
    organisation: int = 0
    made_at: datetime = field(init=False)
    contents: list[Content] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.contents.append(self.content)
        self.made_at = self.moved_at

    @property
    def name(self) -> str:
        """Return how to speak of it."""
        return f"{self.kind} {self.content.number or self.xero_id}"

    @property
    def changed_at(self) -> datetime:
        """Return when it changed as far as Xero tells, which shows an allocation with its prepayment."""
        return max(self.moved_at, self.prepayment.moved_at) if self.prepayment else self.moved_at

    @property
    def still_since(self) -> datetime:
        """Return since when nothing has changed of it, of its contact, or in what people say of it."""
        of = [self.changed_at, *(one.changed_at for one in self.who.all), self.spoken_at]
        of += [self.prepayment.still_since] if self.prepayment else []
        return max(at for at in of if at)

    @property
    def is_closed(self) -> bool:
        """Tell whether a person has closed it as it is now."""
        return self.closed is not None and (self.closed, self.closed_gone) == (self.content, self.gone)

    @property
    def plain(self) -> bool:
        """Tell whether LN must come to have it, and nobody else can be asked for anything first."""
        return not self.old and self.due

    @property
    def due(self) -> bool:
        """Tell the same of one that may be older than the connection's start."""
        who = self.who.now
        if self.gone or self.content.document_type is None or self.odd or self.closed is not None:
            return False
        if self.prepayment is not None and not self.prepayment.plain:
            return False
        return bool(who.code) or (self.kind == PAYMENT and self.content.document_type == PURCHASE)

    def change(self, at: datetime, **fields: Any) -> None:
        """Let it be something else from an instant on."""
        self.content = self.content._replace(**fields)
        self.contents.append(self.content)
        self.moved_at, self.odd = at, True


class Told(NamedTuple):
    """What a run said at its end, and which store and place it was of.

    `since` and `until` are its window, which somebody asked for `by_hand`, or not; `page` is the page that it
    left. `calm`: nothing struck it. `organisation` is the number of the one it read.
    """

    run: int
    store: int
    connection: str
    began: datetime
    completed: bool
    exit_code: int
    sentence: str
    since: datetime | None
    until: datetime | None
    page: str
    calm: bool
    by_hand: bool = False
    organisation: int = 0

    @property
    def open(self) -> str:
        """Return what the page says of what is open."""
        return "\n".join(_section(self.page, title) for title in _OPEN_SECTIONS).strip()

    @property
    def open_but_old(self) -> str:
        """Return the same without what waits for a person because it is older than the start."""
        return _section(self.page, _OPEN_SECTIONS[0])

    @property
    def waits_from_before(self) -> bool:
        """Tell whether something so waits."""
        return bool(_section(self.page, _OLD))


def _section(page: str, title: str) -> str:
    found = re.search(rf"^## {title}.*?(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    return found[0] if found else ""


class Judge:
    """What must be true. `start` is the connection's, `lag` how far lists are behind, `parallel` how many
    documents are on their way at a time. `once`: LN, or people who are asked, keep a document from being
    booked twice. Each method that is told something raises Violation where it may not be.
    """

    def __init__(self, start: datetime, *, lag: float, parallel: int, lease: float, once: bool) -> None:
        self._start, self._lag = start, timedelta(seconds=lag)
        self.parallel, self._lease = parallel, timedelta(seconds=lease)
        self._once = once
        self.items: list[Item] = []
        self._by_name: dict[tuple[str, str, str], Item] = {}
        self.booked: Counter[Item] = Counter()
        self._booked_by: Counter[tuple[int, Item]] = Counter()
        self._in_ln: dict[Item, Content] = {}
        self._stores: defaultdict[Item, set[int]] = defaultdict(set)  # whose runs booked it
        # By store, what LN booked for its runs since it was last lost or set back.
        self._on_record: defaultdict[int, set[Item]] = defaultdict(set)
        # The last message of it that left from a store, and when.
        self._left: dict[tuple[int, Item], tuple[bytes, datetime]] = {}
        # By store, of what people were told that its record cannot tell whether LN has it as it is now.
        self._told_not_on_record: defaultdict[int, set[Item]] = defaultdict(set)
        self._set_out: set[Item] = set()
        self._in_the_dark: defaultdict[int, set[Item]] = defaultdict(set)
        self._forgot: dict[int, datetime] = {}  # by store, when it was last lost or set back
        self._held: dict[int, datetime] = {}  # since when runs have held the payments of their store
        self._saw: dict[int, datetime] = {}  # when runs last read lists
        self._store_of: dict[int, int] = {}
        self._began: dict[int, datetime] = {}
        self._stood: dict[int, datetime] = {}  # since when a run has stood still that held the payments
        self._seen: defaultdict[int, set[Item]] = defaultdict(set)  # by store, what is for LN by hand
        # By store, when its runs that came through began.
        self._through: defaultdict[int, list[datetime]] = defaultdict(list)
        self._silent: dict[int, datetime] = {}  # by store, when a run last ended without a whole word
        self._dead: dict[int, int] = {}  # by store, its last run where that died
        self._overtaken: Counter[int] = Counter()  # documents that left a run after others took over
        self.tasks: list[Mapping[str, Any]] = []
        # The last word of each store's runs, by the Xero organisation that they read.
        self.told: dict[tuple[int, int], Told] = {}
        self._reads: dict[int, int] = {}  # which organisation a run reads
        self._dry: set[int] = set()
        self._astray: set[int] = set()  # runs whose credentials lead to another organisation than is named

    # What people and the world do

    def made(self, item: Item) -> None:
        """Something new is in Xero."""
        self.items.append(item)
        prepayment = item.prepayment.xero_id if item.prepayment else ""
        self._by_name[item.kind, item.content.number if prepayment else item.xero_id, prepayment] = item

    def booked_by_hand(self, item: Item) -> None:
        """A person has booked it in LN, by no id."""
        item.by_hand += 1
        self._require_once(item)

    def closed(self, item: Item, store: int, at: datetime) -> None:
        """A person has closed it in a store, as it is now."""
        item.closed, item.closed_gone, item.closed_in = item.content, item.gone, store
        item.closed_at = item.spoken_at = at

    def reopened(self, item: Item, at: datetime) -> None:
        """A person says that LN does not have it."""
        item.closed, item.closed_at, item.closed_in, item.closed_gone = None, None, None, False
        item.released, item.spoken_at, item.odd = True, at, True

    def forgot(self, store: int, at: datetime) -> None:
        """A store was lost, or an old copy of it put back."""
        self._forgot[store] = at
        self._seen.pop(store, None)
        self._dead.pop(store, None)
        self._on_record.pop(store, None)
        self._told_not_on_record.pop(store, None)

    def began(
        self,
        run: int,
        store: int,
        at: datetime,
        *,
        organisation: int = 0,
        dry: bool = False,
        astray: bool = False,
    ) -> None:
        """A run begins with a store, whose credentials lead to an organisation.

        `dry`: it is to show what it would do. `astray`: the connection names another organisation.
        """
        self._store_of[run], self._began[run], self._reads[run] = store, at, organisation
        if astray:
            self._astray.add(run)
        if dry:
            self._dry.add(run)
        else:
            # It sees to what a dead one left.
            self._dead.pop(store, None)

    def stands_still(self, run: int, at: datetime) -> None:
        """The process of a run stands still from now on, which others know no more of than of its death."""
        if run in self._held:
            self._stood.setdefault(run, at)

    def item_of(self, kind: str, xero_id: str, prepayment: str = "", number: str = "") -> Item | None:
        """Return what a person means by what a row says."""
        if kind == ALLOCATION:
            return self._by_name.get((ALLOCATION, number, prepayment))
        return self._by_name.get((kind, xero_id, ""))

    def takes(self, run: int, at: datetime) -> None:
        """A run takes the payments of its store, which is before it asks anybody for anything."""
        # One that then stood still itself, and only now goes on, takes over from nobody.
        self._held.setdefault(run, at)

    # At the doors

    def at_a_door(self, run: int, at: datetime) -> None:
        """A run asks Xero or LN for something: unless it is dry, it holds the payments of its store."""
        if run not in self._dry:
            self.takes(run, at)

    def sees(self, run: int, at: datetime) -> None:
        """A run reads Xero's lists, and writes down what it sees."""
        self._saw[run] = at

    def tells_mambu(self, run: int) -> None:
        """A run is about to change something in Mambu."""
        if run in self._dry:
            raise Violation(f"run {run} is dry, and changes something in Mambu")

    def sets_out(self, body: bytes) -> None:
        """A run is about to post a document; whether it left, it will not know where it stands still."""
        self._set_out.add(self._posted(body))

    def leaves(self, run: int, body: bytes, at: datetime) -> None:
        """A document leaves for LN."""
        item = self._posted(body)
        if run in self._dry or run in self._astray:
            raise Violation(f"run {run} posts, and is dry, or of another organisation than is named")
        if item.organisation != self._reads[run]:
            raise Violation(f"{item.name} is posted by a run that reads another organisation")
        if item in self._in_the_dark[run]:
            raise Violation(f"{item.name} is posted again by the run that does not know whether it is booked")
        closed_here = item.closed_in == self._store_of[run]
        if closed_here and item.closed_at is not None and item.closed_at < self._began[run]:
            raise Violation(f"{item.name} leaves though a person closed it before the run began")
        prepayment = item.prepayment
        if prepayment is not None and prepayment not in self._set_out and not self._is_others(prepayment):
            raise Violation(f"{item.name} leaves before its prepayment")
        if prepayment is not None and self._is_written_off(prepayment, run):
            raise Violation(
                f"{item.name} leaves, though a person closed its prepayment, which LN does not have"
            )
        self._require_holds(run, at)
        self._left[self._store_of[run], item] = body, at

    def _is_written_off(self, prepayment: Item, run: int) -> bool:
        """Tell whether a person closed a prepayment before a run began, and LN surely does not have it."""
        closed = prepayment.closed_in == self._store_of[run] and prepayment.closed_at
        doubtful = any(prepayment in dark for dark in self._in_the_dark.values())
        known = self.booked[prepayment] or prepayment.old or doubtful
        return bool(closed) and closed < self._began[run] and not known

    def _is_others(self, prepayment: Item) -> bool:
        """Tell whether a prepayment may be in LN without our having sent it."""
        return prepayment.old or bool(prepayment.by_hand)

    def _require_holds(self, run: int, at: datetime) -> None:
        stood = self._stood.get(run)
        if stood is None:
            return
        others = (
            since
            for other, since in self._held.items()
            if other != run and self._store_of[other] == self._store_of[run]
        )
        if any(stood + self._lease <= since <= at for since in others):
            self._overtaken[run] += 1
        if self._overtaken[run] > self.parallel:
            raise Violation(f"run {run} goes on posting though others took over while it stood still")

    def unanswered(self, run: int, body: bytes) -> None:
        """A run cannot know what became of a document it posted."""
        self._in_the_dark[run].add(self._posted(body))

    def books(self, run: int, body: bytes) -> None:
        """LN books a document that a run has posted."""
        item = self._posted(body)
        self._in_ln.setdefault(item, self._content_of(body, item))
        self.booked[item] += 1
        self._booked_by[run, item] += 1
        self._stores[item].add(self._store_of[run])
        self._on_record[self._store_of[run]].add(item)
        if self._booked_by[run, item] > 1:
            raise Violation(f"{item.name} is booked twice by one run")
        self._require_once(item)

    def denies(self, body: bytes) -> None:
        """LN has booked a document, and says in its own words that it did not."""
        item = self._posted(body)
        item.denied = True
        for known in self._on_record.values():
            known.discard(item)

    def _require_once(self, item: Item) -> None:
        if self._once and self.booked[item] + item.by_hand > 1:
            by_hand = ", of which a person booked one" if item.by_hand else ""
            raise Violation(f"{item.name} is booked twice{by_hand}")

    def _posted(self, body: bytes) -> Item:
        said: dict[str, Any] = json.loads(body)
        payment, prepayment = said["XeroPaymentID"], said["XeroPprepaymentID"]
        if payment and prepayment:
            key = (ALLOCATION, said["InvoiceNumber"], prepayment)
        else:
            key = (PAYMENT, payment, "") if payment else (PREPAYMENT, prepayment, "")
        item = self._by_name.get(key)
        if item is None:
            raise Violation(f"LN is sent {key}, which Xero never had")
        return item

    def _content_of(self, body: bytes, item: Item) -> Content:
        """Return what a message says, which must be something that Xero once showed. Raises Violation."""
        said: dict[str, Any] = json.loads(body, parse_float=Decimal, parse_int=Decimal)
        day = datetime(1970, 1, 1) + timedelta(seconds=int(said["DocumentDate"]))  # noqa: DTZ001 - its day alone
        content = Content(
            int(said["DocumentType"]),
            day.date(),
            said["InvoiceAmount"],
            said["CurrencyCode"],
            said["CurrencyRate"],
            said["BankAccountNumber"],
            said["InvoiceNumber"],
        )
        if content not in self._shown_of(item):
            raise Violation(f"{item.name} is booked as {content}, which Xero never showed")
        who = item.who.all
        wrong_name = said["XeroContactName"] not in {one.name for one in who}
        if wrong_name or said["BusinessPartner"] not in set().union(*(one.codes for one in who)):
            raise Violation(f"{item.name} is booked for somebody else")
        return content

    def _shown_of(self, item: Item) -> Iterator[Content]:
        """Yield all that Xero has shown of a document; an allocation has some of it from its prepayment."""
        for one in item.contents:
            if item.prepayment is None:
                yield one
                continue
            for whole in item.prepayment.contents:
                yield one._replace(currency=whole.currency, rate=whole.rate, bank=whole.bank)

    def mambu_has(self, tasks: Sequence[Mapping[str, Any]]) -> None:
        """Mambu's tasks are now these."""
        self.tasks = list(tasks)
        twice = [marker for marker, count in Counter(self._open_markers()).items() if count > 1]
        if twice:
            raise Violation(f"two tasks are open of {', '.join(twice)}")

    def _open_markers(self) -> Iterator[str]:
        for task in self.tasks:
            title = str(task["title"])
            if task["status"] == "OPEN":
                yield title[max(title.rfind("["), 0) :]

    # What runs say

    def ended(self, told: Told) -> None:
        """A run has come to its end, and said so."""
        if told.completed and told.run in self._astray:
            raise Violation(f"run {told.run} comes through in another organisation than is named")
        self.told[told.store, told.organisation] = told
        if told.completed:
            self._through[told.store].append(told.began)
        if told.completed and told.by_hand:
            self._require_sent_by_hand(told)
        for item in self.items:
            self._take_note(item, told)
        if told.completed:
            self._require_nothing_hidden(told)
        if told.calm:
            self._require_task(told)
        if told.completed and told.exit_code == 0 and told.calm and told.open:
            raise Violation(f"run {told.run} ends with 0, and its page names something open")

    def left_as_it_was(self, run: int, *, same: bool) -> None:
        """A run that is dry has ended, before and after which its store was the `same`, or was not."""
        if not same:
            raise Violation(f"run {run} is dry, and changes what is on record")

    def silent(self, store: int, at: datetime) -> None:
        """A run of a store has ended, and what it said could not be heard, or is not whole."""
        self._silent[store] = at

    def died(self, run: int) -> None:
        """A run that held the payments of its store has died without a word."""
        if run in self._held:
            self._dead[self._store_of[run]] = run

    def watched(self, store: int, connection: str) -> None:
        """The watch has come to its end, undisturbed."""
        markers = [one for one in self._open_markers() if f" {connection} " in one]
        if store in self._dead and not markers:
            raise Violation(f"the watch tells nobody that run {self._dead[store]} died")

    def _require_task(self, told: Told) -> None:
        markers = [one for one in self._open_markers() if f" {told.connection} " in one]
        if told.by_hand and told.exit_code == _WRONG_USE:
            # Who asks for it is told at once.
            return
        if not told.completed and "taken over" not in told.sentence and not markers:
            raise Violation(f"run {told.run} failed, and no task tells of it: {told.sentence}")
        if not told.completed and "taken over" not in told.sentence and _RECORDED not in told.page:
            raise Violation(f"run {told.run} failed, and its page names no incident: {told.sentence}")
        if told.completed and (left := [one for one in markers if not one.endswith(_LASTING)]):
            raise Violation(f"run {told.run} came through, and tasks are still open: {', '.join(left)}")

    def _require_nothing_hidden(self, told: Told) -> None:
        """Require of a run that says "completed" that nothing of its window, or earlier, is left unsaid."""
        if told.until is None:
            return
        before, still = told.until - self._lag, told.began - self._lag
        # Who asks for a window asks for nothing else.
        since = told.since if told.by_hand else None
        for item in self.items:
            covered = item.organisation == told.organisation and item.changed_at < before
            if covered and (since is None or item.changed_at >= since) and item.still_since < still:
                self._require_said(item, told)

    def _require_sent_by_hand(self, told: Told) -> None:
        """Require that a window from before the start sends what is dated in it and nobody was told of."""
        since, until = told.since, told.until
        if since is None or until is None:
            return
        for item in self.items:
            dated = item.old and item.due and item.content.day >= since.date()
            covered = since <= item.changed_at < until - self._lag and item.organisation == told.organisation
            new = item.still_since < told.began - self._lag and not self._met_before(item, told)
            if dated and covered and new and not (self.booked[item] or self._names(told.open_but_old, item)):
                raise Violation(f"run {told.run} was asked for {item.name} by its date, and leaves it")

    def _met_before(self, item: Item, told: Told) -> bool:
        """Tell whether an earlier run of the store may have seen a document."""
        others = (run for run in self._saw if run != told.run and self._store_of[run] == told.store)
        return any(self._saw[run] >= item.made_at for run in others)

    def _require_said(self, item: Item, told: Told) -> None:
        if item.is_closed or item.closed_in not in {None, told.store}:
            return
        if item.content.document_type is None:
            self._require_seen_to(item, told)
            return
        if item.gone:
            self._require_told_of_gone(item, told)
        elif self._names(told.open, item):
            return
        elif item.closed is not None:
            raise Violation(f"run {told.run} is through, and hides that {item.name} changed since closed")
        elif not self.booked[item]:
            raise Violation(f"run {told.run} is through, and hides that LN does not have {item.name}")
        elif self._in_ln[item] not in self._now(item) and not self._is_told_not_on_record(item, told.store):
            raise Violation(f"run {told.run} is through, and hides that {item.name} changed after sending")

    def _is_told_not_on_record(self, item: Item, store: int) -> bool:
        """Tell whether a store cannot know that LN has an item otherwise than it is now, and people know it.

        Where none of its runs had a yes of LN's that it still knows of, and what they posted last is what
        Xero shows now, LN's word that it has it does not say as what. So a run is to say by name, once, that
        this is not on record, unless it could not be heard. What changes after that, the store can compare.
        """
        if item in self._on_record[store] or (store, item) not in self._left:
            return False
        body, at = self._left[store, item]
        silent = self._silent.get(store)
        heard = item in self._told_not_on_record[store] or (silent is not None and silent >= at)
        return heard and self._content_of(body, item) in self._now(item)

    def _require_told_of_gone(self, item: Item, told: Told) -> None:
        if self._must_tell_of_gone(item, told) and not self._names(told.open, item):
            raise Violation(f"run {told.run} is through, and hides that {item.name} went, which LN has")
        if item.named and not item.told_gone and not self._unheard(item, told):
            raise Violation(f"run {told.run} is through, and hides that {item.name} went, once it was open")

    def _require_seen_to(self, item: Item, told: Told) -> None:
        """Require that what people are to book by hand does not go without a word, once a run has seen it."""
        if not item.gone:
            self._seen[told.store].add(item)
        elif item in self._seen[told.store] and not self._names(told.open, item):
            raise Violation(f"run {told.run} is through, and hides that {item.name} went, which was by hand")

    def _take_note(self, item: Item, told: Told) -> None:
        """Take note of what people have read: that it is open, and, in the notes too, that it went."""
        # A run under way when it went may have named it as open still, or told of it in its notes.
        as_gone = told.began >= item.moved_at or not self._names(told.open, item)
        if item.gone and as_gone and self._names(told.page, item):
            item.told_gone = True
        if not item.gone and self._names(told.open, item):
            item.named = True
        if any(_NOT_ON_RECORD in line and self._names(line, item) for line in told.page.splitlines()):
            self._told_not_on_record[told.store].add(item)

    def _unheard(self, item: Item, told: Told) -> bool:
        """Tell whether a run that may have seen it go could not say so, or the store has forgotten it."""
        silent = (self._silent.get(told.store), self._forgot.get(told.store))
        return not item.shown or any(at is not None and at >= item.moved_at for at in silent)

    def _now(self, item: Item) -> Iterator[Content]:
        whole = item.prepayment.content if item.prepayment else item.content
        yield item.content._replace(currency=whole.currency, rate=whole.rate, bank=whole.bank)

    def _must_tell_of_gone(self, item: Item, told: Told) -> bool:
        if item.closed is not None:
            return True
        if item.old and item.by_hand:
            return item.kind != ALLOCATION
        # A store that was set back and has not seen a removed allocation since cannot know of it.
        forgot = self._forgot.get(told.store)
        again = (at for at in self._through[told.store] if forgot and forgot < at < item.moved_at)
        lost = not item.shown and forgot is not None and not any(again)
        return bool(self.booked[item]) and told.store in self._stores[item] and not (item.denied or lost)

    def _names(self, text: str, item: Item) -> bool:
        return item.xero_id in text or bool(item.content.number and item.content.number in text)

    # In the end

    def all_is_well(self, stores: Iterable[int]) -> None:
        """Require that all is there once, or named open with its reason."""
        wanted = set(stores)
        told = [one for (store, _), one in self.told.items() if store in wanted]
        open_ = "\n".join(one.open for one in told)
        for item in self.items:
            if item.plain and not self.booked[item]:
                raise Violation(f"in the end LN does not have {item.name}")
            settled = item.gone or item.is_closed or item.content.document_type is None or self.booked[item]
            if not settled and not self._names(open_, item):
                raise Violation(f"in the end {item.name} is neither in LN nor named as open")
        for one in told:
            self._require_nothing_hidden(one)
        # Of both organisations the last run's page tells what is open, and so do the tasks.
        for one in {said.store: said for said in sorted(told, key=lambda said: said.began)}.values():
            self._require_no_other_task(one)

    def _require_no_other_task(self, told: Told) -> None:
        """Require that people have one task of each thing that lasts, and none of what has passed."""
        markers = [one for one in self._open_markers() if f" {told.connection} " in one]
        lasting = {"/before start]": told.waits_from_before, "/unanswered]": "### Unknown" in told.open}
        for end, there in lasting.items():
            found = [one for one in markers if one.endswith(end)]
            if len(found) > 1 or (found and not there):
                raise Violation(f"in the end tasks are open of what has passed: {', '.join(found)}")
        if told.waits_from_before and not any(one.endswith("/before start]") for one in markers):
            raise Violation("in the end no task tells of what waits from before the start")

    def posts_again(self, body: bytes, before: Told | None) -> None:
        """A further run posts a document though nothing happened since: only what was named as open."""
        item = self._posted(body)
        if before is None or not self._names(before.open, item):
            raise Violation(f"a further run posts {item.name}, of which nothing was open")
