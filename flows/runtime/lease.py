"""One run at a time: a lease in the store, and a lock beside it that dies with its process.

A lease that was left behind is not always that of a run that died: one that came to its end while the store
could not be written to could not give it back. Prefect knows which of the two it was.
"""

from __future__ import annotations

import asyncio
import hashlib
import platform
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import UUID

import httpx
from filelock import FileLock, Timeout
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.exceptions import ObjectNotFound

from blocks.errors import StoreError
from blocks.process import home, private_folder
from blocks.store.models import LEASE_LIFE, RENEWED_EVERY, Lease, LeaseTaken
from flows.runtime.run import Run

_ASKED_EVERY = 5.0
_TOLD_EVERY = 60.0


@asynccontextmanager
async def acquire_lease(run: Run, owner: str) -> AsyncIterator[Lease | None]:
    """Hold what a run is at work on while the block lasts; yield the lease of one that died on it.

    Waits while another run holds it. Raises StoreError.
    """
    lock = _lock(run)
    left = await _taken(run, owner, lock)
    renewing = asyncio.create_task(_renew(run))
    try:
        if left is not None and not await has_crashed(left):
            run.log(f"The run {left.owner} came to its end, and could not record it in the store.")
            left = None
        yield left
    finally:
        renewing.cancel()
        with suppress(asyncio.CancelledError):
            await renewing
        if run.lease is not None:
            with suppress(StoreError):  # it expires by itself
                await run.store.leases.release(run.lease)
        lock.release()


async def note_stage(run: Run) -> None:
    """Write down at once which stage a run is at, for whoever finds its lease. Raises StoreError."""
    if run.lease is not None:
        await run.store.leases.renew(run.lease, run.stage, run.clock.now())


async def has_crashed(lease: Lease) -> bool:
    """Tell whether a run that left its lease behind ended without a word, as far as Prefect knows of it.

    One that Prefect saw end has said how; of one that Prefect does not know nobody can tell more.
    """
    if FlowRunContext.get() is None:
        return True
    try:
        async with get_client() as client:
            state = (await client.read_flow_run(UUID(lease.owner))).state
    except (ObjectNotFound, ValueError, httpx.HTTPError):
        return True
    return state is None or not (state.is_completed() or state.is_failed())


async def open_leases(run: Run, flow: str) -> list[Lease]:
    """Return the leases of a flow and connection, once each has either been renewed or has expired."""
    existing = await run.store.leases.of(flow, run.name)
    if existing:
        # A run that was killed a moment ago looks alive until its lease is up.
        oldest = min(lease.renewed_at for lease in existing)
        wait = (oldest + LEASE_LIFE - run.clock.now()).total_seconds()
        if wait > 0:
            await run.clock.sleep(wait + 1)
            existing = await run.store.leases.of(flow, run.name)
    return existing


async def _taken(run: Run, owner: str, lock: FileLock) -> Lease | None:
    waited = 0.0
    while True:
        alone = _locked(lock)
        # Without the lock nobody may conclude from a free one that this run is dead.
        place, now = _place(lock) if alone else "", run.clock.now()
        wanted = Lease(run.lease_scope.flow, run.name, run.lease_scope.day, owner, place, run.stage, now, now)
        try:
            died = await run.store.leases.take(wanted, only_one_here=alone)
        except BaseException as error:
            lock.release()
            if not isinstance(error, LeaseTaken):
                # It may be on record all the same: a call that is cancelled goes to its end.
                with suppress(StoreError):
                    await run.store.leases.release(wanted)
                raise
            holder = error.lease
        else:
            run.lease = wanted
            return died
        if waited % _TOLD_EVERY == 0:
            run.waits(
                f"{run.lease_scope.what} is held by the run {holder.owner} since {holder.taken_at:%H:%M:%S} UTC "
                f"(it is at {holder.stage or 'its beginning'}): waiting until that has ended."
            )
        await run.progress("wait", 0, 1)
        await run.clock.sleep(_ASKED_EVERY)
        waited += _ASKED_EVERY


def _locked(lock: FileLock) -> bool:
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError):
        return False
    return True


async def _renew(run: Run) -> None:
    while True:
        await run.clock.sleep(RENEWED_EVERY.total_seconds())
        if run.lease is None:
            return
        try:
            if not await run.store.leases.renew(run.lease, run.stage, run.clock.now()):
                # What is still to be written checks the lease itself, and stops.
                run.warn(f"Another run has taken {run.lease_scope.what} over.")
                return
        except StoreError as error:
            run.warn(f"{error} This run goes on as long as it does not need it.")


def _lock(run: Run) -> FileLock:
    # Of one store: runs with separate ones do not wait for each other, with or without a lock.
    hold = run.lease_scope
    text = "\n".join((hold.address, hold.flow, run.name, str(hold.day)))
    name = hashlib.sha256(text.encode()).hexdigest()[:32]
    path = private_folder(home() / "locks") / f"{name}.lock"
    return FileLock(path, mode=0o600, thread_local=False)


def _place(lock: FileLock) -> str:
    """Return what is the same for all runs that see one and the same lock file, and for no others."""
    path = Path(lock.lock_file)
    path.touch(mode=0o600)
    seen = path.stat()
    text = f"{platform.node()}\n{seen.st_dev}\n{seen.st_ino}"
    return hashlib.sha256(text.encode()).hexdigest()
