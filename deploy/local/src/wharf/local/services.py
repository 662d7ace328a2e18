"""The services of the stack: which processes, with which environment, and when they are ready."""

from __future__ import annotations

import http.client
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from wharf.local.child import ChildSpec, Stage
from wharf.local.folder import DataFolder
from wharf.local.orphans import MARK

FRESH_SECONDS = 10.0
"""A heartbeat file that was touched this recently is a sign of life."""
FINISH_SECONDS = "2"
"""Who stops a stack by hand does not wait for long jobs: they go on from their checkpoints at the next start."""
ALIASES = ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL")
"""Other names of settings that we set: those of another program's server must not win."""


@dataclass(frozen=True, slots=True)
class Site:
    """What services need to know about the stack that they are part of. `port` gives a free port by name."""

    folder: DataFolder
    gateway_port: int
    app_url: str
    dispatch_url: str
    backup_url: str
    redis_url: str
    broker_url: str
    storage_url: str
    counts: dict[str, int]
    port: Callable[[str], int]

    def heartbeat(self, name: str) -> Path:
        """The file that the service `name` touches while it is well."""
        return self.folder.run / f"{name}.alive"

    def metrics_folder(self, name: str) -> Path:
        """The folder of the service's metric files, one for each of its processes."""
        return self.folder.run / "metrics" / name


Services = Callable[[Site], Sequence[ChildSpec]]
"""Makes the declarations of the processes that run on a site."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service as it is started: `module` with `arguments`; a worker has `queues`; `scaled` ones may run N times."""

    name: str
    module: str
    stage: Stage
    arguments: tuple[str, ...] = ()
    queues: str | None = None
    scaled: bool = False
    dispatches: bool = False
    backs_up: bool = False
    concurrency: int = 2
    grace: float = 10.0


SERVICES = (
    Service("gateway", "wharf.gateway", Stage.GATEWAY),
    Service("ingest-worker", "wharf.ingest_worker", Stage.WORKERS, queues="ingest", scaled=True, grace=30.0),
    # A file of any size leaves the small ones their slots.
    Service(
        "ingest-bulk-worker", "wharf.ingest_worker", Stage.WORKERS, queues="ingest-bulk", concurrency=1, grace=30.0
    ),
    Service("package-worker", "wharf.package_worker", Stage.WORKERS, queues="package", scaled=True, grace=30.0),
    Service("scheduler", "wharf.scheduler", Stage.SCHEDULER, dispatches=True),
    Service(
        "maintenance-worker",
        "wharf.scheduler",
        Stage.WORKERS,
        arguments=("worker",),
        queues="maintenance",
        backs_up=True,
        grace=30.0,
    ),
)


def wharf_services(site: Site) -> list[ChildSpec]:
    """All of `SERVICES` on `site`."""
    return [_spec(service, name, site) for service in SERVICES for name in _names(service, site)]


def no_services(_site: Site) -> list[ChildSpec]:
    """None: servers alone, for those who restore a backup."""
    return []


def _names(service: Service, site: Site) -> Iterator[str]:
    """Yield `ingest-worker`, `ingest-worker-2` and so on."""
    yield service.name
    for number in range(2, site.counts.get(service.name, 1) + 1) if service.scaled else ():
        yield f"{service.name}-{number}"


def _spec(service: Service, name: str, site: Site) -> ChildSpec:
    is_gateway = service.stage is Stage.GATEWAY
    ready = partial(answers, f"http://127.0.0.1:{site.gateway_port}/readyz") if is_gateway else None
    return ChildSpec(
        name=name,
        command=(sys.executable, "-m", service.module, *service.arguments),
        stage=service.stage,
        ready=ready or partial(is_fresh, site.heartbeat(name)),
        environment=_environment(service, name, site),
        prepare=partial(_empty, site.heartbeat(name), site.metrics_folder(name)),
        grace=service.grace,
    )


def _environment(service: Service, name: str, site: Site) -> dict[str, str]:
    inherited = {key: value for key, value in os.environ.items() if key not in ALIASES}
    ours = {
        MARK: str(site.folder.root),
        "PYTHONUNBUFFERED": "1",
        "WHARF_DATABASE_URL": site.dispatch_url if service.dispatches else site.app_url,
        "WHARF_REDIS_URL": site.redis_url,
        "WHARF_BROKER_URL": site.broker_url,
        "WHARF_STORAGE_URL": site.storage_url,
        "WHARF_HEARTBEAT_FILE": str(site.heartbeat(name)),
        "WHARF_METRICS_DIR": str(site.metrics_folder(name)),
    }
    chosen = {"WHARF_CONCURRENCY": str(service.concurrency), "WHARF_FINISH_SECONDS": FINISH_SECONDS}
    return {**chosen, **inherited, **ours, **_own(service, name, site)}


def _own(service: Service, name: str, site: Site) -> dict[str, str]:
    if service.stage is Stage.GATEWAY:
        return {"WHARF_HOST": "127.0.0.1", "WHARF_PORT": str(site.gateway_port)}
    queues = {"WHARF_QUEUES": service.queues} if service.queues else {}
    backups = {"WHARF_BACKUP_DATABASE_URL": site.backup_url} if service.backs_up else {}
    return {"WHARF_METRICS_PORT": str(site.port(f"{name}-metrics")), **queues, **backups}


def _empty(heartbeat: Path, metrics: Path) -> None:
    """What the last process of this name left would count twice, or tell of a life that ended."""
    heartbeat.unlink(missing_ok=True)
    if metrics.exists():
        shutil.rmtree(metrics)
    metrics.mkdir(parents=True)


def is_fresh(heartbeat: Path) -> bool:
    """Whether the file was touched in the last seconds."""
    try:
        return time.time() - heartbeat.stat().st_mtime < FRESH_SECONDS
    except FileNotFoundError:
        return False


def answers(url: str) -> bool:
    """Whether a GET of `url` (plain HTTP) is answered with 200."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=2)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
