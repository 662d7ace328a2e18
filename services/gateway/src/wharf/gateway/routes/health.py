"""`/livez`, `/readyz`, `/metrics`: without a key."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus

from fastapi import APIRouter, Response
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from wharf.common.ledger.database import Database
from wharf.common.ledger.migration import latest_revision
from wharf.common.metrics import exposition
from wharf.gateway.problems import ProblemDocument
from wharf.gateway.resources import Wired

router = APIRouter(tags=["health"], include_in_schema=False)
needed_revision = cache(latest_revision)
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
    if found != needed_revision():
        return f"The ledger has the schema {found}; this version needs {needed_revision()}. Run: wharf migrate"
    return None


@router.get("/metrics")
def metrics() -> Response:
    """For Prometheus."""
    return Response(exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")
