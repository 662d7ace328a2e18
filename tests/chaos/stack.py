"""A stack that can be broken: services of the test build, servers behind proxies."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg
import redis

from tests.chaos import crashing
from tests.chaos.proxy import Network, Proxy
from tests.chaos.switchboard import Switchboard
from tests.servers import send_no_canaries
from wharf.local.address import next_redis_database
from wharf.local.child import ChildSpec
from wharf.local.services import Site, is_fresh, wharf_services
from wharf.local.stack import LocalStack
from wharf.local.trial import Trial, eventually

SECOND = "scheduler-2"
LEASE_SECONDS = 8
"""Shorter than in production: a test of a process that stands still waits for the lease to run out."""

SETTINGS = {"WHARF_ORPHAN_SECONDS": "10", "WHARF_BULK_BYTES": str(10 * 2**20)}
"""Sooner than in production: orphaned objects are tidied up, and a file of 20 MB is large enough for `ingest-bulk`."""


def rerouted(url: str, port: int) -> str:
    """The same address on another port of this machine."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{port}"))


@dataclass
class Wiring:
    """Turns the declarations of the services into those of the test build, and puts the proxies in between."""

    network: Network
    switchboard: Switchboard
    lease_seconds: int | None
    to_postgres: Proxy | None = None
    to_redis: Proxy | None = None

    def services(self, site: Site) -> Sequence[ChildSpec]:
        """All of Wharf's, and a second scheduler."""
        specs = wharf_services(self._behind_proxies(site))
        scheduler = next(spec for spec in specs if spec.name == "scheduler")
        return [self._test_build(spec) for spec in (*specs, self._second(scheduler, site))]

    def _behind_proxies(self, site: Site) -> Site:
        postgres, redis_ = site.port("proxy-postgres"), site.port("proxy-redis")
        self.to_postgres = self.network.proxy(postgres, urlsplit(site.app_url).port or 5432)
        self.to_redis = self.network.proxy(redis_, urlsplit(site.redis_url).port or 6379)
        return replace(
            site,
            app_url=rerouted(site.app_url, postgres),
            dispatch_url=rerouted(site.dispatch_url, postgres),
            redis_url=rerouted(site.redis_url, redis_),
            broker_url=rerouted(site.broker_url, redis_),
        )

    def _test_build(self, spec: ChildSpec) -> ChildSpec:
        """`python -m MODULE ARGS` becomes `python crashing.py MODULE ARGS`."""
        environment = dict(spec.environment) | SETTINGS | {crashing.FAULTS: str(self.switchboard.folder)}
        if self.lease_seconds:
            environment["WHARF_LEASE_SECONDS"] = str(self.lease_seconds)
        return replace(
            spec, command=(sys.executable, str(crashing.__file__), *spec.command[2:]), environment=environment
        )

    def _second(self, scheduler: ChildSpec, site: Site) -> ChildSpec:
        """Another dispatcher beside the first: any number of them must be safe."""
        own = {
            "WHARF_HEARTBEAT_FILE": str(site.heartbeat(SECOND)),
            "WHARF_METRICS_DIR": str(site.metrics_folder(SECOND)),
            "WHARF_METRICS_PORT": str(site.port(f"{SECOND}-metrics")),
        }
        return replace(
            scheduler,
            name=SECOND,
            ready=partial(is_fresh, site.heartbeat(SECOND)),
            prepare=partial(self._empty, site.heartbeat(SECOND), site.metrics_folder(SECOND)),
            environment=dict(scheduler.environment) | own,
        )

    @staticmethod
    def _empty(heartbeat: Path, metrics: Path) -> None:
        heartbeat.unlink(missing_ok=True)
        metrics.mkdir(parents=True, exist_ok=True)


@dataclass
class Chaos:
    """A running stack and everything by which it can be broken."""

    trial: Trial
    switchboard: Switchboard
    to_postgres: Proxy
    to_redis: Proxy

    @property
    def objects(self) -> Path:
        """The folder of the object storage."""
        return self.trial.stack.folder.objects

    @property
    def broker_url(self) -> str:
        """The broker's database, past the proxy."""
        return next_redis_database(self.trial.connection.redis_url)

    def broker(self) -> redis.Redis:
        """A client of the broker's database that goes past the proxy."""
        return redis.Redis.from_url(self.broker_url, socket_timeout=5)

    def whole(self) -> bool:
        """Whether both servers answer."""
        try:
            with self.broker() as broker:
                return bool(broker.ping()) and self.trial.one("SELECT 1") == 1
        except (redis.RedisError, psycopg.OperationalError):
            return False

    def pid(self, name: str) -> int:
        """The process of that name, as it is now."""
        return self.trial.connection.processes[name]


@contextmanager
def chaos_stack(folder: Path, lease_seconds: int | None = LEASE_SECONDS, ingest_workers: int = 1) -> Iterator[Chaos]:
    """Start it in `folder`, stop it and delete it at the end."""
    switchboard = Switchboard.at(folder / "faults")
    with Network() as network:
        wiring = Wiring(network, switchboard, lease_seconds)
        with LocalStack(
            folder / "data", port=0, ingest_workers=ingest_workers, discard=True, services=wiring.services
        ) as stack:
            assert wiring.to_postgres is not None
            assert wiring.to_redis is not None
            headers = {"Authorization": f"Bearer {stack.connection.api_key}"}
            with httpx.Client(base_url=stack.connection.url, headers=headers, timeout=30) as api:
                trial = Trial(stack, api)
                _send_no_canaries(trial)
                yield Chaos(trial, switchboard, wiring.to_postgres, wiring.to_redis)


def _send_no_canaries(trial: Trial) -> None:
    """They would run into what is armed for others, and the account is of what was submitted."""
    send_no_canaries(trial.connection.database_url)
    eventually(lambda: not trial.ask("SELECT 1 FROM wharf.jobs WHERE finished_at IS NULL"), "canaries sent before")
