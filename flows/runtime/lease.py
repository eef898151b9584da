"""One run at a time: a lease in the store, and beside it a lock that is freed when its process ends.

A lease that is left behind does not always mean that its run crashed: a run that ended while the store could
not be written to could not release it. Prefect knows which of the two it was.
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
from blocks.private_files import home, private_folder
from blocks.store.models import LEASE_LIFE, RENEWED_EVERY, Lease, LeaseTaken
from flows.runtime.run import Run

_RETRY_SECONDS = 5.0
_REPORT_SECONDS = 60.0


@asynccontextmanager
async def acquire_lease(run: Run, owner: str) -> AsyncIterator[Lease | None]:
    """Hold the lease of a run's scope inside this block; yield the lease of a run that crashed, or None.

    Waits while another run has the lease. Raises StoreError.
    """
    lock = _lock(run)
    left = await _take(run, owner, lock)
    renewing = asyncio.create_task(_renew(run))
    try:
        if left is not None and not await has_crashed(left):
            run.log(f"The run {left.owner} ended, but could not record this in the store.")
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
    """Record at once which stage a run is at, for whoever finds its lease. Raises StoreError."""
    if run.lease is not None:
        await run.store.leases.renew(run.lease, run.stage, run.clock.now())


async def has_crashed(lease: Lease) -> bool:
    """Return whether a run that left its lease behind crashed, as far as Prefect knows.

    A run that Prefect saw end did not crash; one that Prefect does not know counts as crashed.
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
        # A run that was killed a moment ago looks alive until its lease expires.
        oldest = min(lease.renewed_at for lease in existing)
        wait = (oldest + LEASE_LIFE - run.clock.now()).total_seconds()
        if wait > 0:
            await run.clock.sleep(wait + 1)
            existing = await run.store.leases.of(flow, run.name)
    return existing


async def _take(run: Run, owner: str, lock: FileLock) -> Lease | None:
    """Wait for the lease, take it, and return an expired one that it replaces."""
    waited = 0.0
    while True:
        alone = _locked(lock)
        # Without the lock, a free lock must not tell others that this run has crashed.
        place, now = _place(lock) if alone else "", run.clock.now()
        wanted = Lease(run.lease_scope.flow, run.name, run.lease_scope.day, owner, place, run.stage, now, now)
        try:
            expired = await run.store.leases.take(wanted, only_one_here=alone)
        except BaseException as error:
            lock.release()
            if not isinstance(error, LeaseTaken):
                # The lease may be in the store all the same: a cancelled call still completes.
                with suppress(StoreError):
                    await run.store.leases.release(wanted)
                raise
            holder = error.lease
        else:
            run.lease = wanted
            return expired
        if waited % _REPORT_SECONDS == 0:
            run.waits(
                f"The run {holder.owner} is working on {run.lease_scope.what} since "
                f"{holder.taken_at:%H:%M:%S} UTC (stage: {holder.stage or 'start'}). Waiting until it ends."
            )
        await run.progress("wait", 0, 1)
        await run.clock.sleep(_RETRY_SECONDS)
        waited += _RETRY_SECONDS


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
                # Whatever this run still wants to write checks the lease itself, and stops.
                run.warn(f"Another run has taken over {run.lease_scope.what}.")
                return
        except StoreError as error:
            run.warn(f"{error} This run continues as long as it does not need the store.")


def _lock(run: Run) -> FileLock:
    # One lock per store: runs with separate stores do not wait for each other.
    scope = run.lease_scope
    text = "\n".join((scope.address, scope.flow, run.name, str(scope.day)))
    name = hashlib.sha256(text.encode()).hexdigest()[:32]
    path = private_folder(home() / "locks") / f"{name}.lock"
    return FileLock(path, mode=0o600, thread_local=False)


def _place(lock: FileLock) -> str:
    """Return a text that is the same for all runs that see the same lock file, and for no others."""
    path = Path(lock.lock_file)
    path.touch(mode=0o600)
    seen = path.stat()
    text = f"{platform.node()}\n{seen.st_dev}\n{seen.st_ino}"
    return hashlib.sha256(text.encode()).hexdigest()
