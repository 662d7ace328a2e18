"""The console: pages for people, made on the server. A folder for each noun; the frame and what all share lies here.

Pages only show. What they change, they change through the API's routes, with the session's cookie and its proof.
"""

from __future__ import annotations

from fastapi import FastAPI

from wharf.gateway.console import assets, login
from wharf.gateway.console.apidocs import routes as apidocs
from wharf.gateway.console.audit import routes as audit
from wharf.gateway.console.data import routes as data
from wharf.gateway.console.deadletters import routes as deadletters
from wharf.gateway.console.files import routes as files
from wharf.gateway.console.jobs import routes as jobs
from wharf.gateway.console.keys import routes as keys
from wharf.gateway.console.overview import routes as overview
from wharf.gateway.console.packages import routes as packages
from wharf.gateway.console.profiles import routes as profiles
from wharf.gateway.console.queues import routes as queues
from wharf.gateway.console.schedules import routes as schedules
from wharf.gateway.console.tenants import routes as tenants
from wharf.gateway.console.tries import Tries
from wharf.gateway.console.webhooks import routes as webhooks
from wharf.gateway.console.workers import routes as workers

ABOUTS = (
    assets,
    login,
    overview,
    files,
    data,
    profiles,
    packages,
    jobs,
    queues,
    workers,
    deadletters,
    schedules,
    webhooks,
    keys,
    tenants,
    audit,
    apidocs,
)
"""The modules whose pages there are."""


def install(app: FastAPI) -> None:
    """Serve the pages; they are no part of the API's description."""
    app.state.tries = Tries()
    for about in ABOUTS:
        app.include_router(about.router, include_in_schema=False)
