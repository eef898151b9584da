"""The judge: what must be true of the journals whatever happens, told from the bytes at the doors alone.

It knows Mambu's lines, each change of Xero's journals and whose it was, and what each run said; nothing
of the code, and nothing that the store says of itself. Amounts are in pence, instants in seconds.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

GONE = frozenset({"DELETED", "VOIDED"})
JOURNALS, WITHDRAWAL = "journals", "withdrawal"
_NAME = re.compile(r"Mambu journal data with creation date: (\d{4}-\d\d-\d\d) \| booking date (\S+) \| \d+")
_JUST_NOW = 1.0
# What a command says where its use or its configuration is wrong, and words of which none is of a success.
_WRONG = "wrong organisation"
_NOT_DONE = (
    "failed while",
    "failed before",
    "do not agree",
    "is not finished",
    "did not start",
    "is not known yet",
)
# The stages of withdrawals, whose incidents a run of the date does not end.
_OF_WITHDRAWALS = ("read", "remove", "verify")
# A key is relied on for so long after its first use, and used anew once whatever it carried has surely ended:
# eleven minutes after the request was written down, which is up to four before it left.
_SURELY_LIVES, _MAY_BE_USED_ANEW = 300.0, 420.0


class Line(NamedTuple):
    """A line of Mambu's: the day it was created on, its booking date, and its GL account."""

    entry: int
    day: str
    booked: str
    pence: int
    account: str
    transaction: str | None


class Row(NamedTuple):
    """A line in Xero, and which of Mambu's lines it carries; `told`: its text says so."""

    entry: int | None
    pence: int
    account: str
    told: bool = True


class Journal(NamedTuple):
    """A journal of Xero's as it stands."""

    journal_id: str
    name: str
    date: str
    status: str
    rows: tuple[Row, ...]

    @property
    def live(self) -> bool:
        """Tell whether it is neither deleted nor voided."""
        return self.status not in GONE

    def sums(self) -> dict[int, int]:
        """Return what it holds of each of Mambu's lines."""
        sums: dict[int, int] = defaultdict(int)
        for row in self.rows:
            if row.entry is not None:
                sums[row.entry] += row.pence
        return sums


class Change(NamedTuple):
    """A journal that was created or changed, by a request of a run, or by a person where `run` is None.

    `left` is when the request left; `late`: its process had stood still beyond the bound between its last
    check and the request; `warned`: Xero changed it, and said so.
    """

    at: float
    now: Journal
    run: int | None
    late: bool = False
    warned: bool = False
    left: float | None = None


@dataclass
class Run:
    """What is known of a run: what it was asked, with which store, and when it read Xero.

    `listed` is when it last began to read the list, `read` when it last read each journal by its id, and
    `read_before` the same before the request to change a journal that is carried out just now. `refused`:
    its connection is for another organisation than the one it leads to. `answers_for` are the days that a
    night has to have finished, or to name.
    """

    number: int
    kind: str
    store: int
    began: float
    accounts: Mapping[str, str]
    dry: bool = False
    include_posted: bool = False
    include_edited: bool = False
    refused: bool = False
    answers_for: tuple[str, ...] = ()
    day: str | None = None
    listed: float | None = None
    read: dict[str, float] = field(default_factory=dict)
    read_before: dict[str, float] = field(default_factory=dict)

    def account(self, line: Line) -> str:
        """Return the account in Xero that the run's connection gives a line."""
        return self.accounts.get(line.account, line.account)


class Word(NamedTuple):
    """What a run said at its end of a day; `incident`: that it has recorded an incident."""

    run: int
    day: str
    status: str
    text: str
    at: float
    incident: bool = False


class End(NamedTuple):
    """How a run ended: the exit code of its command, and what people read of it.

    `completed`: it counts as done; `open` is what its page names open, `differs`: what it compared did not
    tie out. `calm`: nothing struck, and no other run was under way.
    """

    run: int
    code: int
    completed: bool
    sentence: str
    open: tuple[str, ...] = ()
    differs: bool = False
    calm: bool = True


class Problem(NamedTuple):
    """Something that is not as it should be, and the words one of which a run must use to have named it."""

    what: str
    entry: int | None
    words: tuple[str, ...]
    grave: bool = True

    def named_in(self, text: str) -> bool:
        """Tell whether a text names it."""
        return any(re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) for word in self.words)


