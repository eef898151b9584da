"""One run per connection and day: a lease in the store, and a lock beside it that dies with its process."""

from __future__ import annotations

import asyncio
import hashlib
import platform
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from blocks.errors import StoreError
from blocks.home import home, private_folder
from blocks.leases import RENEWED_EVERY, Held, Lease
from flows.journals.night import Night

_ASKED_EVERY = 5.0
_TOLD_EVERY = 60.0


@asynccontextmanager
async def held(night: Night, owner: str) -> AsyncIterator[Lease | None]:
    """Hold the night's day while the block lasts; yield the lease of a run that died on it, if one did.

    Waits while another run holds it. Raises StoreError.
    """
    lock = _lock(night)
    died = await _taken(night, owner, lock)
    renewing = asyncio.create_task(_renew(night))
    try:
        yield died
    finally:
        renewing.cancel()
        with suppress(asyncio.CancelledError):
            await renewing
        if night.lease is not None:
            with suppress(StoreError):  # it expires by itself
                await night.store.leases.release(night.lease)
        lock.release()


async def _taken(night: Night, owner: str, lock: FileLock) -> Lease | None:
    waited = 0.0
    while True:
        alone = _locked(lock)
        # Without the lock nobody may conclude from a free one that this run is dead.
        place, now = _place(lock) if alone else "", night.clock.now()
        wanted = Lease("journals", night.name, night.day.date, owner, place, night.stage, now, now)
        try:
            died = await night.store.leases.take(wanted, only_one_here=alone)
        except BaseException as error:
            lock.release()
            if not isinstance(error, Held):
                # It may be on record all the same: a call that is cancelled goes to its end.
                with suppress(StoreError):
                    await night.store.leases.release(wanted)
                raise
            holder = error.lease
        else:
            night.lease = wanted
            return died
        if waited % _TOLD_EVERY == 0:
            night.log(
                f"{night.day.date} is held by the run {holder.owner} since {holder.taken_at:%H:%M:%S} UTC "
                f"(it is at {holder.stage or 'its beginning'}): waiting until that has ended."
            )
        await night.progress("wait", 0, 1)
        await night.clock.sleep(_ASKED_EVERY)
        waited += _ASKED_EVERY


def _locked(lock: FileLock) -> bool:
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError):
        return False
    return True


async def _renew(night: Night) -> None:
    while True:
        await night.clock.sleep(RENEWED_EVERY.total_seconds())
        if night.lease is None:
            return
        try:
            if not await night.store.leases.renew(night.lease, night.stage, night.clock.now()):
                # What is still to be written checks the lease itself, and stops.
                night.log(f"Another run has taken {night.day.date} over.")
                return
        except StoreError as error:
            night.log(f"{error} This run goes on as long as it does not need it.")


def _lock(night: Night) -> FileLock:
    # Of one store: runs with separate ones do not wait for each other, with or without a lock.
    text = f"{night.connection.store.address}\n{night.name}\n{night.day.date}"
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
