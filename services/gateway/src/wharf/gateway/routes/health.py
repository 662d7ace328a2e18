"""`/livez`, `/readyz`, `/metrics`: without a key."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Response
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from wharf.common.ledger.compatibility import schema_problem
from wharf.common.ledger.database import Database
from wharf.common.metrics import exposition
from wharf.gateway.problems import ProblemDocument
from wharf.gateway.resources import Wired

router = APIRouter(tags=["health"], include_in_schema=False)
REVISION = text("SELECT version_num FROM wharf.alembic_version")


@router.get("/livez")
async def livez() -> dict[str, str]:
    """The process answers. Asks nobody else."""
    return {"status": "alive"}


@router.get("/readyz", response_model=None)
def readyz(resources: Wired) -> Response | dict[str, str]:
    """Requests can be served: the ledger is there, with the tables that this version needs. The broker may be away."""
    missing = unready(resources.database)
    if missing is None:
        return {"status": "ready"}
    return ProblemDocument(HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", missing).response()


def unready(database: Database) -> str | None:
    """What is missing, as a sentence; None where nothing is."""
    try:
        with database.anyone() as connection:
            found = connection.execute(REVISION).scalar()
    except (DBAPIError, PoolTimeout):
        return "The ledger (PostgreSQL) does not answer, or has no tables yet."
    return schema_problem(found)


@router.get("/metrics")
def metrics(resources: Wired) -> Response:
    """For Prometheus; not here where they have a port of their own, that the outside does not reach."""
    if resources.settings.metrics_port:
        return ProblemDocument(HTTPStatus.NOT_FOUND, "not_found", "The metrics are on a port of their own.").response()
    return Response(exposition(resources.observers), media_type="text/plain; version=0.0.4; charset=utf-8")