class _Held:
    """A journal and all its changes; `born` is by whom, `day` the day it was sent for.

    `disowned`: nobody can tell any more that it holds lines of Mambu's, but those whose texts say so.
    """

    def __init__(self, first: Change) -> None:
        self.changes = [first]
        self.born = first.run
        name = _NAME.match(first.now.name)
        self.day = name[1] if name and first.run is not None else None
        self.disowned = False

    @property
    def now(self) -> Journal:
        return self.changes[-1].now

    @property
    def late(self) -> bool:
        return self.changes[0].late

    def known(self, journal: Journal) -> Journal:
        """Return what can be told of it as it stood: people may move lines into one that is disowned."""
        if not self.disowned:
            return journal
        return journal._replace(rows=tuple(row for row in journal.rows if row.entry and row.told))

    def by_people(self) -> Iterator[Change]:
        return (change for change in self.changes if change.run is None)

    def unrecognisable(self) -> bool:
        """Tell whether its name, its texts and its amounts are other ones than it was sent with."""
        was, now = self.changes[0].now, self.now
        sums = [sorted((row.account, row.pence) for row in one.rows) for one in (was, now)]
        return (
            now.name != was.name
            and any(not row.told for row in now.rows)
            and (sums[0] != sums[1] or was.date != now.date)
        )


