"""Our own Redis: its settings with their reasons, and its process."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from wharf.local.address import redis_url
from wharf.local.child import ChildSpec, Stage
from wharf.local.orphans import end_servers
from wharf.local.postgres import Setting
from wharf.local.private import write_private

READY_WITHIN = 120.0
"""After a restart Redis first reads its append-only file."""
GRACE_SECONDS = 15.0
CONFIGURATION = "redis.conf"

SETTINGS = (
    Setting("bind", "127.0.0.1", "this machine only"),
    Setting("daemonize", "no", "it is our child"),
    Setting("dir", "./", "its working folder, so that no path with blanks has to be quoted"),
    Setting("logfile", '""', "stdout is our log file"),
    Setting("appendonly", "yes", "queued messages survive a restart"),
    Setting("appendfsync", "everysec", "a second of messages may be lost: the ledger publishes them again"),
    Setting("save", '""', "the append-only file is enough; snapshots would fork for nothing"),
    Setting("maxmemory-policy", "noeviction", "an evicted message is a lost doorbell"),
)


@dataclass(frozen=True, slots=True)
class Redis:
    """A Redis in the folder `home`, run as ourselves."""

    program: Path
    home: Path
    password: str

    def url(self, port: int, database: int = 0) -> str:
        """The URL of one of its databases."""
        return redis_url(port, self.password, database)

    def spec(self, port: int) -> ChildSpec:
        """The server on `port`. The password is in the configuration file (0600), not on the command line."""
        return ChildSpec(
            name="redis",
            command=(str(self.program), CONFIGURATION),
            stage=Stage.REDIS,
            ready=partial(self._answers, port),
            environment={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            folder=self.home,
            prepare=partial(self._prepare, port),
            grace=GRACE_SECONDS,
        )

    def _prepare(self, port: int) -> None:
        end_servers(self.home)
        lines = [f"{one.name} {one.value}" for one in SETTINGS]
        lines += [f"port {port}", f"requirepass {self.password}"]
        write_private(self.home / CONFIGURATION, "\n".join(lines) + "\n")

    def _answers(self, port: int) -> bool:
        try:
            once = Retry(NoBackoff(), 0)
            with redis.Redis.from_url(self.url(port), retry=once, socket_timeout=2, socket_connect_timeout=2) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False
