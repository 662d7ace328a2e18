"""Beat: Celery's clock service, driving the dispatcher.

Schedules live in the ledger (they come with their issue), so this scheduler has no file and no entries of its own:
each of its ticks is a tick of the dispatcher.
"""

from __future__ import annotations

import time
from typing import Any

from celery.beat import Scheduler
from sqlalchemy.exc import DBAPIError

from wharf.common.logs import get_logger

SWEEP_SECONDS = 30.0


class LedgerScheduler(Scheduler):  # type: ignore[misc]  # Celery has no types
    """A beat whose schedule is the ledger. `app.conf.wharf_dispatch` is made by `wharf.scheduler.app`."""

    def __init__(self, app: Any, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Celery's signature
        self._dispatch = app.conf.wharf_dispatch
        self._swept = 0.0
        super().__init__(app, *args, **kwargs)

    def setup_schedule(self) -> None:
        """Nothing to load."""

    def tick(self, *_args: object, **_kwargs: object) -> float:
        """Do what is due; seconds until the next look. A ledger that is away is tried again."""
        self._dispatch.beacon.touch()
        try:
            self._dispatch.dispatcher.tick()
            if time.monotonic() - self._swept > SWEEP_SECONDS:
                self._swept = time.monotonic()
                self._dispatch.dispatcher.sweep()
        except DBAPIError as error:
            get_logger().warning("dispatcher.ledger_unavailable", error=type(error.orig).__name__)
        return float(self._dispatch.settings.dispatch_seconds)
