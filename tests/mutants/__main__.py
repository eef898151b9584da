"""`python -m tests.mutants`: break the code on purpose, one slip at a time, and see what notices."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import random
import sys
from collections.abc import Sequence

from tests.mutants.listed import MUTANTS
from tests.mutants.mutant import DoesNotApply, Mutant
from tests.mutants.report import as_json, as_text, is_enough
from tests.mutants.trial import Unsound, tried

SCHEDULES = 1000


def main(arguments: Sequence[str] | None = None) -> int:
    """Try what was asked for; return 1 where too much goes unnoticed, or something without a reason."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    mutants = [one for one in MUTANTS if asked.only.casefold() in f"{one.name}\n{one.fault}".casefold()]
    if asked.simulation_only:
        mutants = [one for one in mutants if one.simulation]
    if not mutants:
        parser.error(f"no mutant that could be tried has {asked.only!r} in its name or fault")
    if asked.sample:
        mutants = drawn(mutants, asked.sample, asked.date)
    try:
        found = tried(mutants, schedules=asked.schedules, simulation_only=asked.simulation_only, say=_said)
    except (Unsound, DoesNotApply) as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(as_json(found), ensure_ascii=False) if asked.json else as_text(found))
    return 0 if is_enough(found, whole=len(found) == len(MUTANTS)) else 1


def drawn(mutants: Sequence[Mutant], number: int, date: dt.date) -> list[Mutant]:
    """Draw mutants: the same on one date, others on the next; in the order of the list."""
    chance = random.Random(date.isoformat())  # noqa: S311 - a choice of tests
    names = chance.sample(sorted(one.name for one in mutants), min(number, len(mutants)))
    return [one for one in mutants if one.name in names]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object, and nothing else, on stdout"
    )
    parser.add_argument("--sample", type=_positive, metavar="N", help="try so many, drawn by date")
    parser.add_argument(
        "--date",
        type=_date,
        default=dt.datetime.now(dt.UTC).date(),
        metavar="YYYY-MM-DD",
        help="the date to draw by (default: today)",
    )
    parser.add_argument(
        "--only",
        default="",
        metavar="TEXT",
        help="try those whose names, or the faults that they stand for, contain a text",
    )
    parser.add_argument(
        "--simulation-only",
        action="store_true",
        help="leave the fast tests out: what does the simulation notice by itself?",
    )
    parser.add_argument(
        "--schedules",
        type=_positive,
        default=SCHEDULES,
        metavar="N",
        help=f"how many schedules the simulation plays with a mutant (default: {SCHEDULES})",
    )
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 10**9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date such as 2026-11-29") from None


def _said(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
