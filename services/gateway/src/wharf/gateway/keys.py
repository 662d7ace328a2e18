"""Whose a key or a session is, remembered for a second: polling costs no look-ups, and a revoked key ends at once."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID

from starlette.concurrency import run_in_threadpool

from wharf.common.access import Caller, digest_of, prefix_of
from wharf.gateway.sessions import Sessions, is_token

MEMORY_SECONDS = 1.0
MOST = 10_000
"""Keys remembered at once; the oldest are forgotten first."""


@dataclass(frozen=True, slots=True)
class _Entry:
    since: float
    used: bool
    answer: asyncio.Task[Caller | None]


class Keys:
    """Looks keys and sessions up, one look-up for all requests that wait for the same one."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()

    async def find(self, key: str, *, used: bool = True) -> Caller | None:
        """Whose key or session this is; None where it is unknown, revoked or over. `used`: by a person, not a page."""
        if prefix_of(key) is None and not is_token(key):
            return None
        digest = digest_of(key)
        entry = self._entries.get(digest)
        # A person's use is told to the ledger, whatever their page asked by itself just before.
        if entry is None or time.monotonic() - entry.since >= MEMORY_SECONDS or (used and not entry.used):
            entry = self._look_up(digest, key, used=used)
        # Shielded: a client that goes away must not take the answer from the others that wait for it.
        return await asyncio.shield(entry.answer)

    def forget(self, key_id: UUID) -> None:
        """Do not wait for the second to pass: this key was revoked just now, by this process."""
        for digest, entry in list(self._entries.items()):
            done = entry.answer.done() and not entry.answer.cancelled() and entry.answer.exception() is None
            caller = entry.answer.result() if done else None
            if caller is None or caller.key_id == key_id:
                del self._entries[digest]

    def end(self, token: str) -> None:
        """End a session, and do not wait for the second to pass."""
        self._sessions.end(token)
        self._entries.pop(digest_of(token), None)

    def _look_up(self, digest: bytes, key: str, *, used: bool) -> _Entry:
        answer = asyncio.create_task(run_in_threadpool(self._sessions.identify, key, used=used))
        answer.add_done_callback(lambda done: self._drop_useless(digest, done))
        entry = _Entry(time.monotonic(), used, answer)
        self._entries[digest] = entry
        self._entries.move_to_end(digest)
        while len(self._entries) > MOST:
            self._entries.popitem(last=False)
        return entry

    def _drop_useless(self, digest: bytes, done: asyncio.Task[Caller | None]) -> None:
        """Failures are not remembered; nor are wrong keys, which would push out the right ones."""
        if done.cancelled() or done.exception() is not None or done.result() is None:
            entry = self._entries.get(digest)
            if entry is not None and entry.answer is done:
                del self._entries[digest]
