"""What rests of a day between stages: handed on, taken over, listed and discarded."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from flows.journals.staging import (
    Staged,
    StagedDay,
    StartFrom,
    discard,
    manifest_left_by,
    read_manifest,
    resume_from,
    staged,
    staged_days,
    write_manifest,
)
from tests.helpers.journals import staged as lines_of
from tests.helpers.journals import transfers

LIST = "handed-on.json"
NO_PROCESS = "The saved results of process are missing or damaged, so this run starts from process."
NO_EXTRACT = "The saved lines of extract are missing or damaged, so this run starts from the beginning."
BROKEN_LISTS = [b"", b"{", b"[]", b'{"stages": {"extract": [{"path": 7}]}}', b"\xff\xfe", b'{"stages": null}']


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a day that exists."""
    made = tmp_path / "default" / "2026-11-20"
    made.mkdir(parents=True)
    return made


def part(folder: Path, name: str, count: int = 2, **notes: object) -> Staged:
    """Leave lines in a file of the day."""
    return staged(lines_of(transfers(count)), folder / f"{name}.parquet", **notes)


def whole_day(folder: Path) -> list[Staged]:
    """Leave a day as extract and process leave it, and return its lines and what each step left."""
    lines = part(folder, "lines", distinct=6)
    write_manifest(folder, "extract", [lines])
    steps = [part(folder, f"step-{number}") for number in range(1, 6)]
    write_manifest(folder, "process", [lines, *steps])
    return [lines, *steps]


def taken(folder: Path, start_from: StartFrom) -> tuple[Staged | None, list[Staged] | None, list[str]]:
    """Return what a run takes over, and what it says."""
    said: list[str] = []
    lines, steps = resume_from(folder, start_from, said.append)
    return lines, steps, said


def test_what_is_handed_on_is_left(folder: Path) -> None:
    """What a stage hands on is found again, in its order and with its notes."""
    parts = whole_day(folder)
    assert manifest_left_by(folder, "extract") == parts[:1]
    assert manifest_left_by(folder, "process") == parts
    assert parts[0].notes == {"distinct": 6}
    assert (manifest_left_by(folder, "send"), manifest_left_by(folder / "nowhere", "extract")) == (None, None)
    assert sorted(path.name for path in folder.iterdir() if path.suffix != ".parquet") == [LIST]


def test_a_new_extract_unlists_what_was_made_of_the_old_one(folder: Path) -> None:
    """Once extract hands on anew, nothing that was made of its earlier lines is left."""
    whole_day(folder)
    write_manifest(folder, "extract", [part(folder, "other", 3)])
    assert manifest_left_by(folder, "process") is None
    (lines,) = manifest_left_by(folder, "extract") or []
    assert lines.lines == 6


def test_an_empty_list_is_nothing(folder: Path) -> None:
    """A stage that handed on nothing has left nothing."""
    write_manifest(folder, "extract", [])
    assert manifest_left_by(folder, "extract") is None
    assert taken(folder, "process") == (None, None, [NO_EXTRACT])
    assert staged_days("default", folder.parent) == []


@pytest.mark.parametrize("start_from", ["extract", "process", "send"])
def test_a_run_takes_over_what_the_stages_before_have_left(folder: Path, start_from: StartFrom) -> None:
    """A run from extract takes nothing over, one from process the lines, one from send the steps as well."""
    parts = whole_day(folder)
    expected = {"extract": (None, None), "process": (parts[0], None), "send": (parts[0], parts[1:])}
    assert taken(folder, start_from) == (*expected[start_from], [])


@pytest.mark.parametrize("damage", ["gone", "changed", "cut"])
@pytest.mark.parametrize("number", range(6))
def test_without_a_whole_process_a_run_starts_from_there(folder: Path, number: int, damage: str) -> None:
    """Where any file of process is not what it was, a run from send starts from process or before."""
    parts = whole_day(folder)
    damaged(parts[number].path, damage)
    lines, steps, said = taken(folder, "send")
    assert steps is None
    if number == 0:
        assert (lines, said) == (None, [NO_PROCESS, NO_EXTRACT])
    else:
        assert (lines, said) == (parts[0], [NO_PROCESS])


