"""Jobs that a job has written are announced as a gateway announces them: at once, whoever writes them."""

from __future__ import annotations

from uuid import UUID

from celery.app import app_or_default

from wharf.common.doorbell import Doorbell
from wharf.common.feed import Feed
from wharf.common.jobs.announcing import Announcer
from wharf.common.jobs.submission import Written
from wharf.common.ledger.database import Database


class Voice:
    """Rings for a job, tells who watches, and counts it. Its thread begins in the child: none survives a fork."""

    def __init__(self, database: Database, feed: Feed) -> None:
        self._database = database
        self._feed = feed
        self._announcer: Announcer | None = None

    def __call__(self, written: Written, tenant_id: UUID) -> None:
        """After the commit that wrote it. Never blocks, never raises: what is not heard the dispatcher publishes."""
        if self._announcer is None:
            self._announcer = Announcer(self._database, Doorbell(app_or_default()), self._feed)
        self._announcer.announce(written, tenant_id)
