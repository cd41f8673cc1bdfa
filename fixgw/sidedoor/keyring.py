"""The keys as a running side door sees them: always in memory, never long out of date.

At most every :data:`POLL_S` a look-up asks the store whether anything has changed, and
reads all keys again if so. When the store cannot be read the last good keys stay in
force, and :meth:`KeyRing.problems` says so: a damaged file or a Redis that is down must
not lock out those who are known.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Protocol

from fixgw.sidedoor.keys import (
    ApiKey,
    DamagedKeys,
    KeyFile,
    KeysError,
    KeysUnavailable,
    Stamp,
)

POLL_S = 0.5
"""A change is in force within a second; a look at a file costs microseconds."""

POLL_UNKNOWN_S = 0.05
"""The same for a key that is not known: it may have been made just now. No sooner, so
that strangers cannot make the store the busiest part of the door."""

STALE_S_MAX = 3600.0
"""Keys that could not be compared with Redis for so long are no longer accepted: a key
that was disabled meanwhile would still open the door."""

log = logging.getLogger(__name__)


class KeySource(Protocol):
    """Where a key ring reads. ``read`` raises KeysError."""

    async def read(self) -> Mapping[str, ApiKey] | None:
        """All keys by id, or None when nothing changed since the last call."""

    def notes(self) -> list[str]:
        """What an operator should know of the store, apart from failures to read."""


class KeyRing:
    """The keys of a running side door. ``clock`` gives seconds and never steps back.

    ``stale_s_max``: how long keys are good without the store; None for ever.
    """

    def __init__(self, source: KeySource, stale_s_max: float | None = None) -> None:
        self._source = source
        self._stale_s_max = stale_s_max
        self._keys: Mapping[str, ApiKey] = {}
        self._lock = asyncio.Lock()
        self._asked_s: float | None = None
        self._good_s: float | None = None
        self._problem = ""

    async def find(self, key_id: str) -> ApiKey | None:
        """The key with this id, or None. Raises KeysUnavailable when the store was
        never read, or not for too long."""
        await self.refresh()
        if key_id not in self._keys:
            await self.refresh(POLL_UNKNOWN_S)
        now_s = _now_s()
        if self._good_s is None:
            raise KeysUnavailable(self._problem)
        if self._stale_s_max is not None and now_s - self._good_s > self._stale_s_max:
            raise KeysUnavailable(self._problem)
        return self._keys.get(key_id)

    async def refresh(self, poll_s: float | None = None) -> None:
        """Look whether the store has changed, unless it was done within ``poll_s``.

        None: :data:`POLL_S`.
        """
        poll_s = POLL_S if poll_s is None else poll_s
        if not self._due(poll_s):
            return
        # Who comes while another asks waits for its answer: after a quiet hour the keys
        # in memory may be an hour old.
        async with self._lock:
            if not self._due(poll_s):
                return
            try:
                keys = await self._source.read()
            except KeysError as error:
                self._failed(str(error))
                return
            finally:
                self._asked_s = _now_s()
            if self._problem:
                log.warning("API keys are readable again")
                self._problem = ""
            self._good_s = self._asked_s
            if keys is not None:
                self._keys = keys

    def problems(self) -> list[str]:
        """What is wrong with the store, for health."""
        notes = self._source.notes()
        if not self._problem:
            return notes
        known = f"the {len(self._keys)} keys last read stay in force"
        if self._good_s is None:
            known = "no key is known"
        return [f"API keys: {self._problem}; {known}", *notes]

    def __len__(self) -> int:
        return len(self._keys)

    def _due(self, poll_s: float) -> bool:
        return self._asked_s is None or _now_s() - self._asked_s >= poll_s

    def _failed(self, problem: str) -> None:
        if not self._problem:
            log.error("API keys cannot be read: %s", problem)
        self._problem = problem


class FileSource:
    """Reads a key file when it is another one than before."""

    def __init__(self, file: KeyFile) -> None:
        self._file = file
        self._stamp: Stamp | None = None
        self._read = False
        self._damaged: tuple[Stamp | None, DamagedKeys] | None = None

    async def read(self) -> Mapping[str, ApiKey] | None:
        try:
            stamp = self._file.stamp()
        except OSError as error:
            raise KeysUnavailable(f"{self._file.path}: {error.strerror}") from None
        if self._read and stamp == self._stamp:
            return None
        if self._read and stamp is None:
            raise KeysUnavailable(
                f"{self._file.path} is gone: 'fixgw keys create' begins a new one"
            )
        if self._damaged and self._damaged[0] == stamp:
            raise self._damaged[1]
        try:
            keys, self._stamp = self._file.read()
        except DamagedKeys as error:
            # Until it is another file there is nothing new to be read in it.
            self._damaged = stamp, error
            raise
        self._read = True
        self._damaged = None
        return keys

    def notes(self) -> list[str]:
        if not self._file.exposed():
            return []
        path = self._file.path
        return [f"API keys: others may read {path}; run 'chmod 600 {path}'"]


def _now_s() -> float:
    return asyncio.get_running_loop().time()