class Judge:
    """The judge of one schedule, for one organisation of Xero's.

    `broken` are the rules that were broken, in sentences. `moves`: the connection leads to another
    organisation at times.
    """

    def __init__(self, *, stale: float, shows_deleted: bool, moves: bool = False) -> None:
        self.broken: list[str] = []
        self.runs: dict[int, Run] = {}
        self.words: list[Word] = []
        self._looked: list[float] = []
        # Doubles that a pause beyond the bound let in: to be said by the next night.
        self.to_be_said: dict[int, str] = {}
        # Days on which people, or Xero, did something that a run may rightly be unhappy with.
        self.touched: dict[str, str] = {}
        self._stale, self._shows_deleted, self._moves = stale, shows_deleted, moves
        self._lines: list[tuple[float, dict[int, Line]]] = []
        self._known: dict[int, Line] = {}
        self._held: dict[str, _Held] = {}
        self._holding: dict[int, set[str]] = defaultdict(set)
        self._reversing: dict[int, set[str]] = defaultdict(set)
        self._taken_out: dict[int, float] = {}
        self._voided: dict[int, float] = {}
        self._withdrawn_entries: set[int] = set()
        self._doubled_by_people: set[int] = set()
        # When which store was lost, and from when the copy is that took its place.
        self._lost: list[tuple[float, int, float]] = []
        self._first_left: dict[tuple[int, str], float] = {}
        self._withdrawn: dict[str, tuple[float, int]] = {}
        # Days that a run may have recorded as finished before it died without a word.
        self._maybe_finished: set[str] = set()

    # What it is told

    def mambu_has(self, at: float, lines: Iterable[Line]) -> None:
        """Know Mambu's lines from now on: all of them."""
        now = {line.entry: line for line in lines}
        self._lines.append((at, now))
        self._known |= now

    def store_lost(self, at: float, store: int, since: float = -1.0) -> None:
        """Know that a store has forgotten: all, or what came after a copy of an instant was made."""
        self._lost.append((at, store, since))
        # It does not know which keys were used since.
        self._first_left = {
            used: left for used, left in self._first_left.items() if used[0] != store or left <= since
        }

    def touch(self, day: str, why: str) -> None:
        """Know of a reason for which a run may be unhappy with a day."""
        self.touched.setdefault(day, why)

    def begins(self, run: Run) -> None:
        """Know of a run."""
        self.runs[run.number] = run

    def changed(self, changes: Sequence[Change]) -> None:
        """Take note of changes of Xero's journals that came about at once, and check them."""
        before = {one.now.journal_id: self._held.get(one.now.journal_id) for one in changes}
        were = {journal_id: held.now if held else None for journal_id, held in before.items()}
        for one in changes:
            self._change(one)
        for one in changes:
            if one.run is None:
                self._by_person(one, were[one.now.journal_id])

    def _change(self, change: Change) -> None:
        journal = change.now
        if sum(row.pence for row in journal.rows):
            self._break(f"'{journal.name}' does not sum to zero")
        held = self._held.get(journal.journal_id)
        before = held.now if held else None
        if held is None:
            held = self._held[journal.journal_id] = _Held(change)
            if change.run is not None:
                self._sent(change, held, self.runs[change.run])
        else:
            if change.run is not None and before is not None:
                self._changed_by_run(change, held, before, self.runs[change.run])
            held.changes.append(change)
        self._index(journal)
        if change.warned:
            self._touch_all(journal, "Xero took an account away")

    def _index(self, journal: Journal) -> None:
        for where in (self._holding, self._reversing):
            for ids in where.values():
                ids.discard(journal.journal_id)
        if journal.live:
            for entry, pence in self._held[journal.journal_id].known(journal).sums().items():
                line = self._known.get(entry)
                back = line is not None and pence * line.pence < 0
                (self._reversing if back else self._holding)[entry].add(journal.journal_id)

    def _net(self, entry: int) -> int:
        return len(self._holding[entry]) - len(self._reversing[entry])

    def _touch_all(self, journal: Journal, why: str) -> None:
        for entry in journal.sums():
            self.touch(self._known[entry].day, why)
        held = self._held[journal.journal_id]
        if held.day:
            self.touch(held.day, why)

    def _by_person(self, change: Change, before: Journal | None) -> None:
        journal = change.now
        posted = before is not None and journal._replace(status=before.status) == before
        if not (posted and journal.status in {"POSTED", "ARCHIVED"}):
            self._touch_all(journal, "people changed its journals")
        for entry in journal.sums():
            if self._net(entry) > 1:
                self._doubled_by_people.add(entry)
        for entry in before.sums() if before is not None and before.live else ():
            if not self._holding[entry]:
                where = self._voided if journal.status == "VOIDED" else self._taken_out
                where[entry] = change.at

    # What a run does

    def leaves(self, at: float, run: int, key: str) -> None:
        """Take note of a request to create journals, at the instant at which it leaves under its key."""
        lives = self._first_left.setdefault((self.runs[run].store, key), at)
        if _SURELY_LIVES < at - lives < _MAY_BE_USED_ANEW:
            self._break(
                f"a request leaves again {at - lives:.0f} s after the first, when its key may be forgotten"
            )
        if at - lives >= _MAY_BE_USED_ANEW:
            self._first_left[self.runs[run].store, key] = at

    def not_taken(self, at: float, run: int, key: str) -> None:
        """Know that a request which has just left was not taken at all: it has not used its key."""
        used = (self.runs[run].store, key)
        if at - self._first_left.get(used, at) < _JUST_NOW:
            self._first_left.pop(used, None)

    def _sent(self, change: Change, held: _Held, run: Run) -> None:
        journal = change.now
        # A withdrawal repeats requests that got no answer, so as to know their end.
        if run.refused:
            self._break(f"a run sends '{journal.name}' into an organisation that its connection is not for")
        if run.kind not in {JOURNALS, WITHDRAWAL} or run.dry:
            self._break(f"a run that sends nothing sends '{journal.name}'")
        done_at, store = self._withdrawn.get(held.day or "", (0.0, -1))
        if run.store == store and (run.listed or 0.0) < done_at and not change.late:
            self._break(
                f"'{journal.name}' comes behind a withdrawal that was done, from a run that looked before"
            )
        self._content(change, held, run)
        for entry in sorted(journal.sums()):
            self._again(entry, change, held, run)

    def _content(self, change: Change, held: _Held, run: Run) -> None:
        for row in change.now.rows:
            line = self._known.get(row.entry or 0)
            if line is None:
                self._break(f"'{change.now.name}' has a line that Mambu never had")
            elif (row.pence, change.now.date) != (line.pence, line.booked):
                self._break(f"'{change.now.name}' has entry {line.entry} with another amount or date")
            elif row.account != run.account(line) and not change.warned:
                self._break(f"'{change.now.name}' has entry {line.entry} on another account")

    def _again(self, entry: int, change: Change, held: _Held, run: Run) -> None:
        seen = run.listed - self._stale if run.listed is not None else run.began
        others = [self._held[one] for one in sorted(self._holding[entry])]
        if len(others) + 1 - len(self._reversing[entry]) > 1:
            places = ", ".join(f"'{one.now.name}' {one.now.status}" for one in others)
            text = f"entry {entry} stands in two live journals: '{change.now.name}' and {places}"
            if change.late or any(one.late for one in others):
                self.to_be_said[entry] = text
            elif all(one.unrecognisable() and self._forgotten(one, run) for one in others):
                # The stated limit: from now on it is a journal of that person's.
                for one in others:
                    one.disowned = True
                    self._index(one.now)
            else:
                self._break(text)
            self.touch(self._known[entry].day, "lines of it are there twice")
        if entry in self._doubled_by_people or change.late:
            return
        if self._shows_deleted and self._voided.get(entry, seen) < seen and self._is_voided(entry):
            self._break(f"'{change.now.name}' sends entry {entry} again, which a person voided")
        own = run.day is None or held.day == run.day
        if not own and self._taken_out.get(entry, seen) < seen and self._knows(entry, run, held):
            self._break(
                f"a look back sends entry {entry} again, which a person took out: '{change.now.name}'"
            )

    def _is_voided(self, entry: int) -> bool:
        """Tell whether a person's voiding was the last that became of an entry."""
        return self._voided[entry] > self._taken_out.get(entry, -1.0)

    def _forgotten(self, held: _Held, run: Run) -> bool:
        """Tell whether the store of a run has no record of a journal's id, or may have lost it."""
        born = self.runs[held.born] if held.born is not None else None
        first = held.changes[0].at
        if born is None or born.store != run.store or self._was_lost(run.store, first):
            return True
        # Where no answer came, the record has no id until a run has compared the day.
        return not any(
            word.day == held.day and word.status == "completed" and word.at > first
            for word in self.words
            if self.runs[word.run].store == run.store
        )

    def _knows(self, entry: int, run: Run, new: _Held) -> bool:
        """Tell whether a run can know that an entry was sent: all that held it before are on record."""
        ever = [
            one
            for one in self._held.values()
            if one is not new and any(entry in change.now.sums() for change in one.changes)
        ]
        return all(not self._forgotten(one, run) for one in ever)

    def _changed_by_run(self, change: Change, held: _Held, before: Journal, run: Run) -> None:
        now = change.now
        if run.refused:
            self._break(f"a run changes '{now.name}' in an organisation that its connection is not for")
        if now._replace(status=before.status, rows=before.rows) != before or [
            row[1:3] for row in now.rows
        ] != [row[1:3] for row in before.rows]:
            self._break(f"a run overwrites '{before.name}'")
        if run.kind != WITHDRAWAL or run.dry:
            self._break(f"a run that takes nothing out makes '{before.name}' {now.status}")
        self._withdrawn_entries.update(before.sums())
        self._taken_from_under(change, before, held.day, run)
        read = run.read_before.get(now.journal_id, run.began)
        acts = [one for one in held.by_people() if one.at < read]
        posted = before.status == "POSTED" and any(one.now.status == "POSTED" for one in acts)
        if posted and not run.include_posted:
            self._break(f"a withdrawal takes out '{before.name}', which a person posted")
        edited = any(one.now.status == "DRAFT" for one in acts) and not self._may_be_ours(held)
        if edited and not run.include_edited:
            self._break(f"a withdrawal takes out '{before.name}', which a person edited")

    def _taken_from_under(self, change: Change, before: Journal, day: str | None, run: Run) -> None:
        """Check that no run has called a day completed on a journal that was on its way out."""
        left = change.left if change.left is not None else change.at
        for word, looked in zip(self.words, self._looked, strict=True):
            by = self.runs[word.run]
            rests = word.day == day and word.status == "completed" and left < looked <= word.at < change.at
            same = by.kind == JOURNALS and by.store == run.store and not self._was_lost(run.store, left)
            if rests and same and not change.late:
                name = before.name
                self._break(f"a run calls {day} completed, and a withdrawal asked before takes '{name}' out")

    def _may_be_ours(self, held: _Held) -> bool:
        """Tell whether a journal is a copy, untouched, of one whose run died before it learnt its id."""
        if held.born is not None or len(held.changes) > 1:
            return False
        originals = [
            one
            for one in self._held.values()
            if one.born is not None
            and one.changes[0].now[1:3] + one.changes[0].now[4:] == held.now[1:3] + held.now[4:]
        ]
        told = {word.run for word in self.words if word.status == "completed"}
        return any(one.born not in told for one in originals)

    # What a run says

    def said(self, word: Word) -> None:
        """Take note of what a run said, and check that it was true at an instant when it can have looked."""
        run = self.runs[word.run]
        self.words.append(word)
        self._looked.append(run.listed if run.listed is not None else run.began)
        if run.kind == WITHDRAWAL:
            self._withdrawal_said(word, run)
            return
        if word.status != "completed":
            return
        since = [at for at, _ in self._lines if run.began <= at <= word.at]
        always: dict[str, Problem] | None = None
        for lines_at in (word.at, *(at - 1e-6 for at in reversed(since))):
            for cut in self._cuts(run, word):
                # Pages of a list, and journals read singly, are each of an instant of their own.
                found = self._unsaid(word, self.problems(word.day, run, cut, lines_at))
                always = {one.what: one for one in found if always is None or one.what in always}
                if not always:
                    return
        what = next(iter(always or {"": None}))
        self._break(f"a run says of {word.day} '{word.text[:160]}', and {what}")

    def died(self, number: int) -> None:
        """Know that a run ended without a word: what was all there it may have recorded as finished."""
        run = self.runs[number]
        changed = {change.at for one in self._held.values() for change in one.changes}
        cuts = [(at - 1e-6, run, run.began) for at in sorted(changed) if at >= run.began]
        gone = self._taken_out.keys() | self._withdrawn_entries
        for day in {run.day or "", *run.answers_for}:
            for cut in (None, *cuts):
                found = self.problems(day, run, cut, cut[0] if cut else None)
                if all(one.entry in gone for one in found if one.grave):
                    self._maybe_finished.add(day)
                    break

    def ended(self, end: End) -> None:
        """Check that the exit code of a run says what its words say, and what it said of each day."""
        run, code = self.runs[end.run], end.code
        said = f"a run ends with {code}, and"
        last = {word.day: word for word in self.words if word.run == end.run}
        failed = [word for word in last.values() if word.status != "completed"]
        amiss = [*end.open, *(word.text[:160] for word in failed)]
        if not end.completed:
            amiss.append(end.sentence[:160])
        if end.differs:
            amiss.append("it does not tie out")
        if code not in {0, 1, 2}:
            self._break(f"{said} no command does")
        if code == 0 and (amiss or any(words in end.sentence for words in _NOT_DONE)):
            self._break(f"{said} something is open: {(amiss or [end.sentence])[0]}")
        if code != 0 and not amiss:
            self._break(f"{said} nothing is amiss: {end.sentence[:160]}")
        if (code == 2) != (_WRONG in end.sentence) or (run.refused and end.calm and code != 2):
            self._break(f"{said} says: {end.sentence[:160]}")
        done = self._maybe_finished | {
            word.day
            for word in self.words
            if word.status == "completed" and self.runs[word.run].kind == JOURNALS
        }
        # A connection that is moved does not bring along what the organisation that it led to before has.
        first = min(done, default="") if self._moves else ""
        due = [day for day in run.answers_for if day >= first]
        if code == 0 and (missing := [day for day in due if day not in done]):
            self._break(f"a night ends with 0, and no run has finished {missing[0]} in its organisation")

    def told(self, word: Word, titles: Iterable[str]) -> None:
        """Check what a run that nothing disturbed has left in Mambu: the titles of all open tasks."""
        marks = marks_of(word.day, titles)
        ours = [mark for mark in marks if not _of_withdrawal(mark)]
        # Two stores may look for a task at one instant, and each log its own; a success closes both.
        alone = len({run.store for run in self.runs.values()}) == 1
        if alone and len(marks) > len(set(marks)):
            self._break(f"two open tasks tell of one failure of {word.day}: {marks}")
        if word.status == "failed" and not (ours and word.incident):
            what = "no task says so" if word.incident else "no incident is recorded"
            self._break(f"a run failed for {word.day}, and {what}: {word.text[:200]}")
        if word.status == "completed" and ours:
            self._break(f"{word.day} has come through, and a task is open: {ours[0]}")

    def _withdrawal_said(self, word: Word, run: Run) -> None:
        if word.status != "completed" or run.dry:
            return
        standing: list[str] = []
        for cut in self._cuts(run, word):
            standing = [
                one.now.name
                for one in self._held.values()
                if one.day == word.day and one.born is not None
                if (then := self._at(one, *cut)) is not None and then.live
                # One that was renamed is known by its id alone, which a run that died has not learnt.
                if then.name == one.changes[0].now.name and then.name not in word.text
            ]
            if not standing:
                self._withdrawn[word.day] = word.at, run.store
                return
        self._break(f"a withdrawal of {word.day} says that all is done, and '{standing[0]}' stands")

    def _unsaid(self, word: Word, problems: Iterable[Problem]) -> list[Problem]:
        """Return the problems that a run which calls a day completed has not told of."""
        left = "removed in Xero by a user" in word.text
        out = self._taken_out.keys() | self._withdrawn_entries
        return [
            one
            for one in problems
            if one.grave and not (left and one.entry in out and one.what.endswith("is not in Xero"))
        ]

    def _cuts(self, run: Run, word: Word) -> Iterator[tuple[float, Run, float]]:
        """Yield the instants as of which a run may have seen the books, the present one first.

        What runs of its own store did before it looked is no excuse: they have a record of that.
        """
        read = run.listed if run.listed is not None else run.began
        yield word.at, run, read
        since = read - self._stale
        instants = {change.at for one in self._held.values() for change in one.changes}
        for at in sorted(instants):
            if since <= at <= word.at:
                yield at - 1e-6, run, read

    def problems(
        self, day: str, run: Run, cut: tuple[float, Run, float] | None = None, lines_at: float | None = None
    ) -> list[Problem]:
        """Return what is not as it should be of a day, now or as of instants."""
        lines = self._lines_of(day, lines_at)
        ours = self._held.values()
        seen = [(one, one.now if cut is None else self._at(one, *cut)) for one in ours]
        standing = [(one, one.known(now)) for one, now in seen if now is not None and now.live]
        live = self._to_be_told(standing, run)
        held: dict[int, list[Journal]] = defaultdict(list)
        back: dict[int, list[Journal]] = defaultdict(list)
        for _, now in live:
            for entry, pence in now.sums().items():
                line = self._known.get(entry)
                (back if line is not None and line.pence * pence < 0 else held)[entry].append(now)
        found: list[Problem] = []
        for entry, line in sorted(lines.items()):
            found.extend(_of_line(line, run.account(line), held[entry], back[entry]))
        for one, now in live:
            if one.day == day or (one.day is None and any(row.entry in lines for row in now.rows)):
                found.extend(self._strange(now, lines, self._all_lines(lines_at)))
        return found

    def _to_be_told(self, live: list[tuple[_Held, Journal]], run: Run) -> list[tuple[_Held, Journal]]:
        """Leave out what by the stated limit nobody can tell, where others hold its lines as well."""
        told = [(one, now) for one, now in live if not (one.unrecognisable() and self._forgotten(one, run))]
        if len(told) == len(live):
            return live
        elsewhere = {entry for _, now in told for entry in now.sums()}
        return [(one, now) for one, now in live if (one, now) in told or not now.sums().keys() <= elsewhere]

    def _at(self, held: _Held, at: float, reader: Run, read: float) -> Journal | None:
        """Return a journal as of an instant, with all that the reader's store knew before it looked."""
        now: Journal | None = None
        for change in held.changes:
            own = change.run is not None and self.runs[change.run].store == reader.store and change.at < read
            # What a pause let in got no answer in time: the record knows no id of it, and a list can lag.
            own = own and not change.late
            if change.at <= at or (own and not self._was_lost(reader.store, change.at)):
                now = change.now
        return now

    def _was_lost(self, store: int, since: float) -> bool:
        return any(one == store and at >= since for at, one, _ in self._lost)

    def _all_lines(self, at: float | None) -> dict[int, Line]:
        now: dict[int, Line] = {}
        for since, lines in self._lines:
            if at is None or since <= at:
                now = lines
        return now

    def _lines_of(self, day: str, at: float | None) -> dict[int, Line]:
        return {e: line for e, line in self._all_lines(at).items() if line.day == day and line.pence}

    def _strange(
        self, now: Journal, lines: Mapping[int, Line], everywhere: Mapping[int, Line]
    ) -> Iterator[Problem]:
        for row in now.rows:
            if row.entry is None:
                yield Problem(f"'{now.name}' has a line that is not Mambu's", None, (now.name,))
            elif row.entry not in everywhere:
                words = (now.name, str(row.entry))
                yield Problem(f"'{now.name}' has entry {row.entry}, which Mambu has no more", None, words)
            elif row.entry not in lines:
                words = (now.name, str(row.entry))
                yield Problem(f"'{now.name}' has entry {row.entry} of another day", None, words, grave=False)
            elif not row.told:
                words = (now.name, str(row.entry))
                yield Problem(f"'{now.name}' does not tell entry {row.entry}", None, words, grave=False)

    # What must be true in the end

    def night_said(self, texts: Iterable[str]) -> None:
        """Check that a night has found and said what pauses beyond the bound have let in."""
        said = " ".join(texts)
        for entry, text in self.to_be_said.items():
            if self._net(entry) > 1 and not re.search(rf"(?<!\d){entry}(?!\d)", said):
                self._break(f"the night after does not say that {text}")

    def second_ones(self) -> list[str]:
        """Return the ids of journals that stand there a second time for a pause, which people take out."""
        ids: dict[str, None] = {}
        for entry in self.to_be_said:
            if self._net(entry) > 1:
                held = [self._held[one] for one in self._holding[entry]]
                for one in sorted(held, key=lambda held: held.changes[0].at)[1:]:
                    ids[one.now.journal_id] = None
        return list(ids)

    def healed(self, day: str, word: Word | None) -> None:
        """Check a day after all is quiet and it was run again: all there once, or named open and why."""
        if word is None:
            self._break(f"no run has said anything of {day}")
            return
        problems = self.problems(day, self.runs[word.run])
        if word.status == "completed":
            if open_ := self._unsaid(word, problems):
                self._break(f"after all is quiet {day} counts as completed, and {open_[0].what}")
            return
        if day not in self.touched and not self._only_voided(word, problems):
            self._break(f"after all is quiet the run of {day} fails without a reason: {word.text[:300]}")
        for one in problems:
            if one.grave and one.entry is not None and not one.named_in(word.text):
                self._break(
                    f"after all is quiet {one.what}, and the run of {day} does not name it: {word.text[:300]}"
                )

    def _only_voided(self, word: Word, problems: Iterable[Problem]) -> bool:
        """Tell whether a run says "voided", and all that is missing was voided by withdrawals unknown to it.

        Nobody can tell that from what a person voided, which is not sent again.
        """
        unknown = {
            entry
            for one in self._held.values()
            if one.now.status == "VOIDED" and self._unknown(one.changes[-1], self.runs[word.run])
            for entry in one.now.sums()
        }
        missing = [one.entry for one in problems if one.grave]
        return (
            "voided" in word.text
            and bool(missing)
            and all(entry in unknown and not self._holding[entry] for entry in missing)
        )

    def _unknown(self, change: Change, run: Run) -> bool:
        """Tell whether a withdrawal asked for a change, and the store of a run has no record of that.

        A withdrawal writes down what it asks for before the request leaves.
        """
        if change.run is None:
            return False
        left = change.left if change.left is not None else change.at
        lost = any(store == run.store and since < left <= at for at, store, since in self._lost)
        return lost or self.runs[change.run].store != run.store

    def _break(self, text: str) -> None:
        self.broken.append(text)


