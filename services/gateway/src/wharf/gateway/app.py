"""The gateway as an ASGI application: `uvicorn wharf.gateway.app:create_app --factory`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version

from fastapi import FastAPI

from wharf.common.jobs.kinds import Kind
from wharf.common.logs import configure_logs
from wharf.common.runtime.health import TOUCH_SECONDS, Beacon, serve_health
from wharf.common.runtime.sentry import SENTRY
from wharf.common.runtime.zeros import of_a_gateway
from wharf.common.settings import load
from wharf.common.tracing import TRACES
from wharf.gateway import console, idempotency, problems
from wharf.gateway.basepath import BasePath
from wharf.gateway.requests import Requests
from wharf.gateway.resources import Resources
from wharf.gateway.routes import (
    audit,
    backups,
    benchmarks,
    clients,
    datasets,
    deadletters,
    events,
    health,
    jobs,
    keys,
    packages,
    packagetypes,
    profiles,
    projects,
    queues,
    report,
    reports,
    schedules,
    tenants,
    uploads,
    webhooks,
    workers,
)
from wharf.gateway.settings import GatewaySettings

ABOUTS = (
    uploads,
    jobs,
    deadletters,
    events,
    datasets,
    benchmarks,
    packages,
    packagetypes,
    profiles,
    queues,
    schedules,
    reports,
    webhooks,
    workers,
    keys,
    audit,
    projects,
    tenants,
    backups,
    clients,
    report,
    health,
)
"""The modules whose routes there are."""
UNLIMITED = frozenset({uploads.router.prefix}) | clients.UPLOADS
"""Where the handler itself bounds the body, while it streams."""
ABOUT = "Hand in files, watch them being checked and loaded, read the rows."


def create_app(settings: GatewaySettings | None = None) -> FastAPI:
    """The application; without settings it reads them from the environment, as a server that calls this expects."""
    if settings is None:
        settings = load(GatewaySettings)
        configure_logs("gateway", settings.log_level, settings.log_format)
    app = FastAPI(
        title="Wharf",
        description=ABOUT,
        version=version("wharf-gateway"),
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.resources = Resources.open(settings)
    app.add_middleware(Requests, unlimited=UNLIMITED)
    if settings.base_path:
        app.add_middleware(BasePath, base=settings.base_path)
    problems.install(app)
    idempotency.install(app)
    for about in ABOUTS:
        app.include_router(about.router)
    console.install(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    resources: Resources = app.state.resources
    beacon = Beacon(resources.settings.heartbeat_file)
    of_a_gateway(Kind.registry.values())
    TRACES.begin("gateway", resources.settings.otlp_endpoint)
    SENTRY.begin("gateway", resources.settings.sentry_dsn)
    serve_health(
        resources.settings.metrics_host,
        resources.settings.metrics_port,
        lambda: beacon.fresh,
        lambda: beacon.fresh,
        resources.observers,
    )
    tasks = (
        asyncio.create_task(resources.events.listen(), name="events"),
        asyncio.create_task(_touch_for_ever(beacon), name="beacon"),
    )
    try:
        yield
    finally:
        resources.events.stop()
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await resources.events.close()
        resources.close()
        TRACES.end()
        SENTRY.end()


async def _touch_for_ever(beacon: Beacon) -> None:
    """From the event loop: one that something holds up shows no sign of life."""
    while True:
        beacon.touch()
        await asyncio.sleep(TOUCH_SECONDS)
