"""Which keys were used lately, as far as this process knows: what the ledger is told once a minute, not each time."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from uuid import UUID

EVERY_SECONDS = 60.0
MOST = 10_000
"""Keys remembered at once; the oldest are forgotten first, and told of again."""


class Uses:
    """When this process last told of each key."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: OrderedDict[UUID, float] = OrderedDict()
        self._lock = threading.Lock()

    def is_news(self, key_id: UUID) -> bool:
        """Whether a use of that key is to be told now; then it counts as told."""
        with self._lock:
            since = self._told.get(key_id)
            if since is not None and self._clock() - since < EVERY_SECONDS:
                return False
            self._told[key_id] = self._clock()
            self._told.move_to_end(key_id)
            while len(self._told) > MOST:
                self._told.popitem(last=False)
            return True
