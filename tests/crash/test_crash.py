"""Runs killed at their requests, with the store in SQLite and in PostgreSQL."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from blocks.store.block import DaybookStore
from tests.crash.journals import Journals
from tests.crash.killing import STORES, Lane, kill_runs, lanes, store
from tests.crash.payments import Payments
from tests.crash.points import choose_points
from tests.helpers.prefect_server import environment, server
from tests.helpers.stores import skipped_without_postgres

SEED = 2026


class Place(NamedTuple):
    """Where runs are killed: two sandboxes, and the environment that leads to a Prefect server."""

    lanes: Sequence[Lane]
    env: dict[str, str]


@pytest.fixture(scope="module", params=[Journals, Payments], ids=["journals", "payments"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Share the sandboxes of a flow and the Prefect server between both stores."""
    folder = tmp_path_factory.mktemp("kill")
    env = environment(folder)
    with lanes(request.param, folder) as both, server(env, folder / "server.log"):
        yield Place(both, env)


@pytest.fixture(params=STORES)
def empty_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DaybookStore]:
    """Return a store of each kind; without PostgreSQL the test is skipped, but not in CI."""
    with ExitStack() as stack:
        with skipped_without_postgres():
            found = stack.enter_context(store(request.param, tmp_path))
        yield found


@pytest.mark.slow
def test_a_killed_run_is_made_good_by_the_next(
    request: pytest.FixtureRequest, place: Place, empty_store: DaybookStore
) -> None:
    """Wherever a run is killed, the next brings all of its day over once, and a further one adds nothing.

    Half of the kinds of points are struck with each store: more of them, and all with both, by command.
    """
    for number, lane in enumerate(place.lanes):
        lane.connect(f"kill-{number}", empty_store, place.env)
    chance = random.Random(SEED)  # noqa: S311 - a choice of tests
    kinds = place.lanes[0].kinds
    every = choose_points(place.lanes[0].points(chance), len(kinds), chance)
    chosen = every[STORES.index(request.node.callspec.params["empty_store"]) :: len(STORES)]

    made = kill_runs(place.lanes, chosen)

    assert [(str(one.point), one.point.kind, one.date, one.problems) for one in made if one.problems] == []
    assert {one.kind for one in every} == set(kinds)
    assert len(made) == len(chosen) >= len(kinds) // len(STORES)