@pytest.mark.parametrize("damage", ["gone", "changed", "cut"])
def test_without_whole_lines_a_run_starts_from_the_beginning(folder: Path, damage: str) -> None:
    """Where the day's lines are not what they were, a run from process reads them from Mambu again."""
    damaged(whole_day(folder)[0].path, damage)
    assert taken(folder, "process") == (None, None, [NO_EXTRACT])
    assert taken(folder, "extract") == (None, None, [])


def damaged(file: Path, damage: str) -> None:
    """Damage a file."""
    content = file.read_bytes()
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(content[:-1] + (bytes([content[-1] ^ 1]) if damage == "changed" else b""))


@pytest.mark.parametrize("content", BROKEN_LISTS)
def test_a_list_that_cannot_be_read_is_empty(folder: Path, content: bytes) -> None:
    """Where the list is unreadable nothing is left of any stage, and a run starts from the beginning."""
    whole_day(folder)
    (folder / LIST).write_bytes(content)
    assert read_manifest(folder).stages == {}
    assert taken(folder, "send") == (None, None, [NO_PROCESS, NO_EXTRACT])
    assert staged_days("default", folder.parent) == []


@pytest.mark.parametrize("content", BROKEN_LISTS)
def test_a_list_that_cannot_be_read_is_written_anew(folder: Path, content: bytes) -> None:
    """The next stage that hands on replaces an unreadable list."""
    (folder / LIST).write_bytes(content)
    lines = part(folder, "lines")
    write_manifest(folder, "process", [lines])
    assert read_manifest(folder).stages == {"process": [lines]}


def test_what_was_not_finished_writing_does_not_matter(folder: Path) -> None:
    """A list that a killed run has written half is neither read nor in the way."""
    parts = whole_day(folder)
    (folder / f"{LIST}.unfinished").write_bytes(b'{"stages": {"extr')
    assert manifest_left_by(folder, "process") == parts
    write_manifest(folder, "extract", parts[:1])
    assert list(read_manifest(folder).stages) == ["extract"]


def test_a_discarded_day_leaves_nothing(folder: Path) -> None:
    """Of a discarded day no file is left, other days stay, and discarding it again is no error."""
    parts = whole_day(folder)
    other = folder.with_name("2026-11-19")
    other.mkdir()
    write_manifest(other, "extract", [part(other, "lines")])
    for _ in range(2):
        discard(folder)
    assert not any(one.path.exists() for one in parts)
    assert [path.name for path in folder.parent.iterdir()] == ["2026-11-19"]
    assert [one.date for one in staged_days("default", folder.parent)] == [dt.date(2026, 11, 19)]


def test_staged_days_are_listed(folder: Path) -> None:
    """All that rests of a connection's days is listed by day and stage: how many lines, and since when."""
    whole_day(folder)
    earlier = folder.with_name("2026-11-19")
    earlier.mkdir()
    write_manifest(earlier, "extract", [part(earlier, "lines", 600)])
    (folder.parent / "notes.txt").write_text("not a day")
    found = staged_days("default", folder.parent)
    assert [(str(one.date), one.stage, one.lines) for one in found] == [
        ("2026-11-19", "extract", 1200),
        ("2026-11-20", "extract", 4),
        ("2026-11-20", "process", 4),
    ]
    assert {one.connection for one in found} == {"default"}
    now = dt.datetime.now(dt.UTC)
    assert all(now - dt.timedelta(minutes=5) < one.since <= now for one in found)
    assert staged_days("default", folder / "nowhere") == []


@pytest.mark.parametrize("name", ["2026-13-45", "over-he-re", "2026-11-19"])
def test_what_is_no_day_is_passed_over(folder: Path, name: str) -> None:
    """What lies beside the days, a day that goes while they are listed included, does not hide the others."""
    whole_day(folder)
    folder.with_name(name).symlink_to(folder.with_name("gone"))
    assert len(staged_days("default", folder.parent)) == 2


def test_a_staged_day_in_words() -> None:
    """A staged day says how many lines, of which day, left by which stage, and since when."""
    since = dt.datetime(2026, 11, 21, 3, 5, 9, tzinfo=dt.UTC)
    day = StagedDay(
        connection="default", date=dt.date(2026, 11, 20), stage="process", lines=1200, since=since
    )
    assert str(day) == "1,200 lines of 2026-11-20, saved by process at 2026-11-21 03:05 UTC"