def marks_of(day: str, titles: Iterable[str]) -> list[str]:
    """Return the marks of a day's tasks, by which each tells of its failure."""
    return [title[title.rfind("[") :] for title in titles if f"[Daybook default {day} " in title]


def _of_withdrawal(mark: str) -> bool:
    return any(f" {stage}" in mark for stage in _OF_WITHDRAWALS)


def _of_line(line: Line, account: str, held: list[Journal], back: list[Journal]) -> Iterator[Problem]:
    entry = line.entry
    words = tuple(filter(None, (str(entry), line.transaction, f"booking date {line.booked}")))
    if not held:
        yield Problem(f"entry {entry} is not in Xero", entry, words)
        return
    names = (*words, *(one.name for one in (*held, *back)))
    if len(held) - len(back) > 1:
        yield Problem(f"entry {entry} stands in two live journals", entry, names)
    elif len(held) - len(back) < 1:
        yield Problem(f"entry {entry} is taken back in Xero", entry, names)
    elif not back:
        rows = [row for row in held[0].rows if row.entry == entry]
        if sum(row.pence for row in rows) != line.pence or held[0].date != line.booked:
            yield Problem(f"entry {entry} stands in Xero with another amount or date", entry, names)
        elif any(row.account != account for row in rows):
            yield Problem(f"entry {entry} stands in Xero on another account", entry, names)
